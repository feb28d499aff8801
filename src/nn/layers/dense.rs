//! Fully connected layers, `z_j = Σ_i w_ji x_i + b_j`: ONNX's Gemm, and MatMul with a constant.
//!
//! An item of several axes is taken position by position: the last axis is connected, the others stay.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Array, Layer, LayerError, Learning, Linear, Part, Real, linear_layer, only, shape_text};
use crate::nn::real::{Matrix, multiply, multiply_onto};

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Outputs × inputs.
    pub weight: Array,
    /// One number for each output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<Array>,
}

impl Dense {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let shape = only(inputs)?;
        let &[outputs, connected] = &self.weight.shape[..] else {
            return Err(LayerError::new("the weights", "outputs × inputs", shape_text(&self.weight.shape)));
        };
        let Some((&last, positions)) = shape.split_last().filter(|(last, _)| **last == connected) else {
            let expected = format!("of {connected} features, as the weights are");
            return Err(LayerError::new("the input's last axis", expected, shape_text(shape)));
        };
        debug_assert_eq!(last, connected);
        if let Some(bias) = self.bias.as_ref().filter(|bias| bias.len() != outputs) {
            return Err(LayerError::new("the number of biases", outputs, bias.len()));
        }
        Ok(positions.iter().copied().chain([outputs]).collect())
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let positions = only(inputs)?.split_last().map_or(1, |(_, positions)| positions.iter().product());
        Ok(Box::new(Fitted::<T> {
            weight: self.weight.shared(),
            bias: self.bias.as_ref().map(|bias| bias.converted()),
            inputs: self.weight.shape[1],
            outputs: self.weight.shape[0],
            positions,
        }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        [("weight", &mut self.weight)].into_iter().chain(self.bias.as_mut().map(|bias| ("bias", bias))).collect()
    }
}

struct Fitted<T> {
    weight: Arc<Vec<T>>,
    bias: Option<Vec<T>>,
    inputs: usize,
    outputs: usize,
    positions: usize,
}

linear_layer!(Fitted, Learning);

/// `x w`, both row by row.
fn product<T: Real>(x: &[T], inner: usize, weights: Matrix<'_, T>, columns: usize) -> Vec<T> {
    let rows = x.len() / inner.max(1);
    let mut out = vec![T::ZERO; rows * columns];
    multiply(Matrix::new(x, rows, inner), weights, &mut out);
    out
}

impl<T: Real> Linear<T> for Fitted<T> {
    fn inputs(&self) -> usize {
        self.positions * self.inputs
    }

    fn outputs(&self) -> usize {
        self.positions * self.outputs
    }

    fn up(&self, part: Part, _: usize, x: &[T]) -> Vec<T> {
        let weight = part.of(&self.weight);
        product(x, self.inputs, Matrix::new(&weight, self.outputs, self.inputs).transposed(), self.outputs)
    }

    fn down(&self, part: Part, _: usize, s: &[T]) -> Vec<T> {
        let weight = part.of(&self.weight);
        product(s, self.outputs, Matrix::new(&weight, self.outputs, self.inputs), self.inputs)
    }

    fn bias(&self) -> Option<Vec<T>> {
        self.bias.as_ref().map(|bias| bias.repeat(self.positions))
    }
}

impl<T: Real> Learning<T> for Fitted<T> {
    fn constants(&mut self) -> Vec<&mut Vec<T>> {
        [Arc::make_mut(&mut self.weight)].into_iter().chain(&mut self.bias).collect()
    }

    fn add_gradient(&self, _: usize, x: &[T], arriving: &[T], keep: T, into: &mut [Vec<T>]) {
        let rows = x.len() / self.inputs.max(1);
        let arriving = Matrix::new(arriving, rows, self.outputs);
        multiply_onto(arriving.transposed(), Matrix::new(x, rows, self.inputs), keep, &mut into[0]);
        if let Some(into) = into.get_mut(1) {
            multiply_onto(arriving.transposed(), Matrix::new(&vec![T::ONE; rows], rows, 1), keep, into);
        }
    }
}
