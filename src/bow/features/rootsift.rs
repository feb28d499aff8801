//! RootSIFT: L1-normalise, then the square root of each value, so that Euclidean distance compares by Hellinger's
//! kernel. Source: Arandjelović & Zisserman 2012. The zero descriptor stays zero.

use multiversion::multiversion;

use crate::numeric::lanes;

/// Applies RootSIFT in place to the values of one plane, which must not be negative.
pub fn apply(values: &mut [f32]) {
    let sum = lanes::sum(values) as f32;
    if sum > 0.0 {
        root(values, sum);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn root(values: &mut [f32], sum: f32) {
    for value in values {
        *value = (*value / sum).sqrt();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn squares_sum_to_one_and_zero_stays_zero() {
        let mut values = [0.0, 1.0, 3.0, 12.0];
        super::apply(&mut values);
        assert!((values.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((values[3] - (12.0f32 / 16.0).sqrt()).abs() < 1e-7);
        let mut zero = [0.0; 4];
        super::apply(&mut zero);
        assert_eq!(zero, [0.0; 4]);
    }
}
