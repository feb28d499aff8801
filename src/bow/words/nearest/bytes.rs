//! The filter by products of bytes.
//!
//! Words and features are moved so that the words' mean μ lies at 0, which changes no distance, and rounded to bytes:
//! `v − μ = t_v r_v + ε_v` with |r| ≤ 127 and `l − μ = s_l q_l + δ_l` alike. Up to the feature's own norm the distance is
//!
//! `‖v − μ‖² − 2 (l − μ)·(v − μ) = ‖v − μ‖² − 2 s_l t_v q_l·r_v ± 2 (‖δ_l‖ ‖v − μ‖ + ‖s_l q_l‖ ‖ε_v‖)`
//!
//! by Cauchy and Schwarz, and `q_l·r_v` is a product of whole numbers. A word whose lower bound lies above the k-th smallest
//! upper bound, and above what single precision can blur, is none of the k nearest.

use macro_rules_attribute::apply;
use ndarray::Array2;

use super::{LANES, Survivors, WORDS_PER_STRETCH};
use crate::numeric::byte_products::{ByteProducts, COLUMNS, Quad, ROWS};
use crate::numeric::simd::avx512;

/// Number of bounds that are kept at once: they stay in the cache until they are read again.
const BOUNDS_AT_ONCE: usize = 1 << 16;
// A tile's bounds are a stretch.
const _: () = assert!(COLUMNS == WORDS_PER_STRETCH);
/// Values a feature may have: the sums of their products stay below 2³¹.
const LARGEST_WIDTH: usize = 1 << 16;

/// Words rounded to bytes.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
    products: ByteProducts,
    /// P rounded up to quads.
    quads: usize,
    /// μ, filled up with 0 to whole lanes, as rows are.
    centre: Vec<f32>,
    /// Tile by tile, its quads.
    words: Vec<Quad>,
    constants: Vec<Tile>,
    largest_norm: f32,
}

/// What is known of a tile's words; fillers are infinitely far away.
#[derive(Debug, Clone)]
struct Tile {
    /// −128 Σ_d r: rows are shifted by 128 to have no sign.
    shift: [i32; COLUMNS],
    /// t.
    scale: [f32; COLUMNS],
    /// ‖v − μ‖².
    square: [f32; COLUMNS],
    /// ‖v − μ‖.
    norm: [f32; COLUMNS],
    /// ‖ε‖.
    error: [f32; COLUMNS],
}

/// A feature rounded to bytes.
#[derive(Default, Clone, Copy)]
struct Row {
    /// s.
    scale: f32,
    /// ‖δ‖, or a little more.
    error: f32,
    /// Upper bound of ‖l − μ‖ and ‖s q‖.
    norm: f32,
}

impl Bytes {
    /// Rounds the K×P `words`, if the processor multiplies bytes and they are not too long.
    pub(super) fn new(words: &Array2<f32>) -> Option<Self> {
        let (count, width) = words.dim();
        let products = ByteProducts::detect().filter(|_| (1..LARGEST_WIDTH).contains(&width))?;
        let quads = width.div_ceil(4);
        let mut centre = vec![0.0f32; width.next_multiple_of(LANES)];
        for (d, mean) in centre.iter_mut().enumerate().take(width) {
            *mean = (words.column(d).iter().map(|&value| f64::from(value)).sum::<f64>() / count as f64) as f32;
        }
        let tiles = count.div_ceil(COLUMNS);
        let mut bytes = vec![Quad::ZERO; tiles * quads];
        let filler = Tile {
            shift: [0; COLUMNS],
            scale: [0.0; COLUMNS],
            square: [f32::INFINITY; COLUMNS],
            norm: [0.0; COLUMNS],
            error: [0.0; COLUMNS],
        };
        let mut constants = vec![filler; tiles];
        let mut largest_norm = 0.0f32;
        for (index, word) in words.rows().into_iter().enumerate() {
            let (tile, column) = (index / COLUMNS, index % COLUMNS);
            let moved: Vec<f64> = word.iter().zip(&centre).map(|(v, mean)| f64::from(*v) - f64::from(*mean)).collect();
            let largest = moved.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            let scale = if largest > 0.0 { (largest / 127.0) as f32 } else { 1.0 };
            let (mut sum, mut square, mut error) = (0, 0.0, 0.0);
            for (d, value) in moved.into_iter().enumerate() {
                let rounded = (value / f64::from(scale)).round().clamp(-127.0, 127.0);
                bytes[tile * quads + d / 4].set(column, d % 4, rounded as i8);
                sum += rounded as i32;
                square += value * value;
                error += (value - rounded * f64::from(scale)).powi(2);
            }
            let tile = &mut constants[tile];
            tile.shift[column] = -128 * sum;
            tile.scale[column] = scale;
            tile.square[column] = square as f32;
            tile.norm[column] = square.sqrt() as f32;
            tile.error[column] = error.sqrt() as f32;
            largest_norm = largest_norm.max(tile.norm[column]);
        }
        Some(Self { products, quads, centre, words: bytes, constants, largest_norm })
    }

