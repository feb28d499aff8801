//! The sums of all pairs of many rows, in f32: what a Gram matrix is made of.
//!
//! Pairs are taken in square blocks, one a thread, and their dimensions in stretches, so that what is being summed stays in the cache; in there a
//! tile of [`HEIGHT`]×[`WIDTH`] pairs stays in registers. The rows on the right are laid out with equal dimensions side by side: each lane is one
//! pair, whose terms are added in an order that depends on nothing but the dimension, so that any width of register gives the same bits.
//!
//! **Error.** [`GROUP`] terms, [`RUN`] groups and [`STRETCH`]/[`RUN`] runs are summed in f32, the rest in f64: with u = 2⁻²⁴ a sum is wrong by at most
//! `(2 + 8 + 8)u Σ_d |t| ≈ 1.1·10⁻⁶ Σ_d |t|`, the rounding to f32 at the end included, and by what [`Single::four`] adds.

use std::ops::Range;

use multiversion::multiversion;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Rows of a tile.
const HEIGHT: usize = 4;
/// Columns of a tile: two registers of 16 lanes.
const WIDTH: usize = 32;
/// Dimensions whose terms are added before they reach the sum.
pub(super) const GROUP: usize = 4;
/// Groups summed before they reach the stretch's sum.
const RUN: usize = 8;
/// Groups summed in f32: 256 dimensions.
const STRETCH: usize = 8 * RUN;
/// Rows and columns of a block, multiples of a tile's.
const BLOCK: usize = 256;

/// A sum over dimensions in f32.
pub(super) trait Single {
    /// A power of two that all rows are multiplied by; the terms must be homogeneous of degree 1 where it is not 1.
    fn scale(_rows: &[f32]) -> f32 {
        1.0
    }

    /// What a (scaled) value is replaced by once, before it meets all others. Missing dimensions are prepared zeros, whose terms must be 0 but for rounding.
    #[inline(always)]
    fn prepare(value: f32) -> f32 {
        value
    }

    /// The sum of four dimensions' terms.
    fn four(x: [f32; GROUP], z: [f32; GROUP]) -> f32;
}

/// The largest of non-negative values, 0 of none.
pub(super) fn largest(values: &[f32]) -> f32 {
    values.par_chunks(1 << 16).map(largest_of).reduce(|| 0.0, f32::max)
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn largest_of(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 64];
    let (chunks, rest) = values.as_chunks::<64>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(0.0, |largest, &value| largest.max(value))
}

/// The sums of all pairs of `rows` (n×D) in f32, n×n; symmetric to the bit.
pub(super) fn pairs<T: Single>(rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let rows = rows.as_standard_layout();
    let (count, dimensions) = rows.dim();
    let rows = Rows { values: rows.as_slice().expect("standard layout"), dimensions };
    let scale = T::scale(rows.values);
    in_blocks(count, |top, left| rows.block::<T>(scale, top, left))
}

/// A symmetric n×n matrix by the blocks on and below its diagonal: `block` gives one row by row; above the diagonal it may be anything.
pub(super) fn in_blocks(n: usize, block: impl Fn(Range<usize>, Range<usize>) -> Vec<f32> + Sync) -> Array2<f32> {
    let side = |number: usize| number * BLOCK..n.min((number + 1) * BLOCK);
    let count = n.div_ceil(BLOCK);
    let mut places: Vec<(Range<usize>, Range<usize>)> =
        (0..count).flat_map(|i| (0..=i).map(move |j| (side(i), side(j)))).collect();
    // Half a block is left to do on the diagonal: last, so that threads finish together.
    places.sort_by_key(|(top, left)| top == left);
    let compute = |(top, left): &(Range<usize>, Range<usize>)| block(top.clone(), left.clone());
    let blocks: Vec<Vec<f32>> = places.par_iter().with_max_len(1).map(compute).collect();
    let mut matrix = vec![0.0f32; n * n];
    matrix.par_chunks_mut((BLOCK * n).max(1)).enumerate().for_each(|(band, matrix)| {
        for ((top, left), block) in places.iter().zip(&blocks) {
            let below = block.chunks_exact(left.len());
            if *top == side(band) {
                for (to, from) in matrix.chunks_exact_mut(n).zip(below.clone()) {
                    to[left.clone()].copy_from_slice(from);
                }
            }
            if *left == side(band) {
                for (row, from) in below.enumerate() {
                    let above = if top == left { row } else { left.len() };
                    for (column, &value) in from[..above].iter().enumerate() {
                        matrix[column * n + top.start + row] = value;
                    }
                }
            }
        }
    });
    Array2::from_shape_vec((n, n), matrix).expect("n rows of n")
}

