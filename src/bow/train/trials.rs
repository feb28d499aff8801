//! The rule that chooses C, by how well the pictures of the validation parts are ranked and decided.
//!
//! Average precision alone doesn't see the bias: with a C so small that every dual is at its bound, b may lie anywhere in an interval, and a
//! machine that ranks well may call every picture a cat. With few pictures many C rank alike. So, of all C of the grid,
//!
//! 1. those whose mean AP is within two standard errors of the best, less those that leave most machines without a free support vector
//!    (unless all do);
//! 2. of these, those whose balanced accuracy is within two standard errors of the best;
//! 3. of these, the largest; or the smallest that does exactly the same, at 0 too.
//!
//! The standard errors are those of the difference to the best, by bootstrap over the validation pictures, or over their groups. Where every
//! picture has one category, the balanced accuracy is that of deciding for the largest score; otherwise the mean over the categories of that of
//! deciding at 0. With several rounds, all measures are means over them. `docs/accuracy.md` has the measurements that led to this rule.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::error::TrainError;
use super::histograms::{Part, Scored};
use crate::bow::config::Settings;
use crate::bow::record::{GridPoint, Validation};
use crate::evaluate::calibration::{Calibration, Known};
use crate::evaluate::resamples::{Resamples, deviation};
use crate::evaluate::{OneLabel, Ranking, decide, only_label};
use crate::numeric::random::stream;
use crate::progress::Progress;

/// C of the grid: 10^−2 … 10^3 in half decades.
fn cost_grid() -> Vec<f64> {
    (-4..=6).map(|half: i32| 10f64.powf(f64::from(half) / 2.0)).collect()
}

/// Number of bootstrap resamples.
const RESAMPLES: usize = 100;
/// How many standard errors a C may lie below the best.
const ERRORS: f64 = 2.0;

/// A machine of one C that was tried.
pub(super) struct Tried {
    pub(super) category: usize,
    /// Scores of the validation pictures.
    pub(super) scores: Vec<f64>,
    /// Whether all support vectors are at their bound.
    pub(super) bounded: bool,
}

/// A measure of the pictures as they are, and of every resample; none where it does not exist.
type Values = Vec<Option<f64>>;

/// What one round measured at one C.
pub(super) struct Point {
    /// AP (area) by category.
    precision: Vec<Values>,
    /// Balanced accuracy of deciding at 0, by category.
    at_zero: Vec<Values>,
    /// Balanced accuracy of deciding for the largest score, where every picture has one category.
    of_largest: Option<Values>,
    /// Scores of the validation pictures by category; empty for one that was not tried.
    scores: Vec<Vec<f64>>,
    /// Number of machines, and of those whose support vectors are all at their bound.
    machines: usize,
    bounded: usize,
}

/// All C of the grid, tried in every round.
pub(super) struct Trials<'a> {
    pub(super) grid: Vec<f64>,
    parts: &'a [(Part, Scored)],
    resamples: Resamples,
    /// By round and C.
    rounds: Vec<Vec<Point>>,
}

impl<'a> Trials<'a> {
    pub(super) fn new(settings: &Settings, parts: &'a [(Part, Scored)]) -> Self {
        let units: BTreeSet<usize> = parts.iter().flat_map(|(_, validate)| validate.units.iter().copied()).collect();
        let count = units.last().map_or(0, |last| last + 1);
        let resamples = Resamples::draw(count, RESAMPLES, &mut stream(settings.seed, "choosing C"));
        Self { grid: cost_grid(), parts, resamples, rounds: Vec::new() }
    }

    /// Adds what a round measured at every C of the grid.
    pub(super) fn add(&mut self, round: Vec<Point>) {
        self.rounds.push(round);
    }

    /// Measures the machines of one C on the validation part of a round.
    pub(super) fn measure(&self, validate: &Scored, tried: Vec<Tried>) -> Point {
        let categories = validate.labels.first().map_or(0, Vec::len);
        let nothing = || vec![None; RESAMPLES + 1];
        let mut point = Point {
            precision: vec![nothing(); categories],
            at_zero: vec![nothing(); categories],
            of_largest: self.of_largest(validate, &tried),
            scores: vec![Vec::new(); categories],
            machines: tried.len(),
            bounded: tried.iter().filter(|tried| tried.bounded).count(),
        };
        let measured: Vec<(usize, Values, Values)> = tried
            .par_iter()
            .map(|Tried { category, scores, .. }| {
                let truth: Vec<i8> = validate.labels.iter().map(|labels| labels[*category]).collect();
                let ranked = Ranking::new(scores, &truth);
                let each = self.resamples.times().map(|times| {
                    let times = |picture: usize| times.of(validate.units[picture]);
                    let precision = ranked.average_precision(times).map(|ap| ap.voc2010);
                    (precision, balanced_at_zero(scores, &truth, times))
                });
                let (precision, at_zero) = each.unzip();
                (*category, precision, at_zero)
            })
            .collect();
        for (category, precision, at_zero) in measured {
            point.precision[category] = precision;
            point.at_zero[category] = at_zero;
        }
        tried.into_iter().for_each(|tried| point.scores[tried.category] = tried.scores);
        point
    }

