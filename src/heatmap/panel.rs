//! The kinds of drawings of a map.

use image::{Rgb, RgbImage, imageops};
use ndarray::ArrayView2;

use super::edges::prominent_edges;
use super::{HeatmapError, Palette};
use crate::picture::Picture;

crate::closed_set! {
    /// The kinds of drawings.
    pub enum Panel as "heatmap" {
        /// The map in colours.
        Heatmap = "heatmap",
        /// The map in colours over the grey picture; the more relevant a pixel, the less transparent its colour.
        Overlay = "overlay",
        /// The map in colours with the picture's prominent edges (B15's Figs 7–10, middle).
        Edges = "edges",
        /// The picture where the relevance is positive, darkened grey elsewhere (B15's Figs 7–10, right).
        Binarised = "binarised",
        /// Picture, edges and binarised side by side (B15's Figs 7–10).
        Triplet = "triplet",
    }
}

/// A pixel of relevance R has opacity `(|R|/scale)^OPACITY` in an overlay: below 1, so that weak relevance is still seen.
const OPACITY: f64 = 0.6;
/// Factor of the brightness of pixels whose relevance is not positive, in a binarised picture.
const SHADE: f32 = 0.35;
/// Number of white columns between the parts of a triplet.
const GAP: u32 = 6;
/// Draws `map` (H×W) of `picture` at `scale`, the relevance of the last colour; at scale 0 everything has the colour of zero.
///
/// # Errors
/// [`HeatmapError`].
pub fn render(
    panel: Panel,
    picture: &Picture,
    map: ArrayView2<'_, f64>,
    scale: f64,
    palette: Palette,
) -> Result<RgbImage, HeatmapError> {
    let (map_height, map_width) = map.dim();
    if (map_width, map_height) != (picture.width(), picture.height()) {
        let (width, height) = (picture.width(), picture.height());
        return Err(HeatmapError::SizesDiffer { width, height, map_width, map_height });
    }
    Ok(match panel {
        Panel::Heatmap => heatmap(map, scale, palette),
        Panel::Overlay => overlay(picture, map, scale, palette),
        Panel::Edges => edges(picture, map, scale, palette)?,
        Panel::Binarised => binarised(picture, map),
        Panel::Triplet => {
            side_by_side(&[picture.rgb8(), edges(picture, map, scale, palette)?, binarised(picture, map)])
        }
    })
}

fn heatmap(map: ArrayView2<'_, f64>, scale: f64, palette: Palette) -> RgbImage {
    RgbImage::from_fn(map.ncols() as u32, map.nrows() as u32, |x, y| {
        let value = map[(y as usize, x as usize)];
        Rgb(palette.colour(if scale > 0.0 { value / scale } else { 0.0 }))
    })
}

fn blend(a: Rgb<u8>, b: Rgb<u8>, share: f32) -> Rgb<u8> {
    let mix = |i: usize| (share * f32::from(a.0[i]) + (1.0 - share) * f32::from(b.0[i])).round() as u8;
    Rgb([mix(0), mix(1), mix(2)])
}

fn overlay(picture: &Picture, map: ArrayView2<'_, f64>, scale: f64, palette: Palette) -> RgbImage {
    let grey = imageops::grayscale(&picture.rgb8());
    RgbImage::from_fn(map.ncols() as u32, map.nrows() as u32, |x, y| {
        let value = map[(y as usize, x as usize)];
        let value = if scale > 0.0 && !value.is_nan() { (value / scale).clamp(-1.0, 1.0) } else { 0.0 };
        blend(Rgb(palette.colour(value)), Rgb([grey.get_pixel(x, y).0[0]; 3]), value.abs().powf(OPACITY) as f32)
    })
}

fn edges(picture: &Picture, map: ArrayView2<'_, f64>, scale: f64, palette: Palette) -> Result<RgbImage, HeatmapError> {
    let mut image = heatmap(map, scale, palette);
    if let Some(edges) = prominent_edges(&imageops::grayscale(&picture.rgb8()))? {
        for (pixel, edge) in image.pixels_mut().zip(edges.pixels()) {
            if edge.0[0] > 0 {
                *pixel = blend(Rgb([0; 3]), *pixel, 0.8);
            }
        }
    }
    Ok(image)
}

