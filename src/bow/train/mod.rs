//! Training: sample descriptors → vocabularies → histograms → Gram matrix → C → one SVM a category.

pub mod cache;
mod classifiers;
mod cost;
mod examples;
pub mod folds;
mod histograms;
mod kernel_machine;
mod kernels;
mod linear_machine;
mod sample;
pub mod settings;
mod store;
mod weights;

use std::convert::Infallible;
use std::path::PathBuf;

use ndarray::Array2;

use super::channel::Encoder;
use super::config::{Cost, Settings, Solver, Twins};
use super::score::feature_map::Weights;
use super::words::vocabulary::VocabularyError;
use super::{BagOfWords, FittedChannel, SolverRecord, TrainingRecord, Validation};
use crate::dataset::folds::FoldsError;
use crate::dataset::{Dataset, DatasetError, Entry};
use crate::picture::DecodeOptions;
use crate::progress::Progress;
use cache::Cache;
use examples::keep_examples;
use histograms::{Looking, Part, Rows, Splits, encode};
use sample::learn_codebooks;

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
    /// All pictures failed.
    #[error("none of the {pictures} pictures of \"{split}\" can be used")]
    NoPictures {
        /// The split.
        split: String,
        /// How many pictures it has.
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
        /// How much room they need.
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
        /// How many there are.
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
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            TrainError::Dataset(error) => error.hint(),
            TrainError::Folds(error) => error.hint(),
            TrainError::Fold { source, .. } => source.hint(),
            TrainError::NothingToValidate { .. } => Some("--c 10 fits without validation".to_string()),
            TrainError::Store { .. } => Some("--cache DIR on a disk with more room, or another TMPDIR".to_string()),
            _ => None,
        }
    }
}

/// The pictures to train on.
#[derive(Debug)]
pub struct TrainingData {
    /// The split of the final fit, and of the vocabulary.
    pub split: Dataset,
    /// The splits to choose C by: fitted on the first, scored on the second; of the same categories.
    pub validation: Option<(Dataset, Dataset)>,
}

impl TrainingData {
    /// Makes sure, before any picture is opened, that every category can be learnt and that there is something to choose C by.
    fn check(&self, settings: &Settings) -> Result<(), TrainError> {
        self.split.require_positives()?;
        if settings.svm.c == Cost::Validate {
            let has = |dataset: &Dataset, category: usize, sign: i8| {
                dataset.pictures.iter().any(|entry| entry.labels.get(category) == Some(&sign))
            };
            let judged = self.validation.as_ref().is_some_and(|(fit, validate)| {
                (0..fit.categories.len()).any(|c| has(fit, c, 1) && has(fit, c, -1) && has(validate, c, 1))
            });
            if !judged {
                return Err(self.nothing_to_validate());
            }
        }
        Ok(())
    }

    fn nothing_to_validate(&self) -> TrainError {
        let (fit, validate) =
            self.validation.as_ref().map_or((&self.split, &self.split), |(fit, validate)| (fit, validate));
        TrainError::NothingToValidate { fit: fit.split.clone(), validate: validate.split.clone() }
    }
}

/// A picture that could not be used.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The picture's id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Trains a classifier; pictures that can't be used are left out and returned beside it.
///
/// The result is a function of pictures, labels and settings: not of threads, time or order of work.
///
/// # Errors
/// [`TrainError`]; data that can't work are refused before any picture is opened.
pub fn train(
    settings: &Settings,
    data: &TrainingData,
    progress: &dyn Progress,
) -> Result<(BagOfWords, Vec<LeftOut>), TrainError> {
    train_with(settings, data, None, progress)
}

