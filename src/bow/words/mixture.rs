//! A mixture of Gaussians with diagonal covariances, learnt by expectation and maximisation (Dempster, Laird, Rubin 1977).
//!
//! `p(x) = Σ_k w_k N(x; μ_k, σ_k²)`, `log N = −½ Σ_j (log 2πσ²_kj + (x_j − μ_kj)²/σ²_kj)`. From the clusters of a k-means vocabulary, each pass computes the
//! posteriors `γ_k(x) = w_k N_k(x)/p(x)` of the sample and then, with `S_k = Σ_x γ_k(x)`,
//!
//! `w_k = S_k/n`, `μ_k = Σ_x γ_k(x) x / S_k`, `σ_k² = Σ_x γ_k(x) x² / S_k − μ_k²`,
//!
//! until the mean log-likelihood gains less than the tolerance or `max_iter` is reached. A variance is at least 1e-3 of the sample's in its dimension; a
//! component without any descriptor stays where it is. Sums run over fixed parts of the sample in order, so the result does not depend on threads.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use crate::numeric::lanes::{add_scaled_f64, weighted_squared_distance};
use crate::numeric::rows;

/// Parts of the sample that are summed side by side, and then in order.
const PARTS: usize = 32;
/// A posterior below this counts as 0.
const NEGLIGIBLE: f64 = 1e-12;
/// The smallest variance, as a share of the sample's in that dimension.
const VARIANCE_SHARE: f64 = 1e-3;
/// The smallest variance there is.
const SMALLEST_VARIANCE: f64 = 1e-9;
/// The smallest `S_k`.
const SMALLEST_MASS: f64 = 1e-3;

/// A mixture of K Gaussians with diagonal covariances.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    means: Array2<f64>,
    variances: Array2<f64>,
    weights: Vec<f64>,
    /// 1/σ².
    precisions: Array2<f64>,
    /// log w_k − ½ Σ_j log 2πσ²_kj.
    constants: Vec<f64>,
}

impl GaussianMixture {
    /// A mixture whose `means` and `variances` (K×P, variances above 0) and `weights` (K, above 0, summing to 1) are known.
    pub fn new(means: Array2<f64>, variances: Array2<f64>, weights: Vec<f64>) -> Self {
        let [means, variances] = [means, variances].map(|array| array.as_standard_layout().into_owned());
        let constant = |(variances, weight): (ndarray::ArrayView1<'_, f64>, &f64)| {
            weight.ln() - 0.5 * variances.iter().map(|variance| (std::f64::consts::TAU * variance).ln()).sum::<f64>()
        };
        let constants = variances.rows().into_iter().zip(&weights).map(constant).collect();
        Self { precisions: variances.mapv(f64::recip), means, variances, weights, constants }
    }

    /// K.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Values of what it describes, P.
    pub fn width(&self) -> usize {
        self.means.ncols()
    }

    /// μ, K×P.
    pub fn means(&self) -> &Array2<f64> {
        &self.means
    }

    /// σ², K×P.
    pub fn variances(&self) -> &Array2<f64> {
        &self.variances
    }

    /// w, K.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Fills `logs` (K) with `log w_k N(x; μ_k, σ_k²)`.
    pub fn log_densities(&self, x: &[f64], logs: &mut [f64]) {
        let components = rows(&self.means).zip(rows(&self.precisions));
        for ((log, constant), (mean, precision)) in logs.iter_mut().zip(&self.constants).zip(components) {
            *log = constant - 0.5 * weighted_squared_distance(x, mean, precision);
        }
    }

    /// Turns log-densities into posteriors, and returns `log p(x)`.
    fn posteriors(logs: &mut [f64]) -> f64 {
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for value in logs.iter_mut() {
            *value = (*value - largest).exp();
            sum += *value;
        }
        logs.iter_mut().for_each(|value| *value /= sum);
        largest + sum.ln()
    }
}

/// How a mixture is learnt.
#[derive(Debug, Clone, Copy)]
pub struct MixtureParams {
    /// Maximum number of passes.
    pub max_iter: usize,
    /// Gain of the mean log-likelihood (in nats) below which the iteration has converged.
    pub tolerance: f64,
}

