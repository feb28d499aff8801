//! Layer 0: pictures.

mod decode;
mod enlarge;
mod fit;
pub(crate) mod idx;
mod jpeg;
mod kind;
mod prepared;
mod rectangle;
#[cfg(test)]
mod shared_tests;
pub mod tiles;

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

pub use decode::{DecodeOptions, header_size};
pub use enlarge::enlarge;
pub use fit::{Fit, Fitting};
pub use idx::sha256_of_picture;
pub use kind::format_name;
pub use prepared::Prepared;
pub use rectangle::Rectangle;

/// Why a picture could not be read or cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file could not be read.
    #[error("picture \"{}\" can't be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content is no picture of a format that is read.
    #[error("picture \"{}\" is {found}: only JPEG, PNG, TIFF, WebP and BMP are read", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: String,
    },
    /// The format is read, but not this variant of it.
    #[error("picture \"{}\" is {what}: this is not supported", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The variant.
        what: String,
    },
    /// The file is damaged.
    #[error("picture \"{}\" is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The picture is larger than the limit.
    #[error("picture \"{}\" has {width}×{height} pixels, at most {allowed} are allowed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Pixels at most.
        allowed: u64,
    },
    /// The number of samples does not fit the size.
    #[error("a {width}×{height} picture must have {expected} samples, got {found}")]
    WrongSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Samples expected.
        expected: usize,
        /// Samples given.
        found: usize,
    },
    /// The part does not lie in the picture.
    #[error("the part [{x0}, {x1}) × [{y0}, {y1}) must lie in the {width}×{height} picture")]
    OutsidePicture {
        /// Left end.
        x0: usize,
        /// Right end.
        x1: usize,
        /// Upper end.
        y0: usize,
        /// Lower end.
        y1: usize,
        /// Width of the picture.
        width: usize,
        /// Height of the picture.
        height: usize,
    },
}

impl PictureError {
    /// Whether the run failed, as opposed to what it was given: never, since a picture is input.
    pub fn is_failure(&self) -> bool {
        false
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PictureError::UnknownFormat { found, .. } if found == kind::LFS_POINTER => Some("git lfs pull".to_string()),
            PictureError::UnknownFormat { .. } | PictureError::Unsupported { .. } => {
                Some("convert it to JPEG or PNG first".to_string())
            }
            _ => None,
        }
    }
}

/// A picture in RGB, as it was decoded: 8 or 16 bits a sample, never empty.
///
/// ```
/// use bowsight::picture::Picture;
/// let picture = Picture::from_rgb8(2, 1, vec![255, 255, 255, 0, 0, 0]).unwrap();
/// assert_eq!((picture.width(), picture.height()), (2, 1));
/// assert!((picture.grey()[(0, 0)] - 1.0).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    width: usize,
    height: usize,
    samples: Samples,
    /// Width and height before it was shrunk.
    shrunk_from: Option<(usize, usize)>,
    /// The numbers that a network reads, if they were given in the place of a picture; the samples are only to draw on.
    prepared: Option<Arc<Prepared>>,
}

/// Interleaved RGB, row by row.
#[derive(Debug, Clone, PartialEq)]
enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

impl Picture {
    /// An array that a network reads as it is, with a grey or coloured picture of it to draw on.
    ///
    /// # Errors
    /// [`PictureError::WrongSize`] for an array without numbers.
    pub fn of_array(shape: Vec<usize>, values: Vec<f64>) -> Result<Self, PictureError> {
        Prepared { shape, values }.picture()
    }

    /// A picture of interleaved RGB samples, row by row.
    ///
    /// # Errors
    /// [`PictureError::WrongSize`] when the samples are not 3·width·height, or none.
    pub fn from_rgb8(width: usize, height: usize, samples: Vec<u8>) -> Result<Self, PictureError> {
        Self::new(width, height, samples.len(), Samples::Eight(samples))
    }

    fn from_rgb16(width: usize, height: usize, samples: Vec<u16>) -> Result<Self, PictureError> {
        Self::new(width, height, samples.len(), Samples::Sixteen(samples))
    }

