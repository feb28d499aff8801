//! A network on disk: a safetensors container with layers, preparation and categories as JSON, checked whole before anything of it is used.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::array::Array;
use super::graph::{Graph, GraphError, Node};
use super::network::{Explaining, Network, NetworkError, Origin};
use super::preparation::Preparation;
use crate::format::atomic::WriteError;
use crate::format::container::{self, Container, ContainerError, Reader, Values};

/// Format name in the metadata.
pub const FORMAT: &str = "bowsight-network";
/// Format version in the metadata.
pub const VERSION: &str = "1";

/// Why a network's file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkFileError {
    /// The file could not be read.
    #[error("the file can't be read")]
    Io(#[from] std::io::Error),
    /// The container is damaged or lacks something.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is no network.
    #[error("\"format\" must be \"{FORMAT}\", found \"{found}\"")]
    Format {
        /// What the file says.
        found: String,
    },
    /// It is a network of a newer program.
    #[error("network version must be \"{VERSION}\", found \"{found}\": it was written by a newer program")]
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
    /// The parts don't make a network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl From<GraphError> for NetworkFileError {
    fn from(error: GraphError) -> Self {
        NetworkFileError::Network(error.into())
    }
}

/// The layers of a network as its file has them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    /// The shape of an item of the input.
    input: Vec<usize>,
    nodes: Vec<Node>,
}

/// What a network is besides its layers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    categories: Vec<String>,
    preparation: Option<Preparation>,
    origin: Origin,
    explaining: Explaining,
}

/// The name of a constant's tensor.
fn tensor(place: usize, name: &str) -> String {
    format!("layers.{place}.{name}")
}

/// Numbers in single precision if that loses nothing.
fn narrowed(array: &Array) -> Values {
    let single: Vec<f32> = array.values.iter().map(|&value| value as f32).collect();
    let is_exact = single.iter().zip(array.values.iter()).all(|(&single, &double)| f64::from(single) == double);
    if is_exact { Values::F32(single) } else { Values::F64(array.values.to_vec()) }
}

/// Writes a network into a container.
pub fn to_container(network: &Network) -> Container {
    let mut container = Container::default();
    let (input, mut nodes) = (network.graph.input().to_vec(), network.graph.nodes().to_vec());
    for (place, node) in nodes.iter_mut().enumerate() {
        for (name, array) in node.layer.arrays() {
            container.insert(tensor(place, name), &array.shape, narrowed(array));
        }
    }
    let Network { categories, preparation, origin, explaining, .. } = network;
    let head = Head {
        categories: categories.clone(),
        preparation: preparation.clone(),
        origin: origin.clone(),
        explaining: explaining.clone(),
    };
    let json = |value: serde_json::Result<String>| value.expect("own types serialize");
    for (key, value) in [
        ("format", FORMAT.to_string()),
        ("version", VERSION.to_string()),
        ("layers", json(serde_json::to_string(&Layers { input, nodes }))),
        ("network", json(serde_json::to_string(&head))),
    ] {
        container.metadata.insert(key.to_string(), value);
    }
    container
}

/// Writes the network to `path`, whole or not at all.
///
/// # Errors
/// Those of writing a file.
pub fn save(network: &Network, path: &Path) -> Result<(), WriteError> {
    to_container(network).write(path)
}

/// Loads the network at `path` through a memory map; no other program may change the file meanwhile.
///
/// # Errors
/// [`NetworkFileError`] for anything that is not a whole, consistent network of this version with finite numbers.
pub fn load(path: &Path) -> Result<Network, NetworkFileError> {
    from_bytes(&container::map(path)?)
}

/// Reads and checks a network.
///
/// # Errors
/// [`NetworkFileError`].
pub fn from_bytes(bytes: &[u8]) -> Result<Network, NetworkFileError> {
    let reader = Reader::new(bytes)?;
    let format = reader.metadata("format")?;
    if format != FORMAT {
        return Err(NetworkFileError::Format { found: format.to_string() });
    }
    let version = reader.metadata("version")?;
    if version != VERSION {
        return Err(NetworkFileError::Version { found: version.to_string() });
    }
    let metadata = |key: &'static str| move |source| NetworkFileError::Metadata { key, source };
    let Layers { input, mut nodes } = serde_json::from_str(reader.metadata("layers")?).map_err(metadata("layers"))?;
    let head: Head = serde_json::from_str(reader.metadata("network")?).map_err(metadata("network"))?;
    for (place, node) in nodes.iter_mut().enumerate() {
        for (name, array) in node.layer.arrays() {
            let name = tensor(place, name);
            // The reader compares shapes before it takes any memory of their size.
            let values = match reader.finite_f32s(&name, &array.shape) {
                Ok(values) => values.into_iter().map(f64::from).collect(),
                Err(ContainerError::WrongType { .. }) => reader.finite_f64s(&name, &array.shape)?,
                Err(error) => return Err(error.into()),
            };
            *array = Array::new(array.shape.clone(), values);
        }
    }
    let graph = Graph::new(input, nodes)?;
    Ok(Network::new(graph, head.categories, head.preparation, head.origin, head.explaining)?)
}
