//! Layers: one file a kind, both directions in it.
//!
//! Shapes are those of one item; a batch of items lies one after the other. A linear layer (`Linear`) is explained by a rule
//! ([`super::rules`]), every other layer says itself how relevance passes.

mod activation;
mod add;
pub(in crate::nn) mod average_pool;
mod concatenation;
mod convolution;
mod dense;
mod diagonal;
mod form;
mod gate;
mod max_pool;
mod maximum;
mod response_norm;
pub(in crate::nn) mod windows;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::array::Array;
use super::real::Real;
pub use activation::{Activation, Function};
pub use add::Add;
pub use average_pool::AveragePool;
pub use concatenation::Concatenation;
pub use convolution::Convolution;
pub use dense::Dense;
pub use diagonal::Diagonal;
pub use form::{Form, Moved};
pub use gate::Gate;
pub use max_pool::MaxPool;
pub use maximum::Maximum;
pub use response_norm::ResponseNorm;

crate::closed_set! {
    /// Kinds of layers.
    pub enum LayerKind as "layer" {
        /// Fully connected, also position by position.
        Dense = "dense",
        /// Convolution.
        Convolution = "conv",
        /// Mean or sum over windows.
        AveragePool = "average-pool",
        /// Sum of activations.
        Add = "add",
        /// One weight and one bias for every activation.
        Diagonal = "diagonal",
        /// Largest activation of a window.
        MaxPool = "max-pool",
        /// Largest of several activations.
        Maximum = "max",
        /// A function of each activation.
        Activation = "activation",
        /// An activation times what opens and closes it.
        Gate = "gate",
        /// Activations in another order, or some of them.
        Form = "form",
        /// Activations side by side.
        Concatenation = "concat",
        /// Activations divided by the size of their neighbours in other channels.
        ResponseNorm = "lrn",
    }
}

crate::closed_set! {
    /// Where relevance goes whose largest input is not the only one.
    pub enum Ties as "max-pool" {
        /// In equal parts to all that are equal to the largest.
        Winner = "winner",
        /// To the first of them, row by row, as PyTorch has it.
        First = "first",
        /// To all inputs of the window, in proportion to their values.
        Proportional = "proportional",
    }
}

crate::closed_set! {
    /// Which derivative a layer applies.
    pub enum Slope as "gradient" {
        /// The derivative of the function.
        True = "gradient",
        /// At rectifiers only what is positive on both ways.
        Guided = "guided-backprop",
        /// At rectifiers only what is positive on the way back.
        Deconvnet = "deconvnet",
    }
}

/// A layer as a file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
pub enum Description {
    /// See [`Dense`].
    Dense(Dense),
    /// See [`Convolution`].
    Conv(Convolution),
    /// See [`AveragePool`].
    AveragePool(AveragePool),
    /// See [`Add`].
    Add(Add),
    /// See [`Diagonal`].
    Diagonal(Diagonal),
    /// See [`MaxPool`].
    MaxPool(MaxPool),
    /// See [`Maximum`].
    Max(Maximum),
    /// See [`Activation`].
    Activation(Activation),
    /// See [`Gate`].
    Gate(Gate),
    /// See [`Form`].
    Form(Form),
    /// See [`Concatenation`].
    Concat(Concatenation),
    /// See [`ResponseNorm`].
    Lrn(ResponseNorm),
}

/// Applies one expression to whatever layer it is.
macro_rules! each {
    ($description:expr, $layer:ident => $what:expr) => {
        match $description {
            Description::Dense($layer) => $what,
            Description::Conv($layer) => $what,
            Description::AveragePool($layer) => $what,
            Description::Add($layer) => $what,
            Description::Diagonal($layer) => $what,
            Description::MaxPool($layer) => $what,
            Description::Max($layer) => $what,
            Description::Activation($layer) => $what,
            Description::Gate($layer) => $what,
            Description::Form($layer) => $what,
            Description::Concat($layer) => $what,
            Description::Lrn($layer) => $what,
        }
    };
}

