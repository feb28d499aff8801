//! Probabilities from scores: Platt scaling (Platt 1999), fitted as Lin, Lin and Weng 2007 do, with an account of how reliable it is.
//!
//! `p(f) = 1/(1 + exp(−(a f + b)))`, where a and b minimise the cross-entropy to the smoothed labels `(n₊ + 1)/(n₊ + 2)` of positives and
//! `1/(n₋ + 2)` of negatives: Newton's method with backtracking on a convex function of two variables. The labels are smoothed so that scores
//! which separate both classes don't drive a to infinity.
//!
//! Reliability is cross-fitted: the pictures, or their groups, are dealt into five parts, and each part's probabilities come from a and b of the
//! other four.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::numeric::elementary::{exp, log2};

/// Positives, and negatives, that calibration needs.
const ENOUGH: usize = 10;
/// Parts of the cross-fit.
const PARTS: usize = 5;
/// Bins of the reliability table.
const BINS: usize = 10;
/// Limit of Newton steps.
const STEPS: usize = 100;

/// A score of a picture whose label is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// f.
    pub score: f64,
    /// Whether the picture shows the category.
    pub positive: bool,
    /// The picture; one that was scored several times counts once in n₊ and n₋.
    pub picture: usize,
    /// What stays together in the cross-fit: the picture's group, or the picture itself.
    pub unit: usize,
}

/// How the scores of a category become probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Pictures that show the category.
    pub positives: usize,
    /// Pictures that don't.
    pub negatives: usize,
    /// The curve; none with fewer than ten positives or negatives, or where larger scores don't mean more positives.
    pub curve: Option<Curve>,
    /// How good its probabilities are; none without a curve.
    pub reliability: Option<Reliability>,
}

/// `p(f) = 1/(1 + exp(−(slope f + intercept)))`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// a > 0.
    pub slope: f64,
    /// b.
    pub intercept: f64,
}

/// How good probabilities are, on pictures that did not fit them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The mean of `(p − y)²`, y = 1 for positives and 0 for negatives (Brier 1950): 0 is perfect.
    pub brier: f64,
    /// The same of saying the share of positives for every picture.
    pub brier_of_share: f64,
    /// The pictures by their probability, in ten bins of equal width; empty ones are left out.
    pub bins: Vec<Bin>,
}

/// The pictures whose probabilities lie in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Number of scores.
    pub count: usize,
    /// Mean probability.
    pub mean: f64,
    /// Share of positives.
    pub positives: f64,
}

impl Calibration {
    /// Fits the curve, and judges it.
    pub fn fit(scores: &[Known]) -> Self {
        let (positives, negatives) = counts(scores);
        let curve = (positives.min(negatives) >= ENOUGH).then(|| Curve::fit(scores)).flatten();
        let reliability = curve.and_then(|_| Reliability::measure(scores));
        Self { positives, negatives, curve, reliability }
    }

    /// Whether numbers and counts are possible, as those of a file need not be.
    pub fn is_sound(&self) -> bool {
        self.curve.is_none_or(|Curve { slope, intercept }| slope > 0.0 && slope.is_finite() && intercept.is_finite())
    }
}

/// Numbers of different positives and negatives.
fn counts(scores: &[Known]) -> (usize, usize) {
    let count = |sign: bool| {
        let pictures: BTreeSet<usize> =
            scores.iter().filter(|known| known.positive == sign).map(|known| known.picture).collect();
        pictures.len()
    };
    (count(true), count(false))
}

impl Curve {
    /// p(f), between 0 and 1.
    pub fn probability(&self, score: f64) -> f64 {
        logistic(self.slope * score + self.intercept)
    }

