//! Prominent edges of a picture, which some panels draw over the map.

use image::GrayImage;

use super::HeatmapError;

/// Share of the pixels whose gradient is too weak for a prominent edge.
#[cfg(feature = "draw")]
const PROMINENT: f64 = 0.93;
/// Sobel magnitude (0 to 1140) below which nothing is an edge.
#[cfg(feature = "draw")]
const MIN_EDGE: f32 = 60.0;

/// Canny's edges of the smoothed picture, thresholds from the picture's own gradients; `None` if the picture is too small for them.
#[cfg(feature = "draw")]
pub(super) fn prominent_edges(grey: &GrayImage) -> Result<Option<GrayImage>, HeatmapError> {
    use imageproc::edges::canny;
    use imageproc::filter::gaussian_blur_f32;
    use imageproc::gradients::sobel_gradients;

    if grey.width() < 8 || grey.height() < 8 {
        return Ok(None);
    }
    let smooth = gaussian_blur_f32(grey, 1.2);
    let gradients = sobel_gradients(&gaussian_blur_f32(&smooth, 1.4));
    let mut magnitudes: Vec<u16> = gradients.pixels().map(|pixel| pixel.0[0]).collect();
    let at = ((magnitudes.len() - 1) as f64 * PROMINENT) as usize;
    let (_, quantile, _) = magnitudes.select_nth_unstable(at);
    let high = f32::from(*quantile).clamp(MIN_EDGE, 1100.0);
    Ok(Some(canny(&smooth, 0.45 * high, high)))
}

/// Refuses: this build draws no edges.
#[cfg(not(feature = "draw"))]
pub(super) fn prominent_edges(_grey: &GrayImage) -> Result<Option<GrayImage>, HeatmapError> {
    Err(HeatmapError::NoEdges)
}

#[cfg(all(test, feature = "draw"))]
mod tests {
    use super::*;

    #[test]
    fn a_step_in_the_picture_is_a_prominent_edge_and_flat_ground_is_not() {
        let halves = GrayImage::from_fn(40, 40, |x, _| image::Luma([if x < 20 { 40 } else { 210 }]));
        let step = prominent_edges(&halves).unwrap().unwrap();
        let columns: std::collections::BTreeSet<u32> =
            step.enumerate_pixels().filter(|(_, _, p)| p.0[0] > 0).map(|(x, _, _)| x).collect();
        assert!(!columns.is_empty() && columns.iter().all(|x| (18..22).contains(x)), "{columns:?}");
        let flat = GrayImage::from_pixel(40, 40, image::Luma([120]));
        assert!(prominent_edges(&flat).unwrap().unwrap().pixels().all(|pixel| pixel.0[0] == 0));
    }
}
