//! Functions of each activation, `y = g(x)`. Relevance passes unchanged (B15, Eq 63).

use serde::{Deserialize, Serialize};

use super::{Array, Back, Layer, LayerError, Real, Slope, WayBack, only, shape_text};

/// g.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "kebab-case")]
pub enum Function {
    /// max(0, x).
    Relu,
    /// x if x ≥ 0, else α x.
    LeakyRelu {
        /// α.
        alpha: f64,
    },
    /// The same with a slope of its own for every channel or place.
    PRelu {
        /// The slopes; axes of length 1 and missing ones repeat.
        slope: Array,
    },
    /// γ x if x > 0, else γ α (eˣ − 1): Elu (γ = 1) and Selu.
    Elu {
        /// α.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
    /// tanh x.
    Tanh,
    /// 1/(1 + e^−x).
    Sigmoid,
    /// α x + β within 0 and 1.
    HardSigmoid {
        /// α.
        alpha: f64,
        /// β.
        beta: f64,
    },
    /// x times (x/6 + ½ within 0 and 1).
    HardSwish,
    /// ln(1 + eˣ).
    Softplus,
    /// x within bounds.
    Clip {
        /// The lower bound, or none.
        low: Option<f64>,
        /// The upper bound, or none.
        high: Option<f64>,
    },
    /// x, or a constant where that is larger.
    AtLeast {
        /// The constants.
        bound: Array,
    },
    /// x, or a constant where that is smaller.
    AtMost {
        /// The constants.
        bound: Array,
    },
    /// x Φ(x), Φ being the normal distribution.
    Gelu,
    /// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    GeluTanh,
    /// The error function.
    Erf,
}

/// A function of each activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// g.
    #[serde(flatten)]
    pub function: Function,
}

impl Function {
    fn array(&mut self) -> Option<(&'static str, &mut Array)> {
        match self {
            Function::PRelu { slope } => Some(("slope", slope)),
            Function::AtLeast { bound } | Function::AtMost { bound } => Some(("bound", bound)),
            _ => None,
        }
    }

    /// g(x); `constant` is the array's value there.
    fn value(&self, x: f64, constant: f64) -> f64 {
        match self {
            // Written so that NaN stays.
            Function::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Function::LeakyRelu { alpha } => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Function::PRelu { .. } => {
                if x < 0.0 {
                    constant * x
                } else {
                    x
                }
            }
            Function::Elu { alpha, gamma } => gamma * if x < 0.0 { alpha * x.exp_m1() } else { x },
            Function::Tanh => x.tanh(),
            Function::Sigmoid => sigmoid(x),
            Function::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Function::Clip { low, high } => {
                let x = low.map_or(x, |low| if x < low { low } else { x });
                high.map_or(x, |high| if x > high { high } else { x })
            }
            Function::AtLeast { .. } => {
                if x < constant {
                    constant
                } else {
                    x
                }
            }
            Function::AtMost { .. } => {
                if x > constant {
                    constant
                } else {
                    x
                }
            }
            Function::Gelu => 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Function::GeluTanh => 0.5 * x * (1.0 + gelu_inner(x).tanh()),
            Function::Erf => libm::erf(x),
        }
    }

    /// g'(x). At kinks it is that of the side below: 0 for a rectifier at 0.
    fn slope(&self, x: f64, constant: f64) -> f64 {
        let one_if = |inside: bool| if inside { 1.0 } else { 0.0 };
        match self {
            Function::Relu => one_if(x > 0.0),
            Function::LeakyRelu { alpha } => {
                if x > 0.0 {
                    1.0
                } else {
                    *alpha
                }
            }
            Function::PRelu { .. } => {
                if x > 0.0 {
                    1.0
                } else {
                    constant
                }
            }
            Function::Elu { alpha, gamma } => gamma * if x > 0.0 { 1.0 } else { alpha * x.exp() },
            Function::Tanh => 1.0 - x.tanh().powi(2),
            Function::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
            Function::HardSigmoid { alpha, beta } => {
                let inside = alpha * x + beta;
                alpha * one_if(inside > 0.0 && inside < 1.0)
            }
            Function::HardSwish => {
                if x <= -3.0 {
                    0.0
                } else if x >= 3.0 {
                    1.0
                } else {
                    x / 3.0 + 0.5
                }
            }
            Function::Softplus => sigmoid(x),
            Function::Clip { low, high } => one_if(low.is_none_or(|low| x > low) && high.is_none_or(|high| x < high)),
            Function::AtLeast { .. } => one_if(x > constant),
            Function::AtMost { .. } => one_if(x < constant),
            Function::Gelu => {
                let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
                0.5 * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)) + x * density
            }
            Function::GeluTanh => {
                let t = gelu_inner(x).tanh();
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU * (1.0 + 3.0 * 0.044715 * x * x)
            }
            Function::Erf => std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp(),
        }
    }
}

/// √(2/π).
const GELU: f64 = 0.797_884_560_802_865_4;

