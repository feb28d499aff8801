//! The data and the result of a training, for either kind of machine.

use super::cache::Cache;
use super::error::TrainError;
use super::histograms::{Part, Rows, Splits};
use crate::bow::channel::Encoder;
use crate::bow::config::{Cost, Settings};
use crate::bow::record::{SolverRecord, Validation};
use crate::bow::score::Classifier;
use crate::dataset::{Dataset, Entry};
use crate::model::PictureFailure;
use crate::progress::Progress;

/// The pictures to train on.
#[derive(Debug)]
pub struct TrainingData {
    /// The split of the final fit, and of the vocabulary.
    pub split: Dataset,
    /// The rounds to choose C by: each is fitted on its first part and scored on its second; all of the same categories.
    pub validation: Vec<(Dataset, Dataset)>,
    /// The largest part of the pictures, in [0, 1], that may be unreadable. A single one always may.
    pub max_unreadable: f64,
}

/// The largest part of the training pictures that may be unreadable, unless something else is asked for.
pub const MAX_UNREADABLE: f64 = 0.05;

impl TrainingData {
    /// Pictures to train on, of which the usual part may be unreadable; `validation` may be one pair, several, or none.
    pub fn new(split: Dataset, validation: impl IntoIterator<Item = (Dataset, Dataset)>) -> Self {
        Self { split, validation: validation.into_iter().collect(), max_unreadable: MAX_UNREADABLE }
    }

    /// Makes sure that not too many of the `pictures` are unreadable, as if the paths were wrong.
    pub(super) fn require_readable(&self, left_out: &[LeftOut], pictures: usize) -> Result<(), TrainError> {
        let unreadable = || left_out.iter().filter(|picture| matches!(picture.failure, PictureFailure::Picture(_)));
        let count = unreadable().count();
        match unreadable().next() {
            Some(first) if count > 1 && count as f64 > self.max_unreadable * pictures as f64 => {
                let (percent, id, reason) = (100.0 * self.max_unreadable, first.id.clone(), first.failure.reason());
                Err(TrainError::Unreadable { unreadable: count, pictures, percent, id, reason })
            }
            _ => Ok(()),
        }
    }

    /// Makes sure, before any picture is opened, that every category can be learnt and that there is something to choose C by.
    pub(super) fn check(&self, settings: &Settings) -> Result<(), TrainError> {
        self.split.require_positives()?;
        if settings.svm.c == Cost::Validate {
            let has = |dataset: &Dataset, category: usize, sign: i8| {
                dataset.pictures.iter().any(|entry| entry.labels.get(category) == Some(&sign))
            };
            let judged = self.validation.iter().any(|(fit, validate)| {
                (0..fit.categories.len()).any(|c| has(fit, c, 1) && has(fit, c, -1) && has(validate, c, 1))
            });
            if !judged {
                return Err(self.nothing_to_validate());
            }
        }
        Ok(())
    }

    pub(super) fn nothing_to_validate(&self) -> TrainError {
        let (fit, validate) =
            self.validation.first().map_or((&self.split, &self.split), |(fit, validate)| (fit, validate));
        TrainError::NothingToValidate { fit: fit.split.clone(), validate: validate.split.clone() }
    }
}

/// A picture that could not be used.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// The picture's id.
    pub id: String,
    /// Why.
    pub failure: PictureFailure,
}

impl LeftOut {
    pub(super) fn new(entry: &Entry, failure: PictureFailure) -> Self {
        Self { id: entry.id.clone(), failure }
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "picture \"{}\" is left out: {}", self.id, self.failure.reason())
    }
}

/// What a machine is learnt from, once there are vocabularies.
pub(super) struct Task<'a> {
    pub(super) settings: &'a Settings,
    pub(super) data: &'a TrainingData,
    pub(super) encoders: &'a [Encoder],
    pub(super) cache: Option<&'a Cache>,
    pub(super) progress: &'a dyn Progress,
}

/// What either kind of machine has learnt.
pub(super) struct Learnt {
    /// The pictures that it is learnt from.
    pub(super) part: Part,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) validation: Option<Validation>,
    pub(super) solvers: Vec<SolverRecord>,
    /// The support pictures among the part's.
    pub(super) support: Vec<usize>,
    pub(super) classifier: Classifier,
}

impl Task<'_> {
    /// The usable pictures by split.
    pub(super) fn splits(&self, usable: &Rows, left_out: &[LeftOut]) -> Result<Splits, TrainError> {
        let (data, split) = (self.data, &self.data.split);
        data.require_readable(left_out, usable.len() + left_out.len())?;
        let splits = Splits::new(data, self.settings.picture.twins, usable);
        if splits.fit_final.rows.is_empty() {
            return Err(TrainError::NoPictures { split: split.split.clone(), pictures: split.pictures.len() });
        }
        Ok(splits)
    }

    /// Makes sure that unusable pictures have left every category positives and negatives.
    pub(super) fn require_both_signs(&self, part: &Part) -> Result<(), TrainError> {
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
