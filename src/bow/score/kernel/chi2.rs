//! The distance of the exponential χ² kernel, `Σ_d (x_d − z_d)²/(x_d + z_d)` (B15 Eqs 44–45).

use multiversion::multiversion;

use super::Terms;

pub(super) struct Distance;

impl Terms for Distance {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        let sum = x + z;
        // Written without a branch, so that the compiler can take several dimensions at once.
        (x - z) * (x - z) / if sum > 0.0 { sum } else { 1.0 }
    }

    fn slope(&self, x: f64, z: f64) -> f64 {
        if x + z > 0.0 { (z - x) * (z + 3.0 * x) / ((x + z) * (x + z)) } else { 1.0 }
    }

    fn sum(&self, x: &[f32], z: &[f32]) -> f64 {
        sum(x, z)
    }

    fn sum_at(&self, x: &[f32], z: &[f64]) -> f64 {
        sum_at(x, z)
    }
}

/// The two sums in the registers that the processor has; the same additions in the same order.
#[multiversion(targets("x86_64+avx2"))]
fn sum(x: &[f32], z: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (x_chunks, x_rest) = x.as_chunks::<8>();
    let (z_chunks, z_rest) = z.as_chunks::<8>();
    for (x, z) in x_chunks.iter().zip(z_chunks) {
        for lane in 0..8 {
            lanes[lane] += Distance.term(f64::from(x[lane]), f64::from(z[lane]));
        }
    }
    for (lane, (x, z)) in lanes.iter_mut().zip(x_rest.iter().zip(z_rest)) {
        *lane += Distance.term(f64::from(*x), f64::from(*z));
    }
    lanes.iter().sum()
}

#[multiversion(targets("x86_64+avx2"))]
fn sum_at(x: &[f32], z: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (x_chunks, x_rest) = x.as_chunks::<8>();
    let (z_chunks, z_rest) = z.as_chunks::<8>();
    for (x, z) in x_chunks.iter().zip(z_chunks) {
        for lane in 0..8 {
            lanes[lane] += Distance.term(f64::from(x[lane]), z[lane]);
        }
    }
    for (lane, (x, z)) in lanes.iter_mut().zip(x_rest.iter().zip(z_rest)) {
        *lane += Distance.term(f64::from(*x), *z);
    }
    lanes.iter().sum()
}