fn gelu_inner(x: f64) -> f64 {
    GELU * (x + 0.044715 * x * x * x)
}

fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

impl Activation {
    /// A function without constants of its own.
    pub fn new(function: Function) -> Self {
        Self { function }
    }

    pub(super) fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        let shape = only(inputs)?;
        if let Some((_, array)) =
            self.function.clone().array().filter(|(_, array)| array.broadcast::<f32>(shape).is_none())
        {
            let expected = format!("as the input is, {}, or shorter", shape_text(shape));
            return Err(LayerError::new("the constant's shape", expected, shape_text(&array.shape)));
        }
        Ok(shape.to_vec())
    }

    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        let shape = self.shape(inputs)?;
        let mut function = self.function.clone();
        let constants =
            function.array().and_then(|(_, array)| array.broadcast(&shape)).unwrap_or_else(|| vec![T::ZERO]);
        Ok(Box::new(Fitted { function, constants }))
    }

    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        self.function.array().into_iter().collect()
    }
}

struct Fitted<T> {
    function: Function,
    /// One for every place, or one for all.
    constants: Vec<T>,
}

impl<T: Real> Fitted<T> {
    fn constant(&self, place: usize) -> f64 {
        self.constants[place % self.constants.len()].wide()
    }
}

impl<T: Real> Layer<T> for Fitted<T> {
    fn forward(&self, _: usize, inputs: &[&[T]]) -> Vec<T> {
        if self.function == Function::Relu {
            return inputs[0].iter().map(|&x| if x < T::ZERO { T::ZERO } else { x }).collect();
        }
        if self.function == Function::Tanh {
            return T::hyperbolic_tangents(inputs[0]);
        }
        let values = inputs[0].iter().enumerate();
        values.map(|(place, x)| T::of(self.function.value(x.wide(), self.constant(place)))).collect()
    }

    fn back(&self) -> WayBack<'_, T> {
        WayBack::Unchanged
    }

    fn gradient(&self, way: &Back<'_, T>, slope: Slope) -> Vec<Vec<T>> {
        if self.function == Function::Tanh {
            let places = way.output.iter().zip(way.arriving);
            return vec![places.map(|(&y, &g)| g * (T::ONE - y * y)).collect()];
        }
        let places = way.inputs[0].iter().zip(way.arriving).enumerate();
        let back = |(place, (&x, &g)): (usize, (&T, &T))| match (&self.function, slope) {
            (Function::Relu, Slope::Guided) => {
                if x > T::ZERO {
                    g.positive()
                } else {
                    T::ZERO
                }
            }
            (Function::Relu, Slope::Deconvnet) => g.positive(),
            (Function::Relu, Slope::True) => {
                if x > T::ZERO {
                    g
                } else {
                    T::ZERO
                }
            }
            (function, _) => g * T::of(function.slope(x.wide(), self.constant(place))),
        };
        vec![places.map(back).collect()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTIONS: &[Function] = &[
        Function::Relu,
        Function::LeakyRelu { alpha: 0.1 },
        Function::Elu { alpha: 1.3, gamma: 1.1 },
        Function::Tanh,
        Function::Sigmoid,
        Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Function::HardSwish,
        Function::Softplus,
        Function::Clip { low: Some(-1.1), high: Some(2.1) },
        Function::Gelu,
        Function::GeluTanh,
        Function::Erf,
    ];

    #[test]
    fn slopes_are_central_differences() {
        for function in FUNCTIONS {
            for i in -40..40 {
                let x = f64::from(i) / 8.0 + 0.013;
                let h = 1e-6;
                let difference = (function.value(x + h, 0.0) - function.value(x - h, 0.0)) / (2.0 * h);
                assert!((function.slope(x, 0.0) - difference).abs() < 1e-8, "{function:?} at {x}");
            }
        }
    }

    #[test]
    fn kinks_have_the_slopes_that_are_documented() {
        let slopes = |function: Function, xs: [f64; 2]| xs.map(|x| function.slope(x, 0.0));
        assert_eq!(slopes(Function::Relu, [0.0, -0.0]), [0.0, 0.0]);
        assert_eq!(slopes(Function::LeakyRelu { alpha: 0.1 }, [0.0, -0.0]), [0.1, 0.1]);
        assert_eq!(slopes(Function::Clip { low: Some(0.0), high: Some(6.0) }, [0.0, 6.0]), [0.0, 0.0]);
        assert_eq!(slopes(Function::HardSigmoid { alpha: 0.5, beta: 0.5 }, [-1.0, 1.0]), [0.0, 0.0]);
        assert_eq!(slopes(Function::HardSwish, [-3.0, 3.0]), [0.0, 1.0]);
    }

    #[test]
    fn nan_stays_nan_where_a_comparison_could_hide_it() {
        for function in FUNCTIONS {
            assert!(function.value(f64::NAN, 0.0).is_nan(), "{function:?}");
        }
    }
}
