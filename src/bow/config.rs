//! Every setting of a Bag-of-Words classifier: what was typed ([`Configuration`]) and what was checked ([`Settings`]).
//!
//! The same structure is the TOML file, the `config` of a model file (as JSON) and what `--print-config` writes. Only
//! [`Settings`] reaches working code.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::features::dense_sift::{Orientation, Window};
use super::features::planes::Planes;
use super::features::quantiles::Region;
use super::features::{self, Family, ZeroRule};
use super::score::kernel::KernelKind;
use super::score::{Decomposition, Roots};
use super::words::cells::CellLayout;
use super::words::mapping::MappingKind;
use super::words::pooling::PoolingKind;
use super::words::vocabulary::{Engine, Start};
use crate::explanation::BiasMode;
use crate::heatmap::{Palette, Scale};
use crate::picture::tiles::Tiles;

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

crate::closed_set! {
    /// Where the channels' weights β come from.
    pub enum ChannelWeights as "channel weights" {
        /// Each channel's `weight`.
        Given = "given",
        /// All alike.
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
        /// All alike.
        None = "none",
        /// C_i ∝ 1/class frequency.
        Balanced = "balanced",
    }
}

/// C: chosen by validation, or given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cost {
    /// The smallest of the grid 10^−2 … 10^3 (half decades) within 1e-4 of the best mean AP on the validation split.
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
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Number(c)) => Ok(Cost::Fixed(c)),
            Ok(Either::Text(text)) => text.parse().map_err(serde::de::Error::custom),
            Err(_) => Err(serde::de::Error::custom(CostError { found: "neither".to_string() })),
        }
    }
}

/// A text that names no C.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("\"c\" must be \"validate\" or a positive number, got \"{found}\"")]
pub struct CostError {
    /// What was given.
    pub found: String,
}

impl std::str::FromStr for Cost {
    type Err = CostError;

    fn from_str(text: &str) -> Result<Self, CostError> {
        match text {
            "validate" => Ok(Cost::Validate),
            _ => text.parse().map(Cost::Fixed).map_err(|_| CostError { found: text.to_string() }),
        }
    }
}

/// The classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SvmConfig {
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
        Self { c: Cost::Validate, c_per_category: false, tolerance: 1e-3, class_weight: ClassWeight::None }
    }
}

crate::closed_set! {
    /// Where pictures enter mirrored left–right too.
    pub enum Twins as "mirror twins" {
        /// Nowhere.
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
    /// Longer side in pixels at most; 0: as it is.
    pub max_side: usize,
    /// Where pictures enter mirrored too.
    pub twins: Twins,
}

impl Default for PictureConfig {
    fn default() -> Self {
        Self { max_side: 0, twins: Twins::None }
    }
}

/// Tiles or none, as text: `"102/34"`, `""`.
mod tiles_text {
    use super::Tiles;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(tiles: &Option<Tiles>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&tiles.map_or_else(String::new, |tiles| tiles.to_string()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tiles>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
    }
}

/// Explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExplainConfig {
    /// Where the bias goes.
    pub bias: BiasMode,
    /// Whether pictures are explained by windows; side and offset.
    #[serde(with = "tiles_text")]
    pub tiles: Option<Tiles>,
    /// How a score is split over the dimensions.
    pub decomposition: Decomposition,
    /// Which root a Taylor expansion is made about.
    pub roots: Roots,
    /// Training pictures that a root is looked for towards, at most.
    pub candidates: usize,
    /// What the colours' ends stand for.
    pub scale: Scale,
    /// The colours.
    pub palette: Palette,
}

impl Default for ExplainConfig {
    fn default() -> Self {
        Self {
            bias: BiasMode::Spread,
            tiles: None,
            decomposition: Decomposition::Auto,
            roots: Roots::Nearest,
            candidates: 200,
            scale: Scale::Picture,
            palette: Palette::Jet,
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
}

impl ChannelConfig {
    fn check(&self, at: &str, faults: &mut Faults) {
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
            let allowed = "one that takes the negative histograms of this mapping (linear or gaussian)";
            let said = self.mapping.kind == MappingKind::Fisher;
            faults.require(said || kernel.takes_negative(), &key("kernel.kind"), allowed, kernel);
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn c_is_a_word_or_a_number() {
        let read = |text: &str| toml::from_str::<SvmConfig>(text);
        assert_eq!(read("c = \"validate\"").unwrap().c, Cost::Validate);
        assert_eq!(read("c = 10").unwrap().c, Cost::Fixed(10.0));
        assert!(read("c = \"valdate\"").unwrap_err().to_string().contains("valdate"));
    }
}
