//! Sums, differences, products and quotients; gates; the larger and the smaller of two.

use super::{Activation, Known, Lowering, Step, beside, item};
use crate::nn::array::Array;
use crate::nn::layers::{Activation as Elementwise, Add, Description, Diagonal, Function, Gate, Maximum};
use crate::nn::onnx::constant::Constant;
use crate::nn::onnx::error::OnnxFault;

impl Lowering<'_> {
    pub(super) fn arithmetic(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let operator = step.reading.node.op_type.as_str();
        let activations: Vec<Activation> = step.activations().into_iter().cloned().collect();
        match (operator, &activations[..]) {
            ("Sum", [one]) if step.inputs.len() == 1 => Ok(one.clone()),
            ("Mul", [a, b]) if step.inputs.len() == 2 => self.gate(step, a, b),
            ("Div", [_, _]) => Err(step.reading.fault("an activation divided by another one is not supported")),
            (_, [one]) if step.inputs.len() == 2 => self.with_constant(step, one),
            (_, several) if several.len() == step.inputs.len() => self.sum(step, several),
            _ => Err(step.reading.fault("activations and constants in one sum are not supported")),
        }
    }

    fn sum(&mut self, step: &Step<'_, '_>, parts: &[Activation]) -> Result<Activation, OnnxFault> {
        if let Some(other) = parts.iter().find(|part| part.shape != parts[0].shape) {
            let (a, b) = (&parts[0].shape, &other.shape);
            return Err(step
                .reading
                .fault(format!("activations of unequal shapes, {a:?} and {b:?}, are not supported")));
        }
        step.reading.ignore(&["axis", "broadcast"]);
        let is_difference = step.reading.node.op_type == "Sub";
        let layer = Add { subtracted: (0..parts.len()).map(|number| is_difference && number == 1).collect() };
        let inputs: Vec<&Activation> = parts.iter().collect();
        self.push(step, step.name(), Description::Add(layer), &inputs, Some(parts[0].shape.clone()))
    }

    fn with_constant(&mut self, step: &Step<'_, '_>, x: &Activation) -> Result<Activation, OnnxFault> {
        let reading = step.reading;
        let is_first = matches!(step.inputs[0], Some(Known::Constant(_)));
        let given = step.needed(usize::from(!is_first), "the numbers")?;
        let constant = beside(step, &self.aligned(step, given, &x.shape)?, &x.shape)?;
        let map = |f: &dyn Fn(f64) -> f64| {
            Array::new(constant.shape.clone(), constant.values.iter().map(|&c| f(c)).collect())
        };
        let (weight, bias) = match reading.node.op_type.as_str() {
            "Add" => (Array::scalar(1.0), constant),
            "Sub" if is_first => (Array::scalar(-1.0), constant),
            "Sub" => (Array::scalar(1.0), map(&|c| -c)),
            "Mul" => (constant, Array::scalar(0.0)),
            "Div" if !is_first => {
                if constant.values.contains(&0.0) {
                    return Err(reading.fault("divides by 0"));
                }
                (map(&|c| 1.0 / c), Array::scalar(0.0))
            }
            "Sum" => (Array::scalar(1.0), constant),
            _ => return Err(reading.fault("a constant divided by an activation is not supported")),
        };
        let layer = Description::Diagonal(Diagonal { weight, bias });
        self.push(step, step.name(), layer, &[x], Some(x.shape.clone()))
    }

    /// Before version 7, a constant is aligned to the axis that an attribute names.
    fn aligned(&self, step: &Step<'_, '_>, constant: &Constant, shape: &[usize]) -> Result<Constant, OnnxFault> {
        let (axis, is_broadcast) = (step.reading.integer("axis")?, step.reading.flag("broadcast", false)?);
        let mut aligned = constant.clone();
        if let (true, Some(axis)) = (is_broadcast && self.opset < 7, axis) {
            let axis = crate::nn::onnx::folding::axis_of(step.reading, axis, shape.len())?;
            let behind = shape.len().checked_sub(axis + constant.shape.len());
            let behind = behind.ok_or_else(|| step.reading.fault("the constant reaches beyond the last axis"))?;
            aligned.shape.extend(vec![1; behind]);
        }
        Ok(aligned)
    }

    /// x · g, where g opens and closes x.
    fn gate(&mut self, step: &Step<'_, '_>, a: &Activation, b: &Activation) -> Result<Activation, OnnxFault> {
        step.reading.ignore(&["axis", "broadcast"]);
        let (gated, gate) = match (self.is_gate(a, b), self.is_gate(b, a)) {
            (false, true) => (a, b),
            (true, false) => (b, a),
            (false, false) if self.is_normal_distribution(b, a) => (a, b),
            (false, false) if self.is_normal_distribution(a, b) => (b, a),
            (false, false) => {
                return Err(step.reading.fault(
                    "a product of two activations is supported if one of them is a gate (a sigmoid), and neither is",
                ));
            }
            (true, true) => return Err(step.reading.fault("a product of two gates is not supported")),
        };
        self.push(step, step.name(), Description::Gate(Gate {}), &[gated, gate], Some(gated.shape.clone()))
    }

    /// Whether an activation lies between 0 and 1 as a sigmoid, a hard sigmoid, or arithmetic that equals one; or, up to a constant, what makes `other`
    /// a hard swish.
    fn is_gate(&self, activation: &Activation, other: &Activation) -> bool {
        let Some(maker) = self.maker(activation) else { return false };
        match &maker.layer {
            Description::Activation(Elementwise { function: Function::Sigmoid | Function::HardSigmoid { .. } }) => true,
            Description::Activation(Elementwise { function: Function::Clip { low: Some(0.0), high: Some(high) } }) => {
                let is_of_other = || {
                    let before = maker.inputs[0].checked_sub(1).map(|place| &self.nodes[place]);
                    before.is_some_and(|node| {
                        matches!(node.layer, Description::Diagonal(_)) && node.inputs[0] == other.value
                    })
                };
                // A rectifier with a bound, such as ReLU6, is none by itself.
                *high == 1.0 || is_of_other()
            }
            Description::Diagonal(Diagonal { weight, bias }) if weight.len() == 1 && bias.len() == 1 => {
                let before = maker.inputs[0].checked_sub(1).map(|place| &self.nodes[place].layer);
                let Some(Description::Activation(Elementwise {
                    function: Function::Clip { low: Some(low), high: Some(high) },
                })) = before
                else {
                    return false;
                };
                let ends = [*low, *high].map(|end| weight.values[0] * end + bias.values[0]);
                ends[0].abs() < 1e-6 && (ends[1] - 1.0).abs() < 1e-6
            }
            _ => false,
        }
    }

    /// Whether `g` is 1 + erf(x/√2), up to a constant: then x · g is x times the normal distribution (GELU).
    fn is_normal_distribution(&self, g: &Activation, x: &Activation) -> bool {
        let made_by = |value: usize| value.checked_sub(1).map(|place| &self.nodes[place]);
        let is_scaled = |value: usize| {
            value == x.value
                || made_by(x.value)
                    .is_some_and(|scaled| matches!(scaled.layer, Description::Diagonal(_)) && scaled.inputs[0] == value)
        };
        let mut at = g.value;
        let mut has_erf = false;
        for _ in 0..5 {
            let Some(maker) = made_by(at) else { return false };
            match &maker.layer {
                Description::Activation(Elementwise { function: Function::Erf }) => has_erf = true,
                Description::Diagonal(_) => {}
                _ => return false,
            }
            at = maker.inputs[0];
            if is_scaled(at) {
                return has_erf;
            }
        }
        false
    }

    pub(super) fn extremum(&mut self, step: &Step<'_, '_>) -> Result<Activation, OnnxFault> {
        let activations: Vec<Activation> = step.activations().into_iter().cloned().collect();
        let is_largest = step.reading.node.op_type == "Max";
        match &activations[..] {
            [one] if step.inputs.len() == 1 => Ok(one.clone()),
            [one] if step.inputs.len() == 2 => {
                let place = usize::from(matches!(step.inputs[0], Some(Known::Activation(_))));
                let bound = beside(step, step.needed(place, "the bounds")?, &one.shape)?;
                let function = if is_largest { Function::AtLeast { bound } } else { Function::AtMost { bound } };
                let layer = Description::Activation(Elementwise::new(function));
                self.push(step, step.name(), layer, &[one], Some(one.shape.clone()))
            }
            several if is_largest && several.len() == step.inputs.len() => {
                if several.iter().any(|other| item(&other.shape) != item(&several[0].shape)) {
                    return Err(step.reading.fault("activations of unequal shapes are not supported"));
                }
                let inputs: Vec<&Activation> = several.iter().collect();
                self.push(step, step.name(), Description::Max(Maximum {}), &inputs, Some(several[0].shape.clone()))
            }
            _ => Err(step
                .reading
                .fault("it is supported of one activation and a constant, and Max of several activations")),
        }
    }
}
