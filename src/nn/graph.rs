//! A network as a list of layers, each of which reads values that earlier ones made.

use serde::{Deserialize, Serialize};

use super::layers::{Description, LayerError, LayerKind, shape_text};

/// A layer and what it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it does.
    #[serde(flatten)]
    pub layer: Description,
    /// The values it reads: 0 is the network's input, n + 1 what the n-th layer makes.
    pub inputs: Vec<usize>,
}

/// An acyclic graph of layers, in an order in which each one follows those that it reads. The last one makes the logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    input: Vec<usize>,
    nodes: Vec<Node>,
    /// The shapes of all values, without the batch.
    shapes: Vec<Vec<usize>>,
}

/// What a layer is to those that explain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// A conv or dense layer that the input reaches without passing another.
    pub is_first: bool,
    /// No conv or dense layer had a part in its inputs, so they have the bounds that the network's input has, carried along.
    pub has_bounds: bool,
    /// A diagonal layer before all of those: it prepares the input, and relevance passes.
    pub is_preparation: bool,
}

/// Layers that don't make a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There are none.
    #[error("the network has no layers")]
    Empty,
    /// A layer reads what no earlier one makes.
    #[error("layer \"{name}\" reads a value that no layer before it makes")]
    Order {
        /// The layer.
        name: String,
    },
    /// A layer doesn't fit its inputs.
    #[error("layer \"{name}\" ({kind}): {source}")]
    Layer {
        /// The layer.
        name: String,
        /// Its kind.
        kind: LayerKind,
        /// What is wrong.
        source: LayerError,
    },
    /// A layer leads nowhere.
    #[error("what layer \"{name}\" makes leads nowhere")]
    Unread {
        /// The layer.
        name: String,
    },
    /// The last layer makes something else than logits.
    #[error("the output must be one number for each category, found {}", shape_text(found))]
    Output {
        /// The output's shape.
        found: Vec<usize>,
    },
    /// A value has more numbers than memory could hold.
    #[error("what layer \"{name}\" makes, {}, is too large", shape_text(shape))]
    TooLarge {
        /// The layer.
        name: String,
        /// The shape.
        shape: Vec<usize>,
    },
}

/// Largest number of values of an item: beyond it a file is damaged.
const MOST: usize = 1 << 31;

impl Graph {
    /// Puts layers together; `input` is the shape of an item.
    ///
    /// # Errors
    /// [`GraphError`] if they don't fit.
    pub fn new(input: Vec<usize>, nodes: Vec<Node>) -> Result<Self, GraphError> {
        let mut shapes = vec![input.clone()];
        let mut is_read = vec![false; nodes.len() + 1];
        for node in &nodes {
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for &value in &node.inputs {
                let shape = shapes.get(value).ok_or_else(|| GraphError::Order { name: node.name.clone() })?;
                is_read[value] = true;
                inputs.push(shape.as_slice());
            }
            let shape = node.layer.shape(&inputs).map_err(|source| GraphError::Layer {
                name: node.name.clone(),
                kind: node.layer.kind(),
                source,
            })?;
            let count = shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
            if count.is_none_or(|count| count > MOST) {
                return Err(GraphError::TooLarge { name: node.name.clone(), shape });
            }
            shapes.push(shape);
        }
        let Some((_, earlier)) = nodes.split_last() else { return Err(GraphError::Empty) };
        if let Some((unread, _)) = earlier.iter().zip(&is_read[1..]).find(|(_, is_read)| !**is_read) {
            return Err(GraphError::Unread { name: unread.name.clone() });
        }
        Ok(Self { input, nodes, shapes })
    }

    /// Requires one number for each category at the end, and gives their number.
    ///
    /// # Errors
    /// [`GraphError::Output`].
    pub fn categories(&self) -> Result<usize, GraphError> {
        let shape = self.shape(self.nodes.len());
        match shape.iter().filter(|&&length| length != 1).collect::<Vec<_>>()[..] {
            [] => Ok(1),
            [&count] => Ok(count),
            _ => Err(GraphError::Output { found: shape.to_vec() }),
        }
    }

