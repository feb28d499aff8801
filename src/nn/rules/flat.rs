//! The rules that don't look at the inputs: `w-square`, `R_i = Σ_j w_ij²/Σ_i w_ij² R_j` (Montavon et al. 2017), and `flat`, `R_i = Σ_j R_j/n_j`, n_j being
//! the number of inputs of j (Lapuschkin et al. 2017). Nothing is kept; padding has no share.

use super::{Part, Real, Sharing, nothing};

pub(super) fn share<T: Real>(sharing: &mut Sharing<'_, T>, part: Part) {
    let z = sharing.of_ones(part).repeat(sharing.given.batch);
    let s = sharing.divide(&z, |_| T::ONE, nothing, nothing);
    sharing.send(None, part, &s);
}
