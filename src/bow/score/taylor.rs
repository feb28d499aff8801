//! R(3) of any differentiable kernel: the first-order Taylor expansion about a root.
//!
//! With a root x⁰, f(x⁰) = 0, near x (B15 Eq 25): `R3_d = (x − x⁰)_d ∂f/∂x_d(x⁰)`. No bias is spread; what the first order leaves, `f(x) − Σ_d R3_d`, is the
//! residual. The root lies on a segment from x to one of the support pictures on the other side of the boundary (by their stored scores),
//! the nearest ones in Euclidean distance over all channels' histograms; [`crate::numeric::root`] looks for it.

use super::kernel::Kernel;
use super::{Decision, Decomposed, Roots};
use crate::ledger::{Account, Kept};
use crate::numeric::root::{Function, NoRoot, Root, Search};

/// Roots that `mean` averages over.
const AVERAGED: usize = 10;

/// The decomposition about the root that `choice` takes, among those towards the `count` nearest candidates.
pub(super) fn decompose(decision: &Decision<'_>, choice: Roots, count: usize) -> Result<Decomposed, NoRoot> {
    let x = decision.point();
    let score = decision.value(x.clone());
    let candidates = candidates(decision, &x, score, count);
    let search = Search::new(decision, &x, score);
    let none = || NoRoot { value: score, candidates: candidates.len() };
    if choice == Roots::Nearest {
        let root = search.nearest(&candidates).ok_or_else(none)?;
        let relevance = first_order(decision, &x, &root);
        return Ok(decomposed(decision, score, relevance, Some(root)));
    }
    let mut found: Vec<(f64, Vec<f64>, Root)> = search
        .all(&candidates)
        .into_iter()
        .map(|root| {
            let relevance = first_order(decision, &x, &root);
            ((score - relevance.iter().sum::<f64>()).abs(), relevance, root)
        })
        .collect();
    // A stable sort: of equals the nearer candidate's.
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.truncate(if choice == Roots::Mean { AVERAGED } else { 1 });
    match &mut found[..] {
        [] => Err(none()),
        [(_, relevance, root)] => Ok(decomposed(decision, score, std::mem::take(relevance), Some(root.clone()))),
        several => {
            let mut mean = vec![0.0; x.len()];
            for (_, relevance, _) in several.iter() {
                for (mean, value) in mean.iter_mut().zip(relevance) {
                    *mean += value / several.len() as f64;
                }
            }
            Ok(decomposed(decision, score, mean, None))
        }
    }
}

fn decomposed(decision: &Decision<'_>, score: f64, relevance: Vec<f64>, root: Option<Root>) -> Decomposed {
    let amount = score - relevance.iter().sum::<f64>();
    Decomposed {
        r3: decision.split(&relevance),
        root: root.map(|root| decision.split(&root.point)),
        spread: 0.0,
        kind: "taylor",
        kept: Kept { account: Account::TaylorResidual, amount },
    }
}

/// The `count` support pictures nearest to `x` whose stored score has the other sign, the nearest first.
fn candidates(decision: &Decision<'_>, x: &[f64], score: f64, count: usize) -> Vec<Vec<f64>> {
    let mut others: Vec<(f64, usize)> = (0..decision.train_scores.len())
        .filter(|&i| decision.train_scores[i] * score < 0.0)
        .map(|i| {
            let row = decision.support_picture(i);
            (row.zip(x).map(|(z, x)| (f64::from(z) - x) * (f64::from(z) - x)).sum(), i)
        })
        .collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    others.truncate(count);
    others.into_iter().map(|(_, i)| decision.support_picture(i).map(f64::from).collect()).collect()
}

/// `(x − x⁰)_d ∂f/∂x_d(x⁰)`.
fn first_order(decision: &Decision<'_>, x: &[f64], root: &Root) -> Vec<f64> {
    let slopes = decision.gradient(&root.point);
    slopes.iter().zip(x).zip(&root.point).map(|((slope, x), root)| (x - root) * slope).collect()
}

impl Decision<'_> {
    /// ∂f/∂x at `point`, the channels' histograms one after the other.
    pub fn gradient(&self, point: &[f64]) -> Vec<f64> {
        let mut all = Vec::with_capacity(point.len());
        for (channel, point) in self.channels.iter().zip(self.split(point)) {
            let mut slopes = vec![0.0; point.len()];
            let terms = channel.kernel.terms();
            for (a, row) in channel.support(&self.dual) {
                let factor = match channel.kernel {
                    Kernel::Additive(_) => 1.0,
                    Kernel::Product { width, .. } => -channel.kernel.of_sum(terms.sum_at(row, &point)) / width,
                };
                terms.add_slopes(channel.factor * a * factor, row, &point, &mut slopes);
            }
            all.extend(slopes);
        }
        all
    }
}