/// Histograms, row by row.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    dimensions: usize,
}

impl Rows<'_> {
    /// The sums of the rows `top` with the rows `left`, row by row.
    fn block<T: Single>(self, scale: f32, top: Range<usize>, left: Range<usize>) -> Vec<f32> {
        let nothing = T::prepare(0.0);
        let (tiles, panels) = (top.len().div_ceil(HEIGHT), left.len().div_ceil(WIDTH));
        let mut rows = vec![[[nothing; GROUP]; STRETCH]; tiles * HEIGHT];
        let mut panel = vec![[[nothing; WIDTH]; GROUP]; STRETCH];
        let mut sums = vec![[[0.0f64; WIDTH]; HEIGHT]; tiles * panels];
        for first in (0..self.dimensions).step_by(STRETCH * GROUP) {
            let last = (first + STRETCH * GROUP).min(self.dimensions);
            let groups = (last - first).div_ceil(GROUP);
            let stretch = |row: usize| &self.values[row * self.dimensions + first..row * self.dimensions + last];
            for (row, number) in rows.iter_mut().zip(top.clone()) {
                let row = row.as_flattened_mut();
                for (to, &value) in row.iter_mut().zip(stretch(number)) {
                    *to = T::prepare(value * scale);
                }
                row[last - first..].fill(nothing);
            }
            for (number, sums) in sums.chunks_exact_mut(tiles).enumerate() {
                let first_column = left.start + number * WIDTH;
                let columns = panel.as_flattened_mut();
                for (lane, column) in (first_column..left.end).take(WIDTH).enumerate() {
                    for (to, &value) in columns.iter_mut().zip(stretch(column)) {
                        to[lane] = T::prepare(value * scale);
                    }
                }
                columns[last - first..].fill([nothing; WIDTH]);
                for (number, (sums, rows)) in sums.iter_mut().zip(rows.as_chunks::<HEIGHT>().0).enumerate() {
                    // What lies above the diagonal is the mirror of what lies below.
                    if top.start + (number + 1) * HEIGHT > first_column {
                        tile::<T>(rows.each_ref().map(|row| &row[..groups]), &panel[..groups], sums);
                    }
                }
            }
        }
        let mut block = vec![0.0; top.len() * left.len()];
        for (number, sums) in sums.chunks_exact(tiles).enumerate() {
            for (to, sums) in block.chunks_exact_mut(left.len()).zip(sums.as_flattened()) {
                for (to, sum) in to[number * WIDTH..].iter_mut().zip(sums) {
                    *to = (sum / f64::from(scale)) as f32;
                }
            }
        }
        block
    }
}

/// `sums_ij += Σ_d t(rows_i,d , panel_d,j)` over a stretch.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn tile<T: Single>(
    rows: [&[[f32; GROUP]]; HEIGHT],
    panel: &[[[f32; WIDTH]; GROUP]],
    sums: &mut [[f64; WIDTH]; HEIGHT],
) {
    let mut stretch = [[0.0f32; WIDTH]; HEIGHT];
    for (run, panel) in panel.chunks(RUN).enumerate() {
        let first = run * RUN;
        let run = run_sums::<T>(rows.map(|row| &row[first..first + panel.len()]), panel);
        for (sum, run) in stretch.as_flattened_mut().iter_mut().zip(run.as_flattened()) {
            *sum += run;
        }
    }
    for (sum, stretch) in sums.as_flattened_mut().iter_mut().zip(stretch.as_flattened()) {
        *sum += f64::from(*stretch);
    }
}

/// The rows come as separate slices and not as one array: else the compiler takes the rows of one column for the lanes.
#[inline(always)]
fn run_sums<T: Single>(rows: [&[[f32; GROUP]]; HEIGHT], panel: &[[[f32; WIDTH]; GROUP]]) -> [[f32; WIDTH]; HEIGHT] {
    let mut sums = [[0.0f32; WIDTH]; HEIGHT];
    let [a, b, c, d] = &mut sums;
    let [x_a, x_b, x_c, x_d] = rows;
    for ((((z, x_a), x_b), x_c), x_d) in panel.iter().zip(x_a).zip(x_b).zip(x_c).zip(x_d) {
        add_group::<T>(a, *x_a, z);
        add_group::<T>(b, *x_b, z);
        add_group::<T>(c, *x_c, z);
        add_group::<T>(d, *x_d, z);
    }
    sums
}

