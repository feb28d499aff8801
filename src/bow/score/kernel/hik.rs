//! Histogram intersection `k(x, z) = Σ_d min(x_d, z_d)` (Swain & Ballard 1991).

use multiversion::multiversion;

use super::Terms;
use crate::numeric::lanes::sum_of_minima;

pub(super) struct Minimum;

impl Terms for Minimum {
    fn term(&self, x: f64, z: f64) -> f64 {
        x.min(z)
    }

    fn slope(&self, x: f64, z: f64) -> f64 {
        if z < x { 1.0 } else { 0.0 }
    }

    fn sum(&self, x: &[f32], z: &[f32]) -> f64 {
        sum_of_minima(x, z)
    }

    fn add_terms(&self, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
        add_minima(factor, x, z, out);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_minima(factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * f64::from(if x < z { x } else { z });
    }
}
