//! R(3) of kernels that are sums over dimensions: the score is such a sum itself.
//!
//! `R3_d = (β/s) Σ_i a_i t(x_i,d , x_d)`, and a share of the constant (B15 Eqs 23–24).

use super::Channel;
use super::kernel::Terms;

/// `Σ_i a_i t(x_i,d , x_d)` of every dimension.
pub(in crate::bow) fn shares(channel: &Channel<'_>, terms: &dyn Terms, dual: &[f64]) -> Vec<f64> {
    let mut shares = vec![0.0; channel.histogram.len()];
    for (a, row) in channel.support(dual) {
        terms.add_terms(a, row, channel.histogram, &mut shares);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::{Kernel, KernelKind};
    use rand::RngExt;

    /// The module head's formula in its own words.
    #[test]
    fn shares_equal_the_direct_sum() {
        let mut random = crate::numeric::random::stream(2, "exact");
        for &kind in KernelKind::ALL {
            let kernel = kind.with_width(1.0);
            let Kernel::Additive(terms) = kernel else { continue };
            let train: Vec<f32> = (0..9 * 14).map(|_| random.random()).collect();
            let histogram: Vec<f32> = (0..14).map(|_| random.random()).collect();
            let dual: Vec<f64> = (0..9).map(|i| if i == 4 { 0.0 } else { random.random::<f64>() - 0.5 }).collect();
            let channel = Channel { kernel, factor: 1.0, train: &train, histogram: &histogram };
            for (d, found) in shares(&channel, terms, &dual).into_iter().enumerate() {
                let term = |i: usize| terms.term(f64::from(train[i * 14 + d]), f64::from(histogram[d]));
                let expected: f64 = (0..9).map(|i| dual[i] * term(i)).sum();
                assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{kind} {d}");
            }
        }
    }
}
