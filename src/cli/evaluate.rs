//! `bowsight evaluate`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::arguments::{Data, ModelFile, decode_options};
use super::report::{Reporter, table};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::evaluate::{self, AveragePrecision, PictureScores};
use crate::format::atomic::{AtomicFile, WriteError};
use crate::model::Model;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight evaluate --data VOC2012 --split test --model voc.bowsight --scores scores.csv

Average precision in both definitions of the PASCAL VOC challenge: the mean over eleven recall points (2007) and the
area under the precision-recall curve (2010). Difficult pictures are left out; a category without positives has none.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    model: ModelFile,
    /// Also write every picture's scores to this CSV file
    #[arg(long, value_name = "FILE.csv")]
    scores: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let model = arguments.model.load()?;
    let dataset = arguments.data.open()?.align_categories(model.categories())?;
    let output = arguments.scores.as_deref().map(AtomicFile::create).transpose()?;
    let scores = evaluate::scores(&model, &dataset, &decode_options(&model.settings), reporter);
    let mut failed = 0;
    for (entry, scores) in dataset.pictures.iter().zip(&scores) {
        if let Err(reason) = scores {
            failed += 1;
            reporter.note(&format!("warning: picture \"{}\" is left out: {reason}", entry.id));
        }
    }
    if let (Some(mut file), Some(path)) = (output, &arguments.scores) {
        write_scores(&mut file, &dataset, &scores).map_err(WriteError::io(path))?;
        file.commit()?;
    }
    let precisions = evaluate::precisions(&dataset, &scores);
    let mean = evaluate::mean(&precisions);
    let positives: Vec<usize> = (0..dataset.categories.len()).map(|category| dataset.positives(category)).collect();
    print_text(reporter, &dataset, &positives, &precisions, mean, failed)?;
    print_json(reporter, &dataset, &positives, &precisions, mean, failed)?;
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

fn print_text(
    reporter: &Reporter,
    dataset: &Dataset,
    positives: &[usize],
    precisions: &[Option<AveragePrecision>],
    mean: Option<AveragePrecision>,
    failed: usize,
) -> Result<(), Error> {
    let percent = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |value| format!("{:.2}", 100.0 * value));
    let row = |name: &str, positives: String, ap: Option<AveragePrecision>| {
        vec![name.to_string(), positives, percent(ap.map(|ap| ap.voc2007)), percent(ap.map(|ap| ap.voc2010))]
    };
    let mut rows = vec![["category", "positives", "AP 2007 (%)", "AP 2010 (%)"].map(String::from).to_vec()];
    for ((name, positives), ap) in dataset.categories.iter().zip(positives).zip(precisions) {
        rows.push(row(name, positives.to_string(), *ap));
    }
    rows.push(row("mean", String::new(), mean));
    let mut text = table(&rows);
    let without: Vec<&str> = dataset
        .categories
        .iter()
        .zip(precisions)
        .filter(|(_, ap)| ap.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if !without.is_empty() {
        text.push_str(&format!("not in the mean, for lack of positives: {}\n", without.join(", ")));
    }
    text.push_str(&format!("{} pictures of \"{}\"", dataset.pictures.len() - failed, dataset.split));
    text.push_str(&if failed > 0 { format!(", {failed} left out\n") } else { "\n".to_string() });
    reporter.text(&text)
}

fn print_json(
    reporter: &Reporter,
    dataset: &Dataset,
    positives: &[usize],
    precisions: &[Option<AveragePrecision>],
    mean: Option<AveragePrecision>,
    failed: usize,
) -> Result<(), Error> {
    let categories: serde_json::Map<String, serde_json::Value> = dataset
        .categories
        .iter()
        .zip(positives)
        .zip(precisions)
        .map(|((name, positives), ap)| {
            let value = serde_json::json!({
                "positives": positives,
                "voc2007": ap.map(|ap| ap.voc2007),
                "voc2010": ap.map(|ap| ap.voc2010),
            });
            (name.clone(), value)
        })
        .collect();
    reporter.document(&serde_json::json!({
        "split": dataset.split,
        "pictures": dataset.pictures.len() - failed,
        "failed": failed,
        "categories": categories,
        "mean": mean,
    }))
}

fn write_scores(file: &mut dyn Write, dataset: &Dataset, scores: &[PictureScores]) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    let header = std::iter::once("picture").chain(dataset.categories.iter().map(String::as_str));
    writer.write_record(header)?;
    for (entry, scores) in dataset.pictures.iter().zip(scores) {
        if let Ok(scores) = scores {
            let cells = scores.iter().map(f64::to_string);
            writer.write_record(std::iter::once(entry.id.clone()).chain(cells))?;
        }
    }
    writer.flush()
}
