//! The sums of many pairs of rows, in f32: for Gram matrices, and for the scores of many pictures.
//!
//! Both shapes are made of strips: all rows of a lot with the [`WIDTH`] points of a panel, in which equal dimensions lie side by side. A tile of
//! [`HEIGHT`]×[`WIDTH`] pairs stays in registers while rows and panel are read from front to back, which caches foresee. Each lane is one pair, whose
//! terms are added in an order that depends on nothing but the dimension: any width of register, and any company, gives the same bits.
//!
//! **Error.** [`GROUP`] terms, [`GROUPS_PER_RUN`] groups and [`GROUPS_PER_STRETCH`]/[`GROUPS_PER_RUN`] runs are summed in f32, the rest in f64: with u = 2⁻²⁴ a sum is wrong by at most
//! `(2 + 8 + 8)u Σ_d |t| ≈ 1.1·10⁻⁶ Σ_d |t|`, a rounding to f32 at the end included, and by what [`Single::group_sum`] adds.

use std::ops::Range;

use macro_rules_attribute::apply;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::Terms;
use crate::numeric;
use crate::numeric::simd::avx512;

/// Rows of a tile.
const HEIGHT: usize = 4;
/// Points of a panel: two registers of 16 lanes.
pub(in crate::bow) const WIDTH: usize = 32;
/// If no more points than this are wanted, half a tile is computed.
const HALF_WIDTH: usize = WIDTH / 2;
/// Dimensions whose terms are added to each other before they are added to the sum.
pub(super) const GROUP: usize = 4;
/// Groups that are summed before they are added to the stretch's sum.
const GROUPS_PER_RUN: usize = 8;
/// Groups summed in f32: 256 dimensions.
const GROUPS_PER_STRETCH: usize = 8 * GROUPS_PER_RUN;
/// Dimensions of a panel: its 256 KiB stay in the second cache.
const DIMENSIONS_PER_PANEL: usize = 8 * GROUPS_PER_STRETCH * GROUP;
/// Points that are written to a panel at a time.
const POINTS_AT_ONCE: usize = 8;
/// Rows of a rectangle that one thread takes: enough that writing the panel hardly costs.
const ROWS_PER_THREAD: usize = 512;

/// The sums of one row with a panel's points.
pub(super) type Lanes = [f64; WIDTH];

/// A stretch of a tile's rows.
type Prepared = [[[f32; GROUP]; GROUPS_PER_STRETCH]; HEIGHT];

/// Rows, and the points of a panel that each is paired with.
#[derive(Clone, Copy)]
pub struct Strip<'a> {
    /// n rows.
    pub(super) rows: &'a [&'a [f32]],
    /// At most [`WIDTH`].
    pub(super) points: &'a [&'a [f32]],
    /// Whether the points are the first rows themselves: then row i is paired with the points up to i only, and the other
    /// sums are undefined.
    pub(super) triangle: bool,
}

impl Strip<'_> {
    /// Number of points that the rows before `row` are paired with.
    fn partners(&self, row: usize) -> usize {
        if self.triangle { row.min(self.points.len()) } else { self.points.len() }
    }
}

/// A sum over dimensions in f32.
pub(super) trait Single {
    /// Whether values are neither scaled nor prepared: then rows need not be copied.
    const UNCHANGED: bool = false;

    /// Replaces a (scaled) value, once for all its pairs. Missing dimensions are prepared zeros, whose terms must be 0 up to
    /// rounding.
    #[inline(always)]
    fn prepare(value: f32) -> f32 {
        value
    }

    /// Sums the terms of four dimensions.
    fn group_sum(x: [f32; GROUP], z: [f32; GROUP]) -> f32;
}

/// Returns the largest of non-negative values, or 0 if there is none.
#[apply(avx512!)]
pub(in crate::bow) fn largest(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 64];
    let (chunks, rest) = values.as_chunks::<64>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(0.0, |largest, &value| largest.max(value))
}

