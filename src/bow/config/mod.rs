//! Every setting of a Bag-of-Words classifier: what was typed ([`Configuration`]) and what was checked ([`Settings`]).
//!
//! The same structure is the TOML file, the `config` of a model file (as JSON) and what `--print-config` writes. Only
//! [`Settings`] reaches working code.

mod channel;
mod explain;
mod svm;

use serde::{Deserialize, Serialize};

use super::score::Decomposition;
use super::score::feature_map::MOST_ORDER;
use super::score::kernel::KernelKind;
pub use channel::{ChannelConfig, DescriptorConfig, KernelConfig, MappingConfig, PoolingConfig, VocabularyConfig};
pub use explain::ExplainConfig;
pub use svm::{
    ChannelWeights, ClassWeight, CombinationConfig, Cost, CostError, PictureConfig, Solver, SvmConfig, Twins,
};

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

/// Faults of a configuration, all of them together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", faults.join("; "))]
pub struct ConfigError {
    /// One sentence a fault, with its key.
    pub faults: Vec<String>,
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
    /// The settings with another way to explain, checked again.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn with_explain(&self, explain: ExplainConfig) -> Result<Self, ConfigError> {
        Configuration { explain, ..self.0.clone() }.check()
    }
}

/// Faults found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Notes that `key` must be `allowed` and not `found`, unless it `holds`.
    pub fn require(&mut self, holds: bool, key: &str, allowed: &str, found: impl std::fmt::Display) {
        if !holds {
            self.0.push(format!("\"{key}\" must be {allowed}, got {found}"));
        }
    }
}

impl Configuration {
    /// Checks every setting and reports all faults together.
    ///
    /// # Errors
    /// [`ConfigError`] with one sentence a fault.
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
        if faults.0.is_empty() { Ok(Settings(self)) } else { Err(ConfigError { faults: faults.0 }) }
    }

    /// What linear machines need: a map of every kernel, and nothing that asks for kernels or for training pictures.
    fn check_solver(&self, faults: &mut Faults) {
        let order = self.svm.map_order;
        faults.require(order <= MOST_ORDER, "svm.map_order", &format!("0 to {MOST_ORDER}"), order);
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
mod tests {
    use super::*;
    use crate::bow::features::Family;
    use crate::bow::features::planes::Planes;
    use crate::bow::words::mapping::MappingKind;
    use crate::bow::words::pooling::PoolingKind;

    #[test]
    fn the_default_is_valid_and_survives_both_forms() {
        let configuration = Configuration::default();
        assert!(configuration.clone().check().is_ok());
        let toml = toml::to_string(&configuration).unwrap();
        assert_eq!(toml::from_str::<Configuration>(&toml).unwrap(), configuration);
        let json = serde_json::to_string(&configuration).unwrap();
        assert_eq!(serde_json::from_str::<Configuration>(&json).unwrap(), configuration);
        assert_eq!(toml::from_str::<Configuration>("").unwrap(), configuration);
    }

    #[test]
    fn all_faults_come_together_and_name_key_range_and_value() {
        let mut configuration = Configuration::default();
        configuration.channel[0].vocabulary.words = 0;
        configuration.channel[0].descriptor.sizes = vec![4, 4];
        configuration.svm.c = Cost::Fixed(-1.0);
        configuration.svm.tolerance = f64::NAN;
        configuration.combination.norm = 0.5;
        let text = configuration.check().unwrap_err().to_string();
        for part in [
            "vocabulary.words\" must be 1 to 1000000, got 0",
            "sizes",
            "[4, 4]",
            "svm.c",
            "-1",
            "NaN",
            "combination.norm",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    #[test]
    fn planes_left_out_are_those_of_the_family() {
        let read = |text: &str| toml::from_str::<DescriptorConfig>(text).map_err(|error| error.to_string());
        assert_eq!(read("step = 4").unwrap(), DescriptorConfig::default());
        assert_eq!(read("").unwrap().planes, Planes::Grey);
        assert_eq!(read("family = \"quantiles\"").unwrap().planes, Planes::Rgb);
        assert_eq!(read("family = \"quantiles\"\nplanes = \"grey\"").unwrap().planes, Planes::Grey);
        assert!(read("planes = \"gray\"").unwrap_err().contains("did you mean \"grey\"?"));
        assert!(read("plains = 3").unwrap_err().contains("plains"));
    }

    #[test]
    fn every_family_checks_its_grid() {
        for &family in Family::ALL {
            let descriptor = DescriptorConfig { sizes: vec![14, 0], step: 0, ..DescriptorConfig::of(family) };
            let channel = vec![ChannelConfig { descriptor, ..ChannelConfig::default() }];
            let text = Configuration { channel, ..Configuration::default() }.check().unwrap_err().to_string();
            for part in ["\"channel.0.descriptor.sizes\"", "[14, 0]", "\"channel.0.descriptor.step\" must be 1 to 512"]
            {
                assert!(text.contains(part), "{family}: {part} is missing in: {text}");
            }
        }
    }

    #[test]
    fn what_fisher_vectors_need_is_said_together() {
        let mut configuration = Configuration::default();
        let channel = &mut configuration.channel[0];
        channel.mapping.kind = MappingKind::Fisher;
        channel.mapping.reduced = 129;
        channel.vocabulary.words = 5000;
        channel.pooling.kind = PoolingKind::Max;
        let text = configuration.clone().check().unwrap_err().to_string();
        for part in [
            "kernel.kind\" must be \"linear\" for \"mapping.kind\" = \"fisher\", got hik",
            "mapping.reduced\" must be 0 to the number of the descriptor's values, 128, got 129",
            "vocabulary.words\" must be at most 4096 components",
            "pooling.kind\" must be \"mean\"",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
        let channel = &mut configuration.channel[0];
        channel.vocabulary.words = 64;
        (channel.pooling.kind, channel.kernel.kind) = (PoolingKind::Mean, KernelKind::Linear);
        // Cells × components × derivatives.
        for (reduced, weights, expected) in
            [(64, false, 8 * 64 * 128), (64, true, 8 * 64 * 129), (0, false, 8 * 64 * 256)]
        {
            (channel.mapping.reduced, channel.mapping.fisher_weights) = (reduced, weights);
            assert_eq!(channel.dimensions(), expected);
            assert!(Configuration { channel: vec![channel.clone()], ..Configuration::default() }.check().is_ok());
        }
    }

    #[test]
    fn what_linear_machines_need_is_said_together() {
        let mut configuration = Configuration::default();
        configuration.svm.solver = Solver::Linear;
        assert!(configuration.clone().check().is_ok());
        configuration.channel[0].kernel.kind = KernelKind::Chi2;
        configuration.combination.weights = ChannelWeights::Mkl;
        configuration.explain.decomposition = Decomposition::Taylor;
        configuration.svm.map_order = 33;
        let text = configuration.check().unwrap_err().to_string();
        for part in [
            "\"channel.0.kernel.kind\" must be one with a feature map (hik, linear, hellinger, additive-chi2, jensen-shannon)",
            "got chi2",
            "\"combination.weights\" must be \"given\" or \"uniform\"",
            "\"explain.decomposition\" must be \"auto\"",
            "\"svm.map_order\" must be 0 to 32, got 33",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    #[test]
    fn c_is_a_word_or_a_number() {
        let read = |text: &str| toml::from_str::<SvmConfig>(text);
        assert_eq!(read("c = \"validate\"").unwrap().c, Cost::Validate);
        assert_eq!(read("c = 10").unwrap().c, Cost::Fixed(10.0));
        assert!(read("c = \"valdate\"").unwrap_err().to_string().contains("valdate"));
    }
}