/// A learnt mixture and how the learning went.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedMixture {
    /// The mixture.
    pub mixture: GaussianMixture,
    /// The sample's mean log-likelihood before each pass.
    pub iterations: Vec<f64>,
    /// The same under the mixture.
    pub mean_log_likelihood: f64,
    /// Whether the tolerance ended the iteration, not the limit.
    pub converged: bool,
}

impl MixtureParams {
    /// Learns the mixture of `sample` (n×P, n above 0) from a partition of it: `owners` has each row's component, below `count`.
    pub fn fit(&self, sample: ArrayView2<'_, f32>, owners: &[usize], count: usize) -> FittedMixture {
        let floors = floors(sample);
        let (start, _) = gather(sample, count, |row, _, posteriors| {
            posteriors.fill(0.0);
            posteriors[owners[row]] = 1.0;
            0.0
        });
        let flat = Array2::from_shape_fn((count, sample.ncols()), |(_, d)| floors[d] / VARIANCE_SHARE);
        let nowhere = GaussianMixture::new(Array2::zeros(flat.dim()), flat, vec![1.0 / count as f64; count]);
        let mut mixture = maximise(&start, sample.nrows(), &floors, &nowhere);
        let mut iterations: Vec<f64> = Vec::new();
        loop {
            let (moments, likelihood) = gather(sample, count, |_, x, posteriors| {
                mixture.log_densities(x, posteriors);
                GaussianMixture::posteriors(posteriors)
            });
            let converged = iterations.last().is_some_and(|before| likelihood - before < self.tolerance);
            if converged || iterations.len() == self.max_iter {
                return FittedMixture { mixture, iterations, mean_log_likelihood: likelihood, converged };
            }
            iterations.push(likelihood);
            mixture = maximise(&moments, sample.nrows(), &floors, &mixture);
        }
    }
}

/// The smallest variance allowed in each dimension.
fn floors(sample: ArrayView2<'_, f32>) -> Vec<f64> {
    let (moments, _) = gather(sample, 1, |_, _, posteriors| {
        posteriors.fill(1.0);
        0.0
    });
    let n = sample.nrows().max(1) as f64;
    let (first, second) = moments[0][1..].split_at(sample.ncols());
    let variance = |(first, second): (&f64, &f64)| second / n - (first / n) * (first / n);
    first.iter().zip(second).map(variance).map(|v| (VARIANCE_SHARE * v).max(SMALLEST_VARIANCE)).collect()
}

/// Each component's `S`, `Σ γ x` and `Σ γ x²` in a row, and the mean of what `weigh` returns; `weigh(row, x, posteriors)` fills a row's posteriors.
fn gather(
    sample: ArrayView2<'_, f32>,
    count: usize,
    weigh: impl Fn(usize, &[f64], &mut [f64]) -> f64 + Sync,
) -> (Vec<Vec<f64>>, f64) {
    let (rows, width) = sample.dim();
    let block = rows.div_ceil(PARTS).max(1);
    let parts: Vec<(Vec<Vec<f64>>, f64)> = (0..rows.div_ceil(block))
        .into_par_iter()
        .map(|part| {
            let first = part * block;
            let mut moments = vec![vec![0.0; 1 + 2 * width]; count];
            let mut total = 0.0;
            let mut posteriors = vec![0.0; count];
            // 1, x and x², side by side as the moments are.
            let mut powers = vec![1.0; 1 + 2 * width];
            for (row, values) in sample.slice(s![first..(first + block).min(rows), ..]).rows().into_iter().enumerate() {
                for (d, &value) in values.iter().enumerate() {
                    let value = f64::from(value);
                    (powers[1 + d], powers[1 + width + d]) = (value, value * value);
                }
                total += weigh(first + row, &powers[1..1 + width], &mut posteriors);
                for (moments, &posterior) in moments.iter_mut().zip(&posteriors) {
                    if posterior >= NEGLIGIBLE {
                        add_scaled_f64(moments, posterior, &powers);
                    }
                }
            }
            (moments, total)
        })
        .collect();
    let mut moments = vec![vec![0.0; 1 + 2 * width]; count];
    let mut total = 0.0;
    for (part, sum) in &parts {
        moments.iter_mut().zip(part).for_each(|(moments, part)| add_scaled_f64(moments, 1.0, part));
        total += sum;
    }
    (moments, total / rows.max(1) as f64)
}

