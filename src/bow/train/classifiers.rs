//! Training step 5: one SVM a category.

use ndarray::{Array2, ArrayView2};

use crate::bow::SolverRecord;
use crate::bow::config::{ClassWeight, Settings};
use crate::bow::score::svm::{self, Problem, Solution};

/// A solved category: a of every training picture (0 for difficult ones).
pub(super) struct CategoryFit {
    pub(super) solution: Solution,
    c: f64,
    c_positive: f64,
    c_negative: f64,
    positives: usize,
    negatives: usize,
}

impl CategoryFit {
    pub(super) fn record(&self, category: &str) -> SolverRecord {
        SolverRecord {
            category: category.to_string(),
            c: self.c,
            c_positive: self.c_positive,
            c_negative: self.c_negative,
            positives: self.positives,
            negatives: self.negatives,
            report: self.solution.report.clone(),
        }
    }
}

pub(super) fn fit_category(
    settings: &Settings,
    matrix: ArrayView2<'_, f32>,
    labels: &[Vec<i8>],
    category: usize,
    c: f64,
    start: Option<&[f64]>,
) -> CategoryFit {
    let used: Vec<usize> = (0..labels.len()).filter(|&i| labels[i][category] != 0).collect();
    let signs: Vec<f64> = used.iter().map(|&i| f64::from(labels[i][category])).collect();
    let positives = signs.iter().filter(|sign| **sign > 0.0).count();
    let negatives = signs.len() - positives;
    let weight = |count: usize| match settings.svm.class_weight {
        ClassWeight::None => c,
        ClassWeight::Balanced => c * signs.len() as f64 / (2.0 * count.max(1) as f64),
    };
    let (c_positive, c_negative) = (weight(positives), weight(negatives));
    let bounds: Vec<f64> = signs.iter().map(|sign| if *sign > 0.0 { c_positive } else { c_negative }).collect();
    let start: Option<Vec<f64>> = start.map(|start| used.iter().map(|&i| start[i]).collect());
    // Without difficult pictures the matrix is shared as it is.
    let part = (used.len() < labels.len())
        .then(|| Array2::from_shape_fn((used.len(), used.len()), |(i, j)| matrix[(used[i], used[j])]));
    let mut solution = svm::solve(&Problem {
        gram: part.as_ref().map_or_else(|| matrix.view(), |part| part.view()),
        labels: &signs,
        bounds: &bounds,
        tolerance: settings.svm.tolerance,
        start: start.as_deref(),
    });
    if part.is_some() {
        let mut dual = vec![0.0; labels.len()];
        for (&i, a) in used.iter().zip(&solution.dual) {
            dual[i] = *a;
        }
        solution.dual = dual;
    }
    CategoryFit { solution, c, c_positive, c_negative, positives, negatives }
}

/// The pictures that are a support vector of any category.
pub(super) fn support_pictures(fits: &[CategoryFit], pictures: usize) -> Vec<usize> {
    (0..pictures).filter(|&i| fits.iter().any(|fit| fit.solution.dual[i] != 0.0)).collect()
}
