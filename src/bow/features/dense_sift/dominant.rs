//! Descriptors turned to the dominant orientation: the same sums with the bins turned, pixel by pixel.
//!
//! With d = p − c the pixel's offset from the descriptor's centre c, θ the gradient's angle on grey and μ its modulus:
//!
//! 1. a histogram of 36 orientations, bin k centred on 2πk/36, over the pixels with |d| < 2s, each adding wμ, shared linearly between the two
//!    nearest bins; w = 1 (flat window) or exp(−½|d|²/(ω s)²) (Gaussian window);
//! 2. six times, every bin becomes the mean of itself and its two neighbours;
//! 3. its largest bin k, the lower index if several are equal, and the vertex k + δ of the parabola through it and its neighbours,
//!    `δ = ½(h₋ − h₊)/(h₋ − 2h₀ + h₊)`, 0 if the three are equal, give φ = 2π(k + δ)/36;
//! 4. h as in the upright descriptor with d turned by −φ, `(u, v) = (d_x cos φ + d_y sin φ, d_y cos φ − d_x sin φ)`, and θ − φ in place of θ:
//!    `h(b_x, b_y, t) = Σ_p ω_bx ω_by Λ(u − δ_bx) Λ(v − δ_by) P_t(p)`, the window's factors along the turned axes.
//!
//! All planes are turned by grey's φ. Gradients continue beyond the border by their border value, so that φ = 0 gives the upright descriptor.
//!
//! Source: Lowe 2004, on a dense grid.

use std::collections::VecDeque;

use ndarray::Array2;

use super::gradients::{Gradients, smoothing_reach};
use super::{BINS, Descriptors, ORIENTATIONS, WIDTH, WINDOW_SIZE, Window, window_mean};
use crate::bow::features::grid::{Grid, Level, Position};
use crate::picture::Rectangle;

/// Orientations among which the dominant one is looked for.
const DIRECTIONS: usize = 36;
/// Rounds of smoothing their histogram.
const ROUNDS: usize = 6;
/// Cells along an axis: between the centres of neighbouring bins, and half outside at each end.
const CELLS: usize = BINS + 1;

/// Hands the descriptors of one level to `descriptors`; the first plane is grey.
pub(super) fn extract_level(
    planes: &[Array2<f32>],
    grid: &Grid,
    level: &Level,
    window: Window,
    descriptors: &mut Descriptors<'_>,
) {
    let frame = Frame::new(level.size, window);
    let mut planes: Vec<Rows<'_>> = planes.iter().map(|plane| Rows::new(plane, level.size, frame.reach())).collect();
    let mut histograms = vec![[0.0f32; WIDTH]; planes.len()];
    let empty = [[[0.0; 4]; ORIENTATIONS]; CELLS * CELLS];
    let mut sums = Sums { cells: vec![empty; planes.len()], shares: Vec::new() };
    for row in 0..level.rows {
        let y = frame.middle(level.offset + grid.step * row);
        for plane in &mut planes {
            plane.move_to(y + frame.first, y + frame.last);
        }
        for column in 0..level.columns {
            let middle = (frame.middle(level.offset + grid.step * column), y);
            let direction = frame.dominant(&planes[0], middle);
            frame.accumulate(&planes, middle, direction, &mut sums);
            for (cells, h) in sums.cells.iter().zip(&mut histograms) {
                frame.read(cells, h);
            }
            descriptors.push(level.first + row * level.columns + column, level.size, &mut histograms);
        }
        descriptors.end_row();
    }
}

/// The pixels that can change the descriptor at `position`, however it is turned: those closer to the centre than 2.5√2 s in x and in y,
/// and what gradients (1) and smoothing (w) read beyond them, clipped.
pub(super) fn receptive_field(grid: &Grid, position: Position) -> Rectangle {
    let frame = Frame::new(position.size, Window::Flat);
    let beyond = 1 + smoothing_reach(position.size) as i64;
    let side = |first_bin: usize, length: usize| {
        let middle = frame.middle(first_bin);
        let end = (middle + frame.last + beyond + 1).min(length as i64);
        ((middle + frame.first - beyond).max(0) as u32, end as u32)
    };
    let ((x0, x1), (y0, y1)) = (side(position.x, grid.width), side(position.y, grid.height));
    Rectangle { x0, y0, x1, y1 }
}

/// What all features of a bin size share. Pixels are numbered from the middle m = ⌊c⌋; d = number − ½ if s is odd, else number.
struct Frame {
    size: usize,
    /// Numbers of the first and the last pixel that turned bins can reach.
    first: i64,
    last: i64,
    /// d of the pixels from the first to the last.
    offsets: Vec<f32>,
    /// The Gaussian window along an axis, a value an offset; 1 if the window is flat.
    gaussian: Vec<f32>,
    /// Factor of bin b.
    means: [f32; BINS],
}

