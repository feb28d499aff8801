//! `bowsight predict`.

use std::path::PathBuf;

use clap::Args;
use rayon::prelude::*;

use super::Outcome;
use super::arguments::ModelFile;
use super::pictures::{Named, Pictures, in_training_text, trained_on, warn_of_sizes};
use super::report::{Reporter, left_table};
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::evaluate::{self, PictureScores};
use crate::format::number::signed;
use crate::model::{Keep, Model, PictureFailure};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight predict photo.jpg other.png --model voc.bowsight
  bowsight predict photos/ --model voc.bowsight --top all
  bowsight predict --data VOC2012 --split test --model voc.bowsight --format json > scores.json

A picture is decided to show every category whose score is above 0. Where there is none, the nearest one is named.")]
pub(crate) struct Arguments {
    /// Pictures, folders of pictures (with all folders inside), or lists of pictures (.csv, .tsv, .txt)
    #[arg(value_name = "PICTURE", required_unless_present = "data", conflicts_with = "data")]
    pictures: Vec<PathBuf>,
    /// A data set instead
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
    /// How many categories to print for each picture, largest scores first; those above 0 are always printed
    #[arg(long, value_name = "N|all", default_value = "3")]
    top: Top,
}

/// How many categories are printed.
#[derive(Debug, Clone, Copy)]
struct Top(usize);

impl std::str::FromStr for Top {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(usize::MAX)),
            text => text
                .parse()
                .ok()
                .filter(|&count| count > 0)
                .map(Self)
                .ok_or_else(|| "must be a number from 1, or all".to_string()),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let model = arguments.model.open()?;
    let (named, scores, in_training, incomplete) = match &arguments.data {
        Some(data) => {
            let dataset = Dataset::open(data, arguments.split.as_deref(), arguments.layout)?;
            reporter.opened(&dataset);
            warn_of_sizes(&*model, dataset.pictures.iter().map(|entry| dataset.file(entry)), reporter);
            let scores = evaluate::scores(&*model, &dataset, reporter);
            let in_training = evaluate::in_training(&*model, &dataset);
            let incomplete = dataset.is_incomplete();
            (dataset.pictures.into_iter().map(|entry| entry.id).collect(), scores, in_training, incomplete)
        }
        None => {
            let Pictures { named, incomplete } = Pictures::of(&arguments.pictures, reporter)?;
            warn_of_sizes(&*model, named.iter().map(|picture| picture.path.clone()), reporter);
            reporter.begin("scoring", named.len());
            let scores = named.par_iter().map(|picture| score(&*model, picture, reporter)).collect();
            let in_training = named.par_iter().map(|picture| model.was_trained_on_file(&picture.path)).collect();
            reporter.end();
            let names = named.iter().map(|Named { path, .. }| path.display().to_string());
            (names.collect::<Vec<String>>(), scores, in_training, incomplete)
        }
    };
    if let Some(count) = trained_on(&in_training).filter(|&count| count > 0) {
        let scores = if count == 1 { "its score says" } else { "their scores say" };
        reporter.warn(&format!("{}: {scores} nothing about others", in_training_text(count, named.len())));
    }
    print(
        reporter,
        model.categories(),
        &Scored { names: &named, scores: &scores, in_training: &in_training },
        arguments.top,
    )?;
    for (name, scores) in named.iter().zip(&scores) {
        if let Err(failure) = scores {
            reporter.warn(&format!("picture \"{name}\" failed: {}", failure.reason()));
        }
    }
    Ok(Outcome::after(incomplete || scores.iter().any(Result::is_err)))
}

/// Scores one picture in double precision, as `explain` does.
fn score(model: &dyn Model, picture: &Named, reporter: &Reporter) -> PictureScores {
    let mut timings = Timings::default();
    let scores = timings
        .time(Stage::DECODE, || Picture::open(&picture.path, model.reading()))
        .map_err(PictureFailure::from)
        .and_then(|picture| {
            let seen = model.forward(&picture, Keep::Nothing)?;
            timings += &seen.timings();
            Ok(seen.scores().to_vec())
        });
    reporter.record_time(1, &timings);
    reporter.step();
    scores
}

/// The categories by their scores, largest first; equals in the model's order.
struct Ranked {
    categories: Vec<usize>,
    /// Number of scores above 0.
    above: usize,
}

impl Ranked {
    fn of(scores: &[f64]) -> Self {
        let mut categories: Vec<usize> = (0..scores.len()).collect();
        categories.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        Self { above: scores.iter().filter(|&&score| score > 0.0).count(), categories }
    }

    /// The decision, and up to `top` categories in all.
    fn cells(&self, names: &[String], scores: &[f64], top: usize) -> [String; 2] {
        let list = |categories: &[usize]| {
            let with_score = |&category: &usize| format!("{} ({})", names[category], signed(scores[category]));
            categories.iter().map(with_score).collect::<Vec<String>>().join(", ")
        };
        let decided = self.above.max(1).min(self.categories.len());
        let next = &self.categories[decided..top.clamp(decided, self.categories.len())];
        let none = if self.above == 0 { "none above 0; nearest " } else { "" };
        [format!("{none}{}", list(&self.categories[..decided])), list(next)]
    }
}

/// Pictures with their scores.
struct Scored<'a> {
    names: &'a [String],
    scores: &'a [PictureScores],
    in_training: &'a [Option<bool>],
}

fn print(reporter: &Reporter, categories: &[String], scored: &Scored<'_>, top: Top) -> Result<(), Error> {
    let mut rows = vec![["picture", "decision", "next"].map(String::from).to_vec()];
    let mut pictures = Vec::with_capacity(scored.names.len());
    for ((name, scores), in_training) in scored.names.iter().zip(scored.scores).zip(scored.in_training) {
        pictures.push(match scores {
            Ok(scores) => {
                let ranked = Ranked::of(scores);
                rows.push([name.clone()].into_iter().chain(ranked.cells(categories, scores, top.0)).collect());
                let by_name: serde_json::Map<String, serde_json::Value> =
                    categories.iter().cloned().zip(scores.iter().map(|&score| score.into())).collect();
                let names = |ranked: &[usize]| ranked.iter().map(|&category| &categories[category]).collect::<Vec<_>>();
                serde_json::json!({
                    "picture": name,
                    "scores": by_name,
                    "decision": names(&ranked.categories[..ranked.above]),
                    "nearest": names(&ranked.categories).first(),
                    "in_training": in_training,
                    "error": null,
                })
            }
            Err(failure) => serde_json::json!({
                "picture": name, "scores": null, "decision": null, "nearest": null, "in_training": in_training, "error": failure.reason(),
            }),
        });
    }
    reporter.text(&left_table(&rows))?;
    reporter.document(&serde_json::json!({ "pictures": pictures }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_name_what_is_above_zero_or_the_nearest() {
        let names = ["cat", "dog", "bird"].map(String::from);
        let cells = |scores: &[f64], top| Ranked::of(scores).cells(&names, scores, top);
        assert_eq!(cells(&[-0.2, 0.53, -1.0], 2), ["dog (+0.53)", "cat (−0.20)"]);
        assert_eq!(cells(&[0.1, 0.53, -1.0], 1), ["dog (+0.53), cat (+0.10)", ""]);
        assert_eq!(
            cells(&[-0.2, -0.06, -0.06], usize::MAX),
            ["none above 0; nearest dog (−0.06)", "bird (−0.06), cat (−0.20)"]
        );
    }
}
