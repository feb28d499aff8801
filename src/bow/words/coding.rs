//! How a channel codes local features: as weights of visual words, or as derivatives by the components of a mixture.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::mapping::fisher::Fisher;
use super::mapping::{Mapping, Nearest, mapping};
use super::mixture::MixtureParams;
use super::nearest::NearestWords;
use super::principal::PrincipalComponents;
use super::vocabulary::{KMeans, Vocabulary, VocabularyError, assign};
use super::{Assignment, MappingConfig, VocabularyConfig};
use crate::bow::record::{MixtureRecord, VocabularyRecord};

/// Gain of the mean log-likelihood, in nats, below which a mixture has converged.
const TOLERANCE: f64 = 1e-3;

/// What a channel's local features are coded with.
#[derive(Debug)]
pub enum Coding {
    /// Visual words, and how a feature weighs those nearest to it.
    Words {
        /// The words, K×P.
        nearest: NearestWords,
        /// σ², the training descriptors' mean squared distance to their words; 1 if the mapping needs none.
        variance: f64,
        /// The weights of the nearest words.
        mapping: Box<dyn Mapping>,
    },
    /// Components of a mixture, for Fisher vectors.
    Mixture(Arc<Fisher>),
}

impl Coding {
    /// Learns a coding from a sample of descriptors (n×P), as the mapping needs it. Calls `pass` after each pass of k-means.
    ///
    /// # Errors
    /// [`VocabularyError`].
    pub fn learn(
        settings: &VocabularyConfig,
        config: &MappingConfig,
        seed: u64,
        sample: ArrayView2<'_, f32>,
        pass: &dyn Fn(),
    ) -> Result<(Self, VocabularyRecord), VocabularyError> {
        let k_means =
            KMeans::new(settings.words, seed).max_iter(settings.max_iter).engine(settings.engine).start(settings.start);
        match mapping(config) {
            Some(mapping) => Self::learn_words(&k_means, config, mapping, sample, pass),
            None => Self::learn_mixture(&k_means, settings, config, sample, pass),
        }
    }

    fn learn_words(
        k_means: &KMeans,
        config: &MappingConfig,
        mapping: Box<dyn Mapping>,
        sample: ArrayView2<'_, f32>,
        pass: &dyn Fn(),
    ) -> Result<(Self, VocabularyRecord), VocabularyError> {
        let vocabulary = k_means.fit_telling(sample, pass)?;
        let needed = config.kind.needs_variance();
        let variance = if needed { Self::soft_variance(vocabulary.mean_squared_distance) } else { 1.0 };
        let record = record(&vocabulary, sample.nrows(), None);
        Ok((Coding::Words { nearest: vocabulary.nearest().clone(), variance, mapping }, record))
    }

    /// A mixture starts from the clusters of a vocabulary on the reduced descriptors.
    fn learn_mixture(
        k_means: &KMeans,
        settings: &VocabularyConfig,
        config: &MappingConfig,
        sample: ArrayView2<'_, f32>,
        pass: &dyn Fn(),
    ) -> Result<(Self, VocabularyRecord), VocabularyError> {
        let (principal, reduced, explained_variance) = match config.reduced {
            0 => (None, sample.to_owned(), 1.0),
            count => {
                let (principal, explained) = PrincipalComponents::fit(sample, count);
                let reduced = principal.project_all(sample);
                (Some(principal), reduced, explained)
            }
        };
        let vocabulary = k_means.fit_telling(reduced.view(), pass)?;
        let (owners, _) = assign(vocabulary.nearest(), reduced.view());
        let owners: Vec<usize> = owners.into_iter().map(|word| word as usize).collect();
        let params = MixtureParams { max_iter: settings.max_iter, tolerance: TOLERANCE };
        let fitted = params.fit(reduced.view(), &owners, settings.words);
        let mixture = MixtureRecord {
            explained_variance,
            iterations: fitted.iterations.len(),
            converged: fitted.converged,
            mean_log_likelihood: fitted.mean_log_likelihood,
        };
        let fisher = Fisher::new(config, principal, fitted.mixture);
        Ok((Coding::Mixture(Arc::new(fisher)), record(&vocabulary, sample.nrows(), Some(mixture))))
    }

    /// σ² of a mean squared distance, which is 0 if every descriptor is a word.
    pub fn soft_variance(mean_squared_distance: f64) -> f64 {
        mean_squared_distance.max(1e-12)
    }

    /// Returns an assignment without features, for [`Coding::assign`] to add to.
    pub fn begin(&self) -> Assignment {
        match self {
            Coding::Words { mapping, .. } => Assignment { neighbours: mapping.neighbours(), ..Assignment::default() },
            Coding::Mixture(fisher) => fisher.begin(),
        }
    }

    /// Appends the words and weights of the features with these descriptors (n×P).
    pub fn assign(&self, descriptors: ArrayView2<'_, f32>, assignment: &mut Assignment) {
        match self {
            Coding::Words { nearest, variance, mapping } => {
                let mut weights = vec![0.0f32; mapping.neighbours()];
                nearest.search(descriptors, mapping.neighbours(), |row, words, distances| {
                    let (descriptor, vocabulary) = (descriptors.row(row), nearest.words().view());
                    let found = Nearest { descriptor, vocabulary, words, distances, variance: *variance };
                    mapping.weigh(&found, &mut weights);
                    assignment.words.extend_from_slice(words);
                    assignment.weights.extend_from_slice(&weights);
                });
            }
            Coding::Mixture(fisher) => fisher.assign(descriptors, assignment),
        }
    }

    /// Each descriptor's (n×P) own word and its distance to it: squared, or 1 − posterior for the likeliest component of a mixture.
    pub fn owners(&self, descriptors: ArrayView2<'_, f32>) -> (Vec<u32>, Vec<f32>) {
        match self {
            Coding::Words { nearest, .. } => assign(nearest, descriptors),
            Coding::Mixture(fisher) => {
                let mut assignment = fisher.begin();
                fisher.assign(descriptors, &mut assignment);
                let first = |values: &[u32]| values.iter().step_by(assignment.neighbours).copied().collect();
                let doubt = assignment.weights.iter().step_by(assignment.neighbours).map(|posterior| 1.0 - posterior);
                (first(&assignment.words), doubt.collect())
            }
        }
    }
}

fn record(vocabulary: &Vocabulary, sample: usize, mixture: Option<MixtureRecord>) -> VocabularyRecord {
    VocabularyRecord {
        sample,
        iterations: vocabulary.iterations.len(),
        converged: vocabulary.converged,
        mean_squared_distance: vocabulary.mean_squared_distance,
        mixture,
    }
}
