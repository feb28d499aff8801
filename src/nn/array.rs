//! Constants of a network: weights, biases, slopes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::real::Real;

/// Numbers with a shape, row-major. In a network's description only the shape is written; the numbers are tensors of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Array {
    /// Lengths of the axes; none for a single number.
    pub shape: Vec<usize>,
    /// The numbers.
    #[serde(skip)]
    pub values: Arc<Vec<f64>>,
}

impl Array {
    /// An array of these values.
    ///
    /// # Panics
    /// If there are more or fewer values than the shape has places.
    pub fn new(shape: Vec<usize>, values: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "the values must fill the shape");
        Self { shape, values: Arc::new(values) }
    }

    /// A single number.
    pub fn scalar(value: f64) -> Self {
        Self::new(Vec::new(), vec![value])
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values in the precision of a network.
    pub(super) fn converted<T: Real>(&self) -> Vec<T> {
        self.values.iter().map(|&value| T::of(value)).collect()
    }

    /// The values in the precision of a network; in double precision they are in memory once.
    pub(super) fn shared<T: Real>(&self) -> Arc<Vec<T>> {
        T::shared(&self.values)
    }

    /// The values over `shape`: axes are matched from the last one, and an axis of length 1 or one that is missing repeats. None if they don't match.
    pub(super) fn broadcast<T: Real>(&self, shape: &[usize]) -> Option<Vec<T>> {
        let missing = shape.len().checked_sub(self.shape.len())?;
        let fits = self.shape.iter().zip(&shape[missing..]).all(|(&own, &wanted)| own == wanted || own == 1);
        if !fits {
            return None;
        }
        // The stride of a repeated axis is 0.
        let mut strides = vec![0; shape.len()];
        let mut stride = 1;
        for (axis, &length) in self.shape.iter().enumerate().rev() {
            strides[missing + axis] = if length == 1 { 0 } else { stride };
            stride *= length;
        }
        let count = shape.iter().product();
        let mut out = Vec::with_capacity(count);
        let mut place = vec![0; shape.len()];
        for _ in 0..count {
            let at: usize = place.iter().zip(&strides).map(|(place, stride)| place * stride).sum();
            out.push(T::of(self.values[at]));
            for axis in (0..shape.len()).rev() {
                place[axis] += 1;
                if place[axis] < shape[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
        Some(out)
    }

    /// The values, one a channel, if they differ by the first axis of `shape` alone: of one item, without the batch. A single number stands for all.
    #[cfg(any(feature = "onnx", test))]
    pub(super) fn by_channel(&self, shape: &[usize]) -> Option<Vec<f64>> {
        if self.len() == 1 {
            return Some(vec![self.values[0]]);
        }
        let missing = shape.len().checked_sub(self.shape.len())?;
        let others = self.shape.iter().enumerate().filter(|(axis, _)| axis + missing != 0);
        (missing == 0 && others.clone().all(|(_, &length)| length == 1)).then(|| self.values.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_repeat_along_missing_and_short_axes() {
        let array = Array::new(vec![2, 1], vec![3.0, 4.0]);
        assert_eq!(array.broadcast::<f64>(&[2, 3]).unwrap(), [3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(array.broadcast::<f32>(&[2, 2, 2]).unwrap(), [3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0]);
        assert_eq!(Array::scalar(5.0).broadcast::<f64>(&[2]).unwrap(), [5.0, 5.0]);
        assert_eq!(array.broadcast::<f64>(&[3, 3]), None);
        assert_eq!(array.broadcast::<f64>(&[2]), None);
    }

    #[test]
    fn numbers_of_channels_are_told_from_others() {
        assert_eq!(Array::new(vec![2, 1, 1], vec![3.0, 4.0]).by_channel(&[2, 5, 5]), Some(vec![3.0, 4.0]));
        assert_eq!(Array::new(vec![1, 1], vec![3.0]).by_channel(&[2, 5, 5]), Some(vec![3.0]));
        assert_eq!(Array::new(vec![5], vec![0.0; 5]).by_channel(&[2, 5, 5]), None);
        assert_eq!(Array::new(vec![3], vec![0.0; 3]).by_channel(&[3]), Some(vec![0.0; 3]));
    }
}
