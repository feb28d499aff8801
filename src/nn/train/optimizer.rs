//! How weights follow their gradients. With g the gradient of the mean loss of a batch and η the learning rate:
//!
//! - SGD: `v ← μ v + g`, `w ← w − η v`.
//! - Adam (Kingma and Ba 2015): `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`, `w ← w − η m̂/(√v̂ + ε)` with `m̂ = m/(1 − β₁^t)`,
//!   `v̂ = v/(1 − β₂^t)`, t being the number of the step, from 1.

use serde::{Deserialize, Serialize};

use crate::nn::layers::Learning;

/// The constants of a layer, or as many numbers that belong to them.
pub(super) type Constants = Vec<Vec<f32>>;

/// A number is out of its range.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("\"{key}\" of the recipe must be {expected}, found {found}")]
pub struct OutOfRange {
    /// The key.
    pub key: &'static str,
    /// What it must be.
    pub expected: &'static str,
    /// What it is.
    pub found: String,
}

/// How weights follow their gradients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd {
        /// μ, from 0 to less than 1.
        momentum: f64,
    },
    /// Adam.
    Adam {
        /// β₁, from 0 to less than 1.
        #[serde(default = "beta1")]
        beta1: f64,
        /// β₂, from 0 to less than 1.
        #[serde(default = "beta2")]
        beta2: f64,
        /// ε, above 0.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

fn epsilon() -> f64 {
    1e-8
}

/// What a step of a layer is given.
pub(super) struct Step<'a> {
    pub batch: usize,
    /// The layer's input.
    pub x: &'a [f32],
    /// Derivatives of the mean loss by the layer's output.
    pub arriving: &'a [f32],
    /// η.
    pub rate: f32,
    /// The number of the step, from 0.
    pub iteration: usize,
}

impl Optimizer {
    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        let numbers = match self {
            Optimizer::Sgd { momentum } => vec![("optimizer.sgd.momentum", *momentum, 1.0)],
            Optimizer::Adam { beta1, beta2, .. } => {
                vec![("optimizer.adam.beta1", *beta1, 1.0), ("optimizer.adam.beta2", *beta2, 1.0)]
            }
        };
        for (key, value, below) in numbers {
            if !(0.0..below).contains(&value) {
                return Err(OutOfRange { key, expected: "from 0 to less than 1", found: value.to_string() });
            }
        }
        match self {
            Optimizer::Adam { epsilon, .. } if !(*epsilon > 0.0 && epsilon.is_finite()) => Err(OutOfRange {
                key: "optimizer.adam.epsilon",
                expected: "a number above 0",
                found: epsilon.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Number of memories of each constant.
    pub(super) fn memories(&self) -> usize {
        match self {
            Optimizer::Sgd { momentum } if *momentum == 0.0 => 0,
            Optimizer::Sgd { .. } => 1,
            Optimizer::Adam { .. } => 2,
        }
    }

    /// Changes a layer's constants; `memories` are as large as they, 0 before the first step.
    pub(super) fn step(&self, layer: &mut dyn Learning<f32>, memories: &mut [Constants], given: &Step<'_>) {
        let Step { batch, x, arriving, rate, iteration } = *given;
        match (self, memories) {
            (Optimizer::Sgd { .. }, []) => {
                // The constants are the sum themselves: nothing is written twice.
                let mut constants: Constants = layer.constants().into_iter().map(std::mem::take).collect();
                let arriving: Vec<f32> = arriving.iter().map(|g| -rate * g).collect();
                layer.add_gradient(batch, x, &arriving, 1.0, &mut constants);
                layer.constants().into_iter().zip(constants).for_each(|(own, changed)| *own = changed);
            }
            (Optimizer::Sgd { momentum }, [velocity, ..]) => {
                layer.add_gradient(batch, x, arriving, *momentum as f32, velocity);
                for (constants, velocity) in layer.constants().into_iter().zip(velocity) {
                    constants.iter_mut().zip(velocity).for_each(|(w, v)| *w -= rate * *v);
                }
            }
            (Optimizer::Adam { beta1, beta2, epsilon }, [means, squares, ..]) => {
                let mut gradient: Constants = means.iter().map(|means| vec![0.0; means.len()]).collect();
                layer.add_gradient(batch, x, arriving, 0.0, &mut gradient);
                let time = i32::try_from(iteration + 1).unwrap_or(i32::MAX);
                let (scale, square_scale) =
                    ((1.0 / (1.0 - beta1.powi(time))) as f32, (1.0 / (1.0 - beta2.powi(time))) as f32);
                let (beta1, beta2, epsilon) = (*beta1 as f32, *beta2 as f32, *epsilon as f32);
                let parts = layer.constants().into_iter().zip(&gradient).zip(means.iter_mut().zip(squares));
                for ((constants, gradient), (means, squares)) in parts {
                    let parts = constants.iter_mut().zip(gradient).zip(means.iter_mut().zip(squares));
                    for ((w, g), (m, v)) in parts {
                        *m = beta1 * *m + (1.0 - beta1) * g;
                        *v = beta2 * *v + (1.0 - beta2) * g * g;
                        *w -= rate * (scale * *m) / ((square_scale * *v).sqrt() + epsilon);
                    }
                }
            }
            (Optimizer::Adam { .. }, _) => unreachable!("Adam has two memories"),
        }
    }
}
