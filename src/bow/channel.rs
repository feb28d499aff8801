//! One channel: a picture to a histogram, and a histogram's relevance back to the picture.

use ndarray::Array2;

use super::config::ChannelConfig;
use super::features::grid::{Grid, Position};
use super::features::{self, FeatureFamily};
use super::words::Assignment;
use super::words::cells::Cells;
use super::words::mapping::{self, Mapping, Nearest};
use super::words::nearest::NearestWords;
use super::words::normalise::normalise;
use super::words::pooling::{self, Pooled, Pooling, Shared};
use crate::dataset::Rectangle;
use crate::ledger::Kept;
use crate::picture::Picture;

/// Turns pictures into histograms, once the vocabulary is known.
pub struct Encoder {
    /// The channel's settings.
    pub config: ChannelConfig,
    /// The words.
    pub words: NearestWords,
    /// σ² of soft mapping; 1 where the mapping needs none.
    pub soft_variance: f64,
    family: Box<dyn FeatureFamily>,
    mapping: Box<dyn Mapping>,
    pooling: Box<dyn Pooling>,
}

/// A picture as one channel sees it: everything the way back needs.
pub struct Encoded {
    /// All places.
    pub grid: Grid,
    /// The kept features' grid numbers, ascending.
    pub numbers: Vec<u32>,
    /// Their words and weights.
    pub assignment: Assignment,
    /// The cells of the pyramid.
    pub cells: Cells,
    /// What pooling saw.
    pub pooled: Pooled,
    /// The kernel's input.
    pub histogram: Vec<f32>,
    /// The descriptors, where they were asked for: n×P.
    pub descriptors: Option<Array2<f32>>,
}

impl Encoder {
    /// An encoder over known words.
    pub fn new(config: ChannelConfig, words: NearestWords, soft_variance: f64) -> Self {
        let family = features::family(&config.descriptor);
        let mapping = mapping::mapping(&config.mapping, soft_variance);
        let pooling = config.pooling.kind.pooling(config.pooling.p);
        Self { config, words, soft_variance, family, mapping, pooling }
    }

    /// The descriptor family.
    pub fn family(&self) -> &dyn FeatureFamily {
        self.family.as_ref()
    }

    /// Picture → local features → words → histogram.
    pub fn encode(&self, picture: &Picture, keep_descriptors: bool) -> Encoded {
        let grid = self.family.grid(picture.width(), picture.height());
        let k = self.mapping.neighbours();
        let mut assignment = Assignment { neighbours: k, ..Assignment::default() };
        let mut numbers = Vec::new();
        let mut kept: Vec<f32> = Vec::new();
        let mut weights = vec![0.0f32; k];
        self.family.extract(picture, &grid, &mut |strip| {
            numbers.extend_from_slice(strip.numbers);
            if keep_descriptors {
                kept.extend(strip.descriptors.iter());
            }
            self.words.search(strip.descriptors, k, |row, words, distances| {
                let (descriptor, vocabulary) = (strip.descriptors.row(row), self.words.words().view());
                self.mapping.weigh(&Nearest { descriptor, vocabulary, words, distances }, &mut weights);
                assignment.words.extend_from_slice(words);
                assignment.weights.extend_from_slice(&weights);
            });
        });
        let cells = self.config.pooling.cells.over(picture.width(), picture.height());
        let centres = numbers.iter().map(|&number| grid.position(number as usize).centre());
        let pooled = pooling::pool(self.pooling.as_ref(), &assignment, centres, &cells, self.words.words().nrows());
        let histogram = normalise(&pooled.values(self.pooling.as_ref()), self.config.power);
        let descriptors = keep_descriptors
            .then(|| Array2::from_shape_vec((numbers.len(), self.family.width()), kept).unwrap_or_default());
        Encoded { grid, numbers, assignment, cells, pooled, histogram, descriptors }
    }

    /// The pixels of every kept feature.
    pub fn supports<'a>(&'a self, encoded: &'a Encoded) -> impl Iterator<Item = Rectangle> + 'a {
        encoded.positions().map(|position| self.family.support(&encoded.grid, position))
    }

    /// R3 of the channel → R2 of the picture's features.
    pub fn back(&self, encoded: &Encoded, r3: &[f64]) -> (Shared, Kept) {
        let centres = encoded.positions().map(Position::centre);
        encoded.pooled.back(self.pooling.as_ref(), &encoded.assignment, centres, &encoded.cells, r3)
    }
}

impl Encoded {
    /// The places of the kept features.
    pub fn positions(&self) -> impl Iterator<Item = Position> + Clone + '_ {
        self.numbers.iter().map(|&number| self.grid.position(number as usize))
    }
}
