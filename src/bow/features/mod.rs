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
mod settings;
mod strip;
pub mod support;

use crate::picture::Picture;
use crate::picture::Rectangle;
use crate::settings::Faults;
use grid::{Grid, Position};
use planes::Planes;
pub use settings::DescriptorConfig;
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
    /// What to do with features whose contrast is too low for a descriptor.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::features::dense_sift::Orientation;
    use crate::numeric::random::stream;
    use rand::RngExt;

    #[test]
    fn every_family_takes_large_and_odd_sizes() {
        let mut random = stream(3, "picture");
        let picture = Picture::from_rgb8(101, 90, (0..3 * 101 * 90).map(|_| random.random()).collect()).unwrap();
        for (&family, &planes) in Family::ALL.iter().flat_map(|family| Planes::ALL.iter().map(move |p| (family, p))) {
            for &orientation in Orientation::ALL {
                // Large bins smooth noise to nothing; its features shall stay.
                let zero = ZeroRule::Keep;
                let own = DescriptorConfig { sizes: vec![14, 7, 20], step: 9, zero, ..DescriptorConfig::of(family) };
                let family = super::family(&DescriptorConfig { planes, orientation, ..own });
                let grid = family.grid(101, 90);
                assert!(grid.levels.iter().all(|level| level.rows > 0));
                let mut numbers = Vec::new();
                family.extract(&picture, &grid, &mut |strip| {
                    assert_eq!(strip.descriptors.dim(), (strip.numbers.len(), family.width()));
                    assert!(strip.descriptors.iter().all(|value| value.is_finite()));
                    numbers.extend_from_slice(strip.numbers);
                });
                assert_eq!(numbers, (0..grid.len() as u32).collect::<Vec<_>>());
                for position in (0..grid.len()).map(|number| grid.position(number)) {
                    let (inner, outer) = (family.support(&grid, position), family.receptive_field(&grid, position));
                    assert!(outer.x0 <= inner.x0 && inner.x1 <= outer.x1 && outer.x1 <= 101, "{position:?}");
                    assert!(outer.y0 <= inner.y0 && inner.y1 <= outer.y1 && outer.y1 <= 90, "{position:?}");
                }
                let side = family.smallest_side();
                assert!(!family.grid(side, side).is_empty() && family.grid(side - 1, side - 1).is_empty());
            }
        }
    }
}
