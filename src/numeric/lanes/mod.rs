//! Sums over slices in a fixed order of lanes.
//!
//! Element d goes to lane d mod L, and the lanes are added from left to right. The order is part of the definition, and no
//! product is fused into a sum, so that any width of register gives the same bits. L depends on what is summed:
//! - here, for slices of about a hundred values: 8 lanes in f64, 16 in f32;
//! - 8 lanes for many sums at once, such as a matrix product ([`products`]), where several sums keep the processor busy;
//! - [`long`]: 32 lanes for a single sum over many thousand values.

pub mod long;
mod tiles;

#[cfg(test)]
pub(crate) use tiles::sum_on_every_set;
pub use tiles::{Term, product, products, sum_of_terms, sums_of_terms};

use macro_rules_attribute::apply;

use crate::numeric::simd::avx2;

/// Returns `Σ_d (a_d − b_d)²` in f32, the distance by which words are compared.
#[apply(avx2!)]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (a_chunks, a_rest) = a.as_chunks::<16>();
    let (b_chunks, b_rest) = b.as_chunks::<16>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..16 {
            let difference = x[lane] - y[lane];
            lanes[lane] += difference * difference;
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += (x - y) * (x - y);
    }
    lanes.iter().sum()
}

/// Returns `Σ_d a_d` in f64.
#[apply(avx2!)]
pub fn sum(a: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (chunks, rest) = a.as_chunks::<8>();
    for x in chunks {
        for lane in 0..8 {
            lanes[lane] += f64::from(x[lane]);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(*x);
    }
    lanes.iter().sum()
}

/// Returns `Σ_d a_d b_d` in f64, in which each product of two f32 is exact.
#[apply(avx2!)]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f64::from(*x) * f64::from(*y);
    }
    lanes.iter().sum()
}

/// Returns `Σ_d a_d b_d` of f64 numbers.
#[apply(avx2!)]
pub fn dot_f64(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += x * y;
    }
    lanes.iter().sum()
}

/// Returns `Σ_d w_d (a_d − b_d)²` in f64.
#[apply(avx2!)]
pub fn weighted_squared_distance(a: &[f64], b: &[f64], weights: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    let (w_chunks, w_rest) = weights.as_chunks::<8>();
    for ((x, y), w) in a_chunks.iter().zip(b_chunks).zip(w_chunks) {
        for lane in 0..8 {
            let difference = x[lane] - y[lane];
            lanes[lane] += difference * difference * w[lane];
        }
    }
    for (lane, ((x, y), w)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest).zip(w_rest)) {
        *lane += (x - y) * (x - y) * w;
    }
    lanes.iter().sum()
}

/// Adds `factor · a_d` to every `out_d` in f64.
#[apply(avx2!)]
pub fn add_scaled_f64(out: &mut [f64], factor: f64, a: &[f64]) {
    for (o, x) in out.iter_mut().zip(a) {
        *o += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        (0usize..66).prop_flat_map(|length| {
            (
                proptest::collection::vec(-1.0f32..1.0, length..=length),
                proptest::collection::vec(-1.0f32..1.0, length..=length),
            )
        })
    }

    /// Scalar reference: element d goes to lane d mod `LANES`, and the lanes are added from left to right.
    fn by_lanes<const LANES: usize>(terms: impl Iterator<Item = f64>) -> f64 {
        let mut lanes = [0.0; LANES];
        for (d, term) in terms.enumerate() {
            lanes[d % LANES] += term;
        }
        lanes.iter().sum()
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_scalar_reference((a, b) in pairs()) {
            let expected = by_lanes::<8>(a.iter().map(|x| f64::from(*x))).to_bits();
            for sum in [sum, sum::scalar, sum::avx2] {
                prop_assert_eq!(sum(&a).to_bits(), expected);
            }
            let expected = by_lanes::<8>(a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y))).to_bits();
            for dot in [dot, dot::scalar, dot::avx2] {
                prop_assert_eq!(dot(&a, &b).to_bits(), expected);
            }
            let mut lanes = [0.0f32; 16];
            for (d, (x, y)) in a.iter().zip(&b).enumerate() {
                lanes[d % 16] += (x - y) * (x - y);
            }
            let expected = lanes.iter().sum::<f32>().to_bits();
            for squared_distance in [squared_distance, squared_distance::scalar, squared_distance::avx2] {
                prop_assert_eq!(squared_distance(&a, &b).to_bits(), expected);
            }
        }

        #[test]
        fn every_instruction_set_gives_the_bits_of_the_scalar_reference_in_f64((a, b) in pairs()) {
            let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value) / 3.0).collect::<Vec<f64>>();
            let (x, y) = (wide(&a), wide(&b));
            let w: Vec<f64> = (0..x.len()).map(|d| 1.0 / (d + 3) as f64).collect();
            let expected = by_lanes::<8>((0..x.len()).map(|d| (x[d] - y[d]) * (x[d] - y[d]) * w[d])).to_bits();
            for distance in
                [weighted_squared_distance, weighted_squared_distance::scalar, weighted_squared_distance::avx2]
            {
                prop_assert_eq!(distance(&x, &y, &w).to_bits(), expected);
            }
            let expected = by_lanes::<8>(x.iter().zip(&y).map(|(x, y)| x * y)).to_bits();
            for dot_f64 in [dot_f64, dot_f64::scalar, dot_f64::avx2] {
                prop_assert_eq!(dot_f64(&x, &y).to_bits(), expected);
            }
            for add_scaled_f64 in [add_scaled_f64, add_scaled_f64::scalar, add_scaled_f64::avx2] {
                let mut out = y.clone();
                add_scaled_f64(&mut out, 0.3, &x);
                for ((o, x), y) in out.iter().zip(&x).zip(&y) {
                    prop_assert_eq!(o.to_bits(), (y + 0.3 * x).to_bits());
                }
            }
        }
    }
}
