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
  bowsight predict photos/ --model voc.bowsight --probabilities
  bowsight predict --data VOC2012 --split test --model voc.bowsight --format json > scores.json

A picture is decided to show every category whose score is above 0. Where there is none, the nearest one is named. Networks decide for the \
    category of the largest score.")]
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
    /// Print the probability of every category too, by itself, as calibrated on the pictures that chose C
    #[arg(long)]
    probabilities: bool,
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
    if arguments.probabilities {
        check_probabilities(&*model, reporter)?;
    }
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
    let probabilities = |scores: &PictureScores| {
        let scores = scores.as_ref().ok().filter(|_| arguments.probabilities)?;
        model.probabilities(scores).ok()
    };
    let probabilities: Vec<Option<Probabilities>> = scores.iter().map(probabilities).collect();
    let scored = Scored {
        names: &named,
        scores: &scores,
        probabilities: &probabilities,
        in_training: &in_training,
        is_exclusive: model.is_exclusive(),
    };
    print(reporter, model.categories(), &scored, arguments.top)?;
    for (name, scores) in named.iter().zip(&scores) {
        if let Err(failure) = scores {
            reporter.warn(&format!("picture \"{name}\" failed: {}", failure.reason()));
        }
    }
    Ok(Outcome::after(incomplete || scores.iter().any(Result::is_err)))
}

/// p of every category; none where nothing can be said.
type Probabilities = Vec<Option<f64>>;

/// Refuses before any picture is read, and names the categories that have none.
fn check_probabilities(model: &dyn Model, reporter: &Reporter) -> Result<(), Error> {
    let known = model
        .probabilities(&vec![0.0; model.categories().len()])
        .map_err(|error| Error::Usage { message: error.to_string(), hint: Some(error.hint.to_string()) })?;
    let without = model.categories().iter().zip(known).filter(|(_, known)| known.is_none());
    let without: Vec<String> = without.map(|(category, _)| format!("\"{category}\"")).collect();
    if !without.is_empty() {
        reporter.warn(&format!(
            "too few pictures, or scores that don't rank them, for probabilities of {}",
            without.join(", ")
        ));
    }
    Ok(())
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
    /// Number of categories that are decided for.
    decided: usize,
}

impl Ranked {
    /// `is_exclusive`: decided for the category of the largest score alone.
    fn of(scores: &[f64], is_exclusive: bool) -> Self {
        let mut categories: Vec<usize> = (0..scores.len()).collect();
        categories.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let above = scores.iter().filter(|&&score| score > 0.0).count();
        Self { decided: if is_exclusive { 1.min(scores.len()) } else { above }, categories }
    }

    /// The decision, and up to `top` categories in all.
    fn cells(
        &self,
        names: &[String],
        scores: &[f64],
        probabilities: Option<&[Option<f64>]>,
        top: usize,
    ) -> [String; 2] {
        let list = |categories: &[usize]| {
            let with_score = |&category: &usize| {
                let p = probabilities.map_or_else(String::new, |p| match p[category] {
                    Some(p) => format!(", {} %", percent(p)),
                    None => ", – %".to_string(),
                });
                format!("{} ({}{p})", names[category], signed(scores[category]))
            };
            categories.iter().map(with_score).collect::<Vec<String>>().join(", ")
        };
        let decided = self.decided.max(1).min(self.categories.len());
        let next = &self.categories[decided..top.clamp(decided, self.categories.len())];
        let none = if self.decided == 0 { "none above 0; nearest " } else { "" };
        [format!("{none}{}", list(&self.categories[..decided])), list(next)]
    }
}

/// Pictures with their scores.
struct Scored<'a> {
    names: &'a [String],
    scores: &'a [PictureScores],
    /// Those that were asked for.
    probabilities: &'a [Option<Probabilities>],
    in_training: &'a [Option<bool>],
    /// Whether a picture is decided for one category.
    is_exclusive: bool,
}

fn print(reporter: &Reporter, categories: &[String], scored: &Scored<'_>, top: Top) -> Result<(), Error> {
    let mut rows = vec![["picture", "decision", "next"].map(String::from).to_vec()];
    let mut pictures = Vec::with_capacity(scored.names.len());
    for (i, (name, scores)) in scored.names.iter().zip(scored.scores).enumerate() {
        let (in_training, probabilities) = (scored.in_training[i], scored.probabilities[i].as_deref());
        pictures.push(match scores {
            Ok(scores) => {
                let ranked = Ranked::of(scores, scored.is_exclusive);
                rows.push([name.clone()].into_iter().chain(ranked.cells(categories, scores, probabilities, top.0)).collect());
                let probabilities =
                    probabilities.map(|p| by_name(categories, p.iter().map(|&p| p.into())));
                let names = |ranked: &[usize]| ranked.iter().map(|&category| &categories[category]).collect::<Vec<_>>();
                serde_json::json!({
                    "picture": name,
                    "scores": by_name(categories, scores.iter().map(|&score| score.into())),
                    "probabilities": probabilities,
                    "decision": names(&ranked.categories[..ranked.decided]),
                    "nearest": names(&ranked.categories).first(),
                    "in_training": in_training,
                    "error": null,
                })
            }
            Err(failure) => serde_json::json!({
                "picture": name, "scores": null, "probabilities": null, "decision": null, "nearest": null, "in_training": in_training, "error": failure.reason(),
            }),
        });
    }
    reporter.text(&left_table(&rows))?;
    reporter.document(&serde_json::json!({ "pictures": pictures }))
}

/// A value for every category, by its name.
fn by_name(categories: &[String], values: impl Iterator<Item = serde_json::Value>) -> serde_json::Value {
    categories.iter().cloned().zip(values).collect::<serde_json::Map<_, _>>().into()
}

/// A probability in whole per cent; never 0 or 100, which nothing is sure to be.
fn percent(p: f64) -> String {
    match (100.0 * p).round() {
        low if low < 1.0 => "<1".to_string(),
        high if high > 99.0 => ">99".to_string(),
        whole => format!("{whole:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_name_what_is_above_zero_or_the_nearest() {
        let names = ["cat", "dog", "bird"].map(String::from);
        let cells = |scores: &[f64], top| Ranked::of(scores, false).cells(&names, scores, None, top);
        assert_eq!(cells(&[-0.2, 0.53, -1.0], 2), ["dog (+0.53)", "cat (−0.20)"]);
        assert_eq!(cells(&[0.1, 0.53, -1.0], 1), ["dog (+0.53), cat (+0.10)", ""]);
        assert_eq!(
            cells(&[-0.2, -0.06, -0.06], usize::MAX),
            ["none above 0; nearest dog (−0.06)", "bird (−0.06), cat (−0.20)"]
        );
        let scores = [-0.2, 0.53, -1.0];
        let probabilities = [Some(0.307), Some(0.999), None];
        assert_eq!(
            Ranked::of(&scores, false).cells(&names, &scores, Some(&probabilities), usize::MAX),
            ["dog (+0.53, >99 %)", "cat (−0.20, 31 %), bird (−1.00, – %)"]
        );
        let all = [2.0, 5.0, 3.0];
        assert_eq!(Ranked::of(&all, true).cells(&names, &all, None, 2), ["dog (+5.00)", "bird (+3.00)"]);
    }
}
