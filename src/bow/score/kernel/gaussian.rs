//! The distance of the Gaussian kernel, `Σ_d (x_d − z_d)²`.

use super::Terms;

pub(super) struct SquaredDistance;

impl Terms for SquaredDistance {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        (x - z) * (x - z)
    }

    #[inline(always)]
    fn slope(&self, x: f64, z: f64) -> f64 {
        2.0 * (z - x)
    }
}
