//! Layer 2 ⇄ 3: local features → histogram, and each dimension's relevance → local features.
//!
//! Forward: the [`vocabulary`] finds each feature's nearest words, a [`mapping`] weighs them, [`pooling`] averages the
//! weights over the [`cells`] of a pyramid, [`normalise`] makes the kernel's input of it. Back: power and L1
//! normalisation act on each dimension or on all alike, so relevance passes through them unchanged, and
//! [`pooling`] shares it among the features by what they put in.

pub mod cells;
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
    /// The (word, weight) pairs of feature `index`.
    pub fn of(&self, index: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let range = index * self.neighbours..(index + 1) * self.neighbours;
        self.words[range.clone()].iter().map(|&word| word as usize).zip(self.weights[range].iter().copied())
    }
}
