//! Why a picture has no scores.

use std::sync::Arc;

use super::ModelError;
use crate::picture::PictureError;

/// Why one picture of many could not be used. The others are not affected.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PictureFailure {
    /// Its file can't be read as a picture.
    #[error(transparent)]
    Picture(Arc<PictureError>),
    /// The model can't process it.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl PictureFailure {
    /// Returns the error and its causes on one line.
    pub fn reason(&self) -> String {
        crate::causes::chain(self)
    }
}

impl From<PictureError> for PictureFailure {
    fn from(error: PictureError) -> Self {
        PictureFailure::Picture(Arc::new(error))
    }
}
