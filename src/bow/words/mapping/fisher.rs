//! Fisher vectors (Perronnin & Dance 2007; Sánchez, Perronnin, Mensink, Verbeek 2013; B15's [39–41]): how a mixture of Gaussians would have to
//! change to describe a feature better.
//!
//! The words are the components of a [`GaussianMixture`] on descriptors that are reduced to P' principal components x. Of the feature's k most likely
//! components, with posteriors `γ_k = w_k N_k(x)/Σ_kept w N(x)` (0 for the others) and `u_j = (x_j − μ_kj)/σ_kj`, the weights m are the derivatives of log p(x)
//! by each component's parameters, each divided by the root of its Fisher information (w_k/σ², 2w_k/σ² and w_k):
//!
//! - by μ_kj: `γ_k u_j / √w_k`
//! - by σ_kj: `γ_k (u_j² − 1) / √(2 w_k)`
//! - by the mixture weight, where asked for: `(γ_k − w_k) / √w_k`, of **every** component, since it is not 0 where γ_k is.
//!
//! A component's 2P' (+1) dimensions stand side by side in this order. The way back is that of every mapping ([`super::super::pooling`]): a dimension's relevance
//! is shared by what the features put into it. Kept are γ and x in f32; the derivatives are computed from them anew each time.

use std::sync::Arc;

use macro_rules_attribute::apply;
use ndarray::ArrayView2;

use crate::bow::words::Assignment;
use crate::bow::words::MappingConfig;
use crate::bow::words::mixture::GaussianMixture;
use crate::bow::words::principal::PrincipalComponents;
use crate::numeric::rows;
use crate::numeric::simd::avx2;

/// A mixture, the projection to the descriptors that it describes, and how features are mapped to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fisher {
    principal: Option<PrincipalComponents>,
    mixture: GaussianMixture,
    neighbours: usize,
    with_weights: bool,
    /// 1/σ, K×P'.
    inverse_deviations: Vec<f64>,
}

/// Derivatives in place of single weights: what an [`Assignment`] to a mixture holds beside components and posteriors.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// The mixture.
    pub fisher: Arc<Fisher>,
    /// The reduced descriptors x, n×P'.
    pub reduced: Vec<f32>,
}

impl Fisher {
    /// The mapping to `mixture`, of descriptors reduced by `principal`.
    pub fn new(config: &MappingConfig, principal: Option<PrincipalComponents>, mixture: GaussianMixture) -> Self {
        let inverse_deviations = mixture.variances().iter().map(|variance| variance.sqrt().recip()).collect();
        let neighbours = config.neighbours.clamp(1, mixture.len().max(1));
        Self { principal, mixture, neighbours, with_weights: config.fisher_weights, inverse_deviations }
    }

    /// The projection, where there is one.
    pub fn principal(&self) -> Option<&PrincipalComponents> {
        self.principal.as_ref()
    }

    /// The mixture.
    pub fn mixture(&self) -> &GaussianMixture {
        &self.mixture
    }

    /// Components that a feature keeps, k.
    pub fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// Dimensions that a component has in a cell, 2P' (+1).
    fn block(&self) -> usize {
        2 * self.mixture.width() + usize::from(self.with_weights)
    }

    /// An assignment of no feature yet.
    pub fn begin(self: &Arc<Self>) -> Assignment {
        let derivatives = Derivatives { fisher: Arc::clone(self), reduced: Vec::new() };
        Assignment { neighbours: self.neighbours, derivatives: Some(derivatives), ..Assignment::default() }
    }

    /// Appends the features with these descriptors (n×P) to an assignment that [`Fisher::begin`] made.
    pub fn assign(&self, descriptors: ArrayView2<'_, f32>, assignment: &mut Assignment) {
        let Some(derivatives) = &mut assignment.derivatives else { return };
        let descriptors = descriptors.as_standard_layout();
        let (mut x, mut scratch) = (vec![0.0; self.mixture.width()], Vec::new());
        let mut logs = vec![0.0; self.mixture.len()];
        let mut likeliest: Vec<(f64, u32)> = Vec::with_capacity(self.neighbours + 1);
        for descriptor in rows(&descriptors) {
            let first = derivatives.reduced.len();
            match &self.principal {
                Some(principal) => principal.project(descriptor, &mut scratch, &mut derivatives.reduced),
                None => derivatives.reduced.extend_from_slice(descriptor),
            }
            x.iter_mut().zip(&derivatives.reduced[first..]).for_each(|(x, &value)| *x = f64::from(value));
            self.mixture.log_densities(&x, &mut logs);
            likeliest.clear();
            for (component, &log) in (0u32..).zip(&logs) {
                // The k largest so far, falling; the lower component first of equals.
                if likeliest.len() == self.neighbours {
                    if log <= likeliest[self.neighbours - 1].0 {
                        continue;
                    }
                    likeliest.pop();
                }
                let at = likeliest.partition_point(|(other, _)| *other >= log);
                likeliest.insert(at, (log, component));
            }
            let largest = likeliest[0].0;
            likeliest.iter_mut().for_each(|(log, _)| *log = (*log - largest).exp());
            let sum: f64 = likeliest.iter().map(|(value, _)| value).sum();
            assignment.words.extend(likeliest.iter().map(|(_, component)| component));
            assignment.weights.extend(likeliest.iter().map(|(value, _)| (value / sum) as f32));
        }
    }

