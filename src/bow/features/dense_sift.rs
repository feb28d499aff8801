//! Dense SIFT, flat or Gaussian window: histograms of gradient orientations on a dense grid.
//!
//! Per bin size s: smooth the grey picture by a Gaussian of σ = s/6, cut at ⌈4σ⌉, take gradients (central differences,
//! one-sided at the border), spread each pixel's modulus over the two nearest of 8 orientations, and read
//!
//! `h(b_x, b_y, t) = Σ_p κ_bx(X − p_x) κ_by(Y − p_y) P_t(p)`
//!
//! at the 4×4 bin centres. With the Gaussian window `κ_b(u) = Λ(u) exp(−½((u − δ_b)/(ω s))²)`, `Λ(u) = 1 − |u|/s`,
//! `δ_b = s(b − 1.5)`, ω = 1.5. With the flat window κ_b = Λ times the mean of that exponential over |u| < s. Planes continue beyond
//! the border by their border value. Dimension `t + 8·(b_x + 4·b_y)`; L2, clamp at 0.2, L2.
//!
//! The picture is walked once per size, row by row: a plane row is added to every bin row that it touches and then
//! forgotten, so the memory is a few rows whatever the picture's height, and no sum depends on where a strip begins.
//!
//! Source: Lowe 2004; the PHOW scheme of VLFeat (Vedaldi & Fulkerson 2010), computed without its approximations.

use multiversion::multiversion;
use ndarray::{Array2, ArrayView2};

use super::grid::{Grid, Level, Position};
use super::{Strip, ZeroRule};
use crate::dataset::Rectangle;
use crate::numeric::lanes::{self, add_scaled};

/// Spatial bins along an axis.
const BINS: usize = 4;
/// Orientations.
const ORIENTATIONS: usize = 8;
/// Values of a descriptor.
pub const WIDTH: usize = BINS * BINS * ORIENTATIONS;
/// Gaussian window's σ in bins.
const WINDOW_SIZE: f64 = 1.5;
/// Features with less mass have the zero descriptor.
const CONTRAST_THRESHOLD: f64 = 0.005;
/// Features a strip holds at least, but for the last one: enough rows for a matrix product.
const STRIP: usize = 256;

crate::closed_set! {
    /// How the pixels of a spatial bin are weighted.
    pub enum Window as "window" {
        /// Triangles, scaled by the window's mean over each bin.
        Flat = "flat",
        /// Triangles times a Gaussian about the descriptor's centre.
        Gaussian = "gaussian",
    }
}

/// Extracts all kept features of `grey` (H×W, values in 0…1) in order, in strips.
pub fn extract(
    grey: &Array2<f32>,
    grid: &Grid,
    window: Window,
    zero: ZeroRule,
    rootsift: bool,
    sink: &mut dyn FnMut(Strip<'_>),
) {
    let mut strip = StripBuilder { numbers: Vec::new(), values: Vec::new(), zero, rootsift, sink };
    for level in &grid.levels {
        if level.columns > 0 {
            extract_level(grey, grid, level, window, &mut strip);
        }
    }
    strip.flush();
}

struct StripBuilder<'a> {
    numbers: Vec<u32>,
    values: Vec<f32>,
    zero: ZeroRule,
    rootsift: bool,
    sink: &'a mut dyn FnMut(Strip<'_>),
}

impl StripBuilder<'_> {
    /// Applies contrast rule, normalisation and options to the raw histogram `h` of feature `number` with bin size `size`.
    fn push(&mut self, number: usize, size: usize, h: &mut [f32; WIDTH]) {
        let span = (3 * size + 1) as f64;
        let mass = lanes::sum(h) / (span * span);
        if mass < CONTRAST_THRESHOLD {
            match self.zero {
                ZeroRule::Drop => return,
                ZeroRule::Keep => h.fill(0.0),
            }
        } else {
            normalise(h);
            for value in h.iter_mut() {
                *value = value.min(0.2);
            }
            normalise(h);
            if self.rootsift {
                super::rootsift::apply(h);
            }
        }
        self.numbers.push(number as u32);
        self.values.extend_from_slice(h);
    }

    fn flush_if_full(&mut self) {
        if self.numbers.len() >= STRIP {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.numbers.is_empty() {
            return;
        }
        let descriptors =
            ArrayView2::from_shape((self.numbers.len(), WIDTH), &self.values).expect("one descriptor a number");
        (self.sink)(Strip { numbers: &self.numbers, descriptors });
        self.numbers.clear();
        self.values.clear();
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn normalise(h: &mut [f32; WIDTH]) {
    let mut lanes = [0.0f32; 16];
    for chunk in h.as_chunks::<16>().0 {
        for lane in 0..16 {
            lanes[lane] += chunk[lane] * chunk[lane];
        }
    }
    let norm = lanes.iter().sum::<f32>().sqrt();
    if norm > 0.0 {
        for value in h.iter_mut() {
            *value /= norm;
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
            Window::Flat => {
                let sum: f64 = (1 - size..size).map(|u| gaussian_window(level.size, bin, u)).sum();
                (sum / (2 * size - 1) as f64) as f32
            }
            Window::Gaussian => 1.0,
        });
        Self { taps, bins, means }
    }
}

/// `exp(−½((u − δ_b)/(ω s))²)`.
fn gaussian_window(size: usize, bin: usize, u: i64) -> f64 {
    let z = (u as f64 - size as f64 * (bin as f64 - 1.5)) / (WINDOW_SIZE * size as f64);
    (-0.5 * z * z).exp()
}

/// `exp(−x²/2σ²)` at −w…w, w = ⌈4σ⌉, σ = s/6, divided by its sum.
fn smoothing_kernel(size: usize) -> Vec<f32> {
    let sigma = size as f64 / 6.0;
    let half = (2 * size).div_ceil(3) as i64;
    let values: Vec<f64> = (-half..=half).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = values.iter().sum();
    values.into_iter().map(|value| (value / sum) as f32).collect()
}

/// The pixels that can change the descriptor at `position`: columns `x₀ − s − w … x₀ + 4s + w`, rows alike, clipped.
pub fn receptive_field(grid: &Grid, position: Position) -> Rectangle {
    let reach = smoothing_kernel(position.size).len() / 2;
    let (before, after) = (position.size + reach, 4 * position.size + reach + 1);
    Rectangle {
        x0: position.x.saturating_sub(before) as u32,
        y0: position.y.saturating_sub(before) as u32,
        x1: (position.x + after).min(grid.width) as u32,
        y1: (position.y + after).min(grid.height) as u32,
    }
}

/// Computes smoothed rows on demand; rows must be asked for in increasing order.
struct Smoother<'a> {
    grey: &'a Array2<f32>,
    kernel: Vec<f32>,
    padded: Vec<f32>,
}