impl Frame {
    fn new(size: usize, window: Window) -> Self {
        let s = size as f64;
        let half = if size % 2 == 1 { 0.5 } else { 0.0 };
        let reach = 2.5 * std::f64::consts::SQRT_2 * s;
        let (first, last) = ((half - reach).ceil() as i64, (half + reach).floor() as i64);
        let offsets = (first..=last).map(|number| number as f64 - half);
        let weight = |d: f64| match window {
            Window::Flat => 1.0,
            Window::Gaussian => (-0.5 * (d / (WINDOW_SIZE * s)).powi(2)).exp(),
        };
        Self {
            size,
            first,
            last,
            gaussian: offsets.clone().map(|d| weight(d) as f32).collect(),
            offsets: offsets.map(|d| d as f32).collect(),
            means: std::array::from_fn(|bin| match window {
                Window::Flat => window_mean(size, bin),
                Window::Gaussian => 1.0,
            }),
        }
    }

    /// m = ⌊c⌋ of the descriptor whose first bin's centre is `first_bin`, along an axis.
    fn middle(&self, first_bin: usize) -> i64 {
        (first_bin + 3 * self.size / 2) as i64
    }

    /// How far beyond the middle pixels are read.
    fn reach(&self) -> usize {
        self.last.max(-self.first) as usize
    }

    /// φ in 36ths of a turn, 0…36.
    fn dominant(&self, grey: &Rows<'_>, (x, y): (i64, i64)) -> f32 {
        let mut histogram = [0.0f32; DIRECTIONS];
        let radius = (2 * self.size) as f32;
        for (j, &dy) in self.offsets.iter().enumerate() {
            let square = radius * radius - dy * dy;
            if square <= 0.0 {
                continue;
            }
            let (modulus, orientation) = grey.row(y + self.first + j as i64, x + self.first, self.offsets.len());
            for (i, &dx) in self.offsets.iter().enumerate() {
                if dx * dx < square {
                    let direction = orientation[i] * (DIRECTIONS as f32 / ORIENTATIONS as f32);
                    let bin = direction as u8;
                    let rest = direction - f32::from(bin);
                    let bin = usize::from(bin);
                    let value = self.gaussian[i] * self.gaussian[j] * modulus[i];
                    histogram[bin % DIRECTIONS] += (1.0 - rest) * value;
                    histogram[(bin + 1) % DIRECTIONS] += rest * value;
                }
            }
        }
        for _ in 0..ROUNDS {
            let before = histogram;
            for (k, value) in histogram.iter_mut().enumerate() {
                let neighbours = before[(k + DIRECTIONS - 1) % DIRECTIONS] + before[(k + 1) % DIRECTIONS];
                *value = (before[k] + neighbours) / 3.0;
            }
        }
        vertex(&histogram)
    }

