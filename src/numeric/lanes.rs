//! Sums over slices in a fixed order of lanes.
//!
//! Each function adds in eight (f64) or sixteen (f32) lanes and then folds the lanes from left to right. The order is
//! part of the definition, and no product is fused into a sum, so the compiler may use wider registers where the
//! processor has them without changing a bit of the result. The twins in the tests say the same in scalar words.

use multiversion::multiversion;

/// Σ_d (a_d − b_d)² in f32, the distance by which words are compared.
#[multiversion(targets("x86_64+avx2"))]
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

/// Σ_d a_d in f64.
#[multiversion(targets("x86_64+avx2"))]
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

/// Σ_d a_d b_d in f64 (each product of two f32 is exact there).
#[multiversion(targets("x86_64+avx2"))]
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

/// Σ_d a_d b_d of f64 numbers.
#[multiversion(targets("x86_64+avx2"))]
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

/// Σ_d w_d (a_d − b_d)² in f64.
#[multiversion(targets("x86_64+avx2"))]
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

/// `out_d += factor · a_d` in f64, element by element.
#[multiversion(targets("x86_64+avx2"))]
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

    /// The definition in scalar words: element d goes to lane d mod `LANES`, lanes are added from left to right.
    fn by_lanes<const LANES: usize>(terms: impl Iterator<Item = f64>) -> f64 {
        let mut lanes = [0.0; LANES];
        for (d, term) in terms.enumerate() {
            lanes[d % LANES] += term;
        }
        lanes.iter().sum()
    }

    proptest! {
        #[test]
        fn sums_have_the_bits_of_their_scalar_twins((a, b) in pairs()) {
            prop_assert_eq!(sum(&a).to_bits(), by_lanes::<8>(a.iter().map(|x| f64::from(*x))).to_bits());
            let products = by_lanes::<8>(a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)));
            prop_assert_eq!(dot(&a, &b).to_bits(), products.to_bits());
            let mut lanes = [0.0f32; 16];
            for (d, (x, y)) in a.iter().zip(&b).enumerate() {
                lanes[d % 16] += (x - y) * (x - y);
            }
            prop_assert_eq!(squared_distance(&a, &b).to_bits(), lanes.iter().sum::<f32>().to_bits());
            let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value) / 3.0).collect::<Vec<f64>>();
            let (x, y) = (wide(&a), wide(&b));
            let w: Vec<f64> = (0..x.len()).map(|d| 1.0 / (d + 3) as f64).collect();
            let weighted = by_lanes::<8>((0..x.len()).map(|d| (x[d] - y[d]) * (x[d] - y[d]) * w[d]));
            prop_assert_eq!(weighted_squared_distance(&x, &y, &w).to_bits(), weighted.to_bits());
            let products = by_lanes::<8>(x.iter().zip(&y).map(|(x, y)| x * y));
            prop_assert_eq!(dot_f64(&x, &y).to_bits(), products.to_bits());
            let mut out = y.clone();
            add_scaled_f64(&mut out, 0.3, &x);
            for ((o, x), y) in out.iter().zip(&x).zip(&y) {
                prop_assert_eq!(o.to_bits(), (y + 0.3 * x).to_bits());
            }
        }
    }
}
