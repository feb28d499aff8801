//! Why a model file could not be used.

use crate::format::container::ContainerError;
use crate::settings::ConfigError;

use super::model::{FORMAT, VERSION};

/// Why a model file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The file could not be read.
    #[error("the file can't be read")]
    Io(#[from] std::io::Error),
    /// The container is damaged or lacks something.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is no model.
    #[error("\"format\" must be \"{FORMAT}\", found \"{found}\"")]
    Format {
        /// What the file says.
        found: String,
    },
    /// It is a model of a newer program.
    #[error("model version must be \"{VERSION}\", found \"{found}\": it was written by a newer program")]
    Version {
        /// What the file says.
        found: String,
    },
    /// A JSON part is malformed.
    #[error("metadata \"{key}\" is malformed")]
    Metadata {
        /// Its key.
        key: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The configuration's values are out of range.
    #[error("the model's configuration is invalid")]
    Config(#[from] ConfigError),
    /// Two parts contradict each other.
    #[error("{what} must be {expected}, found {found}")]
    Mismatch {
        /// What is counted.
        what: String,
        /// What the rest of the file says.
        expected: String,
        /// What it is.
        found: String,
    },
}

pub(super) fn mismatch(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> ModelFileError {
    ModelFileError::Mismatch { what: what.into(), expected: expected.to_string(), found: found.to_string() }
}
