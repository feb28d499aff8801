//! The stages of the way forward.

use crate::timings::Stage;

/// Picture → local features.
pub(super) const FEATURES: Stage = Stage::forward(0, "features");
/// Local features → words and their weights.
pub(super) const WORDS: Stage = Stage::forward(1, "words");
/// Words → histogram.
pub(super) const POOL: Stage = Stage::forward(2, "pool");
/// Histogram → scores.
pub(super) const SCORES: Stage = Stage::forward(3, "scores");
