//! The k nearest words of many descriptors, exactly.
//!
//! The distance is [`squared_distance`] in f32; ties go to the lower word index. Computing it against all K words is slow, so a filter
//! bounds all distances first (`bytes.rs` or `products.rs`); only the few words that it can't exclude are measured exactly. The answer is thus
//! a function of the definition alone: it does not depend on the filter, which the processor decides on.

mod bytes;
mod products;

use macro_rules_attribute::apply;
use ndarray::{Array2, ArrayView2};

use crate::numeric::lanes::squared_distance;
use crate::numeric::simd::avx512;
use bytes::Bytes;
use products::Products;

/// Words bounded side by side.
const LANES: usize = 16;
/// Words passed over at once.
const WORDS_PER_STRETCH: usize = 4 * LANES;

/// Words prepared for the search.
#[derive(Debug, Clone)]
pub struct NearestWords {
    words: Array2<f32>,
    filter: Filter,
}

/// What leaves out the words that are too far away.
#[derive(Debug, Clone)]
enum Filter {
    Bytes(Bytes),
    Products(Products),
}

impl NearestWords {
    /// Prepares the K×P `words`.
    pub fn new(words: Array2<f32>) -> Self {
        let words = words.as_standard_layout().into_owned();
        let filter = match Bytes::new(&words) {
            Some(bytes) => Filter::Bytes(bytes),
            None => Filter::Products(Products::new(&words)),
        };
        Self { words, filter }
    }

    /// The words, K×P.
    pub fn words(&self) -> &Array2<f32> {
        &self.words
    }

    /// Calls `found(row, words, distances)` for every row of `descriptors` (n×P), with its `k` nearest words by rank and
    /// their squared distances. `k` is at most K.
    pub fn search(&self, descriptors: ArrayView2<'_, f32>, k: usize, mut found: impl FnMut(usize, &[u32], &[f32])) {
        let (count, width) = self.words.dim();
        let k = k.min(count);
        let descriptors = descriptors.as_standard_layout();
        let values = descriptors.as_slice().expect("rows of a standard layout");
        let mut measured: Vec<(f32, u32)> = Vec::new();
        let (mut words, mut distances) = (vec![0u32; k], vec![0f32; k]);
        let mut measure = |row: usize, candidates: &[u32]| {
            let descriptor = &values[row * width..(row + 1) * width];
            measured.clear();
            measured.extend(candidates.iter().map(|&word| (squared_distance(descriptor, self.word(word)), word)));
            // Equal distances in the order of their words.
            measured.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (rank, (distance, word)) in measured.iter().take(k).enumerate() {
                (distances[rank], words[rank]) = (*distance, *word);
            }
            found(row, &words, &distances);
        };
        match &self.filter {
            Filter::Bytes(bytes) => bytes.filter(values, width, k, &mut measure),
            Filter::Products(products) => products.filter(descriptors.view(), k, &mut measure),
        }
    }

    fn word(&self, index: u32) -> &[f32] {
        let width = self.words.ncols();
        &self.words.as_slice().expect("words are stored row by row")[index as usize * width..][..width]
    }
}

/// The words that a filter can't exclude.
#[derive(Default)]
struct Survivors {
    /// With their lower bounds.
    found: Vec<(u32, f32)>,
    words: Vec<u32>,
    upper: Vec<f32>,
}

