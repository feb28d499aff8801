//! Training step 5: one SVM per category.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::histograms::Part;
use crate::bow::config::{ClassWeight, Settings};
use crate::bow::record::SolverRecord;
use crate::bow::score::svm::{self, Problem, Report, Solution};

/// C of both classes of a category, and how many pictures each has.
pub(super) struct Costs {
    c: f64,
    pub(super) c_positive: f64,
    pub(super) c_negative: f64,
    positives: usize,
    negatives: usize,
}

impl Costs {
    /// Weighs C for both classes of `labels`, of which difficult ones (0) do not count.
    pub(super) fn new(settings: &Settings, labels: impl Iterator<Item = i8> + Clone, c: f64) -> Self {
        let count = |sign: i8| labels.clone().filter(|label| *label == sign).count();
        let (positives, negatives) = (count(1), count(-1));
        let weight = |count: usize| match settings.svm.class_weight {
            ClassWeight::None => c,
            ClassWeight::Balanced => c * (positives + negatives) as f64 / (2.0 * count.max(1) as f64),
        };
        Self { c, c_positive: weight(positives), c_negative: weight(negatives), positives, negatives }
    }

    pub(super) fn record(&self, category: &str, report: &Report) -> SolverRecord {
        SolverRecord {
            category: category.to_string(),
            c: self.c,
            c_positive: self.c_positive,
            c_negative: self.c_negative,
            positives: self.positives,
            negatives: self.negatives,
            report: report.clone(),
        }
    }
}

/// A solved category: a of every training picture (0 for difficult ones).
pub(super) struct CategoryFit {
    pub(super) solution: Solution,
    pub(super) costs: Costs,
}

/// Training pictures whose combined kernels are known.
#[derive(Clone, Copy)]
pub(super) struct Machines<'a> {
    pub(super) settings: &'a Settings,
    /// The kernels of all pairs of pictures.
    pub(super) matrix: ArrayView2<'a, f32>,
    /// The labels of each picture.
    pub(super) labels: &'a [Vec<i8>],
}

impl Machines<'_> {
    /// Solves a category with this C; `start` is a solution for a smaller one.
    pub(super) fn fit(&self, category: usize, c: f64, start: Option<&[f64]>) -> CategoryFit {
        let Self { settings, matrix, labels } = *self;
        let used: Vec<usize> = (0..labels.len()).filter(|&i| labels[i][category] != 0).collect();
        let signs: Vec<f64> = used.iter().map(|&i| f64::from(labels[i][category])).collect();
        let costs = Costs::new(settings, labels.iter().map(|labels| labels[category]), c);
        let bound = |sign: &f64| if *sign > 0.0 { costs.c_positive } else { costs.c_negative };
        let bounds: Vec<f64> = signs.iter().map(bound).collect();
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
        CategoryFit { solution, costs }
    }

    /// Solves all `categories` with this C; `before` has their solutions for a smaller one, or none.
    pub(super) fn fit_all(&self, categories: &[usize], c: f64, before: &[CategoryFit]) -> Vec<CategoryFit> {
        let start = |at: usize| before.get(at).map(|fit| fit.solution.dual.as_slice());
        categories.par_iter().enumerate().map(|(at, &category)| self.fit(category, c, start(at))).collect()
    }
}

/// The categories that `fit` has positives and negatives of.
pub(super) fn learnable(fit: &Part) -> Vec<usize> {
    let has = |category: usize, sign: i8| fit.labels.iter().any(|labels| labels[category] == sign);
    (0..fit.categories()).filter(|&category| has(category, 1) && has(category, -1)).collect()
}

/// Lists the pictures that are a support vector of any category.
pub(super) fn support_pictures(fits: &[CategoryFit], pictures: usize) -> Vec<usize> {
    (0..pictures).filter(|&i| fits.iter().any(|fit| fit.solution.dual[i] != 0.0)).collect()
}
