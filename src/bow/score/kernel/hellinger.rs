//! The Hellinger (Bhattacharyya) kernel `k(x, z) = Σ_d √(x_d z_d)`.

use super::Terms;
use crate::bow::score::feature_map::FeatureMap;

pub(super) struct RootOfProduct;

impl Terms for RootOfProduct {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        (x * z).sqrt()
    }

    #[inline(always)]
    fn slope(&self, x: f64, z: f64) -> f64 {
        if z > 0.0 { 0.5 * (x / z).sqrt() } else { 0.0 }
    }

    fn feature_map(&self, _order: usize) -> Option<FeatureMap> {
        Some(FeatureMap::root())
    }
}
