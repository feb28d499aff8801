//! From raw histograms to descriptors: contrast rule, L2, cut at 0.2, L2, and RootSIFT.
//!
//! RootSIFT is L1-normalisation, then the square root of each value, so that Euclidean distance compares by Hellinger's kernel
//! (Arandjelović & Zisserman 2012). `√(h / Σh)` does not mind h's length and has itself length 1: so it is √h / √|h|, cut at √0.2 and
//! divided by the length of the result. Plain descriptors are the same of h / |h| and 0.2. The zero descriptor stays zero.

use macro_rules_attribute::apply;

use super::{CONTRAST_THRESHOLD, WIDTH};
use crate::numeric::simd::avx512_fma;

/// Features normalised at a time.
pub(super) const GROUP: usize = 16;

/// Lanes of a sum.
pub(super) const LANES: usize = 16;

/// What becomes of a raw histogram.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Whether features without contrast are left out.
    pub(super) drop: bool,
    pub(super) rootsift: bool,
    /// The first plane that is described; grey before it is looked at for the contrast only.
    pub(super) first: usize,
}

impl Rule {
    /// Where values of unit length are cut.
    #[inline(always)]
    pub(super) fn limit(self) -> f32 {
        if self.rootsift { 0.2f32.sqrt() } else { 0.2 }
    }

    /// The factor that brings h, or √h for RootSIFT, to the length at which values are cut, from Σ h²; 0 if h is 0.
    #[inline(always)]
    pub(super) fn scale(self, squares: f32) -> f32 {
        let length = squares.sqrt();
        let length = if self.rootsift { length.sqrt() } else { length };
        if length > 0.0 { 1.0 / length } else { 0.0 }
    }
}

/// Σ h of grey's raw histogram below which a feature with bin size s has no contrast.
pub(super) fn min_sum(size: usize) -> f32 {
    let span = (3 * size + 1) as f64;
    (CONTRAST_THRESHOLD * span * span) as f32
}

/// Sums of a group's features, a lane for every 16th value.
pub(super) type Partial = [[f32; LANES]; GROUP];

/// Adds values and their squares to a feature's lanes.
#[inline(always)]
pub(super) fn add_lanes(values: &[f32], sums: &mut [f32; LANES], squares: &mut [f32; LANES]) {
    let (mut sum, mut square) = (*sums, *squares);
    for chunk in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sum[lane] += chunk[lane];
            square[lane] = chunk[lane].mul_add(chunk[lane], square[lane]);
        }
    }
    *sums = sum;
    *squares = square;
}

/// The lanes added up by halves.
#[inline(always)]
pub(super) fn totals(partial: &Partial) -> [f32; GROUP] {
    let mut totals = [0.0; GROUP];
    for (total, lanes) in totals.iter_mut().zip(partial) {
        let eight: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
        let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
        *total = (four[0] + four[2]) + (four[1] + four[3]);
    }
    totals
}

/// `out = min(factor · values, limit)`; its squares are left in `squares`.
#[inline(always)]
pub(super) fn cut(values: &[f32; WIDTH], factor: f32, limit: f32, out: &mut [f32; WIDTH], squares: &mut [f32; LANES]) {
    let mut sums = [0.0f32; LANES];
    for (out, values) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(values.as_chunks::<LANES>().0) {
        *out = cut_lanes(*values, factor, limit, &mut sums);
    }
    *squares = sums;
}

/// The cut values of some lanes; their squares are added to `squares`.
#[inline(always)]
pub(super) fn cut_lanes<const N: usize>(values: [f32; N], factor: f32, limit: f32, squares: &mut [f32; N]) -> [f32; N] {
    let mut cut = [0.0; N];
    for lane in 0..N {
        let value = factor * values[lane];
        cut[lane] = if value < limit { value } else { limit };
    }
    for lane in 0..N {
        squares[lane] = cut[lane].mul_add(cut[lane], squares[lane]);
    }
    cut
}

/// One over the root of each sum, or 0.
#[inline(always)]
pub(super) fn reciprocal_lengths(squares: &Partial) -> [f32; GROUP] {
    totals(squares).map(|square| if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 })
}

/// `values · factor` in place.
#[inline(always)]
pub(super) fn scale(values: &mut [f32; WIDTH], factor: f32) {
    for value in values.iter_mut() {
        *value *= factor;
    }
}

/// The descriptor of a single raw histogram; `low` if its feature lacks contrast.
#[apply(avx512_fma!)]
pub(super) fn describe(rule: Rule, h: &mut [f32; WIDTH], low: bool, out: &mut [f32; WIDTH]) {
    let (mut sums, mut squares) = ([[0.0; LANES]; GROUP], [[0.0; LANES]; GROUP]);
    add_lanes(h, &mut sums[0], &mut squares[0]);
    let factor = if low { 0.0 } else { rule.scale(totals(&squares)[0]) };
    if rule.rootsift {
        for value in h.iter_mut() {
            *value = value.sqrt();
        }
    }
    cut(h, factor, rule.limit(), out, &mut squares[0]);
    scale(out, reciprocal_lengths(&squares)[0]);
}
