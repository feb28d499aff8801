//! Layer 1 ⇄ 2: pixels → local features, and each feature's relevance → its pixels.
//!
//! Forward a [`FeatureFamily`] turns a picture into descriptors on a dense [`grid`]; back, [`support::spread`] gives
//! every feature's relevance to the pixels of its support. A new family is one file and one arm in [`family`].

pub mod dense_sift;
pub mod grid;
pub mod rootsift;
pub mod support;

use ndarray::ArrayView2;

use crate::bow::config::DescriptorConfig;
use crate::dataset::Rectangle;
use crate::picture::Picture;
use grid::{Grid, Position};

crate::closed_set! {
    /// The descriptor families.
    pub enum Family as "descriptor family" {
        /// Dense SIFT on grey, 128 values.
        DenseSift = "dense-sift",
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

/// Some consecutive kept features of a picture.
#[derive(Debug)]
pub struct Strip<'a> {
    /// Grid numbers, ascending.
    pub numbers: &'a [u32],
    /// One row a feature, as the mapping sees it.
    pub descriptors: ArrayView2<'a, f32>,
}

/// A way to turn a picture into local features on a dense grid.
pub trait FeatureFamily: Send + Sync {
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
    match config.family {
        Family::DenseSift => Box::new(DenseSift { config: config.clone() }),
    }
}

struct DenseSift {
    config: DescriptorConfig,
}

impl FeatureFamily for DenseSift {
    fn width(&self) -> usize {
        dense_sift::WIDTH
    }

    fn grid(&self, width: usize, height: usize) -> Grid {
        Grid::new(width, height, &self.config.sizes, self.config.step)
    }

    fn extract(&self, picture: &Picture, grid: &Grid, sink: &mut dyn FnMut(Strip<'_>)) {
        dense_sift::extract(&picture.grey(), grid, self.config.window, self.config.zero, self.config.rootsift, sink);
    }

    fn receptive_field(&self, grid: &Grid, position: Position) -> Rectangle {
        dense_sift::receptive_field(grid, position)
    }

    fn smallest_side(&self) -> usize {
        let largest = self.config.sizes.iter().copied().max().unwrap_or(0);
        self.config.sizes.iter().map(|&size| 3 * (largest - size) / 2 + 3 * size + 1).min().unwrap_or(0)
    }
}
