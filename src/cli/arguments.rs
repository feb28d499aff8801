//! Arguments that several commands share, and what they resolve to.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::bow::config::{ChannelWeights, ClassWeight, ExplainConfig, Settings, Solver};
use crate::bow::features::dense_sift::{Orientation, Window};
use crate::bow::features::planes::Planes;
use crate::bow::features::quantiles::Region;
use crate::bow::features::{Family, ZeroRule};
use crate::bow::score::kernel::KernelKind;
use crate::bow::score::{Decomposition, Roots};
use crate::bow::words::mapping::MappingKind;
use crate::bow::{BagOfWords, Preset, model_file};
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::explanation::{BiasMode, Query, Selection};
use crate::export::files::Drawing;
use crate::format::npy::Dtype;
use crate::heatmap::{Palette, Panel, Scale};
use crate::model::Model;
use crate::picture::DecodeOptions;
use crate::picture::tiles::Tiles;
use crate::settings::{Draft, ReadError};

/// Of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Threads to work with; 0: one a processor. No result depends on it
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Seed of every random choice
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "N")]
    pub seed: Option<u64>,
    /// What standard output holds
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
    /// Whether to show progress on standard error
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub progress: String,
    /// Print to standard error, at the end, what each stage took
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub timings: bool,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Options of every command", conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, help_heading = "Options of every command")]
    pub quiet: bool,
}

/// Labelled pictures.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// A PASCAL VOC folder, a folder of category folders, or a CSV list
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The split, e.g. trainval or test; a data set without splits is used whole
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// How the data are laid out, where it is not to be found out
    #[arg(long, value_name = "LAYOUT")]
    pub layout: Option<Layout>,
}

impl Data {
    pub fn open(&self) -> Result<Dataset, Error> {
        Ok(Dataset::open(&self.data, self.split.as_deref(), self.layout)?)
    }
}

/// A trained model.
#[derive(Debug, Args)]
pub(crate) struct ModelFile {
    /// The model file
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
}

impl ModelFile {
    pub fn load(&self) -> Result<BagOfWords, Error> {
        load(&self.model)
    }
}

pub(crate) fn load(path: &Path) -> Result<BagOfWords, Error> {
    model_file::load(path).map_err(|source| Error::Model { path: path.to_path_buf(), source })
}

/// How pictures are read for a model: as they were in its training.
pub(crate) fn decode_options(settings: &Settings) -> DecodeOptions {
    DecodeOptions { max_side: settings.picture.max_side, ..DecodeOptions::default() }
}

/// How decisions are explained and drawn; what is not given is as the model's configuration has it.
#[derive(Debug, Args)]
pub(crate) struct Explaining {
    /// Explain the difference to this category's score
    #[arg(long, value_name = "NAME")]
    pub against: Option<String>,
    /// Where the bias goes: spread over the dimensions, or sink into the ledger
    #[arg(long, value_name = "MODE")]
    pub bias: Option<BiasMode>,
    /// Explain windows of SIDE pixels at every OFFSET pixels one by one and average their maps, e.g. 102/34; "none": the whole picture
    #[arg(long, value_name = "SIDE/OFFSET|none")]
    pub tiles: Option<String>,
    #[arg(
        help = format!("How scores are split over the dimensions (auto: sums exactly, products by Shapley values): {}", Decomposition::names()),
        long, value_name = "KIND")]
    pub decomposition: Option<Decomposition>,
    #[arg(
        help = format!("The root of a Taylor expansion: {}", Roots::names()),
        long, value_name = "CHOICE")]
    pub roots: Option<Roots>,
    /// Training pictures that a root is looked for towards, at most
    #[arg(long, value_name = "N")]
    pub candidates: Option<usize>,
    /// The pictures to draw of each map: heatmap, overlay, edges, binarised, triplet
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub heatmap: Option<Vec<Panel>>,
    /// Draw no pictures, only maps
    #[arg(long, conflicts_with = "heatmap")]
    pub no_heatmap: bool,
    #[arg(
        help = format!("The colours: {}", Palette::names()),
        long, value_name = "PALETTE")]
    pub palette: Option<Palette>,
    /// What the colours' ends stand for: the picture's largest magnitude, the whole set's, or a number
    #[arg(long, value_name = "picture|set|VALUE")]
    pub scale: Option<Scale>,
    /// The numbers' type in the maps' files
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    pub dtype: Dtype,
}

