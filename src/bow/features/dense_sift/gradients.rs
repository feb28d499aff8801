//! From a plane to its gradients: smoothed and derived row by row, as the rows are asked for.

use macro_rules_attribute::apply;
use ndarray::Array2;

use super::ORIENTATIONS;
use crate::numeric::simd::avx512_fma;

/// w = ⌈4σ⌉, σ = s/6: how far the smoothing for bin size s reaches, in pixels.
pub(super) fn smoothing_reach(size: usize) -> usize {
    (2 * size).div_ceil(3)
}

/// `exp(−x²/2σ²)` at 0…w, divided by the sum over −w…w.
fn smoothing_kernel(size: usize) -> Vec<f32> {
    let sigma = size as f64 / 6.0;
    let values: Vec<f64> = (0..=smoothing_reach(size)).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * values.iter().sum::<f64>() - values[0];
    values.into_iter().map(|value| (value / sum) as f32).collect()
}

/// Computes smoothed rows on demand.
struct Smoother<'a> {
    plane: &'a Array2<f32>,
    /// The kernel's middle and its right half.
    kernel: Vec<f32>,
    /// A row smoothed along y, continued beyond its ends.
    padded: Vec<f32>,
    /// Where the two values begin that share a weight of the kernel: in the plane, and in `padded`.
    rows: Vec<[usize; 2]>,
    columns: Vec<[usize; 2]>,
}

impl<'a> Smoother<'a> {
    fn new(plane: &'a Array2<f32>, size: usize) -> Self {
        let half = smoothing_reach(size);
        Self {
            plane,
            kernel: smoothing_kernel(size),
            padded: vec![0.0; plane.ncols() + 2 * half],
            rows: vec![[0; 2]; half + 1],
            columns: (0..=half).map(|j| [half - j, half + j]).collect(),
        }
    }

    fn row(&mut self, y: usize, out: &mut [f32]) {
        let (height, width) = self.plane.dim();
        let half = self.kernel.len() - 1;
        for (j, place) in self.rows.iter_mut().enumerate() {
            *place = [y.saturating_sub(j) * width, (y + j).min(height - 1) * width];
        }
        let plane = self.plane.as_slice().expect("planes are stored row by row");
        fold(&self.kernel, plane, &self.rows, &mut self.padded[half..half + width]);
        let (left, right) = (self.padded[half], self.padded[half + width - 1]);
        self.padded[..half].fill(left);
        self.padded[half + width..].fill(right);
        fold(&self.kernel, &self.padded, &self.columns, out);
    }
}

/// `out_x = k_0 a_0(x) + Σ_{j>0} k_j (a_j(x) + b_j(x))`, where `a_j` and `b_j` begin at the two `places[j]` of `source`.
#[apply(avx512_fma!)]
fn fold(kernel: &[f32], source: &[f32], places: &[[usize; 2]], out: &mut [f32]) {
    const BLOCK: usize = 64;
    let width = out.len();
    if width < BLOCK {
        for x in 0..width {
            fold_block::<1>(kernel, source, places, x, out);
        }
        return;
    }
    for block in 0..width.div_ceil(BLOCK) {
        // The last block begins earlier and computes some values twice.
        fold_block::<BLOCK>(kernel, source, places, (block * BLOCK).min(width - BLOCK), out);
    }
}

#[inline(always)]
fn fold_block<const N: usize>(kernel: &[f32], source: &[f32], places: &[[usize; 2]], x: usize, out: &mut [f32]) {
    let mut sum = [0.0f32; N];
    let middle = &source[places[0][0] + x..][..N];
    for i in 0..N {
        sum[i] = kernel[0] * middle[i];
    }
    for (weight, place) in kernel.iter().zip(places).skip(1) {
        let (before, after) = (&source[place[0] + x..][..N], &source[place[1] + x..][..N]);
        for i in 0..N {
            sum[i] = (before[i] + after[i]).mul_add(*weight, sum[i]);
        }
    }
    out[x..][..N].copy_from_slice(&sum);
}

/// The gradients of a plane, smoothed for one bin size, row by row from the first.
pub(super) struct Gradients<'a> {
    smoother: Smoother<'a>,
    /// Three smoothed rows around the current one; above the first and below the last there is none.
    rows: [Vec<f32>; 3],
    next: usize,
    row: GradientRow,
}

impl<'a> Gradients<'a> {
    pub(super) fn new(plane: &'a Array2<f32>, size: usize) -> Self {
        let (height, width) = plane.dim();
        let mut smoother = Smoother::new(plane, size);
        let mut rows = [vec![0.0f32; width], vec![0.0f32; width], vec![0.0f32; width]];
        smoother.row(0, &mut rows[1]);
        if height > 1 {
            smoother.row(1, &mut rows[2]);
        }
        let row = || vec![0.0; width.next_multiple_of(PIXELS_PER_RUN)];
        Self { smoother, rows, next: 0, row: GradientRow { width, dx: row(), dy: row() } }
    }

    /// The number of the next row.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// The next row; there are as many as the plane has.
    pub(super) fn advance(&mut self) -> &GradientRow {
        let (y, height) = (self.next, self.smoother.plane.nrows());
        if y > 0 {
            self.rows.rotate_left(1);
            if y + 1 < height {
                self.smoother.row(y + 1, &mut self.rows[2]);
            }
        }
        let above = if y > 0 { &self.rows[0] } else { &self.rows[1] };
        let below = if y + 1 < height { &self.rows[2] } else { &self.rows[1] };
        let scale = if y > 0 && y + 1 < height { 0.5 } else { 1.0 };
        self.row.derive(&self.rows[1], above, below, scale);
        self.next += 1;
        &self.row
    }
}

