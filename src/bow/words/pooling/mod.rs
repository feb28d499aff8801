//! Pooling, both ways.
//!
//! Forward, for cell c and word d over the n_c features whose centre lies in the cell, a [`Pooling`] makes one number of the weights m_d(l): their
//! mean, p-mean or maximum. Back (Bach et al. 2015, Eqs 26–28), with s_d(l) what feature l put into dimension d and Z the dimensions
//! that nothing was put into (`|Σ_l s_d(l)| ≤ 1e-9 Σ_l |s_d(l)|`):
//!
//! `R2_l = Σ_{d ∉ Z} R3_d · s_d(l)/Σ_l' s_d(l') + Σ_{d ∈ Z} R3_d / n_c`
//!
//! over the dimensions of the cells that hold l. A cell without features shares its relevance among all features of the
//! picture; a picture without features passes nothing on, and the ledger books it. A new pooling is one file and one line in
//! [`PoolingKind::pooling`].

mod max;
mod mean;

use super::Assignment;
use super::cells::Cells;
use crate::ledger::{Account, Kept};

crate::closed_set! {
    /// The ways to pool.
    pub enum PoolingKind as "pooling" {
        /// The mean over the cell's features.
        Mean = "mean",
        /// The p-mean, (mean of m^p)^(1/p).
        PMean = "p-mean",
        /// The largest.
        Max = "max",
    }
}

impl PoolingKind {
    /// The pooling of this name; `p` is the p-mean's.
    pub fn pooling(self, p: f64) -> Box<dyn Pooling> {
        match self {
            PoolingKind::Mean => Box::new(mean::Mean),
            PoolingKind::PMean => Box::new(mean::PMean { p }),
            PoolingKind::Max => Box::new(max::Max),
        }
    }
}

/// A rule that makes one number of a dimension's weights, and says which part each weight has in it.
pub trait Pooling: Send + Sync {
    /// Takes a weight into the dimension's `mass`, which starts at 0.
    fn gather(&self, mass: &mut f64, weight: f64);

    /// The pooled value of a dimension whose cell holds `count` > 0 features.
    fn value(&self, mass: f64, count: usize) -> f64;

    /// s: what a feature of this weight put into a dimension of this mass.
    fn share(&self, weight: f64, mass: f64) -> f64;

    /// [`Pooling::gather`] of neighbouring dimensions.
    fn gather_block(&self, mass: &mut [f64], weights: &[f64]) {
        mass.iter_mut().zip(weights).for_each(|(mass, &weight)| self.gather(mass, weight));
    }

    /// Adds the shares of neighbouring dimensions to their sums, and their magnitudes to those sums.
    fn add_shares(&self, weights: &[f64], mass: &[f64], total: &mut [f64], magnitude: &mut [f64]) {
        let sums = total.iter_mut().zip(magnitude);
        for ((&weight, &mass), (total, magnitude)) in weights.iter().zip(mass).zip(sums) {
            let share = self.share(weight, mass);
            *total += share;
            *magnitude += share.abs();
        }
    }

    /// Returns `Σ_d r_d s_d` of neighbouring dimensions; whole eights are summed in eight lanes.
    fn share_out(&self, weights: &[f64], mass: &[f64], per_share: &[f64]) -> f64 {
        let (weights, weights_rest) = weights.as_chunks::<8>();
        let (mass, mass_rest) = mass.as_chunks::<8>();
        let (per_share, per_share_rest) = per_share.as_chunks::<8>();
        let mut lanes = [0.0f64; 8];
        for ((weights, mass), per_share) in weights.iter().zip(mass).zip(per_share) {
            for lane in 0..8 {
                lanes[lane] += per_share[lane] * self.share(weights[lane], mass[lane]);
            }
        }
        let rest = weights_rest.iter().zip(mass_rest).zip(per_share_rest);
        let rest = rest.map(|((&weight, &mass), r)| r * self.share(weight, mass));
        lanes.iter().sum::<f64>() + rest.sum::<f64>()
    }
}

/// If the sum of shares is at most this part of the sum of their magnitudes, it counts as 0: the dimension belongs to Z.
const EMPTY: f64 = 1e-9;

/// What pooling keeps for the way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// Dimensions per cell.
    pub stride: usize,
    /// What was gathered per dimension, cell-major: `cell·stride + dimension of the cell`.
    pub mass: Vec<f64>,
    /// Features per cell.
    pub counts: Vec<usize>,
}

/// The result of the way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// R2, one per feature.
    pub relevance: Vec<f64>,
    /// How much of it came from dimensions that no feature fills (the set Z); it is spread evenly, so it is not evidence.
    pub through_empty: f64,
    /// Number of these dimensions.
    pub empty: usize,
}

