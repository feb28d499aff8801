//! The files of the family: models, traces, and the codings inside models and caches.

pub(super) mod coding;
mod error;
pub mod model;
pub mod trace;

pub use error::ModelFileError;
