//! C-SVM by sequential minimal optimisation with second-order working sets.
//!
//! In `a_i = α_i y_i`: minimise `½ Σ a_i a_j K_ij − Σ y_i a_i` subject to `0 ≤ y_i a_i ≤ C_i`, `Σ a_i = 0`. With `u_i = Σ_j K_ij a_j` and
//! `e_i = y_i − u_i`, each step takes the i with the largest e among those that may grow and the j among those that may
//! shrink that lowers the objective most to second order (Fan, Chen & Lin 2005), and moves along `a_i + δ, a_j − δ`. Done when
//! the KKT violation `max_up e − min_down e` is at most the tolerance; then b is the mean of e over free vectors, or the
//! middle of its feasible interval.

use macro_rules_attribute::apply;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::numeric::simd::avx512;
use crate::numeric::{self, lanes};

/// A solved problem and how the solving went.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// `a_i = α_i y_i`, one per training picture.
    pub dual: Vec<f64>,
    /// b.
    pub bias: f64,
    /// How the solving went.
    pub report: Report,
}

impl Solution {
    /// `Σ_i a_i k_i + b` of a picture whose kernels with the training pictures are `kernels`.
    pub fn score(&self, kernels: ArrayView1<'_, f32>) -> f64 {
        let kernels = kernels.as_standard_layout();
        lanes::product(kernels.as_slice().expect("standard layout"), &self.dual) + self.bias
    }
}

/// How the solving of one problem went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Steps taken.
    pub iterations: usize,
    /// The minimised objective.
    pub objective: f64,
    /// Primal minus dual objective; at least 0, and 0 at the solution.
    pub duality_gap: f64,
    /// `max_up e − min_down e`.
    pub kkt_violation: f64,
    /// Vectors with a ≠ 0.
    pub support_vectors: usize,
    /// Of these, those at their bound.
    pub bounded: usize,
    /// Whether the tolerance ended the iteration, not the limit.
    pub converged: bool,
}

impl Report {
    /// Whether all support vectors are at their bound, so that b may lie anywhere in an interval.
    pub fn is_bounded(&self) -> bool {
        self.support_vectors > 0 && self.bounded == self.support_vectors
    }
}

/// One two-class problem on a Gram matrix.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// K, n×n.
    pub gram: ArrayView2<'a, f32>,
    /// +1 or −1.
    pub labels: &'a [f64],
    /// C_i > 0.
    pub bounds: &'a [f64],
    /// KKT violation at which to stop.
    pub tolerance: f64,
    /// A feasible a to start from, e.g. the solution for a smaller C.
    pub start: Option<&'a [f64]>,
}

/// Maximum number of steps; a problem that needs more counts as not converged.
fn step_limit(n: usize) -> usize {
    10_000_000.max(100 * n)
}

/// Solves a problem. All labels of one sign give a = 0 and b = that sign.
pub fn solve(problem: &Problem<'_>) -> Solution {
    let n = problem.labels.len();
    let gram = problem.gram.as_standard_layout();
    let rows: Vec<&[f32]> = numeric::rows(&gram).collect();
    let diagonal: Vec<f32> = (0..n).map(|i| rows[i][i]).collect();
    let range = |i: usize| if problem.labels[i] > 0.0 { (0.0, problem.bounds[i]) } else { (-problem.bounds[i], 0.0) };
    let (low, high): (Vec<f64>, Vec<f64>) = (0..n).map(range).unzip();
    let mut dual = problem.start.map_or_else(|| vec![0.0; n], <[f64]>::to_vec);
    let mut state = State::new(problem.labels);
    for (row, &a) in rows.iter().zip(&dual) {
        if a != 0.0 {
            subtract(&mut state.e, a, row);
        }
    }
    (0..n).for_each(|i| state.mark(i, dual[i], low[i], high[i]));
    state.rate();
    let mut iterations = 0;
    let converged = loop {
        let Some(i) = state.first().filter(|_| state.top - state.bottom > problem.tolerance) else { break true };
        if iterations == step_limit(n) {
            break false;
        }
        let Some(j) = state.second(i, &diagonal, rows[i]) else { break true };
        let curvature = f64::from(diagonal[i]) + f64::from(diagonal[j]) - 2.0 * f64::from(rows[i][j]);
        let step = (state.top - state.e[j]) / curvature.max(MIN_CURVATURE);
        let room = (high[i] - dual[i], dual[j] - low[j]);
        let step = step.min(room.0).min(room.1);
        // A vector that reaches its bound sits on it exactly.
        dual[i] = if step == room.0 { high[i] } else { dual[i] + step };
        dual[j] = if step == room.1 { low[j] } else { dual[j] - step };
        state.mark(i, dual[i], low[i], high[i]);
        state.mark(j, dual[j], low[j], high[j]);
        state.step(step, rows[i], rows[j]);
        iterations += 1;
    };
    finish(problem, dual, &state, iterations, converged)
}

