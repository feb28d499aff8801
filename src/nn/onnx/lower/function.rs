//! Functions of each activation.

use super::{Activation, Lowering, Step, beside};
use crate::nn::layers::{Activation as Elementwise, Description, Function};
use crate::nn::onnx::error::OnnxFault;

/// α and γ of Selu, in the single precision of the format.
const SELU: (f64, f64) = (1.673_263_192_176_818_8, 1.050_701_022_148_132_3);

impl Lowering<'_> {
    /// The layer of an operator that is a function of each activation; none if it is none.
    pub(super) fn function(&mut self, step: &Step<'_, '_>) -> Result<Option<Activation>, OnnxFault> {
        let Some(function) = self.function_of(step)? else { return Ok(None) };
        let x = step.activation(0)?.clone();
        let layer = Description::Activation(Elementwise::new(function));
        self.push(step, step.name(), layer, &[&x], Some(x.shape.clone())).map(Some)
    }

    fn function_of(&self, step: &Step<'_, '_>) -> Result<Option<Function>, OnnxFault> {
        let reading = step.reading;
        Ok(Some(match reading.node.op_type.as_str() {
            "Relu" => Function::Relu,
            "LeakyRelu" => Function::LeakyRelu { alpha: reading.real("alpha", 0.01)? },
            "PRelu" => {
                Function::PRelu { slope: beside(step, step.needed(1, "the slopes")?, &step.activation(0)?.shape)? }
            }
            "Elu" => Function::Elu { alpha: reading.real("alpha", 1.0)?, gamma: 1.0 },
            "Selu" => Function::Elu { alpha: reading.real("alpha", SELU.0)?, gamma: reading.real("gamma", SELU.1)? },
            "Tanh" => Function::Tanh,
            "Sigmoid" => Function::Sigmoid,
            "HardSigmoid" => {
                Function::HardSigmoid { alpha: reading.real("alpha", 0.2)?, beta: reading.real("beta", 0.5)? }
            }
            "HardSwish" => Function::HardSwish,
            "Softplus" => Function::Softplus,
            "Erf" => Function::Erf,
            "Gelu" => match reading.text("approximate", "none")?.as_str() {
                "none" => Function::Gelu,
                "tanh" => Function::GeluTanh,
                other => {
                    return Err(
                        reading.fault(format!("the attribute \"approximate\" is \"{other}\", which is not known"))
                    );
                }
            },
            "Clip" => {
                let end = |name: &'static str, place: usize| -> Result<Option<f64>, OnnxFault> {
                    if self.opset < 11 {
                        return reading.has(name).then(|| reading.real(name, 0.0)).transpose();
                    }
                    self.bound(step, place, "the bounds")
                };
                Function::Clip { low: end("min", 1)?, high: end("max", 2)? }
            }
            _ => return Ok(None),
        }))
    }
}
