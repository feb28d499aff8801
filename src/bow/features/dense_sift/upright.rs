//! Upright descriptors: the separable sums, row by row.
//!
//! A plane is walked once per size. Each row of its gradients is filtered along x, only where bins are; the last few filtered
//! rows are kept, and a row of features is summed along y as soon as its last row is there. The memory is a few
//! rows a plane whatever the picture's height, and no sum depends on where a strip begins.

use ndarray::Array2;

use super::flat::Flat;
use super::gaussian::Gaussian;
use super::gradients::{Gradients, PIXELS_PER_RUN, smoothing_reach};
use super::sums::Sums;
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
        // Beyond the border, the row at the border is repeated.
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
    /// Prepares rows of `width` pixels, of which `count` are read from pixel `start` on; it may be negative.
    fn new(width: usize, start: i64, count: usize) -> Self {
        // The first pixel to be read begins a cache line, which holds two.
        let odd = start.max(0) as usize % 2;
        let before = (-start).max(0) as usize + odd;
        let first = start.max(0) as usize + odd;
        let length = (before + width.next_multiple_of(PIXELS_PER_RUN)).max(first + count);
        Self { values: Aligned::zeros(length * ORIENTATIONS), before, width, first }
    }

    /// Has `write` fill the pixels of the row, in whole runs, and returns those to read.
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
