//! The measures of cross-validation: over the folds, and over all pictures together.

use serde::Serialize;

use super::{Measures, OneLabel, PictureScores, mean_auc, mean_precision, measure};
use crate::dataset::Dataset;

/// A measure over the folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Mean over the folds that have it.
    pub mean: Option<f64>,
    /// Standard deviation over these folds, of a sample (n − 1); none with fewer than two.
    pub deviation: Option<f64>,
    /// The measure of each fold; none where its pictures don't allow it.
    pub folds: Vec<Option<f64>>,
    /// The measure of all pictures together, each scored by the model that did not learn from it. The folds' models differ, so measures that
    /// rank pictures compare scores of different models here.
    pub pooled: Option<f64>,
}

impl Spread {
    fn of(folds: &[Measures], pooled: &Measures, value: impl Fn(&Measures) -> Option<f64>) -> Self {
        let folds: Vec<Option<f64>> = folds.iter().map(&value).collect();
        let known: Vec<f64> = folds.iter().flatten().copied().collect();
        let count = known.len() as f64;
        let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / count);
        let squares = mean.map(|mean| known.iter().map(|value| (value - mean).powi(2)).sum::<f64>());
        let deviation = squares.filter(|_| known.len() >= 2).map(|squares| (squares / (count - 1.0)).sqrt());
        Self { mean, deviation, folds, pooled: value(pooled) }
    }
}

/// AP in both definitions and ROC AUC over the folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranking {
    /// AP at eleven points.
    pub voc2007: Spread,
    /// AP as the area.
    pub voc2010: Spread,
    /// ROC AUC.
    pub roc_auc: Spread,
}

/// Decisions for the category of the largest score, over the folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decisions {
    /// Share of pictures decided rightly.
    pub accuracy: Spread,
    /// Mean share over the categories.
    pub balanced_accuracy: Spread,
    /// All pictures by (truth, decision), row by row.
    pub confusion: Vec<Vec<usize>>,
}

/// All measures over the folds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AcrossFolds {
    /// One a category.
    pub categories: Vec<Ranking>,
    /// Means over the categories.
    pub mean: Ranking,
    /// Where every picture has one category.
    pub one_label: Option<Decisions>,
}

/// The measures of out-of-fold `scores`; `fold` is each picture's of `folds`.
pub fn across_folds(dataset: &Dataset, scores: &[PictureScores], fold: &[usize], folds: usize) -> AcrossFolds {
    let pooled = measure(dataset, scores);
    let each: Vec<Measures> = (0..folds)
        .map(|number| {
            let part = dataset.part("", |i| fold[i] == number);
            let own = scores.iter().zip(fold).filter(|(_, at)| **at == number).map(|(scores, _)| scores.clone());
            measure(&part, &own.collect::<Vec<_>>())
        })
        .collect();
    let category = |category: usize| Ranking {
        voc2007: Spread::of(&each, &pooled, |m| Some(m.average_precision[category]?.voc2007)),
        voc2010: Spread::of(&each, &pooled, |m| Some(m.average_precision[category]?.voc2010)),
        roc_auc: Spread::of(&each, &pooled, |m| m.roc_auc[category]),
    };
    let one_label = |value: fn(&OneLabel) -> f64| Spread::of(&each, &pooled, |m| m.one_label.as_ref().map(value));
    AcrossFolds {
        categories: (0..dataset.categories.len()).map(category).collect(),
        mean: Ranking {
            voc2007: Spread::of(&each, &pooled, |m| Some(mean_precision(&m.average_precision)?.voc2007)),
            voc2010: Spread::of(&each, &pooled, |m| Some(mean_precision(&m.average_precision)?.voc2010)),
            roc_auc: Spread::of(&each, &pooled, |m| mean_auc(&m.roc_auc)),
        },
        one_label: pooled.one_label.as_ref().map(|all| Decisions {
            accuracy: one_label(|m| m.accuracy),
            balanced_accuracy: one_label(|m| m.balanced_accuracy),
            confusion: all.confusion.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Entry, Layout};
    use crate::model::PictureFailure;
    use crate::picture::Picture;

    fn unreadable() -> PictureFailure {
        Picture::open("nowhere", &Default::default()).unwrap_err().into()
    }

    #[test]
    fn folds_and_pool_are_measured() {
        let labels = [[1, -1], [-1, 1], [1, -1], [-1, 1], [1, -1], [-1, 1]];
        let entry = |(i, labels): (usize, &[i8; 2])| Entry {
            id: i.to_string(),
            path: i.to_string(),
            labels: labels.to_vec(),
            group: None,
        };
        let data = Dataset {
            root: "nowhere".into(),
            source: "nowhere".into(),
            layout: Layout::List,
            split: "s".into(),
            categories: vec!["a".into(), "b".into()],
            pictures: labels.iter().enumerate().map(entry).collect(),
            notes: Vec::new(),
        };
        // Fold 0 is right; fold 1 is wrong; in fold 2 a picture failed.
        let score = |a: f64, b: f64| Ok(vec![a, b]);
        let scores =
            [score(1.0, 0.0), score(0.0, 1.0), score(-1.0, 0.0), score(0.5, 0.0), score(0.0, 0.0), Err(unreadable())];
        let found = across_folds(&data, &scores, &[0, 0, 1, 1, 2, 2], 3);
        let auc = &found.categories[0].roc_auc;
        assert_eq!(auc.folds, [Some(1.0), Some(0.0), None]);
        assert_eq!((auc.mean, auc.deviation), (Some(0.5), Some(0.5f64.sqrt())));
        // Positives 1, −1, 0 against negatives 0, ½: 2 + 0 + ½ of 6 pairs.
        assert_eq!(auc.pooled, Some(2.5 / 6.0));
        assert_eq!(found.categories[0].voc2010.folds, [Some(1.0), Some(0.5), Some(1.0)]);
        let decisions = found.one_label.unwrap();
        assert_eq!(decisions.confusion, [[2, 1], [1, 1]]);
        assert_eq!(decisions.accuracy.folds, [Some(1.0), Some(0.0), Some(1.0)]);
        assert_eq!(decisions.accuracy.pooled, Some(0.6));
        assert_eq!(decisions.balanced_accuracy.pooled, Some((2.0 / 3.0 + 0.5) / 2.0));
    }
}
