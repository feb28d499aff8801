//! Layer 2 ⇄ 3: local features → histogram, and each dimension's relevance → local features.
//!
//! Forward: the [`vocabulary`] finds each feature's nearest words, a [`mapping`] weighs them, [`pooling`] averages the
//! weights over the [`cells`] of a pyramid, [`normalise`] makes the kernel's input of it. Back: power and L1
//! normalisation act on each dimension or on all alike, so relevance passes through them unchanged, and
//! [`pooling`] shares it among the features by what they put in.

pub mod cells;
pub mod examples;
pub mod mapping;
pub mod nearest;
pub mod normalise;
pub mod pooling;
pub mod vocabulary;

/// The words and weights of a picture's local features: k of each a feature, in the order of the features.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assignment {
    /// Words a feature, k.
    pub neighbours: usize,
    /// Word indices by rank, n×k.
    pub words: Vec<u32>,
    /// Word weights m, n×k: the very numbers that pooling and its way back use.
    pub weights: Vec<f32>,
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
        let range = index * self.neighbours..(index + 1) * self.neighbours;
        for (&word, &weight) in self.words[range.clone()].iter().zip(&self.weights[range]) {
            found(word as usize, f64::from(weight));
        }
    }
}
