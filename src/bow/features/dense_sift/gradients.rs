//! From a plane to its gradients: smoothed and derived row by row, as the rows are asked for.

use multiversion::multiversion;
use ndarray::Array2;

use super::ORIENTATIONS;
use crate::numeric::lanes::add_scaled;

/// w = ⌈4σ⌉, σ = s/6: how far the smoothing for bin size s reaches, in pixels.
pub(super) fn smoothing_reach(size: usize) -> usize {
    (2 * size).div_ceil(3)
}

/// `exp(−x²/2σ²)` at −w…w, divided by its sum.
fn smoothing_kernel(size: usize) -> Vec<f32> {
    let sigma = size as f64 / 6.0;
    let half = smoothing_reach(size) as i64;
    let values: Vec<f64> = (-half..=half).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = values.iter().sum();
    values.into_iter().map(|value| (value / sum) as f32).collect()
}

/// Computes smoothed rows on demand; rows must be asked for in increasing order.
struct Smoother<'a> {
    plane: &'a Array2<f32>,
    kernel: Vec<f32>,
    padded: Vec<f32>,
}

impl Smoother<'_> {
    fn row(&mut self, y: usize, out: &mut [f32]) {
        let half = self.kernel.len() / 2;
        let width = self.plane.ncols();
        let last = self.plane.nrows() - 1;
        let middle = &mut self.padded[half..half + width];
        middle.fill(0.0);
        for (j, &weight) in self.kernel.iter().enumerate() {
            let source = (y + j).saturating_sub(half).min(last);
            add_scaled(middle, weight, self.plane.row(source).to_slice().expect("planes are stored row by row"));
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

/// The gradients of a plane, smoothed for one bin size, row by row from the first.
pub(super) struct Gradients<'a> {
    smoother: Smoother<'a>,
    /// Three smoothed rows around the current one; above the first and below the last there is none.
    rows: [Vec<f32>; 3],
    next: usize,
    height: usize,
    row: GradientRow,
}

impl<'a> Gradients<'a> {
    pub(super) fn new(plane: &'a Array2<f32>, size: usize) -> Self {
        let (height, width) = plane.dim();
        let kernel = smoothing_kernel(size);
        let mut smoother = Smoother { plane, padded: vec![0.0; width + kernel.len() - 1], kernel };
        let mut rows = [vec![0.0f32; width], vec![0.0f32; width], vec![0.0f32; width]];
        smoother.row(0, &mut rows[1]);
        if height > 1 {
            smoother.row(1, &mut rows[2]);
        }
        Self { smoother, rows, next: 0, height, row: GradientRow::new(width) }
    }

    /// The next row; there are as many as the plane has.
    pub(super) fn advance(&mut self) -> &GradientRow {
        let (y, height) = (self.next, self.height);
        if y > 0 {
            self.rows.rotate_left(1);
            if y + 1 < height {
                self.smoother.row(y + 1, &mut self.rows[2]);
            }
        }
        let above = if y > 0 { &self.rows[0] } else { &self.rows[1] };
        let below = if y + 1 < height { &self.rows[2] } else { &self.rows[1] };
        let scale = if y > 0 && y + 1 < height { 0.5 } else { 1.0 };
        self.row.compute(&self.rows[1], above, below, scale);
        self.next += 1;
        &self.row
    }
}

/// One row of gradients as modulus μ and orientation in bins ν = 8θ/2π.
pub(super) struct GradientRow {
    dx: Vec<f32>,
    dy: Vec<f32>,
    pub(super) modulus: Vec<f32>,
    pub(super) orientation: Vec<f32>,
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
    pub(super) fn spread(&self, planes: &mut [f32]) {
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
pub(super) fn orientation_in_bins(y: f32, x: f32) -> f32 {
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
