//! Training step 4: C, by the mean average precision on a validation part.

use ndarray::Array2;
use rayon::prelude::*;

use super::classifiers::Machines;
use super::error::TrainError;
use super::histograms::{Part, Scored};
use super::weights::weighted_kernels;
use crate::bow::config::Settings;
use crate::bow::record::{GridPoint, Validation};
use crate::evaluate::average_precision;
use crate::progress::Progress;

/// C of the grid: 10^−2 … 10^3 in half decades.
pub(super) fn cost_grid() -> Vec<f64> {
    (-4..=6).map(|half: i32| 10f64.powf(f64::from(half) / 2.0)).collect()
}

/// A C within this of the best mean AP is as good, and the smallest such is taken.
const COST_MARGIN: f64 = 1e-4;

/// Mean AP (area) on the validation part for every C of the grid, and the C of every category.
pub(super) fn choose_cost(
    settings: &Settings,
    sums: &[Array2<f32>],
    fit: &Part,
    validate: &Scored,
    progress: &dyn Progress,
) -> Result<(Vec<f64>, Validation), TrainError> {
    let categories = fit.categories();
    let kernels = weighted_kernels(settings, sums, fit, progress)?;
    let matrix = kernels.combine(&fit.rows, &fit.rows);
    let machines = Machines { settings, matrix: matrix.view(), labels: &fit.labels };
    let across: Vec<Array2<f32>> = validate.views.iter().map(|rows| kernels.combine(rows, &fit.rows)).collect();
    let grid = cost_grid();
    progress.begin("choosing C", categories);
    let curves: Vec<Vec<Option<f64>>> = (0..categories)
        .into_par_iter()
        .map(|category| {
            let truth: Vec<i8> = validate.labels.iter().map(|labels| labels[category]).collect();
            let has = |sign: i8| fit.labels.iter().any(|labels| labels[category] == sign);
            let mut start: Option<Vec<f64>> = None;
            let curve = grid
                .iter()
                .map(|&c| {
                    if !(has(1) && has(-1)) {
                        return None;
                    }
                    let fitted = machines.fit(category, c, start.as_deref());
                    let score = |i: usize| {
                        across.iter().map(|view| fitted.solution.score(view.row(i))).sum::<f64>() / across.len() as f64
                    };
                    let scores: Vec<f64> = (0..truth.len()).map(score).collect();
                    start = Some(fitted.solution.dual);
                    average_precision(&scores, &truth).map(|ap| ap.voc2010)
                })
                .collect();
            progress.step();
            curve
        })
        .collect();
    progress.end();
    choose(settings, &grid, &curves, fit, validate)
}

/// The C of every category from the AP (area) of every category at every C of the grid; none where there is nothing to judge by.
pub(super) fn choose(
    settings: &Settings,
    grid: &[f64],
    curves: &[Vec<Option<f64>>],
    fit: &Part,
    validate: &Scored,
) -> Result<(Vec<f64>, Validation), TrainError> {
    let categories = curves.len();
    let judged: Vec<usize> = (0..categories).filter(|&category| curves[category].iter().all(Option::is_some)).collect();
    if judged.is_empty() {
        return Err(TrainError::NothingToValidate { fit: fit.name.clone(), validate: validate.name.clone() });
    }
    let at = |category: usize, point: usize| curves[category][point].unwrap_or(0.0);
    let means: Vec<f64> = (0..grid.len())
        .map(|point| judged.iter().map(|&category| at(category, point)).sum::<f64>() / judged.len() as f64)
        .collect();
    let smallest_good = |values: &[f64]| {
        let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        values.iter().position(|&value| value >= best - COST_MARGIN).unwrap_or(0)
    };
    let common = smallest_good(&means);
    let chosen: Vec<usize> = (0..categories)
        .map(|category| {
            if settings.svm.c_per_category && judged.contains(&category) {
                smallest_good(&(0..grid.len()).map(|point| at(category, point)).collect::<Vec<_>>())
            } else {
                common
            }
        })
        .collect();
    let precision: Vec<Option<f64>> = (0..categories).map(|category| curves[category][chosen[category]]).collect();
    let validation = Validation {
        fit_split: fit.name.clone(),
        validate_split: validate.name.clone(),
        mean_average_precision: precision.iter().flatten().sum::<f64>() / judged.len() as f64,
        average_precision: precision,
        grid: grid
            .iter()
            .zip(means)
            .map(|(&c, mean_average_precision)| GridPoint { c, mean_average_precision })
            .collect(),
    };
    Ok((chosen.into_iter().map(|point| grid[point]).collect(), validation))
}
