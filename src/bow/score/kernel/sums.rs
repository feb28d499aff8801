//! Sums over dimensions in f64, on which scores and their explanations rest.
//!
//! The sums have the order of [`crate::numeric::lanes`], so that any width of register gives the same bits.

use macro_rules_attribute::apply;

use super::Terms;
use crate::numeric::lanes;
use crate::numeric::simd::avx512;

/// A kernel's terms, to be summed.
struct Summed<'a, T: ?Sized>(&'a T);

impl<T: Terms + ?Sized> lanes::Term for Summed<'_, T> {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        self.0.term(x, z)
    }
}

/// Returns `Σ_d t(x_d, z_d)`.
pub(super) fn sum<T: Terms + ?Sized, Z: Copy + Into<f64>>(terms: &T, x: &[f32], z: &[Z]) -> f64 {
    lanes::sum_of_terms(&Summed(terms), x, z)
}

/// Writes `Σ_d t(rows_i,d , points_j,d)` of n rows and m points to `out`, n×m, with the bits of [`sum`].
pub(super) fn sums<T: Terms + ?Sized>(terms: &T, rows: &[&[f32]], points: &[&[f64]], out: &mut [f64]) {
    lanes::sums_of_terms(&Summed(terms), rows, points, out);
}

/// `out_d += factor · t(x_d, z_d)`.
#[apply(avx512!)]
pub(super) fn add_terms<T: Terms + ?Sized>(terms: &T, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * terms.term(f64::from(x), f64::from(z));
    }
}

/// `out_d += factor · ∂t/∂z(x_d, z_d)`.
#[apply(avx512!)]
pub(super) fn add_slopes<T: Terms + ?Sized>(terms: &T, factor: f64, x: &[f32], z: &[f64], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * terms.slope(f64::from(x), z);
    }
}

/// The sum on each instruction set.
#[cfg(test)]
pub(super) fn sum_on_every_set(terms: &dyn Terms, x: &[f32], z: &[f32]) -> [f64; 3] {
    lanes::sum_on_every_set(&Summed(terms), x, z)
}

#[cfg(test)]
mod tests {
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    /// Scalar reference.
    fn by_lanes(terms: impl Iterator<Item = f64>) -> f64 {
        let mut lanes = [0.0; 8];
        for (d, term) in terms.enumerate() {
            lanes[d % 8] += term;
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
