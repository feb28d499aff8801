//! The rule for inputs within bounds l ≤ x ≤ h: `R_i = Σ_j (x_i w_ij − l_i w_ij⁺ − h_i w_ij⁻)/Σ_i (same) R_j` (Montavon et al. 2017). Nothing is kept;
//! padding has no share.

use super::{Part, Real, Sharing, nothing};

pub(super) fn share<T: Real>(sharing: &mut Sharing<'_, T>) {
    let given = sharing.given;
    let (low, high) = given.bounds.expect("the bounds of z-box are found before the way back");
    let up = |part: Part, x: &[T]| given.layer.up(part, 1, x);
    let (of_low, of_high) = (up(Part::Positive, low), up(Part::Negative, high));
    let mut z = sharing.up(Part::Whole, given.input);
    for item in z.chunks_exact_mut(sharing.outputs) {
        item.iter_mut().zip(of_low.iter().zip(&of_high)).for_each(|(z, (&low, &high))| *z = *z - low - high);
    }
    let s = sharing.divide(&z, |_| T::ONE, nothing, nothing);
    sharing.send(Some(given.input), Part::Whole, &s);
    let of_all =
        |bounds: &[T]| -> Vec<T> { bounds.iter().map(|&bound| -bound).collect::<Vec<T>>().repeat(given.batch) };
    sharing.send(Some(&of_all(low)), Part::Positive, &s);
    sharing.send(Some(&of_all(high)), Part::Negative, &s);
}
