//! Layer 3 ⇄ score: histogram → score, and the score's shares → dimensions.
//!
//! Forward `f(x) = b + Σ_i a_i Σ_u (β_u/s_u) k_u(x_i, x)` by a [`kernel`] and dual coefficients that [`svm`] learns on a [`gram`] matrix; back
//! [`decompose`] splits the score over the dimensions: [`exact`] where the kernel is a sum over them, [`shapley`] where it is a product.

pub mod exact;
pub mod gram;
pub mod kernel;
pub mod shapley;
pub mod svm;

use crate::explanation::BiasMode;
use crate::ledger::{Account, Kept};
use kernel::Kernel;

/// What one channel contributes to the score.
pub struct Channel<'a> {
    /// Its kernel.
    pub kernel: Kernel,
    /// β_u/s_u.
    pub factor: f64,
    /// The support vectors' histograms, n×D_u, row by row.
    pub train: &'a [f32],
    /// The picture's histogram, D_u.
    pub histogram: &'a [f32],
}

impl Channel<'_> {
    /// The training histograms with their coefficients, those of coefficient 0 left out: categories share few support vectors.
    fn support<'b>(&'b self, dual: &'b [f64]) -> impl Iterator<Item = (f64, &'b [f32])> {
        let rows = self.train.chunks_exact(self.histogram.len().max(1));
        dual.iter().copied().zip(rows).filter(|(a, _)| *a != 0.0)
    }
}

/// R3 of every channel, and the constant where it is not spread.
///
/// The constant is what the score is when every dimension is left out: b, and for a product kernel, which is 1 then, `(β/s) Σ_i a_i` more:
/// 0 but for rounding after training, since `Σ_i a_i = 0`.
pub fn decompose(channels: &[Channel<'_>], dual: &[f64], bias: f64, mode: BiasMode) -> (Vec<Vec<f64>>, Kept) {
    let dimensions: usize = channels.iter().map(|channel| channel.histogram.len()).sum();
    let nothing: f64 = channels
        .iter()
        .map(|channel| match channel.kernel {
            Kernel::Additive(_) => 0.0,
            Kernel::Product { .. } => channel.factor * dual.iter().sum::<f64>(),
        })
        .sum();
    let constant = bias + nothing;
    let (share, amount) = match mode {
        BiasMode::Spread => (constant / dimensions as f64, 0.0),
        BiasMode::Sink => (0.0, constant),
    };
    let relevances = channels
        .iter()
        .map(|channel| {
            let mut relevance = match channel.kernel {
                Kernel::Additive(terms) => exact::shares(channel, terms, dual),
                Kernel::Product { distance, width } => shapley::shares(channel, distance, width, dual),
            };
            relevance.iter_mut().for_each(|value| *value = *value * channel.factor + share);
            relevance
        })
        .collect();
    (relevances, Kept { account: Account::BiasSink, amount })
}

#[cfg(test)]
mod tests {
    use super::kernel::KernelKind;
    use super::*;
    use rand::RngExt;

    #[test]
    fn shares_add_up_to_the_score_in_every_kernel_and_bias_mode() {
        let mut random = crate::numeric::random::stream(2, "decompose");
        for &kind in KernelKind::ALL {
            let kernel = kind.with_width(0.8);
            let train: Vec<f32> = (0..9 * 14).map(|_| random.random()).collect();
            let x: Vec<f32> = (0..14).map(|_| random.random()).collect();
            let dual: Vec<f64> = (0..9).map(|i| if i == 4 { 0.0 } else { random.random::<f64>() - 0.5 }).collect();
            let (factor, bias) = (0.37, -1.25);
            let value: f64 = dual.iter().zip(train.chunks(14)).map(|(a, row)| a * kernel.value(row, &x)).sum();
            let constant = bias + if kind.has_width() { factor * dual.iter().sum::<f64>() } else { 0.0 };
            let part = || Channel { kernel, factor, train: &train, histogram: &x };
            let (sunk, kept) = decompose(&[part()], &dual, bias, BiasMode::Sink);
            assert_eq!(kept.account, Account::BiasSink);
            assert!((kept.amount - constant).abs() < 1e-12);
            assert!((sunk[0].iter().sum::<f64>() + kept.amount - (bias + factor * value)).abs() < 1e-12, "{kind}");
            let (spread, kept) = decompose(&[part()], &dual, bias, BiasMode::Spread);
            assert_eq!(kept.amount, 0.0);
            for (a, b) in spread[0].iter().zip(&sunk[0]) {
                assert!((a - b - constant / 14.0).abs() < 1e-12);
            }
            // Two channels share one constant.
            let (both, _) = decompose(&[part(), part()], &dual, bias, BiasMode::Spread);
            let total: f64 = both.iter().flatten().sum();
            assert!((total - (bias + 2.0 * factor * value)).abs() < 1e-12);
        }
    }
}
