//! `bowsight evaluate`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::arguments::{Data, Global, Labels, ModelFile};
use super::pictures::{in_training_text, trained_on, warn_of_sizes};
use super::report::{Reporter, table};
use crate::dataset::{Dataset, Entry};
use crate::error::Error;
use crate::evaluate::{self, Interval, Intervals, Measures, PictureScores};
use crate::format::atomic::{AtomicFile, WriteError};
use crate::format::number::counted;
use crate::model::PictureFailure;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight evaluate --data VOC2012 --split test --model voc.bowsight --scores scores.csv

Average precision in both definitions of the PASCAL VOC challenge: the mean over eleven recall points (2007) and the \
    area under the precision-recall curve (2010). Difficult pictures are left out; a category without positives has none. \
    ROC AUC is the share of pairs of a positive and a negative picture that are in the right order. Where every picture has one \
    category, accuracies and the confusion matrix are those of deciding for the category of the largest score.

In brackets stand 95 % bootstrap intervals: how far the figure could lie elsewhere had other pictures of the same kind been \
    taken. [–] where the pictures are too few or too easy to tell. Pictures that were in training are counted.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    model: ModelFile,
    /// Also write every picture's scores to this CSV file
    #[arg(long, value_name = "FILE.csv")]
    scores: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let model = arguments.model.open()?;
    let aligned = arguments.labels.align(arguments.data.open(reporter)?, &*model, reporter)?;
    let dataset = &aligned.dataset;
    let output = arguments.scores.as_deref().map(AtomicFile::create).transpose()?;
    warn_of_sizes(&*model, dataset.pictures.iter().map(|entry| dataset.file(entry)), reporter);
    let scores = evaluate::scores(&*model, dataset, reporter);
    let failed = name_failures(dataset, &scores, reporter);
    if let (Some(mut file), Some(path)) = (output, &arguments.scores) {
        write_scores(&mut file, dataset, &scores, None).map_err(WriteError::io(path))?;
        file.commit()?;
    }
    let found = Found {
        dataset,
        failed,
        in_training: trained_on(&evaluate::in_training(&*model, dataset)),
        measures: evaluate::measure(dataset, &scores),
        intervals: Intervals::of(dataset, &scores, global.seed.unwrap_or(0), reporter),
    };
    if let Some(count) = found.in_training.filter(|&count| count > 0) {
        let what = if count == dataset.pictures.len() { "say nothing about others" } else { "are too good for others" };
        reporter.warn(&format!("{}: these figures {what}", in_training_text(count, dataset.pictures.len())));
    }
    reporter.text(&found.text())?;
    let mut document = found.document();
    document["categories_without_pictures"] = serde_json::json!(aligned.absent);
    document["unknown_categories"] = serde_json::json!(aligned.unknown);
    reporter.document(&document)?;
    Ok(Outcome::after(failed > 0 || dataset.is_incomplete()))
}

/// What was measured.
struct Found<'a> {
    dataset: &'a Dataset,
    failed: usize,
    /// Number of pictures that were in training; none if the model does not know.
    in_training: Option<usize>,
    measures: Measures,
    intervals: Intervals,
}

