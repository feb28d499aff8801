//! What the family offers to everything below the seam: the model itself, and explainers that borrow it.

use std::collections::BTreeMap;

use super::config::{Settings, Twins};
use super::model::BagOfWords;
use super::score::Explaining;
use super::seen::{histograms, see};
use super::stages;
use super::twins::MirrorPair;
use crate::model::{Keep, Model, ModelError, NoProbabilities, Presentation, Scored, Seen};
use crate::picture::{DecodeOptions, Picture};
use crate::settings::ConfigError;
use crate::timings::Timings;

impl BagOfWords {
    /// Explains this model's scores by `method` instead of the one in its settings.
    ///
    /// ```
    /// # if !std::path::Path::new("models/voc2012.bowsight").exists() { return Ok(()); } // the package leaves it out
    /// use bowsight::bow::{BiasMode, Decomposition, Explaining, files::model::load};
    /// let model = load("models/voc2012.bowsight".as_ref())?;
    /// let kept_apart = model.explainer(Explaining { bias: BiasMode::Sink, ..Explaining::default() })?;
    /// // The model's kernel has no derivative everywhere.
    /// assert!(model.explainer(Explaining { decomposition: Decomposition::Taylor, ..Explaining::default() }).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] if the method does not fit the model's kernels.
    pub fn explainer(&self, method: Explaining) -> Result<Explainer<'_>, ConfigError> {
        let explain = self.settings.explain.clone().with_method(method);
        Ok(Explainer { model: self, settings: self.settings.with_explain(explain)?, method })
    }

    fn forward_by<'a>(
        &'a self,
        picture: &Picture,
        keep: Keep,
        method: Explaining,
    ) -> Result<Box<dyn Seen + 'a>, ModelError> {
        let own = Box::new(see(self, picture, keep, method)?);
        Ok(match self.settings.picture.twins {
            Twins::None | Twins::Train => own,
            Twins::Test => Box::new(MirrorPair::new(own, Box::new(see(self, &picture.mirrored(), keep, method)?))),
        })
    }

    /// The means of the scores of each picture's views, itself and its mirror image, each one histogram per channel.
    pub(super) fn mean_scores<E>(&self, pictures: Vec<Result<Vec<Vec<Vec<f32>>>, E>>) -> Vec<Result<Vec<f64>, E>> {
        let views = pictures.iter().flatten().flatten();
        let views: Vec<Vec<&[f32]>> = views.map(|view| view.iter().map(Vec::as_slice).collect()).collect();
        let mut scores = self.classifier.scores_of_many(&views).into_iter();
        let mut mean = |views: Vec<Vec<Vec<f32>>>| {
            let mut mean = vec![0.0; self.training.categories.len()];
            for scores in scores.by_ref().take(views.len()) {
                mean.iter_mut().zip(scores).for_each(|(mean, score)| *mean += score / views.len() as f64);
            }
            mean
        };
        pictures.into_iter().map(|views| views.map(&mut mean)).collect()
    }
}

impl Model for BagOfWords {
    fn categories(&self) -> &[String] {
        &self.training.categories
    }

    fn reading(&self) -> &DecodeOptions {
        &self.reading
    }

    fn was_trained_on(&self, digest: &str) -> Option<bool> {
        let digests = &self.training.digests;
        // Models of earlier versions have none.
        (!digests.is_empty()).then(|| digests.iter().any(|known| known == digest))
    }

    fn usual_side(&self) -> Option<usize> {
        let median = self.training.longer_sides?.median;
        let limit = self.reading.max_side;
        Some(if limit == 0 { median } else { median.min(limit) })
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        self.training.probabilities(scores)
    }

    fn description(&self) -> serde_json::Value {
        serde_json::to_value(&self.settings).expect("settings serialize")
    }

    fn method(&self) -> BTreeMap<String, String> {
        told(&self.settings.explain.method())
    }

    fn presentation(&self) -> Presentation {
        self.settings.explain.presentation()
    }

    fn smallest_side(&self) -> usize {
        let sides = self.channels.iter().map(|channel| channel.encoder.family().smallest_side());
        sides.min().expect("settings have at least one channel")
    }

    fn forward<'a>(&'a self, picture: &Picture, keep: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        self.forward_by(picture, keep, self.settings.explain.method())
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        let mut timings = Timings::default();
        let mut views = |picture: Picture| {
            let mut views = vec![histograms(self, &picture, &mut timings)?];
            if self.settings.picture.twins == Twins::Test {
                views.push(histograms(self, &picture.mirrored(), &mut timings)?);
            }
            Ok(views)
        };
        let views = pictures.map(&mut views).collect();
        let scores = timings.time(stages::SCORES, || self.mean_scores(views));
        Scored { scores, timings }
    }
}

/// A model that explains its scores by a method of the user's choice.
pub struct Explainer<'m> {
    model: &'m BagOfWords,
    /// The model's settings with the method's in their place.
    settings: Settings,
    method: Explaining,
}

impl Model for Explainer<'_> {
    fn categories(&self) -> &[String] {
        self.model.categories()
    }

    fn reading(&self) -> &DecodeOptions {
        self.model.reading()
    }

    fn was_trained_on(&self, digest: &str) -> Option<bool> {
        self.model.was_trained_on(digest)
    }

    fn usual_side(&self) -> Option<usize> {
        self.model.usual_side()
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        self.model.probabilities(scores)
    }

    fn description(&self) -> serde_json::Value {
        serde_json::to_value(&self.settings).expect("settings serialize")
    }

    fn method(&self) -> BTreeMap<String, String> {
        told(&self.method)
    }

    fn presentation(&self) -> Presentation {
        self.model.presentation()
    }

    fn smallest_side(&self) -> usize {
        self.model.smallest_side()
    }

    fn forward<'a>(&'a self, picture: &Picture, keep: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        self.model.forward_by(picture, keep, self.method)
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        self.model.scores(pictures)
    }
}

/// What results tell of the method.
fn told(method: &Explaining) -> BTreeMap<String, String> {
    BTreeMap::from([("bias".to_string(), method.bias.to_string())])
}
