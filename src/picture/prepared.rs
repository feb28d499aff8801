//! Inputs that are already prepared: arrays of numbers in the place of a picture, from `.npy` files.

use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;

use super::{Picture, PictureError};

/// Numbers that a network reads as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Lengths of the axes: channels × height × width, or height × width × channels, or height × width, or a vector.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f64>,
}

/// The first bytes of a `.npy` file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

impl Prepared {
    /// Reads an array of single or double precision; `path` names it in messages.
    pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Self, PictureError> {
        let damaged = |why: String| PictureError::Damaged { path: path.to_path_buf(), source: why.into() };
        let array = ArrayD::<f64>::read_npy(bytes)
            .or_else(|_| ArrayD::<f32>::read_npy(bytes).map(|array| array.mapv(f64::from)))
            .map_err(|error| damaged(error.to_string()))?;
        let shape = array.shape().to_vec();
        // Iteration is row-major, whatever the order in the file.
        let values: Vec<f64> = array.iter().copied().collect();
        if !(1..=3).contains(&shape.len()) || values.is_empty() {
            return Err(PictureError::Unsupported {
                path: path.to_path_buf(),
                what: format!("an array of the shape {shape:?}"),
            });
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(damaged(format!("an array must be finite, found {value}"))),
            None => Ok(Self { shape, values }),
        }
    }

    /// Channels, height and width; whether the channels come last. A vector whose length is a square is a square, else a row.
    fn sides(&self) -> ([usize; 3], bool) {
        let is_few = |channels: usize| channels == 1 || channels == 3;
        match self.shape[..] {
            [height, width, channels] if is_few(channels) && !is_few(height) => ([channels, height, width], true),
            [channels, height, width] => ([channels, height, width], false),
            [height, width] => ([1, height, width], false),
            _ => {
                let length = self.values.len();
                let side = (length as f64).sqrt().round() as usize;
                if side * side == length { ([1, side, side], false) } else { ([1, 1, length], false) }
            }
        }
    }

    /// The array as a picture to draw on: the least number black, the largest white, and other channels than three as their mean in grey.
    pub(super) fn picture(self) -> Result<Picture, PictureError> {
        let ([channels, height, width], are_last) = self.sides();
        let at = |channel: usize, place: usize| {
            self.values[if are_last { place * channels + channel } else { channel * height * width + place }]
        };
        let (low, high) =
            self.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let byte = |value: f64| if high > low { (255.0 * (value - low) / (high - low)).round() as u8 } else { 128 };
        let pixel = |place: usize| match channels {
            3 => [0, 1, 2].map(|channel| byte(at(channel, place))),
            _ => [byte((0..channels).map(|channel| at(channel, place)).sum::<f64>() / channels as f64); 3],
        };
        let samples = (0..height * width).flat_map(pixel).collect();
        Ok(Picture { prepared: Some(self.into()), ..Picture::from_rgb8(width, height, samples)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array3, ShapeBuilder};
    use ndarray_npy::WriteNpyExt;

    fn open(bytes: &[u8]) -> Result<Picture, PictureError> {
        Picture::decode(bytes, Path::new("x.npy"), &Default::default())
    }

    #[test]
    fn arrays_of_both_precisions_and_orders_are_read() {
        let array = Array3::from_shape_fn((3, 4, 5), |(c, y, x)| (100 * c + 10 * y + x) as f64);
        let fortran = Array3::from_shape_fn((3, 4, 5).f(), |place| array[place] as f32);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        array.write_npy(&mut one).unwrap();
        fortran.write_npy(&mut other).unwrap();
        for bytes in [one, other] {
            let picture = open(&bytes).unwrap();
            assert_eq!((picture.width(), picture.height()), (5, 4));
            let prepared = picture.prepared().unwrap();
            assert_eq!((prepared.shape.as_slice(), prepared.values[27]), (&[3, 4, 5][..], 112.0));
            assert_eq!(picture.rgb8().get_pixel(0, 0).0[0], 0);
            assert_eq!(picture.rgb8().get_pixel(4, 3).0[2], 255);
        }
    }

    #[test]
    fn odd_arrays_are_refused_and_vectors_have_a_shape() {
        let bytes = |array: Array1<f64>| {
            let mut bytes = Vec::new();
            array.write_npy(&mut bytes).unwrap();
            bytes
        };
        let sides = |length: usize| {
            let picture = open(&bytes(Array1::zeros(length))).unwrap();
            (picture.width(), picture.height())
        };
        assert_eq!((sides(9), sides(10)), ((3, 3), (10, 1)));
        assert!(open(&bytes(Array1::from(vec![0.0, f64::NAN]))).unwrap_err().to_string().contains("x.npy"));
        assert!(open(&bytes(Array1::zeros(0))).is_err());
        let whole = bytes(Array1::zeros(9));
        for length in 0..whole.len() {
            assert!(open(&whole[..length]).is_err());
        }
    }
}
