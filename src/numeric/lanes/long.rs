//! Sums over many thousand values, such as the features of a picture and the weights of a linear classifier.
//!
//! Value k goes to lane k mod 32, so that no addition waits for the one before; the lanes are added from left to right, and
//! then the sum of the values beyond the last whole chunk, in their order.

use macro_rules_attribute::apply;

use crate::numeric::simd::avx512;

/// Lanes of a sum.
const LANES: usize = 32;

/// Returns `Σ_k x_k w_k`.
#[apply(avx512!)]
pub fn dot(x: &[f32], w: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((x, x_rest), (w, w_rest)) = (x.as_chunks::<LANES>(), w.as_chunks::<LANES>());
    for (x, w) in x.iter().zip(w) {
        for lane in 0..LANES {
            lanes[lane] += f64::from(x[lane]) * w[lane];
        }
    }
    lanes.iter().chain(&[x_rest.iter().zip(w_rest).map(|(&x, w)| f64::from(x) * w).sum()]).sum()
}

/// Returns `Σ_k x_k²`.
#[apply(avx512!)]
pub fn squared_norm(x: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (x, rest) = x.as_chunks::<LANES>();
    for x in x {
        for lane in 0..LANES {
            lanes[lane] += f64::from(x[lane]) * f64::from(x[lane]);
        }
    }
    lanes.iter().chain(&[rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum()]).sum()
}

/// Adds `factor · x_k` to every `w_k`.
#[apply(avx512!)]
pub fn add_scaled(w: &mut [f64], factor: f64, x: &[f32]) {
    for (w, &x) in w.iter_mut().zip(x) {
        *w += factor * f64::from(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// Scalar reference.
    fn by_lanes(x: &[f32], w: &dyn Fn(usize) -> f64) -> f64 {
        let whole = x.len() / LANES * LANES;
        let mut lanes = [0.0; LANES];
        for k in 0..whole {
            lanes[k % LANES] += f64::from(x[k]) * w(k);
        }
        let rest: f64 = (whole..x.len()).map(|k| f64::from(x[k]) * w(k)).sum();
        lanes.iter().chain(&[rest]).sum()
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_scalar_reference() {
        let mut random = crate::numeric::random::stream(4, "long sums");
        for length in (0..100).chain([1000]) {
            let x: Vec<f32> = (0..length).map(|_| random.random::<f32>() - 0.5).collect();
            let w: Vec<f64> = (0..length).map(|_| random.random::<f64>() - 0.5).collect();
            for dot in [dot, dot::scalar, dot::avx2, dot::avx512] {
                assert_eq!(dot(&x, &w).to_bits(), by_lanes(&x, &|k| w[k]).to_bits(), "{length}");
            }
            for squared_norm in [squared_norm, squared_norm::scalar, squared_norm::avx2, squared_norm::avx512] {
                let expected = by_lanes(&x, &|k| f64::from(x[k]));
                assert_eq!(squared_norm(&x).to_bits(), expected.to_bits(), "{length}");
            }
            for add_scaled in [add_scaled, add_scaled::scalar, add_scaled::avx2, add_scaled::avx512] {
                let mut found = w.clone();
                add_scaled(&mut found, 0.3, &x);
                for ((found, w), x) in found.iter().zip(&w).zip(&x) {
                    assert_eq!(found.to_bits(), (w + 0.3 * f64::from(*x)).to_bits(), "{length}");
                }
            }
        }
    }
}