/// Sums all pairs of `rows` (n×D), n×n, rounded to f32 and symmetric to the bit.
pub(in crate::bow) fn pairs(terms: &dyn Terms, rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let n = rows.nrows();
    let rows = rows.as_standard_layout();
    let scale = terms.scale(&|| {
        let values = rows.as_slice().expect("standard layout");
        values.par_chunks(1 << 16).map(largest).reduce(|| 0.0, f32::max)
    });
    let rows: Vec<&[f32]> = rows.rows().into_iter().map(|row| row.to_slice().expect("standard layout")).collect();
    let mut matrix = vec![0.0f32; n * n];
    // The part of each row that no strip has taken yet. A strip takes the rows of its points, and their columns below.
    let mut left: Vec<&mut [f32]> = matrix.chunks_exact_mut(n.max(1)).collect();
    let strips = (0..n).step_by(WIDTH).map(|first| {
        let right: Vec<&mut [f32]> = left.drain(..WIDTH.min(n - first)).collect();
        let down: Vec<&mut [f32]> = left.iter_mut().filter_map(|row| row.split_off_mut(..WIDTH)).collect();
        (first, right, down)
    });
    // The longest strips come first, so that threads finish together.
    strips.par_bridge().for_each_init(Vec::new, |sums: &mut Vec<Lanes>, (first, mut right, mut down)| {
        let rows = &rows[first..];
        let points = &rows[..right.len()];
        sums.resize(rows.len(), [0.0; WIDTH]);
        terms.strip(scale, Strip { rows, points, triangle: true }, sums);
        for (number, sums) in sums.chunks(WIDTH).enumerate() {
            for (lane, right) in right.iter_mut().enumerate() {
                let to = &mut right[number * WIDTH..];
                to.iter_mut().zip(sums).for_each(|(to, sums)| *to = sums[lane] as f32);
            }
        }
        // Diagonal blocks hold each pair twice; keep the lower one.
        for (lane, right) in right.iter_mut().enumerate() {
            right[..lane].iter_mut().zip(&sums[lane]).for_each(|(to, &sum)| *to = sum as f32);
        }
        for (to, sums) in down.iter_mut().zip(&sums[points.len()..]) {
            to.iter_mut().zip(sums).for_each(|(to, &sum)| *to = sum as f32);
        }
    });
    numeric::matrix((n, n), matrix)
}

/// Writes `Σ_d t(rows_i,d , points_j,d)` of n rows and m points to `out_ji` (m×n).
///
/// `largest_of_rows` is called by kernels that scale their values. A point's sums do not depend on the other points.
pub(in crate::bow) fn rectangle(
    terms: &dyn Terms,
    rows: &[&[f32]],
    largest_of_rows: &dyn Fn() -> f32,
    points: &[&[f32]],
    out: &mut [f64],
) {
    if rows.is_empty() {
        return;
    }
    let scale = |point: &[f32]| terms.scale(&|| largest_of_rows().max(largest(point)));
    let places = points.iter().zip(out.chunks_exact_mut(rows.len()));
    let mut places: Vec<_> = places.map(|(&point, out)| (scale(point), point, out)).collect();
    places.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let alike = places.chunk_by_mut(|(one, ..), (other, ..)| one == other);
    for panel in alike.flat_map(|places| places.chunks_mut(WIDTH)) {
        let (scale, points) = (panel[0].0, panel.iter().map(|(_, point, _)| *point).collect::<Vec<_>>());
        let mut sums = vec![[0.0; WIDTH]; rows.len()];
        let parts = rows.par_chunks(ROWS_PER_THREAD).zip(sums.par_chunks_mut(ROWS_PER_THREAD));
        let strip = |rows| Strip { rows, points: &points, triangle: false };
        parts.for_each(|(rows, sums)| terms.strip(scale, strip(rows), sums));
        for (number, sums) in sums.chunks(WIDTH).enumerate() {
            for (lane, (_, _, out)) in panel.iter_mut().enumerate() {
                let out = &mut out[number * WIDTH..];
                out.iter_mut().zip(sums).for_each(|(to, sums)| *to = sums[lane]);
            }
        }
    }
}

