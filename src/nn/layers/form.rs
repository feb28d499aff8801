//! Activations in another order, or some of them: ONNX's Flatten, Reshape, Squeeze, Unsqueeze, Transpose, Slice, Split, Gather and Pad. Each output is one
//! input, or a zero that padding put there.

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Passing, Real, Sent, Slope, Ties, only, own_way, shape_text};

/// What is done to the axes of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "kebab-case")]
pub enum Moved {
    /// The same values in another shape.
    Reshape {
        /// The new shape.
        shape: Vec<usize>,
    },
    /// Axes in another order.
    Transpose {
        /// The old axis that each new one is.
        order: Vec<usize>,
    },
    /// Some places of an axis.
    Select {
        /// The axis.
        axis: usize,
        /// The places, in their new order.
        places: Vec<usize>,
    },
    /// Zeros around the values.
    Pad {
        /// Zeros before each axis.
        before: Vec<usize>,
        /// And after it.
        after: Vec<usize>,
    },
}

/// A change of form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What is done.
    #[serde(flatten)]
    pub moved: Moved,
}

/// Largest number of values that padding may make of an item: beyond it a file is damaged.
const MOST: usize = 1 << 31;

impl Form {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let shape = only(inputs)?;
        let length: usize = shape.iter().product();
        match &self.moved {
            Moved::Reshape { shape: new } => {
                if new.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis)) != Some(length) {
                    let expected = format!("of {length} values, as {} has", shape_text(shape));
                    return Err(LayerError::new("the new shape", expected, shape_text(new)));
                }
                Ok(new.clone())
            }
            Moved::Transpose { order } => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if sorted != (0..shape.len()).collect::<Vec<_>>() {
                    let expected = format!("each of the {} axes once", shape.len());
                    return Err(LayerError::new("the order of axes", expected, format!("{order:?}")));
                }
                Ok(order.iter().map(|&axis| shape[axis]).collect())
            }
            Moved::Select { axis, places } => {
                let Some(&length) = shape.get(*axis) else {
                    return Err(LayerError::new("the axis", format!("below {}", shape.len()), axis));
                };
                if places.is_empty() {
                    return Err(LayerError::new("the number of places", "at least 1", 0));
                }
                if let Some(wrong) = places.iter().find(|&&place| place >= length) {
                    return Err(LayerError::new("places of the axis", format!("below {length}"), wrong));
                }
                let mut out = shape.to_vec();
                out[*axis] = places.len();
                Ok(out)
            }
            Moved::Pad { before, after } => {
                if before.len() != shape.len() || after.len() != shape.len() {
                    return Err(LayerError::new("the number of padded axes", shape.len(), before.len()));
                }
                let padded = shape.iter().zip(before.iter().zip(after));
                let padded = padded.map(|(length, (before, after))| length.checked_add(*before)?.checked_add(*after));
                let out: Option<Vec<usize>> = padded.collect();
                let fits = |out: &Vec<usize>| {
                    out.iter()
                        .try_fold(1usize, |product, &axis| product.checked_mul(axis))
                        .is_some_and(|all| all <= MOST)
                };
                out.filter(fits).ok_or_else(|| {
                    LayerError::new(
                        "the padded input",
                        format!("at most {MOST} values"),
                        format!("{before:?} and {after:?} more"),
                    )
                })
            }
        }
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let (shape, out) = (only(inputs)?, self.shape(inputs)?);
        let length = shape.iter().product();
        let sources = match self.moved {
            Moved::Reshape { .. } => None,
            _ => Some(self.sources(shape, &out)),
        };
        Ok(Box::new(Fitted { sources, length, outputs: out.iter().product() }))
    }

    /// The input of each output; none for a zero.
    fn sources(&self, shape: &[usize], out: &[usize]) -> Vec<Option<u32>> {
        let mut strides = vec![1; shape.len()];
        for axis in (0..shape.len().saturating_sub(1)).rev() {
            strides[axis] = strides[axis + 1] * shape[axis + 1];
        }
        let source = |place: &[usize]| -> Option<usize> {
            let mut at = 0;
            for (axis, &place) in place.iter().enumerate() {
                at += match &self.moved {
                    Moved::Reshape { .. } => unreachable!("a reshaping moves nothing"),
                    Moved::Transpose { order } => place * strides[order[axis]],
                    Moved::Select { axis: chosen, places } => {
                        strides[axis] * if axis == *chosen { places[place] } else { place }
                    }
                    Moved::Pad { before, .. } => {
                        let inside = place.checked_sub(before[axis]).filter(|&inside| inside < shape[axis])?;
                        inside * strides[axis]
                    }
                };
            }
            Some(at)
        };
        let mut place = vec![0; out.len()];
        let mut sources = Vec::with_capacity(out.iter().product());
        for _ in 0..out.iter().product() {
            sources.push(source(&place).map(|at| at as u32));
            for axis in (0..out.len()).rev() {
                place[axis] += 1;
                if place[axis] < out[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
        sources
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted {
    /// The input of each output, none for a zero; no list if all stay where they are.
    sources: Option<Vec<Option<u32>>>,
    /// Number of values of an item.
    length: usize,
    /// And after it.
    outputs: usize,
}

impl Fitted {
    /// What every input gets of what arrives; with what falls on zeros.
    fn returned<T: Real>(&self, way: &Back<'_, T>) -> Sent<T> {
        let Some(sources) = &self.sources else { return Sent::whole(vec![way.arriving.to_vec()]) };
        let mut sent = vec![T::ZERO; way.batch * self.length];
        let mut undefined = vec![0.0; way.batch];
        let items = sent.chunks_exact_mut(self.length).zip(way.arriving.chunks_exact(self.outputs));
        for ((sent, arriving), undefined) in items.zip(&mut undefined) {
            for (source, &arriving) in sources.iter().zip(arriving) {
                match source {
                    Some(at) => sent[*at as usize] += arriving,
                    None => *undefined += arriving.wide(),
                }
            }
        }
        Sent { inputs: vec![sent], undefined }
    }
}

impl<T: Real> Layer<T> for Fitted {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        let Some(sources) = &self.sources else { return inputs[0].to_vec() };
        let items = inputs[0].chunks_exact(self.length);
        items.flat_map(|item| sources.iter().map(|source| source.map_or(T::ZERO, |at| item[at as usize]))).collect()
    }

    own_way!();

    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        self.returned(way).inputs
    }
}

impl<T: Real> Passing<T> for Fitted {
    fn relevance(&self, way: &Back<'_, T>, _: Ties) -> Sent<T> {
        self.returned(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::WayBack;

    fn sent(moved: Moved, shape: &[usize], x: &[f64], arriving: &[f64]) -> (Vec<f64>, f64) {
        let layer = Form { moved }.build::<f64>(&[shape]).unwrap();
        let output = layer.forward(1, &[x]);
        let way = Back { batch: 1, inputs: &[x], output: &output, arriving };
        let WayBack::Own(passing) = layer.back() else { panic!("it has a way of its own") };
        let sent = passing.relevance(&way, Ties::Winner);
        (sent.inputs.concat(), sent.undefined.first().copied().unwrap_or(0.0))
    }

    #[test]
    fn what_falls_on_zeros_is_booked_and_what_is_read_twice_is_added() {
        let pad = Moved::Pad { before: vec![0, 1], after: vec![0, 2] };
        assert_eq!(sent(pad, &[1, 2], &[7.0, 8.0], &[5.0, 1.0, 2.0, 0.25, 0.5]), (vec![1.0, 2.0], 5.75));
        let select = Moved::Select { axis: 0, places: vec![2, 0, 2] };
        assert_eq!(sent(select, &[3], &[7.0, 8.0, 9.0], &[1.0, 2.0, 4.0]), (vec![2.0, 0.0, 5.0], 0.0));
        let transpose = Moved::Transpose { order: vec![1, 0] };
        assert_eq!(sent(transpose, &[2, 2], &[1.0; 4], &[1.0, 2.0, 3.0, 4.0]), (vec![1.0, 3.0, 2.0, 4.0], 0.0));
    }
}
