//! The settings of local features.

use serde::{Deserialize, Serialize};

use super::dense_sift::{Orientation, Window};
use super::planes::Planes;
use super::quantiles::Region;
use super::{Family, ZeroRule, family};

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
    /// What to do with features without contrast (dense-sift).
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
        Self { planes: planes.unwrap_or_else(|| self::family(&config).usual_planes()), ..config }
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
