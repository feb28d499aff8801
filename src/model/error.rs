//! Errors of models.

use std::sync::Arc;

use crate::picture::Rectangle;
use crate::settings::closed_set::nearest;

/// Why a model could not process a picture or explain its score.
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
    /// The picture has not the size that the model reads.
    #[error("the picture has {width}×{height} pixels, and the model reads {}×{}", needed.0, needed.1)]
    WrongSize {
        /// Width of the picture in pixels.
        width: usize,
        /// Height of the picture in pixels.
        height: usize,
        /// Width and height that it must have.
        needed: (usize, usize),
    },
    /// The array in the place of a picture has another shape than the model's input.
    #[error("the array has the shape {found}, and the model's input is {needed}")]
    WrongShape {
        /// Its shape.
        found: String,
        /// The shape that it must have.
        needed: String,
    },
    /// A score is infinite or no number.
    #[error("the score of \"{category}\" is not finite")]
    NotFinite {
        /// The category.
        category: String,
    },
    /// The model cannot do what was asked.
    #[error("unsupported: {what} of a model whose {because}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// Why not.
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
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            ModelError::NotConserved(_) => true,
            ModelError::UnknownCategory { .. }
            | ModelError::TooSmall { .. }
            | ModelError::WrongSize { .. }
            | ModelError::WrongShape { .. }
            | ModelError::NotFinite { .. }
            | ModelError::Unsupported { .. }
            | ModelError::NotExplained { .. } => false,
        }
    }

    /// What a user can do about it, as a line to paste if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            ModelError::NotExplained { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}

/// A model's scores have no probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model can't give probabilities: {because}")]
pub struct NoProbabilities {
    /// Why not.
    pub because: &'static str,
    /// What a user can do about it.
    pub hint: &'static str,
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
