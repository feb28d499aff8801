//! Reading a file: what it must have, its input and output, and the nodes that lead from one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use super::constant::{self, Constant};
use super::error::{OnnxError, OnnxFault};
use super::lower::Lowering;
use super::messages::{Dimension, Graph as GraphMessage, Model, Node, Tensor, ValueInfo};
use super::{NEWEST_OPSET, OLDEST_OPSET};
use crate::nn::canonical::canonical;
use crate::nn::ending::Ending;
use crate::nn::graph::Graph;

/// What a user chooses about an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The input, if there are several.
    pub input: Option<String>,
    /// The output, if there are several.
    pub output: Option<String>,
    /// Lengths of the axes that the file leaves open, in their order; the batch doesn't count.
    pub size: Vec<usize>,
}

/// The numbers that the input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputNumbers {
    /// Single or double precision.
    Real,
    /// Half precision: inputs are rounded to it.
    Half,
    /// Bytes: inputs are integers from 0 to 255.
    Bytes,
}

/// A network from a file.
#[derive(Debug)]
pub struct Import {
    /// Its layers, in canonical form.
    pub graph: Graph,
    /// The same as the file has them.
    pub as_written: Graph,
    /// What stood behind the logits.
    pub ending: Ending,
    /// The numbers of the input.
    pub numbers: InputNumbers,
    /// Name of the input.
    pub input: String,
    /// Name of the output.
    pub output: String,
    /// The version of the operators.
    pub opset: i64,
}

/// Imports the network in an ONNX file.
///
/// # Errors
/// [`OnnxError`] for anything that is not a whole network of operators that are supported.
pub fn import(path: &Path, options: &Options) -> Result<Import, OnnxError> {
    let read = || -> Result<Import, OnnxFault> {
        let bytes = std::fs::read(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        from_bytes(bytes, folder, options)
    };
    read().map_err(|source| OnnxError { path: path.to_path_buf(), source })
}

/// The same from bytes; `folder` is where files beside the model lie.
///
/// # Errors
/// [`OnnxFault`].
pub fn from_bytes(bytes: Vec<u8>, folder: &Path, options: &Options) -> Result<Import, OnnxFault> {
    let bytes = Bytes::from(bytes);
    if bytes.is_empty() {
        return Err(OnnxFault::NotWhole { why: "it is empty".to_string() });
    }
    let model = Model::decode(bytes).map_err(|error| OnnxFault::NotWhole { why: error.to_string() })?;
    let Some(graph) = &model.graph else {
        return Err(OnnxFault::NotWhole { why: "there is no graph in it".to_string() });
    };
    let opset = model.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
    let opset = opset.ok_or(OnnxFault::Missing { what: "version of its operators (opset)" })?.version;
    if !(OLDEST_OPSET..=NEWEST_OPSET).contains(&opset) {
        return Err(OnnxFault::Opset { found: opset });
    }
    if graph.output.is_empty() {
        return Err(OnnxFault::Missing { what: "outputs" });
    }
    if graph.node.is_empty() {
        return Err(OnnxFault::Missing { what: "nodes" });
    }
    let mut weights: BTreeMap<&str, &Tensor> = BTreeMap::new();
    for tensor in &graph.initializer {
        if weights.insert(&tensor.name, tensor).is_some() {
            return Err(OnnxFault::tensor(&tensor.name, "is there twice"));
        }
    }
    let output =
        choose("output", graph.output.iter().map(|value| value.name.as_str()), options.output.as_deref(), "--output")?;
    let living = living(graph, output, &weights)?;
    let read_by_living: BTreeSet<&str> = living.iter().flat_map(|node| node.input.iter().map(String::as_str)).collect();
    let inputs = || graph.input.iter().filter(|value| !weights.contains_key(value.name.as_str()));
    let used: Vec<&str> =
        inputs().map(|value| value.name.as_str()).filter(|name| read_by_living.contains(name)).collect();
    // An input that nobody reads is one all the same where there is no other.
    let names = if used.is_empty() { inputs().map(|value| value.name.as_str()).collect() } else { used };
    let input = choose("input", names.into_iter(), options.input.as_deref(), "--input")?;
    let info = inputs().find(|value| value.name == input).ok_or(OnnxFault::Missing { what: "inputs" })?;
    let (shape, numbers) = input_shape(info, &options.size)?;
    let read = |name: &str| -> Result<Option<Constant>, OnnxFault> {
        let tensor = weights.get(name).map(|tensor| constant::read(tensor, folder)).transpose()?;
        tensor.map(|constant| constant.finite(name)).transpose()
    };
    let mut lowering = Lowering::new(opset, folder, input, shape, &read);
    for node in living {
        lowering.node(node)?;
    }
    let (as_written, ending) = lowering.finish(output)?;
    let graph = canonical(as_written.clone())?;
    Ok(Import { graph, as_written, ending, numbers, input: input.to_string(), output: output.to_string(), opset })
}

/// The only name, or the one that was asked for.
fn choose<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
    asked: Option<&str>,
    option: &'static str,
) -> Result<&'a str, OnnxFault> {
    let names: Vec<&str> = names.collect();
    let owned = || names.iter().map(ToString::to_string).collect();
    match (asked, &names[..]) {
        (Some(asked), names) => match names.iter().find(|name| **name == asked) {
            Some(name) => Ok(name),
            None => Err(OnnxFault::Unknown { what, found: asked.to_string(), names: owned() }),
        },
        (None, [one]) => Ok(one),
        (None, []) => Err(OnnxFault::Missing { what: "inputs" }),
        (None, _) => Err(OnnxFault::Several { what, names: owned(), option }),
    }
}

