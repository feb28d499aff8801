//! A ranking of pictures by score, and what is measured on it; each picture may count several times.

use super::AveragePrecision;

/// Pictures in the order of their scores, largest first, without the difficult ones.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Place in the list, and whether the picture is a positive.
    pictures: Vec<(usize, bool)>,
    /// Where each block of equal scores ends.
    ends: Vec<usize>,
}

impl Ranking {
    /// Ranks pictures of `labels` +1, −1, or 0 = difficult.
    pub fn new(scores: &[f64], labels: &[i8]) -> Self {
        let mut order: Vec<usize> = (0..scores.len().min(labels.len())).filter(|&i| labels[i] != 0).collect();
        // Adding 0 makes −0 the equal of 0.
        let descending = |a: usize, b: usize| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0));
        order.sort_by(|&a, &b| descending(a, b));
        let mut ends = Vec::new();
        for block in order.chunk_by(|&a, &b| descending(a, b).is_eq()) {
            ends.push(ends.last().copied().unwrap_or(0) + block.len());
        }
        Self { pictures: order.into_iter().map(|i| (i, labels[i] > 0)).collect(), ends }
    }

    /// Positives and negatives of each block of equal scores; the picture at place i counts `times(i)` times.
    fn blocks<'a>(&'a self, times: impl Fn(usize) -> u32 + 'a) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut from = 0;
        self.ends.iter().map(move |&to| {
            let (mut positives, mut negatives) = (0, 0);
            for &(picture, positive) in &self.pictures[from..to] {
                let count = if positive { &mut positives } else { &mut negatives };
                *count += u64::from(times(picture));
            }
            from = to;
            (positives, negatives)
        })
    }

    /// AP where the picture at place i of the list counts `times(i)` times; none without positives.
    pub fn average_precision(&self, times: impl Fn(usize) -> u32) -> Option<AveragePrecision> {
        // (positives, pictures) up to the end of each block.
        let mut curve: Vec<(f64, f64)> = Vec::with_capacity(self.ends.len());
        let (mut hits, mut rank) = (0, 0);
        for (positives, negatives) in self.blocks(times).filter(|(positives, negatives)| positives + negatives > 0) {
            hits += positives;
            rank += positives + negatives;
            curve.push((hits as f64, hits as f64 / rank as f64));
        }
        if hits == 0 {
            return None;
        }
        curve.iter_mut().for_each(|(recall, _)| *recall /= hits as f64);
        // Precision is made monotone from the end.
        for i in (0..curve.len() - 1).rev() {
            curve[i].1 = curve[i].1.max(curve[i + 1].1);
        }
        // The margin keeps 3/10 from missing the threshold 0.3 by rounding.
        let at_recall = |threshold: f64| {
            curve.iter().find(|(recall, _)| *recall >= threshold - 1e-12).map_or(0.0, |(_, precision)| *precision)
        };
        let voc2007 = (0..=10).map(|t| at_recall(f64::from(t) / 10.0)).sum::<f64>() / 11.0;
        let mut before = 0.0;
        let mut voc2010 = 0.0;
        for (recall, precision) in curve {
            voc2010 += (recall - before) * precision;
            before = recall;
        }
        Some(AveragePrecision { voc2007, voc2010 })
    }

    /// ROC AUC, counted in the same way; none without positives or negatives.
    pub fn roc_auc(&self, times: impl Fn(usize) -> u32) -> Option<f64> {
        // In halves of a pair, so that the count is exact.
        let (mut won, mut above, mut below) = (0, 0, 0);
        for (positives, negatives) in self.blocks(times) {
            won += negatives * (2 * above + positives);
            above += positives;
            below += negatives;
        }
        (above > 0 && below > 0).then(|| won as f64 / 2.0 / (above as f64 * below as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A picture that counts twice is the same as two pictures.
        #[test]
        fn weights_are_repetitions(pictures in proptest::collection::vec((-4i8..4, -1i8..2, 0u32..4), 0..30)) {
            let scores: Vec<f64> = pictures.iter().map(|p| f64::from(p.0)).collect();
            let labels: Vec<i8> = pictures.iter().map(|p| p.1).collect();
            let ranking = Ranking::new(&scores, &labels);
            let times = |i: usize| pictures[i].2;
            let repeated: Vec<usize> = (0..pictures.len()).flat_map(|i| vec![i; times(i) as usize]).collect();
            let scores: Vec<f64> = repeated.iter().map(|&i| scores[i]).collect();
            let labels: Vec<i8> = repeated.iter().map(|&i| labels[i]).collect();
            let plain = Ranking::new(&scores, &labels);
            prop_assert_eq!(ranking.average_precision(times), plain.average_precision(|_| 1));
            prop_assert_eq!(ranking.roc_auc(times), plain.roc_auc(|_| 1));
        }
    }
}
