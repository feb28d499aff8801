//! A model of any family, from a file that says which one it is.

use std::path::{Path, PathBuf};

use crate::bow::files::{self, ModelFileError};
use crate::bow::{BagOfWords, Explaining};
pub use crate::bow::{BiasMode, Decomposition, Roots};
use crate::format::container::{self, ContainerError, Reader};
use crate::model::Model;
use crate::picture;
use crate::settings::ConfigError;

/// A model of any family.
///
/// It is a [`Model`] itself by way of `Deref`.
#[non_exhaustive]
pub enum AnyModel {
    /// A Bag-of-Words classifier.
    BagOfWords(Box<BagOfWords>),
}

/// A model file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("model \"{}\" can't be used", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: OpenFailure,
}

impl OpenError {
    /// Whether the run failed, as opposed to what it was given: never, since a model file is input.
    pub fn is_failure(&self) -> bool {
        false
    }
}

/// Why a model file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFailure {
    /// The file could not be read.
    #[error("the file can't be read")]
    Io(#[from] std::io::Error),
    /// The file is a picture.
    #[error("it is a picture ({0}), no model")]
    Picture(&'static str),
    /// The file is no container of tensors, or has no format name.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A Bag-of-Words model is damaged or of a newer version.
    #[error(transparent)]
    BagOfWords(#[from] ModelFileError),
}

/// The method of explanation that a user asks for. What is not given stays as the model has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Method {
    /// Where the bias goes.
    pub bias: Option<BiasMode>,
    /// How the score is split over the dimensions.
    pub decomposition: Option<Decomposition>,
    /// The root of a Taylor expansion.
    pub roots: Option<Roots>,
    /// Maximum number of training pictures to search toward for a root.
    pub candidates: Option<usize>,
}

impl AnyModel {
    /// Opens the model file at `path`.
    ///
    /// # Errors
    /// [`OpenError`] for anything that is not a whole, consistent model.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        read(path).map_err(|source| OpenError { path: path.to_path_buf(), source })
    }

    /// Explains by `method`.
    ///
    /// # Errors
    /// [`ConfigError`] if the method does not fit the model.
    pub fn explainer(&self, method: Method) -> Result<Box<dyn Model + '_>, ConfigError> {
        match self {
            AnyModel::BagOfWords(model) => {
                let own = model.settings.explain.method();
                let explainer = model.explainer(Explaining {
                    bias: method.bias.unwrap_or(own.bias),
                    decomposition: method.decomposition.unwrap_or(own.decomposition),
                    roots: method.roots.unwrap_or(own.roots),
                    candidates: method.candidates.unwrap_or(own.candidates),
                })?;
                Ok(Box::new(explainer))
            }
        }
    }
}

fn read(path: &Path) -> Result<AnyModel, OpenFailure> {
    let map = container::map(path)?;
    if let Some(format) = picture::format_name(&map) {
        return Err(OpenFailure::Picture(format));
    }
    // The only family so far reads its own format name, and says so if it is another.
    Reader::new(&map)?.metadata("format")?;
    Ok(AnyModel::BagOfWords(Box::new(files::model::from_bytes(&map)?)))
}

impl std::ops::Deref for AnyModel {
    type Target = dyn Model;

    fn deref(&self) -> &Self::Target {
        match self {
            AnyModel::BagOfWords(model) => model.as_ref(),
        }
    }
}
