//! The linear kernel `k(x, z) = Σ_d x_d z_d`.

use multiversion::multiversion;

use super::Terms;
use crate::numeric::lanes::dot;

pub(super) struct Product;

impl Terms for Product {
    fn term(&self, x: f64, z: f64) -> f64 {
        x * z
    }

    fn slope(&self, x: f64, _: f64) -> f64 {
        x
    }

    fn sum(&self, x: &[f32], z: &[f32]) -> f64 {
        dot(x, z)
    }

    fn add_terms(&self, factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
        add_products(factor, x, z, out);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_products(factor: f64, x: &[f32], z: &[f32], out: &mut [f64]) {
    for ((out, &x), &z) in out.iter_mut().zip(x).zip(z) {
        *out += factor * (f64::from(x) * f64::from(z));
    }
}
