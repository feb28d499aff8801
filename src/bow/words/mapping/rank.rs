//! Rank mapping: `m_d = base^(−r)`, r = 1…k the rank of the word's distance, 0 beyond (Binder et al. 2013, as used by
//! Bach et al. 2015 with base 2.4 and 8 ranks for VOC).

use super::{Mapping, Nearest};

#[derive(Debug)]
pub(super) struct Rank {
    pub(super) neighbours: usize,
    pub(super) base: f64,
}

impl Mapping for Rank {
    fn neighbours(&self) -> usize {
        self.neighbours
    }

    fn weigh(&self, _: &Nearest<'_>, weights: &mut [f32]) {
        let mut value = 1.0;
        for weight in weights {
            value /= self.base;
            *weight = value as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::words::mapping::tests::at;

    #[test]
    fn weights_are_powers_of_the_base() {
        let mut weights = [0.0; 8];
        Rank { neighbours: 8, base: 2.4 }.weigh(&at(&[0.0; 8]), &mut weights);
        for (rank, weight) in (1..).zip(weights) {
            assert!((f64::from(weight) - 2.4f64.powi(-rank)).abs() < 1e-7);
        }
    }
}