/// Smallest curvature along a step; smaller ones are replaced by it.
const MIN_CURVATURE: f64 = 1e-12;

/// Vectors per block. Each block keeps its extremes, so that the largest of all is found without reading every vector.
const BLOCK: usize = 64;

/// e, and everything by which working sets are chosen.
struct State {
    e: Vec<f64>,
    /// 0 for a that may grow, else −∞.
    may_grow: Vec<f64>,
    /// 0 for a that may shrink, else +∞.
    may_shrink: Vec<f64>,
    /// The largest e of a block that may grow, and the smallest that may shrink.
    extremes: Vec<(f64, f64)>,
    /// The extremes of all.
    top: f64,
    bottom: f64,
    /// How much the objective gains with each j as the second of the working set.
    gains: Vec<f32>,
    /// The largest of a block.
    best_gains: Vec<f32>,
}

impl State {
    fn new(labels: &[f64]) -> Self {
        let n = labels.len();
        Self {
            e: labels.to_vec(),
            may_grow: vec![0.0; n],
            may_shrink: vec![0.0; n],
            extremes: vec![(f64::NEG_INFINITY, f64::INFINITY); n.div_ceil(BLOCK)],
            top: f64::NEG_INFINITY,
            bottom: f64::INFINITY,
            gains: vec![0.0; n],
            best_gains: vec![0.0; n.div_ceil(BLOCK)],
        }
    }

    /// Notes whether a_i may grow and shrink.
    fn mark(&mut self, i: usize, a: f64, low: f64, high: f64) {
        self.may_grow[i] = if a < high { 0.0 } else { f64::NEG_INFINITY };
        self.may_shrink[i] = if a > low { 0.0 } else { f64::INFINITY };
    }

    /// Finds the extremes of all blocks.
    fn rate(&mut self) {
        rate(&self.e, May { grow: &self.may_grow, shrink: &self.may_shrink }, &mut self.extremes);
        self.gather();
    }

    /// Moves along `a_i + step, a_j − step` and finds the extremes.
    fn step(&mut self, step: f64, row_i: &[f32], row_j: &[f32]) {
        let may = May { grow: &self.may_grow, shrink: &self.may_shrink };
        advance(&mut self.e, &mut self.extremes, step, [row_i, row_j], may);
        self.gather();
    }

    fn gather(&mut self) {
        let (tops, bottoms) = (self.extremes.iter().map(|of| of.0), self.extremes.iter().map(|of| of.1));
        self.top = tops.fold(f64::NEG_INFINITY, f64::max);
        self.bottom = bottoms.fold(f64::INFINITY, f64::min);
    }

    /// The i of the largest e among those that may grow.
    fn first(&self) -> Option<usize> {
        let block = self.extremes.iter().position(|of| of.0 == self.top && self.top > f64::NEG_INFINITY)?;
        (block * BLOCK..self.e.len()).find(|&i| self.e[i] + self.may_grow[i] == self.top)
    }

