//! Digits: their ink, their classes, and what is common to their classes.

use std::path::Path;

use ndarray::Array2;
use rayon::prelude::*;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::explanation::{Query, Target};
use crate::model::Model;
use crate::nn::Explainer;
use crate::picture::{DecodeOptions, Picture};

/// Ink counts as such from here on, where it is from 0 to 1.
pub(super) const INK: f64 = 0.5;
/// Number of classes.
pub(super) const CLASSES: usize = 10;

/// Digits of one split.
pub(super) struct Digits {
    pub pictures: Vec<Picture>,
    pub classes: Vec<usize>,
    /// N of every pixel, from 0 (background) to 1.
    pub ink: Vec<Array2<f64>>,
}

impl Digits {
    /// Reads a split whose categories are the digits "0" to "9".
    pub fn open(data: &Path, split: &str, reading: &DecodeOptions) -> Result<Self, Error> {
        let dataset = Dataset::open(data, Some(split), None)?;
        let names: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
        if dataset.categories != names {
            let found = dataset.categories.join(", ");
            return Err(Error::usage(format!("\"--data\" must have the categories 0 to 9, found {found}")));
        }
        let open = |entry: &crate::dataset::Entry| -> Result<(Picture, usize), Error> {
            let class = entry.labels.iter().position(|&label| label == 1);
            let class = class.ok_or_else(|| Error::usage(format!("\"{}\" of --data has no label", entry.id)))?;
            Ok((Picture::open(dataset.file(entry), reading)?, class))
        };
        let read: Vec<(Picture, usize)> = dataset.pictures.par_iter().map(open).collect::<Result<_, _>>()?;
        let (pictures, classes): (Vec<Picture>, Vec<usize>) = read.into_iter().unzip();
        let ink = pictures.par_iter().map(ink).collect();
        Ok(Self { pictures, classes, ink })
    }

    /// The places of a class' digits.
    pub fn of_class(&self, class: usize) -> Vec<usize> {
        (0..self.classes.len()).filter(|&at| self.classes[at] == class).collect()
    }
}

fn ink(picture: &Picture) -> Array2<f64> {
    let rgb = picture.rgb8();
    Array2::from_shape_fn((picture.height(), picture.width()), |(y, x)| {
        f64::from(rgb.get_pixel(x as u32, y as u32).0[0]) / 255.0
    })
}

/// What the digits of a training set have in common.
pub(super) struct Common {
    /// `Σ N` of each class.
    sums: Vec<Array2<f64>>,
    /// Share of each class' digits that have ink.
    pub frequencies: Vec<Array2<f64>>,
}

impl Common {
    pub fn of(digits: &Digits) -> Self {
        let shape = digits.ink[0].dim();
        let mut sums = vec![Array2::zeros(shape); CLASSES];
        let mut frequencies = vec![Array2::zeros(shape); CLASSES];
        let mut counts = [0.0; CLASSES];
        for (ink, &class) in digits.ink.iter().zip(&digits.classes) {
            sums[class] += ink;
            frequencies[class] += &ink.mapv(|n| f64::from(u8::from(n >= INK)));
            counts[class] += 1.0;
        }
        for (frequencies, count) in frequencies.iter_mut().zip(counts) {
            *frequencies /= f64::max(count, 1.0);
        }
        Self { sums, frequencies }
    }

    /// The density ratios of a class (B15, Eq 65): `d_k(p) = Σ_{digits of class k} N(p) / Σ_{all digits} N(p)`; NaN where no digit has ink.
    pub fn densities(&self, class: usize) -> Array2<f64> {
        let all = self.sums.iter().fold(Array2::zeros(self.sums[0].dim()), |sum: Array2<f64>, own| sum + own);
        &self.sums[class] / &all
    }
}

/// Scores and relevances of one class for several digits, in their order. Relevance is of the pixels.
pub(super) fn relevances(
    explainer: &Explainer<'_>,
    digits: &Digits,
    places: &[usize],
    class: usize,
) -> Result<Vec<(f64, Array2<f64>)>, Error> {
    let category = category(explainer, class)?;
    let query = Query { target: Target::new(category), ..Query::new(0) };
    let explain = |batch: &[usize]| -> Result<Vec<(f64, Array2<f64>)>, Error> {
        let fail = |source| Error::Explain { path: format!("digit {}", batch[0]).into(), source };
        let pictures: Vec<&Picture> = batch.iter().map(|&place| &digits.pictures[place]).collect();
        let seen = explainer.together(&pictures).map_err(fail)?;
        let explanations = seen.explain(&vec![query; batch.len()]).into_iter();
        explanations.map(|found| found.map(|found| (found.score, found.relevance)).map_err(fail)).collect()
    };
    let batches: Vec<Vec<(f64, Array2<f64>)>> =
        places.par_chunks(explainer.batch_of(64)).map(explain).collect::<Result<_, _>>()?;
    Ok(batches.into_iter().flatten().collect())
}

/// The category of a class.
pub(super) fn category(explainer: &Explainer<'_>, class: usize) -> Result<usize, Error> {
    let name = class.to_string();
    explainer.category(&name).map_err(|source| Error::UnknownCategory { flag: "--networks", source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray_npy::NpzReader;

    /// Values from outside: Eq 65 on MNIST's training digits.
    #[test]
    fn densities_of_mnist() {
        let (Some(data), Some(golden)) =
            (crate::shared_data::find("data/mnist"), crate::shared_data::find("golden/networks/densities.npz"))
        else {
            return;
        };
        let digits = Digits::open(&data, "train", &DecodeOptions::default()).unwrap();
        let common = Common::of(&digits);
        let mut reader = NpzReader::new(std::fs::File::open(golden).unwrap()).unwrap();
        let expected: ndarray::Array3<f32> = reader.by_name("d").unwrap();
        let mut undefined = 0;
        for class in 0..CLASSES {
            for (found, expected) in common.densities(class).iter().zip(expected.index_axis(ndarray::Axis(0), class)) {
                assert_eq!(found.is_nan(), expected.is_nan());
                undefined += usize::from(found.is_nan());
                assert!(found.is_nan() || (found - f64::from(*expected)).abs() < 1e-6, "{found} {expected}");
            }
        }
        assert_eq!(undefined, 67 * CLASSES);
    }
}
