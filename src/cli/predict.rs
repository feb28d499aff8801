//! `bowsight predict`.

use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;

use super::Outcome;
use super::arguments::ModelFile;
use super::report::{Reporter, table};
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::evaluate::{self, PictureScores};
use crate::model::Keep;
use crate::picture::Picture;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight predict photo.jpg other.png --model voc.bowsight
  bowsight predict --data VOC2012 --split test --model voc.bowsight --format json > scores.json")]
pub(crate) struct Arguments {
    /// The pictures
    #[arg(value_name = "PICTURE", required_unless_present = "data", conflicts_with = "data")]
    pictures: Vec<PathBuf>,
    /// A data set instead of single pictures
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Its split
    #[arg(long, value_name = "NAME", requires = "data")]
    split: Option<String>,
    /// Its layout; detected if omitted
    #[arg(long, value_name = "LAYOUT", requires = "data")]
    layout: Option<Layout>,
    #[command(flatten)]
    model: ModelFile,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let model = arguments.model.open()?;
    let mut incomplete = false;
    let (names, scores): (Vec<String>, Vec<PictureScores>) = match &arguments.data {
        Some(data) => {
            let dataset = Dataset::open(data, arguments.split.as_deref(), arguments.layout)?;
            reporter.opened(&dataset);
            incomplete = dataset.is_incomplete();
            let scores = evaluate::scores(&*model, &dataset, reporter);
            (dataset.pictures.into_iter().map(|entry| entry.id).collect(), scores)
        }
        None => {
            let score = |path: &PathBuf| -> PictureScores {
                let picture = Picture::open(path, model.reading())?;
                let seen = model.forward(&picture, Keep::Nothing)?;
                Ok(seen.scores().to_vec())
            };
            let name = |path: &PathBuf| Path::display(path).to_string();
            (arguments.pictures.iter().map(name).collect(), arguments.pictures.par_iter().map(score).collect())
        }
    };
    print(reporter, model.categories(), &names, &scores)?;
    for (name, scores) in names.iter().zip(&scores) {
        if let Err(failure) = scores {
            reporter.warn(&format!("picture \"{name}\" failed: {}", failure.reason()));
        }
    }
    Ok(Outcome::after(incomplete || scores.iter().any(Result::is_err)))
}

fn print(reporter: &Reporter, categories: &[String], names: &[String], scores: &[PictureScores]) -> Result<(), Error> {
    let mut rows = vec![std::iter::once("picture".to_string()).chain(categories.iter().cloned()).collect()];
    for (name, scores) in names.iter().zip(scores) {
        if let Ok(scores) = scores {
            let cells = scores.iter().map(|score| format!("{score:.3}"));
            rows.push(std::iter::once(name.clone()).chain(cells).collect());
        }
    }
    reporter.text(&table(&rows))?;
    let pictures: Vec<serde_json::Value> = names
        .iter()
        .zip(scores)
        .map(|(name, scores)| match scores {
            Ok(scores) => {
                let by_name: serde_json::Map<String, serde_json::Value> =
                    categories.iter().cloned().zip(scores.iter().map(|&score| score.into())).collect();
                serde_json::json!({"picture": name, "scores": by_name, "error": null})
            }
            Err(failure) => serde_json::json!({"picture": name, "scores": null, "error": failure.reason()}),
        })
        .collect();
    reporter.document(&serde_json::json!({ "pictures": pictures }))
}
