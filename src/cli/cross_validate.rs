//! `bowsight cross-validate`.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::arguments::{Data, Global};
use super::configuring::Configuring;
use super::evaluate::{
    confusion_document, confusion_table, ends, intervals_document, percent, pictures_line, write_scores,
};
use super::report::{Reporter, table};
use super::train::Unreadable;
use crate::bow::train::folds::{CrossValidation, cross_validate};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::evaluate::across_folds::{AcrossFolds, Ranking, Spread, across_folds};
use crate::evaluate::{Interval, Intervals};
use crate::format::atomic::{AtomicFile, WriteError};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight cross-validate --data pictures/ --folds 5
  bowsight cross-validate --data patients.csv --folds 10 --mapping rank --c 10 --scores scores.csv

Each fold's pictures are scored by a classifier trained on the others, its visual words included. Unless C is given, it is \
    chosen on halves of the training pictures. Folds are drawn at random from the seed, stratified by category; pictures of one \
    group (the column \"group\" of a CSV list) share a fold. Measures are given as mean and standard deviation over the folds, \
    and over all pictures together (pooled).")]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Number of folds
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// Also write every picture's fold and scores to this CSV file
    #[arg(long, value_name = "FILE.csv")]
    scores: Option<PathBuf>,
    #[command(flatten)]
    unreadable: Unreadable,
    #[command(flatten)]
    configuring: Configuring,
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let settings = arguments.configuring.resolve(global.seed)?;
    let dataset = arguments.data.open(reporter)?;
    let output = arguments.scores.as_deref().map(AtomicFile::create).transpose()?;
    let found = cross_validate(&settings, &dataset, arguments.folds, arguments.unreadable.part(), reporter)?;
    // The trainings have named them already.
    let failed = found.scores.iter().filter(|scores| scores.is_err()).count();
    if let (Some(mut file), Some(path)) = (output, &arguments.scores) {
        write_scores(&mut file, &dataset, &found.scores, Some(&found.fold)).map_err(WriteError::io(path))?;
        file.commit()?;
    }
    note_different_scales(&found, reporter);
    let measures = across_folds(&dataset, &found.scores, &found.fold, arguments.folds);
    let intervals = Intervals::of(&dataset, &found.scores, settings.seed, reporter);
    reporter.text(&text(&dataset, &found, &measures, failed))?;
    reporter.text(&pooled_intervals(&intervals, &measures))?;
    let mut document = document(&dataset, &found, &measures, failed);
    document["pooled_intervals"] = intervals_document(&dataset, &intervals, measures.one_label.is_some());
    reporter.document(&document)?;
    Ok(Outcome::after(failed > 0 || dataset.is_incomplete()))
}

/// Warns if the folds' C differ widely, since the scales of their scores differ with them.
fn note_different_scales(found: &CrossValidation, reporter: &Reporter) {
    let costs = || found.trainings.iter().flat_map(|training| &training.solvers).map(|solver| solver.c);
    let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
    if most > 10.0 * least {
        reporter.note(&format!(
            "the folds chose C from {least:.3} to {most:.3}: pooled AP and ROC AUC compare scores of different scales (--c gives one to all)"
        ));
    }
}

/// `mean ± deviation` in per cent.
fn spread(spread: &Spread) -> String {
    match spread.deviation {
        Some(deviation) => format!("{} ± {:.2}", percent(spread.mean), 100.0 * deviation),
        None => percent(spread.mean),
    }
}

fn text(dataset: &Dataset, found: &CrossValidation, measures: &AcrossFolds, failed: usize) -> String {
    let head = ["category", "positives", "AP 2007 (%)", "pooled", "AP 2010 (%)", "pooled", "ROC AUC (%)", "pooled"];
    let row = |name: &str, positives: String, ranking: &Ranking| {
        let values = [&ranking.voc2007, &ranking.voc2010, &ranking.roc_auc];
        let cells = values.into_iter().flat_map(|value| [spread(value), percent(value.pooled)]);
        [name.to_string(), positives].into_iter().chain(cells).collect::<Vec<String>>()
    };
    let mut rows = vec![head.map(String::from).to_vec()];
    for (category, (name, ranking)) in dataset.categories.iter().zip(&measures.categories).enumerate() {
        rows.push(row(name, dataset.positives(category).to_string(), ranking));
    }
    rows.push(row("mean", String::new(), &measures.mean));
    let mut text = table(&rows);
    if let Some(decisions) = &measures.one_label {
        for (name, value) in [("accuracy", &decisions.accuracy), ("balanced accuracy", &decisions.balanced_accuracy)] {
            text.push_str(&format!("{name} {} %, pooled {} %\n", spread(value), percent(value.pooled)));
        }
        text.push_str(&format!("\n{}\n", confusion_table(&dataset.categories, &decisions.confusion)));
    }
    text.push_str(&format!("{} folds, {}", found.trainings.len(), pictures_line(dataset, failed)));
    text
}

/// How far the pooled figures could lie elsewhere.
fn pooled_intervals(intervals: &Intervals, measures: &AcrossFolds) -> String {
    let mut named: Vec<(&str, Option<Interval>)> =
        ["mean AP 2007", "mean AP 2010", "mean ROC AUC"].into_iter().zip(intervals.mean).collect();
    if measures.one_label.is_some() {
        named.extend([("accuracy", intervals.accuracy), ("balanced accuracy", intervals.balanced_accuracy)]);
    }
    let named: Vec<String> = named.into_iter().map(|(name, interval)| format!("{name} {}", ends(interval))).collect();
    let (count, units) = (intervals.count, intervals.units);
    format!("pooled, 95 % intervals in per cent, by resampling the {count} {units}: {}\n", named.join(", "))
}

fn document(dataset: &Dataset, found: &CrossValidation, measures: &AcrossFolds, failed: usize) -> serde_json::Value {
    let category = |(category, (name, ranking)): (usize, (&String, &Ranking))| {
        let mut value = serde_json::json!(ranking);
        value["positives"] = dataset.positives(category).into();
        (name.clone(), value)
    };
    let categories: serde_json::Map<String, serde_json::Value> =
        dataset.categories.iter().zip(&measures.categories).enumerate().map(category).collect();
    let trainings: Vec<serde_json::Value> = found
        .trainings
        .iter()
        .enumerate()
        .map(|(number, training)| {
            let c: serde_json::Map<String, serde_json::Value> =
                training.solvers.iter().map(|solver| (solver.category.clone(), solver.c.into())).collect();
            serde_json::json!({
                "fold": number + 1,
                "pictures": found.fold.iter().filter(|fold| **fold == number).count(),
                "trained_on": training.pictures.len(),
                "c": c,
                "validated": training.validation.as_ref().map(|validation| validation.mean_average_precision),
            })
        })
        .collect();
    let mut document = serde_json::json!({
        "split": dataset.split,
        "pictures": dataset.pictures.len() - failed,
        "failed": failed,
        "folds": trainings,
        "categories": categories,
        "mean": measures.mean,
    });
    if let Some(decisions) = &measures.one_label {
        document["one_label"] = serde_json::json!({
            "accuracy": decisions.accuracy,
            "balanced_accuracy": decisions.balanced_accuracy,
            "confusion": confusion_document(&dataset.categories, &decisions.confusion),
        });
    }
    document
}
