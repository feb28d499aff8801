//! Linear C-SVMs by dual coordinate descent (Hsieh et al. 2008), many categories at once, on rows that need not fit into memory.
//!
//! With features φ_i minimise `½‖w‖² + Σ_i C_i max(0, 1 − y_i f_i)`, `f_i = w·φ_i + b`: the problem of [`super::svm`] with the kernel `φ_i·φ_j`. Of the
//! dual, `½ Σ α_i α_j y_i y_j φ_i·φ_j − Σ α_i` subject to `0 ≤ α_i ≤ C_i` and `Σ α_i y_i = 0`, one α at a time goes to its best place, and w follows:
//! `w = Σ_i α_i y_i φ_i`. A single α can't keep the sum at 0: by the method of multipliers (Hestenes 1969, Powell 1969) an excess costs
//! `½ϱ(Σ α_i y_i)²`, so that within a pass `b = b_0 + ϱ Σ α_i y_i`, and after each pass b becomes the new b_0 and ϱ is balanced. Done when the slopes `y_i f_i − 1`, as far as α
//! could still follow them, differ by no more than the tolerance and b moves by no more. An α that stays at a bound is
//! skipped until all others are done.
//!
//! Every pass takes the rows in a new order; the number of passes depends on how well it mixes them. A block consists of
//! short runs of neighbouring rows, which a disk reads at once. The runs are drawn from everywhere, and the rows of a block
//! are shuffled. Its features are computed once for all categories. The working memory is one block, and w and α of each
//! category: it does not grow with rows × features.

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::svm::Report;
use crate::numeric::lanes::long::{add_scaled, dot, squared_norm};
use crate::numeric::random::stream;

/// The first ϱ. A larger one makes the single steps smaller; with a smaller one, b follows more slowly.
const FIRST_EXCESS_COST: f64 = 0.1;
/// The smallest and the largest ϱ.
const EXCESS_COSTS: (f64, f64) = (0.01, 1e4);
/// Two quantities have to vanish: the spread of the slopes, and the move of b. If one is this many times the other, ϱ is
/// doubled or halved.
const OUT_OF_BALANCE: f64 = 10.0;
/// Neighbouring rows that stay together when the order is shuffled. Mixing rows no better than in blocks of 256 neighbours takes four times as many passes.
const ROWS_PER_RUN: usize = 16;
/// Maximum number of runs per block.
const RUNS_PER_BLOCK: usize = 16;
/// Bytes of a block's features, unless a single run has more.
const BLOCK_BYTES: usize = 64 << 20;
/// An α whose slope is smaller than this stays where it is.
const STILL: f64 = 1e-12;

/// Training pictures as features.
pub trait Rows: Sync {
    /// Number of rows.
    fn count(&self) -> usize;
    /// Features of a row.
    fn width(&self) -> usize;
    /// Writes the features of row `row`.
    fn fill(&self, row: usize, features: &mut [f32]);
}

/// How to solve.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The difference of slopes at which a category is done.
    pub tolerance: f64,
    /// Maximum number of passes.
    pub passes: usize,
    /// Seed of the orders.
    pub seed: u64,
}

/// One category's problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// +1, −1, or 0 for a row that is left out.
    pub labels: Vec<i8>,
    /// C_i of positives and negatives.
    pub bounds: (f64, f64),
}

impl Problem {
    fn bound(&self, row: usize) -> f64 {
        if self.labels[row] > 0 { self.bounds.0 } else { self.bounds.1 }
    }
}

/// A solved problem, which can also be the start of another one.
#[derive(Debug, Clone)]
pub struct Solution {
    /// w.
    pub weights: Vec<f64>,
    /// b.
    pub bias: f64,
    /// How the solving went; the steps are passes.
    pub report: Report,
    /// α.
    alpha: Vec<f64>,
}

impl Solution {
    /// `w·φ + b` of a picture whose features are `features`.
    pub fn score(&self, features: &[f32]) -> f64 {
        self.dot(features) + self.bias
    }

    /// `w·φ`.
    pub fn dot(&self, features: &[f32]) -> f64 {
        dot(features, &self.weights)
    }
}

/// A finished pass.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// 1 is the first.
    pub number: usize,
    /// Number of solved problems.
    pub done: usize,
    /// Largest violation among the others, of slopes or of Σ α_i y_i = 0; 0 if all are solved.
    pub violation: f64,
}

