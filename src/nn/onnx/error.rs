//! Why an ONNX file can't be used.

use std::path::PathBuf;

use super::{NEWEST_OPSET, OLDEST_OPSET};
use crate::nn::graph::GraphError;

/// Why an ONNX file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("\"{}\" can't be imported", path.display())]
pub struct OnnxError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub source: OnnxFault,
}

/// What is wrong with an ONNX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxFault {
    /// It could not be read.
    #[error("the file can't be read")]
    Io(#[from] std::io::Error),
    /// It is cut short, damaged, or of another format.
    #[error("it is not a whole ONNX file: {why}")]
    NotWhole {
        /// What is wrong.
        why: String,
    },
    /// It lacks something.
    #[error("it has no {what}")]
    Missing {
        /// What it lacks.
        what: &'static str,
    },
    /// Its operators are of a version that is not read.
    #[error("its operators are of version (opset) {found}, and those from {OLDEST_OPSET} to {NEWEST_OPSET} are read")]
    Opset {
        /// The version.
        found: i64,
    },
    /// It has several inputs or outputs.
    #[error("it has several {what}s, {}: {option} chooses one", names.join(", "))]
    Several {
        /// `input` or `output`.
        what: &'static str,
        /// Their names.
        names: Vec<String>,
        /// The option that chooses one.
        option: &'static str,
    },
    /// There is no such input or output.
    #[error("it has no {what} \"{found}\", but {}", names.join(", "))]
    Unknown {
        /// `input` or `output`.
        what: &'static str,
        /// The name that was asked for.
        found: String,
        /// Those that exist.
        names: Vec<String>,
    },
    /// The input's shape is open, or no picture has it.
    #[error("the input \"{name}\" has the shape {shape}: {why}")]
    Input {
        /// Its name.
        name: String,
        /// Its shape as the file has it.
        shape: String,
        /// What is wrong.
        why: String,
    },
    /// A value is read that nothing makes, or made twice.
    #[error("the value \"{name}\" {why}")]
    Value {
        /// Its name.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A constant is damaged or can't be used.
    #[error("the tensor \"{name}\" {why}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A node is not supported, or contradicts itself.
    #[error("node \"{node}\" ({operator}): {why}")]
    Node {
        /// The node's name, or that of what it makes.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong.
        why: String,
    },
    /// The layers don't make a network.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl OnnxFault {
    pub(super) fn tensor(name: &str, why: impl Into<String>) -> Self {
        OnnxFault::Tensor { name: name.to_string(), why: why.into() }
    }
}