impl Found<'_> {
    fn text(&self) -> String {
        let Self { dataset, measures, intervals, .. } = self;
        let row = |name: &str, positives: String, values: [Option<f64>; 3], intervals: &[Option<Interval>; 3]| {
            let cells = values.into_iter().zip(intervals).map(|(value, interval)| with_interval(value, *interval));
            [name.to_string(), positives].into_iter().chain(cells).collect::<Vec<String>>()
        };
        let mut rows =
            vec![["category", "positives", "AP 2007 (%)", "AP 2010 (%)", "ROC AUC (%)"].map(String::from).to_vec()];
        for (category, name) in dataset.categories.iter().enumerate() {
            let positives = dataset.positives(category).to_string();
            rows.push(row(name, positives, measures.of_category(category), &intervals.categories[category]));
        }
        rows.push(row("mean", String::new(), measures.mean(), &intervals.mean));
        let mut text = table(&rows);
        let categories = dataset.categories.iter().zip(&measures.average_precision);
        let without: Vec<&str> = categories.filter(|(_, ap)| ap.is_none()).map(|(name, _)| name.as_str()).collect();
        if !without.is_empty() {
            text.push_str(&format!("not in the mean, for lack of positives: {}\n", without.join(", ")));
        }
        if let Some(decisions) = &measures.one_label {
            text.push_str(&format!(
                "accuracy {} %, balanced accuracy {} %\n\n{}\n",
                with_interval(Some(decisions.accuracy), intervals.accuracy),
                with_interval(Some(decisions.balanced_accuracy), intervals.balanced_accuracy),
                confusion_table(&dataset.categories, &decisions.confusion)
            ));
        }
        text.push_str(&pictures_line(dataset, self.failed));
        text.push_str(&format!(
            "in brackets: 95 % intervals, by resampling the {} {}\n",
            intervals.count, intervals.units
        ));
        text
    }

    fn document(&self) -> serde_json::Value {
        let Self { dataset, measures, intervals, .. } = self;
        let category = |category: usize| {
            let mut value = figures(measures.of_category(category));
            value["positives"] = dataset.positives(category).into();
            value
        };
        let mut document = serde_json::json!({
            "split": dataset.split,
            "pictures": dataset.pictures.len() - self.failed,
            "failed": self.failed,
            "in_training": self.in_training,
            "categories": by_name(dataset, category),
            "mean": figures(measures.mean()),
            "intervals": intervals_document(dataset, intervals, measures.one_label.is_some()),
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
}

/// The three measures of a ranking, or their intervals, by their names.
fn figures(values: [impl serde::Serialize; 3]) -> serde_json::Value {
    let [voc2007, voc2010, roc_auc] = values;
    serde_json::json!({"voc2007": voc2007, "voc2010": voc2010, "roc_auc": roc_auc})
}

/// A value for every category, by its name.
fn by_name(dataset: &Dataset, of: impl Fn(usize) -> serde_json::Value) -> serde_json::Value {
    let named = dataset.categories.iter().enumerate().map(|(category, name)| (name.clone(), of(category)));
    named.collect::<serde_json::Map<String, serde_json::Value>>().into()
}

/// The intervals of all measures, with those of decisions where every picture has one label.
pub(super) fn intervals_document(dataset: &Dataset, intervals: &Intervals, one_label: bool) -> serde_json::Value {
    let mut document = serde_json::json!({
        "level": 0.95,
        "units": intervals.units,
        "count": intervals.count,
        "categories": by_name(dataset, |category| figures(intervals.categories[category])),
        "mean": figures(intervals.mean),
    });
    if one_label {
        document["one_label"] =
            serde_json::json!({"accuracy": intervals.accuracy, "balanced_accuracy": intervals.balanced_accuracy});
    }
    document
}

/// The ends of an interval in per cent, `[41.2, 53.9]`.
pub(super) fn ends(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "[–]".to_string(), |ends| format!("[{:.1}, {:.1}]", 100.0 * ends.low, 100.0 * ends.high))
}

/// A percentage with its interval, `47.38 [41.2, 53.9]`.
fn with_interval(value: Option<f64>, interval: Option<Interval>) -> String {
    let ends = value.map_or_else(String::new, |_| format!(" {}", ends(interval)));
    format!("{}{ends}", percent(value))
}

/// A percentage with two decimals; a dash if there is none.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_string(), |value| format!("{:.2}", 100.0 * value))
}

/// The line that says how many pictures of which split were measured.
pub(super) fn pictures_line(dataset: &Dataset, failed: usize) -> String {
    let left_out = if failed > 0 { format!(", {failed} left out") } else { String::new() };
    format!("{} of \"{}\"{left_out}\n", counted(dataset.pictures.len() - failed, "picture"), dataset.split)
}

/// The confusion table: truth by row, decisions by column.
pub(super) fn confusion_table(categories: &[String], confusion: &[Vec<usize>]) -> String {
    let head = std::iter::once("truth \\ decision".to_string()).chain(categories.iter().cloned());
    let rows = categories
        .iter()
        .zip(confusion)
        .map(|(name, row)| std::iter::once(name.clone()).chain(row.iter().map(ToString::to_string)).collect());
    table(&std::iter::once(head.collect()).chain(rows).collect::<Vec<Vec<String>>>())
}

/// The same with the order of its rows and columns.
pub(super) fn confusion_document(categories: &[String], confusion: &[Vec<usize>]) -> serde_json::Value {
    serde_json::json!({"categories": categories, "rows": "truth", "columns": "decision", "pictures": confusion})
}

/// Warns about each picture that has no scores, and returns their number.
fn name_failures(dataset: &Dataset, scores: &[PictureScores], reporter: &Reporter) -> usize {
    let failures =
        dataset.pictures.iter().zip(scores).filter_map(|(entry, scores)| Some((entry, scores.as_ref().err()?)));
    let warn = |entry: &Entry, failure: &PictureFailure| {
        reporter.warn(&format!("picture \"{}\" is left out: {}", entry.id, failure.reason()));
    };
    failures.map(|(entry, failure)| warn(entry, failure)).count()
}

/// Writes one line for each picture that has scores, with its fold, counted from 1, if there are folds.
pub(super) fn write_scores(
    file: &mut dyn Write,
    dataset: &Dataset,
    scores: &[PictureScores],
    fold: Option<&[usize]>,
) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    let titles = ["picture"].into_iter().chain(fold.map(|_| "fold"));
    writer.write_record(titles.chain(dataset.categories.iter().map(String::as_str)))?;
    for (i, (entry, scores)) in dataset.pictures.iter().zip(scores).enumerate() {
        if let Ok(scores) = scores {
            let first = [entry.id.clone()].into_iter().chain(fold.map(|fold| (fold[i] + 1).to_string()));
            writer.write_record(first.chain(scores.iter().map(f64::to_string)))?;
        }
    }
    writer.flush()
}