    /// The j that lowers the objective most beside i: of the largest `(e_i − e_j)²/(K_ii + K_jj − 2K_ij)`, as f32 numbers tell.
    fn second(&mut self, i: usize, diagonal: &[f32], row: &[f32]) -> Option<usize> {
        let others = Others { e: &self.e, may_shrink: &self.may_shrink, diagonal, row };
        rate_gains((self.top, diagonal[i]), others, &mut self.gains, &mut self.best_gains);
        let best = self.best_gains.iter().copied().fold(0.0, f32::max);
        let block = self.best_gains.iter().position(|&gain| gain == best && best > 0.0)?;
        (block * BLOCK..self.gains.len()).find(|&j| self.gains[j] == best)
    }
}

/// Which a may grow (0, else −∞) and which may shrink (0, else +∞).
#[derive(Clone, Copy)]
struct May<'a> {
    grow: &'a [f64],
    shrink: &'a [f64],
}

/// What a second of the working set is chosen by, for all j beside a first i.
///
/// What is written to stays an argument of its own, here and in the other loops: then the compiler knows that it overlaps
/// nothing that is read.
#[derive(Clone, Copy)]
struct Others<'a> {
    e: &'a [f64],
    may_shrink: &'a [f64],
    /// K_jj.
    diagonal: &'a [f32],
    /// K_ij.
    row: &'a [f32],
}

/// `e −= factor · row`.
#[apply(avx512!)]
fn subtract(e: &mut [f64], factor: f64, row: &[f32]) {
    for (e, &k) in e.iter_mut().zip(row) {
        *e -= factor * f64::from(k);
    }
}

/// `e −= step · row_i − step · row_j`, and the extremes of every block.
#[apply(avx512!)]
fn advance(e: &mut [f64], extremes: &mut [(f64, f64)], step: f64, [row_i, row_j]: [&[f32]; 2], may: May<'_>) {
    let rows = row_i.chunks(BLOCK).zip(row_j.chunks(BLOCK));
    let may = may.grow.chunks(BLOCK).zip(may.shrink.chunks(BLOCK));
    for (((e, (row_i, row_j)), (may_grow, may_shrink)), extremes) in
        e.chunks_mut(BLOCK).zip(rows).zip(may).zip(extremes)
    {
        for ((e, &k_i), &k_j) in e.iter_mut().zip(row_i).zip(row_j) {
            *e -= step * f64::from(k_i);
            *e += step * f64::from(k_j);
        }
        *extremes = extremes_of(e, may_grow, may_shrink);
    }
}

/// The extremes of every block.
#[apply(avx512!)]
fn rate(e: &[f64], may: May<'_>, extremes: &mut [(f64, f64)]) {
    let may = may.grow.chunks(BLOCK).zip(may.shrink.chunks(BLOCK));
    for ((e, (may_grow, may_shrink)), extremes) in e.chunks(BLOCK).zip(may).zip(extremes) {
        *extremes = extremes_of(e, may_grow, may_shrink);
    }
}

/// The largest e that may grow and the smallest that may shrink.
#[inline(always)]
fn extremes_of(e: &[f64], may_grow: &[f64], may_shrink: &[f64]) -> (f64, f64) {
    let (mut tops, mut bottoms) = ([f64::NEG_INFINITY; 16], [f64::INFINITY; 16]);
    let (e_chunks, e_rest) = e.as_chunks::<16>();
    let (grow_chunks, grow_rest) = may_grow.as_chunks::<16>();
    let (shrink_chunks, shrink_rest) = may_shrink.as_chunks::<16>();
    for ((e, grow), shrink) in e_chunks.iter().zip(grow_chunks).zip(shrink_chunks) {
        for lane in 0..16 {
            let (top, bottom) = (e[lane] + grow[lane], e[lane] + shrink[lane]);
            tops[lane] = if top > tops[lane] { top } else { tops[lane] };
            bottoms[lane] = if bottom < bottoms[lane] { bottom } else { bottoms[lane] };
        }
    }
    for (lane, ((e, grow), shrink)) in e_rest.iter().zip(grow_rest).zip(shrink_rest).enumerate() {
        tops[lane] = tops[lane].max(e + grow);
        bottoms[lane] = bottoms[lane].min(e + shrink);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            tops[lane] = if tops[lane + half] > tops[lane] { tops[lane + half] } else { tops[lane] };
            bottoms[lane] = if bottoms[lane + half] < bottoms[lane] { bottoms[lane + half] } else { bottoms[lane] };
        }
    }
    (tops[0], bottoms[0])
}

