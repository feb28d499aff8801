//! The rules with one denominator: `R_i = x_i Σ_j w_ij R_j/(z_j + ε sign z_j)` (B15, Eqs 56–59; ε = 0 is the rule `zero`).
//!
//! Kept: the bias' part `R_j b_j/(z_j + ε sign z_j)` and the stabiliser's part `R_j ε sign z_j/(z_j + ε sign z_j)`.

use super::{Part, Real, Sharing};

pub(super) fn share<T: Real>(sharing: &mut Sharing<'_, T>, epsilon: f64) {
    let input = sharing.given.input;
    let mut z = sharing.up(Part::Whole, input);
    sharing.add_bias(&mut z, |b| b);
    let epsilon = T::of(epsilon);
    let stabilised: Vec<T> = z.iter().map(|&z| z + epsilon * z.sign()).collect();
    let biases = sharing.biases.clone();
    let outputs = sharing.outputs;
    let bias = |output: usize| biases.as_ref().map_or(T::ZERO, |biases| biases[output % outputs]);
    let stabiliser = |output: usize| epsilon * z[output].sign();
    let s = sharing.divide(|_| T::ONE, &stabilised, Some(&bias), (epsilon != T::ZERO).then_some(&stabiliser as _));
    sharing.send(Some(input), Part::Whole, &s);
}
