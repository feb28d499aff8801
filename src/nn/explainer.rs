//! What the family offers to everything below the seam: the network itself, and explainers that borrow it.

use std::collections::BTreeMap;

use super::composite::CompositeError;
use super::input::{Baseline, References};
use super::network::{Explaining, Network, Precise, Precision, Roots, Way};
use super::rules::Rule;
use super::seen::{Method, SeenTogether, told};
use crate::explanation::{Explanation, Query};
use crate::heatmap::{Looks, Palette, Scale};
use crate::model::{Keep, Model, ModelError, NoProbabilities, Presentation, Scored, Seen};
use crate::picture::{DecodeOptions, Picture};
use crate::timings::Timings;

/// Percentage of pixels that the colours tell apart: of a photograph's map a few pixels often have many times the relevance of all others.
const MOST_PIXELS: f64 = 99.5;

/// A network that explains its scores by a method of the user's choice.
pub struct Explainer<'n> {
    network: &'n Network,
    explaining: Explaining,
    rules: Vec<Option<Rule>>,
    references: References,
}

/// A method that doesn't fit the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The rules don't fit its layers.
    #[error(transparent)]
    Composite(#[from] CompositeError),
    /// There is no picture towards which a root could be looked for.
    #[error("taylor:nearest needs pictures towards which it looks for a root")]
    NoCandidates,
    /// Roots are looked for in double precision alone.
    #[error("Taylor expansions are made in double precision: their root is known to ten digits")]
    Single,
    /// A picture can't be the baseline or a candidate.
    #[error("the {what} can't be used")]
    Reference {
        /// The baseline, or the number of a candidate.
        what: String,
        /// Why not.
        source: ModelError,
    },
}

impl Network {
    /// Explains this network's scores by another method than its own.
    ///
    /// # Errors
    /// [`MethodError`] if the method doesn't fit it.
    pub fn explainer(&self, explaining: Explaining, references: References) -> Result<Explainer<'_>, MethodError> {
        let rules = self.rules(&explaining)?;
        if matches!(explaining.way, Way::Taylor(_)) && explaining.precision == Precision::Single {
            return Err(MethodError::Single);
        }
        if explaining.way == Way::Taylor(Roots::Nearest) && references.candidates.is_empty() {
            return Err(MethodError::NoCandidates);
        }
        let usable = |what: &dyn Fn() -> String, picture: &Picture| match self.input(picture) {
            Ok(_) => Ok(()),
            Err(source) => Err(MethodError::Reference { what: what(), source }),
        };
        if let Baseline::Picture(picture) = &references.baseline {
            usable(&|| "baseline".to_string(), picture)?;
        }
        for (number, picture) in references.candidates.iter().enumerate() {
            usable(&|| format!("candidate {}", number + 1), picture)?;
        }
        Ok(Explainer { network: self, explaining, rules, references })
    }
}

impl<'n> Explainer<'n> {
    fn given(&self) -> Method<'_> {
        Method { explaining: &self.explaining, rules: &self.rules, references: &self.references }
    }

    /// Carries several pictures forward together, which is faster than one by one where a network is small; every result is the same to the
    /// last bit.
    ///
    /// # Errors
    /// [`ModelError`] of the first picture that can't be scored.
    pub fn together<'a>(&'a self, pictures: &[&Picture]) -> Result<Box<dyn SeenTogether + 'a>, ModelError> {
        self.network.seen(pictures, self.given())
    }

    /// How many pictures of `count` are best carried forward together.
    pub fn batch_of(&self, count: usize) -> usize {
        match self.explaining.precision {
            Precision::Double => <f64 as Precise>::runner(self.network).batch_of(count),
            Precision::Single => <f32 as Precise>::runner(self.network).batch_of(count),
        }
    }
}

/// One picture alone.
struct Alone<'a>(Box<dyn SeenTogether + 'a>);

impl Seen for Alone<'_> {
    fn scores(&self) -> &[f64] {
        &self.0.scores()[0]
    }

    fn timings(&self) -> Timings {
        self.0.timings()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        self.0.explain(&[*query]).pop().expect("one explanation for each query")
    }
}

impl Model for Explainer<'_> {
    fn categories(&self) -> &[String] {
        &self.network.categories
    }

    fn reading(&self) -> &DecodeOptions {
        &self.network.reading
    }

    fn was_trained_on(&self, _: &str) -> Option<bool> {
        None
    }

    fn usual_side(&self) -> Option<usize> {
        None
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        self.network.probabilities(scores)
    }

    fn description(&self) -> serde_json::Value {
        described(self.network, &self.explaining)
    }

    fn method(&self) -> BTreeMap<String, String> {
        let mut told = told(&self.explaining);
        if self.explaining.way == Way::IntegratedGradients {
            let baseline = match self.references.baseline {
                Baseline::Zero => "zero",
                Baseline::Mean => "mean",
                Baseline::Picture(_) => "a picture",
            };
            told.insert("baseline".to_string(), baseline.to_string());
        }
        told
    }

    fn presentation(&self) -> Presentation {
        self.network.presentation()
    }

    fn smallest_side(&self) -> usize {
        self.network.smallest_side()
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        match self.explaining.precision {
            Precision::Double => self.network.scores_of::<f64>(pictures),
            Precision::Single => self.network.scores_of::<f32>(pictures),
        }
    }

    fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        Ok(Box::new(Alone(self.together(&[picture])?)))
    }
}

impl Model for Network {
    fn categories(&self) -> &[String] {
        &self.categories
    }

    fn reading(&self) -> &DecodeOptions {
        &self.reading
    }

    fn was_trained_on(&self, _: &str) -> Option<bool> {
        None
    }

    fn usual_side(&self) -> Option<usize> {
        None
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        let probabilities = self.origin.ending.probabilities(scores);
        let found = probabilities.map(|probabilities| probabilities.into_iter().map(Some).collect());
        found.ok_or(NoProbabilities {
            because: "the network's file has no soft-max at its end",
            hint: "the scores are its outputs as they are",
        })
    }

    fn description(&self) -> serde_json::Value {
        described(self, &self.explaining)
    }

    fn method(&self) -> BTreeMap<String, String> {
        told(&self.explaining)
    }

    fn presentation(&self) -> Presentation {
        let looks = Looks { palette: Palette::Diverging, scale: Scale::Percentile(MOST_PIXELS) };
        Presentation { tiles: None, looks, bias_apart: false }
    }

    fn smallest_side(&self) -> usize {
        1
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        self.scores_of::<f64>(pictures)
    }

    fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        static NONE: References = References { baseline: Baseline::Zero, candidates: Vec::new() };
        let method = Method { explaining: &self.explaining, rules: &self.rules, references: &NONE };
        Ok(Box::new(Alone(self.seen(&[picture], method)?)))
    }
}

/// Everything that was chosen for a network and its method.
fn described(network: &Network, explaining: &Explaining) -> serde_json::Value {
    serde_json::json!({ "preparation": network.preparation, "origin": network.origin, "explaining": explaining })
}
