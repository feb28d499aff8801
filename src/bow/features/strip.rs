//! Features in portions, so that no picture's descriptors have to lie in memory all at once.

use ndarray::ArrayView2;

use crate::numeric::aligned::Aligned;

/// Features a strip holds at least, but for the last one: enough rows for a matrix product.
const STRIP: usize = 256;

/// Some consecutive kept features of a picture.
#[derive(Debug)]
pub struct Strip<'a> {
    /// Grid numbers, ascending.
    pub numbers: &'a [u32],
    /// One row a feature, as the mapping sees it.
    pub descriptors: ArrayView2<'a, f32>,
}

/// Collects features and hands them on.
pub(super) struct Strips<'a> {
    width: usize,
    numbers: Vec<u32>,
    /// The rows of the numbers, and beyond them room that was used before.
    values: Aligned,
    sink: &'a mut dyn FnMut(Strip<'_>),
}

impl<'a> Strips<'a> {
    /// Strips of descriptors with `width` values.
    pub(super) fn new(width: usize, sink: &'a mut dyn FnMut(Strip<'_>)) -> Self {
        Self { width, numbers: Vec::new(), values: Aligned::default(), sink }
    }

    /// Adds feature `number`, which must follow the one before.
    pub(super) fn push(&mut self, number: usize, descriptor: &[f32]) {
        let (numbers, values) = self.room(1);
        numbers.push(number as u32);
        values.copy_from_slice(descriptor);
    }

    /// Room for the descriptors of `features` more features. Those are added whose numbers are pushed,
    /// in the order of their rows.
    pub(super) fn room(&mut self, features: usize) -> (&mut Vec<u32>, &mut [f32]) {
        let from = self.numbers.len() * self.width;
        let to = from + features * self.width;
        self.values.grow(to);
        (&mut self.numbers, &mut self.values[from..to])
    }

    /// Hands on what there is, if it is enough.
    pub(super) fn flush_if_full(&mut self) {
        if self.numbers.len() >= STRIP {
            self.flush();
        }
    }

    /// Hands on what there is.
    pub(super) fn flush(&mut self) {
        if self.numbers.is_empty() {
            return;
        }
        let shape = (self.numbers.len(), self.width);
        let descriptors =
            ArrayView2::from_shape(shape, &self.values[..shape.0 * shape.1]).expect("one descriptor a number");
        (self.sink)(Strip { numbers: &self.numbers, descriptors });
        self.numbers.clear();
    }
}