    /// The curve of least cross-entropy; none unless it rises.
    fn fit(scores: &[Known]) -> Option<Self> {
        if mean_score(scores, true)? <= mean_score(scores, false)? {
            return None;
        }
        let (positives, negatives) = counts(scores);
        let (positives, negatives) = (positives as f64, negatives as f64);
        let target = |known: &Known| {
            if known.positive { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) }
        };
        let entropy = |Self { slope, intercept }: Self| -> f64 {
            scores.iter().map(|known| cross_entropy(slope * known.score + intercept, target(known))).sum()
        };
        let mut curve = Self { slope: 0.0, intercept: LN_2 * log2((positives + 1.0) / (negatives + 1.0)) };
        let mut value = entropy(curve);
        for _ in 0..STEPS {
            let [slope, intercept] = curve.newton_step(scores, target);
            // Half the step until the cross-entropy falls as far as its slope promises, or stays where it is.
            let next = (0..40).map(|halvings| 0.5f64.powi(halvings)).find_map(|length| {
                let next =
                    Self { slope: curve.slope + length * slope, intercept: curve.intercept + length * intercept };
                Some((next, entropy(next))).filter(|(_, next)| *next < value)
            });
            let Some((next, lower)) = next else { break };
            (curve, value) = (next, lower);
        }
        (curve.slope > 0.0).then_some(curve)
    }

    /// `−H⁻¹ g` of the cross-entropy's gradient g and Hessian H.
    fn newton_step(&self, scores: &[Known], target: impl Fn(&Known) -> f64) -> [f64; 2] {
        // The ridge keeps H regular where all scores are equal.
        let (mut g, mut h) = ([0.0; 2], [1e-12, 0.0, 1e-12]);
        for known in scores {
            let p = self.probability(known.score);
            let (error, weight) = (p - target(known), p * (1.0 - p));
            g[0] += error * known.score;
            g[1] += error;
            h[0] += weight * known.score * known.score;
            h[1] += weight * known.score;
            h[2] += weight;
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        [(h[1] * g[1] - h[2] * g[0]) / determinant, (h[1] * g[0] - h[0] * g[1]) / determinant]
    }
}

/// The mean score of the positives, or of the negatives; none where there are none.
fn mean_score(scores: &[Known], positive: bool) -> Option<f64> {
    let of = scores.iter().filter(|known| known.positive == positive);
    let (count, sum) = of.fold((0, 0.0), |(count, sum), known| (count + 1, sum + known.score));
    (count > 0).then(|| sum / f64::from(count))
}

/// `1/(1 + e^−z)`.
fn logistic(z: f64) -> f64 {
    let small = exp(-z.abs());
    if z < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

/// `−t ln p − (1 − t) ln(1 − p)` of `p = 1/(1 + e^−z)`.
fn cross_entropy(z: f64, target: f64) -> f64 {
    let likely = if z < 0.0 { target } else { target - 1.0 };
    LN_2 * log2(1.0 + exp(-z.abs())) - likely * z
}

impl Reliability {
    /// Of the curves that the other parts fit; none unless each of them rises.
    fn measure(scores: &[Known]) -> Option<Self> {
        let part = parts(scores);
        let curves: Option<Vec<Curve>> = (0..PARTS)
            .map(|left_out| {
                let others = scores.iter().filter(|known| part[&known.unit] != left_out).copied();
                Curve::fit(&others.collect::<Vec<_>>())
            })
            .collect();
        let curves = curves?;
        let judged = scores.iter().map(|known| (curves[part[&known.unit]].probability(known.score), known.positive));
        Some(Self::of(&judged.collect::<Vec<_>>()))
    }

    /// Of these probabilities and labels.
    fn of(judged: &[(f64, bool)]) -> Self {
        let count = judged.len() as f64;
        let share = judged.iter().filter(|(_, positive)| *positive).count() as f64 / count;
        let mut bins = vec![(0, 0.0, 0); BINS];
        for (p, positive) in judged {
            let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + 1, bin.1 + p, bin.2 + usize::from(*positive));
        }
        let bin = |(count, sum, positives): (usize, f64, usize)| {
            let of = count as f64;
            (count > 0).then(|| Bin { count, mean: sum / of, positives: positives as f64 / of })
        };
        Self {
            brier: judged.iter().map(|(p, positive)| (p - f64::from(*positive)).powi(2)).sum::<f64>() / count,
            brier_of_share: share * (1.0 - share),
            bins: bins.into_iter().filter_map(bin).collect(),
        }
    }
}

