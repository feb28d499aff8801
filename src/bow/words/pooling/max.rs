//! The maximum, `max_l m_d(l)`: the features that reach it share its relevance equally.

use super::Pooling;

pub(super) struct Max;

impl Pooling for Max {
    fn gather(&self, mass: &mut f64, weight: f64) {
        *mass = mass.max(weight);
    }

    fn value(&self, mass: f64, _count: usize) -> f64 {
        mass
    }

    fn share(&self, weight: f64, mass: f64) -> f64 {
        if weight == mass && weight > 0.0 { 1.0 } else { 0.0 }
    }
}
