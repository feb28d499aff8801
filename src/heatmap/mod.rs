//! Maps as pictures: colours, scales, panels. Knows nothing of the model that made a map.
//!
//! The colour of a pixel is the palette's at `R1/scale`, cut to −1…1, so 0 always has the same colour and the scale is symmetric about it.
//! B15 (Bach et al. 2015, Eq 35) divides by the picture's largest magnitude and prefers that of a set of pictures for judging
//! a classifier: a map drawn at its own scale looks strong however little it says.

mod palette;
mod panel;
mod scale;
pub mod sheet;

use std::path::Path;

use image::RgbImage;
use ndarray::ArrayView2;

pub use palette::Palette;
pub use panel::{Panel, render};
pub use scale::{Scale, ScaleError};

use crate::format::atomic::{AtomicFile, WriteError};

/// Why a map can't be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeatmapError {
    /// Map and picture are not of one size.
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
    /// The file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// `max_q |R1_q|`; 0 for an empty map.
pub fn largest_magnitude(map: ArrayView2<'_, f64>) -> f64 {
    map.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// Writes a PNG with text notes, whole or not at all; equal contents are equal bytes.
///
/// # Errors
/// [`HeatmapError::Write`].
pub fn write_png(path: &Path, image: &RgbImage, notes: &[(&str, String)]) -> Result<(), HeatmapError> {
    let fail = |error: png::EncodingError| WriteError::io(path)(std::io::Error::other(error));
    let mut file = AtomicFile::create(path)?;
    let mut encoder = png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // As small as the default to 2 % in a third less time; faster back ends give other bytes on other processors.
    encoder.set_deflate_compression(png::DeflateCompression::Level(3));
    for (keyword, text) in notes {
        encoder.add_text_chunk((*keyword).to_string(), text.clone()).map_err(fail)?;
    }
    let mut writer = encoder.write_header().map_err(fail)?;
    writer.write_image_data(image.as_raw()).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(file.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_travel_with_the_picture_and_bytes_repeat() {
        let folder = tempfile::tempdir().unwrap();
        let image = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let (a, b) = (folder.path().join("a.png"), folder.path().join("b.png"));
        let notes = [("bowsight:scale", "0.5 (set)".to_string())];
        write_png(&a, &image, &notes).unwrap();
        write_png(&b, &image, &notes).unwrap();
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
        assert_eq!(image::open(&a).unwrap().to_rgb8(), image);
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&a).unwrap()));
        let reader = decoder.read_info().unwrap();
        assert_eq!(reader.info().uncompressed_latin1_text[0].text, "0.5 (set)");
    }

    #[test]
    fn the_largest_magnitude_has_no_sign() {
        assert_eq!(largest_magnitude(ndarray::array![[1.0, -3.0], [2.0, 0.0]].view()), 3.0);
        assert_eq!(largest_magnitude(ndarray::Array2::zeros((0, 4)).view()), 0.0);
    }
}
