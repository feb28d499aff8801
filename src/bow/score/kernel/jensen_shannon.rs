//! The Jensen–Shannon kernel `k(x, z) = Σ_d ½ x_d log₂((x_d + z_d)/x_d) + ½ z_d log₂((x_d + z_d)/z_d)` (Vedaldi & Zisserman 2012).

use super::Terms;
use crate::bow::score::feature_map::FeatureMap;
use crate::numeric::elementary::log2;

pub(super) struct Likeness;

/// v or, where it is 0, 1.
#[inline(always)]
fn or_one(v: f64) -> f64 {
    if v > 0.0 { v } else { 1.0 }
}

impl Terms for Likeness {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        // Where one is missing, its share is 0 times a logarithm and the other's is that of 1. No branch: several dimensions are taken at once.
        0.5 * x * log2(or_one((x + z) / or_one(x))) + 0.5 * z * log2(or_one((x + z) / or_one(z)))
    }

    #[inline(always)]
    fn slope(&self, x: f64, z: f64) -> f64 {
        if z > 0.0 { 0.5 * log2((x + z) / z) } else { 0.0 }
    }

    /// `κ(λ) = 2/(ln 4 · (1 + 4λ²) cosh(πλ))`; the period is that which VLFeat 0.9.21 found best.
    fn feature_map(&self, order: usize) -> Option<FeatureMap> {
        let spectrum = |frequency: f64| {
            2.0 / (4f64.ln() * (1.0 + 4.0 * frequency * frequency) * (std::f64::consts::PI * frequency).cosh())
        };
        Some(FeatureMap::sampled(spectrum, order, 6.64 * (order as f64).sqrt() + 7.24))
    }
}