impl Description {
    /// What kind of layer it is.
    pub const fn kind(&self) -> LayerKind {
        match self {
            Description::Dense(_) => LayerKind::Dense,
            Description::Conv(_) => LayerKind::Convolution,
            Description::AveragePool(_) => LayerKind::AveragePool,
            Description::Add(_) => LayerKind::Add,
            Description::Diagonal(_) => LayerKind::Diagonal,
            Description::MaxPool(_) => LayerKind::MaxPool,
            Description::Max(_) => LayerKind::Maximum,
            Description::Activation(_) => LayerKind::Activation,
            Description::Gate(_) => LayerKind::Gate,
            Description::Form(_) => LayerKind::Form,
            Description::Concat(_) => LayerKind::Concatenation,
            Description::Lrn(_) => LayerKind::ResponseNorm,
        }
    }

    /// The shape of an item after this layer, given those of its inputs.
    ///
    /// # Errors
    /// [`LayerError`] for anything that doesn't fit together.
    pub fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, LayerError> {
        each!(self, layer => layer.shape(inputs))
    }

    /// The layer for items of these shapes.
    ///
    /// # Errors
    /// [`LayerError`] for anything that doesn't fit together.
    pub(super) fn build<T: Real>(&self, inputs: &[&[usize]]) -> Result<Box<dyn Layer<T>>, LayerError> {
        self.shape(inputs)?;
        each!(self, layer => layer.build(inputs))
    }

    /// Number of constants.
    pub fn constants(&self) -> usize {
        self.clone().arrays().iter().map(|(_, array)| array.len()).sum()
    }

    /// The constants by their names.
    pub(super) fn arrays(&mut self) -> Vec<(&'static str, &mut Array)> {
        each!(self, layer => layer.arrays())
    }
}

/// A layer that doesn't fit its inputs, or that no network can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {expected}, found {found}")]
pub struct LayerError {
    /// What is wrong.
    pub what: &'static str,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl LayerError {
    pub(super) fn new(what: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self { what, expected: expected.to_string(), found: found.to_string() }
    }
}

/// A shape as text, `3×224×224`.
pub fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single number".to_string();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// The shape of the only input.
fn only<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize], LayerError> {
    match inputs {
        [one] => Ok(one),
        others => Err(LayerError::new("the number of inputs", 1, others.len())),
    }
}

/// The common shape of at least `least` inputs.
fn common<'a>(inputs: &[&'a [usize]], least: usize) -> Result<&'a [usize], LayerError> {
    let Some(first) = inputs.first().filter(|_| inputs.len() >= least) else {
        return Err(LayerError::new("the number of inputs", format!("at least {least}"), inputs.len()));
    };
    match inputs.iter().find(|shape| *shape != first) {
        Some(other) => Err(LayerError::new("the shape of every input", shape_text(first), shape_text(other))),
        None => Ok(first),
    }
}

/// What a layer does with items of known shapes.
pub(super) trait Layer<T: Real>: Send + Sync {
    /// The way forward: one output item for each item of the inputs.
    fn forward(&self, batch: usize, inputs: &[&[T]]) -> Vec<T>;

    /// The way back of relevance.
    fn back(&self) -> WayBack<'_, T>;

    /// The way back of derivatives: `Σ_j g_j ∂y_j/∂x_i` for every input.
    fn gradient(&self, way: &Back<'_, T>, slope: Slope) -> Vec<Vec<T>>;

    /// The layer as training changes it; none if it has nothing to learn.
    fn learning(&mut self) -> Option<&mut dyn Learning<T>> {
        None
    }
}

/// A layer whose constants training changes.
pub(super) trait Learning<T: Real> {
    /// The constants, in the order of those of its description.
    fn constants(&mut self) -> Vec<&mut Vec<T>>;

