//! `bowsight figures networks`, `mnist` and `ilsvrc`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::report::Reporter;
use crate::error::Error;
use crate::figures::networks::{Figure, Report, Request, Source, make};

/// What the commands share.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The folder for the figures
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// The figures to make [default: all]
    #[arg(long, value_name = "FIGURES", value_delimiter = ',', hide_possible_values = true)]
    only: Vec<Figure>,
}

impl Place {
    fn request(&self, source: Source) -> Request {
        Request { out: self.out.clone(), only: self.only.clone(), source, seed: 0 }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight figures networks --out figures

Fig 2 and Fig 5 show a real pass: the messages that every neuron sends add up, with what its bias keeps, to its relevance; the largest error is printed.")]
pub(super) struct Own {
    #[command(flatten)]
    place: Place,
}

impl Own {
    pub(super) fn request(&self) -> Request {
        self.place.request(Source::Own)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight figures mnist --data MNIST --out figures
  bowsight figures mnist --data MNIST --networks digits.bowsight,rect.bowsight --only fig15,fig16 --out figures

Besides the drawings, what each caption says is measured on the test digits and printed; --format json has it as numbers. Without --networks those of the recipes \
    mnist-tanh-400 and mnist-rect-1296-short are trained, which takes minutes, and kept in OUT/models: the command goes on where it was interrupted.")]
pub(super) struct Digits {
    #[command(flatten)]
    place: Place,
    /// A folder of idx files with the splits train and test, or another data set with the categories 0 to 9
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    data: PathBuf,
    /// Networks of digits; Fig 11 is of the first, Fig 17 of the last
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    networks: Vec<PathBuf>,
}

impl Digits {
    pub(super) fn request(&self) -> Request {
        self.place.request(Source::Digits { data: self.data.clone(), networks: self.networks.clone() })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight figures ilsvrc --model squeezenet.bowsight --out figures cat.jpg coffee.jpg --mistaken shark.jpg

Each picture is explained as the category that the network decides for.")]
pub(super) struct Photographs {
    /// Photographs, for Figs 25 and 27
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// The network's file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// A photograph that the network takes for something else, for Fig 26; can be given several times
    #[arg(long, value_name = "PICTURE")]
    mistaken: Vec<PathBuf>,
}

impl Photographs {
    pub(super) fn request(&self) -> Request {
        self.place.request(Source::Photographs {
            model: self.model.clone(),
            pictures: self.pictures.clone(),
            mistaken: self.mistaken.clone(),
        })
    }
}

pub(super) fn run(request: Request, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let report = make(&Request { seed: global.seed.unwrap_or(0), ..request }, reporter)?;
    reporter.text(&text(&report))?;
    reporter.document(&report)?;
    Ok(Outcome::Done)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for (file, found) in &report.models {
        text.push_str(&format!("model {}: {}\n", if *found { "found" } else { "trained" }, file.display()));
    }
    let mut figure = None;
    for statement in &report.statements {
        if figure != Some(statement.figure) {
            figure = Some(statement.figure);
            text.push_str(&format!("{}\n", statement.figure));
        }
        let value = statement.value.map_or_else(|| "      –".to_string(), number);
        let of = if statement.count == 1 { String::new() } else { format!(", {} cases", statement.count) };
        text.push_str(&format!("  {value}  {} ({}{of})\n", statement.what, statement.subject));
    }
    for (figure, file) in &report.files {
        text.push_str(&format!("{figure} → {}\n", file.display()));
    }
    text
}

/// A value in a column.
fn number(value: f64) -> String {
    let small = value != 0.0 && value.abs() < 1e-3;
    if small { format!("{value:7.0e}") } else { format!("{value:7.3}") }.replace('-', "−")
}
