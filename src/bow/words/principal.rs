//! Principal components: the directions in which descriptors vary most (Pearson 1901).
//!
//! With the sample's mean m and covariance `C = (1/n) Σ (l − m)(l − m)ᵀ`, the axes are the unit eigenvectors of C by falling eigenvalue, and a
//! descriptor becomes `x = A (l − m)`, A the first P' axes as rows (P'×P). An axis's largest entry by magnitude, the first of equals, is positive. C and
//! its eigenvectors (Jacobi's rotations) are computed in f64 in a fixed order; what is kept is f32.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use crate::numeric::lanes::{add_scaled_f64, dot_f64};
use crate::numeric::{matrix, rows};

/// Parts of the sample that are summed side by side, and then in order.
const PARTS: usize = 16;
/// Maximum number of sweeps of rotations; about eight are needed.
const SWEEPS: usize = 64;

/// A projection onto principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    mean: Vec<f32>,
    axes: Array2<f32>,
    /// A in f64, row by row.
    wide: Vec<f64>,
    /// A m.
    offsets: Vec<f64>,
}

impl PrincipalComponents {
    /// A projection whose `mean` (P) and `axes` (P'×P) are known.
    pub fn new(mean: Vec<f32>, axes: Array2<f32>) -> Self {
        let axes = axes.as_standard_layout().into_owned();
        let wide: Vec<f64> = axes.iter().map(|&value| f64::from(value)).collect();
        let centre: Vec<f64> = mean.iter().map(|&value| f64::from(value)).collect();
        let offsets = wide.chunks_exact(mean.len().max(1)).map(|axis| dot_f64(axis, &centre)).collect();
        Self { mean, axes, wide, offsets }
    }

    /// The first `count` components of `sample` (n×P), and their share of its variance, between 0 and 1.
    pub fn fit(sample: ArrayView2<'_, f32>, count: usize) -> (Self, f64) {
        let (mean, covariance) = moments(sample);
        let width = mean.len();
        let (values, vectors) = eigenvectors(covariance, width);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        order.truncate(count);
        let mut axes = Array2::zeros((order.len(), width));
        for (mut axis, &number) in axes.rows_mut().into_iter().zip(&order) {
            let vector = &vectors[number * width..(number + 1) * width];
            let largest =
                vector.iter().fold(0.0f64, |best, &value| if value.abs() > best.abs() { value } else { best });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            axis.iter_mut().zip(vector).for_each(|(entry, &value)| *entry = (sign * value) as f32);
        }
        let total: f64 = values.iter().map(|value| value.max(0.0)).sum();
        let kept: f64 = order.iter().map(|&number| values[number].max(0.0)).sum();
        let mean = mean.into_iter().map(|value| value as f32).collect();
        (Self::new(mean, axes), if total > 0.0 { (kept / total).min(1.0) } else { 1.0 })
    }

    /// m, P.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// A, P'×P.
    pub fn axes(&self) -> &Array2<f32> {
        &self.axes
    }

    /// Appends `A (l − m)` to `out`, one value per axis; `scratch` saves an allocation per descriptor.
    pub fn project(&self, descriptor: &[f32], scratch: &mut Vec<f64>, out: &mut Vec<f32>) {
        scratch.clear();
        scratch.extend(descriptor.iter().map(|&value| f64::from(value)));
        let axes = self.wide.chunks_exact(self.mean.len().max(1));
        out.extend(axes.zip(&self.offsets).map(|(axis, offset)| (dot_f64(axis, scratch) - offset) as f32));
    }

    /// Every row of `sample` (n×P) projected, n×P'.
    pub fn project_all(&self, sample: ArrayView2<'_, f32>) -> Array2<f32> {
        let sample = sample.as_standard_layout();
        let projected: Vec<Vec<f32>> = sample
            .axis_chunks_iter(ndarray::Axis(0), 1024)
            .into_par_iter()
            .map(|block| {
                let (mut scratch, mut out) = (Vec::new(), Vec::with_capacity(block.nrows() * self.offsets.len()));
                for row in rows(&block) {
                    self.project(row, &mut scratch, &mut out);
                }
                out
            })
            .collect();
        matrix((sample.nrows(), self.offsets.len()), projected.concat())
    }
}

