//! From operators to layers.

mod arithmetic;
mod form;
mod function;
mod linear;
mod pool;

use std::collections::BTreeMap;
use std::path::Path;

use super::attributes::Reading;
use super::constant::{Constant, Number};
use super::error::OnnxFault;
use super::folding::{fold, lengths};
use super::messages::Node as NodeMessage;
use crate::nn::array::Array;
use crate::nn::ending::Ending;
use crate::nn::graph::{Graph, Node};
use crate::nn::layers::{Description, Form, Moved};

/// What is known of a value.
#[derive(Debug, Clone)]
enum Known {
    Constant(Constant),
    Activation(Activation),
}

/// What a layer makes.
#[derive(Debug, Clone, PartialEq)]
struct Activation {
    /// Its number in the graph.
    value: usize,
    /// Its shape in the file, with a batch of one.
    shape: Vec<usize>,
    /// The soft-max that it went through: then `value` are the logits before it.
    ending: Option<Ending>,
}

/// The shape of an item: without the batch, where there is one.
fn item(shape: &[usize]) -> &[usize] {
    match shape {
        [1, rest @ ..] => rest,
        whole => whole,
    }
}

type Weights<'a> = &'a dyn Fn(&str) -> Result<Option<Constant>, OnnxFault>;

/// Layers that are being made from nodes.
pub(super) struct Lowering<'a> {
    opset: i64,
    /// The model's folder.
    folder: &'a Path,
    weights: Weights<'a>,
    known: BTreeMap<String, Known>,
    input: Vec<usize>,
    nodes: Vec<Node>,
    /// The shapes of items of all values.
    shapes: Vec<Vec<usize>>,
}

/// A node that is being read.
struct Step<'r, 'a> {
    reading: &'r Reading<'a>,
    /// Its inputs; none where one is left out.
    inputs: Vec<Option<Known>>,
}

impl<'a> Lowering<'a> {
    pub fn new(opset: i64, folder: &'a Path, input: &str, shape: Vec<usize>, weights: Weights<'a>) -> Self {
        let item = item(&shape).to_vec();
        let activation = Activation { value: 0, shape, ending: None };
        Self {
            opset,
            folder,
            weights,
            known: BTreeMap::from([(input.to_string(), Known::Activation(activation))]),
            shapes: vec![item.clone()],
            input: item,
            nodes: Vec::new(),
        }
    }

    /// The graph up to `output`, and what stood behind its logits.
    pub fn finish(mut self, output: &str) -> Result<(Graph, Ending), OnnxFault> {
        let Some(Known::Activation(found)) = self.known.remove(output) else {
            return Err(OnnxFault::Value { name: output.to_string(), why: "does not depend on the input" });
        };
        // What was made after the logits only led to the soft-max.
        self.nodes.truncate(found.value);
        let needed = self.needed(found.value);
        let mut renumbered = vec![0; self.nodes.len() + 1];
        let mut nodes = Vec::new();
        for (place, node) in self.nodes.into_iter().enumerate() {
            if needed[place] {
                let inputs = node.inputs.iter().map(|&value| renumbered[value]).collect();
                nodes.push(Node { inputs, ..node });
                renumbered[place + 1] = nodes.len();
            }
        }
        if nodes.is_empty() {
            // The output is the input: a network all the same.
            let layer = Description::Form(Form { moved: Moved::Reshape { shape: self.input.clone() } });
            nodes.push(Node { name: output.to_string(), layer, inputs: vec![0] });
        }
        Ok((Graph::new(self.input, nodes)?, found.ending.unwrap_or(Ending::Logits)))
    }

