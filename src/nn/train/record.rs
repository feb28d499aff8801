//! What the file of a network tells of its training.

use serde::{Deserialize, Serialize};

use super::recipe::Recipe;

/// How a network was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// How the network was made and trained.
    pub recipe: Recipe,
    /// Of all random choices.
    pub seed: u64,
    /// The split.
    pub split: String,
    /// SHA-256 of the data.
    pub data: String,
    /// Number of pictures that were trained on.
    pub pictures: usize,
    /// Number of pictures that were held out.
    pub held_out: usize,
    /// Share of these that the network takes for what they are.
    pub accuracy: Option<f64>,
    /// The loss, averaged over about the last thousand steps.
    pub loss: f64,
}
