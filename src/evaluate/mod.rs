//! How good a classifier is: scores of many pictures, and what is measured on them.

pub mod across_folds;
mod average_precision;
pub mod calibration;
mod intervals;
pub mod localisation;
mod one_label;
mod ranking;
pub mod resamples;
mod roc_auc;
mod scores;

pub use across_folds::{AcrossFolds, across_folds};
pub use average_precision::{AveragePrecision, average_precision};
pub use intervals::{Interval, Intervals};
pub(crate) use one_label::decide;
pub use one_label::{OneLabel, is_one_label, only_category, only_label};
pub use ranking::Ranking;
pub use roc_auc::roc_auc;
pub use scores::{PictureScores, scores};

use rayon::prelude::*;

use crate::dataset::{Dataset, Entry};
use crate::model::Model;

/// What is measured on the pictures that have scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// AP of every category; none without positives.
    pub average_precision: Vec<Option<AveragePrecision>>,
    /// ROC AUC of every category; none without positives or negatives.
    pub roc_auc: Vec<Option<f64>>,
    /// Where every picture of the data set has one category.
    pub one_label: Option<OneLabel>,
}

impl Measures {
    /// AP at eleven points, AP as the area, and ROC AUC of a category.
    pub fn of_category(&self, category: usize) -> [Option<f64>; 3] {
        let ap = self.average_precision[category];
        [ap.map(|ap| ap.voc2007), ap.map(|ap| ap.voc2010), self.roc_auc[category]]
    }

    /// The means of the same over the categories that have them.
    pub fn mean(&self) -> [Option<f64>; 3] {
        let ap = mean_precision(&self.average_precision);
        [ap.map(|ap| ap.voc2007), ap.map(|ap| ap.voc2010), mean_auc(&self.roc_auc)]
    }
}

/// All measures; `dataset`'s labels are in the order of the scores.
pub fn measure(dataset: &Dataset, scores: &[PictureScores]) -> Measures {
    Sample::of(dataset, scores).measures(|_| 1)
}

/// AP of every category over the pictures that have scores; `dataset`'s labels are in the model's order.
pub fn precisions(dataset: &Dataset, scores: &[PictureScores]) -> Vec<Option<AveragePrecision>> {
    measure(dataset, scores).average_precision
}

/// Whether the model was trained on each picture of `dataset`, byte for byte; none where that can't be told.
pub fn in_training(model: &dyn Model, dataset: &Dataset) -> Vec<Option<bool>> {
    dataset.pictures.par_iter().map(|entry| model.was_trained_on_file(&dataset.file(entry))).collect()
}

/// The pictures that have scores, ranked once, to be measured as they are or as a resample has them.
#[derive(Debug, Clone)]
struct Sample {
    /// One a category.
    rankings: Vec<Ranking>,
    /// Place in the data set, and (truth, decision); none where pictures may have several categories.
    decisions: Option<Vec<(usize, (usize, usize))>>,
}

impl Sample {
    fn of(dataset: &Dataset, scores: &[PictureScores]) -> Self {
        let pictures = || dataset.pictures.iter().zip(scores);
        let ranking = |category: usize| {
            // Pictures without scores are passed over, as difficult ones are.
            let scored = pictures().map(|(entry, scores)| match scores {
                Ok(scores) => (scores[category], entry.labels[category]),
                Err(_) => (0.0, 0),
            });
            let (scores, labels): (Vec<f64>, Vec<i8>) = scored.unzip();
            Ranking::new(&scores, &labels)
        };
        let decision = |(place, (entry, scores)): (usize, (&Entry, &PictureScores))| {
            Some((place, (only_category(entry)?, decide(scores.as_ref().ok()?)?)))
        };
        Self {
            rankings: (0..dataset.categories.len()).map(ranking).collect(),
            decisions: is_one_label(dataset).then(|| pictures().enumerate().filter_map(decision).collect()),
        }
    }

    /// All measures; the picture at place i of the data set counts `times(i)` times.
    fn measures(&self, times: impl Fn(usize) -> u32 + Copy) -> Measures {
        let categories = self.rankings.len();
        let one_label = self.decisions.as_ref().and_then(|decisions| {
            let counted = decisions.iter().map(|&(place, decision)| (decision, times(place) as usize));
            OneLabel::counted(counted, categories)
        });
        Measures {
            average_precision: self.rankings.iter().map(|ranking| ranking.average_precision(times)).collect(),
            roc_auc: self.rankings.iter().map(|ranking| ranking.roc_auc(times)).collect(),
            one_label,
        }
    }
}

/// Mean of those that exist; none where none does.
pub fn mean_precision(precisions: &[Option<AveragePrecision>]) -> Option<AveragePrecision> {
    let mean = |of: fn(&AveragePrecision) -> f64| mean(precisions.iter().flatten().map(of));
    Some(AveragePrecision { voc2007: mean(|ap| ap.voc2007)?, voc2010: mean(|ap| ap.voc2010)? })
}

/// Mean of those that exist; none where none does.
pub fn mean_auc(areas: &[Option<f64>]) -> Option<f64> {
    mean(areas.iter().flatten().copied())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_decisions_and_areas_agree() {
        #[derive(serde::Deserialize)]
        struct Case {
            scores: Vec<Vec<f64>>,
            truth: Vec<usize>,
            accuracy: f64,
            balanced_accuracy: f64,
            confusion: Vec<Vec<usize>>,
            roc_auc: Vec<Option<f64>>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/one_label.json");
        let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(cases.len(), 6);
        for case in cases {
            let categories = case.roc_auc.len();
            let decisions =
                case.truth.iter().zip(&case.scores).map(|(&truth, s)| (truth, one_label::decide(s).unwrap()));
            let found = OneLabel::of(decisions, categories).unwrap();
            assert!((found.accuracy - case.accuracy).abs() < 1e-12);
            assert!((found.balanced_accuracy - case.balanced_accuracy).abs() < 1e-12);
            assert_eq!(found.confusion, case.confusion);
            for (category, expected) in case.roc_auc.iter().enumerate() {
                let scores: Vec<f64> = case.scores.iter().map(|scores| scores[category]).collect();
                let labels: Vec<i8> = case.truth.iter().map(|&truth| if truth == category { 1 } else { -1 }).collect();
                match (roc_auc(&scores, &labels), expected) {
                    (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12),
                    (found, expected) => assert_eq!(found, *expected),
                }
            }
        }
    }
}
