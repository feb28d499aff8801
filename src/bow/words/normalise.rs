//! From pooled values to the kernel's input: power, then L1.
//!
//! `x ← sign(x)·|x|^γ`, then `x ← x/Σ|x|` over the channel; an all-zero histogram stays zero. The power acts on each
//! dimension alone and the division on all alike, so on the way back relevance passes through both unchanged.

/// The histogram (f32) of pooled values.
pub fn normalise(pooled: &[f64], power: f64) -> Vec<f32> {
    let raised: Vec<f64> = if power == 1.0 {
        pooled.to_vec()
    } else {
        pooled.iter().map(|value| value.signum() * value.abs().powf(power)).collect()
    };
    let sum: f64 = raised.iter().map(|value| value.abs()).sum();
    if sum > 0.0 { raised.iter().map(|value| (value / sum) as f32).collect() } else { vec![0.0; pooled.len()] }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn histograms_sum_to_one_and_zero_stays_zero() {
        let histogram = normalise(&[0.0, 1.0, 4.0, 9.0], 0.5);
        for (found, expected) in histogram.iter().zip([0.0, 1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0]) {
            assert!((found - expected).abs() < 1e-7);
        }
        assert_eq!(normalise(&[0.0; 3], 0.5), [0.0; 3]);
    }
}
