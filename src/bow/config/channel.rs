//! The settings of a channel: descriptor, vocabulary, mapping, pooling, kernel.

use serde::{Deserialize, Serialize};

use crate::bow::features::{self, DescriptorConfig};
use crate::bow::score::KernelConfig;
use crate::bow::score::kernel::KernelKind;
use crate::bow::words::mapping::MappingKind;
use crate::bow::words::pooling::PoolingKind;
use crate::bow::words::{MappingConfig, PoolingConfig, VocabularyConfig};
use crate::settings::Faults;

/// One channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelConfig {
    /// Pixels → local features.
    pub descriptor: DescriptorConfig,
    /// The visual words.
    pub vocabulary: VocabularyConfig,
    /// Local features → word weights.
    pub mapping: MappingConfig,
    /// Word weights → histogram.
    pub pooling: PoolingConfig,
    /// γ of `x ← sign(x)·|x|^γ` before the normalisation to length 1 (L2 for Fisher vectors, L1 for all other mappings).
    pub power: f64,
    /// Similarity of two histograms.
    pub kernel: KernelConfig,
    /// β before normalisation, if the weights are given.
    pub weight: f64,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            descriptor: DescriptorConfig::default(),
            vocabulary: VocabularyConfig::default(),
            mapping: MappingConfig::default(),
            pooling: PoolingConfig::default(),
            power: 0.5,
            kernel: KernelConfig::default(),
            weight: 1.0,
        }
    }
}

impl ChannelConfig {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        let key = |name: &str| format!("{at}.{name}");
        features::family(&self.descriptor).check(&key("descriptor"), faults);
        let words = self.vocabulary.words;
        faults.require((1..=1_000_000).contains(&words), &key("vocabulary.words"), "1 to 1000000", words);
        let sample = self.vocabulary.sample;
        faults.require(
            sample >= words && sample <= 100_000_000,
            &key("vocabulary.sample"),
            "at least the number of words and at most 100000000",
            sample,
        );
        let iterations = self.vocabulary.max_iter;
        faults.require((1..=10_000).contains(&iterations), &key("vocabulary.max_iter"), "1 to 10000", iterations);
        let neighbours = self.mapping.neighbours;
        let hard = self.mapping.kind == MappingKind::Hard;
        faults.require(
            hard || (1..=words.min(256)).contains(&neighbours),
            &key("mapping.neighbours"),
            "1 to the number of words, at most 256",
            neighbours,
        );
        let base = self.mapping.base;
        faults.require(base.is_finite() && base > 1.0, &key("mapping.base"), "above 1", base);
        let lambda = self.mapping.lambda;
        faults.require((1e-12..=1.0).contains(&lambda), &key("mapping.lambda"), "1e-12 to 1", lambda);
        if self.mapping.kind == MappingKind::Fisher {
            let (width, reduced) = (features::family(&self.descriptor).width(), self.mapping.reduced);
            let allowed = format!("0 to the number of the descriptor's values, {width}");
            faults.require(reduced <= width, &key("mapping.reduced"), &allowed, reduced);
            let most = "at most 4096 components for \"mapping.kind\" = \"fisher\" (64 is usual)";
            faults.require(words <= 4096, &key("vocabulary.words"), most, words);
            let allowed = "\"linear\" for \"mapping.kind\" = \"fisher\"";
            faults.require(self.kernel.kind == KernelKind::Linear, &key("kernel.kind"), allowed, self.kernel.kind);
        }
        let p = self.pooling.p;
        faults.require((1.0..=64.0).contains(&p), &key("pooling.p"), "1 to 64", p);
        if self.mapping.kind.may_be_negative() {
            let (kernel, pooling) = (self.kernel.kind, self.pooling.kind);
            let takers = KernelKind::ALL.iter().filter(|kind| kind.takes_negative()).map(|kind| kind.name());
            let takers = takers.collect::<Vec<_>>().join(" or ");
            let allowed = format!("one that takes the negative histograms of this mapping ({takers})");
            let said = self.mapping.kind == MappingKind::Fisher;
            faults.require(said || kernel.takes_negative(), &key("kernel.kind"), &allowed, kernel);
            let allowed = "\"mean\", since this mapping's weights may be negative";
            faults.require(pooling == PoolingKind::Mean, &key("pooling.kind"), allowed, pooling);
        }
        let power = self.power;
        faults.require(power.is_finite() && power > 0.0 && power <= 4.0, &key("power"), "above 0 and at most 4", power);
        let weight = self.weight;
        faults.require(weight.is_finite() && weight >= 0.0, &key("weight"), "0 or more", weight);
    }

    /// Dimensions of the channel's histogram.
    pub fn dimensions(&self) -> usize {
        self.vocabulary.words * self.block() * self.pooling.cells.len()
    }

    /// Dimensions of a word in a cell: 1, or a component's derivatives.
    pub fn block(&self) -> usize {
        match (self.mapping.kind, self.mapping.reduced) {
            (MappingKind::Fisher, reduced) => {
                let width = if reduced == 0 { features::family(&self.descriptor).width() } else { reduced };
                2 * width + usize::from(self.mapping.fisher_weights)
            }
            _ => 1,
        }
    }

    /// Number of words per local feature.
    pub fn neighbours(&self) -> usize {
        if self.mapping.kind == MappingKind::Hard { 1 } else { self.mapping.neighbours }
    }
}
