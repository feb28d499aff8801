//! One score of one picture by a kernel machine, ready to be split over the dimensions.

use super::kernel::Kernel;
use super::{BiasMode, Decomposition, Explaining, exact, shapley, taylor};
use crate::ledger::Kept;
use crate::numeric::root::NoRoot;

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
    /// The training histograms, row by row.
    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.train.chunks_exact(self.histogram.len().max(1))
    }

    /// The training histograms with their coefficients, those of coefficient 0 left out: categories share few support vectors.
    pub(super) fn support<'b>(&'b self, dual: &'b [f64]) -> impl Iterator<Item = (f64, &'b [f32])> {
        dual.iter().copied().zip(self.rows()).filter(|(a, _)| *a != 0.0)
    }
}

/// One category's score of one picture, or the difference of two categories'.
pub struct Decision<'a> {
    /// The channels.
    pub channels: Vec<Channel<'a>>,
    /// a_i, n.
    pub dual: Vec<f64>,
    /// b.
    pub bias: f64,
    /// f of the support pictures, n.
    pub train_scores: Vec<f64>,
}

/// A score split over the dimensions.
pub struct Decomposed {
    /// How it was split: `exact`, `shapley` or `taylor`.
    pub kind: &'static str,
    /// R3 of every channel.
    pub r3: Vec<Vec<f64>>,
    /// The root of a Taylor expansion, a part a channel.
    pub root: Option<Vec<Vec<f64>>>,
    /// How much of Σ R3 is the constant, spread over the dimensions.
    pub spread: f64,
    /// What is no dimension's share: the constant where it is not spread, or Taylor's residual.
    pub kept: Kept,
}

impl Decision<'_> {
    /// Splits the score over the dimensions.
    ///
    /// # Errors
    /// [`NoRoot`] if a Taylor expansion finds none.
    pub fn decompose(&self, method: &Explaining) -> Result<Decomposed, NoRoot> {
        match method.decomposition {
            Decomposition::Auto | Decomposition::Shapley => Ok(self.by_dimension(method.bias)),
            Decomposition::Taylor => taylor::decompose(self, method.roots, method.candidates),
        }
    }

    /// What each dimension adds, and the constant shared by all or kept.
    ///
    /// The constant is what the score is when every dimension is left out: b, and for a product kernel, which is 1 then, `(β/s) Σ_i a_i` more:
    /// 0 but for rounding after training, since `Σ_i a_i = 0`.
    fn by_dimension(&self, mode: BiasMode) -> Decomposed {
        let dimensions: usize = self.channels.iter().map(|channel| channel.histogram.len()).sum();
        let nothing: f64 = self
            .channels
            .iter()
            .map(|channel| match channel.kernel {
                Kernel::Additive(_) => 0.0,
                Kernel::Product { .. } => channel.factor * self.dual.iter().sum::<f64>(),
            })
            .sum();
        let (spread, kept) = mode.place(self.bias + nothing);
        let share = spread / dimensions as f64;
        let r3 = self
            .channels
            .iter()
            .map(|channel| {
                let mut relevance = match channel.kernel {
                    Kernel::Additive(terms) => exact::shares(channel, terms, &self.dual),
                    Kernel::Product { distance, width } => shapley::shares(channel, distance, width, &self.dual),
                };
                relevance.iter_mut().for_each(|value| *value = *value * channel.factor + share);
                relevance
            })
            .collect();
        Decomposed { r3, root: None, spread, kept, kind: self.kind() }
    }

    fn kind(&self) -> &'static str {
        let product = self.channels.iter().any(|channel| matches!(channel.kernel, Kernel::Product { .. }));
        if product { "shapley" } else { "exact" }
    }

    /// All channels' histograms, one after the other.
    pub(super) fn point(&self) -> Vec<f64> {
        self.channels.iter().flat_map(|channel| channel.histogram.iter().map(|&value| f64::from(value))).collect()
    }

    /// All channels' histograms of support picture `i`, one after the other.
    pub(super) fn support_picture(&self, i: usize) -> impl Iterator<Item = f32> + '_ {
        self.channels.iter().flat_map(move |channel| {
            let width = channel.histogram.len();
            channel.train[i * width..(i + 1) * width].iter().copied()
        })
    }

    /// What [`Decision::point`] joins, taken apart.
    pub(super) fn split(&self, joined: &[f64]) -> Vec<Vec<f64>> {
        let mut rest = joined;
        let mut parts = Vec::with_capacity(self.channels.len());
        for channel in &self.channels {
            let (part, tail) = rest.split_at(channel.histogram.len());
            parts.push(part.to_vec());
            rest = tail;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::KernelKind;
    use crate::ledger::Account;
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
            let decompose = |channels: Vec<Channel<'_>>, mode: BiasMode| {
                let decision = Decision { channels, dual: dual.clone(), bias, train_scores: Vec::new() };
                decision.decompose(&Explaining { bias: mode, ..Explaining::default() }).unwrap()
            };
            let Decomposed { r3: sunk, kept, .. } = decompose(vec![part()], BiasMode::Sink);
            assert_eq!(kept.account, Account::BiasSink);
            assert!((kept.amount - constant).abs() < 1e-12);
            assert!((sunk[0].iter().sum::<f64>() + kept.amount - (bias + factor * value)).abs() < 1e-12, "{kind}");
            let Decomposed { r3: spread, kept, spread: amount, .. } = decompose(vec![part()], BiasMode::Spread);
            assert_eq!(kept.amount, 0.0);
            assert!((amount - constant).abs() < 1e-12);
            for (a, b) in spread[0].iter().zip(&sunk[0]) {
                assert!((a - b - constant / 14.0).abs() < 1e-12);
            }
            // Two channels share one constant.
            let both = decompose(vec![part(), part()], BiasMode::Spread);
            let total: f64 = both.r3.iter().flatten().sum();
            assert!((total - (bias + 2.0 * factor * value)).abs() < 1e-12);
            let _ = both.kept;
        }
    }
}