/// `(top − e_j)²/(diagonal_i + diagonal_j − 2 row_j)` of all j that may shrink and lie below the top, 0 of others; and the largest of every block.
#[apply(avx512!)]
fn rate_gains((top, own): (f64, f32), others: Others<'_>, gains: &mut [f32], best: &mut [f32]) {
    let Others { e, may_shrink, diagonal, row } = others;
    let errors = e.chunks(BLOCK).zip(may_shrink.chunks(BLOCK));
    let kernels = diagonal.chunks(BLOCK).zip(row.chunks(BLOCK));
    for ((((e, may_shrink), (diagonal, row)), gains), best) in
        errors.zip(kernels).zip(gains.chunks_mut(BLOCK)).zip(best)
    {
        for ((((gain, e), shrink), other), k) in gains.iter_mut().zip(e).zip(may_shrink).zip(diagonal).zip(row) {
            let slope = (top - (e + shrink)) as f32;
            let slope = if slope > 0.0 { slope } else { 0.0 };
            // Of nearly equal pictures each difference is exact.
            let curvature = (own - k) + (other - k);
            let least = MIN_CURVATURE as f32;
            *gain = slope * slope / if curvature > least { curvature } else { least };
        }
        *best = largest(gains);
    }
}

#[inline(always)]
fn largest(gains: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = gains.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    for (lane, &gain) in lanes.iter_mut().zip(rest) {
        *lane = lane.max(gain);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = if lanes[lane + half] > lanes[lane] { lanes[lane + half] } else { lanes[lane] };
        }
    }
    lanes[0]
}

