//! The rules that treat what speaks for and against apart: `R_i = Σ_j (α z_ij⁺/z_j⁺ + β z_ij⁻/z_j⁻) R_j` with `z_j^± = Σ_i z_ij^± + b_j^±` and
//! α + β = 1 (B15, Eqs 60–61); α = 1, β = 0 is the rule `z-plus`.
//!
//! Kept: the bias' part `(α b_j⁺/z_j⁺ + β b_j⁻/z_j⁻) R_j`. `z_ij⁺ = x_i⁺ w_ij⁺ + x_i⁻ w_ij⁻` and `z_ij⁻ = x_i⁺ w_ij⁻ + x_i⁻ w_ij⁺`.

use super::{Part, Real, Sharing, nothing, parts};

/// One of the two sides of an output.
struct Side<T> {
    /// The weights that meet positive inputs, and those that meet negative ones.
    weights: (Part, Part),
    /// The side of the bias.
    bias: fn(T) -> T,
    /// `z_j^±`.
    z: Vec<T>,
}

impl<T: Real> Side<T> {
    fn new(sharing: &Sharing<'_, T>, input: &(Vec<T>, Option<Vec<T>>), positive: bool, ignore_bias: bool) -> Self {
        let (weights, bias): (_, fn(T) -> T) = match positive {
            true => ((Part::Positive, Part::Negative), Real::positive),
            false => ((Part::Negative, Part::Positive), Real::negative),
        };
        let bias = if ignore_bias { |_| T::ZERO } else { bias };
        let mut z = sharing.up(weights.0, &input.0);
        if let Some(negative) = &input.1 {
            z.iter_mut().zip(sharing.up(weights.1, negative)).for_each(|(z, part)| *z += part);
        }
        sharing.add_bias(&mut z, bias);
        Self { weights, bias, z }
    }

    /// Sends this side's part, `coefficient` of what arrives.
    fn send(&self, sharing: &mut Sharing<'_, T>, input: &(Vec<T>, Option<Vec<T>>), coefficient: impl Fn(usize) -> T) {
        let s = sharing.divide(&self.z, coefficient, |output| (self.bias)(output.bias), nothing);
        sharing.send(Some(&input.0), self.weights.0, &s);
        if let Some(negative) = &input.1 {
            sharing.send(Some(negative), self.weights.1, &s);
        }
    }
}

pub(super) fn share<T: Real>(sharing: &mut Sharing<'_, T>, alpha: f64, beta: f64, redistribute: bool) {
    let input = parts(sharing.given.input);
    let side = |positive| Side::new(sharing, &input, positive, false);
    // A side that counts for nothing isn't evaluated.
    let [positive, negative] =
        [(alpha, true), (beta, false)].map(|(part, sign)| (part != 0.0 || redistribute).then(|| side(sign)));
    let (alpha, beta) = (T::of(alpha), T::of(beta));
    let is_empty = |side: &Option<Side<T>>, output: usize| side.as_ref().is_none_or(|side| side.z[output] == T::ZERO);
    for (own, part, other) in [(&positive, alpha, &negative), (&negative, beta, &positive)] {
        let Some(side) = own else { continue };
        if !redistribute {
            side.send(sharing, &input, |_| part);
            continue;
        }
        side.send(sharing, &input, |output| match (is_empty(own, output), is_empty(other, output)) {
            // One side stands in for the other, unless both are empty.
            (true, false) => T::ZERO,
            (false, true) => alpha + beta,
            _ => part,
        });
    }
}

/// `z_ij⁺/z_j⁺`, with or without the bias in z_j⁺.
pub(super) fn share_positive<T: Real>(sharing: &mut Sharing<'_, T>, ignore_bias: bool) {
    let input = parts(sharing.given.input);
    let side = Side::new(sharing, &input, true, ignore_bias);
    side.send(sharing, &input, |_| T::ONE);
}