/// Like [`train`]; steps that are found in the `cache` are taken from it, and new ones put there. The result is the same.
///
/// # Errors
/// Those of [`train`].
pub fn train_with(
    settings: &Settings,
    data: &TrainingData,
    cache: Option<&Cache>,
    progress: &dyn Progress,
) -> Result<(BagOfWords, Vec<LeftOut>), TrainError> {
    data.check(settings)?;
    let data_digest = data.split.digest()?;

    let mut records = Vec::new();
    let mut examples = Vec::new();
    let mut encoders = Vec::new();
    let vocabularies = learn_codebooks(settings, &data.split, &data_digest, cache, progress)?;
    for (config, learnt) in settings.channel.iter().zip(vocabularies) {
        encoders.push(Encoder::new(config.clone(), learnt.codebook));
        records.push(learnt.record);
        examples.push(learnt.examples);
    }
    let task = Task { settings, data, encoders: &encoders, cache, progress };
    let learnt = match settings.svm.solver {
        Solver::Smo => kernel_machine::learn(&task)?,
        Solver::Linear => linear_machine::learn(&task)?,
    };

    let part = &learnt.part;
    let originals = part.pictures.iter().filter(|picture| !picture.is_mirrored());
    let training = TrainingRecord {
        version: env!("CARGO_PKG_VERSION").to_string(),
        seed: settings.seed,
        data_digest,
        split: data.split.split.clone(),
        pictures: originals.map(|picture| picture.id().to_string()).collect(),
        left_out: learnt.left_out.iter().map(|picture| picture.id.clone()).collect(),
        categories: data.split.categories.clone(),
        support_pictures: learnt.support.iter().map(|&i| part.pictures[i].clone()).collect(),
        validation: learnt.validation,
        vocabularies: records,
        solvers: learnt.solvers,
    };
    let channels = encoders
        .into_iter()
        .zip(learnt.channels)
        .zip(examples)
        .map(|((encoder, LearntChannel { histograms, width, scale, beta, weights }), examples)| {
            let examples = keep_examples(settings, &data.split, &training.pictures, &encoder, examples);
            let channel = FittedChannel::new(encoder, histograms, width, scale, beta);
            FittedChannel { examples: Some(examples), weights, ..channel }
        })
        .collect();
    let shape = (training.categories.len(), learnt.support.len());
    let model = BagOfWords {
        settings: settings.clone(),
        training,
        channels,
        dual: learnt.dual,
        bias: learnt.bias,
        train_scores: learnt.train_scores,
        labels: Array2::from_shape_fn(shape, |(category, i)| part.labels[learnt.support[i]][category]),
    };
    Ok((model, learnt.left_out))
}

/// What is learnt from, once there are vocabularies.
struct Task<'a> {
    settings: &'a Settings,
    data: &'a TrainingData,
    encoders: &'a [Encoder],
    cache: Option<&'a Cache>,
    progress: &'a dyn Progress,
}

/// What is learnt, whichever way.
struct Learnt {
    /// The pictures that it is learnt from.
    part: Part,
    left_out: Vec<LeftOut>,
    validation: Option<Validation>,
    solvers: Vec<SolverRecord>,
    channels: Vec<LearntChannel>,
    /// The support pictures among the part's.
    support: Vec<usize>,
    /// Categories × support pictures.
    dual: Array2<f64>,
    /// The same.
    train_scores: Array2<f64>,
    /// A category each.
    bias: Vec<f64>,
}

struct LearntChannel {
    /// The support pictures', row by row.
    histograms: Array2<f32>,
    width: f64,
    scale: f64,
    beta: f64,
    /// Of linear classifiers.
    weights: Option<Weights>,
}

impl Task<'_> {
    /// The usable pictures by split.
    fn splits(&self, usable: &Rows) -> Result<Splits, TrainError> {
        let (data, split) = (self.data, &self.data.split);
        let splits = Splits::new(data, self.settings.picture.twins, usable);
        if splits.fit_final.rows.is_empty() {
            return Err(TrainError::NoPictures { split: split.split.clone(), pictures: split.pictures.len() });
        }
        Ok(splits)
    }

    /// Makes sure that unusable pictures have left every category positives and negatives.
    fn require_both_signs(&self, part: &Part) -> Result<(), TrainError> {
        let split = &self.data.split;
        for (category, name) in split.categories.iter().enumerate() {
            let count = |sign: i8| part.labels.iter().filter(|labels| labels[category] == sign).count();
            let (positives, negatives) = (count(1), count(-1));
            if positives == 0 || negatives == 0 {
                let (category, split) = (name.clone(), split.split.clone());
                return Err(TrainError::OneClass { category, split, positives, negatives });
            }
        }
        Ok(())
    }
}

/// Scores of a data set's pictures in every category, or why a picture has none. Histograms are kept in the `cache`, which is why this is not
/// [`crate::evaluate::scores`]: the scores are the same.
pub fn scores(
    model: &BagOfWords,
    dataset: &Dataset,
    cache: Option<&Cache>,
    progress: &dyn Progress,
) -> Vec<Result<Vec<f64>, String>> {
    let encoders: Vec<&Encoder> = model.channels.iter().map(|channel| &channel.encoder).collect();
    let entries: Vec<&Entry> = dataset.pictures.iter().collect();
    let sides: &[bool] = if model.settings.picture.twins == Twins::Test { &[false, true] } else { &[false] };
    let looking = Looking { settings: &model.settings, encoders: &encoders, dataset, cache, progress };
    let Ok(encoded) = encode(&looking, &entries, sides, |_, histograms| Ok::<_, Infallible>(histograms));
    model.mean_scores(encoded)
}

fn decode_options(settings: &Settings) -> DecodeOptions {
    DecodeOptions { max_side: settings.picture.max_side, ..DecodeOptions::default() }
}
