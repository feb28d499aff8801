//! The ways to explain a score: by rules, by derivatives, or by a Taylor expansion. One file each.

mod derivatives;
mod integrated;
mod relevance;
mod taylor;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::composite::{Composite, CompositeError};
use super::layers::Slope;
use super::real::Real;
use super::walk::{Backward, Passed, Runner, Values};
use crate::ledger::{Ledger, NotConserved};
use crate::numeric::root::{NoDescent, NoRoot};

crate::closed_set! {
    /// The root point of a Taylor expansion.
    pub enum Roots as "roots" {
        /// A blank picture: black, or zeros where the network reads arrays. The score there is seldom 0, and has an account.
        Blank = "blank",
        /// On the segment to the nearest of given pictures whose score has the other sign.
        Nearest = "nearest",
        /// Where steps along the gradient lead.
        Descend = "descend",
    }
}

/// By what a score is explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Layer-wise relevance propagation.
    Rules(Composite),
    /// `∂f/∂x`, with rectifiers as the slope has it.
    Derivatives(Slope),
    /// `x ⊙ ∂f/∂x`.
    GradientInput,
    /// `√Σ (∂f/∂x)²` over the channels of every pixel.
    GradientNorm,
    /// `(x − x′) ⊙ ∫ ∂f/∂x(x′ + t (x − x′)) dt` over t from 0 to 1, x′ being the baseline.
    IntegratedGradients,
    /// `(x − x⁰) ⊙ ∂f/∂x(x⁰)`, x⁰ being the root point.
    Taylor(Roots),
}

/// The names of the ways that are no composites.
const GRADIENT_INPUT: &str = "gradient-input";
const GRADIENT_NORM: &str = "gradient-norm";
const INTEGRATED_GRADIENTS: &str = "integrated-gradients";
const TAYLOR: &str = "taylor";

impl FromStr for Way {
    type Err = CompositeError;

    fn from_str(text: &str) -> Result<Self, CompositeError> {
        if let Some(roots) = text.strip_prefix(TAYLOR).and_then(|rest| rest.strip_prefix(':')) {
            let roots = roots.parse().map_err(|_| CompositeError::Name { found: text.to_string() })?;
            return Ok(Way::Taylor(roots));
        }
        match text {
            GRADIENT_INPUT => Ok(Way::GradientInput),
            GRADIENT_NORM => Ok(Way::GradientNorm),
            INTEGRATED_GRADIENTS => Ok(Way::IntegratedGradients),
            TAYLOR => Ok(Way::Taylor(Roots::Descend)),
            _ => match text.parse::<Slope>() {
                Ok(slope) => Ok(Way::Derivatives(slope)),
                Err(_) => text.parse().map(Way::Rules),
            },
        }
    }
}

/// An item on its way through the network, and the score in question.
pub(super) struct Passage<'a, T: Real> {
    pub runner: &'a Runner<T>,
    /// What every layer made of it.
    pub values: &'a Values<T>,
    /// 1 at the category in question, −1 at the one against it, else 0.
    pub chosen: &'a [f64],
    /// f, or the difference of two.
    pub score: f64,
}

impl<T: Real> Passage<'_, T> {
    /// The chosen logits, as derivatives start.
    fn start(&self, items: usize) -> Vec<T> {
        let one = self.chosen.iter().map(|&chosen| T::of(chosen));
        std::iter::repeat_n(one, items).flatten().collect()
    }

    /// The score in question of every item.
    fn scores(&self, logits: &[T]) -> Vec<f64> {
        let score = |item: &[T]| item.iter().zip(self.chosen).map(|(f, chosen)| f.wide() * chosen).sum();
        logits.chunks_exact(self.chosen.len()).map(score).collect()
    }

    /// The input.
    fn input(&self) -> &[T] {
        &self.values.values[0]
    }
}

/// Inputs that some ways need beside the item's own.
pub(super) struct Others<'a> {
    /// The input of a blank picture.
    pub blank: Vec<f64>,
    /// x′ of integrated gradients.
    pub baseline: Vec<f64>,
    /// Number of inputs towards which a root is looked for.
    pub candidates: usize,
    /// One of them.
    pub candidate: &'a (dyn Fn(usize) -> Vec<f64> + Sync),
}

/// What every number of the input gets, and the accounts.
pub(super) struct Shares<T> {
    pub input: Vec<f64>,
    /// Whether a pixel has the Euclidean norm of its channels, and not their sum.
    pub norm: bool,
    /// The account of the score; none if nothing is conserved.
    pub ledger: Option<Ledger>,
    /// What every layer passed, if relevance went from layer to layer.
    pub passed: Vec<Option<Passed>>,
    /// R of all values, the input's first, if relevance went from layer to layer and was kept.
    pub values: Option<Vec<Option<Vec<T>>>>,
}

impl<T> Shares<T> {
    /// Shares of the input alone.
    fn of_input(input: Vec<f64>, ledger: Option<Ledger>) -> Self {
        Self { input, norm: false, ledger, passed: Vec::new(), values: None }
    }
}

/// A way that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum WayError {
    #[error(transparent)]
    NotConserved(#[from] NotConserved),
    #[error(transparent)]
    NoRoot(#[from] NoRoot),
    #[error(transparent)]
    NoDescent(#[from] NoDescent),
}

impl Way {
    /// Explains a score. `how` is for rules alone.
    pub(super) fn explain<T: Real>(
        &self,
        passage: &Passage<'_, T>,
        how: &Backward<'_, T>,
        others: &Others<'_>,
    ) -> Result<Shares<T>, WayError> {
        match self {
            Way::Rules(_) => relevance::explain(passage, how),
            Way::Derivatives(slope) => Ok(derivatives::gradient(passage, *slope)),
            Way::GradientInput => Ok(derivatives::gradient_input(passage)),
            Way::GradientNorm => Ok(derivatives::gradient_norm(passage)),
            Way::IntegratedGradients => integrated::explain(passage, others),
            Way::Taylor(roots) => taylor::explain(passage, *roots, others),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_have_names() {
        let way = |text: &str| text.parse::<Way>();
        assert_eq!(way("taylor:blank"), Ok(Way::Taylor(Roots::Blank)));
        assert_eq!(way("taylor"), Ok(Way::Taylor(Roots::Descend)));
        assert_eq!(way("gradient-norm"), Ok(Way::GradientNorm));
        assert_eq!(way("gradient"), Ok(Way::Derivatives(Slope::True)));
        assert!(matches!(way("epsilon:0.01"), Ok(Way::Rules(_))));
        assert!(way("taylor:nowhere").unwrap_err().to_string().contains("taylor:nearest"));
    }
}
