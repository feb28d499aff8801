//! Layer 1 ⇄ 2: pixels → local features, and each feature's relevance → its pixels.
//!
//! Forward a [`FeatureFamily`] turns a picture into descriptors on a dense [`grid`]; back, [`support::spread`] gives
//! every feature's relevance to the pixels of its support. A new family is one file, which checks its own settings, one name in
//! [`Family`] and one line in [`family`].

pub mod dense_sift;
#[cfg(test)]
mod golden;
pub mod grid;
pub mod planes;
pub mod quantiles;
pub mod rootsift;
mod strip;
pub mod support;

use crate::bow::config::{DescriptorConfig, Faults};
use crate::dataset::Rectangle;
use crate::picture::Picture;
use grid::{Grid, Position};
use planes::Planes;
pub use strip::Strip;

crate::closed_set! {
    /// The descriptor families.
    pub enum Family as "descriptor family" {
        /// Dense SIFT, 128 values a plane.
        DenseSift = "dense-sift",
        /// Quantiles of the values, 9 a plane and region.
        Quantiles = "quantiles",
    }
}

crate::closed_set! {
    /// What becomes of features whose contrast is too low for a descriptor.
    pub enum ZeroRule as "zero rule" {
        /// They keep the zero descriptor, which maps to the word nearest to 0.
        Keep = "keep",
        /// They are no local features at all.
        Drop = "drop",
    }
}

/// A way to turn a picture into local features on a dense grid.
pub trait FeatureFamily: Send + Sync {
    /// Checks the family's settings, before anything else is asked of it; `at` is the configuration's key.
    fn check(&self, at: &str, faults: &mut Faults);

    /// The planes where the configuration names none.
    fn usual_planes(&self) -> Planes {
        Planes::Grey
    }

    /// Values of a descriptor.
    fn width(&self) -> usize;

    /// The places of a picture's features.
    fn grid(&self, width: usize, height: usize) -> Grid;

    /// Hands all kept features of `picture` to `sink`, strip by strip, in the order of their numbers.
    fn extract(&self, picture: &Picture, grid: &Grid, sink: &mut dyn FnMut(Strip<'_>));

    /// The pixels a feature's relevance is spread on.
    fn support(&self, grid: &Grid, position: Position) -> Rectangle {
        position.support(grid.width, grid.height)
    }

    /// Every pixel whose change can change the feature's descriptor.
    fn receptive_field(&self, grid: &Grid, position: Position) -> Rectangle;

    /// The smallest picture, in pixels a side, that holds a feature.
    fn smallest_side(&self) -> usize;
}

/// The family that a configuration asks for.
pub fn family(config: &DescriptorConfig) -> Box<dyn FeatureFamily> {
    let config = config.clone();
    match config.family {
        Family::DenseSift => Box::new(dense_sift::DenseSift(config)),
        Family::Quantiles => Box::new(quantiles::Quantiles(config)),
    }
}