    /// The balanced accuracy of deciding for the largest score; none unless every picture has one category.
    fn of_largest(&self, validate: &Scored, tried: &[Tried]) -> Option<Values> {
        let categories = validate.labels.first().map_or(0, Vec::len);
        let truth: Vec<usize> = validate.labels.iter().map(|labels| only_label(labels)).collect::<Option<_>>()?;
        if categories < 2 || tried.is_empty() {
            return None;
        }
        let largest = |picture: usize| {
            let scores: Vec<f64> = tried.iter().map(|tried| tried.scores[picture]).collect();
            tried[decide(&scores).expect("some category was tried")].category
        };
        let decisions: Vec<(usize, usize)> = truth.iter().enumerate().map(|(i, &truth)| (truth, largest(i))).collect();
        let each = self.resamples.times().map(|times| {
            let counted = decisions
                .iter()
                .enumerate()
                .map(|(picture, decision)| (*decision, times.of(validate.units[picture]) as usize));
            OneLabel::counted(counted, categories).map(|decisions| decisions.balanced_accuracy)
        });
        Some(each.collect())
    }

    /// Number of pictures scored in all rounds together.
    fn pictures(&self) -> usize {
        let rows = self.parts.iter().flat_map(|(_, validate)| validate.views[0].iter());
        rows.collect::<BTreeSet<_>>().len()
    }

    /// Means over the rounds.
    fn curves(&self) -> Curves {
        let points = || 0..self.grid.len();
        let rounds = |at: usize| self.rounds.iter().map(move |round| &round[at]);
        let by_category = |of: fn(&Point) -> &Vec<Values>| -> Vec<Vec<Values>> {
            let mean = |at: usize, category: usize| mean_of(rounds(at).map(|point| &of(point)[category]));
            points().map(|at| (0..self.categories()).map(|category| mean(at, category)).collect()).collect()
        };
        let precision = by_category(|point| &point.precision);
        let at_zero = by_category(|point| &point.at_zero);
        let over_categories =
            |values: &Vec<Vec<Values>>| -> Vec<Values> { values.iter().map(|at| mean_of(at.iter())).collect() };
        let of_largest: Option<Vec<Values>> = points()
            .map(|at| {
                let rounds: Option<Vec<&Values>> = rounds(at).map(|point| point.of_largest.as_ref()).collect();
                Some(mean_of(rounds?.into_iter()))
            })
            .collect();
        let share = |at: usize| {
            let sum = |of: fn(&Point) -> usize| rounds(at).map(of).sum::<usize>();
            sum(|point| point.bounded) as f64 / sum(|point| point.machines).max(1) as f64
        };
        let mean_at_zero = over_categories(&at_zero);
        Curves {
            mean_precision: over_categories(&precision),
            accuracy: of_largest.unwrap_or_else(|| mean_at_zero.clone()),
            mean_at_zero,
            bounded: points().map(share).collect(),
            precision,
            at_zero,
        }
    }

    fn categories(&self) -> usize {
        self.parts[0].0.categories()
    }

    /// Probabilities from the validation pictures' scores of a category at a point of the grid, all rounds together.
    fn calibrate(&self, category: usize, at: usize) -> Calibration {
        let of_round = |((_, validate), round): (&'a (Part, Scored), &Vec<Point>)| -> Vec<Known> {
            let scores = round[at].scores[category].iter().enumerate();
            let known = scores.map(|(i, &score)| (validate.labels[i][category], i, score));
            known
                .filter(|(label, ..)| *label != 0)
                .map(|(label, i, score)| Known {
                    score,
                    positive: label > 0,
                    picture: validate.views[0][i],
                    unit: validate.units[i],
                })
                .collect()
        };
        Calibration::fit(&self.parts.iter().zip(&self.rounds).flat_map(of_round).collect::<Vec<_>>())
    }

