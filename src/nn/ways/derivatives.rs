//! Derivatives of a score by the input. They conserve nothing.

use super::{Passage, Shares};
use crate::nn::layers::Slope;
use crate::nn::real::Real;

/// `∂f/∂x`, with rectifiers as the slope has it.
pub(super) fn gradient<T: Real>(passage: &Passage<'_, T>, slope: Slope) -> Shares<T> {
    let gradient = passage.runner.gradient(passage.values, passage.start(1), slope);
    Shares::of_input(gradient.into_iter().map(T::wide).collect(), None)
}

/// `x ⊙ ∂f/∂x`.
pub(super) fn gradient_input<T: Real>(passage: &Passage<'_, T>) -> Shares<T> {
    let mut shares = gradient(passage, Slope::True);
    shares.input.iter_mut().zip(passage.input()).for_each(|(derivative, x)| *derivative *= x.wide());
    shares
}

/// `√Σ (∂f/∂x)²` over the channels of every pixel; |∂f/∂x| of every number.
pub(super) fn gradient_norm<T: Real>(passage: &Passage<'_, T>) -> Shares<T> {
    let mut shares = gradient(passage, Slope::True);
    shares.input.iter_mut().for_each(|derivative| *derivative = derivative.abs());
    Shares { norm: true, ..shares }
}
