//! The Gram matrix: every training picture's kernel with every other.
//!
//! [`sums`] computes the sums that a kernel is made of, so that its width can be chosen when they are known; [`gram`] makes
//! the kernel of them.

use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use super::kernel::{self, Kernel, Terms};

/// `Σ_d t(x_i,d , x_j,d)` of the rows of `histograms` (n×D), in f32; symmetric to the bit.
pub fn sums(terms: &dyn Terms, histograms: ArrayView2<'_, f32>) -> Array2<f32> {
    kernel::pairs(terms, histograms)
}

/// `K_ij = k(x_i, x_j)` of the pictures' sums.
pub fn gram<'a>(kernel: Kernel, sums: ArrayView2<'a, f32>) -> CowArray<'a, f32, Ix2> {
    match kernel {
        Kernel::Additive(_) => sums.into(),
        Kernel::Product { .. } => {
            let mut kernels = sums.as_standard_layout().into_owned();
            let values = kernels.as_slice_mut().expect("standard layout");
            values.par_chunks_mut(1 << 14).for_each(|sums| kernel.of_sums(sums));
            kernels.into()
        }
    }
}

/// Returns w, the mean distance over pairs of different pictures among `rows`.
pub fn width(sums: ArrayView2<'_, f32>, rows: &[usize]) -> f64 {
    let n = rows.len() as f64;
    total(sums, rows) / (n * (n - 1.0)).max(1.0)
}

/// Returns `s = mean_i K_ii − mean_ij K_ij` over the pictures `rows`: the variance in feature space, by which the kernel is
/// divided.
pub fn variance(gram: ArrayView2<'_, f32>, rows: &[usize]) -> f64 {
    let n = rows.len() as f64;
    let diagonal: f64 = rows.iter().map(|&i| f64::from(gram[(i, i)])).sum();
    diagonal / n - total(gram, rows) / (n * n)
}

/// `Σ_ij` over the pictures `rows`.
fn total(matrix: ArrayView2<'_, f32>, rows: &[usize]) -> f64 {
    let of_row = |&i: &usize| {
        let row = matrix.row(i);
        rows.iter().map(|&j| f64::from(row[j])).sum::<f64>()
    };
    // Added in order, whichever thread a row's sum comes from.
    rows.par_iter().map(of_row).collect::<Vec<f64>>().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    #[test]
    fn the_matrix_is_symmetric_and_equals_the_double_loop() {
        let mut random = crate::numeric::random::stream(1, "gram");
        let histograms = Array2::from_shape_fn((23, 31), |_| random.random::<f32>());
        for &kind in KernelKind::ALL {
            let kernel = kind.with_width(0.9);
            let sums = sums(kernel.terms(), histograms.view());
            let matrix = gram(kernel, sums.view());
            for i in 0..23 {
                for j in 0..23 {
                    let terms = histograms.row(i).into_iter().zip(histograms.row(j));
                    let sum: f64 = terms.map(|(a, b)| kernel.terms().term(f64::from(*a), f64::from(*b))).sum();
                    let expected = kernel.of_sum(sum);
                    assert!((f64::from(matrix[(i, j)]) - expected).abs() < 2e-6 * expected.abs(), "{kind} {i} {j}");
                    assert_eq!(matrix[(i, j)].to_bits(), matrix[(j, i)].to_bits());
                }
            }
            let pairs = (0..23).flat_map(|i| (0..23).filter(move |j| *j != i).map(move |j| (i, j)));
            let expected = pairs.map(|place| f64::from(sums[place])).sum::<f64>() / (23.0 * 22.0);
            if kind.has_width() {
                assert!((width(sums.view(), &(0..23).collect::<Vec<_>>()) - expected).abs() < 1e-6 * expected);
            }
        }
    }

    #[test]
    fn the_variance_of_a_linear_kernel_is_the_variance() {
        let x = ndarray::array![[1.0f32], [3.0], [8.0]];
        let matrix = sums(KernelKind::Linear.with_width(1.0).terms(), x.view());
        assert!((variance(matrix.view(), &[0, 1, 2]) - 26.0 / 3.0).abs() < 1e-5);
        assert!((variance(matrix.view(), &[0, 1]) - 1.0).abs() < 1e-6);
    }
}
