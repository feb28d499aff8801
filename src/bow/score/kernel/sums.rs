//! Sums over dimensions in f64, on which scores and their explanations rest.
//!
//! Dimension d goes to lane d mod 8, and the lanes are added from left to right: the order is part of the definition, and no product is fused into a
//! sum, so that any width of register gives the same bits. Each function is generic in the terms, which are inlined into it.

use multiversion::multiversion;

use super::Terms;

/// Lanes of a sum.
const LANES: usize = 8;

/// `Σ_d t(x_d, z_d)`.
pub(super) fn sum<T: Terms + ?Sized, Z: Copy + Into<f64>>(terms: &T, x: &[f32], z: &[Z]) -> f64 {
    tile(terms, [x], [z])[0][0]
}

/// `out_ij = Σ_d t(rows_i,d , points_j,d)` of n rows and m points (n×m) with the bits of [`sum`]: several of each are taken together, so that rows
/// and points are read from memory less often.
pub(super) fn sums<T: Terms + ?Sized, X: Copy + Into<f64>>(
    terms: &T,
    rows: &[&[X]],
    points: &[&[f64]],
    out: &mut [f64],
) {
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

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn tile<const N: usize, const M: usize, T: Terms + ?Sized, X: Copy + Into<f64>, Z: Copy + Into<f64>>(
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
fn in_registers<const N: usize, const M: usize, T: Terms + ?Sized, X: Copy + Into<f64>, Z: Copy + Into<f64>>(
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
fn add<T: Terms + ?Sized, X: Copy + Into<f64>, Z: Copy + Into<f64>>(
    terms: &T,
    lanes: &mut [f64; LANES],
    x: &[X; LANES],
    z: &[Z; LANES],
) {
    for lane in 0..LANES {
        lanes[lane] += terms.term(x[lane].into(), z[lane].into());
    }
}

/// `out_d += factor · t(x_d, z_d)`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn add_terms<T: Terms + ?Sized>(terms: &T, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * terms.term(f64::from(x), f64::from(z));
    }
}

/// `out_d += factor · ∂t/∂z(x_d, z_d)`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn add_slopes<T: Terms + ?Sized>(terms: &T, factor: f64, x: &[f32], z: &[f64], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * terms.slope(f64::from(x), z);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    /// The definition in scalar words.
    fn by_lanes(terms: impl Iterator<Item = f64>) -> f64 {
        let mut lanes = [0.0; LANES];
        for (d, term) in terms.enumerate() {
            lanes[d % LANES] += term;
        }
        lanes.iter().sum()
    }

    #[test]
    fn sums_have_the_bits_of_their_scalar_twin() {
        let mut random = crate::numeric::random::stream(3, "sums");
        for length in 0..70 {
            let mut values = |count: usize| -> Vec<Vec<f32>> {
                (0..count).map(|_| (0..length).map(|_| (random.random::<f32>() - 0.3).max(0.0)).collect()).collect()
            };
            let (rows, points) = (values(11), values(6));
            let doubles: Vec<Vec<f64>> = points.iter().map(|z| z.iter().copied().map(f64::from).collect()).collect();
            for &kind in KernelKind::ALL {
                let terms = kind.with_width(1.0).terms();
                for (n, m) in [(11, 6), (8, 4), (3, 1), (4, 1), (1, 5), (0, 2), (5, 0)] {
                    let mut found = vec![f64::NAN; n * m];
                    let row_slices: Vec<&[f32]> = rows[..n].iter().map(Vec::as_slice).collect();
                    let point_slices: Vec<&[f64]> = doubles[..m].iter().map(Vec::as_slice).collect();
                    terms.sums(&row_slices, &point_slices, &mut found);
                    for (i, j) in (0..n).flat_map(|i| (0..m).map(move |j| (i, j))) {
                        let pairs = rows[i].iter().zip(&points[j]);
                        let twin = by_lanes(pairs.map(|(x, z)| terms.term(f64::from(*x), f64::from(*z))));
                        assert_eq!(found[i * m + j].to_bits(), twin.to_bits(), "{kind} {length} ({i}, {j})");
                        assert_eq!(terms.sum(&rows[i], &points[j]).to_bits(), twin.to_bits(), "{kind} {length}");
                        assert_eq!(terms.sum_at(&rows[i], &doubles[j]).to_bits(), twin.to_bits(), "{kind} {length}");
                    }
                }
            }
        }
    }
}
