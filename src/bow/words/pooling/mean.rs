//! The mean, `(1/n) Σ_l m_d(l)`, and its kin for p > 1, `((1/n) Σ_l m_d(l)^p)^(1/p)` (B15 Eq 19): the larger p, the nearer to the maximum.

use macro_rules_attribute::apply;

use super::Pooling;
use crate::numeric::lanes::{add_scaled_f64, dot_f64};
use crate::numeric::simd::avx2;

pub(super) struct Mean;

impl Pooling for Mean {
    fn gather(&self, mass: &mut f64, weight: f64) {
        *mass += weight;
    }

    fn value(&self, mass: f64, count: usize) -> f64 {
        mass / count as f64
    }

    fn share(&self, weight: f64, _mass: f64) -> f64 {
        weight
    }

    fn gather_block(&self, mass: &mut [f64], weights: &[f64]) {
        add_scaled_f64(mass, 1.0, weights);
    }

    fn share_out(&self, weights: &[f64], _mass: &[f64], per_share: &[f64]) -> f64 {
        dot_f64(weights, per_share)
    }

    fn add_shares(&self, weights: &[f64], _mass: &[f64], total: &mut [f64], magnitude: &mut [f64]) {
        add_with_magnitudes(weights, total, magnitude);
    }
}

#[apply(avx2!)]
fn add_with_magnitudes(weights: &[f64], total: &mut [f64], magnitude: &mut [f64]) {
    for ((weight, total), magnitude) in weights.iter().zip(total).zip(magnitude) {
        *total += weight;
        *magnitude += weight.abs();
    }
}

pub(super) struct PMean {
    pub(super) p: f64,
}

impl Pooling for PMean {
    fn gather(&self, mass: &mut f64, weight: f64) {
        *mass += weight.powf(self.p);
    }

    fn value(&self, mass: f64, count: usize) -> f64 {
        (mass / count as f64).powf(1.0 / self.p)
    }

    fn share(&self, weight: f64, _mass: f64) -> f64 {
        weight.powf(self.p)
    }
}
