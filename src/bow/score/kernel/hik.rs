//! Histogram intersection `k(x, z) = Σ_d min(x_d, z_d)` (Swain & Ballard 1991).

use ndarray::{Array2, ArrayView2};

use super::Terms;
use super::pairs::{GROUP, Single, pairs};

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

    fn pairs(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        pairs::<Self>(rows)
    }
}

impl Single for Minimum {
    #[inline(always)]
    fn four(x: [f32; GROUP], z: [f32; GROUP]) -> f32 {
        let term = |d: usize| if x[d] < z[d] { x[d] } else { z[d] };
        (term(0) + term(1)) + (term(2) + term(3))
    }
}
