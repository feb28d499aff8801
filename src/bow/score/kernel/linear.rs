//! The linear kernel `k(x, z) = Σ_d x_d z_d`; its summand is the product.

use multiversion::multiversion;

use super::{AdditiveKernel, Kernel};
use crate::numeric::lanes::dot;

pub(super) struct Linear;

impl Kernel for Linear {
    fn value(&self, x: &[f32], z: &[f32]) -> f64 {
        dot(x, z)
    }

    fn additive(&self) -> Option<&dyn AdditiveKernel> {
        Some(self)
    }
}

impl AdditiveKernel for Linear {
    fn summand(&self, x: f64, z: f64) -> f64 {
        x * z
    }

    fn add_summands(&self, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
        add_products(factor, x, z, out);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_products(factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * (f64::from(x) * f64::from(z));
    }
}
