//! Training on explicit feature maps: histograms on disk, C, one linear SVM per category. Memory does not grow with pictures × dimensions.
//!
//! The features of channel u are `√(β_u/s_u) (ψ(x_u) − m_u)` with the mean `m = mean_i ψ(x_i)` and the kernel's variance
//! `s = mean_i ‖ψ(x_i)‖² − ‖m‖²`. Without the mean, all pictures would have most of their features in common, and every step of the solver
//! would undo the one before; the bias takes what belongs to it: `b = b' − w·m`.

use std::cell::Cell;

use ndarray::{Array2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use super::classifiers::Costs;
use super::classifiers::learnable;
use super::error::TrainError;
use super::histograms::{Part, Pool, Scored, store_pool};
use super::store::Store;
use super::task::{Learnt, Task};
use super::trials::{Trials, Tried};
use crate::bow::config::{ChannelWeights, Cost, Settings};
use crate::bow::record::Validation;
use crate::bow::score::coordinate_descent::{Options, Problem, Rows, Solution, solve};
use crate::bow::score::feature_map::{FeatureMap, Weights};
use crate::bow::score::{Classifier, LinearChannel, LinearMachine};
use crate::progress::Progress;

/// Maximum number of passes over the pictures.
const PASSES: usize = 1000;
/// Bytes of features that are mapped at a time, unless a single row has more.
const BYTES_AT_ONCE: usize = 64 << 20;

pub(super) fn learn(task: &Task<'_>) -> Result<Learnt, TrainError> {
    let Task { settings, data, progress, .. } = *task;
    let (usable, store, left_out) = store_pool(task, &Pool::new(data))?;
    let splits = task.splits(&usable, &left_out)?;
    let categories = &data.split.categories;
    let (costs, validation) = match (settings.svm.c, &splits.validation[..]) {
        (Cost::Fixed(c), _) => (vec![c; categories.len()], None),
        (Cost::Validate, []) => return Err(data.nothing_to_validate()),
        (Cost::Validate, rounds) => {
            let (costs, validation) = choose_cost(settings, &store, rounds, progress)?;
            (costs, Some(validation))
        }
    };
    let part = splits.fit_final;
    task.require_both_signs(&part)?;
    let channels = scaled(settings, &store, &part)?;
    let rows = Mapped { store: &store, channels: &channels, rows: &part.rows };
    progress.begin("classifiers", categories.len());
    let all: Vec<usize> = (0..categories.len()).collect();
    let machines = Machines { settings, rows: &rows, labels: &part.labels, progress };
    let (costs, solutions) = machines.fit(&all, |category| costs[category], Vec::new());
    progress.end();

    let mean: Vec<f32> = channels.iter().flat_map(|channel| channel.mean.iter().copied()).collect();
    let bias = solutions.iter().map(|solution| solution.bias - solution.dot(&mean)).collect();
    let mut first = 0;
    let channels = channels.into_iter().zip(store.dimensions()).map(|(channel, &dimensions)| {
        let columns = channel.map.width() * dimensions;
        let weights = Array2::from_shape_fn((solutions.len(), columns), |(category, column)| {
            solutions[category].weights[first + column] * channel.factor
        });
        first += columns;
        LinearChannel { weights: Weights::new(channel.map, weights), scale: channel.scale, beta: channel.beta }
    });
    let machine = LinearMachine { channels: channels.collect(), bias };
    let record =
        |((category, costs), solution): ((&String, &Costs), &Solution)| costs.record(category, &solution.report);
    Ok(Learnt {
        left_out,
        validation,
        solvers: categories.iter().zip(&costs).zip(&solutions).map(record).collect(),
        support: Vec::new(),
        classifier: Classifier::Linear(machine),
        part,
    })
}

/// A channel's features, centred, scaled and weighted.
struct MappedChannel {
    map: FeatureMap,
    /// `√(β/s) m`.
    mean: Vec<f32>,
    /// `√(β/s)`.
    factor: f64,
    scale: f64,
    beta: f64,
}

/// Pictures as features.
struct Mapped<'a> {
    store: &'a Store,
    channels: &'a [MappedChannel],
    /// The pictures' rows in the store.
    rows: &'a [usize],
}

impl Rows for Mapped<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.channels
            .iter()
            .zip(self.store.dimensions())
            .map(|(channel, dimensions)| channel.map.width() * dimensions)
            .sum()
    }

    fn fill(&self, row: usize, mut features: &mut [f32]) {
        for (number, channel) in self.channels.iter().enumerate() {
            let histogram = self.store.histogram(number, self.rows[row]);
            let (own, rest) = features.split_at_mut(channel.map.width() * histogram.len());
            channel.map.map(&histogram, channel.factor, own);
            own.iter_mut().zip(&channel.mean).for_each(|(value, mean)| *value -= mean);
            features = rest;
        }
    }
}

/// The channels' maps, with scale and weight from the pictures that are fitted to.
fn scaled(settings: &Settings, store: &Store, part: &Part) -> Result<Vec<MappedChannel>, TrainError> {
    let total: f64 = settings.channel.iter().map(|channel| channel.weight).sum();
    let channel = |(number, config): (usize, &crate::bow::config::ChannelConfig)| {
        let map = config.kernel.kind.feature_map(settings.svm.map_order).expect("settings that were checked");
        let (mean, scale) = mean_and_variance(store, number, &map, &part.rows);
        if scale.is_nan() || scale <= 1e-12 {
            return Err(TrainError::NoVariance { channel: number });
        }
        let beta = match settings.combination.weights {
            ChannelWeights::Uniform => 1.0 / settings.channel.len() as f64,
            _ => config.weight / total,
        };
        let factor = (beta / scale).sqrt();
        let mean = mean.into_iter().map(|mean| (factor * mean) as f32).collect();
        Ok(MappedChannel { map, mean, factor, scale, beta })
    };
    settings.channel.iter().enumerate().map(channel).collect()
}

