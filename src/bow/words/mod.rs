//! Layer 2 ⇄ 3: local features → histogram, and each dimension's relevance → local features.
//!
//! Forward: the [`vocabulary`] finds each feature's nearest words, a [`mapping`] weighs them, [`pooling`] averages the
//! weights over the [`cells`] of a pyramid, [`normalise`] makes the kernel's input of it. Back: power and
//! normalisation act on each dimension or on all alike, so relevance passes through them unchanged, and
//! [`pooling`] shares it among the features by what they put in.
//!
//! With Fisher vectors the words are the components of a [`mixture`] on [`principal`] components, and a word has several
//! dimensions in a cell, its block; with all other mappings, it has one.

pub mod cells;
pub mod coding;
pub mod examples;
#[cfg(feature = "linfa")]
mod linfa;
pub mod mapping;
pub mod mixture;
pub mod nearest;
pub mod normalise;
pub mod pooling;
pub mod principal;
mod settings;
pub mod vocabulary;

use mapping::fisher::Derivatives;
pub use settings::{MappingConfig, PoolingConfig, VocabularyConfig};

/// The words and weights of a picture's local features: k of each per feature, in the order of the features.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assignment {
    /// Number of words per feature, k.
    pub neighbours: usize,
    /// Word indices by rank, n×k.
    pub words: Vec<u32>,
    /// Word weights m, n×k: the very numbers that pooling and its way back use. With `derivatives`: posteriors, which those are made of.
    pub weights: Vec<f32>,
    /// For mixtures, whose components have derivatives in place of one weight each.
    pub derivatives: Option<Derivatives>,
}

impl Assignment {
    /// Number of features.
    pub fn len(&self) -> usize {
        self.words.len() / self.neighbours.max(1)
    }

    /// Whether there is no feature.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Calls `found(dimension, weight)` for every dimension of a cell that feature `index` has a weight in.
    pub fn visit(&self, index: usize, mut found: impl FnMut(usize, f64)) {
        self.visit_blocks(index, &mut Vec::new(), |first, weights| {
            weights.iter().enumerate().for_each(|(offset, &weight)| found(first + offset, weight));
        });
    }

    /// The same for neighbouring dimensions together, `found(first dimension, weights)`; `scratch` saves an allocation per feature.
    pub fn visit_blocks(&self, index: usize, scratch: &mut Vec<f64>, mut found: impl FnMut(usize, &[f64])) {
        let range = index * self.neighbours..(index + 1) * self.neighbours;
        let (words, weights) = (&self.words[range.clone()], &self.weights[range]);
        match &self.derivatives {
            None => words.iter().zip(weights).for_each(|(&word, &weight)| found(word as usize, &[f64::from(weight)])),
            Some(Derivatives { fisher, reduced }) => {
                let width = fisher.mixture().width();
                fisher.visit(&reduced[index * width..(index + 1) * width], words, weights, scratch, found);
            }
        }
    }
}
