//! Pooling, both ways.
//!
//! Forward, for cell c and word d over the n_c features whose centre lies in the cell (mean pooling):
//!
//! `x_(c,d) = (1/n_c) Σ_l m_d(l)`
//!
//! Back (Bach et al. 2015, Eqs 26–28): with Z the dimensions whose mass `Σ_l m_d(l)` is zero,
//!
//! `R2_l = Σ_{d ∉ Z} R3_d · m_d(l)/Σ_l' m_d(l') + Σ_{d ∈ Z} R3_d / n_c`
//!
//! over the dimensions of the cells that hold l. A cell without features shares its relevance among all features of the
//! picture; a picture without features passes nothing on, and the ledger books it.

use super::Assignment;
use super::cells::Cells;
use crate::ledger::{Account, Kept};

crate::closed_set! {
    /// The ways to pool.
    pub enum PoolingKind as "pooling" {
        /// The mean over the cell's features.
        Mean = "mean",
    }
}

/// What pooling saw: kept for the way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// Number of words K.
    pub words: usize,
    /// `Σ_l m_d(l)` a dimension, cell-major: `cell·K + word`.
    pub mass: Vec<f64>,
    /// Features a cell.
    pub counts: Vec<usize>,
}

/// What the way back gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// R2, one a feature.
    pub relevance: Vec<f64>,
    /// How much of it came by way of Z: uniform, and no evidence.
    pub through_empty: f64,
}

/// Sums the weights of features at `centres` into the `cells`.
pub fn pool(assignment: &Assignment, centres: impl Iterator<Item = (f32, f32)>, cells: &Cells, words: usize) -> Pooled {
    let mut pooled = Pooled { words, mass: vec![0.0; cells.len() * words], counts: vec![0; cells.len()] };
    for (index, centre) in centres.enumerate() {
        for cell in cells.of(centre) {
            pooled.counts[cell] += 1;
            for (word, weight) in assignment.of(index) {
                pooled.mass[cell * words + word] += f64::from(weight);
            }
        }
    }
    pooled
}

impl Pooled {
    /// The pooled values x, before power and normalisation.
    pub fn values(&self) -> Vec<f64> {
        let mut values = self.mass.clone();
        for (cell, &count) in values.chunks_mut(self.words).zip(&self.counts) {
            for value in cell {
                *value /= count.max(1) as f64;
            }
        }
        values
    }

