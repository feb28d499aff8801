//! What local features are mapped to: visual words, or the components of a mixture.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::mapping::MappingKind;
use super::mapping::fisher::Fisher;
use super::mixture::MixtureParams;
use super::nearest::NearestWords;
use super::principal::PrincipalComponents;
use super::vocabulary::{KMeans, Vocabulary, VocabularyError, assign};
use super::{MappingConfig, VocabularyConfig};
use crate::bow::record::{MixtureRecord, VocabularyRecord};

/// Gain of the mean log-likelihood, in nats, below which a mixture has converged.
const TOLERANCE: f64 = 1e-3;

/// A channel's words, or what takes their place.
#[derive(Debug, Clone)]
pub enum Codebook {
    /// Words, and σ², the training descriptors' mean squared distance to them (1 where the mapping needs none).
    Words(NearestWords, f64),
    /// Components of a mixture, for Fisher vectors.
    Mixture(Arc<Fisher>),
}

impl Codebook {
    /// Learns it from a sample of descriptors (n×P), as the mapping needs it.
    ///
    /// A mixture starts from the clusters of a vocabulary on the reduced descriptors.
    ///
    /// # Errors
    /// [`VocabularyError`].
    pub fn learn(
        settings: &VocabularyConfig,
        mapping: &MappingConfig,
        seed: u64,
        sample: ArrayView2<'_, f32>,
    ) -> Result<(Self, VocabularyRecord), VocabularyError> {
        let rows = sample.nrows();
        let k_means =
            KMeans::new(settings.words, seed).max_iter(settings.max_iter).engine(settings.engine).start(settings.start);
        let record = |vocabulary: &Vocabulary, mixture: Option<MixtureRecord>| VocabularyRecord {
            sample: rows,
            iterations: vocabulary.iterations.len(),
            converged: vocabulary.converged,
            mean_squared_distance: vocabulary.mean_squared_distance,
            mixture,
        };
        if mapping.kind != MappingKind::Fisher {
            let vocabulary = k_means.fit(sample)?;
            let needed = mapping.kind.needs_variance();
            let variance = if needed { Self::soft_variance(vocabulary.mean_squared_distance) } else { 1.0 };
            return Ok((Codebook::Words(vocabulary.nearest().clone(), variance), record(&vocabulary, None)));
        }
        let (principal, reduced, explained_variance) = match mapping.reduced {
            0 => (None, sample.to_owned(), 1.0),
            count => {
                let (principal, explained) = PrincipalComponents::fit(sample, count);
                let reduced = principal.project_all(sample);
                (Some(principal), reduced, explained)
            }
        };
        let vocabulary = k_means.fit(reduced.view())?;
        let (owners, _) = assign(vocabulary.nearest(), reduced.view());
        let owners: Vec<usize> = owners.into_iter().map(|word| word as usize).collect();
        let params = MixtureParams { max_iter: settings.max_iter, tolerance: TOLERANCE };
        let fitted = params.fit(reduced.view(), &owners, settings.words);
        let record = record(
            &vocabulary,
            Some(MixtureRecord {
                explained_variance,
                iterations: fitted.iterations.len(),
                converged: fitted.converged,
                mean_log_likelihood: fitted.mean_log_likelihood,
            }),
        );
        let fisher = Fisher::new(mapping, principal, fitted.mixture);
        Ok((Codebook::Mixture(Arc::new(fisher)), record))
    }

    /// σ² of a mean squared distance, which is 0 where every descriptor is a word.
    pub fn soft_variance(mean_squared_distance: f64) -> f64 {
        mean_squared_distance.max(1e-12)
    }

    /// Each descriptor's (n×P) own word, and how far it is from it: the squared distance, or what its likeliest component leaves of the posterior.
    pub fn owners(&self, descriptors: ArrayView2<'_, f32>) -> (Vec<u32>, Vec<f32>) {
        match self {
            Codebook::Words(nearest, _) => assign(nearest, descriptors),
            Codebook::Mixture(fisher) => {
                let mut assignment = fisher.begin();
                fisher.assign(descriptors, &mut assignment);
                let first = |values: &[u32]| values.iter().step_by(assignment.neighbours).copied().collect();
                let doubt = assignment.weights.iter().step_by(assignment.neighbours).map(|posterior| 1.0 - posterior);
                (first(&assignment.words), doubt.collect())
            }
        }
    }
}
