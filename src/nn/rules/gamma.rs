//! The rule `gamma`, which favours what has the sign of the output: `R_i = Σ_j (z_ij + γ z_ij^±)/(z_j + γ z_j^±) R_j`, with ⁺ where z_j ≥ 0 and ⁻
//! where it is below 0 (Montavon et al. 2019, for both signs).
//!
//! Kept: the bias' part `(b_j + γ b_j^±)/(z_j + γ z_j^±) R_j`.

use super::{Output, Part, Real, Sharing, nothing, parts};

pub(super) fn share<T: Real>(sharing: &mut Sharing<'_, T>, gamma: f64) {
    let input = sharing.given.input;
    let (positive, negative) = parts(input);
    let gamma = T::of(gamma);
    let z = sharing.given.output;
    // Σ_i z_ij^± for weights of either sign that meet inputs of either sign.
    let side = |own: Part, other: Part| {
        let mut sum = sharing.up(own, &positive);
        if let Some(negative) = &negative {
            sum.iter_mut().zip(sharing.up(other, negative)).for_each(|(sum, part)| *sum += part);
        }
        sum
    };
    let (above, below) = (side(Part::Positive, Part::Negative), side(Part::Negative, Part::Positive));
    let signed = |b: T, z: T| if z >= T::ZERO { b.positive() } else { b.negative() };
    let mut of_biases = vec![T::ZERO; z.len()];
    sharing.add_bias(&mut of_biases, |b| b);
    let denominator = |at: usize| {
        let side = if z[at] >= T::ZERO { above[at] } else { below[at] };
        z[at] + gamma * (side + signed(of_biases[at], z[at]))
    };
    let denominators: Vec<T> = (0..z.len()).map(denominator).collect();
    let bias = |output: Output<T>| output.bias + gamma * signed(output.bias, z[output.at]);
    let s = sharing.divide(&denominators, |_| T::ONE, bias, nothing);
    sharing.send(Some(input), Part::Whole, &s);
    let only = |is_above: bool| -> Vec<T> {
        let kept = s.iter().zip(z).map(|(&s, &z)| if (z >= T::ZERO) == is_above { gamma * s } else { T::ZERO });
        kept.collect()
    };
    for (s, own, other) in [(only(true), Part::Positive, Part::Negative), (only(false), Part::Negative, Part::Positive)]
    {
        if s.iter().all(|&s| s == T::ZERO) {
            continue;
        }
        sharing.send(Some(&positive), own, &s);
        if let Some(negative) = &negative {
            sharing.send(Some(negative), other, &s);
        }
    }
}
