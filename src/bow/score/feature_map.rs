//! Explicit feature maps: a sum over dimensions as a product of features, `t(x, z) ≈ Σ_j ψ_j(x) ψ_j(z)`, and the classifiers that are linear in them.
//!
//! A homogeneous kernel `t(x, z) = √(xz) K(log z/x)` has a spectrum κ, `K(ω) = ∫ κ(λ) exp(−iλω) dλ`. Sampled at multiples of L (Vedaldi & Zisserman
//! 2012) it gives the 2n + 1 features
//!
//! ```text
//! ψ_0 = √(L κ(0) x)      ψ_(2j−1) = √(2L κ(jL) x) cos(jL log x)      ψ_(2j) = √(2L κ(jL) x) sin(jL log x)      j = 1 … n
//! ```
//!
//! whose products make K periodic with the period 2π/L. Forward `f(x) = b + Σ_u Σ_d Σ_j w_u,j,d ψ_j(x_u,d)`, back
//! `R3_u,d = Σ_j w_u,j,d ψ_j(x_u,d)` and a share of b: exact for the mapped kernel.

use macro_rules_attribute::apply;
use ndarray::Array2;

use crate::explanation::Target;
use crate::numeric::elementary::{cosine_and_sine, log2};
use crate::numeric::simd::avx512;
use crate::numeric::{lanes, rows};

/// The largest order n that makes sense: each costs as much as two dimensions.
pub const MAX_ORDER: usize = 32;

/// x ↦ ψ(x) of a single dimension: `ψ_0 = a_0 x^p`, `ψ_(2j−1) = a_j x^p cos(jL log x)`, `ψ_(2j) = a_j x^p sin(jL log x)`; all 0 for x = 0.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMap {
    power: Power,
    interval: f64,
    amplitudes: Vec<f64>,
}

/// p.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// ½: of homogeneous kernels. Nothing may be negative.
    Half,
    /// 1: of the linear kernel.
    One,
}

impl FeatureMap {
    /// `t(x, z) = xz` itself.
    pub fn identity() -> Self {
        Self { power: Power::One, interval: 0.0, amplitudes: vec![1.0] }
    }

    /// `t(x, z) = √(xz)` itself.
    pub fn root() -> Self {
        Self { power: Power::Half, interval: 0.0, amplitudes: vec![1.0] }
    }

    /// The spectrum κ, which is even, sampled at 0, L, … nL with `L = 2π/period`.
    pub fn sampled(spectrum: impl Fn(f64) -> f64, order: usize, period: f64) -> Self {
        let interval = std::f64::consts::TAU / period;
        let amplitude = |j: usize| {
            let twice = if j == 0 { 1.0 } else { 2.0 };
            (twice * interval * spectrum(j as f64 * interval)).sqrt()
        };
        Self { power: Power::Half, interval, amplitudes: (0..=order).map(amplitude).collect() }
    }

    /// A map of these p, L and a; none if they make no map.
    pub fn from_parts(power: f64, interval: f64, amplitudes: Vec<f64>) -> Option<Self> {
        let power = [Power::Half, Power::One].into_iter().find(|known| known.exponent() == power)?;
        let order = amplitudes.len().checked_sub(1)?;
        let sound = interval.is_finite() && amplitudes.iter().all(|a| a.is_finite());
        let plain = power == Power::Half || order == 0;
        (sound && plain && order <= MAX_ORDER).then_some(Self { power, interval, amplitudes })
    }

    /// p.
    pub fn power(&self) -> f64 {
        self.power.exponent()
    }

    /// L.
    pub fn interval(&self) -> f64 {
        self.interval
    }

    /// a_0 … a_n.
    pub fn amplitudes(&self) -> &[f64] {
        &self.amplitudes
    }

    /// Features of a dimension: 2n + 1.
    pub fn width(&self) -> usize {
        2 * self.amplitudes.len() - 1
    }

