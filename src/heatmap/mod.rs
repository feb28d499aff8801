//! Maps as pictures: colours, scales, panels. Knows nothing of the model that made a map.
//!
//! The colour of a pixel is the palette's at `R1/scale`, cut to −1…1, so 0 always has the same colour and the scale is symmetric about it.
//! B15 (Bach et al. 2015, Eq 35) divides by the picture's largest magnitude and prefers that of a set of pictures for judging
//! a classifier: a map drawn at its own scale looks strong however little it says.

mod edges;
#[cfg(feature = "draw")]
mod frame;
mod palette;
mod panel;
mod scale;
#[cfg(feature = "draw")]
pub mod sheet;

use ndarray::ArrayView2;

#[cfg(feature = "draw")]
pub use frame::{Bar, framed};
pub use palette::Palette;
pub use panel::{Panel, render};
pub use scale::Scale;

/// Colours of drawings, and what their ends stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looks {
    /// The colours.
    pub palette: Palette,
    /// The relevance that the last colour stands for.
    pub scale: Scale,
}

/// Why a map can't be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeatmapError {
    /// Map and picture differ in size.
    #[error("the map must be {width}×{height} as the picture is, got {map_width}×{map_height}")]
    SizesDiffer {
        /// Picture width.
        width: usize,
        /// Picture height.
        height: usize,
        /// Map width.
        map_width: usize,
        /// Map height.
        map_height: usize,
    },
    /// The panel needs edges, and this build draws none.
    #[error("edges can't be drawn: this program was built without the feature \"draw\"")]
    NoEdges,
}

/// `max_q |R1_q|`; 0 for an empty map.
pub fn largest_magnitude(map: ArrayView2<'_, f64>) -> f64 {
    map.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_magnitude_has_no_sign() {
        assert_eq!(largest_magnitude(ndarray::array![[1.0, -3.0], [2.0, 0.0]].view()), 3.0);
        assert_eq!(largest_magnitude(ndarray::Array2::zeros((0, 4)).view()), 0.0);
    }
}
