//! Sums and differences of activations, `z_j = Σ_k ±x_kj`: ONNX's Add, Sub and Sum.

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Linear, Part, Real, Slope, WayBack, common};

/// A sum of activations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Add {
    /// Which of the inputs are subtracted.
    pub subtracted: Vec<bool>,
}

impl Add {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        if self.subtracted.len() != inputs.len() {
            return Err(LayerError::new("the number of inputs", self.subtracted.len(), inputs.len()));
        }
        Ok(common(inputs, 1)?.to_vec())
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let length = common(inputs, 1)?.iter().product();
        let signs = self.subtracted.iter().map(|&subtracted| if subtracted { -T::ONE } else { T::ONE }).collect();
        Ok(Box::new(Fitted { signs, length }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted<T> {
    signs: Vec<T>,
    /// Number of values of an item.
    length: usize,
}

impl<T: Real> Layer<T> for Fitted<T> {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        let mut out = vec![T::ZERO; inputs[0].len()];
        for (&sign, input) in self.signs.iter().zip(inputs) {
            out.iter_mut().zip(*input).for_each(|(out, &x)| *out += sign * x);
        }
        out
    }

    fn back(&self) -> WayBack<'_, T> {
        WayBack::Rule(self)
    }

    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        self.signs.iter().map(|&sign| way.arriving.iter().map(|&g| sign * g).collect()).collect()
    }
}

/// The inputs lie one after the other, each with all its items.
impl<T: Real> Linear<T> for Fitted<T> {
    fn inputs(&self) -> usize {
        self.signs.len() * self.length
    }

    fn outputs(&self) -> usize {
        self.length
    }

    fn up(&self, part: Part, batch: usize, x: &[T]) -> Vec<T> {
        let weights = part.of(&self.signs);
        let mut out = vec![T::ZERO; batch * self.length];
        for (&weight, input) in weights.iter().zip(x.chunks_exact(out.len().max(1))) {
            out.iter_mut().zip(input).for_each(|(out, &x)| *out += weight * x);
        }
        out
    }

    fn down(&self, part: Part, _: usize, s: &[T]) -> Vec<T> {
        let weights = part.of(&self.signs);
        weights.iter().flat_map(|&weight| s.iter().map(move |&s| weight * s)).collect()
    }

    fn bias(&self) -> Option<Vec<T>> {
        None
    }
}