    /// `factor · ψ_j(x_d)` at `j D + d`: of D dimensions (2n + 1)·D features.
    pub fn map<T: Feature>(&self, x: &[f32], factor: f64, features: &mut [T]) {
        debug_assert_eq!(features.len(), self.width() * x.len());
        let amplitudes: Vec<f64> = self.amplitudes.iter().map(|amplitude| factor * amplitude).collect();
        if self.power == Power::One {
            features.iter_mut().zip(x).for_each(|(to, &x)| *to = T::from_f64(amplitudes[0] * f64::from(x)));
            return;
        }
        let turn = self.interval / std::f64::consts::TAU * std::f64::consts::LN_2;
        let mut planes = vec![[0.0; CHUNK]; self.width()];
        for (number, part) in x.chunks(CHUNK).enumerate() {
            let mut chunk = [0.0; CHUNK];
            chunk[..part.len()].copy_from_slice(part);
            map_chunk(&chunk, turn, &amplitudes, &mut planes);
            for (plane, features) in planes.iter().zip(features.chunks_exact_mut(x.len())) {
                let to = &mut features[number * CHUNK..][..part.len()];
                to.iter_mut().zip(plane).for_each(|(to, &value)| *to = T::from_f64(value));
            }
        }
    }
}

/// A number type that features are stored in.
pub trait Feature: Copy {
    /// Rounds to the nearest value.
    fn from_f64(value: f64) -> Self;
}

impl Feature for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Feature for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Power {
    fn exponent(self) -> f64 {
        match self {
            Power::Half => 0.5,
            Power::One => 1.0,
        }
    }
}

/// Dimensions that are mapped together.
const CHUNK: usize = 64;

/// The features of p = ½, a plane each. `turn` is `L ln 2/2π`, by which a logarithm to the base 2 becomes whole turns; cos and sin of its
/// multiples are those of the multiple before, turned once more.
#[apply(avx512!)]
fn map_chunk(x: &[f32; CHUNK], turn: f64, amplitudes: &[f64], planes: &mut [[f64; CHUNK]]) {
    let (mut once, mut now) = ([(0.0, 0.0); CHUNK], [(0.0, 0.0); CHUNK]);
    let roots = x.map(|x| f64::from(x).sqrt());
    planes[0] = roots.map(|root| amplitudes[0] * root);
    for (j, (planes, amplitude)) in planes[1..].as_chunks_mut::<2>().0.iter_mut().zip(&amplitudes[1..]).enumerate() {
        if j == 0 {
            for (once, &x) in once.iter_mut().zip(x) {
                // Where x is 0, its root is too, and any logarithm will do.
                *once = cosine_and_sine(turn * log2(if x > 0.0 { f64::from(x) } else { 1.0 }));
            }
            now = once;
        } else {
            for ((cosine, sine), once) in now.iter_mut().zip(&once) {
                (*cosine, *sine) = (*cosine * once.0 - *sine * once.1, *sine * once.0 + *cosine * once.1);
            }
        }
        for (lane, ((cosine, sine), root)) in now.iter().zip(&roots).enumerate() {
            planes[0][lane] = amplitude * root * cosine;
            planes[1][lane] = amplitude * root * sine;
        }
    }
}

/// What a channel's linear classifiers are: a map of its dimensions, and the weights of its features in every category.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    map: FeatureMap,
    values: Array2<f64>,
}

impl Weights {
    /// The weights `values`, categories × (2n + 1)·D with feature j of dimension d at `j D + d`, of the features of `map`; any β/s is part of them.
    pub fn new(map: FeatureMap, values: Array2<f64>) -> Self {
        Self { map, values: values.as_standard_layout().into_owned() }
    }

    /// ψ.
    pub fn map(&self) -> &FeatureMap {
        &self.map
    }

    /// w, categories × (2n + 1)·D.
    pub fn values(&self) -> &Array2<f64> {
        &self.values
    }

    /// Dimensions of the histogram.
    pub fn dimensions(&self) -> usize {
        self.values.ncols() / self.map.width()
    }

