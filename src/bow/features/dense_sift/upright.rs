//! Upright descriptors: the separable sums, row by row.
//!
//! A plane is walked once per size: a row of its gradients is added to every bin row that it touches and then forgotten, so
//! the memory is a few rows a plane whatever the picture's height, and no sum depends on where a strip begins.

use std::collections::VecDeque;

use multiversion::multiversion;
use ndarray::Array2;

use super::gradients::{Gradients, smoothing_reach};
use super::{BINS, Descriptors, ORIENTATIONS, WIDTH, Window, gaussian_window, window_mean};
use crate::bow::features::grid::{Grid, Level, Position};
use crate::dataset::Rectangle;
use crate::numeric::lanes::add_scaled;

/// Hands the descriptors of one level to `descriptors`; `planes` are walked side by side.
pub(super) fn extract_level(
    planes: &[Array2<f32>],
    grid: &Grid,
    level: &Level,
    window: Window,
    descriptors: &mut Descriptors<'_>,
) {
    let axis_x = Axis::new(level, level.columns, grid.step, grid.width, window);
    let axis_y = Axis::new(level, level.rows, grid.step, grid.height, window);
    let mut sums: Vec<BinRows<'_>> = planes.iter().map(|plane| BinRows::new(plane, level.size)).collect();
    let mut histograms = vec![[0.0f32; WIDTH]; planes.len()];
    let mut next_row = 0;
    for y in 0..grid.height {
        for plane in &mut sums {
            plane.add_row(y, &axis_x, &axis_y);
        }
        while next_row < level.rows && sums.iter().all(|plane| plane.hold(&axis_y.bins[next_row])) {
            for column in 0..level.columns {
                for (plane, h) in sums.iter().zip(&mut histograms) {
                    let bin_rows = plane.read(&axis_y.bins[next_row]);
                    assemble(&bin_rows, &axis_y.means, &axis_x.bins[column], &axis_x.means, h);
                }
                descriptors.push(level.first + next_row * level.columns + column, level.size, &mut histograms);
            }
            descriptors.end_row();
            next_row += 1;
            if let Some(&needed) = axis_y.bins.get(next_row).and_then(|bins| bins.iter().min()) {
                for plane in &mut sums {
                    plane.release(needed);
                }
            }
        }
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

/// The rows of one plane's spatial bins, as far as they are summed and needed.
struct BinRows<'a> {
    gradients: Gradients<'a>,
    /// The orientation planes of the current row.
    row: Vec<f32>,
    /// Bin rows being summed: taps are sorted by centre, so those that touch a row are a run of neighbours.
    open: VecDeque<Vec<f32>>,
    first_open: usize,
    next_tap: usize,
    /// Bin rows filtered along x, kept until the last grid row that reads them is out.
    sampled: VecDeque<Vec<f32>>,
    first_sampled: usize,
    spare: Vec<Vec<f32>>,
}

impl<'a> BinRows<'a> {
    fn new(plane: &'a Array2<f32>, size: usize) -> Self {
        Self {
            gradients: Gradients::new(plane, size),
            row: vec![0.0f32; plane.ncols() * ORIENTATIONS],
            open: VecDeque::new(),
            first_open: 0,
            next_tap: 0,
            sampled: VecDeque::new(),
            first_sampled: 0,
            spare: Vec::new(),
        }
    }

    /// Adds row `y`, which is the next, to the bin rows that it touches.
    fn add_row(&mut self, y: usize, axis_x: &Axis, axis_y: &Axis) {
        self.gradients.advance().spread(&mut self.row);
        while axis_y.taps.get(self.next_tap).is_some_and(|tap| tap.first <= y) {
            let mut sum = self.spare.pop().unwrap_or_default();
            sum.clear();
            sum.resize(self.row.len(), 0.0);
            self.open.push_back(sum);
            self.next_tap += 1;
        }
        for (sum, tap) in self.open.iter_mut().zip(&axis_y.taps[self.first_open..self.next_tap]) {
            // The run can hold taps that ended already beside a longer neighbour clipped at the border.
            if let Some(&weight) = tap.weights.get(y - tap.first) {
                add_scaled(sum, weight, &self.row);
            }
        }
        while self.first_open < self.next_tap {
            let tap = &axis_y.taps[self.first_open];
            if tap.first + tap.weights.len() > y + 1 {
                break;
            }
            let Some(sum) = self.open.pop_front() else { break };
            let mut filtered = vec![0.0f32; axis_x.taps.len() * ORIENTATIONS];
            filter_along_x(&sum, &axis_x.taps, &mut filtered);
            self.sampled.push_back(filtered);
            self.spare.push(sum);
            self.first_open += 1;
        }
    }

    /// Whether the bin rows of these taps are complete.
    fn hold(&self, bins: &[usize; BINS]) -> bool {
        bins.iter().all(|&tap| tap < self.first_open)
    }

    fn read(&self, bins: &[usize; BINS]) -> [&[f32]; BINS] {
        bins.map(|tap| self.sampled[tap - self.first_sampled].as_slice())
    }

    /// Forgets the bin rows before tap `needed`.
    fn release(&mut self, needed: usize) {
        while self.first_sampled < needed && self.sampled.pop_front().is_some() {
            self.first_sampled += 1;
        }
    }
}

/// One kernel placed on one axis: the pixels it reads and their weights, what falls outside added to the border pixel.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

/// The bin centres of one axis: which distinct (centre, kernel) pairs exist, and which of them each grid index uses.
struct Axis {
    taps: Vec<Tap>,
    /// `bins[i][b]` = index into `taps` for grid index i and bin b.
    bins: Vec<[usize; BINS]>,
    /// Factor of bin b.
    means: [f32; BINS],
}

impl Axis {
    fn new(level: &Level, count: usize, step: usize, length: usize, window: Window) -> Self {
        let size = level.size as i64;
        let kernel = |bin: usize, u: i64| -> f64 {
            let triangle = 1.0 - u.unsigned_abs() as f64 / size as f64;
            triangle
                * match window {
                    Window::Flat => 1.0,
                    Window::Gaussian => gaussian_window(level.size, bin, u),
                }
        };
        let mut places: Vec<(usize, usize)> = Vec::new();
        for i in 0..count {
            for bin in 0..BINS {
                let centre = level.offset + step * i + bin * level.size;
                places.push((centre, if window == Window::Flat { 0 } else { bin }));
            }
        }
        let wanted = places.clone();
        places.sort_unstable();
        places.dedup();
        let taps = places
            .iter()
            .map(|&(centre, bin)| {
                let (low, high) = (centre as i64 - (size - 1), centre as i64 + (size - 1));
                let (first, last) = (low.max(0), high.min(length as i64 - 1));
                let mut weights = vec![0.0f64; (last - first + 1) as usize];
                for p in low..=high {
                    weights[(p.clamp(first, last) - first) as usize] += kernel(bin, centre as i64 - p);
                }
                Tap { first: first as usize, weights: weights.into_iter().map(|weight| weight as f32).collect() }
            })
            .collect();
        let mut bins = vec![[0; BINS]; count];
        for (index, place) in wanted.iter().enumerate() {
            bins[index / BINS][index % BINS] = places.partition_point(|other| other < place);
        }
        let means = std::array::from_fn(|bin| match window {
            Window::Flat => window_mean(level.size, bin),
            Window::Gaussian => 1.0,
        });
        Self { taps, bins, means }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn filter_along_x(row: &[f32], taps: &[Tap], out: &mut [f32]) {
    let pixels = row.as_chunks::<ORIENTATIONS>().0;
    for (tap, target) in taps.iter().zip(out.as_chunks_mut::<ORIENTATIONS>().0) {
        let mut sum = [0.0f32; ORIENTATIONS];
        for (weight, pixel) in tap.weights.iter().zip(&pixels[tap.first..]) {
            for t in 0..ORIENTATIONS {
                sum[t] += weight * pixel[t];
            }
        }
        *target = sum;
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn assemble(
    bin_rows: &[&[f32]; BINS],
    means_y: &[f32; BINS],
    columns: &[usize; BINS],
    means_x: &[f32; BINS],
    h: &mut [f32; WIDTH],
) {
    for (by, row) in bin_rows.iter().enumerate() {
        let bins = row.as_chunks::<ORIENTATIONS>().0;
        for bx in 0..BINS {
            let factor = means_x[bx] * means_y[by];
            let source = &bins[columns[bx]];
            for t in 0..ORIENTATIONS {
                h[t + ORIENTATIONS * (bx + BINS * by)] = factor * source[t];
            }
        }
    }
}
