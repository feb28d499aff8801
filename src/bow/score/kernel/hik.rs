//! Histogram intersection `k(x, z) = Σ_d min(x_d, z_d)` (Swain & Ballard 1991); its summand is the minimum itself.

use multiversion::multiversion;

use super::{AdditiveKernel, Kernel};
use crate::numeric::lanes::sum_of_minima;

pub(super) struct Hik;

impl Kernel for Hik {
    fn value(&self, x: &[f32], z: &[f32]) -> f64 {
        sum_of_minima(x, z)
    }

    fn additive(&self) -> Option<&dyn AdditiveKernel> {
        Some(self)
    }
}

impl AdditiveKernel for Hik {
    fn summand(&self, x: f64, z: f64) -> f64 {
        x.min(z)
    }

    fn add_summands(&self, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
        add_minima(factor, x, z, out);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_minima(factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * f64::from(if x < z { x } else { z });
    }
}
