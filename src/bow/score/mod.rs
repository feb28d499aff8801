//! Layer 3 ⇄ score: histogram → score, and the score's shares → dimensions.
//!
//! Forward `f(x) = b + Σ_i a_i Σ_u (β_u/s_u) k_u(x_i, x)` by a [`kernel`] and dual coefficients that [`svm`] learns on a [`gram`] matrix; back
//! [`Decision::decompose`] splits the score over the dimensions: [`exact`] where the kernel is a sum over them, [`shapley`] where it is a product,
//! or by a [`taylor`] expansion about a root.
//!
//! For very many training pictures, `f(x) = b + Σ w·ψ(x)` with an explicit [`feature_map`] ψ and weights that [`coordinate_descent`] learns; there
//! and back are both in [`feature_map::Weights`].

mod classifier;
pub mod coordinate_descent;
mod decision;
pub mod exact;
pub mod feature_map;
pub mod gram;
pub mod kernel;
pub mod kernel_machine;
pub mod linear_machine;
mod settings;
pub mod shapley;
pub mod svm;
pub mod taylor;

use crate::ledger::{Account, Kept};
pub use classifier::Classifier;
pub use decision::{Channel, Decision, Decomposed};
pub use kernel_machine::{KernelChannel, KernelMachine};
pub use linear_machine::{LinearChannel, LinearMachine};
pub use settings::KernelConfig;

crate::closed_set! {
    /// Where the bias goes.
    pub enum BiasMode as "bias" {
        /// Shared equally by all dimensions.
        Spread = "spread",
        /// Into the ledger.
        Sink = "sink",
    }
}

impl BiasMode {
    /// Places a constant part of the score: what is spread over the dimensions, and what is kept.
    fn place(self, constant: f64) -> (f64, Kept) {
        let (spread, amount) = match self {
            BiasMode::Spread => (constant, 0.0),
            BiasMode::Sink => (0.0, constant),
        };
        (spread, Kept { account: Account::BiasSink, amount })
    }
}

crate::closed_set! {
    /// How a score is split over the dimensions.
    pub enum Decomposition as "decomposition" {
        /// Sums over dimensions exactly, products by Shapley values.
        Auto = "auto",
        /// Shapley values, which are the summands themselves where the kernel is a sum.
        Shapley = "shapley",
        /// First-order Taylor expansion about a root.
        Taylor = "taylor",
    }
}

crate::closed_set! {
    /// Which root a Taylor expansion is made about.
    pub enum Roots as "roots" {
        /// The nearest in Euclidean distance.
        Nearest = "nearest",
        /// That of the smallest residual (B15's first choice).
        LeastResidual = "least-residual",
        /// The mean of the expansions about the ten of the smallest residuals.
        Mean = "mean",
    }
}

/// A method of explanation: how a score is split over the dimensions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explaining {
    /// Where the bias goes.
    pub bias: BiasMode,
    /// How the score is split.
    pub decomposition: Decomposition,
    /// The root of a Taylor expansion.
    pub roots: Roots,
    /// Maximum number of training pictures to search toward for a root.
    pub candidates: usize,
}

impl Default for Explaining {
    fn default() -> Self {
        Self { bias: BiasMode::Spread, decomposition: Decomposition::Auto, roots: Roots::Nearest, candidates: 40 }
    }
}
