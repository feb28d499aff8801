//! A configuration from file and flags.

use std::path::PathBuf;

use clap::Args;

use crate::bow::Preset;
use crate::bow::config::{ChannelWeights, ClassWeight, Settings, Solver, Twins};
use crate::bow::features::dense_sift::{Orientation, Window};
use crate::bow::features::planes::Planes;
use crate::bow::features::quantiles::Region;
use crate::bow::features::{Family, ZeroRule};
use crate::bow::score::kernel::KernelKind;
use crate::bow::words::mapping::MappingKind;
use crate::error::Error;
use crate::settings::Draft;

/// A configuration from file and flags; flags win.
#[derive(Debug, Args)]
pub(crate) struct Configuring {
    /// A configuration file; `bowsight train --print-config` writes one with every key
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Start from the settings of a published system (Bach et al. 2015, Figs 7–10 or Fig 6)
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub preset: Option<Preset>,
    /// Set any key, for example --set channel.descriptor.step=6; without a channel's number it is set in all channels
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Number of visual words; for Fisher vectors, of components
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub words: Option<i64>,
    /// The descriptors
    #[arg(long, value_name = "FAMILY")]
    pub descriptor: Option<Family>,
    /// The colour planes that descriptors are computed from [default: grey; for quantiles rgb]
    #[arg(long, value_name = "SET")]
    pub planes: Option<Planes>,
    /// Bin sizes in pixels, for example 4,6,8,10; a descriptor is 4 bins wide
    #[arg(long, value_name = "SIZES", value_delimiter = ',', allow_negative_numbers = true)]
    pub sizes: Option<Vec<i64>>,
    /// Orientation of the bins of dense SIFT
    #[arg(long, value_name = "KIND")]
    pub orientation: Option<Orientation>,
    /// Region of quantiles
    #[arg(long, value_name = "KIND")]
    pub region: Option<Region>,
    /// How features weigh words (fisher: linear kernel; --words components, 64 is usual)
    #[arg(long, value_name = "KIND")]
    pub mapping: Option<MappingKind>,
    /// Pyramid cells, for example 1x1 or 1x1+2x2+3x1
    #[arg(long, value_name = "LAYOUT")]
    pub cells: Option<String>,
    /// The kernel
    #[arg(long, value_name = "KIND")]
    pub kernel: Option<KernelKind>,
    /// Power γ of the histogram
    #[arg(long, value_name = "GAMMA", allow_negative_numbers = true)]
    pub power: Option<f64>,
    /// Whether to apply RootSIFT
    #[arg(long, value_name = "BOOL")]
    pub rootsift: Option<bool>,
    /// What to do with features without contrast
    #[arg(long, value_name = "RULE")]
    pub zero: Option<ZeroRule>,
    /// Window of dense SIFT
    #[arg(long, value_name = "KIND")]
    pub window: Option<Window>,
    /// Weights of the channels
    #[arg(long, value_name = "KIND")]
    pub weights: Option<ChannelWeights>,
    /// Keep the pixels of the words' example patches in the model, so that they can be shown without the data
    #[arg(long)]
    pub store_patches: bool,
    /// What to learn: kernel machines (smo) or, for very many pictures, linear machines on feature maps (linear)
    #[arg(long, value_name = "KIND")]
    pub solver: Option<Solver>,
    /// Order n of the feature maps: a dimension becomes 2n + 1 features (--solver linear) [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub map_order: Option<i64>,
    /// C of the SVM: a number, or "validate"
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub c: Option<String>,
    /// How the classes' errors are weighed
    #[arg(long, value_name = "KIND")]
    pub class_weight: Option<ClassWeight>,
    /// Maximum longer side of the pictures in pixels; larger ones are shrunk. 0: as they are [default: 800]
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
    pub max_side: Option<i64>,
    /// Whether pictures are also used mirrored left–right: in training (train), or also in tests, where scores are means over both (test)
    #[arg(long, value_name = "WHERE")]
    pub twins: Option<Twins>,
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
        let mut text = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                draft.set(key, value);
            }
        };
        text("channel.descriptor.family", self.descriptor.map(|value| value.to_string()));
        text("channel.descriptor.planes", self.planes.map(|value| value.to_string()));
        text("channel.descriptor.orientation", self.orientation.map(|value| value.to_string()));
        text("channel.descriptor.region", self.region.map(|value| value.to_string()));
        text("channel.mapping.kind", self.mapping.map(|value| value.to_string()));
        text("channel.pooling.cells", self.cells.clone());
        text("channel.kernel.kind", self.kernel.map(|value| value.to_string()));
        text("channel.descriptor.zero", self.zero.map(|value| value.to_string()));
        text("channel.descriptor.window", self.window.map(|value| value.to_string()));
        text("combination.weights", self.weights.map(|value| value.to_string()));
        text("svm.solver", self.solver.map(|value| value.to_string()));
        text("svm.class_weight", self.class_weight.map(|value| value.to_string()));
        text("picture.twins", self.twins.map(|value| value.to_string()));
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
