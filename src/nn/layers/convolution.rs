//! Convolution, `z_j = Σ_i w_ji x_i + b_j` over the places of each window and the channels of its group: ONNX's Conv over one or two axes.
//!
//! The windows of an item become the columns of a matrix (padding is zeros), so that both ways are matrix products.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::windows::{Kernel, Windows};
use super::{Array, Layer, LayerError, Learning, Linear, Part, Real, linear_layer, only, shape_text};
use crate::nn::real::{Matrix, multiply, multiply_onto};

/// A convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convolution {
    /// Output channels × input channels of a group × the window.
    pub weight: Array,
    /// One number for each output channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<Array>,
    /// The windows.
    pub kernel: Kernel,
    /// Number of groups of channels that know nothing of each other.
    pub groups: usize,
}

impl Convolution {
    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let (windows, channels) = self.windows(only(inputs)?)?;
        Ok(windows.shape(channels))
    }

    /// The windows over an item, and the number of output channels.
    fn windows(&self, shape: &[usize]) -> Result<(Windows, usize), LayerError> {
        let windows = Windows::new(shape, &self.kernel)?;
        let Some((&[outputs, inputs], size)) = self.weight.shape.split_first_chunk::<2>() else {
            return Err(LayerError::new(
                "the weights",
                "outputs × inputs × the window",
                shape_text(&self.weight.shape),
            ));
        };
        if size != self.kernel.size {
            return Err(LayerError::new("the window of the weights", shape_text(&self.kernel.size), shape_text(size)));
        }
        if self.groups == 0 || outputs % self.groups != 0 {
            return Err(LayerError::new(
                "the number of groups",
                format!("a divisor of {outputs} outputs"),
                self.groups,
            ));
        }
        if windows.channels != inputs * self.groups {
            let expected = format!("{inputs} × {} groups", self.groups);
            return Err(LayerError::new("the number of input channels", expected, windows.channels));
        }
        if let Some(bias) = self.bias.as_ref().filter(|bias| bias.len() != outputs) {
            return Err(LayerError::new("the number of biases", outputs, bias.len()));
        }
        Ok((windows, outputs))
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let (windows, channels) = self.windows(only(inputs)?)?;
        Ok(Box::new(Fitted::<T> {
            weight: self.weight.shared(),
            bias: self.bias.as_ref().map(Array::converted),
            groups: self.groups,
            channels,
            windows,
        }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        [("weight", &mut self.weight)].into_iter().chain(self.bias.as_mut().map(|bias| ("bias", bias))).collect()
    }
}

struct Fitted<T> {
    weight: Arc<Vec<T>>,
    bias: Option<Vec<T>>,
    groups: usize,
    /// Number of output channels.
    channels: usize,
    windows: Windows,
}

linear_layer!(Fitted, Learning);

impl<T: Real> Fitted<T> {
    /// Channels of a group: before and after.
    fn of_group(&self) -> (usize, usize) {
        (self.windows.channels / self.groups, self.channels / self.groups)
    }

    /// Rows of the matrix of windows: the places of all channels of a group.
    fn depth(&self) -> usize {
        self.of_group().0 * self.windows.places()
    }

    /// The matrix of a group's windows: one row for each channel and place, one column for each window.
    fn columns<'x>(&self, x: &'x [T]) -> Cow<'x, [T]> {
        let Self { windows, .. } = self;
        if windows.are_single() {
            return Cow::Borrowed(x);
        }
        let count = windows.count();
        let mut columns = vec![T::ZERO; self.depth() * count];
        let rows = columns.chunks_exact_mut(count);
        for (number, row) in rows.enumerate() {
            let channel = &x[number / windows.places() * windows.area()..][..windows.area()];
            windows.rows(number % windows.places(), |window, input, count, step| {
                let targets = &mut row[window..window + count];
                if step == 1 {
                    targets.copy_from_slice(&channel[input..input + count]);
                } else {
                    targets.iter_mut().enumerate().for_each(|(i, target)| *target = channel[input + i * step]);
                }
            });
        }
        Cow::Owned(columns)
    }

    /// Adds the rows of a matrix of windows to the places that they came from.
    fn add_columns(&self, columns: &[T], x: &mut [T]) {
        let Self { windows, .. } = self;
        for (number, row) in columns.chunks_exact(windows.count()).enumerate() {
            let channel = &mut x[number / windows.places() * windows.area()..][..windows.area()];
            windows.rows(number % windows.places(), |window, input, count, step| {
                let sources = &row[window..window + count];
                if step == 1 {
                    channel[input..input + count].iter_mut().zip(sources).for_each(|(x, &source)| *x += source);
                } else {
                    sources.iter().enumerate().for_each(|(i, &source)| channel[input + i * step] += source);
                }
            });
        }
    }
}

