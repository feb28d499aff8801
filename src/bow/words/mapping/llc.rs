//! Locality-constrained linear coding, approximated (Wang et al. 2010): the weights over the k nearest words that sum to 1 and rebuild the
//! feature best in the least-squares sense.
//!
//! With the rows `v_d − l` of the k words as Z, `C = Z Zᵀ + λ tr(Z Zᵀ) I`: solve `C a = 1`, then `m = a/Σa`. Weights may be negative.

use super::{Mapping, Nearest};

#[derive(Debug)]
pub(super) struct Llc {
    pub(super) neighbours: usize,
    pub(super) lambda: f64,
}

impl Mapping for Llc {
    fn neighbours(&self) -> usize {
        self.neighbours
    }

    fn weigh(&self, nearest: &Nearest<'_>, weights: &mut [f32]) {
        let k = weights.len();
        let offset = |word: u32| {
            let word = nearest.vocabulary.row(word as usize);
            word.into_iter().zip(nearest.descriptor).map(|(v, l)| f64::from(*v) - f64::from(*l)).collect::<Vec<f64>>()
        };
        let z: Vec<Vec<f64>> = nearest.words.iter().map(|&word| offset(word)).collect();
        let mut c = vec![0.0; k * k];
        for i in 0..k {
            for j in 0..=i {
                c[i * k + j] = z[i].iter().zip(&z[j]).map(|(a, b)| a * b).sum();
            }
        }
        let trace: f64 = (0..k).map(|i| c[i * k + i]).sum();
        if trace == 0.0 {
            // Every word is the feature itself.
            weights.fill(1.0 / k as f32);
            return;
        }
        for i in 0..k {
            c[i * k + i] += self.lambda * trace;
        }
        let solution = solve_ones(&mut c, k);
        let sum: f64 = solution.iter().sum();
        for (weight, value) in weights.iter_mut().zip(solution) {
            *weight = (value / sum) as f32;
        }
    }
}

/// x of `C x = 1`, C symmetric and positive definite (its lower triangle is used, and overwritten), by Cholesky's decomposition.
fn solve_ones(c: &mut [f64], k: usize) -> Vec<f64> {
    for j in 0..k {
        for i in j..k {
            let inner: f64 = (0..j).map(|e| c[i * k + e] * c[j * k + e]).sum();
            let rest = c[i * k + j] - inner;
            c[i * k + j] = if i == j { rest.sqrt() } else { rest / c[j * k + j] };
        }
    }
    let mut x = vec![1.0; k];
    for i in 0..k {
        let inner: f64 = (0..i).map(|e| c[i * k + e] * x[e]).sum();
        x[i] = (x[i] - inner) / c[i * k + i];
    }
    for i in (0..k).rev() {
        let inner: f64 = (i + 1..k).map(|e| c[e * k + i] * x[e]).sum();
        x[i] = (x[i] - inner) / c[i * k + i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;
    use rand::RngExt;

    proptest! {
        /// The conditions of the constrained minimum: `C m` is the same for every word, and the weights sum to 1.
        #[test]
        fn weights_fulfil_the_normal_equations(seed in 0u64..10_000, k in 1usize..9) {
            let mut random = crate::numeric::random::stream(seed, "llc");
            let vocabulary = Array2::from_shape_fn((k, 6), |_| random.random::<f32>());
            let descriptor = Array1::from_shape_fn(6, |_| random.random::<f32>());
            let words: Vec<u32> = (0..k as u32).collect();
            let mut weights = vec![0.0; k];
            let lambda = 1e-2;
            let (descriptor, vocabulary) = (descriptor.view(), vocabulary.view());
            let nearest = Nearest { descriptor, vocabulary, words: &words, distances: &[], variance: 1.0 };
            Llc { neighbours: k, lambda }.weigh(&nearest, &mut weights);
            prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            let z = &vocabulary - &descriptor;
            let gram = z.dot(&z.t()).mapv(f64::from);
            let trace: f64 = gram.diag().sum();
            let product: Vec<f64> = (0..k)
                .map(|i| (0..k).map(|j| (gram[(i, j)] + if i == j { lambda * trace } else { 0.0 }) * f64::from(weights[j])).sum())
                .collect();
            for value in &product {
                prop_assert!((value - product[0]).abs() < 1e-4 * trace, "{:?}", product);
            }
        }
    }
}
