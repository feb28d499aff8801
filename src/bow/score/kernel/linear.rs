//! The linear kernel `k(x, z) = Σ_d x_d z_d`.

use super::Terms;
use crate::bow::score::feature_map::FeatureMap;

pub(super) struct Product;

impl Terms for Product {
    #[inline(always)]
    fn term(&self, x: f64, z: f64) -> f64 {
        x * z
    }

    #[inline(always)]
    fn slope(&self, x: f64, _: f64) -> f64 {
        x
    }

    fn feature_map(&self, _order: usize) -> Option<FeatureMap> {
        Some(FeatureMap::identity())
    }
}
