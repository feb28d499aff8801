//! `bowsight export` and `bowsight export merge`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Outcome;
use super::arguments::{Explaining, Labels, selection};
use super::completions::categories;
use super::pictures::warn_of_sizes;
use super::report::Reporter;
use crate::any::{AnyModel, OpenError};
use crate::dataset::note::quoted;
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::explanation::{Query, Selection};
use crate::export::shard::Shard;
use crate::export::{self, Plan, Report};
use crate::format::number::counted;
use crate::format::sha256_of_file;
use crate::heatmap::Panel;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  bowsight export --data VOC2012 --split test --model voc.bowsight --out maps
  bowsight export photos/ --model voc.bowsight --category horse --out maps --heatmap triplet --scale 0.0005
  bowsight export --data VOC2012 --split test --model voc.bowsight --out maps --shard 2/8
  bowsight export merge maps

Writes ID.CATEGORY.npy, the pictures asked for, manifest.jsonl (one line a picture and category) and run.json. A run that was \
    interrupted is taken up by the same command. --shard I/N does the pictures whose path's hash falls to I (from 0 to N − 1), for a \
    job array or several machines; merge joins the shards' manifests."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// A folder of pictures without labels
    #[arg(value_name = "FOLDER", conflicts_with_all = ["data", "list"])]
    folder: Option<PathBuf>,
    /// A labelled data set
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    data: Option<PathBuf>,
    /// Its split
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Its layout; detected if omitted
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// A CSV list of pictures
    #[arg(long, value_name = "FILE.csv")]
    list: Option<PathBuf>,
    /// The model file
    #[arg(long, value_name = "FILE", required = true)]
    model: Option<PathBuf>,
    /// The output folder
    #[arg(long, value_name = "DIR", required = true, value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Which categories of each picture to explain: those it is labelled with (true), the one with the largest score (top), all, or names
    /// [default: true with labels, else top]
    #[arg(long, value_name = "true|top|all|NAMES", add = categories(&["true", "top", "all"]))]
    category: Option<String>,
    /// Do only shard I of N, with I from 0 to N − 1
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    explaining: Explaining,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Join the manifests of all shards into the one that a single run would have written
    Merge {
        /// The output folder that holds all shards' files
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let (report, incomplete) = match (&arguments.action, &arguments.model, &arguments.out) {
        (Some(Action::Merge { folder }), ..) => (export::merge(folder)?, false),
        (None, Some(model), Some(out)) => export(arguments, model, out, reporter)?,
        _ => return Err(Error::usage("\"--model\" and \"--out\" are needed")),
    };
    print(reporter, &report)?;
    Ok(Outcome::after(incomplete || !report.failed.is_empty()))
}

/// Runs the export; returns its report and whether pictures of the data set are left out.
fn export(arguments: &Arguments, model_path: &Path, out: &Path, reporter: &Reporter) -> Result<(Report, bool), Error> {
    let model = AnyModel::open(model_path)?;
    let model = arguments.explaining.explainer(&model, reporter)?;
    let model = model.as_ref();
    let (dataset, labelled) = open(arguments)?;
    reporter.opened(&dataset);
    let aligned = arguments.labels.align(dataset, model, reporter)?;
    if labelled && !aligned.absent.is_empty() {
        reporter.note(&format!("no picture is labelled {}", quoted(&aligned.absent)));
    }
    let dataset = aligned.dataset;
    let incomplete = dataset.is_incomplete();
    let name = arguments.category.as_deref().unwrap_or(if labelled { "true" } else { "top" });
    let selection = selection(model, name)?;
    if selection == Selection::True && !labelled {
        return Err(Error::Usage {
            message: "\"--category true\" needs labels, and the pictures have none".to_string(),
            hint: Some("--category top".to_string()),
        });
    }
    let digest = sha256_of_file(model_path)
        .map_err(|source| OpenError { path: model_path.to_path_buf(), source: source.into() })?;
    let query = arguments.explaining.query(model)?;
    let drawing = arguments.explaining.drawing(model, &query, &[Panel::Heatmap]);
    warn_of_sizes(model, dataset.pictures.iter().map(|entry| dataset.file(entry)), reporter);
    let plan = Plan {
        dataset,
        labelled,
        selection,
        query: Query { bias_apart: drawing.bias_apart, ..query },
        drawing,
        out: out.to_path_buf(),
        shard: arguments.shard,
        model_digest: digest,
    };
    Ok((export::run(model, &plan, reporter)?, incomplete))
}

/// Opens the pictures; returns them and whether they have labels.
fn open(arguments: &Arguments) -> Result<(Dataset, bool), Error> {
    let split = arguments.split.as_deref();
    match (&arguments.folder, &arguments.data, &arguments.list) {
        (Some(folder), _, _) => Ok((Dataset::unlabelled(folder)?, false)),
        (_, Some(data), _) => Ok((Dataset::open(data, split, arguments.layout)?, true)),
        (_, _, Some(list)) => {
            let dataset = Dataset::open(list, split, Some(Layout::List))?;
            let labelled = !dataset.categories.is_empty();
            Ok((dataset, labelled))
        }
        _ => Err(Error::Usage {
            message: "no pictures are given".to_string(),
            hint: Some("bowsight export FOLDER …, or --data DIR --split NAME, or --list FILE.csv".to_string()),
        }),
    }
}

fn print(reporter: &Reporter, report: &Report) -> Result<(), Error> {
    let mut text =
        format!("{} of {}", counted(report.explanations, "explanation"), counted(report.pictures, "picture"));
    if report.resumed > 0 {
        text.push_str(&format!(", {} taken over from an earlier run", counted(report.resumed, "picture")));
    }
    text.push_str(&format!(
        "\nlargest conservation error: {:.1e} of max(1, |score|)\n",
        report.largest_conservation_error
    ));
    if report.in_training > 0 {
        text.push_str(&format!(
            "{} of pictures that were in training: their scores say nothing about others\n",
            counted(report.in_training, "explanation")
        ));
    }
    if report.one_window > 0 {
        text.push_str(&format!(
            "{} of pictures no larger than a tile: one window, the whole picture\n",
            report.one_window
        ));
    }
    if let Some(scale) = report.set_scale {
        text.push_str(&format!("colours: ±{scale:.4e} a pixel (--scale set)\n"));
    }
    if !report.failed.is_empty() {
        text.push_str(&format!("{} failed:\n", counted(report.failed.len(), "picture")));
        for (id, reason) in &report.failed {
            text.push_str(&format!("  {id}: {reason}\n"));
        }
    }
    for manifest in &report.unchecked {
        reporter.note(&format!(
            "warning: \"{}\" was written by an earlier version and doesn't say which export it belongs to",
            manifest.display()
        ));
    }
    reporter.text(&text)?;
    reporter.document(report)
}
