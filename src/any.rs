//! A model of any family, from a file that says which one it is.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::bow;
use crate::bow::files::{self, ModelFileError};
use crate::bow::{BagOfWords, Explaining};
pub use crate::bow::{BiasMode, Decomposition};
use crate::format::container::{self, ContainerError, Reader};
use crate::model::Model;
use crate::nn;
use crate::nn::composite::CompositeError;
use crate::nn::file::{self as network_file, NetworkFileError};
pub use crate::nn::layers::Ties;
use crate::nn::network::{Explaining as NetworkExplaining, Network};
pub use crate::nn::network::{Precision, Way};
pub use crate::nn::{Baseline, References};
use crate::picture;
use crate::settings::ConfigError;

/// A model of any family.
///
/// It is a [`Model`] itself by way of `Deref`.
#[non_exhaustive]
pub enum AnyModel {
    /// A Bag-of-Words classifier.
    BagOfWords(Box<BagOfWords>),
    /// A neural network.
    Network(Box<Network>),
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
    /// A network is damaged or of a newer version.
    #[error(transparent)]
    Network(#[from] NetworkFileError),
    /// The file is of no family of models.
    #[error("its format is \"{found}\", and not {} or {}", files::model::FORMAT, network_file::FORMAT)]
    Format {
        /// What the file says.
        found: String,
    },
}

crate::closed_set! {
    /// The root points of both families' Taylor expansions.
    pub enum RootPoint as "roots" {
        /// The nearest one on the way to other pictures.
        Nearest = "nearest",
        /// That of the smallest residual: of Bag-of-Words classifiers.
        LeastResidual = "least-residual",
        /// The mean of several expansions: of Bag-of-Words classifiers.
        Mean = "mean",
        /// A blank picture: of networks.
        Blank = "blank",
        /// Where steps along the gradient lead: of networks.
        Descend = "descend",
    }
}

/// The method of explanation that a user asks for. What is not given stays as the model has it.
#[derive(Debug, Clone, Default)]
pub struct Method {
    /// Where the bias goes.
    pub bias: Option<BiasMode>,
    /// How the score is split over the dimensions.
    pub decomposition: Option<Decomposition>,
    /// The root of a Taylor expansion.
    pub roots: Option<RootPoint>,
    /// Maximum number of training pictures to search toward for a root.
    pub candidates: Option<usize>,
    /// Rules by layer or derivatives, with their name: of networks.
    pub rules: Option<(String, Way)>,
    /// Where relevance goes whose largest input is not the only one: of networks.
    pub max_pool: Option<Ties>,
    /// What it is computed in: of networks.
    pub precision: Option<Precision>,
    /// Other pictures that some ways need: of networks.
    pub references: Option<References>,
}

/// A method that doesn't fit the model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// A Bag-of-Words classifier can't be explained so.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The rules don't fit the network's layers.
    #[error(transparent)]
    Composite(#[from] CompositeError),
    /// A network can't be explained so.
    #[error(transparent)]
    Network(#[from] crate::nn::MethodError),
    /// The family has no such root point.
    #[error("\"--roots {roots}\" is not for {family}: there is {known}")]
    Roots {
        /// The root point.
        roots: RootPoint,
        /// The family of the model.
        family: &'static str,
        /// Its root points.
        known: String,
    },
    /// Root points are those of a Taylor expansion.
    #[error("\"--roots {roots}\" is for Taylor expansions, and not for \"{rules}\"")]
    NoTaylor {
        /// The root point.
        roots: RootPoint,
        /// The rules that are asked for.
        rules: String,
    },
    /// The option is one of the other family.
    #[error("\"{option}\" is for {meant}, and this model is {found}")]
    OtherFamily {
        /// The option.
        option: &'static str,
        /// The family that it is for.
        meant: &'static str,
        /// The family of the model.
        found: &'static str,
    },
}

/// The families as messages name them.
const BAG_OF_WORDS: &str = "Bag-of-Words classifiers";
const NETWORKS: &str = "neural networks";

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
    /// [`MethodError`] if the method does not fit the model.
    pub fn explainer(&self, method: Method) -> Result<Box<dyn Model + '_>, MethodError> {
        let refuse = |asked: &[(&'static str, bool)], meant, found| match asked.iter().find(|(_, asked)| *asked) {
            Some((option, _)) => Err(MethodError::OtherFamily { option, meant, found }),
            None => Ok(()),
        };
        match self {
            AnyModel::BagOfWords(model) => {
                let asked = [
                    ("--rules", method.rules.is_some()),
                    ("--max-pool", method.max_pool.is_some()),
                    ("--precision", method.precision.is_some()),
                    ("--baseline or --towards", method.references.is_some()),
                ];
                refuse(&asked, NETWORKS, "a Bag-of-Words classifier")?;
                let own = model.settings.explain.method();
                let roots = method.roots.map(|roots| named(roots, BAG_OF_WORDS, &bow::Roots::names())).transpose()?;
                let explainer = model.explainer(Explaining {
                    bias: method.bias.unwrap_or(own.bias),
                    decomposition: method.decomposition.unwrap_or(own.decomposition),
                    roots: roots.unwrap_or(own.roots),
                    candidates: method.candidates.unwrap_or(own.candidates),
                })?;
                Ok(Box::new(explainer))
            }
            AnyModel::Network(network) => {
                let asked = [
                    ("--decomposition", method.decomposition.is_some()),
                    ("--candidates", method.candidates.is_some()),
                ];
                refuse(&asked, BAG_OF_WORDS, "a neural network")?;
                let own = network.explaining.clone();
                let (name, way) = match (method.roots, method.rules) {
                    (None, rules) => rules.unwrap_or((own.name, own.way)),
                    (Some(roots), None | Some((_, Way::Taylor(_)))) => {
                        let roots = named(roots, NETWORKS, &nn::network::Roots::names())?;
                        (format!("taylor:{roots}"), Way::Taylor(roots))
                    }
                    (Some(roots), Some((rules, _))) => return Err(MethodError::NoTaylor { roots, rules }),
                };
                let explaining = NetworkExplaining {
                    name,
                    way,
                    max_pool: method.max_pool.unwrap_or(own.max_pool),
                    spread_bias: method.bias.map_or(own.spread_bias, |bias| bias == BiasMode::Spread),
                    precision: method.precision.unwrap_or(own.precision),
                };
                Ok(Box::new(network.explainer(explaining, method.references.unwrap_or_default())?))
            }
        }
    }
}

/// The root point as its family has it.
fn named<R: FromStr>(roots: RootPoint, family: &'static str, known: &str) -> Result<R, MethodError> {
    roots.name().parse().map_err(|_| MethodError::Roots { roots, family, known: known.to_string() })
}

fn read(path: &Path) -> Result<AnyModel, OpenFailure> {
    let map = container::map(path)?;
    if let Some(format) = picture::format_name(&map) {
        return Err(OpenFailure::Picture(format));
    }
    let format = Reader::new(&map)?.metadata("format")?.to_string();
    Ok(match format.as_str() {
        files::model::FORMAT => AnyModel::BagOfWords(Box::new(files::model::from_bytes(&map)?)),
        network_file::FORMAT => AnyModel::Network(Box::new(network_file::from_bytes(&map)?)),
        _ => return Err(OpenFailure::Format { found: format }),
    })
}

impl std::ops::Deref for AnyModel {
    type Target = dyn Model;

    fn deref(&self) -> &Self::Target {
        match self {
            AnyModel::BagOfWords(model) => model.as_ref(),
            AnyModel::Network(network) => network.as_ref(),
        }
    }
}
