//! Every setting of a Bag-of-Words classifier: what was typed ([`Configuration`]) and what was checked ([`Settings`]).
//!
//! The same structure is the TOML file, the `config` of a model file (as JSON) and what `--print-config` writes. Only
//! [`Settings`] reaches working code.

mod channel;
mod explain;
mod picture;

use serde::{Deserialize, Serialize};

pub use super::features::DescriptorConfig;
use super::score::Decomposition;
pub use super::score::KernelConfig;
use super::score::feature_map::MAX_ORDER;
use super::score::kernel::KernelKind;
pub use super::train::settings::{ChannelWeights, ClassWeight, CombinationConfig, Cost, Solver, SvmConfig};
pub use super::words::{MappingConfig, PoolingConfig, VocabularyConfig};
use crate::picture::DecodeOptions;
use crate::settings::{Checked, ConfigError, Faults};
pub use channel::ChannelConfig;
pub use explain::ExplainConfig;
pub use picture::{PictureConfig, Twins};

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Seed of every random choice.
    pub seed: u64,
    /// The channels: each its own descriptor, vocabulary, mapping, pooling and kernel.
    pub channel: Vec<ChannelConfig>,
    /// How the channels are combined.
    pub combination: CombinationConfig,
    /// The classifier.
    pub svm: SvmConfig,
    /// What happens to pictures before anything else.
    pub picture: PictureConfig,
    /// How decisions are explained and drawn.
    pub explain: ExplainConfig,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            seed: 0,
            channel: vec![ChannelConfig::default()],
            combination: CombinationConfig::default(),
            svm: SvmConfig::default(),
            picture: PictureConfig::default(),
            explain: ExplainConfig::default(),
        }
    }
}

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Settings(Configuration);

impl std::ops::Deref for Settings {
    type Target = Configuration;

    fn deref(&self) -> &Configuration {
        &self.0
    }
}

impl Settings {
    /// How files become pictures.
    pub fn reading(&self) -> DecodeOptions {
        DecodeOptions { max_side: self.picture.max_side, ..DecodeOptions::default() }
    }

    /// The settings with another way to explain, checked again.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn with_explain(&self, explain: ExplainConfig) -> Result<Self, ConfigError> {
        Configuration { explain, ..self.0.clone() }.check()
    }
}

impl Checked for Settings {
    type Raw = Configuration;

    fn check(raw: Configuration) -> Result<Self, ConfigError> {
        raw.check()
    }
}

impl Configuration {
    /// Checks every setting and reports all faults together.
    ///
    /// # Errors
    /// [`ConfigError`] with one sentence per fault.
    pub fn check(self) -> Result<Settings, ConfigError> {
        let mut faults = Faults::default();
        faults.require(!self.channel.is_empty(), "channel", "at least one channel", "none");
        faults.require(self.channel.len() <= 64, "channel", "at most 64 channels", self.channel.len());
        for (u, channel) in self.channel.iter().enumerate() {
            channel.check(&format!("channel.{u}"), &mut faults);
        }
        let weight: f64 = self.channel.iter().map(|channel| channel.weight).sum();
        faults.require(weight.is_finite() && weight > 0.0, "channel.*.weight", "positive in sum", weight);
        let norm = self.combination.norm;
        faults.require((1.0..=64.0).contains(&norm), "combination.norm", "1 to 64", norm);
        if let Cost::Fixed(c) = self.svm.c {
            faults.require(c.is_finite() && c > 0.0, "svm.c", "\"validate\" or a positive number", c);
        }
        let tolerance = self.svm.tolerance;
        faults.require(tolerance > 0.0 && tolerance < 1.0, "svm.tolerance", "between 0 and 1", tolerance);
        self.check_solver(&mut faults);
        let candidates = self.explain.candidates;
        faults.require((1..=100_000).contains(&candidates), "explain.candidates", "1 to 100000", candidates);
        if self.explain.decomposition == Decomposition::Taylor {
            for (u, channel) in self.channel.iter().enumerate() {
                let (key, kernel) = (format!("channel.{u}.kernel.kind"), channel.kernel.kind);
                let allowed = "differentiable for \"explain.decomposition\" = \"taylor\"";
                faults.require(kernel.is_differentiable(), &key, allowed, kernel);
            }
        }
        if let Some(tiles) = self.explain.tiles {
            for (u, channel) in self.channel.iter().enumerate() {
                let smallest = 4 * channel.descriptor.sizes.iter().copied().min().unwrap_or(0);
                let allowed = format!("at least as large as the smallest support of channel {u}, {smallest} pixels");
                faults.require(tiles.side >= smallest, "explain.tiles", &allowed, tiles);
            }
        }
        let side = self.picture.max_side;
        faults.require(side == 0 || side >= 16, "picture.max_side", "0 or at least 16", side);
        faults.report()?;
        Ok(Settings(self))
    }

    /// What linear machines need: a map of every kernel, and nothing that asks for kernels or for training pictures.
    fn check_solver(&self, faults: &mut Faults) {
        let order = self.svm.map_order;
        faults.require(order <= MAX_ORDER, "svm.map_order", &format!("0 to {MAX_ORDER}"), order);
        if self.svm.solver != Solver::Linear {
            return;
        }
        let mapped = KernelKind::ALL.iter().filter(|kind| kind.feature_map(0).is_some()).map(|kind| kind.name());
        let mapped = format!(
            "one with a feature map ({}) for \"svm.solver\" = \"linear\"",
            mapped.collect::<Vec<_>>().join(", ")
        );
        for (u, channel) in self.channel.iter().enumerate() {
            let kernel = channel.kernel.kind;
            faults.require(kernel.feature_map(0).is_some(), &format!("channel.{u}.kernel.kind"), &mapped, kernel);
        }
        let weights = self.combination.weights;
        let simple = matches!(weights, ChannelWeights::Given | ChannelWeights::Uniform);
        let allowed = "\"given\" or \"uniform\" for \"svm.solver\" = \"linear\"";
        faults.require(simple, "combination.weights", allowed, weights);
        let decomposition = self.explain.decomposition;
        let allowed = "\"auto\" for \"svm.solver\" = \"linear\", whose scores are sums over dimensions themselves";
        faults.require(decomposition != Decomposition::Taylor, "explain.decomposition", allowed, decomposition);
    }
}

#[cfg(test)]
mod tests;
