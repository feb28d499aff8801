//! How a local feature weighs its nearest words.
//!
//! Forward [`Mapping::weigh`] turns distances by rank into weights m_d(l) ≥ 0; the weights are kept, and the way back
//! ([`super::pooling`]) shares a dimension's relevance among the features in proportion to them. A new mapping is one file and one
//! arm in [`mapping`].

mod hard;
mod rank;
mod soft;

use crate::bow::config::MappingConfig;

crate::closed_set! {
    /// The mappings.
    pub enum MappingKind as "mapping" {
        /// All weight on the nearest word.
        Hard = "hard",
        /// Weights falling with the distance.
        Soft = "soft",
        /// Weights falling with the rank.
        Rank = "rank",
    }
}

impl MappingKind {
    /// Whether the mapping needs σ², the training descriptors' mean squared distance.
    pub fn needs_variance(self) -> bool {
        match self {
            MappingKind::Soft => true,
            MappingKind::Hard | MappingKind::Rank => false,
        }
    }
}

/// A rule that weighs the nearest words.
pub trait Mapping: Send + Sync {
    /// How many nearest words it looks at, k.
    fn neighbours(&self) -> usize;

    /// Fills `weights` from the squared `distances` of the nearest words, both by rank, at most k of each.
    fn weigh(&self, distances: &[f32], weights: &mut [f32]);
}

/// The mapping that a configuration asks for; `variance` is σ² where [`MappingKind::needs_variance`].
pub fn mapping(config: &MappingConfig, variance: f64) -> Box<dyn Mapping> {
    match config.kind {
        MappingKind::Hard => Box::new(hard::Hard),
        MappingKind::Soft => Box::new(soft::Soft { neighbours: config.neighbours, variance }),
        MappingKind::Rank => Box::new(rank::Rank { neighbours: config.neighbours, base: config.base }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_are_finite_not_negative_and_fall_with_the_rank(
            mut distances in proptest::collection::vec(0.0f32..4.0, 1..9), variance in 1e-6f64..2.0, base in 1.01f64..9.0,
        ) {
            distances.sort_by(f32::total_cmp);
            for &kind in MappingKind::ALL {
                let config = MappingConfig { kind, neighbours: distances.len(), base };
                let mapping = mapping(&config, variance);
                let k = mapping.neighbours();
                let mut weights = vec![f32::NAN; k];
                mapping.weigh(&distances[..k], &mut weights);
                prop_assert!(weights.iter().all(|w| w.is_finite() && *w >= 0.0), "{}: {:?}", kind, weights);
                prop_assert!(weights.windows(2).all(|pair| pair[0] >= pair[1]), "{}: {:?}", kind, weights);
                prop_assert!(weights[0] > 0.0);
            }
        }
    }
}
