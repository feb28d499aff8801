//! The largest of several activations, place by place, `y_j = max_k x_kj`: ONNX's Max.

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Passing, Real, Sent, Slope, Ties, common, own_way};

/// The largest of several activations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Maximum {}

impl Maximum {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        Ok(common(inputs, 1)?.to_vec())
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        Ok(Box::new(Fitted { length: common(inputs, 1)?.iter().product() }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        Vec::new()
    }
}

struct Fitted {
    /// Number of values of an item.
    length: usize,
}

impl Fitted {
    /// The share of each input in what arrives, as `share` has it for the values of a place; with what has nowhere to go.
    fn shared<T: Real>(&self, way: &Back<'_, T>, share: impl Fn(&[T], T) -> Option<Vec<T>>) -> Sent<T> {
        let mut inputs = vec![vec![T::ZERO; way.arriving.len()]; way.inputs.len()];
        let mut undefined = vec![0.0; way.batch];
        for (place, &arriving) in way.arriving.iter().enumerate() {
            let values: Vec<T> = way.inputs.iter().map(|input| input[place]).collect();
            match share(&values, way.output[place]) {
                Some(shares) => inputs.iter_mut().zip(shares).for_each(|(sent, share)| sent[place] = share * arriving),
                None => undefined[place / self.length] += arriving.wide(),
            }
        }
        Sent { inputs, undefined }
    }
}

fn even<T: Real>(values: &[T], largest: T) -> Option<Vec<T>> {
    let winners = values.iter().filter(|&&value| value == largest).count();
    let share = T::ONE / T::of(winners as f64);
    Some(values.iter().map(|&value| if value == largest { share } else { T::ZERO }).collect())
}

fn first<T: Real>(values: &[T], largest: T) -> Option<Vec<T>> {
    let winner = values.iter().position(|&value| value == largest);
    Some((0..values.len()).map(|k| if Some(k) == winner { T::ONE } else { T::ZERO }).collect())
}

fn proportional<T: Real>(values: &[T], _: T) -> Option<Vec<T>> {
    let sum = values.iter().copied().sum::<T>();
    (sum != T::ZERO).then(|| values.iter().map(|&value| value / sum).collect())
}

impl<T: Real> Layer<T> for Fitted {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        let largest = |place: usize| {
            let values = inputs.iter().map(|input| input[place]);
            values.fold(T::LOWEST, |largest, x| if x <= largest { largest } else { x })
        };
        (0..inputs[0].len()).map(largest).collect()
    }

    own_way!();

    fn gradient(&self, way: &Back<'_, T>, _: Slope) -> Vec<Vec<T>> {
        self.shared(way, even).inputs
    }
}

impl<T: Real> Passing<T> for Fitted {
    fn relevance(&self, way: &Back<'_, T>, ties: Ties) -> Sent<T> {
        match ties {
            Ties::Winner => self.shared(way, even),
            Ties::First => self.shared(way, first),
            Ties::Proportional => self.shared(way, proportional),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::WayBack;

    #[test]
    fn ties_share_go_to_the_first_or_are_in_proportion() {
        let sent = |x: [f64; 3], ties| {
            let layer = Maximum {}.build::<f64>(&[&[1], &[1], &[1]]).unwrap();
            let inputs = [&x[..1], &x[1..2], &x[2..]];
            let output = layer.forward(1, &inputs);
            let way = Back { batch: 1, inputs: &inputs, output: &output, arriving: &[6.0] };
            let WayBack::Own(passing) = layer.back() else { panic!("it has a way of its own") };
            let sent = passing.relevance(&way, ties);
            (sent.inputs.concat(), sent.undefined[0])
        };
        assert_eq!(sent([1.0, 2.0, 2.0], Ties::Winner), (vec![0.0, 3.0, 3.0], 0.0));
        assert_eq!(sent([1.0, 2.0, 2.0], Ties::First), (vec![0.0, 6.0, 0.0], 0.0));
        assert_eq!(sent([1.0, 3.0, 2.0], Ties::Proportional), (vec![1.0, 3.0, 2.0], 0.0));
        assert_eq!(sent([-1.0, 0.0, 1.0], Ties::Proportional), (vec![0.0; 3], 6.0));
    }
}
