//! The distance of the exponential χ² kernel, `Σ_d (x_d − z_d)²/(x_d + z_d)` (B15 Eqs 44–45).

use super::Terms;

pub(super) struct Distance;

impl Terms for Distance {
    fn term(&self, x: f64, z: f64) -> f64 {
        let sum = x + z;
        // Written without a branch, so that the compiler can take several dimensions at once.
        (x - z) * (x - z) / if sum > 0.0 { sum } else { 1.0 }
    }

    fn slope(&self, x: f64, z: f64) -> f64 {
        if x + z > 0.0 { (z - x) * (z + 3.0 * x) / ((x + z) * (x + z)) } else { 1.0 }
    }
}