    /// Which layers a value depends on.
    fn needed(&self, value: usize) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            let Some(place) = value.checked_sub(1) else { continue };
            if !std::mem::replace(&mut needed[place], true) {
                open.extend(&self.nodes[place].inputs);
            }
        }
        needed
    }

    /// Makes layers of a node.
    pub fn node(&mut self, node: &NodeMessage) -> Result<(), OnnxFault> {
        let reading = Reading::new(node);
        if !(node.domain.is_empty() || node.domain == "ai.onnx") {
            return Err(reading.fault(format!("operators of \"{}\" are not supported", node.domain)));
        }
        let inputs = node.input.iter().map(|name| self.input_of(name)).collect::<Result<Vec<_>, _>>()?;
        let step = Step { reading: &reading, inputs };
        if node.op_type == "Constant" {
            let constant = reading.constant(self.folder)?.finite(node.output.first().map_or("", String::as_str))?;
            return self.done(&step, vec![Known::Constant(constant)]);
        }
        if let Some(folded) = self.folded(&step)? {
            let name = node.output.first().map_or("", String::as_str);
            return self.done(&step, vec![Known::Constant(folded.finite(name)?)]);
        }
        if let Some(made) = self.behind_soft_max(&step)? {
            return self.done(&step, vec![made]);
        }
        let made = self.lowered(&step)?;
        self.done(&step, made.into_iter().map(Known::Activation).collect())
    }

    fn input_of(&mut self, name: &str) -> Result<Option<Known>, OnnxFault> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(known) = self.known.get(name) {
            return Ok(Some(known.clone()));
        }
        let constant = (self.weights)(name)?;
        let missing = || OnnxFault::Value { name: name.to_string(), why: "is another input, which has no value here" };
        let known = Known::Constant(constant.ok_or_else(missing)?);
        self.known.insert(name.to_string(), known.clone());
        Ok(Some(known))
    }

    /// Books what a node made, once all its attributes are read.
    fn done(&mut self, step: &Step<'_, '_>, made: Vec<Known>) -> Result<(), OnnxFault> {
        step.reading.finish()?;
        // Outputs beyond those that are made (a mask, statistics) are known to nobody.
        let names = step.reading.node.output.iter().filter(|name| !name.is_empty());
        self.known.extend(names.cloned().zip(made));
        Ok(())
    }

    /// The value of a node that depends on constants alone, or on shapes.
    fn folded(&self, step: &Step<'_, '_>) -> Result<Option<Constant>, OnnxFault> {
        let reading = step.reading;
        if reading.node.op_type == "Shape"
            && let Some(Some(Known::Activation(activation))) = step.inputs.first()
        {
            return Ok(Some(lengths(reading, &activation.shape)?));
        }
        // Only the type of what a constant is cast like matters, and types are folded away.
        if reading.node.op_type == "CastLike"
            && let Some(Some(Known::Constant(constant))) = step.inputs.first()
        {
            return Ok(Some(constant.clone()));
        }
        let constants: Option<Vec<Option<&Constant>>> = step
            .inputs
            .iter()
            .map(|input| match input {
                None => Some(None),
                Some(Known::Constant(constant)) => Some(Some(constant)),
                Some(Known::Activation(_)) => None,
            })
            .collect();
        match constants {
            Some(constants) => fold(reading, &constants, self.opset)?
                .map(Some)
                .ok_or_else(|| reading.fault("it computes with constants in a way that is not supported")),
            None => Ok(None),
        }
    }

    /// A change of form behind a soft-max, which changes nothing of what is explained.
    fn behind_soft_max(&self, step: &Step<'_, '_>) -> Result<Option<Known>, OnnxFault> {
        let activations = step.inputs.iter().flatten().filter_map(|known| match known {
            Known::Activation(activation) => Some(activation),
            Known::Constant(_) => None,
        });
        let Some(behind) = activations.clone().find(|activation| activation.ending.is_some()) else { return Ok(None) };
        let only_moves = ["Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Cast"];
        if !only_moves.contains(&step.reading.node.op_type.as_str()) || activations.count() > 1 {
            return Err(step.reading.fault("a soft-max is supported as the last step alone, and this reads one"));
        }
        step.reading.ignore(&["axis", "axes", "shape", "allowzero", "ratio", "seed", "to"]);
        let count: usize = behind.shape.iter().product();
        Ok(Some(Known::Activation(Activation { shape: vec![1, count], ..behind.clone() })))
    }

    fn lowered(&mut self, step: &Step<'_, '_>) -> Result<Vec<Activation>, OnnxFault> {
        let reading = step.reading;
        let one = |made: Result<Activation, OnnxFault>| made.map(|made| vec![made]);
        match reading.node.op_type.as_str() {
            "Conv" => one(self.convolution(step)),
            "Gemm" => one(self.gemm(step)),
            "MatMul" => one(self.mat_mul(step)),
            "BatchNormalization" => one(self.batch_normalization(step)),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => one(self.arithmetic(step)),
            "Max" | "Min" => one(self.extremum(step)),
            "Neg" => one(self.negation(step)),
            "AveragePool" | "GlobalAveragePool" => one(self.average_pool(step)),
            "ReduceMean" | "ReduceSum" => one(self.reduction(step)),
            "MaxPool" | "GlobalMaxPool" => one(self.max_pool(step)),
            "LRN" => one(self.response_norm(step)),
            "Identity" | "Dropout" | "Cast" | "CastLike" => one(self.identity(step)),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => one(self.reshape(step)),
            "Transpose" => one(self.transpose(step)),
            "Concat" => one(self.concatenation(step)),
            "Slice" => one(self.slice(step)),
            "Gather" => one(self.gather(step)),
            "Split" => self.split(step),
            "Pad" => one(self.pad(step)),
            "Softmax" | "LogSoftmax" => one(self.soft_max(step)),
            _ => match self.function(step)? {
                Some(made) => Ok(vec![made]),
                None => Err(reading.fault(match reading.node.op_type.as_str() {
                    "LayerNormalization" | "RMSNormalization" | "Attention" | "MultiHeadAttention" => {
                        "this operator is not supported: transformers can't be explained here"
                    }
                    _ => "this operator is not supported",
                })),
            },
        }
    }

    /// Adds a layer, whose result has this shape in the file.
    fn push(
        &mut self,
        step: &Step<'_, '_>,
        name: String,
        layer: Description,
        inputs: &[&Activation],
        shape: Option<Vec<usize>>,
    ) -> Result<Activation, OnnxFault> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| self.shapes[input.value].as_slice()).collect();
        let made = layer.shape(&shapes).map_err(|error| step.reading.fault(error.to_string()))?;
        // Layers keep the batch in front.
        let shape = shape.unwrap_or_else(|| [&[1], made.as_slice()].concat());
        if item(&shape) != made {
            return Err(step
                .reading
                .fault(format!("its result has the shape {made:?} and not {shape:?}: the batch was moved")));
        }
        let count = made.iter().try_fold(1usize, |count, &length| count.checked_mul(length));
        if count.is_none_or(|count| count > 1 << 31) {
            return Err(step.reading.fault(format!("its result of the shape {made:?} is too large")));
        }
        if count == Some(0) {
            return Err(step.reading.fault(format!("its result of the shape {made:?} has an axis of length 0")));
        }
        self.shapes.push(made);
        self.nodes.push(Node { name, layer, inputs: inputs.iter().map(|input| input.value).collect() });
        Ok(Activation { value: self.nodes.len(), shape, ending: None })
    }

    /// The layer that makes an activation; none for the input.
    fn maker(&self, activation: &Activation) -> Option<&Node> {
        activation.value.checked_sub(1).map(|place| &self.nodes[place])
    }
}