    /// Calls `found(row, words)` for every row of `descriptors` (row by row, P values each) with the words that may be among its `k` nearest.
    pub(super) fn filter(&self, descriptors: &[f32], width: usize, k: usize, found: &mut dyn FnMut(usize, &[u32])) {
        let tiles = self.constants.len();
        let groups = (BOUNDS_AT_ONCE / (tiles * COLUMNS * ROWS)).clamp(1, 8);
        let mut lower = vec![[[0.0f32; COLUMNS]; ROWS]; groups * tiles];
        let mut error_bounds = vec![[0.0f32; COLUMNS]; tiles];
        let mut starts = vec![[0.0f32; COLUMNS]; tiles];
        let mut bytes = vec![[0u32; ROWS]; groups * self.quads];
        let mut min_upper = vec![[[0.0f32; LANES]; ROWS]; groups];
        let mut rows = vec![Row::default(); groups * ROWS];
        let mut padded = vec![0.0f32; self.centre.len()];
        let mut survivors = Survivors::default();
        for (number, descriptors) in descriptors.chunks(groups * ROWS * width).enumerate() {
            let (mut error, mut norm) = (0.0f32, 0.0f32);
            for (index, descriptor) in descriptors.chunks_exact(width).enumerate() {
                padded[..width].copy_from_slice(descriptor);
                padded[width..].fill(0.0);
                let group = &mut bytes[index / ROWS * self.quads..][..self.quads];
                rows[index] = round(&mut padded, &self.centre, index % ROWS, group);
                error = error.max(rows[index].error);
                norm = norm.max(rows[index].norm);
            }
            for ((tile, starts), error_bounds) in self.constants.iter().zip(&mut starts).zip(&mut error_bounds) {
                bound_errors(tile, error, norm, starts, error_bounds);
            }
            let present = descriptors.len() / width;
            min_upper.fill([[f32::INFINITY; LANES]; ROWS]);
            let mut sums = [[0; COLUMNS]; ROWS];
            for (index, tile) in self.constants.iter().enumerate() {
                let words = &self.words[index * self.quads..][..self.quads];
                for group in 0..present.div_ceil(ROWS) {
                    let bytes = &bytes[group * self.quads..][..self.quads];
                    self.products.multiply(bytes, words, &tile.shift, &mut sums);
                    let lower = &mut lower[group * tiles + index];
                    let factors = std::array::from_fn(|row| 2.0 * rows[group * ROWS + row].scale);
                    let words =
                        TileBounds { scales: &tile.scale, starts: &starts[index], error_bounds: &error_bounds[index] };
                    bound(&sums, &factors, words, lower, &mut min_upper[group]);
                }
            }
            for (row, rounded) in rows[..present].iter().enumerate() {
                let (group, place) = (row / ROWS, row % ROWS);
                let slack = self.slack(width, rounded.norm);
                let lower = lower[group * tiles..][..tiles].iter().map(|tile| tile[place].as_slice());
                let error_bounds = error_bounds.as_flattened();
                found(
                    number * groups * ROWS + row,
                    survivors.select(lower, error_bounds, &mut min_upper[group][place], k, slack),
                );
            }
        }
    }

    /// What rounding in single precision may blur: the bounds' own, and that of the two distances which decide in the end.
    ///
    /// With u = 2⁻²⁴ the bounds are off by a few u of `‖v − μ‖² + 2 ‖l − μ‖ ‖v − μ‖`; a squared distance errs by at most
    /// `(P + 4) u` of itself (Higham 2002, section 3.1), which is at most `(‖l − μ‖ + ‖v − μ‖)²`.
    fn slack(&self, width: usize, norm: f32) -> f32 {
        let unit = f32::EPSILON / 2.0;
        let farthest = (norm + self.largest_norm) * (norm + self.largest_norm);
        (16.0 + 2.01 * (width + 6) as f32) * unit * farthest
    }
}