/// The nodes that the output depends on, in the file's order, each value made once and before it is read.
fn living<'a>(
    graph: &'a GraphMessage,
    output: &str,
    weights: &BTreeMap<&str, &Tensor>,
) -> Result<Vec<&'a Node>, OnnxFault> {
    let value = |name: &str, why| OnnxFault::Value { name: name.to_string(), why };
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if made.insert(name, place).is_some() {
                return Err(value(name, "is made twice"));
            }
        }
    }
    let is_given = |name: &str| weights.contains_key(name) || graph.input.iter().any(|input| input.name == name);
    if !made.contains_key(output) {
        return Err(value(output, "is to be the output, but no node makes it"));
    }
    let mut is_alive = vec![false; graph.node.len()];
    let mut open = vec![(output, graph.node.len())];
    while let Some((name, reader)) = open.pop() {
        let Some(&place) = made.get(name) else {
            if is_given(name) {
                continue;
            }
            return Err(value(name, "is read, but nothing makes it"));
        };
        if place >= reader {
            return Err(value(name, "is read before it is made, perhaps in a circle"));
        }
        if !is_alive[place] {
            is_alive[place] = true;
            open.extend(
                graph.node[place].input.iter().filter(|name| !name.is_empty()).map(|name| (name.as_str(), place)),
            );
        }
    }
    Ok(graph.node.iter().zip(is_alive).filter(|(_, is_alive)| *is_alive).map(|(node, _)| node).collect())
}

/// The shape of the input with a batch of one, and its numbers.
fn input_shape(info: &ValueInfo, size: &[usize]) -> Result<(Vec<usize>, InputNumbers), OnnxFault> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let dimensions = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let one = |dimension: &Dimension| match (dimension.dim_value, &dimension.dim_param) {
        (Some(value), _) => value.to_string(),
        (None, Some(name)) if !name.is_empty() => name.clone(),
        _ => "?".to_string(),
    };
    let text = dimensions.iter().map(one).collect::<Vec<_>>().join("×");
    let wrong = |why: String| OnnxFault::Input { name: info.name.clone(), shape: text.clone(), why };
    let numbers = match tensor.map_or(0, |tensor| tensor.elem_type) {
        0 | 1 | 11 => InputNumbers::Real,
        10 | 16 => InputNumbers::Half,
        2 => InputNumbers::Bytes,
        other => return Err(wrong(format!("numbers of type {other} are not read"))),
    };
    if dimensions.len() < 2 {
        return Err(wrong("it must have a batch and at least one more axis".to_string()));
    }
    let mut given = size.iter();
    let mut shape = vec![1];
    for (axis, dimension) in dimensions.iter().enumerate().skip(1) {
        let length =
            match dimension.dim_value.filter(|&value| value > 0) {
                Some(value) => usize::try_from(value).ok().filter(|&value| value <= 1 << 24),
                None => Some(*given.next().ok_or_else(|| {
                    wrong(format!("axis {axis} ({}) is open: --size gives its length", one(dimension)))
                })?),
            };
        shape.push(
            length
                .filter(|&length| length > 0)
                .ok_or_else(|| wrong(format!("axis {axis} is longer than any picture")))?,
        );
    }
    Ok((shape, numbers))
}