/// [`Terms::strip`] in f32.
pub(super) fn strip<T: Single>(scale: f32, strip: Strip<'_>, sums: &mut [Lanes]) {
    let dimensions = strip.points.first().map_or(0, |point| point.len());
    let mut panel = vec![[[T::prepare(0.0); WIDTH]; GROUP]; dimensions.min(DIMENSIONS_PER_PANEL).div_ceil(GROUP)];
    // At least one round, so that sums over no dimension are 0.
    for first in (0..dimensions.max(1)).step_by(DIMENSIONS_PER_PANEL) {
        let last = (first + DIMENSIONS_PER_PANEL).min(dimensions);
        lay_out::<T>(scale, strip.points, first..last, panel.as_flattened_mut());
        add_panel::<T>(scale, strip, first..last, &panel, sums);
    }
    if scale != 1.0 {
        let back = 1.0 / f64::from(scale);
        sums.as_flattened_mut().iter_mut().for_each(|sum| *sum *= back);
    }
}

/// Writes the points' `dimensions` side by side, and prepared zeros behind them.
#[apply(avx512!)]
fn lay_out<T: Single>(scale: f32, points: &[&[f32]], dimensions: Range<usize>, panel: &mut [[f32; WIDTH]]) {
    for (number, points) in points.chunks(POINTS_AT_ONCE).enumerate() {
        // Pad with the last point.
        let [a, b, c, d, e, f, g, h] = std::array::from_fn(|i| &points[i.min(points.len() - 1)][dimensions.clone()]);
        let (half, other_half) = (a.iter().zip(b).zip(c).zip(d), e.iter().zip(f).zip(g).zip(h));
        for (to, ((((a, b), c), d), (((e, f), g), h))) in panel.iter_mut().zip(half.zip(other_half)) {
            to.as_chunks_mut().0[number] = [a, b, c, d, e, f, g, h].map(|value| T::prepare(value * scale));
        }
    }
    panel[dimensions.len()..].fill([T::prepare(0.0); WIDTH]);
}

/// Adds `Σ_d t(rows_i,d , panel_d,j)` over `dimensions` to every sum; the first dimensions start the sums at 0.
#[apply(avx512!)]
fn add_panel<T: Single>(
    scale: f32,
    strip: Strip<'_>,
    dimensions: Range<usize>,
    panel: &[[[f32; WIDTH]; GROUP]],
    sums: &mut [Lanes],
) {
    let mut prepared = [[[0.0; GROUP]; GROUPS_PER_STRETCH]; HEIGHT];
    for (number, (rows, sums)) in strip.rows.chunks(HEIGHT).zip(sums.chunks_mut(HEIGHT)).enumerate() {
        // Pad with the last row.
        let row = |i: usize| &rows[i.min(rows.len() - 1)][dimensions.clone()];
        let rows = [row(0), row(1), row(2), row(3)];
        if dimensions.start == 0 {
            sums.fill([0.0; WIDTH]);
        }
        if strip.partners((number + 1) * HEIGHT) <= HALF_WIDTH {
            add_tile::<T, HALF_WIDTH>(scale, rows, panel, &mut prepared, sums);
        } else {
            add_tile::<T, WIDTH>(scale, rows, panel, &mut prepared, sums);
        }
    }
}

/// The same for the first N points and the rows of a tile; `prepared` is scratch.
#[inline(always)]
fn add_tile<T: Single, const N: usize>(
    scale: f32,
    rows: [&[f32]; HEIGHT],
    panel: &[[[f32; WIDTH]; GROUP]],
    prepared: &mut Prepared,
    sums: &mut [Lanes],
) {
    let mut tile = [[0.0f64; N]; HEIGHT];
    let dimensions = rows[0].len();
    for (first, panel) in (0..dimensions).step_by(GROUPS_PER_STRETCH * GROUP).zip(panel.chunks(GROUPS_PER_STRETCH)) {
        let last = (first + GROUPS_PER_STRETCH * GROUP).min(dimensions);
        let panel = &panel[..(last - first).div_ceil(GROUP)];
        let row = |i: usize| &rows[i][first..last];
        let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
        let stretch = if T::UNCHANGED && (last - first).is_multiple_of(GROUP) {
            stretch_sums::<T, N>([a.as_chunks().0, b.as_chunks().0, c.as_chunks().0, d.as_chunks().0], panel)
        } else {
            for (prepared, row) in prepared.iter_mut().zip([a, b, c, d]) {
                let prepared = prepared.as_flattened_mut();
                for (to, &value) in prepared.iter_mut().zip(row) {
                    *to = T::prepare(value * scale);
                }
                prepared[last - first..].fill(T::prepare(0.0));
            }
            let [a, b, c, d] = &*prepared;
            stretch_sums::<T, N>([a, b, c, d], panel)
        };
        for (sum, stretch) in tile.as_flattened_mut().iter_mut().zip(stretch.as_flattened()) {
            *sum += f64::from(*stretch);
        }
    }
    for (sums, tile) in sums.iter_mut().zip(&tile) {
        sums.iter_mut().zip(tile).for_each(|(sum, tile)| *sum += tile);
    }
}