    /// Calls `found(first dimension, derivatives)` for all dimensions of a cell that a feature has a weight in, some at a time; `values` is scratch.
    pub fn visit(
        &self,
        x: &[f32],
        components: &[u32],
        posteriors: &[f32],
        values: &mut Vec<f64>,
        mut found: impl FnMut(usize, &[f64]),
    ) {
        let (width, block) = (x.len(), self.block());
        values.clear();
        values.resize(block, 0.0);
        for (&component, &posterior) in components.iter().zip(posteriors) {
            let component = component as usize;
            let mean = rows(self.mixture.means()).nth(component).expect("a row for every component");
            let inverse = &self.inverse_deviations[component * width..(component + 1) * width];
            let (weight, posterior) = (self.mixture.weights()[component], f64::from(posterior));
            let factors = (posterior / weight.sqrt(), posterior / (2.0 * weight).sqrt());
            let (by_mean, rest) = values.split_at_mut(width);
            let (by_deviation, by_weight) = rest.split_at_mut(width);
            derive(x, Component { mean, inverse, factors }, by_mean, by_deviation);
            by_weight.iter_mut().for_each(|value| *value = (posterior - weight) / weight.sqrt());
            found(component * block, values);
        }
        if self.with_weights {
            for (component, &weight) in self.mixture.weights().iter().enumerate() {
                if !components.contains(&(component as u32)) {
                    found(component * block + 2 * width, &[-weight.sqrt()]);
                }
            }
        }
    }
}

/// What the derivatives of one component by its means and deviations are made of.
#[derive(Clone, Copy)]
struct Component<'a> {
    /// μ.
    mean: &'a [f64],
    /// 1/σ.
    inverse: &'a [f64],
    /// γ/√w and γ/√(2w).
    factors: (f64, f64),
}

