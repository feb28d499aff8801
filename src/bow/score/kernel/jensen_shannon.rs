//! The Jensen–Shannon kernel `k(x, z) = Σ_d ½ x_d log₂((x_d + z_d)/x_d) + ½ z_d log₂((x_d + z_d)/z_d)` (Vedaldi & Zisserman 2012).

use super::Terms;

pub(super) struct Likeness;

impl Terms for Likeness {
    fn term(&self, x: f64, z: f64) -> f64 {
        // Where one is missing, the other's logarithm is that of 1.
        if x > 0.0 && z > 0.0 { 0.5 * x * ((x + z) / x).log2() + 0.5 * z * ((x + z) / z).log2() } else { 0.0 }
    }

    fn slope(&self, x: f64, z: f64) -> f64 {
        if z > 0.0 { 0.5 * ((x + z) / z).log2() } else { 0.0 }
    }
}
