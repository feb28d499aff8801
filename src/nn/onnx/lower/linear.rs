//! Convolutions, dense layers, normalisation of batches.

use super::{Activation, Lowering, Step, real, scalar};
use crate::nn::array::Array;
use crate::nn::layers::windows::Kernel;
use crate::nn::layers::{Convolution, Dense, Description, Diagonal};
use crate::nn::onnx::error::OnnxFault;

impl Lowering<'_> {
    pub(super) fn convolution(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let weight = real(step, step.needed(1, "the weights")?, "the weights")?;
        let axes = x.shape.len().saturating_sub(2);
        if weight.shape.len() != axes + 2 || axes == 0 {
            return Err(
                reading.fault(format!("weights of the shape {:?} don't fit the input, {:?}", weight.shape, x.shape))
            );
        }
        let size = weight.shape[2..].to_vec();
        if let Some(asked) =
            reading.integers("kernel_shape").filter(|asked| !asked.iter().map(|&v| v as usize).eq(size.iter().copied()))
        {
            return Err(
                reading.fault(format!("the attribute \"kernel_shape\" is {asked:?}, and the weights have {size:?}"))
            );
        }
        let groups = reading.integer("group")?.unwrap_or(1);
        let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
        let groups = groups.ok_or_else(|| reading.fault("the attribute \"group\" must be at least 1"))?;
        if weight.shape[0] % groups != 0 {
            return Err(reading.fault(format!(
                "the attribute \"group\" is {groups}, which doesn't divide the {} outputs",
                weight.shape[0]
            )));
        }
        let kernel = self.kernel(step, size, &x.shape[2..])?;
        let bias = step.constant(2, "the biases")?.map(|bias| Array::new(vec![bias.values.len()], bias.values.clone()));
        let weight = Array::new(weight.shape.clone(), weight.values.clone());
        let layer = Description::Conv(Convolution { weight, bias, kernel, groups });
        self.push(step, step.name(), layer, &[&x], None)
    }

    /// The windows of a convolution or pooling over axes of these lengths.
    pub(super) fn kernel(&self, step: &Step<'_, '_>, size: Vec<usize>, lengths: &[usize]) -> Result<Kernel, OnnxFault> {
        let (reading, axes) = (step.reading, size.len());
        if axes != lengths.len() {
            return Err(reading.fault(format!("the window has {axes} axes, and the input {}", lengths.len())));
        }
        let strides = reading.lengths("strides", axes, 1, 1)?;
        let dilations = reading.lengths("dilations", axes, 1, 1)?;
        let auto_pad = reading.text("auto_pad", "NOTSET")?;
        let pads = reading.lengths("pads", 2 * axes, 0, 0)?;
        let (mut before, mut after) = (pads[..axes].to_vec(), pads[axes..].to_vec());
        match auto_pad.as_str() {
            "NOTSET" => {}
            "VALID" => (before, after) = (vec![0; axes], vec![0; axes]),
            "SAME_UPPER" | "SAME_LOWER" => {
                for axis in 0..axes {
                    let reach = (size[axis] - 1) * dilations[axis] + 1;
                    let last = (lengths[axis].div_ceil(strides[axis]) - 1) * strides[axis];
                    let total = (last + reach).saturating_sub(lengths[axis]);
                    let (less, more) = (total / 2, total - total / 2);
                    (before[axis], after[axis]) = if auto_pad == "SAME_UPPER" { (less, more) } else { (more, less) };
                }
            }
            other => {
                return Err(reading.fault(format!("the attribute \"auto_pad\" is \"{other}\", which is not known")));
            }
        }
        Ok(Kernel { size, strides, dilations, before, after, ceil: false, reckoned: auto_pad.starts_with("SAME") })
    }

    pub(super) fn gemm(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        if reading.flag("transA", false)? {
            return Err(reading.fault("the attribute \"transA\" of an activation is not supported"));
        }
        let (alpha, beta) = (reading.real("alpha", 1.0)?, reading.real("beta", 1.0)?);
        let is_transposed = reading.flag("transB", false)?;
        reading.ignore(&["broadcast"]);
        let weight = real(step, step.needed(1, "the weights")?, "the weights")?;
        let &[rows, columns] = &weight.shape[..] else {
            return Err(reading.fault(format!("its weights must have two axes, found the shape {:?}", weight.shape)));
        };
        if x.shape.len() != 2 {
            return Err(reading.fault(format!("its input must have two axes, found the shape {:?}", x.shape)));
        }
        let value = |at: usize| alpha * weight.values[at];
        let (outputs, inputs, values): (_, _, Vec<f64>) = match is_transposed {
            true => (rows, columns, (0..rows * columns).map(value).collect()),
            false => (columns, rows, (0..rows * columns).map(|i| value(i % rows * columns + i / rows)).collect()),
        };
        let bias = match step.constant(2, "the biases")? {
            None => None,
            Some(bias) => {
                let scaled: Vec<f64> = bias.values.iter().map(|b| beta * b).collect();
                let fits = bias.shape.len() <= 2
                    && (scaled.len() == 1 || bias.shape.last() == Some(&outputs) && scaled.len() == outputs);
                if !fits {
                    return Err(
                        reading.fault(format!("biases of the shape {:?} don't fit {outputs} outputs", bias.shape))
                    );
                }
                Some(Array::new(vec![outputs], if scaled.len() == 1 { vec![scaled[0]; outputs] } else { scaled }))
            }
        };
        let layer = Description::Dense(Dense { weight: Array::new(vec![outputs, inputs], values), bias });
        self.push(step, step.name(), layer, &[&x], None)
    }

    pub(super) fn mat_mul(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let x = step.activation(0)?.clone();
        let weight = real(step, step.needed(1, "the weights")?, "the weights")?;
        let &[inputs, outputs] = &weight.shape[..] else {
            return Err(step
                .reading
                .fault(format!("its weights must have two axes, found the shape {:?}", weight.shape)));
        };
        let values = (0..inputs * outputs).map(|i| weight.values[i % inputs * outputs + i / inputs]).collect();
        let layer = Description::Dense(Dense { weight: Array::new(vec![outputs, inputs], values), bias: None });
        self.push(step, step.name(), layer, &[&x], None)
    }

    pub(super) fn batch_normalization(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        if reading.flag("training_mode", false)? {
            return Err(
                reading.fault("the attribute \"training_mode\" is on: the network must be exported for inference")
            );
        }
        if !reading.flag("spatial", true)? {
            return Err(reading.fault("the attribute \"spatial\" = 0 is not supported"));
        }
        reading.ignore(&["momentum", "is_test"]);
        let epsilon = reading.real("epsilon", 1e-5)?;
        let channels = x.shape.get(1).copied().unwrap_or(0);
        let given = |place: usize, what: &str| -> Result<Vec<f64>, OnnxFault> {
            let values = step.needed(place, what)?.values.clone();
            match values.len() == channels {
                true => Ok(values),
                false => {
                    Err(reading.fault(format!("{what} must be {channels}, one a channel, found {}", values.len())))
                }
            }
        };
        let (scale, shift) = (given(1, "the scales")?, given(2, "the shifts")?);
        let (mean, variance) = (given(3, "the means")?, given(4, "the variances")?);
        let weight: Vec<f64> =
            scale.iter().zip(&variance).map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
        if let Some(wrong) = variance.iter().find(|variance| **variance < 0.0 || **variance + epsilon <= 0.0) {
            let name = reading.node.input.get(4).map_or("", String::as_str);
            return Err(OnnxFault::tensor(name, format!("holds variances, which must be at least 0, found {wrong}")));
        }
        let bias = (0..channels).map(|c| shift[c] - mean[c] * weight[c]).collect();
        let shape = [vec![channels], vec![1; x.shape.len().saturating_sub(2)]].concat();
        let layer = Diagonal { weight: Array::new(shape.clone(), weight), bias: Array::new(shape, bias) };
        self.push(step, step.name(), Description::Diagonal(layer), &[&x], None)
    }

    pub(super) fn negation(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let x = step.activation(0)?.clone();
        let layer = Diagonal { weight: Array::scalar(-1.0), bias: Array::scalar(0.0) };
        self.push(step, step.name(), Description::Diagonal(layer), &[&x], Some(x.shape.clone()))
    }

    /// The only number of an optional input.
    pub(super) fn bound(&self, step: &Step<'_, '_>, place: usize, what: &str) -> Result<Option<f64>, OnnxFault> {
        step.constant(place, what)?.map(|constant| scalar(step, constant, what)).transpose()
    }
}
