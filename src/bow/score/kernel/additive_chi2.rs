//! The additive χ² kernel `k(x, z) = Σ_d 2 x_d z_d/(x_d + z_d)` (Vedaldi & Zisserman 2012).

use super::Terms;

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
}