/// The mixture of these moments; a component that has none stays as it is in `before`.
fn maximise(moments: &[Vec<f64>], rows: usize, floors: &[f64], before: &GaussianMixture) -> GaussianMixture {
    let (mut means, mut variances) = (before.means.clone(), before.variances.clone());
    let mut weights = Vec::with_capacity(moments.len());
    for (k, moments) in moments.iter().enumerate() {
        let mass = moments[0];
        weights.push(mass.max(SMALLEST_MASS) / rows.max(1) as f64);
        if mass < SMALLEST_MASS {
            continue;
        }
        let (first, second) = moments[1..].split_at(floors.len());
        for (d, ((first, second), floor)) in first.iter().zip(second).zip(floors).enumerate() {
            let mean = first / mass;
            means[(k, d)] = mean;
            variances[(k, d)] = (second / mass - mean * mean).max(*floor);
        }
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    GaussianMixture::new(means, variances, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::RngExt;

    /// Clouds of different widths, and the cloud each row is from.
    fn clouds(seed: u64, rows: usize, width: usize, count: usize) -> (Array2<f32>, Vec<usize>) {
        let mut random = crate::numeric::random::stream(seed, "mixture");
        let centres = Array2::from_shape_fn((count, width), |_| random.random::<f32>());
        let owners: Vec<usize> = (0..rows).map(|row| row % count).collect();
        let sample = Array2::from_shape_fn((rows, width), |(row, d)| {
            let noise: f32 = (0..4).map(|_| random.random::<f32>() - 0.5).sum();
            centres[(owners[row], d)] + (0.1 + 0.2 * owners[row] as f32 / count as f32) * noise
        });
        (sample, owners)
    }

    /// The module head's formulae, one number at a time: `passes` passes, and the mean log-likelihood before each.
    fn naive(sample: &Array2<f32>, owners: &[usize], count: usize, passes: usize) -> (GaussianMixture, Vec<f64>) {
        let (n, width) = sample.dim();
        let x = |row: usize, d: usize| f64::from(sample[(row, d)]);
        let mut gamma = Array2::from_shape_fn((n, count), |(row, k)| f64::from(u8::from(owners[row] == k)));
        let mut likelihoods = Vec::new();
        let mut pass = 0;
        loop {
            let mass = |k: usize| gamma.column(k).sum();
            let means = Array2::from_shape_fn((count, width), |(k, d)| {
                (0..n).map(|row| gamma[(row, k)] * x(row, d)).sum::<f64>() / mass(k)
            });
            let variances = Array2::from_shape_fn((count, width), |(k, d)| {
                (0..n).map(|row| gamma[(row, k)] * (x(row, d) - means[(k, d)]).powi(2)).sum::<f64>() / mass(k)
            });
            let weights: Vec<f64> = (0..count).map(|k| mass(k) / n as f64).collect();
            if pass == passes {
                return (GaussianMixture::new(means, variances, weights), likelihoods);
            }
            let mut sum = 0.0;
            for row in 0..n {
                let density = |k: usize| {
                    let gauss = |d: usize| {
                        let v = variances[(k, d)];
                        (-(x(row, d) - means[(k, d)]).powi(2) / (2.0 * v)).exp() / (std::f64::consts::TAU * v).sqrt()
                    };
                    weights[k] * (0..width).map(gauss).product::<f64>()
                };
                let all: f64 = (0..count).map(density).sum();
                (0..count).for_each(|k| gamma[(row, k)] = density(k) / all);
                sum += all.ln();
            }
            likelihoods.push(sum / n as f64);
            pass += 1;
        }
    }

    proptest! {
        #[test]
        fn passes_equal_the_formulae_and_the_likelihood_never_falls(seed in 0u64..1000, width in 1usize..6, count in 1usize..5) {
            let (sample, owners) = clouds(seed, 150, width, count);
            let (expected, likelihoods) = naive(&sample, &owners, count, 6);
            let found = MixtureParams { max_iter: 6, tolerance: -1.0 }.fit(sample.view(), &owners, count);
            prop_assert_eq!(found.iterations.len(), 6);
            for (found, expected) in found.iterations.iter().zip(&likelihoods) {
                prop_assert!((found - expected).abs() < 1e-9, "{} instead of {}", found, expected);
            }
            for (found, expected) in [
                (found.mixture.means(), expected.means()),
                (found.mixture.variances(), expected.variances()),
            ] {
                for (found, expected) in found.iter().zip(expected) {
                    prop_assert!((found - expected).abs() < 1e-9, "{} instead of {}", found, expected);
                }
            }
            for (found, expected) in found.mixture.weights().iter().zip(expected.weights()) {
                prop_assert!((found - expected).abs() < 1e-9);
            }
            let mut all = found.iterations.clone();
            all.push(found.mean_log_likelihood);
            prop_assert!(all.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12), "{:?}", all);
        }
    }

    #[test]
    fn the_tolerance_ends_the_iteration() {
        let (sample, _) = clouds(3, 400, 4, 3);
        // A start that mixes the clouds.
        let owners: Vec<usize> = (0..400).map(|row| row / 2 % 3).collect();
        let fitted = MixtureParams { max_iter: 500, tolerance: 1e-6 }.fit(sample.view(), &owners, 3);
        assert!(fitted.converged && fitted.iterations.len() < 500);
        let limited = MixtureParams { max_iter: 1, tolerance: 1e-6 }.fit(sample.view(), &owners, 3);
        assert!(!limited.converged && limited.iterations.len() == 1);
        assert!(limited.mean_log_likelihood <= fitted.mean_log_likelihood);
    }

    #[test]
    fn emptied_components_and_flat_dimensions_stay_finite() {
        // Component 2 owns nothing, and the last dimension is the same everywhere.
        let (mut sample, owners) = clouds(9, 60, 3, 2);
        sample.column_mut(2).fill(0.25);
        let fitted = MixtureParams { max_iter: 5, tolerance: 0.0 }.fit(sample.view(), &owners, 3);
        let mixture = &fitted.mixture;
        assert!(mixture.means().iter().chain(mixture.variances()).all(|value| value.is_finite()));
        assert!(mixture.variances().iter().all(|variance| *variance >= SMALLEST_VARIANCE));
        assert!(mixture.weights().iter().all(|weight| *weight > 0.0));
        assert!((mixture.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_thread_and_three_give_the_same_bits() {
        let (sample, owners) = clouds(4, 3000, 8, 7);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| MixtureParams { max_iter: 4, tolerance: 0.0 }.fit(sample.view(), &owners, 7))
        };
        assert_eq!(with(1), with(3));
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        sample: Vec<Vec<f32>>,
        owners: Vec<usize>,
        means: Vec<Vec<f64>>,
        variances: Vec<Vec<f64>>,
        weights: Vec<f64>,
        mean_log_likelihood: f64,
    }

    /// scikit-learn's GaussianMixture from the same start, run to its end.
    #[test]
    fn golden_values_agree() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/mixture.json");
        let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let count = golden.weights.len();
        let sample =
            Array2::from_shape_fn((golden.sample.len(), golden.means[0].len()), |(row, d)| golden.sample[row][d]);
        let fitted = MixtureParams { max_iter: 2000, tolerance: 1e-13 }.fit(sample.view(), &golden.owners, count);
        assert!(fitted.converged);
        for k in 0..count {
            assert!((fitted.mixture.weights()[k] - golden.weights[k]).abs() < 1e-6);
            for d in 0..sample.ncols() {
                let (mean, variance) = (fitted.mixture.means()[(k, d)], fitted.mixture.variances()[(k, d)]);
                assert!((mean - golden.means[k][d]).abs() < 1e-6, "{mean} instead of {}", golden.means[k][d]);
                assert!((variance - golden.variances[k][d]).abs() < 1e-6, "{variance}");
            }
        }
        assert!((fitted.mean_log_likelihood - golden.mean_log_likelihood).abs() < 1e-9);
    }
}