/// Pools the weights of `features`, each with its centre, in the `cells` of `stride` dimensions.
pub fn pool(
    pooling: &dyn Pooling,
    assignment: &Assignment,
    features: impl Iterator<Item = (usize, (f32, f32))>,
    cells: &Cells,
    stride: usize,
) -> Pooled {
    let mut pooled = Pooled { stride, mass: vec![0.0; cells.len() * stride], counts: vec![0; cells.len()] };
    let (mut inside, mut scratch) = (Vec::new(), Vec::new());
    for (index, centre) in features {
        inside.clear();
        inside.extend(cells.containing(centre));
        inside.iter().for_each(|&cell: &usize| pooled.counts[cell] += 1);
        assignment.visit_blocks(index, &mut scratch, |first, weights| {
            for &cell in &inside {
                let block = cell * stride + first..cell * stride + first + weights.len();
                pooling.gather_block(&mut pooled.mass[block], weights);
            }
        });
    }
    pooled
}

impl Pooled {
    /// The pooled values x, before power and normalisation.
    pub fn values(&self, pooling: &dyn Pooling) -> Vec<f64> {
        let cells = self.mass.chunks(self.stride.max(1)).zip(&self.counts);
        cells.flat_map(|(cell, &count)| cell.iter().map(move |&mass| pooling.value(mass, count.max(1)))).collect()
    }

    /// R3 (one a dimension) → R2 (one of each of the `features` that were pooled, in their order).
    pub fn back(
        &self,
        pooling: &dyn Pooling,
        assignment: &Assignment,
        features: impl Iterator<Item = (usize, (f32, f32))> + Clone,
        cells: &Cells,
        r3: &[f64],
    ) -> (Shared, Kept) {
        let mut shares = Shares { total: vec![0.0; r3.len()], magnitude: vec![0.0; r3.len()], features: 0 };
        let (mut inside, mut scratch) = (Vec::new(), Vec::new());
        for (index, centre) in features.clone() {
            shares.features += 1;
            inside.clear();
            inside.extend(cells.containing(centre));
            assignment.visit_blocks(index, &mut scratch, |first, weights| {
                for &cell in &inside {
                    let block = self.block(cell, first, weights.len());
                    let sums = (&mut shares.total[block.clone()], &mut shares.magnitude[block.clone()]);
                    pooling.add_shares(weights, &self.mass[block], sums.0, sums.1);
                }
            });
        }
        if shares.features == 0 {
            let kept = Kept { account: Account::NoReceiver, amount: r3.iter().sum() };
            return (Shared { relevance: Vec::new(), through_empty: 0.0, empty: 0 }, kept);
        }
        let rates = self.rates(&shares, r3);
        let relevance = features
            .map(|(index, centre)| {
                inside.clear();
                inside.extend(cells.containing(centre));
                let mut sum = rates.uniform + inside.iter().map(|&cell| rates.per_feature[cell]).sum::<f64>();
                assignment.visit_blocks(index, &mut scratch, |first, weights| {
                    for &cell in &inside {
                        let block = self.block(cell, first, weights.len());
                        sum += pooling.share_out(weights, &self.mass[block.clone()], &rates.per_share[block]);
                    }
                });
                sum
            })
            .collect();
        let shared = Shared { relevance, through_empty: rates.through_empty, empty: rates.empty };
        (shared, Kept { account: Account::NoReceiver, amount: 0.0 })
    }

    /// The dimensions of `length` neighbouring weights in a cell.
    fn block(&self, cell: usize, first: usize, length: usize) -> std::ops::Range<usize> {
        cell * self.stride + first..cell * self.stride + first + length
    }

    /// Divides every dimension's relevance by what there is to share it by.
    fn rates(&self, shares: &Shares, r3: &[f64]) -> Rates {
        let mut per_share = vec![0.0; r3.len()];
        let mut per_feature = vec![0.0; self.counts.len()];
        let (mut without_receiver, mut through_empty, mut empty_dimensions) = (0.0, 0.0, 0);
        for (cell, &count) in self.counts.iter().enumerate() {
            let mut empty = 0.0;
            for d in cell * self.stride..(cell + 1) * self.stride {
                if shares.total[d].abs() > EMPTY * shares.magnitude[d] {
                    per_share[d] = r3[d] / shares.total[d];
                } else {
                    empty += r3[d];
                    empty_dimensions += 1;
                }
            }
            through_empty += empty;
            if count > 0 {
                per_feature[cell] = empty / count as f64;
            } else {
                without_receiver += empty;
            }
        }
        let uniform = without_receiver / shares.features as f64;
        Rates { per_share, per_feature, uniform, through_empty, empty: empty_dimensions }
    }
}

