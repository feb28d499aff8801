//! Hard mapping: `m = 1` for the nearest word, 0 for all others (Csurka et al. 2004).

use super::Mapping;

pub(super) struct Hard;

impl Mapping for Hard {
    fn neighbours(&self) -> usize {
        1
    }

    fn weigh(&self, _distances: &[f32], weights: &mut [f32]) {
        weights.fill(1.0);
    }
}
