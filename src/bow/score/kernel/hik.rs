//! Histogram intersection `k(x, z) = Σ_d min(x_d, z_d)` (Swain & Ballard 1991).

use super::Terms;
use super::pairs::{self, GROUP, Lanes, Single, Strip};
use crate::bow::score::feature_map::FeatureMap;

pub(super) struct Minimum;

impl Terms for Minimum {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        if x < z { x } else { z }
    }

    #[inline(always)]
    fn slope(&self, x: f64, z: f64) -> f64 {
        if z < x { 1.0 } else { 0.0 }
    }

    /// `κ(λ) = 2/(π (1 + 4λ²))`; the period is that which VLFeat 0.9.21 found best.
    fn feature_map(&self, order: usize) -> Option<FeatureMap> {
        let spectrum = |frequency: f64| std::f64::consts::FRAC_2_PI / (1.0 + 4.0 * frequency * frequency);
        Some(FeatureMap::sampled(spectrum, order, 2.38 * (order as f64 + 0.8).ln() + 5.6))
    }

    fn strip(&self, scale: f32, strip: Strip<'_>, sums: &mut [Lanes]) {
        pairs::strip::<Self>(scale, strip, sums);
    }
}

impl Single for Minimum {
    const UNCHANGED: bool = true;

    #[inline(always)]
    fn group_sum(x: [f32; GROUP], z: [f32; GROUP]) -> f32 {
        let term = |d: usize| if x[d] < z[d] { x[d] } else { z[d] };
        (term(0) + term(1)) + (term(2) + term(3))
    }
}