    /// The raw sums of all planes at the descriptor with middle (x, y), turned by `direction` 36ths of a turn.
    fn accumulate(&self, planes: &[Rows<'_>], (x, y): (i64, i64), direction: f32, sums: &mut Sums) {
        sums.cells.as_flattened_mut().fill([[0.0; 4]; ORIENTATIONS]);
        let size = self.size as f32;
        let (sin, cos) = (f64::from(direction) * std::f64::consts::TAU / DIRECTIONS as f64).sin_cos();
        // Per bin: how u and v grow with d_x and d_y.
        let (sin, cos) = (sin as f32 / size, cos as f32 / size);
        let turn = direction * (ORIENTATIONS as f32 / DIRECTIONS as f32);
        let end = CELLS as f32;
        for (j, &dy) in self.offsets.iter().enumerate() {
            // u and v count from the centre of the bin before the first; what lies beyond the bin after the last is outside.
            let (u0, v0) = (sin * dy + end / 2.0, cos * dy + end / 2.0);
            let (first, last) = self.inside((u0, cos), (v0, -sin));
            sums.shares.clear();
            for i in first..last {
                let (u, v) = (u0 + cos * self.offsets[i], v0 - sin * self.offsets[i]);
                if u > 0.0 && u < end && v > 0.0 && v < end {
                    let (column, row) = (u as u8, v as u8);
                    let (right, down) = (u - f32::from(column), v - f32::from(row));
                    let window = self.gaussian[i] * self.gaussian[j];
                    let (above, below) = (window * (1.0 - down), window * down);
                    let weights = [(1.0 - right) * above, right * above, (1.0 - right) * below, right * below];
                    sums.shares.push(Share { pixel: i, cell: usize::from(column) + CELLS * usize::from(row), weights });
                }
            }
            for (plane, cells) in planes.iter().zip(&mut sums.cells) {
                let row = plane.row(y + self.first + j as i64, x + self.first, self.offsets.len());
                add_row(row, turn, &sums.shares, cells);
            }
        }
    }

    /// A run of a row's pixels that holds all with `0 < start + slope·d_x < CELLS` for both lines, and perhaps some more.
    fn inside(&self, u: (f32, f32), v: (f32, f32)) -> (usize, usize) {
        let (mut first, mut last) = (0.0f32, self.offsets.len() as f32);
        for (start, slope) in [u, v] {
            let ends = [-start / slope, (CELLS as f32 - start) / slope].map(|d| d - self.offsets[0]);
            // Along a row that runs beside the border the ends are no numbers, which min and max pass over.
            first = first.max(ends[0].min(ends[1]).floor() - 1.0);
            last = last.min(ends[0].max(ends[1]).ceil() + 2.0);
        }
        (first as usize, last as usize)
    }

    /// Adds up what the four cells around each bin hold for it, and applies the window's factors.
    fn read(&self, cells: &Cells, h: &mut [f32; WIDTH]) {
        for (place, values) in h.as_chunks_mut::<ORIENTATIONS>().0.iter_mut().enumerate() {
            let (bx, by) = (place % BINS, place / BINS);
            let factor = self.means[bx] * self.means[by];
            let upper_left = bx + CELLS * by;
            let around = [upper_left, upper_left + 1, upper_left + CELLS, upper_left + CELLS + 1].map(|c| &cells[c]);
            for (t, value) in values.iter_mut().enumerate() {
                *value = factor * (around[0][t][3] + around[1][t][2] + around[2][t][1] + around[3][t][0]);
            }
        }
    }
}

/// What a pixel gives to the four bins at the corners of its cell: upper left, upper right, lower left, lower right.
struct Share {
    pixel: usize,
    cell: usize,
    weights: [f32; 4],
}

/// Per cell and orientation what the bins at its four corners get.
type Cells = [[[f32; 4]; ORIENTATIONS]; CELLS * CELLS];

/// The sums of every plane, and room for a row's shares.
struct Sums {
    cells: Vec<Cells>,
    shares: Vec<Share>,
}

/// Adds a row's pixels to their cells.
fn add_row((modulus, orientation): (&[f32], &[f32]), turn: f32, shares: &[Share], cells: &mut Cells) {
    for &Share { pixel, cell, weights } in shares {
        let turned = orientation[pixel] - turn;
        let turned = if turned < 0.0 { turned + ORIENTATIONS as f32 } else { turned };
        // Small integers: conversions to them are cheap.
        let t = turned as u8;
        let rest = turned - f32::from(t);
        let t = usize::from(t);
        let cell = &mut cells[cell];
        for (t, value) in [(t, (1.0 - rest) * modulus[pixel]), (t + 1, rest * modulus[pixel])] {
            for (corner, weight) in cell[t % ORIENTATIONS].iter_mut().zip(weights) {
                *corner += weight * value;
            }
        }
    }
}

/// Where the parabola through the largest value and its neighbours has its vertex, 0…36.
fn vertex(histogram: &[f32; DIRECTIONS]) -> f32 {
    let mut largest = 0;
    for (k, value) in histogram.iter().enumerate() {
        if *value > histogram[largest] {
            largest = k;
        }
    }
    let before = histogram[(largest + DIRECTIONS - 1) % DIRECTIONS];
    let after = histogram[(largest + 1) % DIRECTIONS];
    let bend = before - 2.0 * histogram[largest] + after;
    let shift = if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 };
    let direction = largest as f32 + shift;
    if direction < 0.0 { direction + DIRECTIONS as f32 } else { direction }
}

/// The rows of gradients around the current features, continued beyond left and right border.
struct Rows<'a> {
    gradients: Gradients<'a>,
    width: usize,
    height: i64,
    margin: usize,
    /// Modulus and orientation, `first` is the first row's number.
    rows: VecDeque<(Vec<f32>, Vec<f32>)>,
    first: i64,
}

impl<'a> Rows<'a> {
    fn new(plane: &'a Array2<f32>, size: usize, margin: usize) -> Self {
        let gradients = Gradients::new(plane, size);
        let (height, width) = plane.dim();
        Self { gradients, width, height: height as i64, margin, rows: VecDeque::new(), first: 0 }
    }

    /// Makes ready the rows from `first` to `last`, which must not be before those of the last call.
    fn move_to(&mut self, first: i64, last: i64) {
        let (first, last) = (first.clamp(0, self.height - 1), last.clamp(0, self.height - 1));
        while self.first + (self.rows.len() as i64) <= last {
            let row = self.gradients.advance();
            let (from, to) = (self.margin, self.margin + self.width);
            let (mut modulus, mut orientation) = (vec![0.0; to + self.margin], vec![0.0; to + self.margin]);
            row.polar(&mut modulus[from..to], &mut orientation[from..to]);
            for values in [&mut modulus, &mut orientation] {
                let (left, right) = (values[from], values[to - 1]);
                values[..from].fill(left);
                values[to..].fill(right);
            }
            self.rows.push_back((modulus, orientation));
        }
        while self.first < first && self.rows.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Modulus and orientation of `count` pixels of row `y`, from column `x` on.
    fn row(&self, y: i64, x: i64, count: usize) -> (&[f32], &[f32]) {
        let (modulus, orientation) = &self.rows[(y.clamp(0, self.height - 1) - self.first) as usize];
        let from = (x + self.margin as i64) as usize;
        (&modulus[from..from + count], &orientation[from..from + count])
    }
}
