//! Why a training failed.

use std::path::PathBuf;

use crate::bow::words::vocabulary::VocabularyError;
use crate::dataset::DatasetError;
use crate::dataset::folds::FoldsError;

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The data set can't be trained on.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No vocabulary.
    #[error("channel {channel}: no vocabulary can be learnt")]
    Vocabulary {
        /// The channel's index.
        channel: usize,
        /// Why.
        source: VocabularyError,
    },
    /// Too many pictures can't be read.
    #[error(
        "{unreadable} of {pictures} pictures can't be read, and at most {percent} % may be; the first is \"{id}\": {reason}"
    )]
    Unreadable {
        /// Number of unreadable pictures.
        unreadable: usize,
        /// Number of pictures.
        pictures: usize,
        /// How many percent may be unreadable.
        percent: f64,
        /// The first unreadable picture.
        id: String,
        /// Why it can't be read.
        reason: String,
    },
    /// All pictures failed.
    #[error("none of the {pictures} pictures of \"{split}\" can be used")]
    NoPictures {
        /// The split.
        split: String,
        /// Number of pictures in it.
        pictures: usize,
    },
    /// The kernel tells no picture from another.
    #[error("channel {channel}: all training histograms are equal")]
    NoVariance {
        /// The channel's index.
        channel: usize,
    },
    /// The histograms can't be kept on disk.
    #[error("the histograms, {bytes} bytes, can't be kept in \"{folder}\"")]
    Store {
        /// Where they were to be kept.
        folder: PathBuf,
        /// Number of bytes they need.
        bytes: u64,
        /// Why not.
        source: std::io::Error,
    },
    /// After leaving out unusable pictures, a category has only one kind of label.
    #[error(
        "category \"{category}\" has {positives} positive and {negatives} negative pictures that can be used in \"{split}\", both must be at least 1"
    )]
    OneClass {
        /// The category.
        category: String,
        /// The split.
        split: String,
        /// Its usable positives.
        positives: usize,
        /// Its usable negatives.
        negatives: usize,
    },
    /// The data set can't be cut into folds.
    #[error(transparent)]
    Folds(#[from] FoldsError),
    /// The training of one fold failed.
    #[error("fold {fold} of {folds} can't be learnt")]
    Fold {
        /// The fold, counted from 1.
        fold: usize,
        /// Number of folds.
        folds: usize,
        /// Why.
        source: Box<TrainError>,
    },
    /// C is to be validated and there is nothing to validate on.
    #[error("no category has positives in both \"{fit}\" and \"{validate}\" to choose C by")]
    NothingToValidate {
        /// Split to fit on.
        fit: String,
        /// Split to validate on.
        validate: String,
    },
}

impl TrainError {
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            TrainError::Store { .. } => true,
            TrainError::Fold { source, .. } => source.is_failure(),
            TrainError::Dataset(_)
            | TrainError::Vocabulary { .. }
            | TrainError::Unreadable { .. }
            | TrainError::NoPictures { .. }
            | TrainError::NoVariance { .. }
            | TrainError::OneClass { .. }
            | TrainError::Folds(_)
            | TrainError::NothingToValidate { .. } => false,
        }
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            TrainError::Dataset(error) => error.hint(),
            TrainError::Vocabulary { source, .. } => source.hint(),
            TrainError::Folds(error) => error.hint(),
            TrainError::Fold { source, .. } => source.hint(),
            TrainError::Unreadable { .. } => Some(
                "look whether the paths are right; --max-unreadable PERCENT lets more pictures be left out".to_string(),
            ),
            TrainError::NothingToValidate { .. } => Some("--c 10 fits without validation".to_string()),
            TrainError::Store { .. } => Some("--cache DIR on a disk with more room, or another TMPDIR".to_string()),
            _ => None,
        }
    }
}
