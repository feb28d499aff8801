//! Decoding: by content, not by name; limits before allocation; upright.
//!
//! JPEG, PNG, TIFF (BigTIFF too), WebP and BMP are read, in grey, RGB, palette (PNG, BMP) and CMYK (JPEG, TIFF), with 8 or
//! 16 bits. The orientation that a camera noted is applied. Alpha is ignored: the colour is taken as it is stored.

use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::jpeg::{self, JpegFault};
use super::kind::{self, Kind};
use super::prepared::{MAGIC, Prepared};
use super::{Fit, Picture, PictureError, idx};

/// How pictures are read.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeOptions {
    /// Maximum longer side in pixels; larger pictures are shrunk. 0: any size.
    pub max_side: usize,
    /// Maximum number of pixels. A picture that claims more is refused before anything of that size is allocated.
    pub max_pixels: u64,
    /// The size that every picture is brought to, if there is one; `max_side` has no effect then.
    pub fit: Option<Fit>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { max_side: 0, max_pixels: 200_000_000, fit: None }
    }
}

impl Picture {
    /// Reads the picture at `path`; `FILE#NUMBER` is one in an idx file (MNIST).
    ///
    /// # Errors
    /// [`PictureError`], naming the file and the cause.
    pub fn open(path: impl AsRef<Path>, options: &DecodeOptions) -> Result<Self, PictureError> {
        let path = path.as_ref();
        if let Some((file, number)) = idx::item_of(path) {
            return sized(idx::open(path, &file, number)?, options);
        }
        let io = |source| PictureError::Io { path: path.to_path_buf(), source };
        let size = std::fs::metadata(path).map_err(io)?.len();
        // No format packs a pixel below a bit on average in practice; a file this size can't be a picture of ours.
        if size > options.max_pixels.saturating_mul(8) {
            return Err(io(std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("{size} bytes"))));
        }
        Self::decode(&std::fs::read(path).map_err(io)?, path, options)
    }

    /// Reads the picture in `bytes`; `path` names it in messages.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn decode(bytes: &[u8], path: &Path, options: &DecodeOptions) -> Result<Self, PictureError> {
        if bytes.starts_with(MAGIC) {
            return Prepared::decode(bytes, path)?.picture();
        }
        let unsupported = |what: String| PictureError::Unsupported { path: path.to_path_buf(), what };
        let format = match kind::of(bytes) {
            Kind::Read(format) => format,
            Kind::Variant(what) => return Err(unsupported(what.to_string())),
            Kind::Other(found) => {
                return Err(PictureError::UnknownFormat { path: path.to_path_buf(), found: found.into_owned() });
            }
        };
        if format == ImageFormat::Jpeg {
            // The decoder would fill a missing part with grey.
            jpeg::check(bytes).map_err(|fault| match fault {
                JpegFault::Unsupported(what) => unsupported(what.to_string()),
                fault => PictureError::Damaged { path: path.to_path_buf(), source: fault.into() },
            })?;
        }
        let fail = |error: ImageError| match error {
            ImageError::Unsupported(error) => {
                unsupported(format!("of a kind of {format:?} that the decoder does not know ({error})"))
            }
            error => PictureError::Damaged { path: path.to_path_buf(), source: error.into() },
        };
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(options.max_pixels.saturating_mul(16));
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(fail)?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > options.max_pixels || decoder.total_bytes() > options.max_pixels.saturating_mul(8) {
            let allowed = options.max_pixels;
            return Err(PictureError::TooLarge { path: path.to_path_buf(), width, height, allowed });
        }
        if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
            return Err(unsupported("a picture of floating-point numbers".to_string()));
        }
        let orientation = decoder.orientation().map_err(fail)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(fail)?;
        image.apply_orientation(orientation);
        sized(image, options)
    }
}

/// The picture in the size that the options ask for.
fn sized(image: DynamicImage, options: &DecodeOptions) -> Result<Picture, PictureError> {
    if let Some(fit) = options.fit {
        return from_dynamic(fit.apply(&image));
    }
    let own = (image.width() as usize, image.height() as usize);
    let picture = from_dynamic(limit(image, options.max_side))?;
    let shrunk_from = (own != (picture.width, picture.height)).then_some(own);
    Ok(Picture { shrunk_from, ..picture })
}

/// Width and height that a file's header tells, not turned upright; none if it tells nothing.
pub fn header_size(path: &Path) -> Option<(u32, u32)> {
    if let Some((file, _)) = idx::item_of(path) {
        let idx = idx::pictures(&file).ok()?;
        return Some((idx.shape[2] as u32, idx.shape[1] as u32));
    }
    ImageReader::open(path).ok()?.with_guessed_format().ok()?.into_dimensions().ok()
}

fn from_dynamic(image: DynamicImage) -> Result<Picture, PictureError> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    match image.color() {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            Picture::from_rgb16(width, height, image.into_rgb16().into_raw())
        }
        _ => Picture::from_rgb8(width, height, image.into_rgb8().into_raw()),
    }
}

