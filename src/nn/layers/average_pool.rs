//! Means and sums over windows, channel by channel: `z_j = Σ_i x_i / n_j`, or `Σ_i x_i`. ONNX's AveragePool, GlobalAveragePool, ReduceMean and ReduceSum.

use serde::{Deserialize, Serialize};

use super::windows::{Kernel, Windows};
use super::{Array, Layer, LayerError, Linear, Part, Real, linear_layer, only};

crate::closed_set! {
    /// What the sum over a window is divided by.
    pub enum Divisor as "divisor" {
        /// The number of its places inside the input.
        Inside = "inside",
        /// The number of its places inside the input and its padding.
        Padded = "padded",
        /// Nothing.
        Nothing = "nothing",
    }
}

/// An average pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AveragePool {
    /// The windows; none for one window over everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// What their sums are divided by.
    pub divisor: Divisor,
}

impl AveragePool {
    fn windows(&self, shape: &[usize]) -> Result<Windows, LayerError> {
        self.kernel.as_ref().map_or_else(|| Windows::global(shape), |kernel| Windows::new(shape, kernel))
    }

    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let windows = self.windows(only(inputs)?)?;
        Ok(windows.shape(windows.channels))
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let windows = self.windows(only(inputs)?)?;
        let counts = match self.divisor {
            Divisor::Inside => windows.counts(false),
            Divisor::Padded => windows.counts(true),
            Divisor::Nothing => vec![1; windows.count()],
        };
        // A window that lies in the padding alone has a sum of 0, whatever it is divided by.
        let weights = counts.into_iter().map(|count| T::ONE / T::of(count.max(1) as f64)).collect();
        Ok(Box::new(Fitted { windows, weights }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted<T> {
    windows: Windows,
    /// The weight of every place of a window.
    weights: Vec<T>,
}

linear_layer!(Fitted);

impl<T: Real> Linear<T> for Fitted<T> {
    fn inputs(&self) -> usize {
        self.windows.channels * self.windows.area()
    }

    fn outputs(&self) -> usize {
        self.windows.channels * self.windows.count()
    }

    fn up(&self, part: Part, _: usize, x: &[T]) -> Vec<T> {
        let (area, count) = (self.windows.area(), self.windows.count());
        let weights = part.of(&self.weights);
        let mut out = vec![T::ZERO; x.len() / area * count];
        for (out, x) in out.chunks_exact_mut(count).zip(x.chunks_exact(area)) {
            if self.windows.are_global() {
                out[0] = x.iter().fold(T::ZERO, |sum, &x| sum + x) * weights[0];
                continue;
            }
            for place in 0..self.windows.places() {
                self.windows.rows(place, |window, input, count, step| {
                    (0..count).for_each(|i| out[window + i] += x[input + i * step]);
                });
            }
            out.iter_mut().zip(weights.iter()).for_each(|(sum, &weight)| *sum = *sum * weight);
        }
        out
    }

    fn down(&self, part: Part, _: usize, s: &[T]) -> Vec<T> {
        let (area, count) = (self.windows.area(), self.windows.count());
        let weights = part.of(&self.weights);
        let mut out = vec![T::ZERO; s.len() / count * area];
        for (out, s) in out.chunks_exact_mut(area).zip(s.chunks_exact(count)) {
            if self.windows.are_global() {
                out.fill(s[0] * weights[0]);
                continue;
            }
            for place in 0..self.windows.places() {
                self.windows.rows(place, |window, input, count, step| {
                    (0..count).for_each(|i| out[input + i * step] += s[window + i] * weights[window + i]);
                });
            }
        }
        out
    }

    fn bias(&self) -> Option<Vec<T>> {
        None
    }
}