/// The bound for features with ‖δ‖ ≤ `error` and ‖s q‖ ≤ `norm`: ‖v − μ‖² less the bound, and twice the bound.
#[apply(avx512!)]
fn bound_errors(tile: &Tile, error: f32, norm: f32, starts: &mut [f32; COLUMNS], error_bounds: &mut [f32; COLUMNS]) {
    for column in 0..COLUMNS {
        // A little more than the bound, for the rounding of its own factors.
        let bound = 2.001 * (error * tile.norm[column] + norm * tile.error[column]);
        starts[column] = tile.square[column] - bound;
        error_bounds[column] = 2.0 * bound;
    }
}

/// Rounds a feature, filled up to whole lanes, to bytes and writes them to place `place` of each quad.
#[apply(avx512!)]
fn round(row: &mut [f32], centre: &[f32], place: usize, quads: &mut [[u32; ROWS]]) -> Row {
    // Adding and taking away 1.5·2²³ rounds to whole numbers, which then stand in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    let (rows, centres) = (row.as_chunks_mut::<LANES>().0, centre.as_chunks::<LANES>().0);
    let mut largest = [0.0f32; LANES];
    for (row, centre) in rows.iter_mut().zip(centres) {
        for lane in 0..LANES {
            row[lane] -= centre[lane];
            let size = row[lane].abs();
            largest[lane] = if size > largest[lane] { size } else { largest[lane] };
        }
    }
    let largest = largest.into_iter().fold(0.0f32, f32::max);
    let scale = if largest > f32::MIN_POSITIVE * 1e6 { largest / 127.0 } else { 1.0 };
    let inverse = 1.0 / scale;
    let (mut errors, mut squares) = ([0.0f32; LANES], [0.0f32; LANES]);
    let mut targets = quads.iter_mut();
    for row in rows.iter() {
        let mut bytes = [0u8; LANES];
        for lane in 0..LANES {
            let shifted = row[lane] * inverse + WHOLE;
            bytes[lane] = (shifted.to_bits().wrapping_add(128) & 0xff) as u8;
            let error = row[lane] - (shifted - WHOLE) * scale;
            errors[lane] += error * error;
            squares[lane] += row[lane] * row[lane];
        }
        for (four, target) in bytes.as_chunks::<4>().0.iter().zip(&mut targets) {
            target[place] = u32::from_le_bytes(*four);
        }
    }
    let norm = squares.iter().sum::<f32>().sqrt();
    let error = errors.iter().sum::<f32>().sqrt();
    // Rounding of the sums and of the differences themselves, generously.
    let error = 1.001 * error + 1e-6 * norm;
    Row { scale, error, norm: 1.001 * norm + error }
}

/// What the bounds of a tile's words are made of, beside the products.
#[derive(Clone, Copy)]
struct TileBounds<'a> {
    /// t.
    scales: &'a [f32; COLUMNS],
    starts: &'a [f32; COLUMNS],
    error_bounds: &'a [f32; COLUMNS],
}

/// Lower bounds `starts − factor · t · sums` of a group of rows and a tile; the smallest upper bound of each lane goes to `min_upper`.
#[apply(avx512!)]
fn bound(
    sums: &[[i32; COLUMNS]; ROWS],
    factors: &[f32; ROWS],
    TileBounds { scales, starts, error_bounds }: TileBounds<'_>,
    lower: &mut [[f32; COLUMNS]; ROWS],
    min_upper: &mut [[f32; LANES]; ROWS],
) {
    for row in 0..ROWS {
        let (sums, lower) = (&sums[row], &mut lower[row]);
        // A copy, so that it stays in a register.
        let mut smallest = min_upper[row];
        for part in 0..COLUMNS / LANES {
            for (lane, smallest) in smallest.iter_mut().enumerate() {
                let column = part * LANES + lane;
                let bound = starts[column] - sums[column] as f32 * factors[row] * scales[column];
                lower[column] = bound;
                let upper = bound + error_bounds[column];
                *smallest = if upper < *smallest { upper } else { *smallest };
            }
        }
        min_upper[row] = smallest;
    }
}
