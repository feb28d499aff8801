//! The settings of a channel: descriptor, vocabulary, mapping, pooling, kernel.

use serde::{Deserialize, Serialize};

use super::Faults;
use crate::bow::features::dense_sift::{Orientation, Window};
use crate::bow::features::planes::Planes;
use crate::bow::features::quantiles::Region;
use crate::bow::features::{self, Family, ZeroRule};
use crate::bow::score::kernel::KernelKind;
use crate::bow::words::cells::CellLayout;
use crate::bow::words::mapping::MappingKind;
use crate::bow::words::pooling::PoolingKind;
use crate::bow::words::vocabulary::{Engine, Start};

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
    /// How alike two histograms are.
    pub kernel: KernelConfig,
    /// β before normalisation, where the weights are given.
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

/// Dense local features; what a family does not use is ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "DescriptorKeys")]
pub struct DescriptorConfig {
    /// The family.
    pub family: Family,
    /// The planes, the family's usual ones where none are named.
    pub planes: Planes,
    /// Bin sizes s in pixels; a descriptor is 4 bins wide.
    pub sizes: Vec<usize>,
    /// Distance of neighbours in pixels.
    pub step: usize,
    /// How the pixels of a bin are weighted (dense-sift).
    pub window: Window,
    /// How the bins lie (dense-sift).
    pub orientation: Orientation,
    /// Whether to apply RootSIFT (dense-sift).
    pub rootsift: bool,
    /// What becomes of features without contrast (dense-sift).
    pub zero: ZeroRule,
    /// The pixels that are described together (quantiles).
    pub region: Region,
}

/// [`DescriptorConfig`] as it is typed: what is left out has a default, which for the planes depends on the family.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DescriptorKeys {
    family: Family,
    planes: Option<Planes>,
    sizes: Vec<usize>,
    step: usize,
    window: Window,
    orientation: Orientation,
    rootsift: bool,
    zero: ZeroRule,
    region: Region,
}

impl Default for DescriptorKeys {
    fn default() -> Self {
        Self {
            family: Family::DenseSift,
            planes: None,
            sizes: vec![4, 6, 8, 10],
            step: 4,
            window: Window::Flat,
            orientation: Orientation::Upright,
            rootsift: true,
            zero: ZeroRule::Drop,
            region: Region::HalfCircles,
        }
    }
}

impl From<DescriptorKeys> for DescriptorConfig {
    fn from(keys: DescriptorKeys) -> Self {
        let DescriptorKeys { family, planes, sizes, step, window, orientation, rootsift, zero, region } = keys;
        let config = Self { family, planes: Planes::Grey, sizes, step, window, orientation, rootsift, zero, region };
        Self { planes: planes.unwrap_or_else(|| features::family(&config).usual_planes()), ..config }
    }
}

impl DescriptorConfig {
    /// The defaults of a family.
    pub fn of(family: Family) -> Self {
        DescriptorKeys { family, ..DescriptorKeys::default() }.into()
    }
}

impl Default for DescriptorConfig {
    fn default() -> Self {
        Self::of(Family::DenseSift)
    }
}

/// k-means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VocabularyConfig {
    /// Number of words K.
    pub words: usize,
    /// Training descriptors in all, the same number from every training picture.
    pub sample: usize,
    /// Iterations at most.
    pub max_iter: usize,
    /// How the first words are chosen.
    pub start: Start,
    /// Which implementation runs.
    pub engine: Engine,
    /// Whether the model keeps the pixels of the words' example patches.
    pub store_patches: bool,
}

impl Default for VocabularyConfig {
    fn default() -> Self {
        Self {
            words: 1000,
            sample: 200_000,
            max_iter: 25,
            start: Start::Random,
            engine: Engine::Lloyd,
            store_patches: false,
        }
    }
}

/// A mapping; all but `kind` count where the kind uses them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingConfig {
    /// The kind.
    pub kind: MappingKind,
    /// Nearest words a feature (soft, rank, llc), or most likely components (fisher).
    pub neighbours: usize,
    /// Base of the falling weights (rank).
    pub base: f64,
    /// Regularisation, as a share of the trace (llc).
    pub lambda: f64,
    /// Principal components that descriptors are reduced to; 0: as they are (fisher).
    pub reduced: usize,
    /// Whether the mixture weights' derivatives are dimensions too (fisher).
    pub fisher_weights: bool,
}

impl Default for MappingConfig {
    fn default() -> Self {
        Self { kind: MappingKind::Hard, neighbours: 8, base: 2.4, lambda: 1e-4, reduced: 64, fisher_weights: false }
    }
}

/// Pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolingConfig {
    /// The kind.
    pub kind: PoolingKind,
    /// p of the p-mean.
    pub p: f64,
    /// Pyramid cells.
    pub cells: CellLayout,
}

impl Default for PoolingConfig {
    fn default() -> Self {
        Self { kind: PoolingKind::Mean, p: 2.0, cells: CellLayout::pyramid() }
    }
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KernelConfig {
    /// The kind.
    pub kind: KernelKind,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self { kind: KernelKind::Hik }
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

    /// Words a local feature.
    pub fn neighbours(&self) -> usize {
        if self.mapping.kind == MappingKind::Hard { 1 } else { self.mapping.neighbours }
    }
}
