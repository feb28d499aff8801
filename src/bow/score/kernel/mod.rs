//! Kernels on histograms: how alike two pictures are.
//!
//! Every kernel is made of a sum over dimensions ([`Terms`]): the sum itself, or the exponential of its negative, a product over
//! dimensions. Each file holds one such sum, its terms and their slopes side by side, so that forward and backward can't
//! drift apart.

mod additive_chi2;
mod chi2;
mod gaussian;
mod hellinger;
mod hik;
mod jensen_shannon;
mod linear;
mod pairs;
mod sums;

use macro_rules_attribute::apply;

use super::feature_map::FeatureMap;
use crate::numeric::elementary::exp;
use crate::numeric::simd::avx512;
use pairs::{Lanes, Strip};
pub(in crate::bow) use pairs::{WIDTH as PANEL, largest, pairs, rectangle};

crate::closed_set! {
    /// The kernels.
    pub enum KernelKind as "kernel" {
        /// Histogram intersection, Σ min(x_d, z_d).
        Hik = "hik",
        /// Σ x_d z_d.
        Linear = "linear",
        /// Σ √(x_d z_d).
        Hellinger = "hellinger",
        /// Σ 2 x_d z_d/(x_d + z_d).
        AdditiveChi2 = "additive-chi2",
        /// Σ ½ x_d log₂((x_d + z_d)/x_d) + ½ z_d log₂((x_d + z_d)/z_d).
        JensenShannon = "jensen-shannon",
        /// exp(−(1/w) Σ (x_d − z_d)²/(x_d + z_d)).
        Chi2 = "chi2",
        /// exp(−(1/w) Σ (x_d − z_d)²).
        Gaussian = "gaussian",
    }
}

impl KernelKind {
    /// The kernel of this name; `width` is w, where it has one.
    pub fn with_width(self, width: f64) -> Kernel {
        match self {
            KernelKind::Hik => Kernel::Additive(&hik::Minimum),
            KernelKind::Linear => Kernel::Additive(&linear::Product),
            KernelKind::Hellinger => Kernel::Additive(&hellinger::RootOfProduct),
            KernelKind::AdditiveChi2 => Kernel::Additive(&additive_chi2::HarmonicMean),
            KernelKind::JensenShannon => Kernel::Additive(&jensen_shannon::Likeness),
            KernelKind::Chi2 => Kernel::Product { distance: &chi2::Distance, width },
            KernelKind::Gaussian => Kernel::Product { distance: &gaussian::SquaredDistance, width },
        }
    }

    /// Whether the kernel is defined for negative values.
    pub fn takes_negative(self) -> bool {
        match self {
            KernelKind::Linear | KernelKind::Gaussian => true,
            KernelKind::Hik
            | KernelKind::Hellinger
            | KernelKind::AdditiveChi2
            | KernelKind::JensenShannon
            | KernelKind::Chi2 => false,
        }
    }

    /// Whether the kernel has a derivative everywhere (where both histograms are positive).
    pub fn is_differentiable(self) -> bool {
        match self {
            KernelKind::Hik => false,
            KernelKind::Linear
            | KernelKind::Hellinger
            | KernelKind::AdditiveChi2
            | KernelKind::JensenShannon
            | KernelKind::Chi2
            | KernelKind::Gaussian => true,
        }
    }

    /// The explicit map of the kernel's dimensions of order n, where it has one ([`Terms::feature_map`]).
    pub fn feature_map(self, order: usize) -> Option<FeatureMap> {
        match self.with_width(1.0) {
            Kernel::Additive(terms) => terms.feature_map(order),
            Kernel::Product { .. } => None,
        }
    }

    /// Whether the kernel has a width, to be learnt from the training pictures.
    pub fn has_width(self) -> bool {
        matches!(self.with_width(1.0), Kernel::Product { .. })
    }
}

/// A kernel k(x, z), before it is scaled to unit variance.
#[derive(Clone, Copy)]
pub enum Kernel {
    /// `k(x, z) = Σ_d t(x_d, z_d)`.
    Additive(&'static dyn Terms),
    /// `k(x, z) = exp(−Σ_d t(x_d, z_d)/w) = Π_d κ_d` with `κ_d = exp(−t(x_d, z_d)/w)`.
    Product {
        /// The sum over dimensions, at least 0, and 0 for x = z.
        distance: &'static dyn Terms,
        /// w > 0.
        width: f64,
    },
}

impl Kernel {
    /// k(x, z) of two histograms of the same length.
    pub fn value(&self, x: &[f32], z: &[f32]) -> f64 {
        self.of_sum(self.terms().sum(x, z))
    }

