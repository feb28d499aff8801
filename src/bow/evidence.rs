//! What a score is made of besides pixels: the training pictures that speak for and against it, and the visual words.
//!
//! Training pictures: `f(x) − b = Σ_i c_i`, `c_i = a_i Σ_u (β_u/s_u) k_u(x_i, x)`. Where every kernel is a sum over dimensions, c_i is one too, and the same numbers
//! `c_i,d` go to pixels of the explained picture through its local features, and to pixels of training picture i through **its** local features: what of the one
//! is answered by what of the other. Both maps sum to c_i.
//!
//! Words: a word's relevance is the sum of R3 over its dimensions, in all cells; its map is that of these dimensions alone. All words' maps add up to the whole map.

use ndarray::Array2;

use super::score::exact;
use super::score::kernel::Kernel;
use super::{BagOfWords, Seen, View};
use crate::explanation::Query;
use crate::ledger::Ledger;
use crate::model::ModelError;

/// A training picture and what it says about a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its row among the support pictures.
    pub row: usize,
    /// c_i.
    pub contribution: f64,
}

/// The training pictures that say most.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Those with the largest contributions, the largest first.
    pub speaking_for: Vec<Neighbour>,
    /// Those with the smallest, the smallest first.
    pub speaking_against: Vec<Neighbour>,
    /// All others' contributions together.
    pub rest: f64,
    /// How many others contribute.
    pub others: usize,
    /// b.
    pub bias: f64,
}

impl Neighbours {
    /// f: b and all contributions.
    pub fn score(&self) -> f64 {
        let shown = self.speaking_for.iter().chain(&self.speaking_against);
        shown.map(|neighbour| neighbour.contribution).sum::<f64>() + self.rest + self.bias
    }
}

/// A visual word and what it says about a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word {
    /// The channel.
    pub channel: usize,
    /// The word in the channel's vocabulary.
    pub word: usize,
    /// Σ R3 of its dimensions.
    pub relevance: f64,
    /// Whether the picture holds the word at all; otherwise its map is uniform.
    pub present: bool,
}

/// A score that was split over the dimensions, for questions about single words.
pub struct Split<'a> {
    seen: &'a Seen<'a>,
    r3: Vec<Vec<f64>>,
}

/// Part of a map, and what of it reached no pixel.
#[derive(Debug, Clone)]
pub struct PartMap {
    /// H×W.
    pub relevance: Array2<f64>,
    /// What found no local feature to go to.
    pub no_features: f64,
}

impl BagOfWords {
    /// Whether training pictures speak in its scores: of linear classifiers only weights are left.
    pub fn has_support(&self) -> bool {
        self.channels.iter().all(|channel| channel.weights.is_none())
    }

    /// Whether every kernel is a sum over dimensions, so that single training pictures' contributions have maps.
    pub fn is_additive(&self) -> bool {
        self.channels.iter().all(|channel| matches!(channel.kernel, Kernel::Additive(_)))
    }
}

impl Seen<'_> {
    /// c_i of every support picture: with b they sum to the score.
    pub fn contributions(&self, query: &Query) -> Vec<f64> {
        let decision = self.decision(&self.whole, query);
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

    /// The `count` support pictures that say most for the score, and the `count` that say most against it.
    pub fn neighbours(&self, query: &Query, count: usize) -> Neighbours {
        let contributions = self.contributions(query);
        let mut order: Vec<usize> = (0..contributions.len()).filter(|&i| contributions[i] != 0.0).collect();
        order.sort_by(|&a, &b| contributions[b].total_cmp(&contributions[a]).then(a.cmp(&b)));
        let neighbour = |&row: &usize| Neighbour { row, contribution: contributions[row] };
        let speaks = |sign: f64| move |neighbour: &Neighbour| neighbour.contribution * sign > 0.0;
        let speaking_for: Vec<Neighbour> = order.iter().map(neighbour).filter(speaks(1.0)).take(count).collect();
        let speaking_against: Vec<Neighbour> =
            order.iter().rev().map(neighbour).filter(speaks(-1.0)).take(count).collect();
        let shown = |row: usize| speaking_for.iter().chain(&speaking_against).any(|neighbour| neighbour.row == row);
        let others: Vec<f64> = order.iter().filter(|&&row| !shown(row)).map(|&row| contributions[row]).collect();
        Neighbours {
            rest: others.iter().sum(),
            others: others.len(),
            bias: self.decision(&self.whole, query).bias,
            speaking_for,
            speaking_against,
        }
    }

    /// The pixels of this picture that support picture `row` speaks for; none where a kernel is no sum over dimensions.
    pub fn spoken_for(&self, query: &Query, row: usize) -> Option<PartMap> {
        Some(self.part(&self.whole, &self.terms(query, row)?))
    }

    /// The pixels of the training picture that answer: `other` is support picture `row`, carried forward by the same model. None where a kernel is no
    /// sum over dimensions.
    pub fn answering(&self, query: &Query, row: usize, other: &Seen<'_>) -> Option<PartMap> {
        Some(other.part(&other.whole, &self.terms(query, row)?))
    }

    /// c_i,d of every channel.
    fn terms(&self, query: &Query, row: usize) -> Option<Vec<Vec<f64>>> {
        let mut decision = self.decision(&self.whole, query);
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

    fn part(&self, view: &View, r3: &[Vec<f64>]) -> PartMap {
        let mut ledger = Ledger::open(0.0);
        let (_, relevance) = self.to_pixels(view, r3, &mut ledger);
        PartMap { relevance, no_features: ledger.no_features }
    }

    /// Splits the score over the dimensions.
    ///
    /// # Errors
    /// [`ModelError::NoRoot`] where a Taylor expansion has none.
    pub fn split(&self, query: &Query) -> Result<Split<'_>, ModelError> {
        let decomposed = self.decompose(&self.whole, query)?;
        // What no dimension holds is in the explanation's ledger; here only the dimensions are asked for.
        let _ = decomposed.kept;
        Ok(Split { seen: self, r3: decomposed.r3 })
    }
}

impl Split<'_> {
    /// Every word of every channel, the largest |relevance| first.
    pub fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        for (channel, (r3, encoded)) in self.r3.iter().zip(&self.seen.whole.encoded).enumerate() {
            let encoder = &self.seen.model.channels[channel].encoder;
            let count = encoder.config.vocabulary.words;
            let mut of_channel: Vec<Word> =
                (0..count).map(|word| Word { channel, word, relevance: 0.0, present: false }).collect();
            for (d, (r3, mass)) in r3.iter().zip(&encoded.pooled.mass).enumerate() {
                let word = &mut of_channel[encoder.word_of(d)];
                word.relevance += r3;
                word.present |= *mass != 0.0;
            }
            words.extend(of_channel);
        }
        words.sort_by(|a, b| b.relevance.abs().total_cmp(&a.relevance.abs()));
        words
    }

    /// The map of one word alone.
    pub fn word_map(&self, word: &Word) -> PartMap {
        let encoder = &self.seen.model.channels[word.channel].encoder;
        let r3: Vec<Vec<f64>> = self
            .r3
            .iter()
            .enumerate()
            .map(|(channel, r3)| {
                let own = |d: usize| channel == word.channel && encoder.word_of(d) == word.word;
                r3.iter().enumerate().map(|(d, value)| if own(d) { *value } else { 0.0 }).collect()
            })
            .collect();
        self.seen.part(&self.seen.whole, &r3)
    }
}
