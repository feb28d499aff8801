//! The settings of pictures before anything else.

use serde::{Deserialize, Serialize};

crate::closed_set! {
    /// Whether pictures are also used mirrored left–right.
    pub enum Twins as "mirror twins" {
        /// Not at all.
        None = "none",
        /// In training: each picture's mirror twin is a training picture of its own.
        Train = "train",
        /// In training, and a score is the mean over a picture and its twin.
        Test = "test",
    }
}

/// Preparation of pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureConfig {
    /// Longer side in pixels at most; 0: as it is. Bins of 4 to 10 pixels see a hundredth of a phone's picture.
    pub max_side: usize,
    /// Whether pictures are also used mirrored.
    pub twins: Twins,
}

impl Default for PictureConfig {
    fn default() -> Self {
        Self { max_side: 800, twins: Twins::None }
    }
}
