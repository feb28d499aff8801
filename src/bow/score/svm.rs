//! C-SVM by sequential minimal optimisation with second-order working sets.
//!
//! In `a_i = α_i y_i`: minimise `½ Σ a_i a_j K_ij − Σ y_i a_i` subject to `0 ≤ y_i a_i ≤ C_i`, `Σ a_i = 0`. With `u_i = Σ_j K_ij a_j` and
//! `e_i = y_i − u_i`, each step takes the i with the largest e among those that may grow and the j among those that may
//! shrink that lowers the objective most to second order (Fan, Chen & Lin 2005), and moves along `a_i + δ, a_j − δ`. Done when
//! the KKT violation `max_up e − min_down e` is at most the tolerance; then b is the mean of e over free vectors, or the
//! middle of its feasible interval.

use multiversion::multiversion;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// A solved problem and how the solving went.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// `a_i = α_i y_i`, one a training picture.
    pub dual: Vec<f64>,
    /// b.
    pub bias: f64,
    /// How the solving went.
    pub report: Report,
}

impl Solution {
    /// `Σ_i a_i k_i + b` of a picture whose kernels with the training pictures are `kernels`.
    pub fn score(&self, kernels: ArrayView1<'_, f32>) -> f64 {
        kernels.iter().zip(&self.dual).map(|(&k, a)| f64::from(k) * a).sum::<f64>() + self.bias
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

/// Steps after which a problem is given up as not converging.
fn step_limit(n: usize) -> usize {
    10_000_000.max(100 * n)
}

/// Solves a problem. All labels of one sign give a = 0 and b = that sign.
pub fn solve(problem: &Problem<'_>) -> Solution {
    let n = problem.labels.len();
    let mut dual = problem.start.map_or_else(|| vec![0.0; n], <[f64]>::to_vec);
    let low: Vec<f64> =
        problem.labels.iter().zip(problem.bounds).map(|(y, c)| if *y > 0.0 { 0.0 } else { -c }).collect();
    let high: Vec<f64> =
        problem.labels.iter().zip(problem.bounds).map(|(y, c)| if *y > 0.0 { *c } else { 0.0 }).collect();
    let rows: Vec<Vec<f32>> = problem.gram.rows().into_iter().map(|row| row.to_vec()).collect();
    let diagonal: Vec<f64> = (0..n).map(|i| f64::from(rows[i][i])).collect();
    let mut e = problem.labels.to_vec();
    for (row, &a) in rows.iter().zip(&dual) {
        if a != 0.0 {
            subtract(&mut e, a, row);
        }
    }
    let mut iterations = 0;
    let (mut top, mut bottom);
    let converged = loop {
        let mut first = None;
        (top, bottom) = (f64::NEG_INFINITY, f64::INFINITY);
        for i in 0..n {
            if dual[i] < high[i] && e[i] > top {
                (first, top) = (Some(i), e[i]);
            }
            if dual[i] > low[i] && e[i] < bottom {
                bottom = e[i];
            }
        }
        let Some(i) = first.filter(|_| top - bottom > problem.tolerance) else { break true };
        if iterations == step_limit(n) {
            break false;
        }
        let mut second = None;
        let mut best = 0.0;
        for j in 0..n {
            let slope = top - e[j];
            if dual[j] > low[j] && slope > 0.0 {
                let gain = slope * slope / curvature(&diagonal, &rows[i], i, j);
                if gain > best {
                    (second, best) = (Some(j), gain);
                }
            }
        }
        let Some(j) = second else { break true };
        let step = (top - e[j]) / curvature(&diagonal, &rows[i], i, j);
        let room = (high[i] - dual[i], dual[j] - low[j]);
        let step = step.min(room.0).min(room.1);
        // A vector that reaches its bound sits on it exactly.
        dual[i] = if step == room.0 { high[i] } else { dual[i] + step };
        dual[j] = if step == room.1 { low[j] } else { dual[j] - step };
        subtract(&mut e, step, &rows[i]);
        subtract(&mut e, -step, &rows[j]);
        iterations += 1;
    };
    finish(problem, dual, &e, iterations, (top, bottom), converged)
}

fn curvature(diagonal: &[f64], row: &[f32], i: usize, j: usize) -> f64 {
    (diagonal[i] + diagonal[j] - 2.0 * f64::from(row[j])).max(1e-12)
}

/// `e −= factor · row`.
#[multiversion(targets("x86_64+avx2"))]
fn subtract(e: &mut [f64], factor: f64, row: &[f32]) {
    for (e, &k) in e.iter_mut().zip(row) {
        *e -= factor * f64::from(k);
    }
}

fn finish(
    problem: &Problem<'_>,
    dual: Vec<f64>,
    e: &[f64],
    iterations: usize,
    (top, bottom): (f64, f64),
    converged: bool,
) -> Solution {
    let (labels, bounds) = (problem.labels, problem.bounds);
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