/// The solution with its bias and its report.
fn finish(problem: &Problem<'_>, dual: Vec<f64>, state: &State, iterations: usize, converged: bool) -> Solution {
    let (labels, bounds) = (problem.labels, problem.bounds);
    let &State { ref e, top, bottom, .. } = state;
    let alpha = |i: usize| dual[i] * labels[i];
    let free: Vec<usize> = (0..dual.len()).filter(|&i| alpha(i) > 0.0 && alpha(i) < bounds[i]).collect();
    let bias = if !free.is_empty() {
        free.iter().map(|&i| e[i]).sum::<f64>() / free.len() as f64
    } else if top.is_finite() && bottom.is_finite() {
        (top + bottom) / 2.0
    } else {
        // Only one class: its sign is the score of everything.
        labels.first().copied().unwrap_or(0.0)
    };
    // u_i = y_i − e_i.
    let squared_norm: f64 = (0..dual.len()).map(|i| dual[i] * (labels[i] - e[i])).sum();
    let linear: f64 = (0..dual.len()).map(alpha).sum();
    let slack: f64 = (0..dual.len()).map(|i| bounds[i] * (1.0 - labels[i] * (labels[i] - e[i] + bias)).max(0.0)).sum();
    let violation = if top.is_finite() && bottom.is_finite() { (top - bottom).max(0.0) } else { 0.0 };
    let report = Report {
        iterations,
        objective: 0.5 * squared_norm - linear,
        duality_gap: squared_norm + slack - linear,
        kkt_violation: violation,
        support_vectors: dual.iter().filter(|a| **a != 0.0).count(),
        bounded: (0..dual.len()).filter(|&i| alpha(i) >= bounds[i]).count(),
        converged,
    };
    Solution { dual, bias, report }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use rand::RngExt;

    fn scores(gram: &Array2<f32>, solution: &Solution) -> Vec<f64> {
        gram.rows().into_iter().map(|row| solution.score(row)).collect()
    }

    /// Projected gradient on the dual: the projection onto {low ≤ a ≤ high, Σa = 0} by bisection on the multiplier.
    fn projected_gradient(gram: &Array2<f32>, labels: &[f64], c: f64) -> Vec<f64> {
        let n = labels.len();
        let k = gram.mapv(f64::from);
        let rate = 1.0 / k.rows().into_iter().map(|row| row.iter().map(|v| v.abs()).sum::<f64>()).fold(0.0, f64::max);
        let mut a = vec![0.0f64; n];
        let mut momentum = a.clone();
        let mut t = 1.0f64;
        for _ in 0..60_000 {
            let target: Vec<f64> = (0..n)
                .map(|i| {
                    let u: f64 = (0..n).map(|j| k[(i, j)] * momentum[j]).sum();
                    momentum[i] - rate * (u - labels[i])
                })
                .collect();
            let clip = |i: usize, v: f64| if labels[i] > 0.0 { v.clamp(0.0, c) } else { v.clamp(-c, 0.0) };
            let (mut lo, mut hi) = (-1e4f64, 1e4f64);
            for _ in 0..100 {
                let shift = (lo + hi) / 2.0;
                if (0..n).map(|i| clip(i, target[i] - shift)).sum::<f64>() > 0.0 { lo = shift } else { hi = shift }
            }
            let next: Vec<f64> = (0..n).map(|i| clip(i, target[i] - lo)).collect();
            let faster = (1.0 + (1.0 + 4.0 * t * t).sqrt()) / 2.0;
            momentum = (0..n).map(|i| next[i] + (t - 1.0) / faster * (next[i] - a[i])).collect();
            (a, t) = (next, faster);
        }
        a
    }

    fn random_problem(seed: u64, n: usize) -> (Array2<f32>, Vec<f64>) {
        let mut random = crate::numeric::random::stream(seed, "svm");
        let points = Array2::from_shape_fn((n, 6), |_| random.random::<f32>());
        let mut gram =
            Array2::from_shape_fn((n, n), |(i, j)| (0..6).map(|d| points[(i, d)].min(points[(j, d)])).sum::<f32>());
        for i in 0..n {
            gram[(i, i)] += 0.05;
        }
        let labels =
            (0..n).map(|i| if i < 2 || random.random_range(0..3) > 0 { [1.0, -1.0][i % 2] } else { 1.0 }).collect();
        (gram, labels)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn scores_equal_those_of_projected_gradient(seed in 0u64..1000, n in 2usize..14, c in 0.05f64..20.0) {
            let (gram, labels) = random_problem(seed, n);
            let bounds = vec![c; n];
            let problem = Problem { gram: gram.view(), labels: &labels, bounds: &bounds, tolerance: 1e-10, start: None };
            let solution = solve(&problem);
            prop_assert!(solution.report.converged && solution.report.duality_gap.abs() < 1e-6);
            let slow = projected_gradient(&gram, &labels, c);
            let without_bias = |a: &[f64]| -> Vec<f64> {
                gram.rows().into_iter().map(|row| row.iter().zip(a).map(|(k, a)| f64::from(*k) * a).sum()).collect()
            };
            for (fast, slow) in without_bias(&solution.dual).iter().zip(without_bias(&slow)) {
                prop_assert!((fast - slow).abs() < 1e-6 * slow.abs().max(1.0), "{} instead of {}", fast, slow);
            }
        }

        #[test]
        fn a_warm_start_ends_at_the_same_scores(seed in 0u64..1000, n in 4usize..40) {
            let (gram, labels) = random_problem(seed, n);
            let solve_with = |c: f64, start: Option<&[f64]>| {
                let bounds = vec![c; n];
                solve(&Problem { gram: gram.view(), labels: &labels, bounds: &bounds, tolerance: 1e-9, start })
            };
            let first = solve_with(0.3, None);
            let warm = solve_with(3.0, Some(&first.dual));
            let cold = solve_with(3.0, None);
            prop_assert!((warm.report.objective - cold.report.objective).abs() < 1e-7);
            // With no free vector b is any point of an interval: then compare the duals' scores only.
            for (a, b) in scores(&gram, &warm).iter().zip(scores(&gram, &cold)) {
                prop_assert!((a - warm.bias - b + cold.bias).abs() < 1e-6);
            }
        }
    }

    /// What the blocks find is what a look at all vectors finds, the first of equals included.
    #[test]
    fn working_sets_are_those_of_plain_loops() {
        let mut random = crate::numeric::random::stream(5, "working sets");
        for n in (1..70).chain([127, 128, 129, 300]) {
            let mut whole = |limit: i32| f64::from(random.random_range(-limit..=limit));
            let mut state = State::new(&vec![0.0; n]);
            let rows: Vec<Vec<f32>> = (0..2).map(|_| (0..n).map(|_| whole(4) as f32 / 8.0).collect()).collect();
            let diagonal: Vec<f32> = (0..n).map(|_| 1.0 + whole(1) as f32 / 4.0).collect();
            for i in 0..n {
                state.e[i] = whole(3);
                state.mark(i, whole(1), -1.0, 1.0);
            }
            let plain: Vec<f64> =
                (0..n).map(|i| state.e[i] - 0.5 * f64::from(rows[0][i]) + 0.5 * f64::from(rows[1][i])).collect();
            state.step(0.5, &rows[0], &rows[1]);
            assert_eq!(state.e, plain);
            let (mut first, mut bottom) = (None, f64::INFINITY);
            for i in 0..n {
                if state.may_grow[i] == 0.0 && first.is_none_or(|first: usize| plain[i] > plain[first]) {
                    first = Some(i);
                }
                if state.may_shrink[i] == 0.0 {
                    bottom = bottom.min(plain[i]);
                }
            }
            assert_eq!((state.first(), state.bottom), (first, bottom), "{n}");
            let Some(first) = first else { continue };
            assert_eq!(state.top, plain[first]);
            let (mut second, mut best) = (None, 0.0);
            for j in 0..n {
                let slope = (plain[first] - plain[j]) as f32;
                let curvature = (diagonal[first] - rows[0][j]) + (diagonal[j] - rows[0][j]);
                let gain = slope * slope / curvature.max(MIN_CURVATURE as f32);
                if state.may_shrink[j] == 0.0 && slope > 0.0 && gain > best {
                    (second, best) = (Some(j), gain);
                }
            }
            assert_eq!(state.second(first, &diagonal, &rows[0]), second, "{n}");
        }
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        c: f64,
        labels: Vec<f64>,
        gram: Vec<Vec<f64>>,
        scores: Vec<f64>,
        bias: f64,
        objective: f64,
    }

    fn golden() -> Vec<Golden> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/svm.json");
        let text = std::fs::read_to_string(path).unwrap();
        let problems: serde_json::Value = serde_json::from_str(&text).unwrap();
        serde_json::from_value(problems["problems"].clone()).unwrap()
    }

    #[test]
    fn golden_problems_agree() {
        for golden in golden() {
            let n = golden.labels.len();
            let gram = Array2::from_shape_fn((n, n), |(i, j)| golden.gram[i][j] as f32);
            let bounds = vec![golden.c; n];
            let problem =
                Problem { gram: gram.view(), labels: &golden.labels, bounds: &bounds, tolerance: 1e-8, start: None };
            let solution = solve(&problem);
            let worst =
                scores(&gram, &solution).iter().zip(&golden.scores).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-5, "C {}: scores differ by {worst:e}", golden.c);
            assert!((solution.bias - golden.bias).abs() < 1e-5);
            // On the f64 matrix: the solver's own f32 one is another problem, whose minimum differs by 1e-7.
            let a = &solution.dual;
            let quadratic: f64 = (0..n).map(|i| a[i] * (0..n).map(|j| golden.gram[i][j] * a[j]).sum::<f64>()).sum();
            let linear: f64 = a.iter().zip(&golden.labels).map(|(a, y)| a * y).sum();
            let objective = quadratic / 2.0 - linear;
            assert!((objective / golden.objective - 1.0).abs() < 1e-8, "{objective} instead of {}", golden.objective);
        }
    }

    #[test]
    fn one_class_alone_scores_its_sign() {
        let (gram, _) = random_problem(1, 5);
        for sign in [1.0, -1.0] {
            let problem =
                Problem { gram: gram.view(), labels: &[sign; 5], bounds: &[1.0; 5], tolerance: 1e-3, start: None };
            let solution = solve(&problem);
            assert_eq!((solution.bias, solution.report.support_vectors), (sign, 0));
        }
    }
}
