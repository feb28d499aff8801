//! How good a classifier is: scores of many pictures, and average precision.

mod average_precision;

pub use average_precision::{AveragePrecision, average_precision};

use rayon::prelude::*;

use crate::dataset::Dataset;
use crate::model::Model;
use crate::picture::{DecodeOptions, Picture};
use crate::progress::Progress;

/// The scores of one picture in every category of the model, or why there are none.
pub type PictureScores = Result<Vec<f64>, String>;

/// Scores every picture of `dataset`, in its order.
pub fn scores(
    model: &dyn Model,
    dataset: &Dataset,
    options: &DecodeOptions,
    progress: &dyn Progress,
) -> Vec<PictureScores> {
    progress.begin("scoring", dataset.pictures.len());
    let scores = dataset
        .pictures
        .par_iter()
        .map(|entry| {
            let scores = Picture::open(&dataset.file(entry), options)
                .map_err(|error| crate::error::chain(&error))
                .and_then(|picture| {
                    let seen = model.forward(&picture, false).map_err(|error| crate::error::chain(&error))?;
                    Ok(seen.scores().to_vec())
                });
            progress.step();
            scores
        })
        .collect();
    progress.end();
    scores
}

/// AP of every category over the pictures that have scores; `dataset`'s labels are in the model's order.
pub fn precisions(dataset: &Dataset, scores: &[PictureScores]) -> Vec<Option<AveragePrecision>> {
    (0..dataset.categories.len())
        .map(|category| {
            let scored =
                dataset.pictures.iter().zip(scores).filter_map(|(entry, scores)| {
                    Some((*scores.as_ref().ok()?.get(category)?, entry.labels[category]))
                });
            let (scores, labels): (Vec<f64>, Vec<i8>) = scored.unzip();
            average_precision(&scores, &labels)
        })
        .collect()
}

/// Mean of those that exist; none where none does.
pub fn mean(precisions: &[Option<AveragePrecision>]) -> Option<AveragePrecision> {
    let known: Vec<&AveragePrecision> = precisions.iter().flatten().collect();
    let count = known.len() as f64;
    (!known.is_empty()).then(|| AveragePrecision {
        voc2007: known.iter().map(|ap| ap.voc2007).sum::<f64>() / count,
        voc2010: known.iter().map(|ap| ap.voc2010).sum::<f64>() / count,
    })
}
