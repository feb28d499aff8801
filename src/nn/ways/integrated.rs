//! Integrated gradients (Sundararajan et al. 2017): `R = (x − x′) ⊙ ∫ ∂f/∂x(x′ + t (x − x′)) dt`, x′ being the baseline and t from 0 to 1. With the exact
//! integral `f(x) = Σ R + f(x′)`; the account has f(x′) and what the quadrature misses.

use std::sync::OnceLock;

use super::{Shares, Single, WayError};
use crate::ledger::{Account, Kept, Ledger};
use crate::nn::layers::Slope;
use crate::nn::real::Real;

/// Nodes of the Gauss–Legendre quadrature.
const NODES: usize = 32;

/// Nodes and weights on [0, 1].
fn nodes() -> &'static [(f64, f64); NODES] {
    static FOUND: OnceLock<[(f64, f64); NODES]> = OnceLock::new();
    FOUND.get_or_init(|| std::array::from_fn(node))
}

/// A root of the Legendre polynomial of this degree by Newton's method, and its weight.
fn node(number: usize) -> (f64, f64) {
    let n = NODES as f64;
    let mut x = (std::f64::consts::PI * (number as f64 + 0.75) / (n + 0.5)).cos();
    let mut slope = 0.0;
    // Newton's method doubles the right digits; ten steps are twice what they need.
    for _ in 0..10 {
        let (mut last, mut this) = (1.0, x);
        for degree in 2..=NODES {
            let k = degree as f64;
            (last, this) = (this, ((2.0 * k - 1.0) * x * this - (k - 1.0) * last) / k);
        }
        slope = n * (x * this - last) / (x * x - 1.0);
        x -= this / slope;
    }
    ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
}

/// The sum over the nodes from the baseline to the input.
pub(super) fn explain<T: Real>(item: &Single<'_, T>, baseline: &[f64]) -> Result<Shares<T>, WayError> {
    let x = &item.x;
    let together = item.runner.batch_of(NODES);
    let mut mean = vec![0.0; x.len()];
    for batch in nodes().chunks(together) {
        let between = |t: f64| baseline.iter().zip(x).map(move |(start, x)| T::of(start + t * (x - start)));
        let values = item.runner.forward(batch.iter().flat_map(|&(t, _)| between(t)).collect());
        let gradients = item.runner.gradient(&values, item.start(batch.len()), Slope::True);
        for (gradient, (_, weight)) in gradients.chunks_exact(x.len()).zip(batch) {
            mean.iter_mut().zip(gradient).for_each(|(mean, g)| *mean += weight * g.wide());
        }
    }
    let relevance: Vec<f64> = mean.iter().zip(x.iter().zip(baseline)).map(|(g, (x, start))| g * (x - start)).collect();
    let at_baseline = item.scores(&item.runner.logits(baseline.iter().map(|&x| T::of(x)).collect()))[0];
    let sum = relevance.iter().sum();
    let mut ledger = Ledger::open(item.score);
    ledger.book(Kept { account: Account::RootValue, amount: at_baseline });
    ledger.book(Kept { account: Account::Quadrature, amount: item.score - at_baseline - sum });
    let magnitude = relevance.iter().fold(at_baseline.abs().max(item.score.abs()), |sum, r| sum + r.abs());
    Ok(Shares::of_input(relevance, Some(ledger.close_within(sum, T::TOLERANCE, magnitude)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for degree in 0..2 * NODES {
            let integral: f64 = nodes().iter().map(|&(t, weight)| weight * t.powi(degree as i32)).sum();
            assert!((integral * (degree + 1) as f64 - 1.0).abs() < 1e-13, "degree {degree}: {integral}");
        }
    }
}
