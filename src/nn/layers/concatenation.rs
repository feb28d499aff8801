//! Activations side by side along an axis: ONNX's Concat.

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Passing, Real, Sent, Slope, Ties, own_way, shape_text};

/// Activations side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concatenation {
    /// The axis of an item along which they lie.
    pub axis: usize,
}

impl Concatenation {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let Some((first, others)) = inputs.split_first() else {
            return Err(LayerError::new("the number of inputs", "at least 1", 0));
        };
        if self.axis >= first.len() {
            return Err(LayerError::new("the axis", format!("below {}", first.len()), self.axis));
        }
        let mut out = first.to_vec();
        for other in others {
            let alike = other.len() == first.len()
                && (0..first.len()).all(|axis| axis == self.axis || other[axis] == first[axis]);
            if !alike {
                let expected = format!("{} but for axis {}", shape_text(first), self.axis);
                return Err(LayerError::new("the shape of every input", expected, shape_text(other)));
            }
            out[self.axis] += other[self.axis];
        }
        Ok(out)
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        self.shape(inputs)?;
        Ok(Box::new(Fitted { runs: inputs.iter().map(|shape| shape[self.axis..].iter().product()).collect() }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted {
    /// How many values of each input follow one another in the output.
    runs: Vec<usize>,
}

impl Fitted {
    fn parts<T: Real>(&self, whole: &[T]) -> Vec<Vec<T>> {
        let mut parts = vec![Vec::new(); self.runs.len()];
        for mut row in whole.chunks_exact(self.runs.iter().sum()) {
            for (part, &run) in parts.iter_mut().zip(&self.runs) {
                let (own, rest) = row.split_at(run);
                part.extend_from_slice(own);
                row = rest;
            }
        }
        parts
    }
}

impl<T: Real> Layer<T> for Fitted {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        let rows = inputs[0].len() / self.runs[0];
        let mut out = Vec::with_capacity(rows * self.runs.iter().sum::<usize>());
        for row in 0..rows {
            inputs.iter().zip(&self.runs).for_each(|(input, &run)| out.extend_from_slice(&input[row * run..][..run]));
        }
        out
    }

    own_way!();

    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        self.parts(way.arriving)
    }
}

impl<T: Real> Passing<T> for Fitted {
    fn relevance(&self, way: &Back<'_, T>, _: Ties) -> Sent<T> {
        Sent::whole(self.parts(way.arriving))
    }
}
