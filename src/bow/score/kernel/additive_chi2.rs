//! The additive χ² kernel `k(x, z) = Σ_d 2 x_d z_d/(x_d + z_d)` (Vedaldi & Zisserman 2012).

use super::Terms;
use crate::bow::score::feature_map::FeatureMap;

pub(super) struct HarmonicMean;

impl Terms for HarmonicMean {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        if x + z > 0.0 { 2.0 * (x * z) / (x + z) } else { 0.0 }
    }

    #[inline(always)]
    fn slope(&self, x: f64, z: f64) -> f64 {
        if x + z > 0.0 { 2.0 * (x / (x + z)).powi(2) } else { 0.0 }
    }

    /// `κ(λ) = 1/cosh(πλ)`; the period is that which VLFeat 0.9.21 found best.
    fn feature_map(&self, order: usize) -> Option<FeatureMap> {
        let spectrum = |frequency: f64| 1.0 / (std::f64::consts::PI * frequency).cosh();
        Some(FeatureMap::sampled(spectrum, order, 5.86 * (order as f64).sqrt() + 3.65))
    }
}
