//! `bowsight evaluate`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::arguments::{Data, Labels, ModelFile};
use super::report::{Reporter, table};
use crate::dataset::{Dataset, Entry};
use crate::error::Error;
use crate::evaluate::{self, AveragePrecision, Measures, PictureScores, mean_auc, mean_precision};
use crate::format::atomic::{AtomicFile, WriteError};
use crate::model::PictureFailure;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight evaluate --data VOC2012 --split test --model voc.bowsight --scores scores.csv

Average precision in both definitions of the PASCAL VOC challenge: the mean over eleven recall points (2007) and the
area under the precision-recall curve (2010). Difficult pictures are left out; a category without positives has none.
ROC AUC is the share of pairs of a positive and a negative picture that are in the right order. Where every picture has one
category, accuracies and the confusion matrix are those of deciding for the category of the largest score.")]
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

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let model = arguments.model.open()?;
    let aligned = arguments.labels.align(arguments.data.open(reporter)?, &*model, reporter)?;
    let dataset = &aligned.dataset;
    let output = arguments.scores.as_deref().map(AtomicFile::create).transpose()?;
    let scores = evaluate::scores(&*model, dataset, reporter);
    let failed = name_failures(dataset, &scores, reporter);
    if let (Some(mut file), Some(path)) = (output, &arguments.scores) {
        write_scores(&mut file, dataset, &scores, None).map_err(WriteError::io(path))?;
        file.commit()?;
    }
    let measures = evaluate::measure(dataset, &scores);
    reporter.text(&text(dataset, &measures, failed))?;
    let mut document = document(dataset, &measures, failed);
    document["categories_without_pictures"] = serde_json::json!(aligned.absent);
    document["unknown_categories"] = serde_json::json!(aligned.unknown);
    reporter.document(&document)?;
    Ok(Outcome::after(failed > 0 || dataset.is_incomplete()))
}

fn text(dataset: &Dataset, measures: &Measures, failed: usize) -> String {
    let row = |name: &str, positives: String, ap: Option<AveragePrecision>, auc: Option<f64>| {
        let values = [ap.map(|ap| ap.voc2007), ap.map(|ap| ap.voc2010), auc].map(percent);
        [name.to_string(), positives].into_iter().chain(values).collect::<Vec<String>>()
    };
    let mut rows =
        vec![["category", "positives", "AP 2007 (%)", "AP 2010 (%)", "ROC AUC (%)"].map(String::from).to_vec()];
    for (category, name) in dataset.categories.iter().enumerate() {
        let (ap, auc) = (measures.average_precision[category], measures.roc_auc[category]);
        rows.push(row(name, dataset.positives(category).to_string(), ap, auc));
    }
    let (ap, auc) = (mean_precision(&measures.average_precision), mean_auc(&measures.roc_auc));
    rows.push(row("mean", String::new(), ap, auc));
    let mut text = table(&rows);
    let categories = dataset.categories.iter().zip(&measures.average_precision);
    let without: Vec<&str> = categories.filter(|(_, ap)| ap.is_none()).map(|(name, _)| name.as_str()).collect();
    if !without.is_empty() {
        text.push_str(&format!("not in the mean, for lack of positives: {}\n", without.join(", ")));
    }
    if let Some(decisions) = &measures.one_label {
        text.push_str(&format!(
            "accuracy {} %, balanced accuracy {} %\n\n{}\n",
            percent(Some(decisions.accuracy)),
            percent(Some(decisions.balanced_accuracy)),
            confusion_table(&dataset.categories, &decisions.confusion)
        ));
    }
    text.push_str(&pictures_line(dataset, failed));
    text
}

fn document(dataset: &Dataset, measures: &Measures, failed: usize) -> serde_json::Value {
    let category = |(category, name): (usize, &String)| {
        let ap = measures.average_precision[category];
        let value = serde_json::json!({
            "positives": dataset.positives(category),
            "voc2007": ap.map(|ap| ap.voc2007),
            "voc2010": ap.map(|ap| ap.voc2010),
            "roc_auc": measures.roc_auc[category],
        });
        (name.clone(), value)
    };
    let categories: serde_json::Map<String, serde_json::Value> =
        dataset.categories.iter().enumerate().map(category).collect();
    let mean = mean_precision(&measures.average_precision);
    let mut document = serde_json::json!({
        "split": dataset.split,
        "pictures": dataset.pictures.len() - failed,
        "failed": failed,
        "categories": categories,
        "mean": {
            "voc2007": mean.map(|ap| ap.voc2007),
            "voc2010": mean.map(|ap| ap.voc2010),
            "roc_auc": mean_auc(&measures.roc_auc),
        },
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

/// A percentage with two decimals; a dash if there is none.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_string(), |value| format!("{:.2}", 100.0 * value))
}

/// The line that says how many pictures of which split were measured.
pub(super) fn pictures_line(dataset: &Dataset, failed: usize) -> String {
    let left_out = if failed > 0 { format!(", {failed} left out") } else { String::new() };
    format!("{} pictures of \"{}\"{left_out}\n", dataset.pictures.len() - failed, dataset.split)
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
