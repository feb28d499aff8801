//! How good a classifier is: scores of many pictures, and what is measured on them.

pub mod across_folds;
mod average_precision;
pub mod localisation;
mod one_label;
mod ranking;
pub mod resamples;
mod roc_auc;
mod scores;

pub use across_folds::{AcrossFolds, across_folds};
pub use average_precision::{AveragePrecision, average_precision};
pub use one_label::{OneLabel, is_one_label, only_category, only_label};
pub use ranking::Ranking;
pub use roc_auc::roc_auc;
pub use scores::{PictureScores, scores};

use crate::dataset::Dataset;

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

/// All measures; `dataset`'s labels are in the order of the scores.
pub fn measure(dataset: &Dataset, scores: &[PictureScores]) -> Measures {
    let decisions = dataset
        .pictures
        .iter()
        .zip(scores)
        .filter_map(|(entry, scores)| Some((only_category(entry)?, one_label::decide(scores.as_ref().ok()?)?)));
    Measures {
        average_precision: each(dataset, scores, average_precision),
        roc_auc: each(dataset, scores, roc_auc),
        one_label: is_one_label(dataset).then(|| OneLabel::of(decisions, dataset.categories.len())).flatten(),
    }
}

/// AP of every category over the pictures that have scores; `dataset`'s labels are in the model's order.
pub fn precisions(dataset: &Dataset, scores: &[PictureScores]) -> Vec<Option<AveragePrecision>> {
    each(dataset, scores, average_precision)
}

/// A measure of scores and labels for every category.
fn each<T>(dataset: &Dataset, scores: &[PictureScores], measure: fn(&[f64], &[i8]) -> Option<T>) -> Vec<Option<T>> {
    (0..dataset.categories.len())
        .map(|category| {
            let scored =
                dataset.pictures.iter().zip(scores).filter_map(|(entry, scores)| {
                    Some((*scores.as_ref().ok()?.get(category)?, entry.labels[category]))
                });
            let (scores, labels): (Vec<f64>, Vec<i8>) = scored.unzip();
            measure(&scores, &labels)
        })
        .collect()
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
