//! Gates, `y = x ⊙ g`: an activation times what opens and closes it (squeeze-and-excitation). The first input is gated, the second is the gate; an
//! axis of length 1 of either repeats. All relevance goes to the gated one.

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Passing, Real, Sent, Slope, Ties, own_way, shape_text};

/// A gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gate {}

impl Gate {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let &[gated, gate] = inputs else { return Err(LayerError::new("the number of inputs", 2, inputs.len())) };
        let rank = gated.len().max(gate.len());
        let length =
            |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
        let mut out = Vec::with_capacity(rank);
        for axis in 0..rank {
            match (length(gated, axis), length(gate, axis)) {
                (a, b) if a == b || b == 1 => out.push(a),
                (1, b) => out.push(b),
                _ => return Err(LayerError::new("the shape of the gate", shape_text(gated), shape_text(gate))),
            }
        }
        // What is gated must not be repeated: its relevance would arrive several times.
        if out != gated {
            return Err(LayerError::new("the shape of what is gated", shape_text(&out), shape_text(gated)));
        }
        Ok(out)
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let out = self.shape(inputs)?;
        let numbers = (0..inputs[1].iter().product::<usize>()).map(|i| i as f64).collect();
        let places = Array::new(inputs[1].to_vec(), numbers);
        let gates = places.broadcast::<f64>(&out).expect("the shapes were compared");
        Ok(Box::new(Fitted { gates: gates.into_iter().map(|i| i as usize).collect(), count: places.len() }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted {
    /// The gate of every place.
    gates: Vec<usize>,
    /// Number of gates.
    count: usize,
}

impl Fitted {
    fn opened<T: Real>(&self, values: &[T], gate: &[T]) -> Vec<T> {
        let items = values.chunks_exact(self.gates.len()).zip(gate.chunks_exact(self.count));
        items.flat_map(|(values, gate)| values.iter().zip(&self.gates).map(|(&x, &at)| x * gate[at])).collect()
    }
}

impl<T: Real> Layer<T> for Fitted {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        self.opened(inputs[0], inputs[1])
    }

    own_way!();

    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        let mut to_gate = vec![T::ZERO; way.inputs[1].len()];
        let items = way.arriving.chunks_exact(self.gates.len()).zip(way.inputs[0].chunks_exact(self.gates.len()));
        for ((g, x), to_gate) in items.zip(to_gate.chunks_exact_mut(self.count)) {
            self.gates.iter().zip(g.iter().zip(x)).for_each(|(&at, (&g, &x))| to_gate[at] += g * x);
        }
        vec![self.opened(way.arriving, way.inputs[1]), to_gate]
    }
}

impl<T: Real> Passing<T> for Fitted {
    fn relevance(&self, way: &Back<'_, T>, _: Ties) -> Sent<T> {
        Sent::whole(vec![way.arriving.to_vec(), vec![T::ZERO; way.inputs[1].len()]])
    }
}