    /// `Σ_d Σ_j w_j,d ψ_j(x_d)` of every category.
    pub fn scores(&self, histogram: &[f32]) -> Vec<f64> {
        let features = self.features(histogram);
        rows(&self.values).map(|row| lanes::dot_f64(row, &features)).collect()
    }

    /// `Σ_j w_j,d ψ_j(x_d)` of every dimension: the terms whose sum is the score, or the difference of two.
    pub fn shares(&self, histogram: &[f32], target: Target) -> Vec<f64> {
        let features = self.features(histogram);
        let mut shares = vec![0.0; histogram.len()];
        for (j, features) in features.chunks_exact(histogram.len().max(1)).enumerate() {
            for (d, (share, feature)) in shares.iter_mut().zip(features).enumerate() {
                *share += target.of(|category| self.values[(category, j * histogram.len() + d)]) * feature;
            }
        }
        shares
    }

    fn features(&self, histogram: &[f32]) -> Vec<f64> {
        let mut features = vec![0.0; self.map.width() * histogram.len()];
        self.map.map(histogram, 1.0, &mut features);
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::score::kernel::KernelKind;
    use rand::RngExt;

    fn features(map: &FeatureMap, x: &[f32]) -> Vec<f64> {
        let mut features = vec![0.0; map.width() * x.len()];
        map.map(x, 1.0, &mut features);
        features
    }

    /// The module head's formulas in the library's functions, over chunks' ends and magnitudes.
    #[test]
    fn features_are_those_of_the_formula() {
        let mut random = crate::numeric::random::stream(1, "feature map");
        for &kind in KernelKind::ALL {
            for order in [0, 1, 2, 5] {
                let Some(map) = kind.feature_map(order) else { continue };
                for count in [1, 63, 64, 65, 200] {
                    let x: Vec<f32> = (0..count)
                        .map(|i| match i % 5 {
                            0 => 0.0,
                            1 => 1.0,
                            2 => random.random::<f32>() * f32::MIN_POSITIVE,
                            _ => random.random::<f32>().powi(3),
                        })
                        .collect();
                    let found = features(&map, &x);
                    let mut scaled = vec![0.0f32; found.len()];
                    map.map(&x, 3.0, &mut scaled);
                    for (place, (&found, &scaled)) in found.iter().zip(&scaled).enumerate() {
                        let (j, x) = (place / count, f64::from(x[place % count]));
                        let turned = j.div_ceil(2) as f64 * map.interval() * if x > 0.0 { x.ln() } else { 0.0 };
                        let wave = if j % 2 == 1 || j == 0 { turned.cos() } else { turned.sin() };
                        let size = map.amplitudes()[j.div_ceil(2)] * x.powf(map.power());
                        // The angle of a tiny x is some hundred turns: what rounds there is the angle.
                        assert!((found - size * wave).abs() <= 1e-12 * size, "{kind} {order} {j} {x}");
                        assert!((f64::from(scaled) - 3.0 * found).abs() <= 1e-7 * 3.0 * size);
                    }
                }
            }
        }
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        order: usize,
        interval: f64,
        features: Vec<Vec<f64>>,
    }

    /// scikit-learn has the additive χ² kernel's map; its golden values are of intervals of its own.
    #[test]
    fn golden_features_agree() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/linear.json");
        let document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let values: Vec<f64> = serde_json::from_value(document["values"].clone()).unwrap();
        let maps: Vec<Golden> = serde_json::from_value(document["additive_chi2"].clone()).unwrap();
        assert_eq!((values.len(), maps.len()), (7, 3));
        for Golden { order, interval, features: golden } in maps {
            let spectrum = |frequency: f64| 1.0 / (std::f64::consts::PI * frequency).cosh();
            let map = FeatureMap::sampled(spectrum, order, std::f64::consts::TAU / interval);
            for (&value, golden) in values.iter().zip(&golden) {
                assert_eq!(golden.len(), map.width());
                // f32 is what histograms are: x is wrong by 6e-8 of itself, and the angle by as much of a turn.
                for (found, expected) in features(&map, &[value as f32]).iter().zip(golden) {
                    assert!((found - expected).abs() <= 2e-7 * value.sqrt(), "{order} {value}: {found} not {expected}");
                }
            }
        }
    }

