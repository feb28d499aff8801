//! The canonical form of a network: constants are folded into the layers beside them. It decides relevance, so it is exact and always the same.
//!
//! 1. A diagonal layer whose constants are one number a channel is folded *backward* into the conv or dense layer that makes its input, if it is that
//!    layer's only reader; two diagonal layers in a row become one.
//! 2. Zeros around the input of a convolution become part of its padding.
//! 3. What diagonal layers are left are folded *forward* into their only reader, if that is a convolution without padding or a dense layer.

use std::sync::Arc;

use super::array::Array;
use super::graph::{Graph, GraphError, Node};
use super::layers::{Convolution, Dense, Description, Diagonal, Form, LayerKind, Moved};

/// A network whose layers are being folded.
struct Folding {
    input: Vec<usize>,
    nodes: Vec<Node>,
}

/// Folds what can be folded.
///
/// # Errors
/// [`GraphError`] if the folded layers didn't fit: a fault of this program.
pub(super) fn canonical(graph: Graph) -> Result<Graph, GraphError> {
    let (input, nodes) = graph.into_nodes();
    let mut folding = Folding { input, nodes };
    while let Some(place) = (0..folding.nodes.len()).find(|&place| folding.folds_backward(place)) {
        folding.remove(place);
    }
    while let Some(place) = (0..folding.nodes.len()).find(|&place| folding.becomes_padding(place)) {
        folding.remove(place);
    }
    while let Some(place) = (0..folding.nodes.len()).find(|&place| folding.folds_forward(place)) {
        folding.remove(place);
    }
    Graph::new(folding.input, folding.nodes)
}

/// One number for each of `channels`.
fn spread(values: Vec<f64>, channels: usize) -> Vec<f64> {
    if values.len() == 1 { vec![values[0]; channels] } else { values }
}

impl Folding {
    /// The layer that makes a value.
    fn maker(&self, value: usize) -> Option<usize> {
        value.checked_sub(1)
    }

    /// The only layer that reads what a layer makes, if there is just one and it isn't the output.
    fn only_reader(&self, place: usize) -> Option<usize> {
        let mut readers = (0..self.nodes.len()).flat_map(|reader| {
            self.nodes[reader].inputs.iter().filter(|&&value| value == place + 1).map(move |_| reader)
        });
        readers.next().filter(|_| readers.next().is_none())
    }

    /// Drops a layer: who read it reads its input.
    fn remove(&mut self, place: usize) {
        let input = self.nodes[place].inputs[0];
        self.nodes.remove(place);
        for node in &mut self.nodes {
            for value in &mut node.inputs {
                if *value == place + 1 {
                    *value = input;
                } else if *value > place {
                    *value -= 1;
                }
            }
        }
    }

    /// The shape of an item of a value.
    fn shape(&self, value: usize) -> Vec<usize> {
        let mut shapes: Vec<Vec<usize>> = vec![self.input.clone()];
        for node in &self.nodes[..value] {
            let inputs: Vec<&[usize]> = node.inputs.iter().map(|&value| shapes[value].as_slice()).collect();
            shapes.push(node.layer.shape(&inputs).expect("the graph has checked all layers"));
        }
        shapes.swap_remove(value)
    }

    /// The constants of a diagonal layer, one number a channel (or one for all).
    fn by_channel(&self, place: usize) -> Option<(Vec<f64>, Vec<f64>)> {
        let Description::Diagonal(Diagonal { weight, bias }) = &self.nodes[place].layer else { return None };
        let shape = self.shape(place + 1);
        Some((weight.by_channel(&shape)?, bias.by_channel(&shape)?))
    }