fn binarised(picture: &Picture, map: ArrayView2<'_, f64>) -> RgbImage {
    let mut image = picture.rgb8();
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        // Written so that no number counts as positive unless it is.
        let positive = map[(y as usize, x as usize)] > 0.0;
        if !positive {
            let grey = 0.299 * f32::from(pixel.0[0]) + 0.587 * f32::from(pixel.0[1]) + 0.114 * f32::from(pixel.0[2]);
            *pixel = Rgb([(SHADE * grey).round() as u8; 3]);
        }
    }
    image
}

fn side_by_side(parts: &[RgbImage]) -> RgbImage {
    let width = parts.iter().map(RgbImage::width).sum::<u32>() + GAP * (parts.len() as u32 - 1);
    let height = parts.iter().map(RgbImage::height).max().unwrap_or(0);
    let mut image = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let mut x = 0;
    for part in parts {
        imageops::replace(&mut image, part, x, 0);
        x += i64::from(part.width() + GAP);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn picture(width: usize, height: usize) -> Picture {
        let samples = (0..width * height * 3).map(|i| if (i / 3) % width < width / 2 { 40 } else { 210 }).collect();
        Picture::from_rgb8(width, height, samples).unwrap()
    }

    #[cfg(feature = "draw")]
    #[test]
    fn every_panel_has_its_size_for_every_picture() {
        for (width, height) in [(1, 1), (1, 30), (30, 1), (7, 9), (64, 48)] {
            let picture = picture(width, height);
            let map = Array2::from_shape_fn((height, width), |(y, x)| x as f64 - y as f64);
            for &panel in Panel::ALL {
                for &palette in Palette::ALL {
                    let image = render(panel, &picture, map.view(), 3.0, palette).unwrap();
                    let times = if panel == Panel::Triplet { 3 } else { 1 };
                    let expected = (times * width as u32 + (times - 1) * GAP, height as u32);
                    assert_eq!(image.dimensions(), expected, "{panel}");
                    assert_eq!(image, render(panel, &picture, map.view(), 3.0, palette).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_zero_map_has_the_colour_of_zero_everywhere() {
        let (picture, map) = (picture(20, 10), Array2::zeros((10, 20)));
        for &palette in Palette::ALL {
            let image = render(Panel::Heatmap, &picture, map.view(), 0.0, palette).unwrap();
            assert!(image.pixels().all(|pixel| pixel.0 == palette.colour(0.0)));
        }
    }

    #[test]
    fn an_overlay_is_the_grey_picture_where_nothing_is_relevant_and_the_palette_at_the_ends() {
        let picture = picture(20, 10);
        let map = Array2::from_shape_fn((10, 20), |(y, _)| [0.0, 1.0, -2.0, f64::NAN, 0.5][y % 5]);
        let image = render(Panel::Overlay, &picture, map.view(), 1.0, Palette::Diverging).unwrap();
        for (x, y, pixel) in image.enumerate_pixels() {
            let grey = if x < 10 { [40; 3] } else { [210; 3] };
            let half = blend(Rgb(Palette::Diverging.colour(0.5)), Rgb(grey), 0.5f32.powf(0.6)).0;
            let ends = [Palette::Diverging.colour(1.0), Palette::Diverging.colour(-1.0)];
            assert_eq!(pixel.0, [grey, ends[0], ends[1], grey, half][y as usize % 5], "({x}, {y})");
        }
    }

    #[test]
    fn binarised_keeps_the_picture_where_relevance_is_positive() {
        let picture = picture(20, 10);
        let map = Array2::from_shape_fn((10, 20), |(y, _)| [1.0, 0.0, -1.0, f64::NAN][y % 4]);
        let image = render(Panel::Binarised, &picture, map.view(), 1.0, Palette::Jet).unwrap();
        for (x, y, pixel) in image.enumerate_pixels() {
            assert_eq!(pixel == picture.rgb8().get_pixel(x, y), y % 4 == 0, "({x}, {y})");
        }
    }

    #[test]
    fn a_map_of_another_size_is_an_error() {
        let error =
            render(Panel::Heatmap, &picture(4, 3), Array2::zeros((4, 3)).view(), 1.0, Palette::Jet).unwrap_err();
        assert_eq!(error.to_string(), "the map must be 4×3 as the picture is, got 3×4");
    }
}
