//! The settings of vocabularies, mappings and pooling.

use serde::{Deserialize, Serialize};

use super::cells::CellLayout;
use super::mapping::MappingKind;
use super::pooling::PoolingKind;
use super::vocabulary::{Engine, Start};

/// k-means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VocabularyConfig {
    /// Number of words K.
    pub words: usize,
    /// Number of training descriptors in all; every training picture gives the same number.
    pub sample: usize,
    /// Maximum number of iterations.
    pub max_iter: usize,
    /// How the first words are chosen.
    pub start: Start,
    /// Which implementation runs.
    pub engine: Engine,
    /// Whether the model keeps the pixels of the words' example patches.
    pub store_patches: bool,
}

impl Default for VocabularyConfig {
    fn default() -> Self {
        Self {
            words: 1000,
            sample: 200_000,
            max_iter: 25,
            start: Start::Random,
            engine: Engine::Lloyd,
            store_patches: false,
        }
    }
}

/// A mapping; each kind uses some of the other settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingConfig {
    /// The kind.
    pub kind: MappingKind,
    /// Number of nearest words per feature (soft, rank, llc), or of most likely components (fisher).
    pub neighbours: usize,
    /// Base of the falling weights (rank).
    pub base: f64,
    /// Regularisation, as a share of the trace (llc).
    pub lambda: f64,
    /// Number of principal components that descriptors are reduced to; 0 leaves them as they are (fisher).
    pub reduced: usize,
    /// Whether the mixture weights' derivatives are dimensions too (fisher).
    pub fisher_weights: bool,
}

impl Default for MappingConfig {
    fn default() -> Self {
        Self { kind: MappingKind::Hard, neighbours: 8, base: 2.4, lambda: 1e-4, reduced: 64, fisher_weights: false }
    }
}

/// Pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolingConfig {
    /// The kind.
    pub kind: PoolingKind,
    /// p of the p-mean.
    pub p: f64,
    /// Pyramid cells.
    pub cells: CellLayout,
}

impl Default for PoolingConfig {
    fn default() -> Self {
        Self { kind: PoolingKind::Mean, p: 2.0, cells: CellLayout::pyramid() }
    }
}
