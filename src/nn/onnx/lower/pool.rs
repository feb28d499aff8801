//! Pooling, means and sums, local response normalisation.

use super::{Activation, Lowering, Step, item};
use crate::nn::layers::average_pool::Divisor;
use crate::nn::layers::{AveragePool, Description, Form, MaxPool, Moved, ResponseNorm};
use crate::nn::onnx::error::OnnxFault;
use crate::nn::onnx::folding::axis_of;

impl Lowering<'_> {
    /// The window that a pooling names.
    fn pool_kernel(
        &self,
        step: &Step<'_, '_>,
        x: &Activation,
    ) -> Result<crate::nn::layers::windows::Kernel, OnnxFault> {
        let reading = step.reading;
        let lengths = x.shape.get(2..).unwrap_or(&[]);
        if !reading.has("kernel_shape") {
            return Err(reading.fault("the attribute \"kernel_shape\" is missing"));
        }
        let size = reading.lengths("kernel_shape", lengths.len(), 1, 1)?;
        let mut kernel = self.kernel(step, size, lengths)?;
        kernel.ceil = reading.flag("ceil_mode", false)?;
        Ok(kernel)
    }

    pub(super) fn average_pool(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let x = step.activation(0)?.clone();
        let layer = if step.reading.node.op_type == "GlobalAveragePool" {
            AveragePool { kernel: None, divisor: Divisor::Inside }
        } else {
            let divisor =
                if step.reading.flag("count_include_pad", false)? { Divisor::Padded } else { Divisor::Inside };
            AveragePool { kernel: Some(self.pool_kernel(step, &x)?), divisor }
        };
        self.push(step, step.name(), Description::AveragePool(layer), &[&x], None)
    }

    pub(super) fn max_pool(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let x = step.activation(0)?.clone();
        let kernel = if step.reading.node.op_type == "GlobalMaxPool" {
            None
        } else {
            step.reading.ignore(&["storage_order"]);
            Some(self.pool_kernel(step, &x)?)
        };
        self.push(step, step.name(), Description::MaxPool(MaxPool { kernel }), &[&x], None)
    }

    /// Mean or sum over some axes: they are moved behind the others and pooled.
    pub(super) fn reduction(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let rank = x.shape.len();
        let keeps = reading.flag("keepdims", true)?;
        let is_nothing_all = !reading.flag("noop_with_empty_axes", false)?;
        let axes = step.integers(1, "axes")?.filter(|axes| !axes.is_empty());
        if axes.is_none() && !is_nothing_all {
            return Ok(x);
        }
        let axes = axes.unwrap_or_else(|| (0..rank as i64).collect());
        let mut is_reduced = vec![false; rank];
        for axis in axes {
            is_reduced[axis_of(reading, axis, rank)?] = true;
        }
        if is_reduced[0] {
            return Err(reading.fault("a mean or sum over the batch is not supported"));
        }
        let chosen = |wanted: bool| -> Vec<usize> { (1..rank).filter(|&axis| is_reduced[axis] == wanted).collect() };
        let (stays, goes) = (chosen(false), chosen(true));
        let length = |axes: &[usize]| axes.iter().map(|&axis| x.shape[axis]).product::<usize>();
        let order: Vec<usize> = stays.iter().chain(&goes).map(|axis| axis - 1).collect();
        let mut at = x.clone();
        if !order.is_sorted() {
            let layer = Description::Form(Form { moved: Moved::Transpose { order } });
            at = self.push(step, format!("{}:order", step.name()), layer, &[&at], None)?;
        }
        let layer = Description::Form(Form { moved: Moved::Reshape { shape: vec![length(&stays), length(&goes)] } });
        at = self.push(step, format!("{}:rows", step.name()), layer, &[&at], None)?;
        let divisor = if reading.node.op_type == "ReduceSum" { Divisor::Nothing } else { Divisor::Inside };
        let layer = Description::AveragePool(AveragePool { kernel: None, divisor });
        at = self.push(step, step.name(), layer, &[&at], None)?;
        let left = |axis: usize| match (is_reduced[axis], keeps) {
            (false, _) => Some(x.shape[axis]),
            (true, true) => Some(1),
            (true, false) => None,
        };
        let shape: Vec<usize> = (0..rank).filter_map(left).collect();
        let layer = Description::Form(Form { moved: Moved::Reshape { shape: item(&shape).to_vec() } });
        self.push(step, format!("{}:shape", step.name()), layer, &[&at], Some(shape))
    }

    pub(super) fn response_norm(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let size = reading
            .integer("size")?
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..1 << 24).contains(size));
        let layer = ResponseNorm {
            size: size.ok_or_else(|| reading.fault("the attribute \"size\" must be at least 1"))?,
            alpha: reading.real("alpha", 1e-4)?,
            beta: reading.real("beta", 0.75)?,
            bias: reading.real("bias", 1.0)?,
        };
        self.push(step, step.name(), Description::Lrn(layer), &[&x], None)
    }
}
