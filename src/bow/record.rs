//! The record of a training, as a model's file has it.

use std::path::PathBuf;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::score::svm::Report;
use super::twins::TrainingPicture;
use crate::evaluate::calibration::Calibration;
use crate::model::NoProbabilities;
use crate::picture::header_size;
use crate::progress::Progress;

/// Categories with fewer positives than this are named.
const FEW: usize = 10;

/// The record of a training, as a model's file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Program version.
    pub version: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// SHA-256 over the training data: ids, labels, files.
    pub data_digest: String,
    /// The split trained on.
    pub split: String,
    /// Ids of the training pictures, in order; with mirror twins each stands for two, itself and its twin.
    pub pictures: Vec<String>,
    /// SHA-256 of each training picture's file; empty in models of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// The longer sides of the training pictures' files; none in models of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer_sides: Option<LongerSides>,
    /// Ids of pictures that could not be used.
    pub left_out: Vec<String>,
    /// Categories in row order.
    pub categories: Vec<String>,
    /// The support pictures in row order.
    pub support_pictures: Vec<TrainingPicture>,
    /// How C was chosen, if it was.
    pub validation: Option<Validation>,
    /// How each channel's vocabulary was learnt.
    pub vocabularies: Vec<VocabularyRecord>,
    /// How each category's SVM was solved.
    pub solvers: Vec<SolverRecord>,
}

/// How large pictures are, by their longer sides in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongerSides {
    /// The least.
    pub least: usize,
    /// The median; of an even number the smaller of the two in the middle.
    pub median: usize,
    /// The largest.
    pub most: usize,
}

impl LongerSides {
    /// Of these files, by their headers; none if no header tells.
    pub fn of(files: &[PathBuf]) -> Option<Self> {
        let sides = files.par_iter().filter_map(|file| header_size(file));
        let mut sides: Vec<usize> = sides.map(|(width, height)| width.max(height) as usize).collect();
        sides.sort_unstable();
        let (&least, &most) = (sides.first()?, sides.last()?);
        Some(Self { least, median: sides[(sides.len() - 1) / 2], most })
    }
}

impl TrainingRecord {
    /// The record of a model that was put together by hand: categories only.
    pub fn new(categories: Vec<String>, seed: u64) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_string(),
            seed,
            data_digest: String::new(),
            split: String::new(),
            pictures: Vec::new(),
            digests: Vec::new(),
            longer_sides: None,
            left_out: Vec::new(),
            categories,
            support_pictures: Vec::new(),
            validation: None,
            vocabularies: Vec::new(),
            solvers: Vec::new(),
        }
    }

    /// The probability of every category, from its score.
    ///
    /// # Errors
    /// [`NoProbabilities`] if no category's scores were calibrated.
    pub(super) fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        let Some(validation) = &self.validation else {
            return Err(NoProbabilities {
                because: "C was given, so no pictures were held back whose scores could be calibrated",
                hint: "train again without --c",
            });
        };
        if validation.calibration.is_empty() {
            return Err(NoProbabilities {
                because: "an earlier version of bowsight trained it",
                hint: "train it again",
            });
        }
        let calibrated = validation.calibration.iter().zip(scores);
        let probabilities: Vec<Option<f64>> =
            calibrated.map(|(calibration, score)| calibration.curve.map(|curve| curve.probability(*score))).collect();
        if probabilities.iter().all(Option::is_none) {
            return Err(NoProbabilities {
                because: "no category has ten pictures for and ten against it, held back from training, that its scores rank",
                hint: "train with more pictures",
            });
        }
        Ok(probabilities)
    }

    /// Warns of categories with so few positives, or with such machines, that their scores say little.
    pub(super) fn warn_of_little_evidence(&self, progress: &dyn Progress) {
        let few = self.solvers.iter().filter(|solver| solver.positives < FEW);
        let few: Vec<String> = few.map(|solver| format!("\"{}\" ({})", solver.category, solver.positives)).collect();
        if !few.is_empty() {
            let few = few.join(", ");
            progress.warn(&format!(
                "fewer than {FEW} positive pictures, too few to rely on what is learnt from them: {few}"
            ));
        }
        let bounded = self.solvers.iter().filter(|solver| solver.report.is_bounded());
        let bounded: Vec<String> = bounded.map(|solver| format!("\"{}\"", solver.category)).collect();
        if !bounded.is_empty() {
            let bounded = bounded.join(", ");
            progress.warn(&format!(
                "all support vectors are at their bound, so the bias is arbitrary within an interval and so are decisions at 0: {bounded}; a \
                 larger C may help (--c)"
            ));
        }
    }
}

/// How C was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Split trained on.
    pub fit_split: String,
    /// Split scored.
    pub validate_split: String,
    /// Number of such pairs; all measures are means over them.
    #[serde(default = "one")]
    pub rounds: usize,
    /// Number of pictures scored in all rounds together, each counted once; unknown in models of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<usize>,
    /// The measures of each C.
    pub grid: Vec<GridPoint>,
    /// AP (area) of each category at its chosen C; none without positives.
    pub average_precision: Vec<Option<f64>>,
    /// Mean of the above.
    pub mean_average_precision: f64,
    /// Balanced accuracy at the C of all categories: of deciding for the largest score where every picture has one category, else the mean over
    /// the categories of deciding at 0. Unknown in models of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<f64>,
    /// Each category's probabilities from the validation pictures' scores at its chosen C; empty in models of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<Calibration>,
}

fn one() -> usize {
    1
}

/// One C of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// C.
    pub c: f64,
    /// Mean AP (area) over the categories.
    pub mean_average_precision: f64,
    /// Balanced accuracy, as in [`Validation`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<f64>,
    /// Share of the machines whose support vectors are all at their bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounded: Option<f64>,
}

/// How a vocabulary was learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VocabularyRecord {
    /// Number of descriptors it was learnt from.
    pub sample: usize,
    /// Number of passes.
    pub iterations: usize,
    /// Whether it converged before the limit of passes.
    pub converged: bool,
    /// Mean squared distance of the descriptors to their words.
    pub mean_squared_distance: f64,
    /// How the mixture that starts at these words was learnt, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<MixtureRecord>,
}

/// How a mixture was learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MixtureRecord {
    /// Share of the descriptors' variance that the reduction keeps.
    pub explained_variance: f64,
    /// Number of passes.
    pub iterations: usize,
    /// Whether it converged before the limit of passes.
    pub converged: bool,
    /// Mean log-likelihood of the reduced descriptors, in nats.
    pub mean_log_likelihood: f64,
}

/// How one category's SVM was solved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolverRecord {
    /// The category.
    pub category: String,
    /// C, before class weights.
    pub c: f64,
    /// C of the positives.
    pub c_positive: f64,
    /// C of the negatives.
    pub c_negative: f64,
    /// Training pictures labelled +1, mirror twins included.
    pub positives: usize,
    /// Training pictures labelled −1, mirror twins included.
    pub negatives: usize,
    /// The solver's own account.
    pub report: Report,
}
