//! R(3), exactly: a score over decomposable kernels is already a sum over dimensions.
//!
//! `R3_(u,d) = b/D + (β_u/s_u) Σ_i a_i k_u^(d)(x_i,d , x_d)` (Bach et al. 2015, Eqs 23–24), D the dimensions of all channels together.
//! With `bias = sink` the term b/D is left out and b is kept for the ledger.

use super::kernel::AdditiveKernel;
use crate::explanation::BiasMode;
use crate::ledger::{Account, Kept};

/// What one channel contributes to the score.
pub struct Channel<'a> {
    /// Its kernel.
    pub kernel: &'a dyn AdditiveKernel,
    /// β_u/s_u.
    pub factor: f64,
    /// The support vectors' histograms, n×D_u, row by row.
    pub train: &'a [f32],
    /// The picture's histogram, D_u.
    pub histogram: &'a [f32],
}

/// R3 of every channel, and the bias where it is not spread.
pub fn decompose(channels: &[Channel<'_>], dual: &[f64], bias: f64, mode: BiasMode) -> (Vec<Vec<f64>>, Kept) {
    let total: usize = channels.iter().map(|channel| channel.histogram.len()).sum();
    let (share, amount) = match mode {
        BiasMode::Spread => (bias / total as f64, 0.0),
        BiasMode::Sink => (0.0, bias),
    };
    let relevances = channels
        .iter()
        .map(|channel| {
            let mut relevance = vec![0.0; channel.histogram.len()];
            for (row, &a) in channel.train.chunks_exact(channel.histogram.len().max(1)).zip(dual) {
                // Most categories share few support vectors; the others' coefficients are exactly 0.
                if a != 0.0 {
                    channel.kernel.add_summands(a, row, channel.histogram, &mut relevance);
                }
            }
            for value in &mut relevance {
                *value = *value * channel.factor + share;
            }
            relevance
        })
        .collect();
    (relevances, Kept { account: Account::BiasSink, amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    /// The module head's formula in its own words.
    #[test]
    fn shares_equal_the_direct_sum_and_add_up_to_the_score() {
        let mut random = crate::numeric::random::stream(2, "exact");
        for &kind in KernelKind::ALL {
            let Some(kernel) = kind.kernel().additive() else { continue };
            let train = ndarray::Array2::from_shape_fn((9, 14), |_| random.random::<f32>());
            let x: Vec<f32> = (0..14).map(|_| random.random()).collect();
            let dual: Vec<f64> = (0..9).map(|i| if i == 4 { 0.0 } else { random.random::<f64>() - 0.5 }).collect();
            let (factor, bias) = (0.37, -1.25);
            let value: f64 =
                (0..9).map(|i| dual[i] * kind.kernel().value(train.row(i).as_slice().unwrap(), &x)).sum::<f64>();
            for &mode in BiasMode::ALL {
                let channel = Channel { kernel, factor, train: train.as_slice().unwrap(), histogram: &x };
                let (r3, kept) = decompose(&[channel], &dual, bias, mode);
                for d in 0..14 {
                    let direct: f64 = (0..9)
                        .map(|i| {
                            let (a, b) = (f64::from(train[(i, d)]), f64::from(x[d]));
                            dual[i] * kernel.summand(a, b)
                        })
                        .sum::<f64>()
                        * factor
                        + if mode == BiasMode::Spread { bias / 14.0 } else { 0.0 };
                    assert!((r3[0][d] - direct).abs() < 1e-12 * direct.abs().max(1.0));
                }
                let expected = if mode == BiasMode::Sink { bias } else { 0.0 };
                assert_eq!(kept, Kept { account: Account::BiasSink, amount: expected });
                let total = r3[0].iter().sum::<f64>() + kept.amount;
                assert!((total - (bias + factor * value)).abs() < 1e-12);
            }
        }
    }
}
