//! Cross-validation: every picture is scored by a classifier that learnt nothing from it, nor from its group.
//!
//! Each fold is a whole training on the other folds' pictures (their vocabulary, widths, scales, weights and C are of these pictures alone), and
//! then a scoring of its own pictures. Where C is validated, that is done on halves of the fold's training pictures.

use super::{TrainError, TrainingData, train};
use crate::bow::config::{Cost, Settings};
use crate::bow::record::TrainingRecord;
use crate::dataset::Dataset;
use crate::evaluate::{self, PictureScores};
use crate::progress::{Progress, WarnOnce};
use crate::timings::Timings;

/// What cross-validation found.
#[derive(Debug, Clone)]
pub struct CrossValidation {
    /// The fold of every picture, from 0.
    pub fold: Vec<usize>,
    /// The scores of every picture by its fold's classifier.
    pub scores: Vec<PictureScores>,
    /// How each fold's classifier was trained.
    pub trainings: Vec<TrainingRecord>,
}

/// Cross-validates `settings` on `dataset` in that many folds; a function of pictures, labels, groups and settings.
///
/// `max_unreadable` is that of every fold's [`TrainingData`].
///
/// # Errors
/// [`TrainError`]; data that can't be cut into such folds are refused before any picture is opened.
pub fn cross_validate(
    settings: &Settings,
    dataset: &Dataset,
    folds: usize,
    max_unreadable: f64,
    progress: &dyn Progress,
) -> Result<CrossValidation, TrainError> {
    dataset.require_positives()?;
    let fold = dataset.folds(folds, settings.seed)?;
    let in_fold = |number: usize| move |source| TrainError::Fold { fold: number + 1, folds, source: Box::new(source) };
    let cut = |number: usize| {
        let split = dataset.part(&format!("without fold {}", number + 1), |i| fold[i] != number);
        let validated = settings.svm.c == Cost::Validate;
        let validation = if validated { split.validation_rounds(settings.seed) } else { Vec::new() };
        TrainingData { max_unreadable, ..TrainingData::new(split, validation) }
    };
    for number in 0..folds {
        cut(number).check(settings).map_err(in_fold(number))?;
    }
    let once = WarnOnce::new(progress);
    let mut scores: Vec<Option<PictureScores>> = vec![None; fold.len()];
    let mut trainings = Vec::with_capacity(folds);
    for number in 0..folds {
        let progress = OfFold { inner: &once, name: format!("fold {}/{folds}", number + 1) };
        let (model, _) = train(settings, &cut(number), &progress).map_err(in_fold(number))?;
        let test = dataset.part(&format!("fold {}", number + 1), |i| fold[i] == number);
        let own = evaluate::scores(&model, &test, &progress);
        let places = (0..fold.len()).filter(|&i| fold[i] == number);
        for (place, found) in places.zip(own) {
            scores[place] = Some(found);
        }
        trainings.push(model.training);
    }
    let scores = scores.into_iter().map(|scores| scores.expect("every picture is in a fold")).collect();
    Ok(CrossValidation { fold, scores, trainings })
}

/// Names the fold with every stage.
struct OfFold<'a> {
    inner: &'a dyn Progress,
    name: String,
}

impl Progress for OfFold<'_> {
    fn begin(&self, stage: &str, total: usize) {
        self.inner.begin(&format!("{}, {stage}", self.name), total);
    }

    fn step(&self) {
        self.inner.step();
    }

    fn say(&self, state: &str) {
        self.inner.say(state);
    }

    fn record_time(&self, pictures: usize, timings: &Timings) {
        self.inner.record_time(pictures, timings);
    }

    fn end(&self) {
        self.inner.end();
    }

    fn warn(&self, message: &str) {
        self.inner.warn(message);
    }
}
