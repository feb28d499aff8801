//! Derivatives of a score by the input. They conserve nothing.

use super::{Passage, Shares};
use crate::nn::layers::Slope;
use crate::nn::real::Real;

/// `∂f/∂x`, with rectifiers as the slope has it.
pub(super) fn gradient<T: Real>(passage: &Passage<'_, T>, slope: Slope) -> Vec<Shares<T>> {
    let gradient = passage.runner.gradient(passage.values, passage.start(), slope);
    let own = |item| passage.of_item(&gradient, item).iter().map(|g| g.wide()).collect();
    (0..passage.items()).map(|item| Shares::of_input(own(item), None)).collect()
}

/// `x ⊙ ∂f/∂x`.
pub(super) fn gradient_input<T: Real>(passage: &Passage<'_, T>) -> Vec<Shares<T>> {
    let mut shares = gradient(passage, Slope::True);
    for (item, shares) in shares.iter_mut().enumerate() {
        let x = passage.of_item(passage.input(), item);
        shares.input.iter_mut().zip(x).for_each(|(derivative, x)| *derivative *= x.wide());
    }
    shares
}

/// `√Σ (∂f/∂x)²` over the channels of every pixel; |∂f/∂x| of every number.
pub(super) fn gradient_norm<T: Real>(passage: &Passage<'_, T>) -> Vec<Shares<T>> {
    let mut shares = gradient(passage, Slope::True);
    for shares in &mut shares {
        shares.input.iter_mut().for_each(|derivative| *derivative = derivative.abs());
        shares.norm = true;
    }
    shares
}