    /// The sum over dimensions that it is made of.
    pub fn terms(&self) -> &'static dyn Terms {
        match *self {
            Kernel::Additive(terms) => terms,
            Kernel::Product { distance, .. } => distance,
        }
    }

    /// k from the sum of its terms.
    pub fn of_sum(&self, sum: f64) -> f64 {
        match self {
            Kernel::Additive(_) => sum,
            Kernel::Product { width, .. } => (-sum / width).exp(),
        }
    }

    /// k from each sum of its terms, in place; rounded to f32.
    pub fn of_sums(&self, sums: &mut [f32]) {
        match *self {
            Kernel::Additive(_) => {}
            Kernel::Product { width, .. } => exponentials(sums, -1.0 / width),
        }
    }
}

/// `value = exp(factor · value)`.
#[apply(avx512!)]
fn exponentials(values: &mut [f32], factor: f64) {
    for value in values {
        *value = exp(factor * f64::from(*value)) as f32;
    }
}

/// Points of a panel taken together in f64.
const COLUMNS: usize = 16;

/// A sum over dimensions, `Σ_d t(x_d, z_d)`, of a symmetric t.
///
/// All sums are made of the term and the slope. Both should be `#[inline(always)]` and free of branches: then several
/// dimensions are taken at once.
pub trait Terms: Send + Sync {
    /// t(x, z); 0/0 and 0·log 0 are 0.
    fn term(&self, x: f64, z: f64) -> f64;

    /// ∂t/∂z, one-sided where t has an edge. Where it grows beyond all bounds, it is 0 as the term is.
    fn slope(&self, x: f64, z: f64) -> f64;

    /// Returns a map ψ with `Σ_j ψ_j(x) ψ_j(z) ≈ t(x, z)`, if one is known. The larger the order, the closer it is; exact maps
    /// ignore the order.
    fn feature_map(&self, _order: usize) -> Option<FeatureMap> {
        None
    }

    /// The sum, in eight lanes that are added from left to right.
    fn sum(&self, x: &[f32], z: &[f32]) -> f64 {
        sums::sum(self, x, z)
    }

    /// Writes the sums of n rows with m points to `out`, n×m, bit-identical to [`Terms::sum_at`].
    fn sums(&self, rows: &[&[f32]], points: &[&[f64]], out: &mut [f64]) {
        sums::sums(self, rows, points, out);
    }

    /// Returns the power of two by which all values are multiplied before they are summed in f32, from the `largest` of them.
    /// If it is not 1, the terms must be homogeneous of degree 1.
    fn scale(&self, _largest: &dyn Fn() -> f32) -> f32 {
        1.0
    }

    /// Writes the sums of a strip's n rows with its points to `sums` (n), one lane per point.
    ///
    /// Bit-identical to [`Terms::sum_at`], except for kernels that tolerate f32 sums (`pairs.rs`): this is for many pairs at
    /// once, where no ledger has to balance.
    fn strip(&self, _scale: f32, Strip { rows, points, .. }: Strip<'_>, sums: &mut [Lanes]) {
        for (number, points) in points.chunks(COLUMNS).enumerate() {
            let points: Vec<Vec<f64>> = points.iter().map(|x| x.iter().copied().map(f64::from).collect()).collect();
            let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
            let mut found = vec![0.0; rows.len() * points.len()];
            self.sums(rows, &points, &mut found);
            for (to, found) in sums.iter_mut().zip(found.chunks_exact(points.len())) {
                to[number * COLUMNS..][..points.len()].copy_from_slice(found);
            }
        }
    }

    /// The sum at a z that is no picture's histogram.
    fn sum_at(&self, x: &[f32], z: &[f64]) -> f64 {
        sums::sum(self, x, z)
    }

    /// `out_d += factor · ∂t/∂z(x_d, z_d)` for every dimension.
    fn add_slopes(&self, factor: f64, x: &[f32], z: &[f64], out: &mut [f64]) {
        sums::add_slopes(self, factor, x, z, out);
    }