impl Explaining {
    /// Has the model explain as the flags say, and otherwise as its configuration does.
    pub fn apply(&self, model: &mut BagOfWords) -> Result<(), Error> {
        let stored = &model.settings.explain;
        let tiles = match self.tiles.as_deref() {
            None => stored.tiles,
            Some("none" | "") => None,
            Some(text) => Some(text.parse::<Tiles>().map_err(|error| Error::usage(error.to_string()))?),
        };
        let explain = ExplainConfig {
            bias: self.bias.unwrap_or(stored.bias),
            tiles,
            decomposition: self.decomposition.unwrap_or(stored.decomposition),
            roots: self.roots.unwrap_or(stored.roots),
            candidates: self.candidates.unwrap_or(stored.candidates),
            scale: self.scale.unwrap_or(stored.scale),
            palette: self.palette.unwrap_or(stored.palette),
        };
        model.settings = model.settings.with_explain(explain).map_err(ReadError::from)?;
        Ok(())
    }

    /// What is asked of every explanation, but for its category and its trace.
    pub fn query(&self, model: &BagOfWords) -> Result<Query, Error> {
        let explain = &model.settings.explain;
        Ok(Query { against: self.against(model)?, bias: explain.bias, tiles: explain.tiles, ..Query::of(0) })
    }

    pub fn drawing(&self, model: &BagOfWords, panels: &[Panel]) -> Drawing {
        let explain = &model.settings.explain;
        let panels = match (&self.heatmap, self.no_heatmap) {
            (_, true) => Vec::new(),
            (Some(panels), _) => panels.clone(),
            (None, _) => panels.to_vec(),
        };
        Drawing {
            panels,
            palette: explain.palette,
            scale: explain.scale,
            dtype: self.dtype,
            windows: explain.tiles.is_some(),
        }
    }

    fn against(&self, model: &dyn Model) -> Result<Option<usize>, Error> {
        self.against.as_deref().map(|name| category(model, name)).transpose()
    }
}

/// The index of the category `name`.
pub(crate) fn category(model: &dyn Model, name: &str) -> Result<usize, Error> {
    let known = model.categories();
    known
        .iter()
        .position(|category| category == name)
        .ok_or_else(|| Error::UnknownCategory { found: name.to_string(), known: known.to_vec() })
}

/// The categories that `--category` means; a category that is really called "top", "all" or "true" is meant by its name.
pub(crate) fn selection(model: &dyn Model, name: &str) -> Result<Selection, Error> {
    let named = category(model, name).map(Selection::One);
    match name {
        "top" => Ok(named.unwrap_or(Selection::Top)),
        "all" => Ok(named.unwrap_or(Selection::All)),
        "true" => Ok(named.unwrap_or(Selection::True)),
        _ => named,
    }
}