/// What the features put into every dimension.
struct Shares {
    /// Their sum, and the sum of their magnitudes.
    total: Vec<f64>,
    magnitude: Vec<f64>,
    /// How many features there are.
    features: usize,
}

/// What a feature receives.
struct Rates {
    /// Per unit of its share in a dimension outside Z.
    per_share: Vec<f64>,
    /// In each cell it is in, from the dimensions in Z.
    per_feature: Vec<f64>,
    /// From the cells that no feature is in.
    uniform: f64,
    /// The relevance of all dimensions in Z.
    through_empty: f64,
    /// Their number.
    empty: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::words::MappingConfig;
    use crate::bow::words::mapping::fisher::Fisher;
    use crate::bow::words::mixture::GaussianMixture;
    use crate::picture::Rectangle;
    use proptest::prelude::*;
    use rand::RngExt;

    /// The module head's formula, one dimension and one feature at a time: the pooled values and R2.
    fn naive(
        kind: PoolingKind,
        p: f64,
        assignment: &Assignment,
        centres: &[(f32, f32)],
        cells: &Cells,
        words: usize,
        r3: &[f64],
    ) -> (Vec<f64>, Vec<f64>) {
        let n = centres.len();
        let (mut values, mut r2) = (Vec::new(), vec![0.0; n]);
        for cell in 0..cells.len() {
            let members: Vec<usize> = (0..n).filter(|&l| cells.containing(centres[l]).any(|c| c == cell)).collect();
            for word in 0..words {
                let m = |l: usize| {
                    let mut sum = 0.0;
                    assignment.visit(l, |w, weight| sum += if w == word { weight } else { 0.0 });
                    sum
                };
                let count = members.len().max(1) as f64;
                let largest = members.iter().map(|&l| m(l)).fold(0.0, f64::max);
                let share = |l: usize| match kind {
                    PoolingKind::Mean => m(l),
                    PoolingKind::PMean => m(l).powf(p),
                    PoolingKind::Max => f64::from(m(l) == largest && m(l) > 0.0),
                };
                let total: f64 = members.iter().map(|&l| share(l)).sum();
                values.push(match kind {
                    PoolingKind::Mean => total / count,
                    PoolingKind::PMean => (total / count).powf(1.0 / p),
                    PoolingKind::Max => largest,
                });
                let r = r3[cell * words + word];
                let magnitude: f64 = members.iter().map(|&l| share(l).abs()).sum();
                if total.abs() > 1e-9 * magnitude {
                    members.iter().for_each(|&l| r2[l] += r * share(l) / total);
                } else if members.is_empty() {
                    r2.iter_mut().for_each(|value| *value += r / n as f64);
                } else {
                    members.iter().for_each(|&l| r2[l] += r / members.len() as f64);
                }
            }
        }
        (values, r2)
    }

