//! Local response normalisation, `y_c = x_c (k + α/n Σ_{c'} x_c'²)^−β` over n neighbouring channels c': ONNX's LRN. Relevance passes.

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Real, Slope, WayBack, only, shape_text};

/// A local response normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseNorm {
    /// n: number of channels.
    pub size: usize,
    /// α.
    pub alpha: f64,
    /// β.
    pub beta: f64,
    /// k.
    pub bias: f64,
}

impl ResponseNorm {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let shape = only(inputs)?;
        if shape.is_empty() || self.size == 0 {
            return Err(LayerError::new("the input", "of at least one channel", shape_text(shape)));
        }
        if ![self.alpha, self.beta, self.bias].iter().all(|value| value.is_finite()) {
            return Err(LayerError::new(
                "the constants",
                "finite",
                format!("{}, {}, {}", self.alpha, self.beta, self.bias),
            ));
        }
        Ok(shape.to_vec())
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let shape = self.shape(inputs)?;
        Ok(Box::new(Fitted { norm: self.clone(), channels: shape[0], area: shape[1..].iter().product() }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted {
    norm: ResponseNorm,
    channels: usize,
    area: usize,
}

impl Fitted {
    /// The neighbours of a channel: ⌊(n−1)/2⌋ before it, ⌈(n−1)/2⌉ after it.
    fn neighbours(&self, channel: usize) -> std::ops::Range<usize> {
        let others = self.norm.size - 1;
        channel.saturating_sub(others / 2)..(channel + others.div_ceil(2) + 1).min(self.channels)
    }

    /// `k + α/n Σ x²` of every place of an item.
    fn sizes<T: Real>(&self, item: &[T]) -> Vec<f64> {
        let factor = self.norm.alpha / self.norm.size as f64;
        let size = |place: usize| {
            let (channel, at) = (place / self.area, place % self.area);
            let squares = self.neighbours(channel).map(|channel| item[channel * self.area + at].wide().powi(2));
            self.norm.bias + factor * squares.sum::<f64>()
        };
        (0..item.len()).map(size).collect()
    }
}

impl<T: Real> Layer<T> for Fitted {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        let items = inputs[0].chunks_exact(self.channels * self.area);
        let normed = |item: &[T]| {
            let sizes = self.sizes(item);
            let values = item.iter().zip(sizes).map(|(x, size)| T::of(x.wide() * size.powf(-self.norm.beta)));
            values.collect::<Vec<T>>()
        };
        items.flat_map(normed).collect()
    }

    fn back(&self) -> WayBack<'_, T> {
        WayBack::Unchanged
    }

    /// `∂y_c/∂x_c' = δ d_c^−β − 2 α β/n x_c x_c' d_c^(−β−1)` for neighbours.
    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        let length = self.channels * self.area;
        let items = way.inputs[0].chunks_exact(length).zip(way.arriving.chunks_exact(length));
        let back = |(item, arriving): (&[T], &[T])| {
            let ResponseNorm { alpha, beta, size, .. } = self.norm;
            let sizes = self.sizes(item);
            let mut out: Vec<f64> = arriving.iter().zip(&sizes).map(|(g, d)| g.wide() * d.powf(-beta)).collect();
            for (place, (d, g)) in sizes.iter().zip(arriving).enumerate() {
                let inner = g.wide() * item[place].wide() * -2.0 * beta * alpha / size as f64 * d.powf(-beta - 1.0);
                for channel in self.neighbours(place / self.area) {
                    let other = channel * self.area + place % self.area;
                    out[other] += inner * item[other].wide();
                }
            }
            out.into_iter().map(T::of).collect::<Vec<T>>()
        };
        vec![items.flat_map(back).collect()]
    }
}
