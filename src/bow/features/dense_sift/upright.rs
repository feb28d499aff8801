//! Upright descriptors: the separable sums, row by row.
//!
//! A plane is walked once per size. Each row of its gradients is filtered along x, only where bins are; the last few filtered
//! rows are kept, and a row of features is summed along y as soon as its last row is there. The memory is a few
//! rows a plane whatever the picture's height, and no sum depends on where a strip begins.

use ndarray::Array2;

use super::flat::Flat;
use super::gaussian::Gaussian;
use super::gradients::{Gradients, RUN, smoothing_reach};
use super::{BINS, Descriptors, ORIENTATIONS, Window};
use crate::bow::features::grid::{Grid, Level, Position};
use crate::numeric::aligned::Aligned;
use crate::picture::Rectangle;

/// Hands the descriptors of one level to `descriptors`; `planes` are walked side by side.
pub(super) fn extract_level(
    planes: &[Array2<f32>],
    grid: &Grid,
    level: &Level,
    window: Window,
    descriptors: &mut Descriptors<'_>,
) {
    match window {
        Window::Flat => walk::<Flat>(planes, grid, level, descriptors),
        Window::Gaussian => walk::<Gaussian>(planes, grid, level, descriptors),
    }
}

/// The pixels that can change the descriptor at `position`: columns `x₀ − s − w … x₀ + 4s + w`, rows alike, clipped.
pub(super) fn receptive_field(grid: &Grid, position: Position) -> Rectangle {
    let reach = smoothing_reach(position.size);
    let (before, after) = (position.size + reach, 4 * position.size + reach + 1);
    Rectangle {
        x0: position.x.saturating_sub(before) as u32,
        y0: position.y.saturating_sub(before) as u32,
        x1: (position.x + after).min(grid.width) as u32,
        y1: (position.y + after).min(grid.height) as u32,
    }
}

/// The sums over spatial bins of one plane, for one window.
///
/// Rows and columns are counted from the first that a bin reaches, s − 1 before the first bin's centre, perhaps outside the picture.
pub(super) trait Sums: Sized {
    fn new(level: &Level, step: usize, rootsift: bool) -> Self;

    /// Columns that are read of a row, some perhaps without effect.
    fn columns_read(&self) -> usize;

    /// Filters the next row of the orientation planes along x and keeps it as long as it is needed.
    fn add_row(&mut self, pixels: &[f32]);

    /// Adds the last row once more.
    fn repeat_row(&mut self);

    /// Whether row `row` of the features can be described.
    fn complete(&self, row: usize) -> bool;

    /// Describes row `row`, whose first feature has number `first`; the first plane is grey.
    fn describe(planes: &mut [Self], row: usize, first: usize, descriptors: &mut Descriptors<'_>);
}

fn walk<S: Sums>(planes: &[Array2<f32>], grid: &Grid, level: &Level, descriptors: &mut Descriptors<'_>) {
    let start = level.offset as i64 - (level.size as i64 - 1);
    let rows_read = (grid.step * (level.rows - 1) + (BINS + 1) * level.size - 1) as i64;
    let rootsift = descriptors.rule.rootsift;
    let mut sums: Vec<S> = planes.iter().map(|_| S::new(level, grid.step, rootsift)).collect();
    let pixels = |sums: &S| Pixels::new(grid.width, start, sums.columns_read());
    let mut sources: Vec<(Gradients<'_>, Pixels)> =
        planes.iter().zip(&sums).map(|(plane, sums)| (Gradients::new(plane, level.size), pixels(sums))).collect();
    let mut next = 0;
    for y in start..start + rows_read {
        // Beyond the border its row counts again.
        let y = y.clamp(0, grid.height as i64 - 1) as usize;
        for ((gradients, pixels), sums) in sources.iter_mut().zip(&mut sums) {
            while gradients.next() < y {
                gradients.advance();
            }
            if gradients.next() == y {
                sums.add_row(pixels.fill(|inside| gradients.advance().spread(inside)));
            } else {
                sums.repeat_row();
            }
        }
        while next < level.rows && sums[0].complete(next) {
            S::describe(&mut sums, next, level.first + next * level.columns, descriptors);
            descriptors.end_row();
            next += 1;
        }
    }
}

/// A row of orientation planes, pixel by pixel, continued beyond its ends by their values.
struct Pixels {
    values: Aligned,
    /// Pixels before the picture's first.
    before: usize,
    width: usize,
    /// The first that is read.
    first: usize,
}

impl Pixels {
    /// Of rows with `width` pixels, `count` from pixel `start` on, which can be negative.
    fn new(width: usize, start: i64, count: usize) -> Self {
        // The first to be read, one of a pair, shall begin a cache line.
        let odd = start.max(0) as usize % 2;
        let before = (-start).max(0) as usize + odd;
        let first = start.max(0) as usize + odd;
        let length = (before + width.next_multiple_of(RUN)).max(first + count);
        Self { values: Aligned::zeros(length * ORIENTATIONS), before, width, first }
    }

    /// Has the pixels inside written, in full runs, and gives those to read.
    fn fill(&mut self, write: impl FnOnce(&mut [[f32; ORIENTATIONS]])) -> &[f32] {
        let pixels = self.values.as_chunks_mut::<ORIENTATIONS>().0;
        let end = self.before + self.width;
        write(&mut pixels[self.before..]);
        let (left, right) = (pixels[self.before], pixels[end - 1]);
        pixels[..self.before].fill(left);
        pixels[end..].fill(right);
        &self.values[self.first * ORIENTATIONS..]
    }
}

/// The last rows of many that come one by one.
pub(super) struct Ring {
    values: Aligned,
    width: usize,
    /// From a row to the next: an odd number of cache lines, so that rows do not compete for the same places in the cache.
    stride: usize,
    capacity: usize,
    count: usize,
}

impl Ring {
    pub(super) fn new(width: usize, capacity: usize) -> Self {
        let stride = 16 * (width.div_ceil(16) | 1);
        Self { values: Aligned::zeros(stride * capacity), width, stride, capacity, count: 0 }
    }

    /// Rows that came.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The row that comes next, to be written.
    pub(super) fn add(&mut self) -> &mut [f32] {
        let from = self.place(self.count);
        self.count += 1;
        &mut self.values[from..from + self.width]
    }

    /// The last row comes once more.
    pub(super) fn repeat(&mut self) {
        let (last, next) = (self.place(self.count - 1), self.place(self.count));
        self.values.copy_within(last..last + self.width, next);
        self.count += 1;
    }

    /// Where row `row` begins in the values.
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