    proptest! {
        #[test]
        fn both_ways_equal_the_formula_and_conserve(
            n in 0usize..25, words in 1usize..12, neighbours in 1usize..4, seed in 0u64..1000, corner in any::<bool>(),
            p in 1.0f64..9.0, negative in any::<bool>(),
        ) {
            let mut random = crate::numeric::random::stream(seed, "pooling");
            let neighbours = neighbours.min(words);
            let cells = "1x1+2x2+3x1".parse::<crate::bow::words::cells::CellLayout>().unwrap().over(Rectangle::of_size(40, 30));
            // Features in one corner only leave cells empty.
            let (w, h) = if corner { (15.0, 9.0) } else { (40.0, 30.0) };
            let centres: Vec<(f32, f32)> = (0..n).map(|_| (w * random.random::<f32>(), h * random.random::<f32>())).collect();
            let r3: Vec<f64> = (0..cells.len() * words).map(|_| random.random::<f64>() - 0.5).collect();
            for &kind in PoolingKind::ALL {
                // Only the mean is defined for negative weights; equal ones cancel, and tie for the maximum.
                let step = if negative && kind == PoolingKind::Mean { -1 } else { 1 };
                let assignment = Assignment {
                    neighbours,
                    words: (0..n).flat_map(|_| {
                        let first = random.random_range(0..words as u32);
                        (0..neighbours as u32).map(move |k| (first + k) % words as u32)
                    }).collect(),
                    weights: (0..n * neighbours).map(|_| random.random_range(step..4) as f32 / 4.0 + if step < 0 { 0.0 } else { 0.25 }).collect(),
                    derivatives: None,
                };
                let pooling = kind.pooling(p);
                let pooled = pool(pooling.as_ref(), &assignment, centres.iter().copied().enumerate(), &cells, words);
                let (shared, kept) = pooled.back(pooling.as_ref(), &assignment, centres.iter().copied().enumerate(), &cells, &r3);
                let (values, expected) = naive(kind, p, &assignment, &centres, &cells, words, &r3);
                for (found, expected) in pooled.values(pooling.as_ref()).iter().zip(&values) {
                    prop_assert!((found - expected).abs() < 1e-12, "{}: {} instead of {}", kind, found, expected);
                }
                prop_assert_eq!(shared.relevance.len(), n);
                let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
                for (found, expected) in shared.relevance.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-12 * scale, "{}: {} instead of {}", kind, found, expected);
                }
                let passed: f64 = shared.relevance.iter().sum();
                prop_assert!((passed + kept.amount - r3.iter().sum::<f64>()).abs() < 1e-11 * scale);
                prop_assert_eq!(kept.amount != 0.0, n == 0);
                if step > 0 {
                    let empty: f64 = r3.iter().zip(&pooled.mass).filter(|(_, mass)| **mass == 0.0).map(|(r, _)| r).sum();
                    prop_assert!(n == 0 || (shared.through_empty - empty).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn derivatives_are_pooled_as_weights_are(n in 0usize..12, keep in 1usize..6, seed in 0u64..1000, fisher_weights in any::<bool>()) {
            let mut random = crate::numeric::random::stream(seed, "pooling");
            let (count, width) = (5, 9);
            let cells = "1x1+2x2".parse::<crate::bow::words::cells::CellLayout>().unwrap().over(Rectangle::of_size(40, 30));
            let centres: Vec<(f32, f32)> = (0..n).map(|_| (25.0 * random.random::<f32>(), 20.0 * random.random::<f32>())).collect();
            let mut matrix = |rows: usize| ndarray::Array2::from_shape_fn((rows, width), |_| 0.1 + random.random::<f64>());
            let mixture = GaussianMixture::new(matrix(count), matrix(count), vec![0.1, 0.15, 0.2, 0.25, 0.3]);
            let config = MappingConfig { neighbours: keep, fisher_weights, ..MappingConfig::default() };
            let fisher = std::sync::Arc::new(Fisher::new(&config, None, mixture));
            let mut assignment = fisher.begin();
            fisher.assign(matrix(n).mapv(|value| value as f32).view(), &mut assignment);
            let stride = count * (2 * width + usize::from(fisher_weights));
            let r3: Vec<f64> = (0..cells.len() * stride).map(|_| random.random::<f64>() - 0.5).collect();
            let pooling = PoolingKind::Mean.pooling(1.0);
            let features = centres.iter().copied().enumerate();
            let pooled = pool(pooling.as_ref(), &assignment, features.clone(), &cells, stride);
            let (shared, kept) = pooled.back(pooling.as_ref(), &assignment, features, &cells, &r3);
            let (values, expected) = naive(PoolingKind::Mean, 1.0, &assignment, &centres, &cells, stride, &r3);
            for (found, expected) in pooled.values(pooling.as_ref()).iter().zip(&values) {
                prop_assert!((found - expected).abs() < 1e-12, "{} instead of {}", found, expected);
            }
            // A small sum of large shares makes large relevances of either sign.
            let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
            for (found, expected) in shared.relevance.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-11 * scale, "{} instead of {}", found, expected);
            }
            let passed: f64 = shared.relevance.iter().sum();
            prop_assert!((passed + kept.amount - r3.iter().sum::<f64>()).abs() < 1e-11 * scale);
        }

        #[test]
        fn the_p_mean_goes_from_the_mean_to_the_maximum(weights in proptest::collection::vec(0.05f64..1.0, 1..20)) {
            let pooled = |kind: PoolingKind, p: f64| {
                let (pooling, mut mass) = (kind.pooling(p), 0.0);
                weights.iter().for_each(|&weight| pooling.gather(&mut mass, weight));
                pooling.value(mass, weights.len())
            };
            let (mean, max) = (pooled(PoolingKind::Mean, 7.0), pooled(PoolingKind::Max, 7.0));
            prop_assert!((pooled(PoolingKind::PMean, 1.0) - mean).abs() < 1e-14);
            let mut before = mean;
            for p in [1.5, 2.0, 4.0, 16.0, 64.0] {
                let next = pooled(PoolingKind::PMean, p);
                prop_assert!(next >= before - 1e-12 && next <= max + 1e-12);
                before = next;
            }
            prop_assert!(before > max * 0.95);
        }
    }
}