#[inline(always)]
fn stretch_sums<T: Single, const N: usize>(
    rows: [&[[f32; GROUP]]; HEIGHT],
    panel: &[[[f32; WIDTH]; GROUP]],
) -> [[f32; N]; HEIGHT] {
    let mut sums = [[0.0f32; N]; HEIGHT];
    let [a, b, c, d] = rows.each_ref().map(|row| row.chunks(GROUPS_PER_RUN));
    for ((((panel, a), b), c), d) in panel.chunks(GROUPS_PER_RUN).zip(a).zip(b).zip(c).zip(d) {
        let run = run_sums::<T, N>([a, b, c, d], panel);
        for (sum, run) in sums.as_flattened_mut().iter_mut().zip(run.as_flattened()) {
            *sum += run;
        }
    }
    sums
}

/// The rows come as separate slices, not as one array: otherwise the compiler makes lanes of the rows of a column.
#[inline(always)]
fn run_sums<T: Single, const N: usize>(
    rows: [&[[f32; GROUP]]; HEIGHT],
    panel: &[[[f32; WIDTH]; GROUP]],
) -> [[f32; N]; HEIGHT] {
    let mut sums = [[0.0f32; N]; HEIGHT];
    let [a, b, c, d] = &mut sums;
    let [x_a, x_b, x_c, x_d] = rows;
    for ((((z, x_a), x_b), x_c), x_d) in panel.iter().zip(x_a).zip(x_b).zip(x_c).zip(x_d) {
        add_group::<T, N>(a, *x_a, z);
        add_group::<T, N>(b, *x_b, z);
        add_group::<T, N>(c, *x_c, z);
        add_group::<T, N>(d, *x_d, z);
    }
    sums
}

#[inline(always)]
fn add_group<T: Single, const N: usize>(sums: &mut [f32; N], x: [f32; GROUP], z: &[[f32; WIDTH]; GROUP]) {
    for lane in 0..N {
        sums[lane] += T::group_sum(x, [z[0][lane], z[1][lane], z[2][lane], z[3][lane]]);
    }
}

/// Is added to every value of kernels that divide by sums of values: 2⁻³⁰ on a scale whose largest value is at least
/// [`SCALED`]. So nothing is divided by 0, and products of four such sums neither vanish nor overflow.
pub(super) const LIFT: f32 = 1.0 / (1u32 << 30) as f32;
/// 2¹⁷.
const SCALED: f32 = (1u32 << 17) as f32;

/// Returns the power of two that brings the largest value to [2¹⁷, 2¹⁸).
pub(super) fn scale_for_quotients(largest: f32) -> f32 {
    // A number without its mantissa is the power of two below it.
    let power = f32::from_bits(largest.to_bits() & 0x7f80_0000);
    let scale = SCALED / power;
    if scale.is_normal() { scale } else { 1.0 }
}

