//! One channel: a picture to a histogram, and a histogram's relevance back to the picture.

use std::time::Instant;

use ndarray::Array2;

use super::config::ChannelConfig;
use super::features::grid::{Grid, Position};
use super::features::{self, FeatureFamily};
use super::stages;
use super::words::Assignment;
use super::words::cells::Cells;
use super::words::coding::Coding;
use super::words::normalise::normalise;
use super::words::pooling::{self, Pooled, Pooling, Shared};
use crate::ledger::Kept;
use crate::numeric::matrix;
use crate::picture::Picture;
use crate::picture::Rectangle;
use crate::timings::Timings;

/// Turns pictures into histograms, once the vocabulary is known.
pub struct Encoder {
    /// The channel's settings.
    pub config: ChannelConfig,
    /// What features are coded with.
    pub coding: Coding,
    family: Box<dyn FeatureFamily>,
    pooling: Box<dyn Pooling>,
}

/// A picture's local features as one channel sees them, and their words: found once, pooled as often as there are windows.
pub struct Features {
    /// All places.
    pub grid: Grid,
    /// The kept features' grid numbers, ascending.
    pub numbers: Vec<u32>,
    /// Their words and weights.
    pub assignment: Assignment,
    /// The descriptors, n×P, if they were asked for.
    pub descriptors: Option<Array2<f32>>,
    /// Times of finding them and their words.
    pub timings: Timings,
}

/// The features of a picture, or of a window of it, pooled: everything the way back needs.
pub struct Encoded {
    /// The features inside, ascending.
    pub members: Vec<u32>,
    /// The cells of the pyramid.
    pub cells: Cells,
    /// What pooling keeps for the way back.
    pub pooled: Pooled,
    /// The kernel's input.
    pub histogram: Vec<f32>,
}

impl Encoder {
    /// An encoder with a known coding, which `config.mapping` and `config.vocabulary` describe.
    pub fn new(config: ChannelConfig, coding: Coding) -> Self {
        let family = features::family(&config.descriptor);
        let pooling = config.pooling.kind.pooling(config.pooling.p);
        Self { config, coding, family, pooling }
    }

    /// The word that a dimension of the histogram belongs to, whatever the cell; a mixture's components have several dimensions in each.
    pub fn word_of(&self, dimension: usize) -> usize {
        let block = self.config.block();
        dimension % (self.config.vocabulary.words * block) / block
    }

    /// The descriptor family.
    pub fn family(&self) -> &dyn FeatureFamily {
        self.family.as_ref()
    }

    /// Picture → local features → words.
    pub fn features(&self, picture: &Picture, keep_descriptors: bool) -> Features {
        let grid = self.family.grid(picture.width(), picture.height());
        let mut assignment = self.coding.begin();
        let mut numbers = Vec::new();
        let mut kept: Vec<f32> = Vec::new();
        let began = Instant::now();
        let mut timings = Timings::default();
        self.family.extract(picture, &grid, &mut |strip| {
            numbers.extend_from_slice(strip.numbers);
            if keep_descriptors {
                kept.extend(strip.descriptors.iter());
            }
            timings.time(stages::WORDS, || self.coding.assign(strip.descriptors, &mut assignment));
        });
        // Words are found strip by strip, in between: what is left is the features'.
        timings.add(stages::FEATURES, began.elapsed().saturating_sub(timings.total()));
        let descriptors = keep_descriptors.then(|| matrix((numbers.len(), self.family.width()), kept));
        Features { grid, numbers, assignment, descriptors, timings }
    }

    /// The histogram of the features whose support lies inside `region`.
    pub fn encode(&self, features: &Features, region: Rectangle) -> Encoded {
        let all = 0..features.numbers.len() as u32;
        let members: Vec<u32> = if region == features.grid.region() {
            all.collect()
        } else {
            all.filter(|&index| region.holds(&self.support(features, index))).collect()
        };
        let cells = self.config.pooling.cells.over(region);
        let stride = self.config.vocabulary.words * self.config.block();
        let centres = features.centres(&members);
        let pooled = pooling::pool(self.pooling.as_ref(), &features.assignment, centres, &cells, stride);
        let norm = self.config.mapping.kind.norm();
        let histogram = normalise(&pooled.values(self.pooling.as_ref()), self.config.power, norm);
        Encoded { members, cells, pooled, histogram }
    }

    /// Picture → histogram; all zero if no feature fits into the picture.
    pub fn histogram(&self, picture: &Picture) -> Vec<f32> {
        let features = self.features(picture, false);
        self.encode(&features, features.grid.region()).histogram
    }

    /// R3 of the channel → R2 of the members.
    pub fn back(&self, features: &Features, encoded: &Encoded, r3: &[f64]) -> (Shared, Kept) {
        let centres = features.centres(&encoded.members);
        encoded.pooled.back(self.pooling.as_ref(), &features.assignment, centres, &encoded.cells, r3)
    }

    /// The pixels of every member.
    pub fn supports<'a>(
        &'a self,
        features: &'a Features,
        encoded: &'a Encoded,
    ) -> impl Iterator<Item = Rectangle> + 'a {
        encoded.members.iter().map(|&index| self.support(features, index))
    }

    fn support(&self, features: &Features, index: u32) -> Rectangle {
        self.family.support(&features.grid, features.position(index))
    }
}

impl Features {
    /// The place of feature `index`.
    pub fn position(&self, index: u32) -> Position {
        self.grid.position(self.numbers[index as usize] as usize)
    }

    /// The features `members`, each with its centre.
    pub fn centres<'a>(&'a self, members: &'a [u32]) -> impl Iterator<Item = (usize, (f32, f32))> + Clone + 'a {
        members.iter().map(|&index| (index as usize, self.position(index).centre()))
    }
}
