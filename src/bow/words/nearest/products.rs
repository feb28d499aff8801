//! The filter by a matrix product in single precision, for processors that do not multiply bytes.
//!
//! The product gives `‖v‖² − 2 l·v` for all words; its rounding error has a bound.

use macro_rules_attribute::apply;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, s};

use super::{LANES, Survivors, WORDS_PER_STRETCH};
use crate::numeric::lanes::dot;
use crate::numeric::simd::avx2;

/// Rows a product: small enough to stay in the cache, large enough that packing the words costs little.
const BLOCK: usize = 128;

/// Words ready to be multiplied.
#[derive(Debug, Clone)]
pub(super) struct Products {
    /// P×K.
    transposed: Array2<f32>,
    squared_norms: Vec<f32>,
    largest_norm: f64,
    /// Nothing: the bounds of a product are the same for all words.
    error_bounds: Vec<f32>,
}

impl Products {
    /// Prepares the K×P `words`.
    pub(super) fn new(words: &Array2<f32>) -> Self {
        let square = |word: ArrayView1<'_, f32>| word.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let squared: Vec<f64> = words.rows().into_iter().map(square).collect();
        Self {
            transposed: words.t().as_standard_layout().into_owned(),
            squared_norms: squared.iter().map(|&norm| norm as f32).collect(),
            largest_norm: squared.iter().copied().fold(0.0, f64::max).sqrt(),
            error_bounds: vec![0.0; squared.len()],
        }
    }

    /// Calls `found(row, words)` for every row of `descriptors` with the words that may be among its `k` nearest.
    pub(super) fn filter(&self, descriptors: ArrayView2<'_, f32>, k: usize, found: &mut dyn FnMut(usize, &[u32])) {
        let count = self.squared_norms.len();
        let mut product = vec![0.0f32; BLOCK.min(descriptors.nrows()) * count];
        let mut survivors = Survivors::default();
        for start in (0..descriptors.nrows()).step_by(BLOCK) {
            let end = (start + BLOCK).min(descriptors.nrows());
            let block = descriptors.slice(s![start..end, ..]);
            let product = &mut product[..(end - start) * count];
            let mut target =
                ArrayViewMut2::from_shape((end - start, count), product).expect("one product a row and word");
            general_mat_mul(-2.0, &block, &self.transposed, 0.0, &mut target);
            for ((row, scores), descriptor) in product.chunks_exact_mut(count).enumerate().zip(block.rows()) {
                let mut min_upper = add_and_find_min(scores, &self.squared_norms);
                let slack = self.slack(descriptor.as_slice().expect("rows of a standard layout"));
                let stretches = scores.chunks(WORDS_PER_STRETCH);
                found(start + row, survivors.select(stretches, &self.error_bounds, &mut min_upper, k, slack));
            }
        }
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

/// Adds `norms` to `scores`; returns the smallest sum of each lane.
#[apply(avx2!)]
fn add_and_find_min(scores: &mut [f32], norms: &[f32]) -> [f32; LANES] {
    let mut lanes = [f32::INFINITY; LANES];
    let (chunks, rest) = scores.as_chunks_mut::<LANES>();
    let (norm_chunks, norm_rest) = norms.as_chunks::<LANES>();
    for (chunk, norm) in chunks.iter_mut().zip(norm_chunks) {
        for lane in 0..LANES {
            chunk[lane] += norm[lane];
            lanes[lane] = if chunk[lane] < lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    for ((score, norm), lane) in rest.iter_mut().zip(norm_rest).zip(&mut lanes) {
        *score += norm;
        *lane = lane.min(*score);
    }
    lanes
}
