//! Linear machines: `f(x) = b + Σ_u Σ_d Σ_j w_j,d ψ_j(x_d)` with an explicit feature map ψ, one vector of weights per category.

use super::feature_map::Weights;
use super::{BiasMode, Decomposed};
use crate::explanation::Target;

/// What a linear machine knows of one channel.
pub struct LinearChannel {
    /// The map and the weights of every category.
    pub weights: Weights,
    /// s: the kernel's variance over the training pictures.
    pub scale: f64,
    /// β: the channel's share, Σβ = 1.
    pub beta: f64,
}

/// One linear machine per category.
pub struct LinearMachine {
    /// What it knows of each channel.
    pub channels: Vec<LinearChannel>,
    /// b of every category.
    pub bias: Vec<f64>,
}

impl LinearMachine {
    /// f in every category of pictures given by one histogram per channel, in f64.
    pub(super) fn scores(&self, pictures: &[Vec<&[f32]>]) -> Vec<Vec<f64>> {
        let score = |histograms: &Vec<&[f32]>| {
            let mut scores = self.bias.clone();
            for (channel, histogram) in self.channels.iter().zip(histograms) {
                let own = channel.weights.scores(histogram);
                scores.iter_mut().zip(own).for_each(|(score, own)| *score += own);
            }
            scores
        };
        pictures.iter().map(score).collect()
    }

    /// Splits a score over the dimensions of `histograms`, one histogram per channel: it is a sum over them already.
    pub(super) fn decompose(&self, histograms: &[&[f32]], target: Target, bias: BiasMode) -> Decomposed {
        let dimensions: usize = histograms.iter().map(|histogram| histogram.len()).sum();
        let (spread, kept) = bias.place(target.of(|category| self.bias[category]));
        let share = spread / dimensions as f64;
        let shares = |(channel, histogram): (&LinearChannel, &&[f32])| {
            let shares = channel.weights.shares(histogram, target);
            shares.into_iter().map(|value| value + share).collect()
        };
        let r3 = self.channels.iter().zip(histograms).map(shares).collect();
        Decomposed { r3, root: None, spread, kept, kind: "exact" }
    }
}
