//! The distance of the exponential χ² kernel, `Σ_d (x_d − z_d)²/(x_d + z_d)` (B15 Eqs 44–45).

use super::Terms;
use super::pairs::{self, GROUP, LIFT, Lanes, Single, Strip, quotients, scale_for_quotients};

pub(super) struct Distance;

impl Terms for Distance {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        let sum = x + z;
        // Written without a branch, so that the compiler can take several dimensions at once.
        (x - z) * (x - z) / if sum > 0.0 { sum } else { 1.0 }
    }

    #[inline(always)]
    fn slope(&self, x: f64, z: f64) -> f64 {
        if x + z > 0.0 { (z - x) * (z + 3.0 * x) / ((x + z) * (x + z)) } else { 1.0 }
    }

    // The lift moves a term by at most 2⁻²⁷ on a scale whose largest value is at least 2¹⁷; each is rounded by less than 20u.
    fn scale(&self, largest: &dyn Fn() -> f32) -> f32 {
        scale_for_quotients(largest())
    }

    fn strip(&self, scale: f32, strip: Strip<'_>, sums: &mut [Lanes]) {
        pairs::strip::<Self>(scale, strip, sums);
    }
}

impl Single for Distance {
    #[inline(always)]
    fn prepare(value: f32) -> f32 {
        value + LIFT
    }

    #[inline(always)]
    fn group_sum(x: [f32; GROUP], z: [f32; GROUP]) -> f32 {
        let square = |d: usize| (x[d] - z[d]) * (x[d] - z[d]);
        quotients([square(0), square(1), square(2), square(3)], [x[0] + z[0], x[1] + z[1], x[2] + z[2], x[3] + z[3]])
    }
}
