//! Kernels on histograms: how alike two pictures are.
//!
//! Each file holds one kernel's value and, where it is a sum over dimensions, its summands: the two directions side by
//! side. A new kernel is one file and one arm in [`KernelKind::kernel`].

mod hik;
mod linear;

crate::closed_set! {
    /// The kernels.
    pub enum KernelKind as "kernel" {
        /// Histogram intersection, Σ min(x_d, z_d).
        Hik = "hik",
        /// Σ x_d z_d.
        Linear = "linear",
    }
}

impl KernelKind {
    /// The kernel of this name.
    pub fn kernel(self) -> &'static dyn Kernel {
        match self {
            KernelKind::Hik => &hik::Hik,
            KernelKind::Linear => &linear::Linear,
        }
    }
}

/// A kernel k(x, z), before it is scaled to unit variance.
pub trait Kernel: Send + Sync {
    /// k(x, z) of two histograms of the same length.
    fn value(&self, x: &[f32], z: &[f32]) -> f64;

    /// The kernel as a sum over dimensions, where it is one.
    fn additive(&self) -> Option<&dyn AdditiveKernel>;
}

/// A kernel `k(x, z) = Σ_d k_d(x_d, z_d)`.
pub trait AdditiveKernel: Send + Sync {
    /// k_d(x_d, z_d).
    fn summand(&self, x: f64, z: f64) -> f64;

    /// `out_d += factor · k_d(x_d, z_d)` for every dimension.
    fn add_summands(&self, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_values_agree() {
        #[derive(serde::Deserialize)]
        struct Golden {
            x: Vec<Vec<f64>>,
            z: Vec<Vec<f64>>,
            k: std::collections::BTreeMap<String, Vec<Vec<f64>>>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kernels.json");
        let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let single = |rows: &[Vec<f64>]| -> Vec<Vec<f32>> {
            rows.iter().map(|row| row.iter().map(|&v| v as f32).collect()).collect()
        };
        let (x, z) = (single(&golden.x), single(&golden.z));
        for &kind in KernelKind::ALL {
            for (i, row) in golden.k[kind.name()].iter().enumerate() {
                for (j, expected) in row.iter().enumerate() {
                    let found = kind.kernel().value(&x[i], &z[j]);
                    // The histograms are rounded to f32 (relative 6e-8); the arithmetic is f64.
                    assert!((found - expected).abs() <= 1.2e-7 * expected, "{kind} {i} {j}: {found}, not {expected}");
                    if let Some(additive) = kind.kernel().additive() {
                        let terms = golden.x[i].iter().zip(&golden.z[j]);
                        let sum: f64 = terms.map(|(x, z)| additive.summand(*x, *z)).sum();
                        assert!((sum - expected).abs() <= 1e-12 * expected, "{kind} {i} {j}: {sum}, not {expected}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn summands_sum_to_the_value_and_kernels_are_symmetric(
            pairs in proptest::collection::vec((0.0f32..1.0, 0.0f32..1.0), 0..70), factor in -3.0f64..3.0,
        ) {
            let (x, z): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            for &kind in KernelKind::ALL {
                let kernel = kind.kernel();
                let value = kernel.value(&x, &z);
                prop_assert_eq!(value.to_bits(), kernel.value(&z, &x).to_bits());
                if let Some(additive) = kernel.additive() {
                    let mut out = vec![1.0; x.len()];
                    additive.add_summands(factor, &x, &z, &mut out);
                    for ((found, x), z) in out.iter().zip(&x).zip(&z) {
                        let expected = 1.0 + factor * additive.summand(f64::from(*x), f64::from(*z));
                        prop_assert!((found - expected).abs() < 1e-14 * expected.abs().max(1.0));
                    }
                    let sum: f64 = out.iter().map(|v| v - 1.0).sum();
                    prop_assert!((sum - factor * value).abs() < 1e-11, "{}: {} instead of {}", kind, sum, factor * value);
                }
            }
        }
    }
}
