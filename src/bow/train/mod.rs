//! Training: sample descriptors → vocabularies → histograms → Gram matrix → C → one SVM a category.

pub mod cache;
mod classifiers;
mod cost;
mod error;
mod examples;
pub mod folds;
mod histograms;
mod kernel_machine;
mod kernels;
mod linear_machine;
mod sample;
pub mod settings;
mod store;
mod task;
mod trials;
mod weights;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::path::PathBuf;

use super::channel::Encoder;
use super::config::{Settings, Solver, Twins};
use super::model::{BagOfWords, FittedChannel};
use super::record::{LongerSides, TrainingRecord};
use crate::dataset::{Dataset, Entry};
use crate::evaluate::PictureScores;
use crate::progress::{Progress, WarnOnce};
use cache::Cache;
pub use error::TrainError;
use examples::keep_examples;
use histograms::{Encoding, encode};
use sample::learn_codings;
use task::Task;
pub use task::{LeftOut, MAX_UNREADABLE, TrainingData};

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
    let progress = &WarnOnce::new(progress);
    let files = data.split.file_digests();
    let data_digest = data.split.digest_of(&files);

    let mut records = Vec::new();
    let mut examples = Vec::new();
    let mut encoders = Vec::new();
    let vocabularies = learn_codings(settings, data, &data_digest, cache, progress)?;
    for (config, learnt) in settings.channel.iter().zip(vocabularies) {
        encoders.push(Encoder::new(config.clone(), learnt.coding));
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
    let pictures: Vec<String> = originals.map(|picture| picture.id().to_string()).collect();
    let digest_of: HashMap<&str, &String> =
        data.split.pictures.iter().map(|entry| entry.id.as_str()).zip(&files).collect();
    let used: HashSet<&str> = pictures.iter().map(String::as_str).collect();
    let used = data.split.pictures.iter().filter(|entry| used.contains(entry.id.as_str()));
    let longer_sides = LongerSides::of(&used.map(|entry| data.split.file(entry)).collect::<Vec<PathBuf>>());
    let training = TrainingRecord {
        version: env!("CARGO_PKG_VERSION").to_string(),
        seed: settings.seed,
        data_digest,
        split: data.split.split.clone(),
        digests: pictures.iter().map(|id| digest_of[id.as_str()].clone()).collect(),
        pictures,
        longer_sides,
        left_out: learnt.left_out.iter().map(|picture| picture.id.clone()).collect(),
        categories: data.split.categories.clone(),
        support_pictures: learnt.support.iter().map(|&i| part.pictures[i].clone()).collect(),
        validation: learnt.validation,
        vocabularies: records,
        solvers: learnt.solvers,
    };
    training.warn_of_little_evidence(progress);
    let fitted = |(encoder, examples)| {
        let examples = keep_examples(settings, &data.split, &training.pictures, &encoder, examples);
        FittedChannel { encoder, examples: Some(examples) }
    };
    let channels = encoders.into_iter().zip(examples).map(fitted).collect();
    let model = BagOfWords::new(settings.clone(), training, channels, learnt.classifier);
    if let Some((cache, reason)) = cache.and_then(|cache| Some((cache, cache.failure()?))) {
        progress.warn(&format!("steps could not be kept in \"{}\": {reason}", cache.folder().display()));
    }
    Ok((model, learnt.left_out))
}

/// Scores of a data set's pictures in every category, or why a picture has none. Histograms are kept in the `cache`, which is why this is not
/// [`crate::evaluate::scores`]: the scores are the same.
pub fn scores(
    model: &BagOfWords,
    dataset: &Dataset,
    cache: Option<&Cache>,
    progress: &dyn Progress,
) -> Vec<PictureScores> {
    let encoders: Vec<&Encoder> = model.channels.iter().map(|channel| &channel.encoder).collect();
    let entries: Vec<&Entry> = dataset.pictures.iter().collect();
    let mirrored: &[bool] = if model.settings.picture.twins == Twins::Test { &[false, true] } else { &[false] };
    let encoding = Encoding { settings: &model.settings, encoders: &encoders, dataset, cache, progress };
    let Ok(encoded) = encode(&encoding, &entries, mirrored, |_, histograms| Ok::<_, Infallible>(histograms));
    model.mean_scores(encoded)
}