/// Solves all `problems` on the same `rows`. Each solution is that of its problem alone, whatever is solved beside it, on any number of threads.
///
/// `starts` are solutions of the same problems for smaller bounds, or none. `on_pass` is called after each pass.
pub fn solve(
    rows: &dyn Rows,
    problems: &[Problem],
    starts: Vec<Solution>,
    options: Options,
    on_pass: &dyn Fn(Pass),
) -> Vec<Solution> {
    let Options { tolerance, passes, seed } = options;
    let mut starts = starts.into_iter();
    let mut states: Vec<State> =
        problems.iter().map(|problem| State::new(problem, rows.width(), starts.next())).collect();
    let runs_of_block =
        (BLOCK_BYTES / (ROWS_PER_RUN * rows.width().max(1) * size_of::<f32>())).clamp(1, RUNS_PER_BLOCK);
    let mut runs: Vec<usize> = (0..rows.count().div_ceil(ROWS_PER_RUN)).collect();
    let rows_of = |runs: &[usize]| -> Vec<usize> {
        runs.iter().flat_map(|run| run * ROWS_PER_RUN..rows.count().min((run + 1) * ROWS_PER_RUN)).collect()
    };
    let mut features = Features::new(rows, runs_of_block * ROWS_PER_RUN);
    for pass in 0..passes {
        if states.iter().all(|state| state.done) {
            break;
        }
        let mut random = stream(seed, &format!("coordinate descent {pass}"));
        runs.shuffle(&mut random);
        for block in runs.chunks(runs_of_block) {
            let mut order = rows_of(block);
            order.shuffle(&mut random);
            order.retain(|&row| states.iter().any(|state| state.wants(row)));
            features.fill(&order);
            states.par_iter_mut().for_each(|state| state.visit(&features));
        }
        states.iter_mut().for_each(|state| state.end_pass(tolerance));
        let left = || states.iter().filter(|state| !state.done);
        on_pass(Pass {
            number: pass + 1,
            done: states.len() - left().count(),
            violation: left().map(|state| state.violation).fold(0.0, f64::max),
        });
    }
    // One more pass for the reports.
    let mut slacks = vec![0.0; states.len()];
    runs.sort_unstable();
    for block in runs.chunks(runs_of_block) {
        features.fill(&rows_of(block));
        states.par_iter().zip(&mut slacks).for_each(|(state, slack)| *slack += state.slack(&features));
    }
    states.into_iter().zip(slacks).map(|(state, slack)| state.solution(slack, tolerance)).collect()
}

/// Rows of a block with their features.
struct Features<'a> {
    rows: &'a dyn Rows,
    order: Vec<usize>,
    values: Vec<f32>,
    squared_norms: Vec<f64>,
}

impl<'a> Features<'a> {
    fn new(rows: &'a dyn Rows, most: usize) -> Self {
        let values = vec![0.0; most.min(rows.count()) * rows.width()];
        Self { rows, order: Vec::new(), values, squared_norms: Vec::new() }
    }

    fn fill(&mut self, order: &[usize]) {
        self.order = order.to_vec();
        let width = self.rows.width();
        let fill = |(&row, features): (&usize, &mut [f32])| {
            self.rows.fill(row, features);
            squared_norm(features)
        };
        self.squared_norms =
            self.order.par_iter().zip(self.values.par_chunks_exact_mut(width.max(1))).map(fill).collect();
    }

    /// Row, features and squared length.
    fn iter(&self) -> impl Iterator<Item = (usize, &[f32], f64)> {
        let features = self.values.chunks_exact(self.rows.width().max(1));
        self.order.iter().zip(features).zip(&self.squared_norms).map(|((&row, features), &norm)| (row, features, norm))
    }
}

/// A category on its way.
struct State<'a> {
    problem: &'a Problem,
    weights: Vec<f64>,
    /// b_0.
    bias: f64,
    /// Σ α_i y_i.
    excess: f64,
    /// ϱ.
    excess_cost: f64,
    alpha: Vec<f64>,
    /// Whether a row is still looked at.
    active: Vec<bool>,
    /// Slopes beyond these show that an α stays at its bound.
    beyond: (f64, f64),
    /// The least and the largest slope of this pass.
    slopes: (f64, f64),
    passes: usize,
    violation: f64,
    done: bool,
}

