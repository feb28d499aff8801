//! The settings of the classifier, and of what it is fitted to.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::settings::TextError;
use crate::settings::text::NumberOrText;

crate::closed_set! {
    /// Where the channels' weights β come from.
    pub enum ChannelWeights as "channel weights" {
        /// Each channel's `weight`.
        Given = "given",
        /// All equal.
        Uniform = "uniform",
        /// In proportion to the alignment of each channel's kernel to the labels.
        Aligned = "aligned",
        /// ℓp-norm multiple kernel learning.
        Mkl = "mkl",
    }
}

/// The combination of channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CombinationConfig {
    /// Where β comes from.
    pub weights: ChannelWeights,
    /// p of ℓp-norm multiple kernel learning: 1 leaves few channels, a large one makes them alike.
    pub norm: f64,
}

impl Default for CombinationConfig {
    fn default() -> Self {
        Self { weights: ChannelWeights::Given, norm: 2.0 }
    }
}

crate::closed_set! {
    /// How the classes' errors are weighed.
    pub enum ClassWeight as "class weight" {
        /// All equal.
        None = "none",
        /// C_i ∝ 1/class frequency.
        Balanced = "balanced",
    }
}

crate::closed_set! {
    /// What is learnt, and how.
    pub enum Solver as "solver" {
        /// Kernel machines by sequential minimal optimisation on a Gram matrix: memory grows with the square of the number of pictures.
        Smo = "smo",
        /// Linear machines by dual coordinate descent on explicit feature maps of sums over dimensions: memory hardly grows, histograms are on disk.
        Linear = "linear",
    }
}

/// C: chosen by validation, or given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cost {
    /// Of the grid 10^−2 … 10^3 (half decades), by the ranking and the decisions of validation pictures.
    Validate,
    /// This one.
    Fixed(f64),
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cost::Validate => serializer.serialize_str("validate"),
            Cost::Fixed(c) => serializer.serialize_f64(*c),
        }
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match NumberOrText::deserialize(deserializer) {
            Ok(NumberOrText::Number(c)) => Ok(Cost::Fixed(c)),
            Ok(NumberOrText::Text(text)) => text.parse().map_err(serde::de::Error::custom),
            Err(_) => Err(serde::de::Error::custom(Cost::unknown("neither"))),
        }
    }
}

impl Cost {
    fn unknown(text: &str) -> TextError {
        TextError { what: "c", expected: "\"validate\" or a positive number", found: text.to_string() }
    }
}

impl std::str::FromStr for Cost {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text {
            "validate" => Ok(Cost::Validate),
            _ => text.parse().map(Cost::Fixed).map_err(|_| Cost::unknown(text)),
        }
    }
}

/// The classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SvmConfig {
    /// What is learnt, and how.
    pub solver: Solver,
    /// n of the feature maps: each dimension becomes 2n + 1 features (linear).
    pub map_order: usize,
    /// C.
    pub c: Cost,
    /// Whether validation chooses one C for each category instead of one for all.
    pub c_per_category: bool,
    /// KKT violation at which the solver stops.
    pub tolerance: f64,
    /// How the classes' errors are weighed.
    pub class_weight: ClassWeight,
}

impl Default for SvmConfig {
    fn default() -> Self {
        Self {
            solver: Solver::Smo,
            map_order: 1,
            c: Cost::Validate,
            c_per_category: false,
            tolerance: 1e-3,
            class_weight: ClassWeight::None,
        }
    }
}