/// Mean (P) and covariance (P×P, row by row) of the rows.
fn moments(sample: ArrayView2<'_, f32>) -> (Vec<f64>, Vec<f64>) {
    let (rows, width) = sample.dim();
    let block = rows.div_ceil(PARTS).max(1);
    let sums = |of: &(dyn Fn(ArrayView2<'_, f32>) -> Vec<f64> + Sync), length: usize| {
        let parts: Vec<Vec<f64>> = (0..rows.div_ceil(block))
            .into_par_iter()
            .map(|part| of(sample.slice(s![part * block..((part + 1) * block).min(rows), ..])))
            .collect();
        let mut sum = vec![0.0; length];
        parts.iter().for_each(|part| add_scaled_f64(&mut sum, 1.0, part));
        sum.iter_mut().for_each(|value| *value /= rows.max(1) as f64);
        sum
    };
    let mean = sums(
        &|part| {
            let mut sum = vec![0.0; width];
            for row in part.rows() {
                sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            sum
        },
        width,
    );
    let mut covariance = sums(
        &|part| {
            let mut sum = vec![0.0; width * width];
            let mut centred = vec![0.0; width];
            for row in part.rows() {
                for ((centred, &value), mean) in centred.iter_mut().zip(row).zip(&mean) {
                    *centred = f64::from(value) - mean;
                }
                // The upper triangle.
                for (i, &value) in centred.iter().enumerate() {
                    add_scaled_f64(&mut sum[i * width + i..(i + 1) * width], value, &centred[i..]);
                }
            }
            sum
        },
        width * width,
    );
    for i in 0..width {
        for j in 0..i {
            covariance[i * width + j] = covariance[j * width + i];
        }
    }
    (mean, covariance)
}

/// Eigenvalues, and unit eigenvectors as rows, of the symmetric `matrix` (row by row), by Jacobi's rotations (Golub & Van Loan 2013, section 8.5).
fn eigenvectors(mut matrix: Vec<f64>, width: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; width * width];
    (0..width).for_each(|i| vectors[i * width + i] = 1.0);
    let whole: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let off: f64 = (0..width).map(|i| (0..i).map(|j| matrix[i * width + j].powi(2)).sum::<f64>()).sum();
        if 2.0 * off <= 1e-30 * whole {
            break;
        }
        for p in 0..width {
            for q in p + 1..width {
                let (app, aqq, apq) = (matrix[p * width + p], matrix[q * width + q], matrix[p * width + q]);
                if apq == 0.0 {
                    continue;
                }
                // The smaller angle that makes entry (p, q) vanish: t = tan, c = cos, s = sin.
                let tau = (aqq - app) / (2.0 * apq);
                let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = t * c;
                for i in 0..width {
                    let (aip, aiq) = (matrix[i * width + p], matrix[i * width + q]);
                    matrix[i * width + p] = c * aip - s * aiq;
                    matrix[i * width + q] = s * aip + c * aiq;
                }
                rotate(&mut matrix, width, p, q, c, s);
                rotate(&mut vectors, width, p, q, c, s);
            }
        }
    }
    ((0..width).map(|i| matrix[i * width + i]).collect(), vectors)
}

/// Rotates the rows p < q.
fn rotate(matrix: &mut [f64], width: usize, p: usize, q: usize, c: f64, s: f64) {
    let (above, below) = matrix.split_at_mut(q * width);
    for (a, b) in above[p * width..(p + 1) * width].iter_mut().zip(&mut below[..width]) {
        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::RngExt;

    fn sample(seed: u64, rows: usize, width: usize) -> Array2<f32> {
        let mut random = crate::numeric::random::stream(seed, "principal");
        let mix = Array2::from_shape_fn((width, width), |_| random.random::<f32>() - 0.5);
        Array2::from_shape_fn((rows, width), |_| random.random::<f32>()).dot(&mix) + 0.3
    }

    proptest! {
        /// By definition: orthonormal axes, and projections that are centred, uncorrelated and of falling variance.
        #[test]
        fn projections_are_centred_and_uncorrelated(seed in 0u64..1000, width in 1usize..12, rows in 20usize..120) {
            let sample = sample(seed, rows, width);
            let (components, explained) = PrincipalComponents::fit(sample.view(), width);
            prop_assert!((explained - 1.0).abs() < 1e-9);
            let axes = components.axes().mapv(f64::from);
            for ((i, j), value) in axes.dot(&axes.t()).indexed_iter() {
                prop_assert!((value - f64::from(u8::from(i == j))).abs() < 1e-5, "{} {}: {}", i, j, value);
            }
            for axis in axes.rows() {
                let largest = axis.iter().fold(0.0f64, |best, &v| if v.abs() > best.abs() { v } else { best });
                prop_assert!(largest > 0.0);
            }
            let projected = components.project_all(sample.view()).mapv(f64::from);
            let covariance = projected.t().dot(&projected) / rows as f64;
            let largest = covariance[(0, 0)];
            for (column, d) in projected.columns().into_iter().zip(0..) {
                prop_assert!(column.sum().abs() / (rows as f64) < 1e-5, "component {} is not centred", d);
            }
            for ((i, j), value) in covariance.indexed_iter() {
                prop_assert!(i == j || value.abs() < 1e-5 * largest.max(1e-3), "{} {}: {}", i, j, value);
                prop_assert!(i != j || i == 0 || *value <= covariance[(i - 1, i - 1)] + 1e-5 * largest);
            }
            // The whole basis is a rotation: distances stay.
            let distance = |data: &Array2<f64>| (&data.row(0) - &data.row(1)).mapv(|v| v * v).sum();
            prop_assert!((distance(&projected) - distance(&sample.mapv(f64::from))).abs() < 1e-4);
        }
    }

    #[test]
    fn the_eigenvectors_fulfil_their_equation() {
        let (width, sample) = (40, sample(5, 300, 40));
        let (_, covariance) = moments(sample.view());
        let (values, vectors) = eigenvectors(covariance.clone(), width);
        for (value, vector) in values.iter().zip(vectors.chunks(width)) {
            for (row, entry) in covariance.chunks(width).zip(vector) {
                let product: f64 = row.iter().zip(vector).map(|(a, b)| a * b).sum();
                assert!((product - value * entry).abs() < 1e-13, "{product} instead of {}", value * entry);
            }
        }
    }

    #[test]
    fn one_thread_and_three_give_the_same_bits_and_few_rows_do_no_harm() {
        let sample = sample(1, 777, 20);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| PrincipalComponents::fit(sample.view(), 7))
        };
        assert_eq!(with(1), with(3));
        // One row has no variance: any axes will do, and none is NaN.
        let (components, explained) = PrincipalComponents::fit(sample.slice(s![..1, ..]), 5);
        assert_eq!(explained, 1.0);
        assert!(components.axes().iter().all(|value| value.is_finite()));
    }
}
