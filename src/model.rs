//! What any family of models offers to evaluation, explanation and export.

use crate::explanation::{Explanation, Query};
use crate::picture::Picture;
use crate::timings::Timings;

/// Why a model could not look at a picture or explain its score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The account did not balance: a fault of the program.
    #[error(transparent)]
    NotConserved(#[from] crate::ledger::NotConserved),
    /// A Taylor expansion has no root to start from.
    #[error("category \"{category}\" can't be expanded{}", window.map_or_else(String::new, |window| format!(" in the window {window}")))]
    NoRoot {
        /// The category.
        category: String,
        /// The window, where the picture was cut into tiles.
        window: Option<crate::picture::Rectangle>,
        /// What was tried.
        source: crate::numeric::root::NoRoot,
    },
    /// The model cannot do what was asked.
    #[error("unsupported: {what} of a model whose {because}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// What stands against it.
        because: &'static str,
    },
    /// The picture holds no local feature.
    #[error(
        "no local features: {width}×{height} is smaller than the {smallest}×{smallest} pixels that the smallest one needs"
    )]
    TooSmall {
        /// Picture width.
        width: usize,
        /// Picture height.
        height: usize,
        /// Smallest side that holds a feature.
        smallest: usize,
    },
}

/// A trained classifier of several categories.
pub trait Model: Send + Sync {
    /// The categories' names, in the order of all scores.
    fn categories(&self) -> &[String];

    /// Carries a picture forward as far as its scores; with `keep_descriptors` the descriptors are kept for a trace.
    ///
    /// # Errors
    /// [`ModelError::TooSmall`] where the picture is too small to say anything about.
    fn forward(&self, picture: &Picture, keep_descriptors: bool) -> Result<Box<dyn Forward + '_>, ModelError>;

    /// The scores of several pictures in every category, for a ranking: those that [`Model::forward`] gives but for rounding, as a model may take pictures
    /// together and sum with fewer digits where that is faster. They depend on the picture alone, not on those that come with it. What it takes is added to
    /// `timings`.
    ///
    /// # Errors
    /// Those of [`Model::forward`], each picture its own.
    fn scores(
        &self,
        pictures: &mut dyn Iterator<Item = Picture>,
        timings: &mut Timings,
    ) -> Vec<Result<Vec<f64>, ModelError>> {
        pictures
            .map(|picture| {
                let seen = self.forward(&picture, false)?;
                *timings += seen.timings();
                Ok(seen.scores().to_vec())
            })
            .collect()
    }
}

/// A picture carried forward: its scores, and the way back.
pub trait Forward {
    /// f of every category.
    fn scores(&self) -> &[f64];

    /// What the way forward took.
    fn timings(&self) -> Timings;

    /// Carries a score back to the pixels.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for what the model can't do, [`ModelError::NotConserved`] when the shares don't add up, [`ModelError::NoRoot`]
    /// when a Taylor expansion is asked for and impossible.
    fn explain(&self, query: &Query) -> Result<Explanation, ModelError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Rectangle;

    #[test]
    fn a_window_without_a_root_is_named() {
        let source = crate::numeric::root::NoRoot { value: 0.5, candidates: 3 };
        let error = |window| ModelError::NoRoot { category: "horse".to_string(), window, source }.to_string();
        assert_eq!(error(None), "category \"horse\" can't be expanded");
        let window = Rectangle { x0: 34, y0: 0, x1: 136, y1: 102 };
        assert_eq!(error(Some(window)), "category \"horse\" can't be expanded in the window (34, 0)–(136, 102)");
    }
}
