//! The mean, `(1/n) Σ_l m_d(l)`, and its kin for p > 1, `((1/n) Σ_l m_d(l)^p)^(1/p)` (B15 Eq 19): the larger p, the nearer to the maximum.

use super::Pooling;

pub(super) struct PMean {
    pub(super) p: f64,
}

impl Pooling for PMean {
    fn gather(&self, mass: &mut f64, weight: f64) {
        *mass += self.share(weight, 0.0);
    }

    fn value(&self, mass: f64, count: usize) -> f64 {
        let mean = mass / count as f64;
        if self.p == 1.0 { mean } else { mean.powf(1.0 / self.p) }
    }

    fn share(&self, weight: f64, _mass: f64) -> f64 {
        if self.p == 1.0 { weight } else { weight.powf(self.p) }
    }
}