    /// `into ← keep · into + Σ g_j ∂y_j/∂w` over a batch, for each of the constants.
    fn add_gradient(&self, batch: usize, x: &[T], arriving: &[T], keep: T, into: &mut [Vec<T>]);
}

/// How relevance goes back through a layer.
pub(super) enum WayBack<'a, T> {
    /// By the rule that is chosen for it.
    Rule(&'a dyn Linear<T>),
    /// As it is.
    Unchanged,
    /// In its own way.
    Own(&'a dyn Passing<T>),
}

/// A layer that says itself how relevance passes.
pub(super) trait Passing<T> {
    /// What the inputs receive.
    fn relevance(&self, way: &Back<'_, T>, ties: Ties) -> Sent<T>;
}

/// A layer on its way back.
pub(super) struct Back<'a, T> {
    /// Number of items.
    pub batch: usize,
    /// What the layer was given.
    pub inputs: &'a [&'a [T]],
    /// What it made of it.
    pub output: &'a [T],
    /// What arrives at its output: relevance, or derivatives.
    pub arriving: &'a [T],
}

/// Relevance that a layer without rules sends back.
#[must_use = "relevance that is not booked is lost"]
pub(super) struct Sent<T> {
    /// To every input.
    pub inputs: Vec<Vec<T>>,
    /// What has nowhere to go, by item; empty if nothing has.
    pub undefined: Vec<f64>,
}

impl<T> Sent<T> {
    fn whole(inputs: Vec<Vec<T>>) -> Self {
        Self { inputs, undefined: Vec::new() }
    }
}

/// A function of the weights, in whose place a rule uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// w.
    Whole,
    /// max(0, w).
    Positive,
    /// min(0, w).
    Negative,
    /// w².
    Square,
    /// 1 wherever there is a connection, also one of weight 0.
    Ones,
}

impl Part {
    fn of<T: Real>(self, weights: &[T]) -> Cow<'_, [T]> {
        let map = |f: fn(T) -> T| Cow::Owned(weights.iter().map(|&w| f(w)).collect());
        match self {
            Part::Whole => Cow::Borrowed(weights),
            Part::Positive => map(Real::positive),
            Part::Negative => map(Real::negative),
            Part::Square => map(|w| w * w),
            Part::Ones => map(|_| T::ONE),
        }
    }
}

/// A linear layer, `z_j = Σ_i x_i w_ij + b_j`. Several inputs lie one after the other.
pub(super) trait Linear<T: Real>: Send + Sync {
    /// Number of inputs of an item.
    fn inputs(&self) -> usize;

    /// Number of outputs of an item.
    fn outputs(&self) -> usize;

    /// `Σ_i x_i v_ij`, v being `part` of the weights.
    fn up(&self, part: Part, batch: usize, x: &[T]) -> Vec<T>;

    /// `Σ_j v_ij s_j`.
    fn down(&self, part: Part, batch: usize, s: &[T]) -> Vec<T>;

    /// b of every output; none if all are 0.
    fn bias(&self) -> Option<Vec<T>>;
}

/// `z = up(x) + b`.
pub(super) fn affine<T: Real>(layer: &dyn Linear<T>, batch: usize, x: &[T]) -> Vec<T> {
    let mut z = layer.up(Part::Whole, batch, x);
    if let Some(bias) = layer.bias() {
        for item in z.chunks_exact_mut(bias.len().max(1)) {
            item.iter_mut().zip(&bias).for_each(|(z, &b)| *z += b);
        }
    }
    z
}

/// The layer of a type that is linear in its only input.
macro_rules! linear_layer {
    ($type:ident $(, $learning:ident)?) => {
        impl<T: crate::nn::real::Real> crate::nn::layers::Layer<T> for $type<T> {
            fn forward(&self, batch: usize, inputs: &[&[T]]) -> Vec<T> {
                crate::nn::layers::affine(self, batch, inputs[0])
            }

            fn back(&self) -> crate::nn::layers::WayBack<'_, T> {
                crate::nn::layers::WayBack::Rule(self)
            }

            fn gradient(&self, way: &crate::nn::layers::Back<'_, T>, _: crate::nn::layers::Slope) -> Vec<Vec<T>> {
                vec![crate::nn::layers::Linear::down(self, crate::nn::layers::Part::Whole, way.batch, way.arriving)]
            }
            $(
                fn learning(&mut self) -> Option<&mut dyn crate::nn::layers::$learning<T>> {
                    Some(self)
                }
            )?
        }
    };
}
use linear_layer;

/// The layer of a type that passes relevance on in its own way.
macro_rules! own_way {
    () => {
        fn back(&self) -> crate::nn::layers::WayBack<'_, T> {
            crate::nn::layers::WayBack::Own(self)
        }
    };
}
use own_way;