impl<'a> State<'a> {
    fn new(problem: &'a Problem, width: usize, start: Option<Solution>) -> Self {
        let count = problem.labels.len();
        let (weights, bias, alpha) = match start {
            Some(start) => (start.weights, start.bias, start.alpha),
            None => (vec![0.0; width], 0.0, vec![0.0; count]),
        };
        let excess = alpha.iter().zip(&problem.labels).map(|(alpha, label)| alpha * f64::from(*label)).sum();
        let mut state = Self {
            problem,
            weights,
            bias,
            excess,
            excess_cost: FIRST_EXCESS_COST,
            alpha,
            active: vec![false; count],
            beyond: (f64::NEG_INFINITY, f64::INFINITY),
            slopes: (f64::INFINITY, f64::NEG_INFINITY),
            passes: 0,
            violation: f64::INFINITY,
            done: false,
        };
        state.activate();
        state
    }

    /// Looks at every row again.
    fn activate(&mut self) {
        self.active.iter_mut().zip(&self.problem.labels).for_each(|(active, label)| *active = *label != 0);
        self.beyond = (f64::NEG_INFINITY, f64::INFINITY);
    }

    fn wants(&self, row: usize) -> bool {
        !self.done && self.active[row]
    }

    fn value(&self, features: &[f32]) -> f64 {
        dot(features, &self.weights) + self.bias + self.excess_cost * self.excess
    }

    fn visit(&mut self, features: &Features<'_>) {
        for (row, features, squared_norm) in features.iter() {
            if !self.wants(row) {
                continue;
            }
            let (label, bound, alpha) = (f64::from(self.problem.labels[row]), self.problem.bound(row), self.alpha[row]);
            let slope = label * self.value(features) - 1.0;
            let stays = (alpha == 0.0 && slope > self.beyond.1) || (alpha == bound && slope < self.beyond.0);
            if stays {
                self.active[row] = false;
                continue;
            }
            // At a bound only a slope that leads away from it counts.
            let slope = match alpha {
                _ if alpha == 0.0 => slope.min(0.0),
                _ if alpha == bound => slope.max(0.0),
                _ => slope,
            };
            self.slopes = (self.slopes.0.min(slope), self.slopes.1.max(slope));
            if slope.abs() > STILL {
                let next = (alpha - slope / (squared_norm + self.excess_cost)).clamp(0.0, bound);
                let step = (next - alpha) * label;
                self.alpha[row] = next;
                add_scaled(&mut self.weights, step, features);
                self.excess += step;
            }
        }
    }

    fn end_pass(&mut self, tolerance: f64) {
        if self.done {
            return;
        }
        self.passes += 1;
        let (least, largest) = std::mem::replace(&mut self.slopes, (f64::INFINITY, f64::NEG_INFINITY));
        // No slope at all: every row was left out.
        let spread = if least <= largest { largest - least } else { 0.0 };
        let step = self.excess_cost * self.excess;
        self.bias += step;
        // However cheap an excess is at the moment, it has to vanish.
        self.violation = spread.max((self.excess * self.excess_cost.max(FIRST_EXCESS_COST)).abs());
        if step.abs() > OUT_OF_BALANCE * spread {
            self.excess_cost = (2.0 * self.excess_cost).min(EXCESS_COSTS.1);
        } else if spread > OUT_OF_BALANCE * step.abs() {
            self.excess_cost = (0.5 * self.excess_cost).max(EXCESS_COSTS.0);
        }
        if self.violation > tolerance {
            if step.abs() > spread {
                // What stayed at its bound for the old b may not for the new one.
                self.activate();
            } else {
                self.beyond = (
                    if least < 0.0 { least } else { f64::NEG_INFINITY },
                    if largest > 0.0 { largest } else { f64::INFINITY },
                );
            }
            return;
        }
        let whole = self.active.iter().zip(&self.problem.labels).all(|(active, label)| *active || *label == 0);
        if whole {
            self.done = true;
        } else {
            self.activate();
        }
    }

    /// `Σ C_i max(0, 1 − y_i f_i)`.
    fn slack(&self, features: &Features<'_>) -> f64 {
        let of = |(row, features, _): (usize, &[f32], f64)| {
            let label = f64::from(self.problem.labels[row]);
            if label == 0.0 {
                0.0
            } else {
                self.problem.bound(row) * (1.0 - label * (dot(features, &self.weights) + self.bias)).max(0.0)
            }
        };
        features.iter().map(of).sum()
    }