/// Fills the derivatives of one component by its means and deviations.
#[apply(avx2!)]
fn derive(x: &[f32], component: Component<'_>, by_mean: &mut [f64], by_deviation: &mut [f64]) {
    let Component { mean, inverse, factors } = component;
    let outputs = by_mean.iter_mut().zip(by_deviation);
    for (((x, mean), inverse), (by_mean, by_deviation)) in x.iter().zip(mean).zip(inverse).zip(outputs) {
        let u = (f64::from(*x) - mean) * inverse;
        *by_mean = factors.0 * u;
        *by_deviation = factors.1 * (u * u - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use rand::RngExt;

    fn mixture(seed: u64, count: usize, width: usize) -> GaussianMixture {
        let mut random = crate::numeric::random::stream(seed, "fisher");
        let means = Array2::from_shape_fn((count, width), |_| random.random::<f64>());
        let variances = Array2::from_shape_fn((count, width), |_| 0.05 + random.random::<f64>());
        let weights: Vec<f64> = (0..count).map(|_| 0.1 + random.random::<f64>()).collect();
        let sum: f64 = weights.iter().sum();
        GaussianMixture::new(means, variances, weights.iter().map(|weight| weight / sum).collect())
    }

    fn config(neighbours: usize, fisher_weights: bool) -> MappingConfig {
        MappingConfig { neighbours, fisher_weights, ..MappingConfig::default() }
    }

    /// Means, deviations, and α of the mixture weights `w_k ∝ exp(α_k)`.
    type Parameters = (Array2<f64>, Array2<f64>, Vec<f64>);

    /// log p(x) with some parameters moved, as in the module head.
    fn log_density(x: &[f64], mixture: &GaussianMixture, moved: impl Fn(&mut Parameters)) -> f64 {
        let alpha = mixture.weights().iter().map(|weight| weight.ln()).collect();
        let mut parameters = (mixture.means().clone(), mixture.variances().mapv(f64::sqrt), alpha);
        moved(&mut parameters);
        let (means, deviations, alpha) = parameters;
        let sum: f64 = alpha.iter().map(|alpha| alpha.exp()).sum();
        let density = |k: usize| {
            let gauss = |d: usize| {
                let u = (x[d] - means[(k, d)]) / deviations[(k, d)];
                (-0.5 * u * u).exp() / (deviations[(k, d)] * std::f64::consts::TAU.sqrt())
            };
            alpha[k].exp() / sum * (0..x.len()).map(gauss).product::<f64>()
        };
        (0..alpha.len()).map(density).sum::<f64>().ln()
    }

    proptest! {
        /// With all components kept, the weights are the derivatives of log p(x) over the root of the information.
        #[test]
        fn values_are_derivatives_of_the_log_likelihood(seed in 0u64..10_000, count in 1usize..5, width in 1usize..5) {
            let mixture = mixture(seed, count, width);
            let fisher = Arc::new(Fisher::new(&config(count, true), None, mixture.clone()));
            let mut random = crate::numeric::random::stream(seed, "x");
            let descriptors = Array2::from_shape_fn((1, width), |_| random.random::<f32>());
            let x: Vec<f64> = descriptors.iter().map(|&value| f64::from(value)).collect();
            let mut assignment = fisher.begin();
            fisher.assign(descriptors.view(), &mut assignment);
            let mut found = vec![f64::NAN; count * (2 * width + 1)];
            assignment.visit(0, |dimension, value| found[dimension] = value);
            let step = 1e-5;
            for k in 0..count {
                let weight = mixture.weights()[k];
                let slope = |moved: &dyn Fn(f64, &mut Parameters)| {
                    let at = |by: f64| log_density(&x, &mixture, |parameters| moved(by, parameters));
                    (at(step) - at(-step)) / (2.0 * step)
                };
                let mut expected = Vec::new();
                for d in 0..width {
                    let information = weight / mixture.variances()[(k, d)];
                    expected.push(slope(&|by, (means, _, _)| means[(k, d)] += by) / information.sqrt());
                }
                for d in 0..width {
                    let information = 2.0 * weight / mixture.variances()[(k, d)];
                    expected.push(slope(&|by, (_, deviations, _)| deviations[(k, d)] += by) / information.sqrt());
                }
                expected.push(slope(&|by, (_, _, alpha)| alpha[k] += by) / weight.sqrt());
                for (found, expected) in found[k * (2 * width + 1)..].iter().zip(expected) {
                    // Posteriors are f32.
                    prop_assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{} instead of {}", found, expected);
                }
            }
        }

        /// The kept components are the most likely ones, by falling posterior, and all others' posterior counts as 0.
        #[test]
        fn the_likeliest_components_are_kept(seed in 0u64..10_000, count in 1usize..9, keep in 1usize..9, with_weights in any::<bool>()) {
            let (width, keep) = (3, keep.min(count));
            let mixture = mixture(seed, count, width);
            let fisher = Arc::new(Fisher::new(&config(keep, with_weights), None, mixture.clone()));
            let mut random = crate::numeric::random::stream(seed, "x");
            let descriptors = Array2::from_shape_fn((7, width), |_| random.random::<f32>());
            let mut assignment = fisher.begin();
            fisher.assign(descriptors.slice(ndarray::s![..4, ..]), &mut assignment);
            fisher.assign(descriptors.slice(ndarray::s![4.., ..]), &mut assignment);
            prop_assert_eq!((assignment.len(), assignment.neighbours), (7, keep));
            for (row, descriptor) in descriptors.rows().into_iter().enumerate() {
                let x: Vec<f64> = descriptor.iter().map(|&value| f64::from(value)).collect();
                let log = |k: usize| {
                    let one = |d: usize| {
                        let variance = mixture.variances()[(k, d)];
                        -0.5 * ((std::f64::consts::TAU * variance).ln() + (x[d] - mixture.means()[(k, d)]).powi(2) / variance)
                    };
                    mixture.weights()[k].ln() + (0..width).map(one).sum::<f64>()
                };
                let mut order: Vec<usize> = (0..count).collect();
                order.sort_by(|&a, &b| log(b).total_cmp(&log(a)));
                order.truncate(keep);
                let sum: f64 = order.iter().map(|&k| log(k).exp()).sum();
                let mut expected = vec![0.0; count * fisher.block()];
                for (rank, &k) in order.iter().enumerate() {
                    prop_assert_eq!(assignment.words[row * keep + rank] as usize, k);
                    let posterior = f64::from(assignment.weights[row * keep + rank]);
                    prop_assert!((posterior - log(k).exp() / sum).abs() < 1e-6);
                }
                for k in 0..count {
                    let rank = order.iter().position(|&other| other == k);
                    let posterior = rank.map_or(0.0, |rank| f64::from(assignment.weights[row * keep + rank]));
                    let weight = mixture.weights()[k];
                    for d in 0..width {
                        let u = (x[d] - mixture.means()[(k, d)]) / mixture.variances()[(k, d)].sqrt();
                        expected[k * fisher.block() + d] = posterior * u / weight.sqrt();
                        expected[k * fisher.block() + width + d] = posterior * (u * u - 1.0) / (2.0 * weight).sqrt();
                    }
                    if with_weights {
                        expected[k * fisher.block() + 2 * width] = (posterior - weight) / weight.sqrt();
                    }
                }
                let mut found = vec![0.0; expected.len()];
                assignment.visit(row, |dimension, value| found[dimension] += value);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{} instead of {}", found, expected);
                }
            }
        }
    }

    #[test]
    fn equally_likely_components_stand_in_their_order() {
        let means = ndarray::array![[0.0], [1.0], [-1.0], [1.0]];
        let mixture = GaussianMixture::new(means, Array2::ones((4, 1)), vec![0.25; 4]);
        let fisher = Arc::new(Fisher::new(&config(3, false), None, mixture));
        let mut assignment = fisher.begin();
        fisher.assign(ndarray::array![[1.0f32]].view(), &mut assignment);
        assert_eq!(assignment.words, [1, 3, 0]);
    }
}
