//! How a local feature weighs its nearest words.
//!
//! Forward [`Mapping::weigh`] gives the nearest words weights m_d(l); the weights are kept, and the way back
//! ([`super::pooling`]) shares a dimension's relevance among the features in proportion to them. A new mapping is one file and the
//! lines that the compiler asks for after its name is in [`MappingKind`].

pub mod fisher;
mod hard;
mod llc;
mod rank;
mod soft;

use ndarray::{ArrayView1, ArrayView2};

use super::normalise::Norm;
use crate::bow::words::MappingConfig;

crate::closed_set! {
    /// The mappings.
    pub enum MappingKind as "mapping" {
        /// All weight on the nearest word.
        Hard = "hard",
        /// Weights falling with the distance.
        Soft = "soft",
        /// Weights falling with the rank.
        Rank = "rank",
        /// Weights that rebuild the feature from its words; may be negative.
        Llc = "llc",
        /// Derivatives of a Gaussian mixture's log-likelihood; may be negative.
        Fisher = "fisher",
    }
}

impl MappingKind {
    /// Whether the mapping needs σ², the training descriptors' mean squared distance.
    pub fn needs_variance(self) -> bool {
        match self {
            MappingKind::Soft => true,
            MappingKind::Hard | MappingKind::Rank | MappingKind::Llc | MappingKind::Fisher => false,
        }
    }

    /// Whether weights, and so histograms, may be negative.
    pub fn may_be_negative(self) -> bool {
        match self {
            MappingKind::Llc | MappingKind::Fisher => true,
            MappingKind::Hard | MappingKind::Soft | MappingKind::Rank => false,
        }
    }

    /// What histograms are normalised by.
    pub fn norm(self) -> Norm {
        match self {
            MappingKind::Hard | MappingKind::Soft | MappingKind::Rank | MappingKind::Llc => Norm::L1,
            MappingKind::Fisher => Norm::L2,
        }
    }
}

/// A local feature and its nearest words, by rank.
#[derive(Clone, Copy)]
pub struct Nearest<'a> {
    /// The feature, P.
    pub descriptor: ArrayView1<'a, f32>,
    /// All words, K×P.
    pub vocabulary: ArrayView2<'a, f32>,
    /// Which of them are nearest.
    pub words: &'a [u32],
    /// Their squared distances.
    pub distances: &'a [f32],
    /// σ², the training descriptors' mean squared distance to their words; 1 unless [`MappingKind::needs_variance`].
    pub variance: f64,
}

/// A rule that weighs the nearest words.
pub trait Mapping: std::fmt::Debug + Send + Sync {
    /// How many nearest words it looks at, k.
    fn neighbours(&self) -> usize;

    /// Fills the nearest words' `weights`, by rank.
    fn weigh(&self, nearest: &Nearest<'_>, weights: &mut [f32]);
}

/// Builds the mapping to nearest words that a configuration asks for; `None` if it asks for a mixture ([`fisher`]).
pub fn mapping(config: &MappingConfig) -> Option<Box<dyn Mapping>> {
    Some(match config.kind {
        MappingKind::Hard => Box::new(hard::Hard),
        MappingKind::Soft => Box::new(soft::Soft { neighbours: config.neighbours }),
        MappingKind::Rank => Box::new(rank::Rank { neighbours: config.neighbours, base: config.base }),
        MappingKind::Llc => Box::new(llc::Llc { neighbours: config.neighbours, lambda: config.lambda }),
        MappingKind::Fisher => return None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;

    /// Words that are known by their distances alone.
    pub fn at(distances: &[f32]) -> Nearest<'_> {
        let (descriptor, vocabulary) = (ArrayView1::from(&[]), ArrayView2::from(&[] as &[[f32; 0]; 0]));
        Nearest { descriptor, vocabulary, words: &[], distances, variance: 1.0 }
    }

    proptest! {
        #[test]
        fn weights_are_finite_and_as_declared(
            points in proptest::collection::vec(proptest::collection::vec(0.0f32..1.0, 5), 2..9),
            variance in 1e-6f64..2.0, base in 1.01f64..9.0,
        ) {
            let descriptor = Array1::from(points[0].clone());
            let distance = |point: &Vec<f32>| point.iter().zip(&descriptor).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
            let mut words = points[1..].to_vec();
            words.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
            let distances: Vec<f32> = words.iter().map(distance).collect();
            let vocabulary = Array2::from_shape_fn((words.len(), 5), |(word, d)| words[word][d]);
            let numbers: Vec<u32> = (0..words.len() as u32).collect();
            for &kind in MappingKind::ALL {
                let config = MappingConfig { kind, neighbours: words.len(), base, ..MappingConfig::default() };
                let Some(mapping) = mapping(&config) else { continue };
                let k = mapping.neighbours();
                let mut weights = vec![f32::NAN; k];
                let (descriptor, vocabulary) = (descriptor.view(), vocabulary.view());
                let (words, distances) = (&numbers[..k], &distances[..k]);
                mapping.weigh(&Nearest { descriptor, vocabulary, words, distances, variance }, &mut weights);
                prop_assert!(weights.iter().all(|w| w.is_finite()), "{}: {:?}", kind, weights);
                if kind.may_be_negative() {
                    prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{}: {:?}", kind, weights);
                } else {
                    prop_assert!(weights[0] > 0.0 && weights.iter().all(|w| *w >= 0.0), "{}: {:?}", kind, weights);
                    prop_assert!(weights.windows(2).all(|pair| pair[0] >= pair[1]), "{}: {:?}", kind, weights);
                }
            }
        }
    }
}
