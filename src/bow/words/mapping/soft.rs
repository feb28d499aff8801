//! Soft mapping (codebook uncertainty, van Gemert et al. 2010): over the k nearest words
//! `m_d ∝ exp(−‖l − v_d‖²/2σ²)`, summing to 1; σ² is the training descriptors' mean squared distance to their words.

use super::{Mapping, Nearest};

#[derive(Debug)]
pub(super) struct Soft {
    pub(super) neighbours: usize,
}

impl Mapping for Soft {
    fn neighbours(&self) -> usize {
        self.neighbours
    }

    fn weigh(&self, nearest: &Nearest<'_>, weights: &mut [f32]) {
        let (distances, variance) = (nearest.distances, nearest.variance);
        // Relative to the nearest word, so that the largest exponential is 1 and the sum can't vanish.
        let nearest = f64::from(distances.first().copied().unwrap_or(0.0));
        let exponential = |distance: f32| (-(f64::from(distance) - nearest) / (2.0 * variance)).exp();
        let sum: f64 = distances.iter().map(|&distance| exponential(distance)).sum();
        for (weight, &distance) in weights.iter_mut().zip(distances) {
            *weight = (exponential(distance) / sum) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::words::mapping::tests::at;

    #[test]
    fn weights_are_the_formula_and_sum_to_one() {
        let soft = Soft { neighbours: 3 };
        let mut weights = [0.0; 3];
        soft.weigh(&Nearest { variance: 0.25, ..at(&[0.5, 0.75, 1.5]) }, &mut weights);
        let raw: Vec<f64> = [0.5f64, 0.75, 1.5].iter().map(|d| (-d / 0.5).exp()).collect();
        let sum: f64 = raw.iter().sum();
        for (weight, raw) in weights.iter().zip(raw) {
            assert!((f64::from(*weight) - raw / sum).abs() < 1e-7);
        }
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