impl Function for Decision<'_> {
    /// f at several points; each support picture's histogram is read once for all of them.
    fn values(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let mut values = vec![self.bias; points.len()];
        let mut first = 0;
        for channel in &self.channels {
            let last = first + channel.histogram.len();
            let mut sums = vec![0.0; points.len()];
            for (a, row) in channel.support(&self.dual) {
                for (sum, point) in sums.iter_mut().zip(points) {
                    *sum += a * channel.kernel.of_sum(channel.kernel.terms().sum_at(row, &point[first..last]));
                }
            }
            for (value, sum) in values.iter_mut().zip(sums) {
                *value += channel.factor * sum;
            }
            first = last;
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::Channel;
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    /// Two channels of a differentiable kernel, nine support pictures.
    fn with_decision(kind: KernelKind, seed: u64, look: impl FnOnce(&Decision<'_>)) {
        let mut random = crate::numeric::random::stream(seed, "taylor");
        let mut histograms = |rows: usize, width: usize| -> Vec<f32> {
            (0..rows)
                .flat_map(|_| {
                    let row: Vec<f32> = (0..width).map(|_| random.random::<f32>() + 0.05).collect();
                    let sum: f32 = row.iter().sum();
                    row.into_iter().map(move |v| v / sum).collect::<Vec<_>>()
                })
                .collect()
        };
        let (a, b) = (histograms(9, 6), histograms(9, 4));
        let (x, y) = (histograms(1, 6), histograms(1, 4));
        let kernel = kind.with_width(0.3);
        let channels = vec![
            Channel { kernel, factor: 3.0, train: &a, histogram: &x },
            Channel { kernel, factor: 5.0, train: &b, histogram: &y },
        ];
        let dual: Vec<f64> = (0..9).map(|i| [1.0, -1.0][i % 2] * (0.5 + 0.1 * i as f64)).collect();
        let dual: Vec<f64> = dual.iter().map(|a| a - dual.iter().sum::<f64>() / 9.0).collect();
        let mut decision = Decision { channels, dual, bias: 0.0, train_scores: vec![0.0; 9] };
        let point = |i: usize| decision.support_picture(i).map(f64::from).collect::<Vec<f64>>();
        let scores: Vec<f64> = (0..9).map(|i| decision.value(point(i))).collect();
        decision.train_scores = scores;
        look(&decision);
    }

    #[test]
    fn the_gradient_is_that_of_central_differences() {
        for &kind in KernelKind::ALL.iter().filter(|kind| kind.is_differentiable()) {
            with_decision(kind, 1, |decision| {
                let point = decision.point();
                for (d, slope) in decision.gradient(&point).into_iter().enumerate() {
                    let at = |h: f64| {
                        let mut moved = point.clone();
                        moved[d] += h;
                        decision.value(moved)
                    };
                    let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                    assert!((slope - difference).abs() < 1e-6 * slope.abs().max(1.0), "{kind}: {slope}, {difference}");
                }
            });
        }
    }

    /// The root is one, the relevance is the formula, and the residual is what the ledger says, whichever root is taken.
    #[test]
    fn the_expansion_is_about_a_root_and_adds_up_with_its_residual() {
        let mut seen = 0;
        for &kind in KernelKind::ALL.iter().filter(|kind| kind.is_differentiable()) {
            for seed in 0..6 {
                with_decision(kind, seed, |decision| {
                    let score = decision.value(decision.point());
                    if !decision.train_scores.iter().any(|other| other * score < 0.0) {
                        assert!(decompose(decision, Roots::Nearest, 200).is_err());
                        return;
                    }
                    seen += 1;
                    let mut residuals = Vec::new();
                    for &choice in Roots::ALL {
                        let found = decompose(decision, choice, 200).unwrap();
                        let total: f64 = found.r3.iter().flatten().sum();
                        assert!((total + found.kept.amount - score).abs() < 1e-12, "{kind} {choice}");
                        residuals.push(found.kept.amount.abs());
                        let Some(root) = found.root else { continue };
                        let root = root.concat();
                        assert!(decision.value(root.clone()).abs() < 1e-9, "{kind} {choice}");
                        let slopes = decision.gradient(&root);
                        let parts = found.r3.concat().into_iter().zip(slopes).zip(decision.point()).zip(root);
                        for (((r, slope), x), root) in parts {
                            assert_eq!(r, (x - root) * slope);
                        }
                    }
                    // The same root may be found twice within the search's tolerance.
                    assert!(residuals[1] <= residuals[0] + 1e-8, "{kind}: {residuals:?}");
                });
            }
        }
        assert!(seen > 12, "only {seen} decisions had a root to find");
    }

    #[test]
    fn candidates_are_the_nearest_on_the_other_side() {
        with_decision(KernelKind::Chi2, 3, |decision| {
            let x = decision.point();
            let score = decision.value(x.clone());
            let far = |end: &Vec<f64>| end.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            let all = candidates(decision, &x, score, 200);
            assert!(all.windows(2).all(|pair| far(&pair[0]) <= far(&pair[1])));
            assert!(all.iter().all(|end| decision.value(end.clone()) * score < 0.0));
            assert_eq!(all.len(), decision.train_scores.iter().filter(|other| **other * score < 0.0).count());
            assert_eq!(candidates(decision, &x, score, 2), all[..2.min(all.len())]);
        });
    }
}
