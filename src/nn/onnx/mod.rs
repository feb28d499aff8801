//! Networks from ONNX files: read, checked, and brought into their canonical form.
//!
//! Operators of versions (opsets) 6 to 26 that make convolutional and dense networks; see `docs/networks.md`. The batch is free, whatever the file says; every other
//! length must be known. Nodes and weights that lead nowhere are ignored.

mod attributes;
mod constant;
mod error;
mod folding;
mod lower;
mod messages;
mod read;

pub use error::{OnnxError, OnnxFault};
pub use read::{Import, InputNumbers, Options, from_bytes, import};

/// The versions of operators that are read.
pub const OLDEST_OPSET: i64 = 6;
/// See [`OLDEST_OPSET`].
pub const NEWEST_OPSET: i64 = 26;
