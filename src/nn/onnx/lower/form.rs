//! Changes of form, and the soft-max at the end.

use super::{Activation, Lowering, Step, item};
use crate::nn::ending::Ending;
use crate::nn::layers::{Concatenation, Description, Form, Moved};
use crate::nn::onnx::error::OnnxFault;
use crate::nn::onnx::folding::{axis_of, order_of, reshaped, slices, squeezed, unsqueezed};

impl Lowering<'_> {
    fn moved(
        &mut self,
        step: &Step<'_, '_>,
        x: &Activation,
        moved: Moved,
        shape: Vec<usize>,
    ) -> Result<Activation, OnnxFault> {
        self.push(step, step.name(), Description::Form(Form { moved }), &[x], Some(shape))
    }

    /// The axis of an item that is this axis in the file.
    fn item_axis(&self, step: &Step<'_, '_>, x: &Activation, axis: usize) -> Result<usize, OnnxFault> {
        let batch = usize::from(x.shape.first() == Some(&1));
        axis.checked_sub(batch).ok_or_else(|| step.reading.fault("it acts along the batch, which is not supported"))
    }

    pub(super) fn identity(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        if reading.node.op_type == "Cast" {
            let to = reading.integer("to")?.unwrap_or(0);
            if ![1, 10, 11, 16].contains(&to) {
                return Err(reading.fault(format!("activations can't become numbers of type {to}")));
            }
        }
        if let Some(training) =
            step.constant(2, "the flags")?.filter(|flag| flag.values.iter().any(|&value| value != 0.0))
        {
            return Err(reading.fault(format!(
                "its training mode is on ({:?}): the network must be exported for inference",
                training.values
            )));
        }
        reading.ignore(&["ratio", "seed", "is_test", "saturate", "round_mode"]);
        step.activation(0).cloned()
    }

    pub(super) fn reshape(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let missing = || reading.fault("its shape or axes are missing");
        let shape = match reading.node.op_type.as_str() {
            "Flatten" => {
                let axis = reading.integer("axis")?.unwrap_or(1);
                let rank = x.shape.len();
                let axis = if axis == rank as i64 { rank } else { axis_of(reading, axis, rank)? };
                vec![x.shape[..axis].iter().product(), x.shape[axis..].iter().product()]
            }
            "Squeeze" => squeezed(reading, &x.shape, step.integers(1, "axes")?)?,
            "Unsqueeze" => unsqueezed(reading, &x.shape, &step.integers(1, "axes")?.ok_or_else(missing)?)?,
            _ => {
                let asked = step.integers(1, "shape")?.ok_or_else(missing)?;
                reshaped(reading, &x.shape, &asked, reading.flag("allowzero", false)?)?
            }
        };
        let moved = Moved::Reshape { shape: item(&shape).to_vec() };
        self.moved(step, &x, moved, shape)
    }

    pub(super) fn transpose(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let x = step.activation(0)?.clone();
        let order = order_of(step.reading, x.shape.len())?;
        let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
        if order.first() != Some(&0) || x.shape[0] != 1 {
            return Err(step.reading.fault("it moves the batch, which is not supported"));
        }
        let order = order[1..].iter().map(|axis| axis - 1).collect();
        self.moved(step, &x, Moved::Transpose { order }, shape)
    }

    pub(super) fn concatenation(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let activations: Vec<Activation> = step.activations().into_iter().cloned().collect();
        if activations.len() != step.inputs.len() {
            return Err(step.reading.fault("activations beside constants are not supported"));
        }
        let Some(first) = activations.first() else { return Err(step.reading.fault("its inputs are missing")) };
        let axis = step.reading.integer("axis")?.unwrap_or(1);
        let axis = self.item_axis(step, first, axis_of(step.reading, axis, first.shape.len())?)?;
        if let [one] = &activations[..] {
            return Ok(one.clone());
        }
        let inputs: Vec<&Activation> = activations.iter().collect();
        self.push(step, step.name(), Description::Concat(Concatenation { axis }), &inputs, None)
    }

    pub(super) fn slice(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let mut x = step.activation(0)?.clone();
        let list = |place: usize, attribute: &'static str| step.integers(place, attribute);
        for (axis, places) in slices(step.reading, &x.shape.clone(), &list, self.opset)? {
            if places.len() == x.shape[axis] && places.is_sorted() {
                continue;
            }
            x = self.selected(step, &x, axis, places)?;
        }
        Ok(x)
    }

    fn selected(
        &mut self,
        step: &Step<'_, '_>,
        x: &Activation,
        axis: usize,
        places: Vec<usize>,
    ) -> Result<Activation, OnnxFault> {
        if places.is_empty() {
            return Err(step.reading.fault(format!("it leaves nothing of axis {axis} of {:?}", x.shape)));
        }
        let mut shape = x.shape.clone();
        shape[axis] = places.len();
        let axis = self.item_axis(step, x, axis)?;
        self.moved(step, x, Moved::Select { axis, places }, shape)
    }

    pub(super) fn gather(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let axis = axis_of(reading, reading.integer("axis")?.unwrap_or(0), x.shape.len())?;
        let indices = step.needed(1, "the indices")?;
        let (length, rank) = (x.shape[axis] as i64, indices.shape.len());
        let numbers = indices.to_integers().ok_or_else(|| reading.fault("its indices must be integers"))?;
        let place = |&number: &i64| {
            let place = if number < 0 { number + length } else { number };
            (0..length).contains(&place).then_some(place as usize)
        };
        let places: Option<Vec<usize>> = numbers.iter().map(place).collect();
        let places =
            places.ok_or_else(|| reading.fault(format!("its indices must lie below {length}, found {numbers:?}")))?;
        if rank > 1 {
            return Err(reading.fault("indices of several axes are not supported"));
        }
        let chosen = self.selected(step, &x, axis, places)?;
        if rank == 1 {
            return Ok(chosen);
        }
        // A single index drops its axis.
        let mut shape = chosen.shape.clone();
        shape.remove(axis);
        let moved = Moved::Reshape { shape: item(&shape).to_vec() };
        self.moved(step, &chosen, moved, shape)
    }

    pub(super) fn split(&mut self, step: &Step<'_, '_>) -> Result<Vec<Activation>, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let axis = axis_of(reading, reading.integer("axis")?.unwrap_or(0), x.shape.len())?;
        let (length, outputs) = (x.shape[axis], reading.node.output.len());
        let parts = match step.integers(1, "split")? {
            Some(parts) => parts.into_iter().map(|part| usize::try_from(part).ok()).collect::<Option<Vec<_>>>(),
            None => {
                let count =
                    reading.integer("num_outputs")?.and_then(|count| usize::try_from(count).ok()).unwrap_or(outputs);
                let each = length.div_ceil(count.max(1));
                Some((0..count).map(|number| each.min(length.saturating_sub(number * each))).collect())
            }
        };
        reading.ignore(&["num_outputs"]);
        let parts = parts.filter(|parts| parts.iter().sum::<usize>() == length && parts.len() >= outputs);
        let parts = parts
            .ok_or_else(|| reading.fault(format!("its parts don't add up to the {length} places of axis {axis}")))?;
        let mut begin = 0;
        let mut made = Vec::new();
        for (output, part) in reading.node.output.iter().zip(parts) {
            let mut one = self.selected(step, &x, axis, (begin..begin + part).collect())?;
            begin += part;
            if let Some(node) = one.value.checked_sub(1).and_then(|place| self.nodes.get_mut(place)) {
                node.name.clone_from(output);
            }
            one.ending = None;
            made.push(one);
        }
        Ok(made)
    }

    pub(super) fn pad(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let mode = reading.text("mode", "constant")?;
        let value = match self.bound(step, 2, "the value")? {
            Some(value) => value,
            None => reading.real("value", 0.0)?,
        };
        if mode != "constant" || value != 0.0 {
            return Err(reading.fault(format!("padding is supported by zeros alone, and not by {mode} {value}")));
        }
        let rank = x.shape.len();
        let pads = step.integers(1, "pads")?.ok_or_else(|| reading.fault("its pads are missing"))?;
        let axes = match step.integers(3, "axes")? {
            Some(axes) => axes.into_iter().map(|axis| axis_of(reading, axis, rank)).collect::<Result<Vec<_>, _>>()?,
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return Err(reading.fault(format!("must have {} pads, found {}", 2 * axes.len(), pads.len())));
        }
        let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
        for (number, &axis) in axes.iter().enumerate() {
            let amount = |place: usize| {
                let amount = usize::try_from(pads[place]).ok().filter(|&amount| amount <= 1 << 24);
                amount.ok_or_else(|| reading.fault(format!("its pads must be from 0 to {}, found {pads:?}", 1 << 24)))
            };
            (before[axis], after[axis]) = (amount(number)?, amount(axes.len() + number)?);
        }
        if x.shape.first() == Some(&1) && before.remove(0) + after.remove(0) != 0 {
            return Err(reading.fault("it pads the batch, which is not supported"));
        }
        if before.iter().chain(&after).all(|&pad| pad == 0) {
            return Ok(x);
        }
        self.push(step, step.name(), Description::Form(Form { moved: Moved::Pad { before, after } }), &[&x], None)
    }

    /// Is cut off: what goes in are the logits.
    pub(super) fn soft_max(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let x = step.activation(0)?.clone();
        let rank = x.shape.len();
        let default = if self.opset >= 13 { -1 } else { 1 };
        let axis = axis_of(reading, reading.integer("axis")?.unwrap_or(default), rank)?;
        let covered: usize = if self.opset >= 13 { x.shape[axis] } else { x.shape[axis..].iter().product() };
        if covered != x.shape.iter().product::<usize>() {
            return Err(
                reading.fault(format!("a soft-max over axis {axis} of {:?} is not one over all categories", x.shape))
            );
        }
        let ending = if reading.node.op_type == "Softmax" { Ending::Softmax } else { Ending::LogSoftmax };
        Ok(Activation { ending: Some(ending), ..x })
    }
}
