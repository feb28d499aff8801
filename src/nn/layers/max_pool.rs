//! The largest activation of each window, `y_j = max_i x_i`: ONNX's MaxPool and GlobalMaxPool. Padding never wins.

use serde::{Deserialize, Serialize};

use super::windows::{Kernel, Windows};
use super::{Array, Back, Layer, LayerError, Passing, Real, Sent, Slope, Ties, only, own_way};

/// A max pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaxPool {
    /// The windows; none for one window over everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
}

impl MaxPool {
    fn windows(&self, shape: &[usize]) -> Result<Windows, LayerError> {
        let windows =
            self.kernel.as_ref().map_or_else(|| Windows::global(shape), |kernel| Windows::new(shape, kernel))?;
        if windows.counts(false).contains(&0) {
            return Err(LayerError::new("every window of a max pooling", "partly inside the input", "padding alone"));
        }
        Ok(windows)
    }

    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let windows = self.windows(only(inputs)?)?;
        Ok(windows.shape(windows.channels))
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        Ok(Box::new(Fitted { windows: self.windows(only(inputs)?)? }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted {
    windows: Windows,
}

impl Fitted {
    /// Channel after channel of all items: (input, output).
    fn lengths(&self) -> (usize, usize) {
        (self.windows.area(), self.windows.count())
    }

    /// Shares what arrives among the largest of each window, in equal parts.
    fn to_largest<T: Real>(&self, way: &Back<'_, T>) -> Vec<T> {
        let (area, count) = self.lengths();
        let mut sent = vec![T::ZERO; way.inputs[0].len()];
        let channels = sent.chunks_exact_mut(area).zip(way.inputs[0].chunks_exact(area));
        let outputs = way.output.chunks_exact(count).zip(way.arriving.chunks_exact(count));
        for ((sent, x), (y, arriving)) in channels.zip(outputs) {
            self.windows.each(|window, places| {
                let (mut winners, mut last) = (0u32, 0);
                for &place in places {
                    let wins = x[place] == y[window];
                    winners += u32::from(wins);
                    last = if wins { place } else { last };
                }
                // Most windows have one winner, and need no division.
                if winners == 1 {
                    sent[last] += arriving[window];
                } else {
                    let part = arriving[window] / T::of(f64::from(winners));
                    places.iter().filter(|&&place| x[place] == y[window]).for_each(|&place| sent[place] += part);
                }
            });
        }
        sent
    }

    /// Sends what arrives to the first of the largest of each window.
    fn to_first<T: Real>(&self, way: &Back<'_, T>) -> Vec<T> {
        let (area, count) = self.lengths();
        let mut sent = vec![T::ZERO; way.inputs[0].len()];
        let channels = sent.chunks_exact_mut(area).zip(way.inputs[0].chunks_exact(area));
        let outputs = way.output.chunks_exact(count).zip(way.arriving.chunks_exact(count));
        for ((sent, x), (y, arriving)) in channels.zip(outputs) {
            self.windows.each(|window, places| {
                if let Some(&first) = places.iter().find(|&&place| x[place] == y[window]) {
                    sent[first] += arriving[window];
                }
            });
        }
        sent
    }

    /// Shares what arrives among all places of each window, `x_i/Σ x`; with what windows keep whose sum is 0.
    fn in_proportion<T: Real>(&self, way: &Back<'_, T>) -> Sent<T> {
        let (area, count) = self.lengths();
        let mut sent = vec![T::ZERO; way.inputs[0].len()];
        let mut undefined = vec![0.0; way.batch];
        let channels_of_item = self.windows.channels;
        let channels = sent.chunks_exact_mut(area).zip(way.inputs[0].chunks_exact(area));
        for (channel, ((sent, x), arriving)) in channels.zip(way.arriving.chunks_exact(count)).enumerate() {
            let mut sums = vec![T::ZERO; count];
            for place in 0..self.windows.places() {
                self.windows.rows(place, |window, input, count, step| {
                    (0..count).for_each(|i| sums[window + i] += x[input + i * step]);
                });
            }
            for (sum, &arriving) in sums.iter_mut().zip(arriving) {
                if *sum == T::ZERO {
                    undefined[channel / channels_of_item] += arriving.wide();
                } else {
                    *sum = arriving / *sum;
                }
            }
            for place in 0..self.windows.places() {
                self.windows.rows(place, |window, input, count, step| {
                    (0..count).for_each(|i| sent[input + i * step] += x[input + i * step] * sums[window + i]);
                });
            }
        }
        Sent { inputs: vec![sent], undefined }
    }
}

impl<T: Real> Layer<T> for Fitted {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        let (area, count) = self.lengths();
        let mut out = vec![T::LOWEST; inputs[0].len() / area * count];
        for (out, x) in out.chunks_exact_mut(count).zip(inputs[0].chunks_exact(area)) {
            for place in 0..self.windows.places() {
                self.windows.rows(place, |window, input, count, step| {
                    let places = x[input..].iter().step_by(step);
                    for (largest, &x) in out[window..window + count].iter_mut().zip(places) {
                        // Written so that a NaN wins, and is seen.
                        *largest = if x <= *largest { *largest } else { x };
                    }
                });
            }
        }
        out
    }

    own_way!();

    /// At equal maxima the derivative is shared evenly.
    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        vec![self.to_largest(way)]
    }
}

impl<T: Real> Passing<T> for Fitted {
    fn relevance(&self, way: &Back<'_, T>, ties: Ties) -> Sent<T> {
        match ties {
            Ties::Winner => Sent::whole(vec![self.to_largest(way)]),
            Ties::First => Sent::whole(vec![self.to_first(way)]),
            Ties::Proportional => self.in_proportion(way),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::WayBack;

    /// What two overlapping windows of a row send back, 6 each.
    fn sent(x: &[f64; 3], ties: Ties) -> Vec<f64> {
        let pool = MaxPool { kernel: Some(Kernel::new(vec![1, 2])) };
        let layer = pool.build::<f64>(&[&[1, 1, 3]]).unwrap();
        let output = layer.forward(1, &[x]);
        let way = Back { batch: 1, inputs: &[x], output: &output, arriving: &[6.0, 6.0] };
        let WayBack::Own(passing) = layer.back() else { panic!("it has a way of its own") };
        let sent = passing.relevance(&way, ties);
        assert!(sent.undefined.iter().all(|undefined| *undefined == 0.0));
        sent.inputs.concat()
    }

    #[test]
    fn ties_share_go_to_the_first_or_are_in_proportion() {
        assert_eq!(sent(&[1.0, 2.0, 2.0], Ties::Winner), [0.0, 6.0 + 3.0, 3.0]);
        assert_eq!(sent(&[1.0, 2.0, 2.0], Ties::First), [0.0, 12.0, 0.0]);
        assert_eq!(sent(&[1.0, 2.0, 2.0], Ties::Proportional), [2.0, 4.0 + 3.0, 3.0]);
        assert_eq!(sent(&[3.0, 1.0, 2.0], Ties::Winner), [6.0, 0.0, 6.0]);
    }
}
