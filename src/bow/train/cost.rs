//! Training step 4: C, by what [`super::trials`] finds on the validation parts.

use ndarray::Array2;
use rayon::prelude::*;

use super::classifiers::{Machines, learnable};
use super::error::TrainError;
use super::histograms::{Part, Scored};
use super::trials::{Trials, Tried};
use super::weights::weighted_kernels;
use crate::bow::config::Settings;
use crate::bow::record::Validation;
use crate::progress::Progress;

/// Mean measures on the validation parts for every C of the grid, and the C of every category.
pub(super) fn choose_cost(
    settings: &Settings,
    sums: &[Array2<f32>],
    rounds: &[(Part, Scored)],
    progress: &dyn Progress,
) -> Result<(Vec<f64>, Validation), TrainError> {
    let mut trials = Trials::new(settings, rounds);
    progress.begin("choosing C", rounds.len() * trials.grid.len());
    for (fit, validate) in rounds {
        let kernels = weighted_kernels(settings, sums, fit, progress)?;
        let matrix = kernels.combine(&fit.rows, &fit.rows);
        let machines = Machines { settings, matrix: matrix.view(), labels: &fit.labels };
        let across: Vec<Array2<f32>> = validate.views.iter().map(|rows| kernels.combine(rows, &fit.rows)).collect();
        let learnable = learnable(fit);
        let mut fits = Vec::new();
        let mut points = Vec::new();
        for &c in &trials.grid {
            fits = machines.fit_all(&learnable, c, &fits);
            let tried = learnable.par_iter().zip(&fits).map(|(&category, fit)| {
                let score = |i: usize| {
                    across.iter().map(|view| fit.solution.score(view.row(i))).sum::<f64>() / across.len() as f64
                };
                let scores = (0..validate.labels.len()).map(score).collect();
                Tried { category, scores, bounded: fit.solution.report.is_bounded() }
            });
            points.push(trials.measure(validate, tried.collect()));
            progress.step();
        }
        trials.add(points);
    }
    progress.end();
    trials.choose(settings, progress)
}
