//! Area under the receiver operating characteristic.

use super::ranking::Ranking;

/// The share of pairs of a positive and a negative picture whose positive has the larger score, equal ones counted half; none without both.
/// `labels` are +1, −1, or 0 = difficult, left out. (Hanley & McNeil 1982.)
///
/// ```
/// let auc = bowsight::evaluate::roc_auc(&[0.9, 0.8, 0.7, 0.7], &[1, -1, 1, -1]).unwrap();
/// assert_eq!(auc, (1.0 + 1.0 + 0.0 + 0.5) / 4.0);
/// ```
pub fn roc_auc(scores: &[f64], labels: &[i8]) -> Option<f64> {
    Ranking::new(scores, labels).roc_auc(|_| 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn it_is_the_count_of_pairs() {
        let mut random = crate::numeric::random::stream(1, "auc");
        for n in 2..40 {
            let scores: Vec<f64> = (0..n).map(|_| f64::from(random.random_range(-4i32..5)) / 4.0).collect();
            let labels: Vec<i8> = (0..n).map(|_| random.random_range(-1..=1)).collect();
            let of = |sign: i8| {
                labels.iter().zip(&scores).filter(move |(label, _)| **label == sign).map(|(_, score)| *score)
            };
            let pairs: Vec<f64> = of(1)
                .flat_map(|a| {
                    of(-1).map(move |b| {
                        if a > b {
                            1.0
                        } else if a == b {
                            0.5
                        } else {
                            0.0
                        }
                    })
                })
                .collect();
            let expected = (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64);
            assert_eq!(roc_auc(&scores, &labels), expected, "{scores:?} {labels:?}");
        }
    }
}
