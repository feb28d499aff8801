//! The rules with one denominator: `R_i = x_i Σ_j w_ij R_j/(z_j + ε sign z_j)` (B15, Eqs 56–59; ε = 0 is the rule `zero`).
//!
//! Kept: the bias' part `R_j b_j/(z_j + ε sign z_j)` and the stabiliser's part `R_j ε sign z_j/(z_j + ε sign z_j)`.

use super::{Part, Real, Sharing, nothing};

pub(super) fn share<T: Real>(sharing: &mut Sharing<'_, T>, epsilon: f64) {
    let (input, z) = (sharing.given.input, sharing.given.output);
    let s = if epsilon == 0.0 {
        sharing.divide(z, |_| T::ONE, |output| output.bias, nothing)
    } else {
        let epsilon = T::of(epsilon);
        let stabilised: Vec<T> = z.iter().map(|&z| z + epsilon * z.sign()).collect();
        // The stabiliser has the sign of z, and so has their sum.
        sharing.divide(&stabilised, |_| T::ONE, |output| output.bias, |output| epsilon * output.z.sign())
    };
    sharing.send(Some(input), Part::Whole, &s);
}
