//! The Gram matrix: every training picture's kernel with every other.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::kernel::Kernel;

/// `K_ij = k(x_i, x_j)` of the rows of `histograms` (n×D), stored in f32; symmetric to the bit.
pub fn gram(kernel: &dyn Kernel, histograms: ArrayView2<'_, f32>) -> Array2<f32> {
    let n = histograms.nrows();
    let rows: Vec<Vec<f32>> = histograms.rows().into_iter().map(|row| row.to_vec()).collect();
    let upper: Vec<Vec<f32>> = (0..n)
        .into_par_iter()
        // Rows get shorter: single items keep the threads balanced.
        .with_max_len(1)
        .map(|i| (i..n).map(|j| kernel.value(&rows[i], &rows[j]) as f32).collect())
        .collect();
    let mut matrix = Array2::zeros((n, n));
    for (i, row) in upper.iter().enumerate() {
        for (offset, &value) in row.iter().enumerate() {
            matrix[(i, i + offset)] = value;
            matrix[(i + offset, i)] = value;
        }
    }
    matrix
}

/// `s = mean_i K_ii − mean_ij K_ij` over the pictures `rows`: the variance in feature space, by which the kernel is divided.
pub fn variance(gram: ArrayView2<'_, f32>, rows: &[usize]) -> f64 {
    let n = rows.len() as f64;
    let diagonal: f64 = rows.iter().map(|&i| f64::from(gram[(i, i)])).sum();
    let all: f64 = rows.iter().map(|&i| rows.iter().map(|&j| f64::from(gram[(i, j)])).sum::<f64>()).sum();
    diagonal / n - all / (n * n)
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
            let Some(kernel) = kind.kernel().additive() else { continue };
            let matrix = gram(kind.kernel(), histograms.view());
            for i in 0..23 {
                for j in 0..23 {
                    let terms = histograms.row(i).into_iter().zip(histograms.row(j));
                    let expected: f64 = terms.map(|(a, b)| kernel.summand(f64::from(*a), f64::from(*b))).sum();
                    assert!((f64::from(matrix[(i, j)]) - expected).abs() < 1e-6 * expected.abs());
                    assert_eq!(matrix[(i, j)].to_bits(), matrix[(j, i)].to_bits());
                }
            }
        }
    }

    #[test]
    fn the_variance_of_a_linear_kernel_is_the_variance() {
        let x = ndarray::array![[1.0f32], [3.0], [8.0]];
        let matrix = gram(KernelKind::Linear.kernel(), x.view());
        assert!((variance(matrix.view(), &[0, 1, 2]) - 26.0 / 3.0).abs() < 1e-5);
        assert!((variance(matrix.view(), &[0, 1]) - 1.0).abs() < 1e-6);
    }
}