/// The part of every unit; units with positives and those without are dealt one after the other, so that all parts have of both.
fn parts(scores: &[Known]) -> BTreeMap<usize, usize> {
    let mut positive: BTreeMap<usize, bool> = BTreeMap::new();
    for known in scores {
        *positive.entry(known.unit).or_default() |= known.positive;
    }
    let with = positive.iter().filter(|(_, positive)| **positive);
    let without = positive.iter().filter(|(_, positive)| !**positive);
    with.chain(without).enumerate().map(|(place, (unit, _))| (*unit, place % PARTS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::random::stream;
    use rand::RngExt;

    fn known(scores: &[(f64, bool)]) -> Vec<Known> {
        let one = |(picture, &(score, positive))| Known { score, positive, picture, unit: picture };
        scores.iter().enumerate().map(one).collect()
    }

    /// Scores between −2 and 2 of pictures that are positive with the probability of `curve`.
    fn drawn(curve: Curve, count: usize, seed: u64) -> Vec<Known> {
        let mut random = stream(seed, "calibration");
        let mut one = || {
            let score = 4.0 * random.random::<f64>() - 2.0;
            (score, random.random::<f64>() < curve.probability(score))
        };
        known(&(0..count).map(|_| one()).collect::<Vec<_>>())
    }

    #[test]
    fn the_curve_that_drew_the_labels_is_found() {
        let truth = Curve { slope: 3.0, intercept: -1.0 };
        let found = Calibration::fit(&drawn(truth, 20_000, 1));
        let curve = found.curve.unwrap();
        assert!((curve.slope - 3.0).abs() < 0.15 && (curve.intercept + 1.0).abs() < 0.08, "{curve:?}");
        let reliability = found.reliability.unwrap();
        for bin in &reliability.bins {
            let error = (bin.mean * (1.0 - bin.mean) / bin.count as f64).sqrt();
            assert!((bin.mean - bin.positives).abs() < 4.0 * error, "{bin:?}");
        }
        assert_eq!(reliability.bins.iter().map(|bin| bin.count).sum::<usize>(), 20_000);
        assert!(reliability.brier < 0.6 * reliability.brier_of_share);
    }

    /// No other curve near it has a smaller cross-entropy, also where scores separate both classes or nearly say nothing.
    #[test]
    fn the_curve_is_the_best_of_its_neighbours() {
        let separated: Vec<(f64, bool)> = (0..40).map(|i| (f64::from(i) / 10.0 - 2.0, i >= 20)).collect();
        let vague = Curve { slope: 0.3, intercept: 2.0 };
        for scores in [known(&separated), drawn(vague, 300, 2), drawn(vague, 300, 3)] {
            let (positives, negatives) = counts(&scores);
            let (positives, negatives) = (positives as f64, negatives as f64);
            let slow = |slope: f64, intercept: f64| -> f64 {
                let term = |known: &Known| {
                    let p = 1.0 / (1.0 + (-(slope * known.score + intercept)).exp());
                    let t =
                        if known.positive { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) };
                    -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
                };
                scores.iter().map(term).sum()
            };
            let Curve { slope, intercept } = Calibration::fit(&scores).curve.unwrap();
            let best = slow(slope, intercept);
            for (a, b) in [(1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3), (1e-3, -1e-3), (-1e-3, 1e-3)] {
                assert!(slow(slope + a, intercept + b) > best, "({a}, {b}) from ({slope}, {intercept}) is better");
            }
        }
    }

    #[test]
    fn few_pictures_and_scores_that_say_nothing_have_no_curve() {
        let few: Vec<(f64, bool)> = (0..29).map(|i| (f64::from(i), i >= 20)).collect();
        let found = Calibration::fit(&known(&few));
        assert_eq!((found.positives, found.negatives, found.curve), (9, 20, None));
        let falling: Vec<(f64, bool)> = (0..40).map(|i| (f64::from(i), i < 20)).collect();
        assert_eq!(Calibration::fit(&known(&falling)).curve, None);
        let equal: Vec<(f64, bool)> = (0..40).map(|i| (1.0, i < 10)).collect();
        assert_eq!(Calibration::fit(&known(&equal)).curve, None);
        assert_eq!(Calibration::fit(&[]).curve, None);
    }

    /// A picture scored in five rounds is still one picture.
    #[test]
    fn pictures_count_once() {
        let once: Vec<(f64, bool)> = (0..29).map(|i| (f64::from(i), i >= 20)).collect();
        let repeated: Vec<Known> = known(&once).into_iter().flat_map(|known| [known; 5]).collect();
        assert_eq!(Calibration::fit(&repeated).curve, None);
    }

    #[test]
    fn brier_scores_and_bins_are_those_of_a_hand() {
        let found = Reliability::of(&[(0.9, true), (0.95, false), (0.2, false), (1.0, true)]);
        assert!((found.brier - (0.01 + 0.9025 + 0.04) / 4.0).abs() < 1e-15);
        assert_eq!(found.brier_of_share, 0.25);
        let bins: Vec<(usize, f64)> = found.bins.iter().map(|bin| (bin.count, bin.positives)).collect();
        assert_eq!(bins, [(1, 0.0), (3, 2.0 / 3.0)]);
    }
}
