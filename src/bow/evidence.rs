//! Training pictures and visual words that speak for and against a score.
//!
//! Training pictures: `f(x) − b = Σ_i c_i`, `c_i = a_i Σ_u (β_u/s_u) k_u(x_i, x)`. If every kernel is a sum over dimensions, c_i is one too, and the same numbers
//! `c_i,d` go to pixels of the explained picture through its local features, and to pixels of training picture i through *its* local features: what of the one
//! is answered by what of the other. Both maps sum to c_i.
//!
//! Words: a word's relevance is the sum of R3 over its dimensions, in all cells; its map is that of these dimensions alone. All words' maps add up to the whole map.

use super::score::kernel::Kernel;
use super::score::{Decision, exact};
use super::seen::{SeenPicture, see};
use crate::explanation::Target;
use crate::ledger::{Account, Ledger};
use crate::model::evidence::{Element, Elements, Evidence, Examples, Match, PartMap};
use crate::model::{Keep, ModelError};
use crate::picture::Picture;

/// A score that was split over the dimensions, for questions about single words.
struct Words<'a> {
    seen: &'a SeenPicture<'a>,
    r3: Vec<Vec<f64>>,
}

impl SeenPicture<'_> {
    /// The score in question, if the model is a kernel machine.
    fn decision(&self, target: Target) -> Option<Decision<'_>> {
        let histograms: Vec<&[f32]> = self.whole.encoded.iter().map(|encoded| encoded.histogram.as_slice()).collect();
        Some(self.model.kernel_machine()?.decision(&histograms, target))
    }

    /// c_i,d of every channel; `None` unless every kernel is a sum over dimensions.
    fn terms(&self, target: Target, row: usize) -> Option<Vec<Vec<f64>>> {
        let mut decision = self.decision(target)?;
        let alone = decision.dual[row];
        decision.dual.fill(0.0);
        decision.dual[row] = alone;
        let terms = |channel: &super::score::Channel<'_>| match channel.kernel {
            Kernel::Additive(terms) => {
                let shares = exact::shares(channel, terms, &decision.dual);
                Some(shares.into_iter().map(|share| share * channel.factor).collect())
            }
            Kernel::Product { .. } => None,
        };
        decision.channels.iter().map(terms).collect()
    }

    fn part(&self, r3: &[Vec<f64>]) -> PartMap {
        let mut ledger = Ledger::open(0.0);
        let (_, relevance) = self.to_pixels(&self.whole, r3, 0.0, &mut ledger);
        PartMap { relevance, without_receiver: ledger.kept(Account::NoReceiver) }
    }
}

impl Evidence for SeenPicture<'_> {
    fn contributions(&self, target: Target) -> Vec<f64> {
        let Some(decision) = self.decision(target) else { return Vec::new() };
        let mut contributions = vec![0.0; decision.dual.len()];
        for channel in &decision.channels {
            let rows = channel.train.chunks_exact(channel.histogram.len().max(1));
            for ((contribution, a), row) in contributions.iter_mut().zip(&decision.dual).zip(rows) {
                if *a != 0.0 {
                    *contribution += a * channel.factor * channel.kernel.value(row, channel.histogram);
                }
            }
        }
        contributions
    }

    fn examples(&self, target: Target, count: usize) -> Examples {
        let bias = target.of(|category| self.model.classifier.bias()[category]);
        Examples::new(&self.contributions(target), bias, count)
    }

    fn match_example(&self, target: Target, row: usize, example: &Picture) -> Result<Option<Match>, ModelError> {
        let Some(terms) = self.terms(target, row) else { return Ok(None) };
        let other = see(self.model, example, Keep::Nothing, self.method)?;
        Ok(Some(Match { claimed: self.part(&terms), answering: other.part(&terms) }))
    }

    fn elements(&self, target: Target) -> Result<Box<dyn Elements + '_>, ModelError> {
        let decomposed = self.decompose(&self.whole, target)?;
        // What no dimension holds is in the explanation's ledger; here only the dimensions are asked for.
        let _ = decomposed.kept;
        Ok(Box::new(Words { seen: self, r3: decomposed.r3 }))
    }
}

impl Elements for Words<'_> {
    fn ranked(&self) -> Vec<Element> {
        let mut words = Vec::new();
        for (group, (r3, encoded)) in self.r3.iter().zip(&self.seen.whole.encoded).enumerate() {
            let encoder = &self.seen.model.channels[group].encoder;
            let count = encoder.config.vocabulary.words;
            let mut own: Vec<Element> =
                (0..count).map(|number| Element { group, number, relevance: 0.0, present: false }).collect();
            for (d, (r3, mass)) in r3.iter().zip(&encoded.pooled.mass).enumerate() {
                let word = &mut own[encoder.word_of(d)];
                word.relevance += r3;
                word.present |= *mass != 0.0;
            }
            words.extend(own);
        }
        words.sort_by(|a, b| b.relevance.abs().total_cmp(&a.relevance.abs()));
        words
    }

    fn map(&self, word: &Element) -> PartMap {
        let encoder = &self.seen.model.channels[word.group].encoder;
        let of_word = |(group, r3): (usize, &Vec<f64>)| {
            let own = |d: usize| group == word.group && encoder.word_of(d) == word.number;
            r3.iter().enumerate().map(|(d, value)| if own(d) { *value } else { 0.0 }).collect()
        };
        let r3: Vec<Vec<f64>> = self.r3.iter().enumerate().map(of_word).collect();
        self.seen.part(&r3)
    }
}