/// Returns `Σ n_g/s_g` over four dimensions with a single division, the slowest operation here.
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
        let shapes = (0..70).map(|dimensions| (5, dimensions)).chain([
            (33, 1030),
            (258, 9),
            (1, 3),
            (0, 4),
            (65, 256),
            (2, 0),
            (35, 5003),
        ]);
        for (number, (n, dimensions)) in shapes.enumerate() {
            let magnitude = [1.0, 1e-3, 3e4][number % 3];
            let rows = Array2::from_shape_fn((n, dimensions), |_| {
                let value: f32 = random.random();
                if value < 0.3 { 0.0 } else { magnitude * (value - 0.3).powi(4) }
            });
            for &kind in KernelKind::ALL {
                let terms = kind.with_width(1.0).terms();
                let found = pairs(terms, rows.view());
                assert_eq!(found.dim(), (n, n));
                let largest = f64::from(largest(rows.as_slice().unwrap()));
                for ((i, j), &value) in found.indexed_iter() {
                    let each = rows.row(i).into_iter().zip(rows.row(j));
                    let expected: f64 = each.map(|(&x, &z)| terms.term(f64::from(x), f64::from(z))).sum();
                    let allowed = 2.3e-6 * expected.abs() + dimensions as f64 * 1e-13 * largest;
                    let difference = (f64::from(value) - expected).abs();
                    assert!(difference <= allowed, "{kind} {n}×{dimensions}: {value} instead of {expected}");
                    assert_eq!(value.to_bits(), found[(j, i)].to_bits());
                }
            }
        }
    }

    /// The double loop by `term` again; what a point's sums are does not depend on its company, nor are they spoilt where its values are far above the rows'.
    #[test]
    fn sums_of_a_rectangle_equal_the_double_loop() {
        let mut random = crate::numeric::random::stream(8, "rectangle");
        for (n, m, dimensions) in [
            (0, 2, 3),
            (3, 0, 3),
            (1, 1, 1),
            (5, 33, 70),
            (521, 3, 18),
            (9, 65, 259),
            (6, 31, 4),
            (7, 2, 0),
            (5, 34, 2052),
        ] {
            let mut values = |count: usize, magnitude: fn(usize) -> f32| -> Vec<Vec<f32>> {
                let mut value = |magnitude: f32| magnitude * (random.random::<f32>() - 0.3).max(0.0).powi(4);
                (0..count).map(|i| (0..dimensions).map(|_| value(magnitude(i))).collect()).collect()
            };
            let rows = values(n, |_| 1e-3);
            let points = values(m, |j| [1e-3, 1.0, 2e-3, 1e5][j % 4]);
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let points: Vec<&[f32]> = points.iter().map(Vec::as_slice).collect();
            let largest_of = |rows: &[&[f32]]| rows.iter().map(|row| largest(row)).fold(0.0, f32::max);
            let largest_of_rows = || largest_of(&rows);
            for &kind in KernelKind::ALL {
                let terms = kind.with_width(1.0).terms();
                let mut found = vec![f64::NAN; m * n];
                rectangle(terms, &rows, &largest_of_rows, &points, &mut found);
                let mut alone = vec![f64::NAN; n];
                for (j, point) in points.iter().enumerate() {
                    let together = &found[j * n..(j + 1) * n];
                    rectangle(terms, &rows, &largest_of_rows, &[point], &mut alone);
                    assert!(together.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits()), "{kind} {j}");
                    let largest = f64::from(largest_of_rows().max(largest(point)));
                    for (row, &value) in rows.iter().zip(together) {
                        let each = row.iter().zip(*point);
                        let expected: f64 = each.map(|(&x, &z)| terms.term(f64::from(x), f64::from(z))).sum();
                        let allowed = 2.3e-6 * expected.abs() + dimensions as f64 * 1e-13 * largest;
                        assert!((value - expected).abs() <= allowed, "{kind} {n}×{m}: {value} instead of {expected}");
                        if !matches!(kind, KernelKind::Hik | KernelKind::Chi2) {
                            assert_eq!(value.to_bits(), terms.sum(row, point).to_bits(), "{kind}");
                        }
                    }
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
                let found = pairs(terms, rows.view());
                assert!(found.iter().all(|value| value.is_finite()), "{kind} {largest}: {found}");
                if kind.has_width() {
                    assert_eq!(found[(0, 2)], 0.0, "{kind}");
                }
            }
        }
    }
}
