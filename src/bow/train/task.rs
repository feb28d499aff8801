//! What is learnt from, and what is learnt, whichever way.

use super::cache::Cache;
use super::error::TrainError;
use super::histograms::{Part, Rows, Splits};
use crate::bow::channel::Encoder;
use crate::bow::config::{Cost, Settings};
use crate::bow::record::{SolverRecord, Validation};
use crate::bow::score::Classifier;
use crate::dataset::Dataset;
use crate::model::PictureFailure;
use crate::progress::Progress;

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
    pub(super) fn check(&self, settings: &Settings) -> Result<(), TrainError> {
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

    pub(super) fn nothing_to_validate(&self) -> TrainError {
        let (fit, validate) =
            self.validation.as_ref().map_or((&self.split, &self.split), |(fit, validate)| (fit, validate));
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

/// What is learnt from, once there are vocabularies.
pub(super) struct Task<'a> {
    pub(super) settings: &'a Settings,
    pub(super) data: &'a TrainingData,
    pub(super) encoders: &'a [Encoder],
    pub(super) cache: Option<&'a Cache>,
    pub(super) progress: &'a dyn Progress,
}

/// What is learnt, whichever way.
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
    pub(super) fn splits(&self, usable: &Rows) -> Result<Splits, TrainError> {
        let (data, split) = (self.data, &self.data.split);
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