fn limit(image: DynamicImage, max_side: usize) -> DynamicImage {
    let longer = image.width().max(image.height());
    let allowed = u32::try_from(max_side).unwrap_or(u32::MAX);
    if allowed == 0 || longer <= allowed {
        return image;
    }
    let scaled = |side: u32| ((f64::from(side) * f64::from(allowed) / f64::from(longer)).round() as u32).max(1);
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    image.resize_exact(width, height, image::imageops::FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgb, RgbImage, RgbaImage};
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
        Picture::decode(bytes, Path::new("test-picture"), &DecodeOptions::default())
    }

    fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn colours() -> RgbImage {
        RgbImage::from_fn(23, 17, |x, y| Rgb([(11 * x) as u8, (15 * y) as u8, (7 * (x + y)) as u8]))
    }

    #[test]
    fn lossless_formats_and_colour_types_come_back_exactly() {
        let rgb = colours();
        for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Bmp] {
            let picture = decode(&encode(&DynamicImage::ImageRgb8(rgb.clone()), format)).unwrap();
            assert_eq!(picture.rgb8(), rgb, "{format:?}");
        }
        let grey = GrayImage::from_fn(9, 5, |x, y| Luma([(20 * x + y) as u8]));
        let picture = decode(&encode(&DynamicImage::ImageLuma8(grey.clone()), ImageFormat::Png)).unwrap();
        assert_eq!(picture.rgb8().get_pixel(4, 3).0, [grey.get_pixel(4, 3).0[0]; 3]);
        let alpha = RgbaImage::from_fn(9, 5, |x, y| image::Rgba([x as u8, y as u8, 200, (30 * x) as u8]));
        let picture = decode(&encode(&DynamicImage::ImageRgba8(alpha), ImageFormat::Png)).unwrap();
        assert_eq!(picture.rgb8().get_pixel(3, 2).0, [3, 2, 200], "alpha is ignored");
        let sixteen = image::ImageBuffer::from_fn(6, 4, |x, y| Rgb([(1000 * x) as u16, (9000 * y) as u16, 65535]));
        let picture = decode(&encode(&DynamicImage::ImageRgb16(sixteen), ImageFormat::Png)).unwrap();
        let expected = (0.299 * 5000.0 + 0.587 * 27000.0 + 0.114 * 65535.0) / 257.0 / 255.0;
        assert!((picture.grey()[(3, 5)] - expected).abs() < 1e-6);
    }

    #[test]
    fn every_cut_of_a_jpeg_or_png_is_an_error() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let whole = encode(&DynamicImage::ImageRgb8(colours()), format);
            assert!(decode(&whole).is_ok());
            // A PNG's last 12 bytes are the end chunk, which holds nothing.
            let end = if format == ImageFormat::Png { whole.len() - 12 } else { whole.len() };
            for length in 0..end {
                let error = decode(&whole[..length]).expect_err(&format!("{format:?} cut at {length}"));
                assert!(error.to_string().contains("test-picture"));
            }
        }
    }

    #[test]
    fn the_longer_side_is_limited_and_never_grows() {
        let bytes = encode(&DynamicImage::ImageRgb8(colours()), ImageFormat::Png);
        let open = |max_side| {
            let options = DecodeOptions { max_side, ..DecodeOptions::default() };
            let picture = Picture::decode(&bytes, Path::new("x"), &options).unwrap();
            assert_eq!(picture.shrunk_from(), (1..23).contains(&max_side).then_some((23, 17)));
            (picture.width(), picture.height())
        };
        assert_eq!(open(0), (23, 17));
        assert_eq!(open(100), (23, 17));
        assert_eq!(open(10), (10, 7));
        assert_eq!(open(1), (1, 1));
    }

    #[test]
    fn too_many_pixels_are_refused_with_the_numbers() {
        let bytes = encode(&DynamicImage::ImageRgb8(colours()), ImageFormat::Png);
        let options = DecodeOptions { max_pixels: 300, ..DecodeOptions::default() };
        let error = Picture::decode(&bytes, Path::new("big.png"), &options).unwrap_err().to_string();
        assert!(error.contains("23×17") && error.contains("300") && error.contains("big.png"), "{error}");
    }

    proptest! {
        #[test]
        fn nonsense_is_an_error_and_never_a_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0usize..6, flips in proptest::collection::vec((0usize..2000, any::<u8>()), 1..6),
        ) {
            let heads: [&[u8]; 6] = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"RIFF\0\0\0\0WEBPVP8 ", b"BM"];
            bytes.splice(0..0, heads[kind].iter().copied());
            let _ = decode(&bytes);
            // A real picture with some bytes changed.
            let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Bmp];
            let mut real = encode(&DynamicImage::ImageRgb8(colours()), formats[kind % 5]);
            for (at, value) in flips {
                let at = at % real.len();
                real[at] = value;
            }
            let _ = decode(&real);
        }
    }
}