    /// The C of every category, and the record of the choice.
    pub(super) fn choose(
        &self,
        settings: &Settings,
        progress: &dyn Progress,
    ) -> Result<(Vec<f64>, Validation), TrainError> {
        let (fit, validate) = &self.parts[0];
        let curves = self.curves();
        if curves.mean_precision[0][0].is_none() {
            return Err(TrainError::NothingToValidate { fit: fit.name.clone(), validate: validate.name.clone() });
        }
        let common = pick(&curves.mean_precision, &curves.accuracy, &curves.mean_at_zero, &curves.bounded);
        let of_category = |values: &[Vec<Values>], category: usize| -> Vec<Values> {
            values.iter().map(|at| at[category].clone()).collect()
        };
        let own = |category: usize| settings.svm.c_per_category && curves.precision[0][category][0].is_some();
        let chosen: Vec<usize> = (0..self.categories())
            .map(|category| match own(category) {
                false => common,
                true => {
                    let accuracy = of_category(&curves.at_zero, category);
                    pick(&of_category(&curves.precision, category), &accuracy, &accuracy, &curves.bounded)
                }
            })
            .collect();
        let (least, most) = (self.grid[0], self.grid[self.grid.len() - 1]);
        let cost = |&point: &usize| self.grid[point];
        if let Some(end) = chosen.iter().map(cost).find(|c| *c == least || *c == most) {
            progress.warn(&format!(
                "the chosen C, {end}, is at an end of the grid, {least} to {most}: one beyond it may be better (--c)"
            ));
        }
        let average_precision: Vec<Option<f64>> =
            chosen.iter().enumerate().map(|(category, &at)| curves.precision[at][category][0]).collect();
        let known: Vec<f64> = average_precision.iter().flatten().copied().collect();
        let grid_point = |at: usize| GridPoint {
            c: self.grid[at],
            mean_average_precision: curves.mean_precision[at][0].expect("some category is judged"),
            balanced_accuracy: curves.accuracy[at][0],
            bounded: Some(curves.bounded[at]),
        };
        let validation = Validation {
            fit_split: fit.name.clone(),
            validate_split: validate.name.clone(),
            rounds: self.parts.len(),
            pictures: Some(self.pictures()),
            mean_average_precision: known.iter().sum::<f64>() / known.len() as f64,
            average_precision,
            balanced_accuracy: curves.accuracy[common][0],
            grid: (0..self.grid.len()).map(grid_point).collect(),
            calibration: chosen.iter().enumerate().map(|(category, &at)| self.calibrate(category, at)).collect(),
        };
        Ok((chosen.iter().map(cost).collect(), validation))
    }
}

/// The measures at every C, means over the rounds.
struct Curves {
    /// AP by C, then by category.
    precision: Vec<Vec<Values>>,
    /// Balanced accuracy of deciding at 0, by C, then by category.
    at_zero: Vec<Vec<Values>>,
    /// Mean AP over the categories, by C.
    mean_precision: Vec<Values>,
    /// Balanced accuracy of all decisions, by C.
    accuracy: Vec<Values>,
    /// Mean over the categories of the balanced accuracy of deciding at 0, by C.
    mean_at_zero: Vec<Values>,
    /// Share of the machines whose support vectors are all at their bound, by C.
    bounded: Vec<f64>,
}

/// The mean of those that exist, as the data are and resample by resample.
fn mean_of<'a>(values: impl Iterator<Item = &'a Values> + Clone) -> Values {
    (0..=RESAMPLES)
        .map(|resample| {
            let known: Vec<f64> = values.clone().filter_map(|values| values[resample]).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        })
        .collect()
}

/// Balanced accuracy of deciding at 0; none without positives or without negatives.
fn balanced_at_zero(scores: &[f64], truth: &[i8], times: impl Fn(usize) -> u32) -> Option<f64> {
    let recall = |sign: i8| {
        let (mut right, mut all) = (0, 0);
        for (picture, score) in scores.iter().enumerate().filter(|(picture, _)| truth[*picture] == sign) {
            all += times(picture);
            right += if (*score > 0.0) == (sign > 0) { times(picture) } else { 0 };
        }
        (all > 0).then(|| f64::from(right) / f64::from(all))
    };
    Some((recall(1)? + recall(-1)?) / 2.0)
}