/// Computes m and s, summed in the order of the rows.
fn mean_and_variance(store: &Store, channel: usize, map: &FeatureMap, rows: &[usize]) -> (Vec<f64>, f64) {
    let width = map.width() * store.dimensions()[channel];
    let mut sums = vec![0.0f64; width];
    let mut squares = 0.0;
    let together = (BYTES_AT_ONCE / (width.max(1) * size_of::<f64>())).clamp(1, rows.len().max(1));
    let mut features = Array2::<f64>::zeros((together, width));
    for rows in rows.chunks(together) {
        let fill = |(&row, mut to): (&usize, ArrayViewMut1<'_, f64>)| {
            let to = to.as_slice_mut().expect("row by row");
            map.map(&store.histogram(channel, row), 1.0, to);
            to.iter().map(|value| value * value).sum::<f64>()
        };
        let norms: Vec<f64> = rows.par_iter().zip(features.axis_iter_mut(Axis(0)).into_par_iter()).map(fill).collect();
        squares += norms.iter().sum::<f64>();
        sums.par_iter_mut().enumerate().with_min_len(1024).for_each(|(column, sum)| {
            *sum += (0..rows.len()).map(|row| features[(row, column)]).sum::<f64>();
        });
    }
    let count = rows.len() as f64;
    let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let variance = squares / count - mean.iter().map(|mean| mean * mean).sum::<f64>();
    (mean, variance)
}

/// Training pictures whose features are known.
struct Machines<'a> {
    settings: &'a Settings,
    rows: &'a Mapped<'a>,
    /// The labels of each picture.
    labels: &'a [Vec<i8>],
    progress: &'a dyn Progress,
}

impl Machines<'_> {
    /// Solves some categories together, each with its own C; progress makes one step per category.
    ///
    /// `starts` are the solutions for a smaller C, or empty.
    fn fit(
        &self,
        categories: &[usize],
        cost: impl Fn(usize) -> f64,
        starts: Vec<Solution>,
    ) -> (Vec<Costs>, Vec<Solution>) {
        let Self { settings, progress, .. } = *self;
        let labels = |category: usize| self.labels.iter().map(move |labels| labels[category]);
        let costs: Vec<Costs> =
            categories.iter().map(|&category| Costs::new(settings, labels(category), cost(category))).collect();
        let problem = |(&category, costs): (&usize, &Costs)| Problem {
            labels: labels(category).collect(),
            bounds: (costs.c_positive, costs.c_negative),
        };
        let problems: Vec<Problem> = categories.iter().zip(&costs).map(problem).collect();
        let options = Options { tolerance: settings.svm.tolerance, passes: PASSES, seed: settings.seed };
        let done = Cell::new(0);
        let solutions = solve(self.rows, &problems, starts, options, &|pass| {
            (done.replace(pass.done)..pass.done).for_each(|_| progress.step());
            let (left, tolerance) = (problems.len() - pass.done, options.tolerance);
            let off = format!("off by {:.1e} (tolerance {tolerance:.0e})", pass.violation);
            progress.say(&format!("pass {}, {left} left, {off}", pass.number));
        });
        (done.get()..problems.len()).for_each(|_| progress.step());
        (costs, solutions)
    }
}

/// Mean measures on the validation parts for every C of the grid, and the C of every category.
fn choose_cost(
    settings: &Settings,
    store: &Store,
    rounds: &[(Part, Scored)],
    progress: &dyn Progress,
) -> Result<(Vec<f64>, Validation), TrainError> {
    let mut trials = Trials::new(settings, rounds);
    let steps: usize = rounds.iter().map(|(fit, _)| learnable(fit).len() * trials.grid.len()).sum();
    progress.begin("choosing C", steps);
    for (fit, validate) in rounds {
        let channels = scaled(settings, store, fit)?;
        let rows = Mapped { store, channels: &channels, rows: &fit.rows };
        let learnable = learnable(fit);
        let machines = Machines { settings, rows: &rows, labels: &fit.labels, progress };
        let mut solutions = Vec::new();
        let mut points = Vec::new();
        for &c in &trials.grid {
            (_, solutions) = machines.fit(&learnable, |_| c, solutions);
            let scores = scores(store, &channels, &solutions, validate);
            let tried = learnable.iter().zip(&solutions).enumerate().map(|(number, (&category, solution))| Tried {
                category,
                scores: scores.iter().map(|scores| scores[number]).collect(),
                bounded: solution.report.is_bounded(),
            });
            points.push(trials.measure(validate, tried.collect()));
        }
        trials.add(points);
    }
    progress.end();
    trials.choose(settings, progress)
}

/// Scores of pictures × categories; means over a picture and its twin if there are twins.
fn scores(store: &Store, channels: &[MappedChannel], solutions: &[Solution], scored: &Scored) -> Vec<Vec<f64>> {
    let views = scored.views.len() as f64;
    let rows: Vec<Mapped<'_>> = scored.views.iter().map(|rows| Mapped { store, channels, rows }).collect();
    let of = |picture: usize| {
        let mut mean = vec![0.0; solutions.len()];
        for rows in &rows {
            let mut features = vec![0.0; rows.width()];
            rows.fill(picture, &mut features);
            mean.iter_mut().zip(solutions).for_each(|(mean, solution)| *mean += solution.score(&features) / views);
        }
        mean
    };
    (0..scored.labels.len()).into_par_iter().map(of).collect()
}