/// One row of gradients, filled up by zeros to full runs.
pub(super) struct GradientRow {
    width: usize,
    dx: Vec<f32>,
    dy: Vec<f32>,
}

impl GradientRow {
    fn derive(&mut self, row: &[f32], above: &[f32], below: &[f32], scale: f32) {
        let width = self.width;
        differences(below, above, scale, &mut self.dy);
        if width > 2 {
            differences(&row[2..], &row[..width - 2], 0.5, &mut self.dx[1..width - 1]);
        }
        if width > 1 {
            self.dx[0] = row[1] - row[0];
            self.dx[width - 1] = row[width - 1] - row[width - 2];
        }
    }

    /// The row as modulus μ and orientation in bins ν = 8θ/2π.
    pub(super) fn polar(&self, modulus: &mut [f32], orientation: &mut [f32]) {
        polar(&self.dx[..self.width], &self.dy[..self.width], modulus, orientation);
    }

    /// The row's orientation planes, pixel by pixel: (1−ρ)μ to plane ⌊ν⌋, ρμ to the next, else 0. Full runs are written.
    pub(super) fn spread(&self, pixels: &mut [[f32; ORIENTATIONS]]) {
        spread(&self.dx, &self.dy, pixels);
    }
}

/// `out = (a − b) scale`.
#[apply(avx512_fma!)]
fn differences(a: &[f32], b: &[f32], scale: f32, out: &mut [f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = (a - b) * scale;
    }
}

#[apply(avx512_fma!)]
fn polar(dx: &[f32], dy: &[f32], modulus: &mut [f32], orientation: &mut [f32]) {
    for (((&gx, &gy), m), nu) in dx.iter().zip(dy).zip(modulus).zip(orientation) {
        *m = gx.mul_add(gx, gy * gy).sqrt();
        *nu = orientation_in_bins(gy, gx);
    }
}

/// Pixels that are spread over the orientations at a time.
pub(super) const PIXELS_PER_RUN: usize = 64;

/// The two bins of each octant, in the order of [`spread`]: 1 where they are, else 0.
const PLACES: [[f32; ORIENTATIONS]; 8] = {
    let bins = [[0, 1], [2, 1], [4, 3], [2, 3], [0, 7], [6, 7], [4, 5], [6, 5]];
    let mut places = [[0.0; ORIENTATIONS]; 8];
    let mut octant = 0;
    while octant < 8 {
        places[octant][bins[octant][0]] = 1.0;
        places[octant][bins[octant][1]] = 1.0;
        octant += 1;
    }
    places
};

/// An octant lies between an axis and a diagonal, the centres of its two bins: the axis has an even bin, the diagonal an odd one.
#[apply(avx512_fma!)]
fn spread(dx: &[f32], dy: &[f32], pixels: &mut [[f32; ORIENTATIONS]]) {
    let (mut shares, mut octants) = ([[0.0f32; 2]; PIXELS_PER_RUN], [0u32; PIXELS_PER_RUN]);
    let runs = dx.as_chunks::<PIXELS_PER_RUN>().0.iter().zip(dy.as_chunks::<PIXELS_PER_RUN>().0);
    for ((dx, dy), pixels) in runs.zip(pixels.as_chunks_mut::<PIXELS_PER_RUN>().0) {
        for i in 0..PIXELS_PER_RUN {
            let (x, y) = (dx[i], dy[i]);
            let modulus = x.mul_add(x, y * y).sqrt();
            let share = first_octant(y, x).min(1.0);
            shares[i] = [(1.0 - share) * modulus, share * modulus];
            let steep = u32::from(x.abs() < y.abs());
            octants[i] = steep + 2 * u32::from(x < 0.0) + 4 * u32::from(y < 0.0);
        }
        for i in 0..PIXELS_PER_RUN {
            let place = PLACES[octants[i] as usize];
            let mut pixel = [0.0; ORIENTATIONS];
            for t in 0..ORIENTATIONS {
                pixel[t] = shares[i][t % 2] * place[t];
            }
            pixels[i] = pixel;
        }
    }
}

/// `atan2(y, x) · 8/2π` in 0…8, without branches; 0 at the origin. By symmetry from the first octant.
#[inline(always)]
pub(super) fn orientation_in_bins(y: f32, x: f32) -> f32 {
    let mut nu = first_octant(y, x);
    nu = if x.abs() < y.abs() { 2.0 - nu } else { nu };
    nu = if x < 0.0 { 4.0 - nu } else { nu };
    if y < 0.0 { 8.0 - nu } else { nu }
}

/// The angle between (x, y) and the nearest axis, in 8ths of a turn: 0…1, but for rounding; 0 at the origin.
///
/// An odd polynomial of degree 15, fitted to 4/π·atan by minimax (own fit, error 5e-8 before rounding). Not the
/// library's `atan2`, whose last bit differs between systems.
#[inline(always)]
fn first_octant(y: f32, x: f32) -> f32 {
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
        polynomial = polynomial.mul_add(square, COEFFICIENTS[k]);
    }
    polynomial * a
}