    /// The larger the order, the nearer the kernel; the largest error relative to √(xz), over ratios up to 20.
    #[test]
    fn products_of_features_near_the_kernel() {
        let bounds = [
            (KernelKind::Linear, [1e-12, 1e-12, 1e-12]),
            (KernelKind::Hellinger, [1e-12, 1e-12, 1e-12]),
            (KernelKind::AdditiveChi2, [0.106, 0.0316, 0.0058]),
            (KernelKind::JensenShannon, [0.0744, 0.0223, 0.0034]),
            (KernelKind::Hik, [0.1594, 0.1216, 0.0848]),
        ];
        let mut with_map = 0;
        for &kind in KernelKind::ALL {
            with_map += usize::from(kind.feature_map(1).is_some());
            let Some((_, bounds)) = bounds.iter().find(|(known, _)| *known == kind) else { continue };
            for (order, bound) in [1, 2, 4].into_iter().zip(*bounds) {
                let map = kind.feature_map(order).expect("a kernel with a map");
                let mut worst = 0.0f64;
                for step in -60..=60 {
                    let (x, z) = (0.01f32, 0.01 * 20f32.powf(step as f32 / 60.0));
                    let value: f64 = features(&map, &[x]).iter().zip(features(&map, &[z])).map(|(a, b)| a * b).sum();
                    let expected = kind.with_width(1.0).terms().term(f64::from(x), f64::from(z));
                    worst = worst.max((value - expected).abs() / f64::from(x * z).sqrt());
                }
                assert!(worst < bound, "{kind}, order {order}: {worst}");
            }
        }
        assert_eq!(with_map, bounds.len());
    }

    #[test]
    fn scores_are_the_sums_of_shares_and_differences_their_differences() {
        let mut random = crate::numeric::random::stream(2, "weights");
        let x: Vec<f32> = (0..70).map(|i| if i % 3 == 0 { 0.0 } else { random.random() }).collect();
        for &kind in KernelKind::ALL {
            let Some(map) = kind.feature_map(2) else { continue };
            let columns = map.width() * x.len();
            let weights = Weights::new(map, Array2::from_shape_fn((3, columns), |_| random.random::<f64>() - 0.5));
            assert_eq!(weights.dimensions(), 70);
            let scores = weights.scores(&x);
            for category in 0..3 {
                let shares = weights.shares(&x, Target::new(category));
                assert!((shares.iter().sum::<f64>() - scores[category]).abs() < 1e-12);
                let other = (category + 1) % 3;
                let difference: f64 = weights.shares(&x, Target { category, against: Some(other) }).iter().sum();
                assert!((difference - (scores[category] - scores[other])).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn parts_that_make_no_map_are_refused() {
        let sound = |power, interval, amplitudes: &[f64]| FeatureMap::from_parts(power, interval, amplitudes.to_vec());
        let map = KernelKind::AdditiveChi2.feature_map(3).unwrap();
        assert_eq!(sound(map.power(), map.interval(), map.amplitudes()), Some(map));
        assert_eq!(sound(1.0, 0.0, &[1.0]), Some(FeatureMap::identity()));
        for (power, interval, amplitudes) in [
            (0.7, 1.0, &[1.0][..]),
            (0.5, f64::NAN, &[1.0]),
            (0.5, 1.0, &[f64::INFINITY]),
            (0.5, 1.0, &[]),
            (1.0, 1.0, &[1.0, 1.0]),
            (0.5, 1.0, &[1.0; 34]),
        ] {
            assert_eq!(sound(power, interval, amplitudes), None);
        }
    }
}
