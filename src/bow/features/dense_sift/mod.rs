//! Dense SIFT: histograms of gradient orientations on a dense grid, of one plane or several.
//!
//! Per bin size s: smooth each plane by a Gaussian of σ = s/6, cut at ⌈4σ⌉, take gradients (central differences,
//! one-sided at the border), spread each pixel's modulus over the two nearest of 8 orientations, and read
//!
//! `h(b_x, b_y, t) = Σ_p κ_bx(X − p_x) κ_by(Y − p_y) P_t(p)`
//!
//! at the 4×4 bin centres. With the Gaussian window `κ_b(u) = Λ(u) exp(−½((u − δ_b)/(ω s))²)`, `Λ(u) = 1 − |u|/s`,
//! `δ_b = s(b − 1.5)`, ω = 1.5. With the flat window κ_b = Λ times the mean of that exponential over |u| < s. Gradients continue
//! beyond the border by their border value. Dimension `t + 8·(b_x + 4·b_y)`; L2, clamp at 0.2, L2. `upright.rs` computes
//! this, with `flat.rs` or `gaussian.rs`; in `dominant.rs` the bins are turned first; `normalise.rs` is the end. Whether a feature has contrast is decided on grey.
//!
//! Source: Lowe 2004; the PHOW scheme of VLFeat (Vedaldi & Fulkerson 2010), computed without its approximations.

mod dominant;
mod flat;
mod gaussian;
mod gradients;
mod normalise;
mod sums;
mod upright;

use ndarray::Array2;

use super::grid::{self, Grid, Position};
use super::strip::{Strip, Strips};
use super::{DescriptorConfig, FeatureFamily, ZeroRule};
use crate::numeric::lanes;
use crate::picture::Picture;
use crate::picture::Rectangle;
use crate::settings::Faults;
use normalise::{Rule, min_sum};

/// Spatial bins along an axis.
const BINS: usize = 4;
/// Orientations.
const ORIENTATIONS: usize = 8;
/// Values of a plane's descriptor.
const WIDTH: usize = BINS * BINS * ORIENTATIONS;
/// Gaussian window's σ in bins.
const WINDOW_SIZE: f64 = 1.5;
/// Features with less mass have the zero descriptor.
const CONTRAST_THRESHOLD: f64 = 0.005;

crate::closed_set! {
    /// How the pixels of a spatial bin are weighted.
    pub enum Window as "window" {
        /// Triangles, scaled by the window's mean over each bin.
        Flat = "flat",
        /// Triangles times a Gaussian about the descriptor's centre.
        Gaussian = "gaussian",
    }
}

crate::closed_set! {
    /// How the spatial bins lie.
    pub enum Orientation as "orientation" {
        /// Along the picture's axes.
        Upright = "upright",
        /// Turned to the strongest orientation in the window.
        Dominant = "dominant",
    }
}

/// The family `dense-sift`.
pub(super) struct DenseSift(pub(super) DescriptorConfig);

impl FeatureFamily for DenseSift {
    fn check(&self, at: &str, faults: &mut Faults) {
        grid::check(&self.0.sizes, self.0.step, at, faults);
    }

    fn width(&self) -> usize {
        WIDTH * self.0.planes.count()
    }

    fn grid(&self, width: usize, height: usize) -> Grid {
        Grid::new(width, height, &self.0.sizes, self.0.step)
    }

    fn extract(&self, picture: &Picture, grid: &Grid, sink: &mut dyn FnMut(Strip<'_>)) {
        let mut planes = self.0.planes.extract(picture);
        let without_grey = !self.0.planes.begin_with_grey();
        if without_grey {
            planes.insert(0, picture.grey());
        }
        extract(&planes, usize::from(without_grey), grid, &self.0, sink);
    }

    fn receptive_field(&self, grid: &Grid, position: Position) -> Rectangle {
        match self.0.orientation {
            Orientation::Upright => upright::receptive_field(grid, position),
            Orientation::Dominant => dominant::receptive_field(grid, position),
        }
    }

    fn smallest_side(&self) -> usize {
        grid::smallest_side(&self.0.sizes)
    }
}

/// Describes `planes` from the `first` on; the first of all is grey, which decides on contrast and dominant orientation.
fn extract(
    planes: &[Array2<f32>],
    first: usize,
    grid: &Grid,
    config: &DescriptorConfig,
    sink: &mut dyn FnMut(Strip<'_>),
) {
    let strips = Strips::new(WIDTH * (planes.len() - first), sink);
    let rule = Rule { drop: config.zero == ZeroRule::Drop, rootsift: config.rootsift, first };
    let mut descriptors = Descriptors { strips, rule, kept: Vec::new() };
    let extract_level = match config.orientation {
        Orientation::Upright => upright::extract_level,
        Orientation::Dominant => dominant::extract_level,
    };
    for level in grid.levels.iter().filter(|level| level.columns > 0) {
        extract_level(planes, grid, level, config.window, &mut descriptors);
    }
    descriptors.strips.flush();
}

/// Where descriptors go, and what makes them of raw histograms.
struct Descriptors<'a> {
    strips: Strips<'a>,
    rule: Rule,
    /// Which features of a row are described, and whether they lack contrast.
    kept: Vec<(usize, bool)>,
}

impl Descriptors<'_> {
    /// Describes feature `number` with bin size `size` from its raw histograms, a plane each, grey first.
    fn push(&mut self, number: usize, size: usize, histograms: &mut [[f32; WIDTH]]) {
        let low = lanes::sum(&histograms[0]) < f64::from(min_sum(size));
        if low && self.rule.drop {
            return;
        }
        let planes = &mut histograms[self.rule.first..];
        let (numbers, row) = self.strips.room(1);
        numbers.push(number as u32);
        for (h, target) in planes.iter_mut().zip(row.as_chunks_mut::<WIDTH>().0) {
            normalise::describe(self.rule, h, low, target);
        }
    }

    fn end_row(&mut self) {
        self.strips.flush_if_full();
    }
}

/// `exp(−½((u − δ_b)/(ω s))²)`.
fn gaussian_window(size: usize, bin: usize, u: i64) -> f64 {
    let z = (u as f64 - size as f64 * (bin as f64 - 1.5)) / (WINDOW_SIZE * size as f64);
    (-0.5 * z * z).exp()
}

/// The flat window's factor of bin b: the mean of the Gaussian window over |u| < s.
fn window_mean(size: usize, bin: usize) -> f32 {
    let s = size as i64;
    let sum: f64 = (1 - s..s).map(|u| gaussian_window(size, bin, u)).sum();
    (sum / (2 * s - 1) as f64) as f32
}

#[cfg(test)]
mod tests;