    fn solution(self, slack: f64, tolerance: f64) -> Solution {
        let squared_norm: f64 = self.weights.iter().map(|w| w * w).sum();
        let objective = 0.5 * squared_norm - self.alpha.iter().sum::<f64>();
        let at_bound = |row: &usize| self.alpha[*row] >= self.problem.bound(*row);
        let support: Vec<usize> = (0..self.alpha.len()).filter(|&row| self.alpha[row] > 0.0).collect();
        let report = Report {
            iterations: self.passes,
            objective,
            // At this b, so that what is left of the excess is no gain.
            duality_gap: 0.5 * squared_norm + slack + objective + self.bias * self.excess,
            kkt_violation: self.violation,
            support_vectors: support.len(),
            bounded: support.iter().filter(|row| at_bound(row)).count(),
            converged: self.done && self.violation <= tolerance,
        };
        Solution { bias: self.bias, weights: self.weights, alpha: self.alpha, report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::RngExt;

    struct Matrix(Array2<f32>);

    impl Rows for Matrix {
        fn count(&self) -> usize {
            self.0.nrows()
        }

        fn width(&self) -> usize {
            self.0.ncols()
        }

        fn fill(&self, row: usize, features: &mut [f32]) {
            features.iter_mut().zip(self.0.row(row)).for_each(|(to, from)| *to = *from);
        }
    }

    /// Rows about a plane, with labels that it does not quite divide; some are left out.
    fn generated(seed: u64, count: usize, width: usize, categories: usize) -> (Matrix, Vec<Problem>) {
        let mut random = stream(seed, "coordinate descent test");
        let rows = Array2::from_shape_fn((count, width), |_| random.random::<f32>() - 0.3);
        let mut problem = |category: usize| {
            let label = |row: usize| match rows[(row, category % width)] - 0.4 * random.random::<f32>() {
                _ if random.random::<f64>() < 0.1 => 0,
                side if side > 0.0 => 1,
                _ => -1,
            };
            Problem { labels: (0..count).map(label).collect(), bounds: (0.3 + category as f64, 0.7) }
        };
        let problems = (0..categories).map(&mut problem).collect();
        (Matrix(rows), problems)
    }

    fn options(tolerance: f64) -> Options {
        Options { tolerance, passes: 100_000, seed: 3 }
    }

    fn solved(rows: &Matrix, problems: &[Problem], tolerance: f64) -> Vec<Solution> {
        solve(rows, problems, Vec::new(), options(tolerance), &|_| ())
    }

    /// A gap of nothing is proof of the minimum; and w is what α says, which is in its bounds.
    #[test]
    fn solutions_are_at_the_minimum() {
        for (seed, (count, width)) in [(40, 3), (256, 17), (600, 40), (33, 90)].into_iter().enumerate() {
            let (rows, problems) = generated(seed as u64, count, width, 3);
            for (problem, solution) in problems.iter().zip(solved(&rows, &problems, 1e-9)) {
                let report = &solution.report;
                assert!(report.converged && report.kkt_violation <= 1e-9, "{report:?}");
                let mut weights = vec![0.0; width];
                for (row, &alpha) in solution.alpha.iter().enumerate() {
                    assert!(alpha >= 0.0 && alpha <= problem.bound(row));
                    assert!(problem.labels[row] != 0 || alpha == 0.0);
                    let signed = alpha * f64::from(problem.labels[row]);
                    weights.iter_mut().zip(rows.0.row(row)).for_each(|(w, x)| *w += signed * f64::from(*x));
                }
                assert!(
                    solution.weights.iter().zip(&weights).all(|(found, expected)| (found - expected).abs() < 1e-10)
                );
                let signed = solution.alpha.iter().zip(&problem.labels).map(|(alpha, label)| alpha * f64::from(*label));
                assert!(signed.sum::<f64>().abs() < 1e-7);
                let score = |row: usize| {
                    let terms = weights.iter().zip(rows.0.row(row)).map(|(w, x)| w * f64::from(*x));
                    terms.sum::<f64>() + solution.bias
                };
                let slack =
                    |row: usize| problem.bound(row) * (1.0 - f64::from(problem.labels[row]) * score(row)).max(0.0);
                let slacks: f64 = (0..count).filter(|&row| problem.labels[row] != 0).map(slack).sum();
                let primal = 0.5 * weights.iter().map(|w| w * w).sum::<f64>() + slacks;
                assert!((primal + report.objective).abs() < 1e-7 * primal, "{primal} {}", report.objective);
                assert!((report.duality_gap - (primal + report.objective)).abs() < 1e-6 * primal);
            }
        }
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        c: f64,
        rows: Vec<Vec<f64>>,
        labels: Vec<i8>,
        weights: Vec<f64>,
        bias: f64,
        objective: f64,
    }

    #[test]
    fn golden_problems_agree() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/linear.json");
        let document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let problems: Vec<Golden> = serde_json::from_value(document["problems"].clone()).unwrap();
        assert_eq!(problems.len(), 5);
        for golden in problems {
            let shape = (golden.rows.len(), golden.rows[0].len());
            let rows = Matrix(Array2::from_shape_fn(shape, |(row, k)| golden.rows[row][k] as f32));
            let problem = Problem { labels: golden.labels, bounds: (golden.c, golden.c) };
            let solution = solved(&rows, &[problem], 1e-9).swap_remove(0);
            for (found, expected) in solution.weights.iter().zip(&golden.weights) {
                // LIBSVM's kernel values are f32.
                assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
            }
            assert!((solution.bias - golden.bias).abs() < 1e-5, "{} instead of {}", solution.bias, golden.bias);
            assert!((solution.report.objective / golden.objective - 1.0).abs() < 1e-6);
        }
    }

    /// From the other side: the kernel machine of the same problem.
    #[test]
    fn sequential_minimal_optimisation_finds_the_same() {
        let (rows, problems) = generated(11, 200, 30, 3);
        let gram = Array2::from_shape_fn((200, 200), |(i, j)| dot_of(&rows.0, i, j));
        for (problem, solution) in problems.iter().zip(solved(&rows, &problems, 1e-8)) {
            let used: Vec<usize> = (0..200).filter(|&row| problem.labels[row] != 0).collect();
            let labels: Vec<f64> = used.iter().map(|&row| f64::from(problem.labels[row])).collect();
            let bounds: Vec<f64> = used.iter().map(|&row| problem.bound(row)).collect();
            let gram = Array2::from_shape_fn((used.len(), used.len()), |(i, j)| gram[(used[i], used[j])]);
            let kernel = super::super::svm::solve(&super::super::svm::Problem {
                gram: gram.view(),
                labels: &labels,
                bounds: &bounds,
                tolerance: 1e-8,
                start: None,
            });
            assert!((kernel.report.objective / solution.report.objective - 1.0).abs() < 1e-5);
            for (i, &row) in used.iter().enumerate() {
                let score = solution.score(rows.0.row(row).as_slice().unwrap());
                assert!((kernel.score(gram.row(i)) - score).abs() < 1e-4);
            }
        }
    }

    fn dot_of(rows: &Array2<f32>, i: usize, j: usize) -> f32 {
        rows.row(i).iter().zip(rows.row(j)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
    }

    #[test]
    fn a_solution_depends_on_neither_company_nor_threads() {
        let (rows, problems) = generated(9, 700, 20, 4);
        let together = solved(&rows, &problems, 1e-3);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let alone = pool.install(|| problems.iter().map(|problem| solved(&rows, std::slice::from_ref(problem), 1e-3)));
        for (together, alone) in together.iter().zip(alone.flatten()) {
            assert_eq!(together.weights, alone.weights);
            assert_eq!((together.bias, &together.report), (alone.bias, &alone.report));
        }
    }

    #[test]
    fn every_pass_is_told_until_nothing_is_left() {
        let (rows, problems) = generated(5, 300, 20, 3);
        let told = std::cell::RefCell::new(Vec::new());
        let solutions = solve(&rows, &problems, Vec::new(), options(1e-3), &|pass| told.borrow_mut().push(pass));
        let told = told.into_inner();
        assert!(told.iter().enumerate().all(|(i, pass)| pass.number == i + 1));
        assert_eq!(told.len(), solutions.iter().map(|solution| solution.report.iterations).max().unwrap());
        let (last, before) = told.split_last().unwrap();
        assert_eq!((last.done, last.violation), (3, 0.0));
        assert!(before.iter().all(|pass| pass.done < 3 && pass.violation > 0.0));
        assert!(before.is_sorted_by(|one, next| one.done <= next.done));
    }

    #[test]
    fn from_a_smaller_c_the_way_is_shorter_and_the_end_the_same() {
        let (rows, mut problems) = generated(4, 400, 30, 2);
        let small = solved(&rows, &problems, 1e-6);
        problems.iter_mut().for_each(|problem| problem.bounds = (problem.bounds.0 * 1.5, problem.bounds.1 * 1.5));
        let cold = solved(&rows, &problems, 1e-6);
        let warm = solve(&rows, &problems, small, options(1e-6), &|_| ());
        for (cold, warm) in cold.iter().zip(&warm) {
            assert!((cold.report.objective / warm.report.objective - 1.0).abs() < 1e-5);
        }
        let passes = |solutions: &[Solution]| solutions.iter().map(|s| s.report.iterations).sum::<usize>();
        assert!(passes(&warm) <= passes(&cold), "{} and {}", passes(&warm), passes(&cold));
    }
}