impl Smoother<'_> {
    fn row(&mut self, y: usize, out: &mut [f32]) {
        let half = self.kernel.len() / 2;
        let width = self.grey.ncols();
        let last = self.grey.nrows() - 1;
        let middle = &mut self.padded[half..half + width];
        middle.fill(0.0);
        for (j, &weight) in self.kernel.iter().enumerate() {
            let source = (y + j).saturating_sub(half).min(last);
            add_scaled(middle, weight, self.grey.row(source).to_slice().expect("grey is stored row by row"));
        }
        let (left, right) = (self.padded[half], self.padded[half + width - 1]);
        self.padded[..half].fill(left);
        self.padded[half + width..].fill(right);
        out.fill(0.0);
        for (j, &weight) in self.kernel.iter().enumerate() {
            add_scaled(out, weight, &self.padded[j..j + width]);
        }
    }
}

fn extract_level(grey: &Array2<f32>, grid: &Grid, level: &Level, window: Window, strip: &mut StripBuilder<'_>) {
    let (height, width) = grey.dim();
    let axis_x = Axis::new(level, level.columns, grid.step, width, window);
    let axis_y = Axis::new(level, level.rows, grid.step, height, window);
    let kernel = smoothing_kernel(level.size);
    let mut smoother = Smoother { grey, padded: vec![0.0; width + kernel.len() - 1], kernel };

    // Three smoothed rows around the current one; above the first and below the last there is none.
    let mut rows = [vec![0.0f32; width], vec![0.0f32; width], vec![0.0f32; width]];
    smoother.row(0, &mut rows[1]);
    if height > 1 {
        smoother.row(1, &mut rows[2]);
    }
    let mut gradient = GradientRow::new(width);
    let mut planes = vec![0.0f32; width * ORIENTATIONS];

    // Bin rows being summed: taps are sorted by centre, so those that touch a plane row are a run of neighbours.
    let mut open: std::collections::VecDeque<Vec<f32>> = std::collections::VecDeque::new();
    let mut first_open = 0;
    let mut next_tap = 0;
    // Bin rows filtered along x, kept until the last grid row that reads them is out.
    let mut sampled: std::collections::VecDeque<Vec<f32>> = std::collections::VecDeque::new();
    let mut first_sampled = 0;
    let mut next_row = 0;
    let mut spare: Vec<Vec<f32>> = Vec::new();

    for y in 0..height {
        if y > 0 {
            rows.rotate_left(1);
            if y + 1 < height {
                let (_, tail) = rows.split_at_mut(2);
                smoother.row(y + 1, &mut tail[0]);
            }
        }
        let above = if y > 0 { &rows[0] } else { &rows[1] };
        let below = if y + 1 < height { &rows[2] } else { &rows[1] };
        let scale = if y > 0 && y + 1 < height { 0.5 } else { 1.0 };
        gradient.compute(&rows[1], above, below, scale);
        gradient.spread(&mut planes);

        while axis_y.taps.get(next_tap).is_some_and(|tap| tap.first <= y) {
            let mut sum = spare.pop().unwrap_or_default();
            sum.clear();
            sum.resize(width * ORIENTATIONS, 0.0);
            open.push_back(sum);
            next_tap += 1;
        }
        for (sum, tap) in open.iter_mut().zip(&axis_y.taps[first_open..next_tap]) {
            // The run can hold taps that ended already beside a longer neighbour clipped at the border.
            if let Some(&weight) = tap.weights.get(y - tap.first) {
                add_scaled(sum, weight, &planes);
            }
        }
        while first_open < next_tap {
            let tap = &axis_y.taps[first_open];
            if tap.first + tap.weights.len() > y + 1 {
                break;
            }
            let Some(sum) = open.pop_front() else { break };
            let mut filtered = vec![0.0f32; axis_x.taps.len() * ORIENTATIONS];
            filter_along_x(&sum, &axis_x.taps, &mut filtered);
            sampled.push_back(filtered);
            spare.push(sum);
            first_open += 1;
        }
        while next_row < level.rows && axis_y.bins[next_row].iter().all(|&tap| tap < first_open) {
            let bin_rows: [&[f32]; BINS] = axis_y.bins[next_row].map(|tap| sampled[tap - first_sampled].as_slice());
            for column in 0..level.columns {
                let mut h = [0.0f32; WIDTH];
                assemble(&bin_rows, &axis_y.means, &axis_x.bins[column], &axis_x.means, &mut h);
                strip.push(level.first + next_row * level.columns + column, level.size, &mut h);
            }
            strip.flush_if_full();
            next_row += 1;
            let needed = axis_y.bins[next_row.min(level.rows - 1)].iter().copied().min().unwrap_or(first_sampled);
            while first_sampled < needed && sampled.len() > 1 {
                sampled.pop_front();
                first_sampled += 1;
            }
        }
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

/// One row of gradients as modulus μ and orientation in bins ν = 8θ/2π.
struct GradientRow {
    dx: Vec<f32>,
    dy: Vec<f32>,
    modulus: Vec<f32>,
    orientation: Vec<f32>,
}

impl GradientRow {
    fn new(width: usize) -> Self {
        let row = || vec![0.0; width];
        Self { dx: row(), dy: row(), modulus: row(), orientation: row() }
    }

    fn compute(&mut self, row: &[f32], above: &[f32], below: &[f32], scale: f32) {
        let width = row.len();
        for x in 1..width.saturating_sub(1) {
            self.dx[x] = (row[x + 1] - row[x - 1]) * 0.5;
        }
        if width > 1 {
            self.dx[0] = row[1] - row[0];
            self.dx[width - 1] = row[width - 1] - row[width - 2];
        }
        for ((dy, a), b) in self.dy.iter_mut().zip(above).zip(below) {
            *dy = (b - a) * scale;
        }
        polar(&self.dx, &self.dy, &mut self.modulus, &mut self.orientation);
    }

    /// Writes the 8 orientation planes of the row, pixel by pixel: (1−ρ)μ to plane ⌊ν⌋, ρμ to the next, else 0.
    fn spread(&self, planes: &mut [f32]) {
        for ((pixel, &modulus), &orientation) in
            planes.as_chunks_mut::<ORIENTATIONS>().0.iter_mut().zip(&self.modulus).zip(&self.orientation)
        {
            let bin = orientation as usize;
            let rest = orientation - bin as f32;
            *pixel = [0.0; ORIENTATIONS];
            pixel[bin % ORIENTATIONS] = (1.0 - rest) * modulus;
            pixel[(bin + 1) % ORIENTATIONS] = rest * modulus;
        }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn polar(dx: &[f32], dy: &[f32], modulus: &mut [f32], orientation: &mut [f32]) {
    for (((&gx, &gy), m), nu) in dx.iter().zip(dy).zip(modulus).zip(orientation) {
        *m = (gx * gx + gy * gy).sqrt();
        *nu = orientation_in_bins(gy, gx);
    }
}

/// `atan2(y, x) · 8/2π` in 0…8, without branches; 0 at the origin.
///
/// In the first octant an odd polynomial of degree 15, fitted to 4/π·atan by minimax (own fit, error 5e-8 before
/// rounding); the other octants by symmetry. Not the library's `atan2`, whose last bit differs between systems.
#[inline(always)]
fn orientation_in_bins(y: f32, x: f32) -> f32 {
    const COEFFICIENTS: [f32; 8] = [
        1.273_238_7,
        -0.424_368_98,
        0.253_967_55,
        -0.177_090_17,
        0.122_768_25,
        -0.071_189_76,
        0.027_836_768,
        -0.005_162_431,
    ];
    let (ax, ay) = (x.abs(), y.abs());
    let (small, large) = if ax < ay { (ax, ay) } else { (ay, ax) };
    let a = small / if large > f32::MIN_POSITIVE { large } else { f32::MIN_POSITIVE };
    let square = a * a;
    let mut polynomial = COEFFICIENTS[7];
    for k in (0..7).rev() {
        polynomial = polynomial * square + COEFFICIENTS[k];
    }
    let mut nu = polynomial * a;
    nu = if ax < ay { 2.0 - nu } else { nu };
    nu = if x < 0.0 { 4.0 - nu } else { nu };
    if y < 0.0 { 8.0 - nu } else { nu }
}

#[cfg(test)]
#[path = "dense_sift_tests.rs"]
mod tests;