    /// `out_d += factor · t(x_d, z_d)` for every dimension.
    fn add_terms(&self, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
        sums::add_terms(self, factor, x, z, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        x: Vec<Vec<f64>>,
        z: Vec<Vec<f64>>,
        width: f64,
        k: std::collections::BTreeMap<String, Vec<Vec<f64>>>,
    }

    #[test]
    fn golden_values_agree_on_every_instruction_set() {
        eprintln!("instruction sets beside the scalar one: {:?}", crate::numeric::simd::available());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kernels.json");
        let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let single = |row: &[f64]| -> Vec<f32> { row.iter().map(|&v| v as f32).collect() };
        for &kind in KernelKind::ALL {
            let kernel = kind.with_width(golden.width);
            let values = golden.k.get(kind.name());
            let values =
                values.unwrap_or_else(|| panic!("{path} has no values of {kind}: see make_golden.py beside it"));
            for (x, row) in golden.x.iter().zip(values) {
                for (z, expected) in golden.z.iter().zip(row) {
                    let sum: f64 = x.iter().zip(z).map(|(x, z)| kernel.terms().term(*x, *z)).sum();
                    let found = kernel.of_sum(sum);
                    assert!((found - expected).abs() <= 1e-12 * expected, "{kind}: {found} instead of {expected}");
                    // The program's histograms are f32 (rounded by 6e-8); the arithmetic stays f64.
                    let found = kernel.value(&single(x), &single(z));
                    assert!((found - expected).abs() <= 1.2e-7 * expected, "{kind}: {found} instead of {expected}");
                    for sum in sums::sum_on_every_set(kernel.terms(), &single(x), &single(z)) {
                        assert_eq!(kernel.of_sum(sum).to_bits(), found.to_bits(), "{kind}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn terms_sum_to_the_value_and_kernels_are_symmetric(
            pairs in proptest::collection::vec((0.0f32..1.0, 0.0f32..1.0), 0..70), factor in -3.0f64..3.0, width in 0.1f64..9.0,
        ) {
            // Some words are missing in one picture, some in both.
            let cut = |v: f32| if v < 0.2 { 0.0 } else { v };
            let (x, z): (Vec<f32>, Vec<f32>) = pairs.into_iter().map(|(x, z)| (cut(x), cut(z))).unzip();
            for &kind in KernelKind::ALL {
                let kernel = kind.with_width(width);
                let value = kernel.value(&x, &z);
                prop_assert!(value.is_finite());
                prop_assert_eq!(value.to_bits(), kernel.value(&z, &x).to_bits());
                let mut out = vec![1.0; x.len()];
                kernel.terms().add_terms(factor, &x, &z, &mut out);
                for ((found, x), z) in out.iter().zip(&x).zip(&z) {
                    let expected = 1.0 + factor * kernel.terms().term(f64::from(*x), f64::from(*z));
                    prop_assert!((found - expected).abs() < 1e-14 * expected.abs().max(1.0));
                }
                let point: Vec<f64> = z.iter().map(|z| f64::from(*z)).collect();
                prop_assert!((kernel.of_sum(kernel.terms().sum_at(&x, &point)) - value).abs() < 1e-12 * value.max(1.0));
                let mut out = vec![1.0; x.len()];
                kernel.terms().add_slopes(factor, &x, &point, &mut out);
                for ((found, x), z) in out.iter().zip(&x).zip(&point) {
                    let expected = 1.0 + factor * kernel.terms().slope(f64::from(*x), *z);
                    prop_assert!((found - expected).abs() < 1e-14 * expected.abs().max(1.0));
                }
                let sum: f64 = x.iter().zip(&z).map(|(x, z)| kernel.terms().term(f64::from(*x), f64::from(*z))).sum();
                prop_assert!((kernel.of_sum(sum) - value).abs() < 1e-12 * value.max(1.0), "{}", kind);
            }
        }

        /// Slopes against central differences, away from the edge of the minimum.
        #[test]
        fn slopes_are_those_of_the_terms(x in 0.0f64..1.0, z in 0.02f64..1.0) {
            let x = if x < 0.1 { 0.0 } else { x };
            prop_assume!((x - z).abs() > 1e-3);
            let h = 1e-5;
            for &kind in KernelKind::ALL {
                let terms = kind.with_width(1.0).terms();
                let difference = (terms.term(x, z + h) - terms.term(x, z - h)) / (2.0 * h);
                let slope = terms.slope(x, z);
                prop_assert!((slope - difference).abs() < 1e-5 * slope.abs().max(1.0), "{}: {} and {}", kind, slope, difference);
            }
        }
    }

    #[test]
    fn at_zero_terms_and_slopes_are_finite() {
        for &kind in KernelKind::ALL {
            let terms = kind.with_width(1.0).terms();
            for (x, z) in [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3)] {
                assert!(terms.term(x, z).is_finite() && terms.slope(x, z).is_finite(), "{kind} at ({x}, {z})");
            }
            assert_eq!(terms.term(0.0, 0.0), 0.0);
        }
        // The distance of χ² grows at both zero as |z| does: its slope there is that of the right side.
        assert_eq!(KernelKind::Chi2.with_width(1.0).terms().slope(0.0, 0.0), 1.0);
    }
}