impl<T: Real> Linear<T> for Fitted<T> {
    fn inputs(&self) -> usize {
        self.windows.channels * self.windows.area()
    }

    fn outputs(&self) -> usize {
        self.channels * self.windows.count()
    }

    fn up(&self, part: Part, batch: usize, x: &[T]) -> Vec<T> {
        let weight = part.of(&self.weight);
        let ((before, after), depth, count) = (self.of_group(), self.depth(), self.windows.count());
        let mut out = vec![T::ZERO; batch * self.outputs()];
        // One task a group: they share nothing.
        let outs = out.par_chunks_mut(after * count);
        let tasks = outs.zip(x.par_chunks(before * self.windows.area())).enumerate();
        tasks.for_each(|(task, (out, x))| {
            let group = task % self.groups;
            let weight = Matrix::new(&weight[group * after * depth..][..after * depth], after, depth);
            multiply(weight, Matrix::new(&self.columns(x), depth, count), out);
        });
        out
    }

    fn down(&self, part: Part, batch: usize, s: &[T]) -> Vec<T> {
        let weight = part.of(&self.weight);
        let ((before, after), depth, count) = (self.of_group(), self.depth(), self.windows.count());
        let mut out = vec![T::ZERO; batch * self.inputs()];
        let outs = out.par_chunks_mut(before * self.windows.area());
        let tasks = outs.zip(s.par_chunks(after * count)).enumerate();
        tasks.for_each(|(task, (out, s))| {
            let group = task % self.groups;
            let weight = Matrix::new(&weight[group * after * depth..][..after * depth], after, depth).transposed();
            let s = Matrix::new(s, after, count);
            if self.windows.are_single() {
                multiply(weight, s, out);
            } else {
                let mut columns = vec![T::ZERO; depth * count];
                multiply(weight, s, &mut columns);
                self.add_columns(&columns, out);
            }
        });
        out
    }

    fn bias(&self) -> Option<Vec<T>> {
        let spread = |bias: &Vec<T>| bias.iter().flat_map(|&b| std::iter::repeat_n(b, self.windows.count())).collect();
        self.bias.as_ref().map(spread)
    }
}

impl<T: Real> Learning<T> for Fitted<T> {
    fn constants(&mut self) -> Vec<&mut Vec<T>> {
        [Arc::make_mut(&mut self.weight)].into_iter().chain(&mut self.bias).collect()
    }

    fn add_gradient(&self, batch: usize, x: &[T], arriving: &[T], keep: T, into: &mut [Vec<T>]) {
        let ((before, after), depth, count) = (self.of_group(), self.depth(), self.windows.count());
        into.iter_mut().flatten().for_each(|into| *into = keep * *into);
        for task in 0..batch * self.groups {
            let x = &x[task * before * self.windows.area()..][..before * self.windows.area()];
            let arriving = Matrix::new(&arriving[task * after * count..][..after * count], after, count);
            let group = task % self.groups;
            let columns = self.columns(x);
            let weights = &mut into[0][group * after * depth..][..after * depth];
            multiply_onto(arriving, Matrix::new(&columns, depth, count).transposed(), T::ONE, weights);
            if let Some(into) = into.get_mut(1) {
                let biases = &mut into[group * after..][..after];
                multiply_onto(arriving, Matrix::new(&vec![T::ONE; count], count, 1), T::ONE, biases);
            }
        }
    }
}
