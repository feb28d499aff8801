//! A classifier of histograms: scores there, shares of scores back.

use rayon::prelude::*;

use super::{Decomposed, Explaining, KernelMachine, LinearMachine, kernel};
use crate::explanation::Target;
use crate::numeric::root::NoRoot;

/// What gives histograms their scores.
pub enum Classifier {
    /// Kernels with support pictures.
    Kernel(KernelMachine),
    /// Weights of explicit feature maps, for very many training pictures.
    Linear(LinearMachine),
}

impl Classifier {
    /// b of every category.
    pub fn bias(&self) -> &[f64] {
        match self {
            Classifier::Kernel(machine) => &machine.bias,
            Classifier::Linear(machine) => &machine.bias,
        }
    }

    /// β: each channel's share of the score; they sum to 1.
    pub fn betas(&self) -> Vec<f64> {
        match self {
            Classifier::Kernel(machine) => machine.channels.iter().map(|channel| channel.beta).collect(),
            Classifier::Linear(machine) => machine.channels.iter().map(|channel| channel.beta).collect(),
        }
    }

    /// The kernel machine, unless training pictures no longer appear in the scores.
    pub fn kernel_machine(&self) -> Option<&KernelMachine> {
        match self {
            Classifier::Kernel(machine) => Some(machine),
            Classifier::Linear(_) => None,
        }
    }

    /// f in every category, in f64; `histograms` holds one histogram per channel.
    pub fn scores(&self, histograms: Vec<&[f32]>) -> Vec<f64> {
        match self {
            Classifier::Kernel(machine) => machine.scores(&[histograms]).swap_remove(0),
            Classifier::Linear(machine) => machine.scores(&[histograms]).swap_remove(0),
        }
    }

    /// The same of many pictures, each one histogram per channel, and faster: `hik` and `chi2` are summed over the dimensions in f32.
    ///
    /// A sum S is wrong by at most `ε(S) = 1.1·10⁻⁶ S` with `hik` and `2.3·10⁻⁶ S + 10⁻¹³ D m` with `chi2`, m being the largest value of a histogram.
    /// Compared with [`Classifier::scores`], a channel moves a score by at most `(β/s) Σ_i |a_i| ε(S_i)`, or `(β/s) Σ_i |a_i| k_i ε(S_i)/w` if
    /// `k = exp(−S/w)`. With the other kernels scores are the same to the bit. They depend on the picture alone: not on those that come with it, not
    /// on the number of threads.
    pub fn scores_of_many(&self, pictures: &[Vec<&[f32]>]) -> Vec<Vec<f64>> {
        let panels = pictures.par_chunks(kernel::PANEL).with_max_len(1);
        panels
            .flat_map_iter(|pictures| match self {
                Classifier::Kernel(machine) => machine.fast_scores(pictures),
                Classifier::Linear(machine) => machine.scores(pictures),
            })
            .collect()
    }

    /// Splits a score over the dimensions of `histograms`, one histogram per channel.
    ///
    /// # Errors
    /// [`NoRoot`] if a Taylor expansion finds none.
    pub(in crate::bow) fn decompose(
        &self,
        histograms: &[&[f32]],
        target: Target,
        method: &Explaining,
    ) -> Result<Decomposed, NoRoot> {
        match self {
            Classifier::Kernel(machine) => machine.decision(histograms, target).decompose(method),
            Classifier::Linear(machine) => Ok(machine.decompose(histograms, target, method.bias)),
        }
    }
}
