//! R(3) of kernels that are products over dimensions: Shapley values, which leave no residual and need no root.
//!
//! With `k(x_i, x) = Π_d κ_id`, and a dimension left out having the factor 1, the average over all orders of what dimension d adds is
//!
//! `R3_d = (β/s) Σ_i a_i (κ_id − 1) ∫₀¹ Π_{e≠d} (1 + t(κ_ie − 1)) dt`
//!
//! (Shapley values of product games, e.g. arXiv 2505.16516). Each i's integrals add up to `k(x_i, x) − 1`. The integrand is a polynomial in t, so
//! Gauss–Legendre quadrature converges fast; the sum over d being known, each picture's own remainder tells whether it has.

use macro_rules_attribute::apply;

use super::Channel;
use super::kernel::Terms;
use crate::numeric::simd::avx2;

/// Half of the nodes of the 8-point rule on [−1, 1], with their weights (Abramowitz & Stegun 1972, table 25.4); the others are their mirrors.
const RULE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];
/// Nodes of the rule.
const NODES: usize = 2 * RULE.len();
/// A remainder above this halves the panels.
const TOLERANCE: f64 = 1e-13;
/// Maximum number of panels: with more, rounding errors outweigh those of the rule.
const MAX_PANELS: usize = 64;

/// `Σ_i a_i (κ_id − 1) ∫ Π_{e≠d} (1 + t(κ_ie − 1)) dt` of every dimension.
pub(super) fn shares(channel: &Channel<'_>, distance: &dyn Terms, width: f64, dual: &[f64]) -> Vec<f64> {
    let dimensions = channel.histogram.len();
    let mut shares = vec![0.0; dimensions];
    let mut less = vec![0.0; dimensions];
    let mut part = vec![0.0; dimensions];
    for (a, row) in channel.support(dual) {
        less.fill(0.0);
        distance.add_terms(-1.0 / width, row, channel.histogram, &mut less);
        let exponent: f64 = less.iter().sum();
        less.iter_mut().for_each(|value| *value = value.exp_m1());
        let mut panels = 1;
        loop {
            part.fill(0.0);
            integrate(panels, &less, &mut part);
            let remainder = part.iter().sum::<f64>() - exponent.exp_m1();
            if remainder.abs() <= TOLERANCE || panels == MAX_PANELS {
                break;
            }
            panels *= 2;
        }
        for (share, part) in shares.iter_mut().zip(&part) {
            *share += a * part;
        }
    }
    shares
}

/// `out_d += less_d ∫ Π_{e≠d} (1 + t less_e) dt` by the rule on `panels` equal parts of [0, 1].
fn integrate(panels: usize, less: &[f64], out: &mut [f64]) {
    let half = 0.5 / panels as f64;
    for panel in 0..panels {
        let middle = (2 * panel + 1) as f64 * half;
        let mut points = [0.0; NODES];
        let mut weights = [0.0; NODES];
        for (place, (node, weight)) in
            RULE.iter().flat_map(|&(node, weight)| [(-node, weight), (node, weight)]).enumerate()
        {
            points[place] = middle + half * node;
            weights[place] = half * weight * log_product(points[place], less).exp();
        }
        add_quotients(&points, &weights, less, out);
    }
}

/// `Σ_e ln(1 + t less_e)`; every factor lies in [1 − t, 1], so a few of them never underflow and one logarithm serves them all.
#[apply(avx2!)]
fn log_product(t: f64, less: &[f64]) -> f64 {
    let mut log = 0.0;
    for block in less.chunks(128) {
        let mut lanes = [1.0f64; 8];
        let (chunks, rest) = block.as_chunks::<8>();
        for chunk in chunks {
            for lane in 0..8 {
                lanes[lane] *= 1.0 + t * chunk[lane];
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane *= 1.0 + t * value;
        }
        log += lanes.iter().map(|lane| lane.ln()).sum::<f64>();
    }
    log
}

/// `out_d += less_d Σ_q weight_q/(1 + t_q less_d)`: the own factor divided out of the product.
#[apply(avx2!)]
fn add_quotients(points: &[f64; NODES], weights: &[f64; NODES], less: &[f64], out: &mut [f64]) {
    for (out, &less) in out.iter_mut().zip(less) {
        let mut sum = 0.0;
        for (t, weight) in points.iter().zip(weights) {
            sum += weight / (1.0 + t * less);
        }
        *out += less * sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::{Kernel, KernelKind};
    use proptest::prelude::*;

    /// The definition: what d adds to each coalition, weighed by how often that coalition comes first.
    fn by_coalitions(factors: &[f64]) -> Vec<f64> {
        let n = factors.len();
        let factorial = |m: usize| (1..=m).map(|v| v as f64).product::<f64>();
        (0..n)
            .map(|d| {
                (0..1usize << n)
                    .filter(|coalition| coalition >> d & 1 == 0)
                    .map(|coalition| {
                        let size = coalition.count_ones() as usize;
                        let product: f64 = (0..n).filter(|e| coalition >> e & 1 == 1).map(|e| factors[e]).product();
                        factorial(size) * factorial(n - 1 - size) / factorial(n) * product * (factors[d] - 1.0)
                    })
                    .sum()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn shares_are_the_shapley_values(
            rows in proptest::collection::vec(proptest::collection::vec(0.0f32..1.0, 7), 1..4),
            histogram in proptest::collection::vec(0.0f32..1.0, 7), width in 0.005f64..3.0,
        ) {
            for &kind in KernelKind::ALL {
                let kernel = kind.with_width(width);
                let Kernel::Product { distance, .. } = kernel else { continue };
                let dual: Vec<f64> = (0..rows.len()).map(|i| 0.7 - i as f64).collect();
                let train: Vec<f32> = rows.iter().flatten().copied().collect();
                let channel = Channel { kernel, factor: 1.0, train: &train, histogram: &histogram };
                let mut expected = [0.0; 7];
                for (a, row) in dual.iter().zip(&rows) {
                    let terms = row.iter().zip(&histogram).map(|(x, z)| distance.term(f64::from(*x), f64::from(*z)));
                    let factors: Vec<f64> = terms.map(|term| (-term / width).exp()).collect();
                    for (sum, value) in expected.iter_mut().zip(by_coalitions(&factors)) {
                        *sum += a * value;
                    }
                }
                for (found, expected) in shares(&channel, distance, width, &dual).iter().zip(expected) {
                    prop_assert!((found - expected).abs() < 1e-11, "{}: {} instead of {}", kind, found, expected);
                }
            }
        }
    }
}
