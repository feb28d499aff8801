//! The files of the family: models, traces, and the codebooks inside models and caches.

pub(super) mod codebook;
mod error;
pub mod model;
pub mod trace;

pub use error::ModelFileError;
