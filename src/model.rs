//! What any family of models offers to evaluation, explanation and export.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::evidence::Evidence;
use crate::explanation::{Explanation, Query};
use crate::heatmap::Looks;
use crate::picture::tiles::Tiles;
use crate::picture::{DecodeOptions, Picture, Rectangle};
use crate::settings::closed_set::nearest;
use crate::timings::Timings;

/// Why a model could not see a picture or explain its score.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The query names a category that the model does not have.
    #[error("there is no category {index}: the model has {count}")]
    UnknownCategory {
        /// The index asked for.
        index: usize,
        /// Number of categories.
        count: usize,
    },
    /// The picture is too small to say anything about.
    #[error("{width}×{height} pixels are too few: {what} needs at least {smallest}×{smallest}")]
    TooSmall {
        /// What did not fit.
        what: &'static str,
        /// Width of the picture in pixels.
        width: usize,
        /// Height of the picture in pixels.
        height: usize,
        /// Smallest side that suffices, in pixels.
        smallest: usize,
    },
    /// The model cannot do what was asked.
    #[error("unsupported: {what} of a model whose {because}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// What stands against it.
        because: &'static str,
    },
    /// The account did not balance: a fault of the program.
    #[error(transparent)]
    NotConserved(#[from] crate::ledger::NotConserved),
    /// The method of explanation does not work for this picture.
    #[error("category \"{category}\" can't be explained{}", window.map_or_else(String::new, |window| format!(" in the window {window}")))]
    NotExplained {
        /// The category.
        category: String,
        /// The window, if the picture was cut into tiles.
        window: Option<Rectangle>,
        /// What a user can do about it.
        hint: Option<String>,
        /// Why not.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl ModelError {
    /// What a user can do about it, as a line to paste if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            ModelError::NotExplained { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}

/// A category that the model does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown category \"{found}\": the model knows {}", known.join(", "))]
pub struct UnknownCategory {
    /// The name given.
    pub found: String,
    /// The names that exist.
    pub known: Vec<String>,
}

impl UnknownCategory {
    /// The existing name that was probably meant.
    pub fn nearest(&self) -> Option<String> {
        nearest(&self.found, self.known.iter().map(String::as_str))
    }
}

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
}

/// A trained classifier of several categories, with a method to explain its scores.
pub trait Model: Send + Sync {
    /// The categories' names, in the order of all scores.
    fn categories(&self) -> &[String];

    /// How files become pictures for this model: as they did in its training.
    fn reading(&self) -> &DecodeOptions;

    /// Everything that was chosen for model and method, for records beside results.
    fn description(&self) -> serde_json::Value;

    /// What of the method is told with every result: name and value.
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
                scored.timings += seen.timings();
            }
            scored.scores.push(seen.map(|seen| seen.scores().to_vec()));
        }
        scored
    }

    /// Scores changed copies of a picture. A family that can recompute only what a change reaches has its own; this one carries every copy forward whole.
    fn rescorer<'a>(&'a self) -> Box<dyn Rescorer + 'a> {
        Box::new(Whole { model: self, scores: Vec::new() })
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
    /// What it took.
    pub timings: Timings,
}

/// A picture that was carried forward: its scores, and the way back.
pub trait Seen {
    /// f in every category.
    fn scores(&self) -> &[f64];

    /// What the way forward took.
    fn timings(&self) -> Timings;

    /// Carries a score back to the pixels.
    ///
    /// # Errors
    /// [`ModelError::UnknownCategory`], [`ModelError::Unsupported`] for what the model can't do, [`ModelError::NotConserved`] if the shares don't add up,
    /// [`ModelError::NotExplained`] if the method does not work for this picture.
    fn explain(&self, query: &Query) -> Result<Explanation, ModelError>;

    /// What else speaks for and against a score, if the model knows.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_not_explained_is_named() {
        let error = |window| {
            let source = Arc::new(crate::numeric::root::NoRoot { value: 0.5, candidates: 3 });
            ModelError::NotExplained { category: "horse".to_string(), window, hint: None, source }.to_string()
        };
        assert_eq!(error(None), "category \"horse\" can't be explained");
        let window = Rectangle { x0: 34, y0: 0, x1: 136, y1: 102 };
        assert_eq!(error(Some(window)), "category \"horse\" can't be explained in the window (34, 0)–(136, 102)");
    }
}