#[inline(always)]
fn add_group<T: Single>(sums: &mut [f32; WIDTH], x: [f32; GROUP], z: &[[f32; WIDTH]; GROUP]) {
    for lane in 0..WIDTH {
        sums[lane] += T::four(x, [z[0][lane], z[1][lane], z[2][lane], z[3][lane]]);
    }
}

/// What is added to every value where sums of values are divided by: 2⁻³⁰ of a scale on which the largest value is at least [`SCALED`], so that
/// nothing is divided by 0, and products of four such sums neither vanish nor overflow.
pub(super) const LIFT: f32 = 1.0 / (1u32 << 30) as f32;
/// 2¹⁷.
const SCALED: f32 = (1u32 << 17) as f32;

/// The power of two that brings the largest of the values to [2¹⁷, 2¹⁸).
pub(super) fn scale_for_quotients(rows: &[f32]) -> f32 {
    let largest = largest(rows);
    // A number without its mantissa is the power of two below it.
    let power = f32::from_bits(largest.to_bits() & 0x7f80_0000);
    let scale = SCALED / power;
    if scale.is_normal() { scale } else { 1.0 }
}

/// `Σ n_g/s_g` over four dimensions by one division, the slowest of all operations.
#[inline(always)]
pub(super) fn quotients(n: [f32; GROUP], s: [f32; GROUP]) -> f32 {
    let (first, second) = (n[0] * s[1] + n[1] * s[0], n[2] * s[3] + n[3] * s[2]);
    let (below_first, below_second) = (s[0] * s[1], s[2] * s[3]);
    (first * below_second + second * below_first) / (below_first * below_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    /// The double loop by `term`, in sizes about those of tiles and blocks, with missing words and values of any magnitude.
    #[test]
    fn sums_of_pairs_equal_the_double_loop() {
        let mut random = crate::numeric::random::stream(7, "pairs");
        let shapes = (0..70).map(|dimensions| (5, dimensions)).chain([(33, 1030), (258, 9), (1, 3), (0, 4), (65, 255)]);
        for (number, (n, dimensions)) in shapes.enumerate() {
            let magnitude = [1.0, 1e-3, 3e4][number % 3];
            let rows = Array2::from_shape_fn((n, dimensions), |_| {
                let value: f32 = random.random();
                if value < 0.3 { 0.0 } else { magnitude * (value - 0.3).powi(4) }
            });
            for &kind in KernelKind::ALL {
                let terms = kind.with_width(1.0).terms();
                let found = terms.pairs(rows.view());
                assert_eq!(found.dim(), (n, n));
                let largest = f64::from(largest(rows.as_slice().unwrap()));
                for ((i, j), &value) in found.indexed_iter() {
                    let each = rows.row(i).into_iter().zip(rows.row(j));
                    let expected: f64 = each.map(|(&x, &z)| terms.term(f64::from(x), f64::from(z))).sum();
                    let allowed = 2.5e-6 * expected.abs() + dimensions as f64 * 1e-13 * largest;
                    let difference = (f64::from(value) - expected).abs();
                    assert!(difference <= allowed, "{kind} {n}×{dimensions}: {value} instead of {expected}");
                    assert_eq!(value.to_bits(), found[(j, i)].to_bits());
                }
            }
        }
    }

    /// Equal rows have no distance, and what lies below every other value does not become infinite.
    #[test]
    fn the_ends_of_the_range_stay_finite() {
        for largest in [f32::MIN_POSITIVE / 8.0, 1e-30, 1.0, 1e30] {
            let rows = Array2::from_shape_fn((3, 9), |(i, d)| if (i + d) % 2 == 0 { largest } else { 0.0 });
            for &kind in KernelKind::ALL {
                let terms = kind.with_width(1.0).terms();
                if terms.term(f64::from(largest), 0.0) > 1e30
                    || terms.term(f64::from(largest), f64::from(largest)) > 1e30
                {
                    continue;
                }
                let found = terms.pairs(rows.view());
                assert!(found.iter().all(|value| value.is_finite()), "{kind} {largest}: {found}");
                if kind.has_width() {
                    assert_eq!(found[(0, 2)], 0.0, "{kind}");
                }
            }
        }
    }
}
