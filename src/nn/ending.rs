//! What stands behind a network's logits.

use serde::{Deserialize, Serialize};

/// What stands behind the logits; it is never passed backward through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing: the file's output are logits.
    Logits,
    /// A soft-max, which is cut off.
    Softmax,
    /// The logarithm of a soft-max, which is cut off.
    LogSoftmax,
}

impl Ending {
    /// The probabilities of logits; none where the network has no soft-max.
    pub fn probabilities(self, logits: &[f64]) -> Option<Vec<f64>> {
        if self == Ending::Logits {
            return None;
        }
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        Some(powers.into_iter().map(|power| power / sum).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_a_soft_max_and_never_overflow() {
        let found = Ending::Softmax.probabilities(&[1000.0, 1000.0 + 2f64.ln()]).unwrap();
        assert!((found[0] - 1.0 / 3.0).abs() < 1e-12 && (found[1] - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(Ending::Logits.probabilities(&[1.0]), None);
    }
}