    /// Folds a diagonal layer into the one before it, which takes its place.
    fn folds_backward(&mut self, place: usize) -> bool {
        let Some((scale, shift)) = self.by_channel(place) else { return false };
        let Some(maker) = self.maker(self.nodes[place].inputs[0]) else { return false };
        if self.only_reader(maker).is_none() {
            return false;
        }
        // A dense layer that is applied position by position has its features last, and positions in the place of channels.
        let by_position = self.nodes[maker].layer.kind() == LayerKind::Dense && self.shape(place + 1).len() > 1;
        if by_position && (scale.len() > 1 || shift.len() > 1) {
            return false;
        }
        match &mut self.nodes[maker].layer {
            Description::Conv(Convolution { weight, bias, .. }) | Description::Dense(Dense { weight, bias }) => {
                let outputs = weight.shape[0];
                let (scale, shift) = (spread(scale, outputs), spread(shift, outputs));
                let of_output = weight.len() / outputs.max(1);
                let values = weight.values.iter().enumerate().map(|(i, w)| w * scale[i / of_output]).collect();
                let old = bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| bias.values.to_vec());
                let moved =
                    old.iter().zip(scale.iter().zip(&shift)).map(|(b, (scale, shift))| b * scale + shift).collect();
                weight.values = Arc::new(values);
                *bias = Some(Array::new(vec![outputs], moved));
                true
            }
            Description::Diagonal(_) => {
                let Some((first_scale, first_shift)) = self.by_channel(maker) else { return false };
                let count = [&scale, &shift, &first_scale, &first_shift].into_iter().map(Vec::len).max().unwrap_or(1);
                let [scale, shift, first_scale, first_shift] =
                    [scale, shift, first_scale, first_shift].map(|values| spread(values, count));
                let weight = scale.iter().zip(&first_scale).map(|(a, b)| a * b).collect();
                let bias = (0..count).map(|i| first_shift[i] * scale[i] + shift[i]).collect();
                let rank = self.shape(place + 1).len();
                let shape =
                    |count: usize| if count == 1 { Vec::new() } else { [vec![count], vec![1; rank - 1]].concat() };
                self.nodes[maker].layer = Description::Diagonal(Diagonal {
                    weight: Array::new(shape(count), weight),
                    bias: Array::new(shape(count), bias),
                });
                true
            }
            _ => false,
        }
    }

    /// Makes zeros around a convolution's input part of its padding.
    fn becomes_padding(&mut self, place: usize) -> bool {
        let Description::Form(Form { moved: Moved::Pad { before, after } }) = &self.nodes[place].layer else {
            return false;
        };
        let (before, after) = (before.clone(), after.clone());
        let Some(reader) = self.only_reader(place) else { return false };
        let Description::Conv(convolution) = &mut self.nodes[reader].layer else { return false };
        // Zeros for channels are no padding.
        if before[0] != 0 || after[0] != 0 || convolution.kernel.reckoned {
            return false;
        }
        let kernel = &mut convolution.kernel;
        kernel.before.iter_mut().zip(&before[1..]).for_each(|(own, more)| *own += more);
        kernel.after.iter_mut().zip(&after[1..]).for_each(|(own, more)| *own += more);
        true
    }

    /// Folds a diagonal layer into its only reader.
    fn folds_forward(&mut self, place: usize) -> bool {
        let Some((scale, shift)) = self.by_channel(place) else { return false };
        let Some(reader) = self.only_reader(place) else { return false };
        let rank = self.shape(place + 1).len();
        // For every weight of an output: the channel that it meets.
        type Channel = Box<dyn Fn(usize, usize) -> usize>;
        let (weight, bias, channel): (&mut Array, &mut Option<Array>, Channel) = match &mut self.nodes[reader].layer {
            Description::Dense(Dense { weight, bias }) if rank == 1 => (weight, bias, Box::new(|_, i| i)),
            Description::Conv(Convolution { weight, bias, kernel, groups }) => {
                if kernel.before.iter().chain(&kernel.after).any(|&pad| pad != 0) {
                    return false;
                }
                let (inputs, per_group) = (weight.shape[1], weight.shape[0] / *groups);
                let places: usize = weight.shape[2..].iter().product();
                (weight, bias, Box::new(move |output, i| output / per_group * inputs + i / places))
            }
            _ => return false,
        };
        let outputs = weight.shape[0];
        let of_output = weight.len() / outputs.max(1);
        let at = |values: &[f64], channel: usize| if values.len() == 1 { values[0] } else { values[channel] };
        let mut moved = bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| bias.values.to_vec());
        let mut values = Vec::with_capacity(weight.len());
        for (output, bias) in moved.iter_mut().enumerate() {
            for (i, w) in weight.values[output * of_output..][..of_output].iter().enumerate() {
                let channel = channel(output, i);
                *bias += w * at(&shift, channel);
                values.push(w * at(&scale, channel));
            }
        }
        weight.values = Arc::new(values);
        *bias = Some(Array::new(vec![outputs], moved));
        true
    }
}

/// Whether a layer could still be folded, for tests.
#[cfg(test)]
pub(super) fn is_foldable(graph: &Graph) -> bool {
    let (input, nodes) = graph.clone().into_nodes();
    let mut folding = Folding { input, nodes };
    (0..folding.nodes.len()).any(|place| {
        folding.nodes[place].layer.kind() == LayerKind::Diagonal
            && (folding.folds_backward(place) || folding.folds_forward(place))
    })
}
