//! `bowsight figures bow`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::report::{Reporter, table};
use crate::dataset::Layout;
use crate::error::Error;
use crate::figures::bow::{Figure, Report, Request, make};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight figures bow --data VOC2012 --out figures
  bowsight figures bow --only fig3,fig6 --out figures
  bowsight figures bow --data VOC2012 --only fig7,fig8 --categories horse,dog --out figures

The data have the split test, and trainval or train; with trainval, train and val C is validated, otherwise it is 10. Data without splits \
    are halved at random: one half trains, the other is shown. Figs 3 and 6 make their own \
    data. Trained models are kept in OUT/models: the command goes on where it was interrupted.")]
pub(super) struct Bow {
    /// A PASCAL VOC folder, a folder of splits of category folders, or a CSV list with splits
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Layout of the data; detected if omitted
    #[arg(long, value_name = "LAYOUT", requires = "data")]
    layout: Option<Layout>,
    /// The folder for the figures
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// The figures to make [default: all]
    #[arg(long, value_name = "FIGURES", value_delimiter = ',')]
    only: Vec<Figure>,
    /// The categories of Figs 7, 8, 9 and 10 [default: bicycle, person, aeroplane, cat if the data have them]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    categories: Vec<String>,
    /// Number of pictures of shapes to generate for Fig 6
    #[arg(long, value_name = "N", default_value_t = 120)]
    shapes: usize,
    /// Number of visual words of every channel, instead of the paper's
    #[arg(long, value_name = "K")]
    words: Option<usize>,
    /// A folder that keeps the finished steps of trainings
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

pub(super) fn run(bow: &Bow, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let request = Request {
        data: bow.data.clone(),
        layout: bow.layout,
        out: bow.out.clone(),
        only: bow.only.clone(),
        categories: bow.categories.clone(),
        shapes: bow.shapes,
        words: bow.words,
        seed: global.seed.unwrap_or(0),
        cache: bow.cache.clone(),
    };
    let report = make(&request, reporter)?;
    reporter.text(&text(&report))?;
    reporter.document(&report)?;
    Ok(Outcome::Done)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for model in &report.models {
        let how = if model.reused { "found" } else { "trained" };
        text.push_str(&format!("model {how}: {}\n", model.file.display()));
    }
    if let Some(finding) = &report.root_point {
        text.push_str(&finding.text());
    }
    if let Some(finding) = &report.polygons {
        text.push_str(&finding.text(table));
    }
    for finding in &report.categories {
        let scores: Vec<String> =
            finding.pictures.iter().map(|shown| format!("{} {:+.3}", shown.id, shown.score)).collect();
        text.push_str(&format!("{}: {}: {}\n", finding.figure, finding.category, scores.join(", ")));
    }
    for finding in &report.pipeline {
        text.push_str(&finding.text());
    }
    for (figure, file) in &report.files {
        text.push_str(&format!("{figure} → {}\n", file.display()));
    }
    text
}