    fn new(width: usize, height: usize, found: usize, samples: Samples) -> Result<Self, PictureError> {
        let expected = width.saturating_mul(height).saturating_mul(3);
        if found == expected && found > 0 {
            Ok(Self { width, height, samples, shrunk_from: None, prepared: None })
        } else {
            Err(PictureError::WrongSize { width, height, expected, found })
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width and height that it had before it was shrunk to a limit, if it was.
    pub fn shrunk_from(&self) -> Option<(usize, usize)> {
        self.shrunk_from
    }

    /// The numbers that were given in the place of a picture, if they were.
    pub fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_deref()
    }

    /// The picture in 8 bits; 16-bit samples are divided by 257 and rounded.
    pub fn rgb8(&self) -> RgbImage {
        let samples = match &self.samples {
            Samples::Eight(samples) => samples.clone(),
            Samples::Sixteen(samples) => samples.iter().map(|&v| ((u32::from(v) + 128) / 257) as u8).collect(),
        };
        RgbImage::from_raw(self.width as u32, self.height as u32, samples).expect("three samples per pixel")
    }

    /// Grey, H×W: `(0.299 R + 0.587 G + 0.114 B)/255` in f32; 16-bit samples are divided by 257 first, not rounded.
    pub fn grey(&self) -> Array2<f32> {
        self.plane(grey)
    }

    /// A plane, H×W: `value` of every pixel's R, G, B in 0…255; 16-bit samples are divided by 257 first, not rounded.
    pub fn plane(&self, value: impl Fn([f32; 3]) -> f32) -> Array2<f32> {
        let values: Vec<f32> = match &self.samples {
            Samples::Eight(samples) => {
                samples.as_chunks::<3>().0.iter().map(|pixel| value(pixel.map(f32::from))).collect()
            }
            Samples::Sixteen(samples) => {
                samples.as_chunks::<3>().0.iter().map(|pixel| value(pixel.map(|v| f32::from(v) / 257.0))).collect()
            }
        };
        crate::numeric::matrix((self.height, self.width), values)
    }

    /// The picture mirrored left–right.
    pub fn mirrored(&self) -> Self {
        fn rows<T: Copy>(samples: &[T], width: usize) -> Vec<T> {
            let pixels = samples.as_chunks::<3>().0;
            pixels.chunks_exact(width).flat_map(|row| row.iter().rev().flatten().copied()).collect()
        }
        let samples = match &self.samples {
            Samples::Eight(samples) => Samples::Eight(rows(samples, self.width)),
            Samples::Sixteen(samples) => Samples::Sixteen(rows(samples, self.width)),
        };
        Self { samples, prepared: None, ..*self }
    }

    /// The part `[x0, x0 + width) × [y0, y0 + height)`.
    ///
    /// # Errors
    /// [`PictureError::OutsidePicture`] when it does not lie in the picture or is empty.
    pub fn crop(&self, x0: usize, y0: usize, width: usize, height: usize) -> Result<Self, PictureError> {
        let (x1, y1) = (x0.saturating_add(width), y0.saturating_add(height));
        if width == 0 || height == 0 || x1 > self.width || y1 > self.height {
            let (whole_width, whole_height) = (self.width, self.height);
            return Err(PictureError::OutsidePicture { x0, x1, y0, y1, width: whole_width, height: whole_height });
        }
        fn rows<T: Copy>(samples: &[T], stride: usize, x: (usize, usize), y: (usize, usize)) -> Vec<T> {
            (y.0..y.1).flat_map(|row| samples[3 * (row * stride + x.0)..3 * (row * stride + x.1)].to_vec()).collect()
        }
        let samples = match &self.samples {
            Samples::Eight(samples) => Samples::Eight(rows(samples, self.width, (x0, x1), (y0, y1))),
            Samples::Sixteen(samples) => Samples::Sixteen(rows(samples, self.width, (x0, x1), (y0, y1))),
        };
        Ok(Self { width, height, samples, shrunk_from: None, prepared: None })
    }
}

/// Grey in 0…1 of a pixel's R, G, B in 0…255: `(0.299 R + 0.587 G + 0.114 B)/255`.
pub fn grey([r, g, b]: [f32; 3]) -> f32 {
    (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_the_formula_and_sixteen_bits_are_not_rounded() {
        let eight = Picture::from_rgb8(1, 2, vec![10, 20, 30, 255, 255, 255]).unwrap();
        assert!((eight.grey()[(0, 0)] - (2.99 + 11.74 + 3.42) / 255.0).abs() < 1e-7);
        let sixteen = Picture::from_rgb16(1, 1, vec![257 * 7 + 100; 3]).unwrap();
        let expected = (257.0 * 7.0 + 100.0) / 257.0 / 255.0;
        assert!((sixteen.grey()[(0, 0)] - expected).abs() < 1e-7);
        let colours = Picture::from_rgb16(2, 1, vec![0, 1, 2, 300, 65535, 5]).unwrap();
        assert_eq!(colours.plane(|[r, _, _]| r), ndarray::array![[0.0, 300.0 / 257.0]]);
        assert_eq!(colours.plane(|[_, g, _]| g), ndarray::array![[1.0 / 257.0, 255.0]]);
        assert_eq!(sixteen.rgb8().get_pixel(0, 0).0, [7; 3]);
        assert_eq!(Picture::from_rgb16(1, 1, vec![65535, 0, 257]).unwrap().rgb8().get_pixel(0, 0).0, [255, 0, 1]);
    }

    #[test]
    fn a_mirror_turns_columns_and_twice_is_the_picture() {
        let eight = Picture::from_rgb8(3, 2, (0..18).collect()).unwrap();
        let sixteen = Picture::from_rgb16(3, 2, (0..18).map(|v| v * 1000).collect()).unwrap();
        for picture in [eight, sixteen] {
            let mirrored = picture.mirrored();
            for (x, y) in [(0, 0), (1, 0), (2, 1)] {
                assert_eq!(mirrored.rgb8().get_pixel(x, y), picture.rgb8().get_pixel(2 - x, y));
            }
            assert_ne!(mirrored, picture);
            assert_eq!(mirrored.mirrored(), picture);
        }
    }

    #[test]
    fn parts_are_cut_and_must_lie_inside() {
        let samples: Vec<u8> = (0..4 * 3 * 3).collect();
        let picture = Picture::from_rgb8(4, 3, samples).unwrap();
        let part = picture.crop(1, 1, 2, 2).unwrap();
        assert_eq!(part.rgb8().get_pixel(0, 0), picture.rgb8().get_pixel(1, 1));
        assert_eq!(part.rgb8().get_pixel(1, 1), picture.rgb8().get_pixel(2, 2));
        for (x, y, w, h) in [(3, 0, 2, 1), (0, 3, 1, 1), (0, 0, 0, 1), (usize::MAX, 0, 2, 1)] {
            assert!(matches!(picture.crop(x, y, w, h), Err(PictureError::OutsidePicture { .. })));
        }
        assert!(Picture::from_rgb8(0, 0, vec![]).is_err());
        assert!(Picture::from_rgb8(2, 2, vec![0; 11]).is_err());
    }
}