impl Survivors {
    /// The words whose lower bound is not above the `k`-th smallest upper bound `lower + error_bounds`, and `slack`, in ascending order.
    ///
    /// `lower` comes in stretches of [`WORDS_PER_STRETCH`], the last may be shorter; `min_upper` holds the smallest upper bounds of the words d ≡ lane mod 16.
    fn select<'a>(
        &mut self,
        lower: impl Iterator<Item = &'a [f32]> + Clone,
        error_bounds: &[f32],
        min_upper: &mut [f32; LANES],
        k: usize,
        slack: f32,
    ) -> &[u32] {
        let limit = if k == 1 {
            min_upper.iter().copied().fold(f32::INFINITY, f32::min)
        } else if k <= LANES {
            // k different words lie below the k-th smallest minimum: few more words than k below the k-th of all.
            min_upper.sort_unstable_by(f32::total_cmp);
            min_upper[k - 1]
        } else {
            self.upper.clear();
            self.upper
                .extend(lower.clone().flatten().zip(error_bounds).map(|(lower, error_bound)| lower + error_bound));
            kth_smallest(&mut self.upper, k)
        };
        self.found.clear();
        for (index, stretch) in lower.enumerate() {
            // Few are below: whole stretches are passed over by one comparison.
            if any_below(stretch, limit + slack) {
                collect_below(stretch, limit + slack, index * WORDS_PER_STRETCH, &mut self.found);
            }
        }
        let limit = if (2..=LANES).contains(&k) && self.found.len() > k {
            self.upper.clear();
            self.upper.extend(self.found.iter().map(|&(word, lower)| lower + error_bounds[word as usize]));
            kth_smallest(&mut self.upper, k)
        } else {
            limit
        };
        self.words.clear();
        self.words.extend(self.found.iter().filter(|(_, lower)| *lower <= limit + slack).map(|(word, _)| word));
        &self.words
    }
}

fn kth_smallest(values: &mut [f32], k: usize) -> f32 {
    *values.select_nth_unstable_by(k - 1, f32::total_cmp).1
}

#[apply(avx512!)]
fn any_below(scores: &[f32], limit: f32) -> bool {
    scores.iter().fold(false, |any, &score| any | (score <= limit))
}

/// Appends the places, counted from `first`, and values of the `scores` up to `limit`.
#[apply(avx512!)]
fn collect_below(scores: &[f32], limit: f32, first: usize, out: &mut Vec<(u32, f32)>) {
    for (part, chunk) in scores.chunks(LANES).enumerate() {
        if !chunk.iter().fold(false, |any, &score| any | (score <= limit)) {
            continue;
        }
        // Written always and kept where it counts: nothing is guessed.
        let (mut found, mut count) = ([(0, 0.0); LANES], 0);
        for (lane, &score) in chunk.iter().enumerate() {
            found[count % LANES] = ((first + part * LANES + lane) as u32, score);
            count += usize::from(score <= limit);
        }
        out.extend_from_slice(&found[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every word measured, sorted by (distance, index).
    fn naive(words: &Array2<f32>, descriptor: &[f32], k: usize) -> Vec<(f32, u32)> {
        let mut all: Vec<(f32, u32)> = words
            .rows()
            .into_iter()
            .enumerate()
            .map(|(index, word)| (squared_distance(descriptor, word.as_slice().unwrap()), index as u32))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all
    }

    proptest! {
        #[test]
        fn the_search_equals_measuring_every_word(
            count in 1usize..150, width in 1usize..40, rows in 0usize..120, k in 1usize..25, seed in 0u64..1000, coarse in any::<bool>(),
        ) {
            use rand::RngExt;
            let mut random = crate::numeric::random::stream(seed, "nearest");
            // Coarse values make many exact ties.
            let mut value = || if coarse { f32::from(random.random_range(0u8..3)) } else { random.random::<f32>() };
            let words = Array2::from_shape_fn((count, width), |_| value());
            let descriptors = Array2::from_shape_fn((rows, width), |_| value());
            let products = Filter::Products(Products::new(&words));
            for filter in Bytes::new(&words).map(Filter::Bytes).into_iter().chain([products]) {
                let search = NearestWords { words: words.clone(), filter };
                let mut seen = 0;
                search.search(descriptors.view(), k, |row, found, distances| {
                    let expected = naive(&words, descriptors.row(row).as_slice().unwrap(), k.min(count));
                    let found: Vec<(f32, u32)> = distances.iter().copied().zip(found.iter().copied()).collect();
                    assert_eq!(found, expected, "row {row}");
                    assert_eq!(row, seen);
                    seen += 1;
                });
                prop_assert_eq!(seen, rows);
            }
        }
    }
}
