//! What any family of models offers to evaluation, explanation and export.

mod error;
pub mod evidence;
mod failure;

use std::collections::BTreeMap;
use std::path::Path;

use crate::explanation::{Explanation, Query};
use crate::heatmap::Looks;
use crate::picture::sha256_of_picture;
use crate::picture::tiles::Tiles;
use crate::picture::{DecodeOptions, Picture, Rectangle};
use crate::timings::Timings;
pub use error::{ModelError, NoProbabilities, UnknownCategory};
use evidence::Evidence;
pub use failure::PictureFailure;

/// What a forward pass keeps beyond what the way back needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Every layer's input and the picture, so that a trace can be recomputed from the start.
    Everything,
}

/// How explanations are presented unless the user says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Presentation {
    /// Windows that are explained one by one, or none.
    pub tiles: Option<Tiles>,
    /// Colours of drawings and their scale.
    pub looks: Looks,
    /// Whether drawings leave out the spread bias, which says nothing about places.
    pub bias_apart: bool,
}

/// A trained classifier of several categories, with a method to explain its scores.
pub trait Model: Send + Sync {
    /// The categories' names, in the order of all scores.
    fn categories(&self) -> &[String];

    /// How files become pictures for this model: as they did in its training.
    fn reading(&self) -> &DecodeOptions;

    /// Whether it was trained on the file with this SHA-256, in hexadecimal; none if the model does not know its training pictures.
    fn was_trained_on(&self, digest: &str) -> Option<bool>;

    /// The usual longer side, in pixels, of the pictures that it was trained on, as it read them; none if it does not know.
    fn usual_side(&self) -> Option<usize>;

    /// Whether a picture is decided for one category, that of the largest score, and not for every one whose score is above 0.
    fn is_exclusive(&self) -> bool;

    /// The probabilities that a picture with these scores shows each category, in the order of the scores; none for a category about which
    /// the model has seen too little to tell.
    ///
    /// # Errors
    /// [`NoProbabilities`] if it can't tell for any.
    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities>;

    /// Everything that was chosen for model and method, for records beside results.
    fn description(&self) -> serde_json::Value;

    /// The parts of the method that are recorded with every result: name and value.
    fn method(&self) -> BTreeMap<String, String>;

    /// How explanations are presented unless the user says otherwise.
    fn presentation(&self) -> Presentation;

    /// Smallest side, in pixels, of a picture or window that can be scored.
    fn smallest_side(&self) -> usize;

    /// Carries a picture forward to its scores.
    ///
    /// # Errors
    /// [`ModelError::TooSmall`] if the picture is too small to say anything about.
    fn forward<'a>(&'a self, picture: &Picture, keep: Keep) -> Result<Box<dyn Seen + 'a>, ModelError>;

    /// Scores several pictures, for a ranking: equal to the scores of [`Model::forward`] up to rounding, since a model may batch pictures and sum
    /// in single precision.
    ///
    /// Each picture's scores depend on that picture alone. Pictures are taken one by one, so only as many as the model batches are in memory.
    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        let mut scored = Scored::default();
        for picture in pictures {
            let seen = self.forward(&picture, Keep::Nothing);
            if let Ok(seen) = &seen {
                scored.timings += &seen.timings();
            }
            scored.scores.push(seen.map(|seen| seen.scores().to_vec()));
        }
        scored
    }

    /// Scores changed copies of a picture. A family that can recompute only what a change reaches has its own; this one carries every copy forward whole.
    fn rescorer<'a>(&'a self) -> Box<dyn Rescorer + 'a> {
        Box::new(Whole { model: self, scores: Vec::new() })
    }

    /// Whether it was trained on this very file; none if the file can't be read, or the model does not know its training pictures.
    fn was_trained_on_file(&self, file: &Path) -> Option<bool> {
        self.was_trained_on(&sha256_of_picture(file).ok()?)
    }

    /// Finds a category by its name.
    ///
    /// # Errors
    /// [`UnknownCategory`], with the names that exist.
    fn category(&self, name: &str) -> Result<usize, UnknownCategory> {
        let known = self.categories();
        let found = known.iter().position(|category| category == name);
        found.ok_or_else(|| UnknownCategory { found: name.to_string(), known: known.to_vec() })
    }
}

/// The scores of several pictures.
#[derive(Debug, Default)]
pub struct Scored {
    /// f in every category, or why there is none; one item per picture.
    pub scores: Vec<Result<Vec<f64>, ModelError>>,
    /// Times of the stages.
    pub timings: Timings,
}

/// A picture that was carried forward: its scores, and the way back.
pub trait Seen {
    /// f in every category.
    fn scores(&self) -> &[f64];

    /// Times of the forward pass by stage.
    fn timings(&self) -> Timings;

    /// Carries a score back to the pixels.
    ///
    /// # Errors
    /// [`ModelError::UnknownCategory`], [`ModelError::Unsupported`] for what the model can't do, [`ModelError::NotConserved`] if the shares don't add up,
    /// [`ModelError::NotExplained`] if the method does not work for this picture.
    fn explain(&self, query: &Query) -> Result<Explanation, ModelError>;

    /// Other evidence for and against a score, if the model has any.
    fn evidence(&self) -> Option<&dyn Evidence> {
        None
    }
}

/// Scores of copies of one picture that differ from it in a rectangle.
pub trait Rescorer {
    /// f in every category of `picture`, which differs from the one before only in `changed`.
    ///
    /// # Errors
    /// Those of [`Model::forward`].
    fn scores_with(&mut self, changed: Rectangle, picture: &Picture) -> Result<&[f64], ModelError>;
}

/// Carries every copy forward whole.
struct Whole<'a, M: ?Sized> {
    model: &'a M,
    scores: Vec<f64>,
}

impl<M: Model + ?Sized> Rescorer for Whole<'_, M> {
    fn scores_with(&mut self, _changed: Rectangle, picture: &Picture) -> Result<&[f64], ModelError> {
        self.scores = self.model.forward(picture, Keep::Nothing)?.scores().to_vec();
        Ok(&self.scores)
    }
}
