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
use crate::numeric::root::{Differentiable, Function, NoDescent, NoRoot};

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

/// A batch of items on its way through the network, and the score in question of each.
pub(super) struct Passage<'a, T: Real> {
    pub runner: &'a Runner<T>,
    /// What every layer made of them.
    pub values: &'a Values<T>,
    /// Of every item 1 at the category in question, −1 at the one against it, else 0.
    pub chosen: &'a [f64],
    /// f of every item, or the difference of two.
    pub scores: &'a [f64],
}

impl<T: Real> Passage<'_, T> {
    fn items(&self) -> usize {
        self.values.batch
    }

    /// The part of an item in values of the whole batch.
    fn of_item<'b, V>(&self, values: &'b [V], item: usize) -> &'b [V] {
        let length = values.len() / self.items();
        &values[item * length..(item + 1) * length]
    }

    /// The chosen logits, as derivatives start.
    fn start(&self) -> Vec<T> {
        self.chosen.iter().map(|&chosen| T::of(chosen)).collect()
    }

    /// The input of all items.
    fn input(&self) -> &[T] {
        &self.values.values[0]
    }

    fn single(&self, item: usize) -> Single<'_, T> {
        Single {
            runner: self.runner,
            x: self.of_item(self.input(), item).iter().map(|x| x.wide()).collect(),
            chosen: self.of_item(self.chosen, item),
            score: self.scores[item],
        }
    }
}

/// One item, and its score as a function of the input.
struct Single<'a, T: Real> {
    runner: &'a Runner<T>,
    x: Vec<f64>,
    chosen: &'a [f64],
    score: f64,
}

impl<T: Real> Single<'_, T> {
    /// The chosen logits of several inputs, as derivatives start.
    fn start(&self, inputs: usize) -> Vec<T> {
        let one = self.chosen.iter().map(|&chosen| T::of(chosen));
        std::iter::repeat_n(one, inputs).flatten().collect()
    }

    /// The score in question of several inputs' logits.
    fn scores(&self, logits: &[T]) -> Vec<f64> {
        let score = |item: &[T]| item.iter().zip(self.chosen).map(|(f, chosen)| f.wide() * chosen).sum();
        logits.chunks_exact(self.chosen.len()).map(score).collect()
    }
}

impl<T: Real> Function for Single<'_, T> {
    fn values(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let input = points.iter().flatten().map(|&x| T::of(x)).collect();
        self.scores(&self.runner.logits(input))
    }
}

impl<T: Real> Differentiable for Single<'_, T> {
    fn value_and_gradient(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let values = self.runner.forward(point.iter().map(|&x| T::of(x)).collect());
        let gradient = self.runner.gradient(&values, self.start(1), Slope::True);
        (self.scores(values.logits())[0], gradient.into_iter().map(T::wide).collect())
    }
}

/// Inputs that some ways need beside the item's own.
pub(super) struct Others<'a> {
    /// The input of a blank picture.
    pub blank: Vec<f64>,
    /// x′ of integrated gradients, of an item.
    pub baseline: &'a (dyn Fn(usize) -> Vec<f64> + Sync),
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
    /// The root point of a Taylor expansion.
    pub root: Option<Vec<f64>>,
}

impl<T> Shares<T> {
    /// Shares of the input alone.
    fn of_input(input: Vec<f64>, ledger: Option<Ledger>) -> Self {
        Self { input, norm: false, ledger, passed: Vec::new(), values: None, root: None }
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
    /// Explains the score of every item. `how` is for rules alone.
    pub(super) fn explain<T: Real>(
        &self,
        passage: &Passage<'_, T>,
        how: &Backward<'_, T>,
        others: &Others<'_>,
    ) -> Vec<Result<Shares<T>, WayError>> {
        let all = |shares: Vec<Shares<T>>| shares.into_iter().map(Ok).collect();
        let items = 0..passage.items();
        match self {
            Way::Rules(_) => relevance::explain(passage, how),
            Way::Derivatives(slope) => all(derivatives::gradient(passage, *slope)),
            Way::GradientInput => all(derivatives::gradient_input(passage)),
            Way::GradientNorm => all(derivatives::gradient_norm(passage)),
            Way::IntegratedGradients => {
                items.map(|item| integrated::explain(&passage.single(item), &(others.baseline)(item))).collect()
            }
            Way::Taylor(roots) => items.map(|item| taylor::explain(&passage.single(item), *roots, others)).collect(),
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
