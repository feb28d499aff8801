//! Average precision as the PASCAL VOC challenges define it (Everingham et al. 2010).
//!
//! Pictures are ranked by score, descending; difficult ones (label 0) are left out. `voc2007` is the mean over the recall
//! thresholds 0, 0.1 … 1 of the largest precision at that recall or more; `voc2010` the area under the monotone envelope of
//! precision over recall.
//!
//! Pictures of equal score enter as one step: precision and recall are taken at the ends of blocks of equal scores. Both
//! are functions of a threshold on the score, and no threshold divides such a block, so the order of the list cannot
//! matter. scikit-learn's `average_precision_score` takes the same steps, but draws no envelope. The tools of the VOC
//! challenges keep the order of the list within a block. Without ties all of this is the same.

use serde::{Deserialize, Serialize};

use super::ranking::Ranking;

/// Both definitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AveragePrecision {
    /// Eleven points, as in VOC 2007–2009.
    pub voc2007: f64,
    /// Area, as in VOC 2010 and later.
    pub voc2010: f64,
}

/// Computes the AP of a ranking; none without positives. `labels` are +1, −1, or 0 = difficult.
///
/// The result does not depend on the order of the list.
///
/// ```
/// let ap = bowsight::evaluate::average_precision(&[0.9, 0.8, 0.7], &[1, -1, 1]).unwrap();
/// assert!((ap.voc2010 - (0.5 * 1.0 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
/// ```
pub fn average_precision(scores: &[f64], labels: &[i8]) -> Option<AveragePrecision> {
    Ranking::new(scores, labels).average_precision(|_| 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Distinct scores in the same order; equal ones are ordered by their place in the list.
    fn ties_by_list_order(scores: &[f64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0)));
        let mut distinct = vec![0.0; scores.len()];
        order.iter().enumerate().for_each(|(rank, &i)| distinct[i] = -(rank as f64));
        distinct
    }

    /// The golden values are of a tool that keeps the order of the list within ties.
    #[test]
    fn the_forty_golden_rankings_agree() {
        #[derive(Deserialize)]
        struct Case {
            scores: Vec<f64>,
            labels: Vec<i8>,
            voc2007: Option<f64>,
            voc2010: Option<f64>,
        }
        #[derive(Deserialize)]
        struct Golden {
            cases: Vec<Case>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ap.json");
        let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(golden.cases.len(), 40);
        for (index, case) in golden.cases.iter().enumerate() {
            let found = average_precision(&ties_by_list_order(&case.scores), &case.labels);
            for (found, expected) in
                [(found.map(|ap| ap.voc2007), case.voc2007), (found.map(|ap| ap.voc2010), case.voc2010)]
            {
                match (found, expected) {
                    (Some(found), Some(expected)) => {
                        assert!((found - expected).abs() < 1e-12, "case {index}: {found} instead of {expected}");
                    }
                    (None, None) => {}
                    _ => panic!("case {index}: {found:?} instead of {expected:?}"),
                }
            }
        }
    }

    #[test]
    fn ties_are_one_step() {
        for labels in [[1, -1], [-1, 1]] {
            let ap = average_precision(&[0.5, 0.5], &labels).unwrap();
            assert_eq!((ap.voc2007, ap.voc2010), (0.5, 0.5));
        }
        // After 0.9: precision 1 at recall 1/2; after the block of four: 2/5 at recall 1.
        let ap = average_precision(&[0.1, 0.9, 0.1, 0.1, 0.1], &[-1, 1, -1, 1, -1]).unwrap();
        assert!((ap.voc2010 - (0.5 + 0.5 * 2.0 / 5.0)).abs() < 1e-12);
        assert_eq!(average_precision(&[0.0, -0.0], &[-1, 1]).unwrap().voc2010, 0.5);
    }

    proptest! {
        #[test]
        fn the_order_of_the_list_does_not_matter(
            pairs in proptest::collection::vec((-4i8..4, -1i8..2), 0..40), seed in any::<u64>(),
        ) {
            use rand::{SeedableRng, seq::SliceRandom};
            let of = |pairs: &[(i8, i8)]| {
                let (scores, labels): (Vec<f64>, Vec<i8>) = pairs.iter().map(|&(s, l)| (f64::from(s), l)).unzip();
                average_precision(&scores, &labels)
            };
            let mut shuffled = pairs.clone();
            shuffled.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(of(&pairs), of(&shuffled));
        }
    }
}
