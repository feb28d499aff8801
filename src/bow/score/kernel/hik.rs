//! Histogram intersection `k(x, z) = Σ_d min(x_d, z_d)` (Swain & Ballard 1991).

use super::Terms;
use super::pairs::{self, GROUP, Lanes, Single};

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

    fn strip(&self, scale: f32, rows: &[&[f32]], points: &[&[f32]], sums: &mut [Lanes]) {
        pairs::strip::<Self>(scale, rows, points, sums);
    }
}

impl Single for Minimum {
    const AS_THEY_ARE: bool = true;

    #[inline(always)]
    fn four(x: [f32; GROUP], z: [f32; GROUP]) -> f32 {
        let term = |d: usize| if x[d] < z[d] { x[d] } else { z[d] };
        (term(0) + term(1)) + (term(2) + term(3))
    }
}