    /// R3 (one a dimension) → R2 (one a feature).
    pub fn back(
        &self,
        assignment: &Assignment,
        centres: impl Iterator<Item = (f32, f32)>,
        cells: &Cells,
        r3: &[f64],
    ) -> (Shared, Kept) {
        // Per unit of weight, what a dimension with mass gives; per feature of a cell, what its dimensions without mass give.
        let mut per_weight = vec![0.0; r3.len()];
        let mut per_feature = vec![0.0; self.counts.len()];
        let mut homeless = 0.0;
        let mut through_empty = 0.0;
        for (cell, &count) in self.counts.iter().enumerate() {
            let mut empty = 0.0;
            for d in cell * self.words..(cell + 1) * self.words {
                if self.mass[d] > 0.0 {
                    per_weight[d] = r3[d] / self.mass[d];
                } else {
                    empty += r3[d];
                }
            }
            through_empty += empty;
            if count > 0 {
                per_feature[cell] = empty / count as f64;
            } else {
                homeless += empty;
            }
        }
        let features = assignment.words.len() / assignment.neighbours.max(1);
        if features == 0 {
            let amount = r3.iter().sum();
            return (
                Shared { relevance: Vec::new(), through_empty: 0.0 },
                Kept { account: Account::NoFeatures, amount },
            );
        }
        let everywhere = homeless / features as f64;
        let relevance = centres
            .enumerate()
            .map(|(index, centre)| {
                let mut sum = everywhere;
                for cell in cells.of(centre) {
                    sum += per_feature[cell];
                    for (word, weight) in assignment.of(index) {
                        sum += per_weight[cell * self.words + word] * f64::from(weight);
                    }
                }
                sum
            })
            .collect();
        (Shared { relevance, through_empty }, Kept { account: Account::NoFeatures, amount: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::RngExt;

    /// The module head's formula, one dimension and one feature at a time.
    fn naive(assignment: &Assignment, centres: &[(f32, f32)], cells: &Cells, words: usize, r3: &[f64]) -> Vec<f64> {
        let n = centres.len();
        let mut r2 = vec![0.0; n];
        for cell in 0..cells.len() {
            let members: Vec<usize> = (0..n).filter(|&l| cells.of(centres[l]).any(|c| c == cell)).collect();
            for word in 0..words {
                let m = |l: usize| {
                    assignment.of(l).filter(|(w, _)| *w == word).map(|(_, weight)| f64::from(weight)).sum::<f64>()
                };
                let mass: f64 = members.iter().map(|&l| m(l)).sum();
                let r = r3[cell * words + word];
                if mass > 0.0 {
                    members.iter().for_each(|&l| r2[l] += r * m(l) / mass);
                } else if members.is_empty() {
                    r2.iter_mut().for_each(|value| *value += r / n as f64);
                } else {
                    members.iter().for_each(|&l| r2[l] += r / members.len() as f64);
                }
            }
        }
        r2
    }

    proptest! {
        #[test]
        fn the_way_back_equals_the_formula_and_conserves(
            n in 0usize..25, words in 1usize..12, neighbours in 1usize..4, seed in 0u64..1000, corner in any::<bool>(),
        ) {
            let mut random = crate::numeric::random::stream(seed, "pooling");
            let neighbours = neighbours.min(words);
            let cells = "1x1+2x2+3x1".parse::<crate::bow::words::cells::CellLayout>().unwrap().over(40, 30);
            // Features in one corner only leave cells empty.
            let (w, h) = if corner { (15.0, 9.0) } else { (40.0, 30.0) };
            let centres: Vec<(f32, f32)> = (0..n).map(|_| (w * random.random::<f32>(), h * random.random::<f32>())).collect();
            let assignment = Assignment {
                neighbours,
                words: (0..n).flat_map(|_| {
                    let first = random.random_range(0..words as u32);
                    (0..neighbours as u32).map(move |k| (first + k) % words as u32)
                }).collect(),
                weights: (0..n * neighbours).map(|_| random.random::<f32>() + 0.01).collect(),
            };
            let pooled = pool(&assignment, centres.iter().copied(), &cells, words);
            let r3: Vec<f64> = (0..cells.len() * words).map(|_| random.random::<f64>() - 0.5).collect();
            let (shared, kept) = pooled.back(&assignment, centres.iter().copied(), &cells, &r3);
            let expected = naive(&assignment, &centres, &cells, words, &r3);
            prop_assert_eq!(shared.relevance.len(), n);
            for (found, expected) in shared.relevance.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-12, "{} instead of {}", found, expected);
            }
            let passed: f64 = shared.relevance.iter().sum();
            prop_assert!((passed + kept.amount - r3.iter().sum::<f64>()).abs() < 1e-12);
            prop_assert_eq!(kept.amount != 0.0, n == 0);
            let empty: f64 = r3.iter().zip(&pooled.mass).filter(|(_, mass)| **mass == 0.0).map(|(r, _)| r).sum();
            prop_assert!(n == 0 || (shared.through_empty - empty).abs() < 1e-12);
            for (cell, count) in pooled.counts.iter().enumerate() {
                let block = &pooled.values()[cell * words..(cell + 1) * words];
                let mass: f64 = pooled.mass[cell * words..(cell + 1) * words].iter().sum();
                prop_assert!((block.iter().sum::<f64>() * (*count).max(1) as f64 - mass).abs() < 1e-12);
            }
        }
    }
}