    /// The shape of an item of the input.
    pub fn input(&self) -> &[usize] {
        &self.input
    }

    /// The layers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The shape of a value; 0 is the input, n + 1 what the n-th layer makes.
    pub fn shape(&self, value: usize) -> &[usize] {
        &self.shapes[value]
    }

    /// The shapes of what a layer reads.
    pub(super) fn input_shapes(&self, node: &Node) -> Vec<&[usize]> {
        node.inputs.iter().map(|&value| self.shape(value)).collect()
    }

    /// What each layer is to those that explain it.
    pub fn roles(&self) -> Vec<Role> {
        let mut is_reached = vec![false; self.nodes.len() + 1];
        is_reached[0] = true;
        // What no conv or dense layer had a part in.
        let mut is_bounded = is_reached.clone();
        let mut roles = Vec::with_capacity(self.nodes.len());
        for (place, node) in self.nodes.iter().enumerate() {
            let reached = node.inputs.iter().any(|&value| is_reached[value]);
            let kind = node.layer.kind();
            let is_first = reached && matches!(kind, LayerKind::Convolution | LayerKind::Dense);
            is_reached[place + 1] = reached && !is_first;
            let has_bounds = node.inputs.iter().all(|&value| is_bounded[value]);
            is_bounded[place + 1] = has_bounds && !is_first;
            roles.push(Role { is_first, has_bounds, is_preparation: reached && kind == LayerKind::Diagonal });
        }
        roles
    }

    /// The layers with their constants, to be changed; [`Graph::new`] makes a graph of them again.
    #[cfg(any(feature = "onnx", test))]
    pub(super) fn into_nodes(self) -> (Vec<usize>, Vec<Node>) {
        (self.input, self.nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::array::Array;
    use super::super::layers::{Activation, Add, Dense, Function};
    use super::*;

    fn dense(name: &str, outputs: usize, inputs: usize, reads: usize) -> Node {
        let weight = Array::new(vec![outputs, inputs], vec![1.0; outputs * inputs]);
        Node { name: name.to_string(), layer: Description::Dense(Dense { weight, bias: None }), inputs: vec![reads] }
    }

    fn relu(name: &str, reads: usize) -> Node {
        let layer = Description::Activation(Activation::new(Function::Relu));
        Node { name: name.to_string(), layer, inputs: vec![reads] }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let fails = |nodes| Graph::new(vec![3], nodes).unwrap_err().to_string();
        assert_eq!(fails(vec![]), "the network has no layers");
        assert!(
            fails(vec![dense("a", 2, 4, 0)])
                .contains("layer \"a\" (dense): the input's last axis must be of 4 features")
        );
        assert!(fails(vec![dense("a", 2, 3, 1)]).contains("layer \"a\" reads a value that no layer before it makes"));
        let unread = vec![dense("a", 2, 3, 0), dense("b", 2, 3, 0)];
        assert!(fails(unread).contains("what layer \"a\" makes leads nowhere"));
    }

    #[test]
    fn roles_follow_the_input() {
        let add = Node {
            name: "sum".to_string(),
            layer: Description::Add(Add { subtracted: vec![false; 2] }),
            inputs: vec![1, 3],
        };
        // Both a and c read the input, one behind a rectifier; the last dense layer follows others.
        let nodes = vec![dense("a", 3, 3, 0), relu("b", 0), dense("c", 3, 3, 2), add, dense("d", 2, 3, 4)];
        let graph = Graph::new(vec![3], nodes).unwrap();
        let first: Vec<bool> = graph.roles().iter().map(|role| role.is_first).collect();
        assert_eq!(first, [true, false, true, false, false]);
        assert_eq!(graph.categories(), Ok(2));
    }
}