/// A configuration from file and flags; flags win.
#[derive(Debug, Args)]
pub(crate) struct Configuring {
    /// A configuration file; `bowsight train --print-config` writes one with every key
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Start from the settings of a published system: paper-voc or paper-shapes (Bach et al. 2015, Figs 7–10 and Fig 6)
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub preset: Option<Preset>,
    /// Set any key, e.g. --set channel.descriptor.step=6; a channel's key without a number goes to all channels
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Number of visual words, or of components for Fisher vectors
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub words: Option<i64>,
    #[arg(
        help = format!("The descriptors: {}", Family::names()),
        long, value_name = "FAMILY")]
    pub descriptor: Option<String>,
    #[arg(
        help = format!("The planes they are taken of: {} [default: grey; for quantiles rgb]", Planes::names()),
        long, value_name = "SET")]
    pub planes: Option<String>,
    /// Bin sizes in pixels, e.g. 4,6,8,10; a descriptor is 4 bins wide
    #[arg(long, value_name = "SIZES", value_delimiter = ',', allow_negative_numbers = true)]
    pub sizes: Option<Vec<i64>>,
    #[arg(
        help = format!("How the bins of dense SIFT lie: {}", Orientation::names()),
        long, value_name = "KIND")]
    pub orientation: Option<String>,
    #[arg(
        help = format!("Region of quantiles: {}", Region::names()),
        long, value_name = "KIND")]
    pub region: Option<String>,
    #[arg(
        help = format!("How features weigh words: {} (fisher: linear kernel; --words components, 64 is usual)", MappingKind::names()),
        long, value_name = "KIND")]
    pub mapping: Option<String>,
    /// Pyramid cells, e.g. 1x1 or 1x1+2x2+3x1
    #[arg(long, value_name = "LAYOUT")]
    pub cells: Option<String>,
    #[arg(
        help = format!("The kernel: {}", KernelKind::names()),
        long, value_name = "KIND")]
    pub kernel: Option<String>,
    /// Power γ of the histogram
    #[arg(long, value_name = "GAMMA", allow_negative_numbers = true)]
    pub power: Option<f64>,
    /// Whether to apply RootSIFT
    #[arg(long, value_name = "BOOL")]
    pub rootsift: Option<bool>,
    #[arg(
        help = format!("What becomes of features without contrast: {}", ZeroRule::names()),
        long, value_name = "RULE")]
    pub zero: Option<String>,
    #[arg(
        help = format!("Window of dense SIFT: {}", Window::names()),
        long, value_name = "KIND")]
    pub window: Option<String>,
    #[arg(
        help = format!("Weights of the channels: {}", ChannelWeights::names()),
        long, value_name = "KIND")]
    pub weights: Option<String>,
    /// Keep the pixels of the words' example patches in the model, so that they can be shown without the data
    #[arg(long)]
    pub store_patches: bool,
    #[arg(
        help = format!("What is learnt: kernel machines (smo), or for very many pictures linear ones on feature maps (linear): {}", Solver::names()),
        long, value_name = "KIND")]
    pub solver: Option<String>,
    /// Order n of the feature maps: a dimension becomes 2n + 1 features (--solver linear) [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub map_order: Option<i64>,
    /// C of the SVM: a number, or "validate"
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub c: Option<String>,
    #[arg(
        help = format!("How the classes' errors are weighed: {}", ClassWeight::names()),
        long, value_name = "KIND")]
    pub class_weight: Option<String>,
    /// Longer side of the pictures in pixels at most; 0: as they are
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
    pub max_side: Option<i64>,
    /// Where pictures enter mirrored left–right too: none, train, test (in training, and scores are means over both)
    #[arg(long, value_name = "WHERE")]
    pub twins: Option<String>,
}

impl Configuring {
    pub fn resolve(&self, seed: Option<u64>) -> Result<Settings, Error> {
        let mut draft = match (&self.config, self.preset) {
            (Some(path), _) => Draft::read(path)?,
            (None, Some(preset)) => preset.draft(),
            (None, None) => Draft::default(),
        };
        for assignment in &self.set {
            draft.assign(assignment)?;
        }
        if let Some(seed) = seed {
            let seed = i64::try_from(seed)
                .map_err(|_| Error::usage(format!("\"--seed\" must be at most {}, got {seed}", i64::MAX)))?;
            draft.set("seed", seed);
        }
        let mut text = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                draft.set(key, value.clone());
            }
        };
        text("channel.descriptor.family", &self.descriptor);
        text("channel.descriptor.planes", &self.planes);
        text("channel.descriptor.orientation", &self.orientation);
        text("channel.descriptor.region", &self.region);
        text("channel.mapping.kind", &self.mapping);
        text("channel.pooling.cells", &self.cells);
        text("channel.kernel.kind", &self.kernel);
        text("channel.descriptor.zero", &self.zero);
        text("channel.descriptor.window", &self.window);
        text("combination.weights", &self.weights);
        text("svm.solver", &self.solver);
        text("svm.class_weight", &self.class_weight);
        text("picture.twins", &self.twins);
        if let Some(c) = &self.c {
            match c.parse::<f64>() {
                Ok(number) => draft.set("svm.c", number),
                Err(_) => draft.set("svm.c", c.clone()),
            }
        }
        if let Some(order) = self.map_order {
            draft.set("svm.map_order", order);
        }
        if let Some(sizes) = &self.sizes {
            draft.set("channel.descriptor.sizes", sizes.clone());
        }
        if let Some(words) = self.words {
            draft.set("channel.vocabulary.words", words);
        }
        if self.store_patches {
            draft.set("channel.vocabulary.store_patches", true);
        }
        if let Some(power) = self.power {
            draft.set("channel.power", power);
        }
        if let Some(rootsift) = self.rootsift {
            draft.set("channel.descriptor.rootsift", rootsift);
        }
        if let Some(side) = self.max_side {
            draft.set("picture.max_side", side);
        }
        Ok(draft.resolve()?)
    }
}