impl Step<'_, '_> {
    fn name(&self) -> String {
        self.reading.name().to_string()
    }

    /// An input that must be an activation.
    fn activation(&self, place: usize) -> Result<&Activation, OnnxFault> {
        match self.inputs.get(place) {
            Some(Some(Known::Activation(activation))) => Ok(activation),
            Some(Some(Known::Constant(_))) => {
                Err(self.reading.fault(format!("its input {place} is a constant, and must not be")))
            }
            _ => Err(self.reading.fault(format!("its input {place} is missing"))),
        }
    }

    /// An input that must be a constant, if it is there.
    fn constant(&self, place: usize, what: &str) -> Result<Option<&Constant>, OnnxFault> {
        match self.inputs.get(place) {
            Some(Some(Known::Constant(constant))) => Ok(Some(constant)),
            Some(Some(Known::Activation(_))) => Err(self
                .reading
                .fault(format!("{what} depend on the input, which is not supported: they must be constants"))),
            _ => Ok(None),
        }
    }

    /// A constant that must be there.
    fn needed(&self, place: usize, what: &str) -> Result<&Constant, OnnxFault> {
        self.constant(place, what)?.ok_or_else(|| self.reading.fault(format!("{what} are missing")))
    }

    /// Integers from an input, or from an attribute in earlier versions.
    fn integers(&self, place: usize, attribute: &'static str) -> Result<Option<Vec<i64>>, OnnxFault> {
        match self.constant(place, "the integers")? {
            Some(constant) => {
                let integers = constant.to_integers();
                integers.map(Some).ok_or_else(|| self.reading.fault(format!("its input {place} must hold integers")))
            }
            None => Ok(self.reading.integers(attribute)),
        }
    }

    /// All activations among the inputs.
    fn activations(&self) -> Vec<&Activation> {
        self.inputs
            .iter()
            .filter_map(|known| match known {
                Some(Known::Activation(activation)) => Some(activation),
                _ => None,
            })
            .collect()
    }
}

/// A constant beside an activation of `rank` axes in the file: without the batch's axis, and as an array.
fn beside(step: &Step<'_, '_>, constant: &Constant, shape: &[usize]) -> Result<Array, OnnxFault> {
    let mut own = constant.shape.clone();
    if own.len() > shape.len() {
        return Err(step
            .reading
            .fault(format!("a constant of the shape {own:?} has more axes than the activation, {shape:?}")));
    }
    if own.len() == shape.len() && shape.first() == Some(&1) {
        if own[0] != 1 {
            return Err(step.reading.fault(format!("a constant of the shape {own:?} differs along the batch")));
        }
        own.remove(0);
    }
    Ok(Array::new(own, constant.values.clone()))
}

/// The only number of a constant.
fn scalar(step: &Step<'_, '_>, constant: &Constant, what: &str) -> Result<f64, OnnxFault> {
    match constant.values[..] {
        [value] => Ok(value),
        _ => Err(step.reading.fault(format!("{what} must be a single number, found the shape {:?}", constant.shape))),
    }
}

/// Whether constants are of real numbers: weights of integers are of a quantised network.
fn real<'c>(step: &Step<'_, '_>, constant: &'c Constant, what: &str) -> Result<&'c Constant, OnnxFault> {
    match constant.kind {
        Number::Real => Ok(constant),
        Number::Integer => {
            Err(step.reading.fault(format!("{what} are integers: quantised networks are not supported")))
        }
    }
}
