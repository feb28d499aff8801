//! Sums `Σ_d t(x_d, z_d)` of many rows x with many points z: matrix products, and what has their shape.
//!
//! Dimension d goes to lane d mod 8, and the lanes are added from left to right. Several rows and points are taken
//! together, so that they are read from memory less often; that does not change a bit of any sum.

use macro_rules_attribute::apply;

use crate::numeric::simd::avx512;

/// Lanes of a sum.
const LANES: usize = 8;

/// A term t(x, z) of a sum over dimensions.
///
/// It should be `#[inline(always)]` and free of branches: then several dimensions are taken at once.
pub trait Term {
    /// Returns t(x, z).
    fn term(&self, x: f64, z: f64) -> f64;
}

/// `t(x, z) = x z`: the terms of products.
struct Product;

impl Term for Product {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        x * z
    }
}

/// Returns `Σ_d x_d z_d`.
pub fn product(x: &[f32], z: &[f64]) -> f64 {
    sum_of_terms(&Product, x, z)
}

/// Writes `Σ_d x_d z_d` of n rows with m points to `out`, n×m.
pub fn products(rows: &[&[f64]], points: &[&[f64]], out: &mut [f64]) {
    sums_of_terms(&Product, rows, points, out);
}

/// Returns `Σ_d t(x_d, z_d)`.
pub fn sum_of_terms<T: Term, Z: Copy + Into<f64>>(terms: &T, x: &[f32], z: &[Z]) -> f64 {
    tile(terms, [x], [z])[0][0]
}

/// Writes `Σ_d t(rows_i,d , points_j,d)` of n rows and m points to `out`, n×m, with the bits of [`sum_of_terms`].
pub fn sums_of_terms<T: Term, X: Copy + Into<f64>>(terms: &T, rows: &[&[X]], points: &[&[f64]], out: &mut [f64]) {
    if points.is_empty() {
        return;
    }
    let width = points.len();
    let (fours, rest) = rows.as_chunks::<4>();
    let (out, out_rest) = out.split_at_mut(fours.len() * 4 * width);
    for (rows, out) in fours.iter().zip(out.chunks_exact_mut(4 * width)) {
        let mut put = |first: usize, i: usize, sums: &[f64]| {
            out[i * width + first..][..sums.len()].copy_from_slice(sums);
        };
        let (several, single) = points.as_chunks::<4>();
        for (number, points) in several.iter().enumerate() {
            tile(terms, *rows, *points).iter().enumerate().for_each(|(i, sums)| put(4 * number, i, sums));
        }
        for (number, point) in single.iter().enumerate() {
            let first = 4 * several.len() + number;
            tile(terms, *rows, [point]).iter().enumerate().for_each(|(i, sums)| put(first, i, sums));
        }
    }
    for (row, out) in rest.iter().zip(out_rest.chunks_exact_mut(width)) {
        for (point, out) in points.iter().zip(out) {
            *out = tile(terms, [row], [point])[0][0];
        }
    }
}

#[apply(avx512!)]
fn tile<const N: usize, const M: usize, T: Term, X: Copy + Into<f64>, Z: Copy + Into<f64>>(
    terms: &T,
    rows: [&[X]; N],
    points: [&[Z]; M],
) -> [[f64; M]; N] {
    let length = rows.iter().map(|row| row.len()).chain(points.iter().map(|point| point.len())).min().unwrap_or(0);
    let chunks = length / LANES;
    let mut lanes = in_registers(
        terms,
        rows.map(|row| &row.as_chunks::<LANES>().0[..chunks]),
        points.map(|point| &point.as_chunks::<LANES>().0[..chunks]),
    );
    for i in 0..N {
        for j in 0..M {
            let rest = rows[i][..length].iter().zip(&points[j][..length]).skip(chunks * LANES);
            for (lane, (&x, &z)) in lanes[i][j].iter_mut().zip(rest) {
                *lane += terms.term(x.into(), z.into());
            }
        }
    }
    lanes.map(|row| row.map(|lanes| lanes.iter().sum()))
}

/// The lanes of whole chunks, by themselves: lanes that are also looked at one by one would be kept in memory.
#[inline(always)]
fn in_registers<const N: usize, const M: usize, T: Term, X: Copy + Into<f64>, Z: Copy + Into<f64>>(
    terms: &T,
    rows: [&[[X; LANES]]; N],
    points: [&[[Z; LANES]]; M],
) -> [[[f64; LANES]; M]; N] {
    let mut lanes = [[[0.0f64; LANES]; M]; N];
    for chunk in 0..rows[0].len() {
        for i in 0..N {
            for j in 0..M {
                add(terms, &mut lanes[i][j], &rows[i][chunk], &points[j][chunk]);
            }
        }
    }
    lanes
}

#[inline(always)]
fn add<T: Term, X: Copy + Into<f64>, Z: Copy + Into<f64>>(
    terms: &T,
    lanes: &mut [f64; LANES],
    x: &[X; LANES],
    z: &[Z; LANES],
) {
    for lane in 0..LANES {
        lanes[lane] += terms.term(x[lane].into(), z[lane].into());
    }
}

/// The sum on each instruction set.
#[cfg(test)]
pub(crate) fn sum_on_every_set<T: Term>(terms: &T, x: &[f32], z: &[f32]) -> [f64; 3] {
    [tile::scalar(terms, [x], [z]), tile::avx2(terms, [x], [z]), tile::avx512(terms, [x], [z])].map(|sums| sums[0][0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// A term that is no product.
    struct Minimum;

    impl Term for Minimum {
        fn term(&self, x: f64, z: f64) -> f64 {
            if x < z { x } else { z }
        }
    }

    /// Scalar reference.
    fn by_lanes(terms: &impl Term, x: &[f32], z: &[f64]) -> f64 {
        let mut lanes = [0.0; LANES];
        for (d, (&x, &z)) in x.iter().zip(z).enumerate() {
            lanes[d % LANES] += terms.term(f64::from(x), z);
        }
        lanes.iter().sum()
    }

    fn check(terms: &impl Term, rows: &[Vec<f32>], points: &[Vec<f64>]) {
        let row_slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let point_slices: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        let mut found = vec![f64::NAN; rows.len() * points.len()];
        sums_of_terms(terms, &row_slices, &point_slices, &mut found);
        for (i, x) in rows.iter().enumerate() {
            for (j, z) in points.iter().enumerate() {
                let expected = by_lanes(terms, x, z).to_bits();
                let versions = [
                    tile(terms, [&x[..]], [&z[..]]),
                    tile::scalar(terms, [&x[..]], [&z[..]]),
                    tile::avx2(terms, [&x[..]], [&z[..]]),
                    tile::avx512(terms, [&x[..]], [&z[..]]),
                ];
                assert!(versions.iter().all(|sum| sum[0][0].to_bits() == expected), "{versions:?}");
                assert_eq!(found[i * points.len() + j].to_bits(), expected, "({i}, {j}) of {} dimensions", x.len());
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_scalar_reference() {
        let mut random = crate::numeric::random::stream(5, "tiles");
        for length in 0..40 {
            for (n, m) in [(11, 6), (8, 4), (3, 1), (4, 1), (1, 5), (0, 2), (5, 0)] {
                let mut value = || random.random::<f32>() - 0.3;
                let rows: Vec<Vec<f32>> = (0..n).map(|_| (0..length).map(|_| value()).collect()).collect();
                let points: Vec<Vec<f64>> =
                    (0..m).map(|_| (0..length).map(|_| f64::from(value()) / 3.0).collect()).collect();
                check(&Product, &rows, &points);
                check(&Minimum, &rows, &points);
            }
        }
    }
}
