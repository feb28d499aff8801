//! From pooled values to the kernel's input: power, then length 1.
//!
//! `x ← sign(x)·|x|^γ`, then `x ← x/‖x‖` over the channel, where the mapping says which norm: L1, `Σ|x|`, or L2, `√Σx²`, for Fisher vectors (Perronnin,
//! Sánchez, Mensink 2010); an all-zero histogram stays zero. The power acts on each dimension alone and the division on all
//! alike, so on the way back relevance passes through both unchanged.

/// What a histogram's length is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Σ|x|.
    L1,
    /// √Σx².
    L2,
}

/// The histogram (f32) of pooled values.
pub fn normalise(pooled: &[f64], power: f64, norm: Norm) -> Vec<f32> {
    let raised: Vec<f64> = if power == 1.0 {
        pooled.to_vec()
    } else {
        pooled.iter().map(|value| value.signum() * value.abs().powf(power)).collect()
    };
    let length = match norm {
        Norm::L1 => raised.iter().map(|value| value.abs()).sum::<f64>(),
        Norm::L2 => raised.iter().map(|value| value * value).sum::<f64>().sqrt(),
    };
    if length > 0.0 { raised.iter().map(|value| (value / length) as f32).collect() } else { vec![0.0; pooled.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_length_one_keep_their_signs_and_zero_stays_zero() {
        for (norm, length) in [(Norm::L1, 6.0), (Norm::L2, 14f32.sqrt())] {
            let histogram = normalise(&[0.0, 1.0, -4.0, 9.0], 0.5, norm);
            for (found, expected) in histogram.iter().zip([0.0, 1.0, -2.0, 3.0]) {
                assert!((found - expected / length).abs() < 1e-7);
            }
            assert_eq!(normalise(&[0.0; 3], 0.5, norm), [0.0; 3]);
        }
    }
}
