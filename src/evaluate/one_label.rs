//! What counts when every picture has one category: decisions for the category of the largest score.

use serde::Serialize;

use crate::dataset::{Dataset, Entry};
use crate::explanation::Selection;

/// How often the decisions are right, and what is taken for what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OneLabel {
    /// Share of pictures decided rightly.
    pub accuracy: f64,
    /// Mean over the categories of the share of their pictures decided rightly; categories without pictures are left out.
    pub balanced_accuracy: f64,
    /// Pictures by (truth, decision), row by row.
    pub confusion: Vec<Vec<usize>>,
}

impl OneLabel {
    /// The measures of (truth, decision) pairs; none without any.
    ///
    /// ```
    /// let found = bowsight::evaluate::OneLabel::of([(0, 0), (0, 1), (0, 0), (1, 1)], 2).unwrap();
    /// assert_eq!((found.accuracy, found.confusion), (0.75, vec![vec![2, 1], vec![0, 1]]));
    /// assert_eq!(found.balanced_accuracy, (2.0 / 3.0 + 1.0) / 2.0);
    /// ```
    pub fn of(decisions: impl IntoIterator<Item = (usize, usize)>, categories: usize) -> Option<Self> {
        Self::counted(decisions.into_iter().map(|decision| (decision, 1)), categories)
    }

    /// The same; each pair counts as often as the number beside it says.
    pub(crate) fn counted(
        decisions: impl IntoIterator<Item = ((usize, usize), usize)>,
        categories: usize,
    ) -> Option<Self> {
        let mut confusion = vec![vec![0; categories]; categories];
        for ((truth, decision), times) in decisions {
            confusion[truth][decision] += times;
        }
        let recalls: Vec<(usize, usize)> = confusion
            .iter()
            .enumerate()
            .map(|(category, row)| (row[category], row.iter().sum()))
            .filter(|(_, pictures)| *pictures > 0)
            .collect();
        let right: usize = recalls.iter().map(|(right, _)| right).sum();
        let pictures: usize = recalls.iter().map(|(_, pictures)| pictures).sum();
        let recall = recalls.iter().map(|(right, pictures)| *right as f64 / *pictures as f64).sum::<f64>();
        (pictures > 0).then(|| Self {
            accuracy: right as f64 / pictures as f64,
            balanced_accuracy: recall / recalls.len() as f64,
            confusion,
        })
    }
}

/// The category of a picture that surely has one and no other.
pub fn only_category(entry: &Entry) -> Option<usize> {
    only_label(&entry.labels)
}

/// The category that is surely the only one of these labels.
pub fn only_label(labels: &[i8]) -> Option<usize> {
    let category = labels.iter().position(|label| *label == 1)?;
    labels.iter().enumerate().all(|(other, label)| other == category || *label == -1).then_some(category)
}

/// Whether there are at least two categories and every picture surely has one and no other.
pub fn is_one_label(dataset: &Dataset) -> bool {
    dataset.categories.len() >= 2 && dataset.pictures.iter().all(|entry| only_category(entry).is_some())
}

/// The category of the largest score; the first of equals.
pub(crate) fn decide(scores: &[f64]) -> Option<usize> {
    Selection::Top.of(&[], scores).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_one_sure_category() {
        let entry =
            |labels: &[i8]| Entry { id: "a".into(), path: "a.png".into(), labels: labels.to_vec(), group: None };
        assert_eq!(only_category(&entry(&[-1, 1, -1])), Some(1));
        for labels in [&[-1, -1][..], &[1, 1], &[1, 0], &[]] {
            assert_eq!(only_category(&entry(labels)), None, "{labels:?}");
        }
        assert_eq!(decide(&[0.5, 0.7, 0.7]), Some(1));
        assert_eq!(OneLabel::of([], 3), None);
    }
}
