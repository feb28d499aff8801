//! One weight and one bias for every activation, `z_j = w_j x_j + b_j`: ONNX's BatchNormalization, and arithmetic with constants, where they can't be folded into
//! another layer.

use serde::{Deserialize, Serialize};

use super::{Array, Layer, LayerError, Linear, Part, Real, linear_layer, only, shape_text};

/// A diagonal layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagonal {
    /// Weights, of the item's shape but for axes that repeat.
    pub weight: Array,
    /// Biases, likewise.
    pub bias: Array,
}

impl Diagonal {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let shape = only(inputs)?;
        for array in [&self.weight, &self.bias] {
            if array.shape.len() > shape.len()
                || array.shape.iter().rev().zip(shape.iter().rev()).any(|(&own, &wanted)| own != 1 && own != wanted)
            {
                let expected = format!("as the input is, {}, or shorter", shape_text(shape));
                return Err(LayerError::new("the constant's shape", expected, shape_text(&array.shape)));
            }
        }
        Ok(shape.to_vec())
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let shape = self.shape(inputs)?;
        let full = |array: &Array| array.broadcast(&shape).expect("the shapes were compared");
        let (weight, bias): (Vec<T>, Vec<T>) = (full(&self.weight), full(&self.bias));
        Ok(Box::new(Fitted { weight, bias }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        vec![("weight", &mut self.weight), ("bias", &mut self.bias)]
    }
}

struct Fitted<T> {
    weight: Vec<T>,
    bias: Vec<T>,
}

linear_layer!(Fitted);

impl<T: Real> Fitted<T> {
    fn scaled(&self, part: Part, values: &[T]) -> Vec<T> {
        let weight = part.of(&self.weight);
        let items = values.chunks_exact(weight.len().max(1));
        items.flat_map(|item| item.iter().zip(weight.iter()).map(|(&x, &w)| w * x)).collect()
    }
}

impl<T: Real> Linear<T> for Fitted<T> {
    fn inputs(&self) -> usize {
        self.weight.len()
    }

    fn outputs(&self) -> usize {
        self.weight.len()
    }

    fn up(&self, part: Part, _: usize, x: &[T]) -> Vec<T> {
        self.scaled(part, x)
    }

    fn down(&self, part: Part, _: usize, s: &[T]) -> Vec<T> {
        self.scaled(part, s)
    }

    fn bias(&self) -> Option<Vec<T>> {
        Some(self.bias.clone())
    }
}
