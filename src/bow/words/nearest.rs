//! The k nearest words of many descriptors, exactly.
//!
//! The distance is [`squared_distance`] in f32; ties go to the lower word index. Computing it against all K words is
//! slow, so a matrix product first gives `‖v‖² − 2 l·v` for all of them. Its rounding error has a bound, so the true
//! neighbours are among the words whose product lies within twice that bound of the k-th smallest; only these few are
//! measured exactly. The answer is thus a function of the definition alone: it does not depend on how the product is computed.

use multiversion::multiversion;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, s};

use crate::numeric::lanes::{dot, squared_distance};

/// Rows a product: small enough to stay in the cache, large enough that packing the words costs little.
const BLOCK: usize = 128;

/// Words prepared for the search.
#[derive(Debug, Clone)]
pub struct NearestWords {
    words: Array2<f32>,
    transposed: Array2<f32>,
    squared_norms: Vec<f32>,
    largest_norm: f64,
}

impl NearestWords {
    /// Prepares the K×P `words`.
    pub fn new(words: Array2<f32>) -> Self {
        let words = words.as_standard_layout().into_owned();
        let square = |word: ArrayView1<'_, f32>| word.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let squared: Vec<f64> = words.rows().into_iter().map(square).collect();
        Self {
            transposed: words.t().as_standard_layout().into_owned(),
            squared_norms: squared.iter().map(|&norm| norm as f32).collect(),
            largest_norm: squared.iter().copied().fold(0.0, f64::max).sqrt(),
            words,
        }
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
        let mut product = vec![0.0f32; BLOCK.min(descriptors.nrows()) * count];
        let mut candidates: Vec<(f32, u32)> = Vec::new();
        let mut smallest: Vec<f32> = Vec::with_capacity(k + 1);
        let (mut words, mut distances) = (vec![0u32; k], vec![0f32; k]);
        for start in (0..descriptors.nrows()).step_by(BLOCK) {
            let end = (start + BLOCK).min(descriptors.nrows());
            let block = descriptors.slice(s![start..end, ..]);
            let product = &mut product[..(end - start) * count];
            let mut target =
                ArrayViewMut2::from_shape((end - start, count), product).expect("one product a row and word");
            general_mat_mul(-2.0, &block, &self.transposed, 0.0, &mut target);
            let rows = block.to_slice().expect("rows of a standard layout").chunks_exact(width.max(1));
            for (row, (scores, descriptor)) in product.chunks_exact_mut(count).zip(rows).enumerate() {
                let least = add_and_find_least(scores, &self.squared_norms);
                let kth = if k == 1 { least } else { kth_smallest(scores, k, &mut smallest) };
                candidates.clear();
                collect_below(scores, kth + self.slack(descriptor), &mut candidates);
                for (distance, word) in &mut candidates {
                    *distance = squared_distance(descriptor, self.word(*word as usize));
                }
                // Equal distances in the order of their words.
                candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for (rank, (distance, word)) in candidates.iter().take(k).enumerate() {
                    (distances[rank], words[rank]) = (*distance, *word);
                }
                found(start + row, &words, &distances);
            }
        }
    }

    fn word(&self, index: usize) -> &[f32] {
        let width = self.words.ncols();
        &self.words.as_slice().expect("words are stored row by row")[index * width..(index + 1) * width]
    }

    /// Twice the largest difference, up to the descriptor's own norm, between the product and the distance in f32.
    ///
    /// With u = 2⁻²⁴ and γ = (P + 4) u / (1 − (P + 4) u): the product errs by at most 2γ‖l‖‖v‖ + 2u(‖v‖² + 2‖l‖‖v‖), the sum of squares by
    /// at most γ(‖l‖ + ‖v‖)² (Higham 2002, section 3.1).
    fn slack(&self, descriptor: &[f32]) -> f32 {
        let unit = f64::from(f32::EPSILON) / 2.0;
        let terms = (descriptor.len() + 4) as f64 * unit;
        let gamma = terms / (1.0 - terms);
        let (own, word) = (dot(descriptor, descriptor).sqrt(), self.largest_norm);
        let product = 2.0 * gamma * own * word + 2.0 * unit * (word * word + 2.0 * own * word);
        let distance = gamma * (own + word) * (own + word);
        (2.02 * (product + distance)) as f32
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_and_find_least(scores: &mut [f32], norms: &[f32]) -> f32 {
    let mut lanes = [f32::INFINITY; 16];
    let (chunks, rest) = scores.as_chunks_mut::<16>();
    let (norm_chunks, norm_rest) = norms.as_chunks::<16>();
    for (chunk, norm) in chunks.iter_mut().zip(norm_chunks) {
        for lane in 0..16 {
            chunk[lane] += norm[lane];
            lanes[lane] = if chunk[lane] < lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    for (score, norm) in rest.iter_mut().zip(norm_rest) {
        *score += norm;
        lanes[0] = lanes[0].min(*score);
    }
    lanes.iter().copied().fold(f32::INFINITY, f32::min)
}

/// The k-th smallest score, by insertion into a short sorted list.
fn kth_smallest(scores: &[f32], k: usize, smallest: &mut Vec<f32>) -> f32 {
    smallest.clear();
    let mut limit = f32::INFINITY;
    for chunk in scores.chunks(16) {
        // Most chunks hold nothing below the limit: one vectorised comparison skips them.
        if smallest.len() == k && !any_below(chunk, limit) {
            continue;
        }
        for &score in chunk {
            if smallest.len() < k || score < limit {
                let at = smallest.partition_point(|&other| other <= score);
                smallest.insert(at, score);
                smallest.truncate(k);
                limit = smallest[smallest.len() - 1];
            }
        }
    }
    limit
}

#[inline]
fn any_below(chunk: &[f32], limit: f32) -> bool {
    chunk.iter().fold(false, |any, &score| any | (score < limit))
}

#[multiversion(targets("x86_64+avx2"))]
fn collect_below(scores: &[f32], limit: f32, out: &mut Vec<(f32, u32)>) {
    for (index, chunk) in scores.chunks(16).enumerate() {
        if chunk.iter().fold(false, |any, &score| any | (score <= limit)) {
            for (offset, &score) in chunk.iter().enumerate() {
                if score <= limit {
                    out.push((score, (16 * index + offset) as u32));
                }
            }
        }
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
            count in 1usize..70, width in 1usize..40, rows in 0usize..300, k in 1usize..9, seed in 0u64..1000, coarse in any::<bool>(),
        ) {
            use rand::RngExt;
            let mut random = crate::numeric::random::stream(seed, "nearest");
            // Coarse values make many exact ties.
            let mut value = || if coarse { f32::from(random.random_range(0u8..3)) } else { random.random::<f32>() };
            let words = Array2::from_shape_fn((count, width), |_| value());
            let descriptors = Array2::from_shape_fn((rows, width), |_| value());
            let search = NearestWords::new(words.clone());
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