/// The point of the grid that the rule takes.
fn pick(precision: &[Values], accuracy: &[Values], at_zero: &[Values], bounded: &[f64]) -> usize {
    let all: Vec<usize> = (0..precision.len()).collect();
    let ranked = as_good_as_the_best(precision, &all);
    let free: Vec<usize> = ranked.iter().copied().filter(|&point| bounded[point] <= 0.5).collect();
    let decided = as_good_as_the_best(accuracy, if free.is_empty() { &ranked } else { &free });
    let same = |a: usize, b: usize| [precision, accuracy, at_zero].iter().all(|values| values[a][0] == values[b][0]);
    let largest = *decided.last().expect("the best is as good as the best");
    *decided.iter().find(|&&point| (point..=largest).all(|at| same(at, largest))).unwrap_or(&largest)
}

/// The points of `among` within [`ERRORS`] standard errors of the best.
fn as_good_as_the_best(values: &[Values], among: &[usize]) -> Vec<usize> {
    let of = |point: usize| values[point][0].unwrap_or(f64::NEG_INFINITY);
    let best = among.iter().copied().reduce(|best, next| if of(next) > of(best) { next } else { best });
    let best = best.expect("there are points to choose from");
    let is_good = |&point: &usize| {
        let difference = |resample: usize| Some(values[best][resample]? - values[point][resample]?);
        let error = deviation(&(1..=RESAMPLES).filter_map(difference).collect::<Vec<_>>());
        of(best) <= of(point) + ERRORS * error
    };
    among.iter().copied().filter(is_good).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that scatter by `spread`, in step with `phase`.
    fn values(mean: f64, spread: f64, phase: usize) -> Values {
        let of = |b: usize| mean + if (b + phase).is_multiple_of(2) { spread } else { -spread };
        std::iter::once(mean).chain((1..=RESAMPLES).map(of)).map(Some).collect()
    }

    #[test]
    fn a_c_that_ranks_as_well_and_decides_better_is_taken() {
        // The first ranks best by chance and decides as a coin does.
        let precision = [values(0.91, 0.02, 0), values(0.90, 0.02, 1), values(0.90, 0.02, 1)];
        let accuracy = [values(0.50, 0.0, 0), values(0.85, 0.01, 0), values(0.60, 0.01, 1)];
        assert_eq!(pick(&precision, &accuracy, &accuracy, &[0.0; 3]), 1);
        // What ranks worse for sure is not taken, whatever it decides.
        let precision = [values(0.91, 0.001, 0), values(0.80, 0.001, 1), values(0.80, 0.001, 1)];
        assert_eq!(pick(&precision, &accuracy, &accuracy, &[0.0; 3]), 0);
    }

    #[test]
    fn machines_without_a_free_vector_are_taken_only_if_all_are_such() {
        let same = || [values(0.9, 0.01, 0), values(0.9, 0.01, 0)];
        let accuracy = [values(0.9, 0.0, 0), values(0.8, 0.0, 0)];
        assert_eq!(pick(&same(), &accuracy, &accuracy, &[1.0, 0.0]), 1);
        assert_eq!(pick(&same(), &accuracy, &accuracy, &[1.0, 1.0]), 0);
    }

    #[test]
    fn of_equal_points_the_smallest_is_taken_of_good_ones_the_largest() {
        let accuracy = [values(0.7, 0.0, 0), values(0.8, 0.0, 0), values(0.8, 0.0, 0), values(0.8, 0.0, 0)];
        let precision: Vec<Values> = (0..4).map(|_| values(0.9, 0.0, 0)).collect();
        assert_eq!(pick(&precision, &accuracy, &accuracy, &[0.0; 4]), 1);
        // Where all rank and decide alike, the scores should still pass 0.
        let at_zero = [values(0.5, 0.0, 0), values(0.5, 0.0, 0), values(0.9, 0.0, 0), values(0.9, 0.0, 0)];
        assert_eq!(pick(&precision, &accuracy, &at_zero, &[0.0; 4]), 2);
        let precision = [values(0.9, 0.0, 0), values(0.90, 0.0, 0), values(0.9, 0.0, 0), values(0.899, 0.01, 1)];
        assert_eq!(pick(&precision, &accuracy, &accuracy, &[0.0; 4]), 3);
    }

    #[test]
    fn balanced_accuracy_at_zero_counts_each_class_by_itself() {
        let (scores, truth) = ([0.1, -0.1, -0.2, -0.3, 0.4], [1, 1, -1, -1, 0]);
        assert_eq!(balanced_at_zero(&scores, &truth, |_| 1), Some(0.75));
        assert_eq!(balanced_at_zero(&scores, &truth, |i| if i == 1 { 3 } else { 1 }), Some(0.625));
        assert_eq!(balanced_at_zero(&scores, &[-1; 5], |_| 1), None);
    }
}
