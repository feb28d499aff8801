//! What every window's sums have in common: the interface, and a store for the most recent rows.

use super::Descriptors;
use crate::bow::features::grid::Level;
use crate::numeric::aligned::Aligned;

/// The sums over spatial bins of one plane, for one window.
///
/// Rows and columns are counted from the first that a bin reaches, s − 1 before the first bin's centre; it may lie outside
/// the picture.
pub(super) trait Sums: Sized {
    fn new(level: &Level, step: usize, rootsift: bool) -> Self;

    /// Number of columns that are read of a row; not all need have an effect.
    fn columns_read(&self) -> usize;

    /// Filters the next row of the orientation planes along x, and keeps the result while it is needed.
    fn add_row(&mut self, pixels: &[f32]);

    /// Adds the last row once more.
    fn repeat_row(&mut self);

    /// Whether row `row` of the features can be described.
    fn complete(&self, row: usize) -> bool;

    /// Describes row `row`, whose first feature has number `first`; the first plane is grey.
    fn describe(planes: &mut [Self], row: usize, first: usize, descriptors: &mut Descriptors<'_>);
}

/// The most recent rows of a plane that is filtered row by row.
pub(super) struct Ring {
    values: Aligned,
    width: usize,
    /// Values from one row to the next: an odd number of cache lines, so that rows do not compete for the same sets of the
    /// cache.
    stride: usize,
    capacity: usize,
    count: usize,
}

impl Ring {
    pub(super) fn new(width: usize, capacity: usize) -> Self {
        let stride = 16 * (width.div_ceil(16) | 1);
        Self { values: Aligned::zeros(stride * capacity), width, stride, capacity, count: 0 }
    }

    /// Number of rows so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Starts the next row and returns it to be written.
    pub(super) fn add(&mut self) -> &mut [f32] {
        let from = self.place(self.count);
        self.count += 1;
        &mut self.values[from..from + self.width]
    }

    /// Appends the last row once more.
    pub(super) fn repeat(&mut self) {
        let (last, next) = (self.place(self.count - 1), self.place(self.count));
        self.values.copy_within(last..last + self.width, next);
        self.count += 1;
    }

    /// Index of the first value of row `row` in [`Ring::values`].
    pub(super) fn place(&self, row: usize) -> usize {
        row % self.capacity * self.stride
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[self.place(row)..][..self.width]
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}
