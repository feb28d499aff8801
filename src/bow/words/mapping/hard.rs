//! Hard mapping: `m = 1` for the nearest word, 0 for all others (Csurka et al. 2004).

use super::{Mapping, Nearest};

#[derive(Debug)]
pub(super) struct Hard;

impl Mapping for Hard {
    fn neighbours(&self) -> usize {
        1
    }

    fn weigh(&self, _: &Nearest<'_>, weights: &mut [f32]) {
        weights.fill(1.0);
    }
}
