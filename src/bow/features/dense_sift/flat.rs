//! Upright sums for the flat window: along both axes the hat `Λ(u) = 1 − |u|/s`, at the bin centres only.
//!
//! Hats refine. With the hat of height s, `H_s(u) = max(s − |u|, 0) = s Λ(u)`,
//!
//! `H_ab(u) = Σ_k H_b(k) H_a(u − a k)`,
//!
//! because both sides are straight between multiples of a, and equal there. So a sum with H_ab is a sum with H_a, then one with H_b
//! over every a-th of its values. The bin centres lie on a lattice of g = gcd(step, s) pixels: the prime factors of g are split off one
//! by one, each time keeping only the values on the coarser lattice, then those of s/g. For s = 10 and step 4 that is 3 taps every second
//! pixel, then 9 a bin, instead of 19 a bin.
//!
//! All 16 bins of a descriptor are values of the same sums. Mass and length come from each bin's own, added up along the axes.

use macro_rules_attribute::apply;

use super::normalise::{GROUP, LANES, cut_lanes, min_sum, reciprocal_lengths, scale};
use super::sums::{Ring, Sums};
use super::{BINS, Descriptors, ORIENTATIONS, WIDTH, window_mean};
use crate::bow::features::grid::Level;
use crate::numeric::aligned::Aligned;
use crate::numeric::simd::avx512_fma;

/// Pixels or bins filtered at a time.
const PIXELS_PER_BLOCK: usize = 8;
/// Their values, which fit into registers.
const BLOCK: usize = PIXELS_PER_BLOCK * ORIENTATIONS;

/// A sum with the hat of a prime factor: `out[i] = Σ_j H(j) in[i·every + j·apart]`, j counted from the hat's first tap.
struct Stage {
    /// 1, 2, …, b, …, 2, 1.
    hat: Vec<f32>,
    apart: usize,
    every: usize,
}

impl Stage {
    /// Inputs from the first to the last of an output.
    fn reach(&self) -> usize {
        (self.hat.len() - 1) * self.apart + 1
    }
}

/// The stages for size s on a lattice of g pixels.
fn stages(size: usize, lattice: usize) -> Vec<Stage> {
    let stage = |factor: usize, apart: usize, every: usize| Stage {
        hat: (1..=factor).chain((1..factor).rev()).map(|height| height as f32).collect(),
        apart,
        every,
    };
    let mut stages: Vec<Stage> = primes(lattice).into_iter().map(|prime| stage(prime, 1, prime)).collect();
    let mut apart = 1;
    for prime in primes(size / lattice) {
        stages.push(stage(prime, apart, 1));
        apart *= prime;
    }
    if stages.is_empty() {
        stages.push(stage(1, 1, 1));
    }
    stages
}

fn primes(mut number: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut prime = 2;
    while number > 1 {
        while number.is_multiple_of(prime) {
            found.push(prime);
            number /= prime;
        }
        prime += 1;
    }
    found
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// See [`Sums`].
pub(super) struct Flat {
    size: usize,
    rootsift: bool,
    /// The window's factors of outer and inner bins along an axis, for hats of height s.
    factors: [f32; 2],
    /// From a feature to the next and from a bin to the next, along an axis, in bin centres.
    feature_step: usize,
    bin_step: usize,
    stages: Vec<Stage>,
    columns_read: usize,
    /// What each stage but the last gives along x.
    along_x: Vec<Aligned>,
    /// What each stage reads along y.
    along_y: Vec<Ring>,
    /// The rows of bins, rooted for RootSIFT; of each bin the sum of its raw values and of their squares.
    bins: Ring,
    sums: Ring,
    squares: Ring,
    /// Mass or length of a row's features, before and after adding up along x.
    by_bin: Vec<f32>,
    by_feature: Vec<f32>,
    /// Where the rows begin that a stage reads along y.
    places: Vec<usize>,
}

impl Sums for Flat {
    fn new(level: &Level, step: usize, rootsift: bool) -> Self {
        let &Level { size, columns, .. } = level;
        let lattice = greatest_common_divisor(step, size);
        let stages = stages(size, lattice);
        let (feature_step, bin_step) = (step / lattice, size / lattice);
        let span = (BINS - 1) * bin_step + 1;
        let width = ((columns - 1) * feature_step + span).next_multiple_of(PIXELS_PER_BLOCK);
        // Each stage reads what full runs of the next one's outputs reach.
        let mut along_x: Vec<Aligned> = Vec::new();
        let mut columns_read = width;
        for (number, stage) in stages.iter().enumerate().rev() {
            columns_read = (columns_read.next_multiple_of(PIXELS_PER_BLOCK) - 1) * stage.every + stage.reach();
            if number > 0 {
                along_x.push(Aligned::zeros(columns_read.next_multiple_of(PIXELS_PER_BLOCK) * ORIENTATIONS));
            }
        }
        along_x.reverse();
        Self {
            size,
            rootsift,
            factors: [0, 1].map(|bin| window_mean(size, bin) / size as f32),
            feature_step,
            bin_step,
            along_y: stages.iter().map(|stage| Ring::new(width * ORIENTATIONS, stage.reach())).collect(),
            stages,
            columns_read,
            along_x,
            bins: Ring::new(width * ORIENTATIONS, span),
            sums: Ring::new(width, span),
            squares: Ring::new(width, span),
            by_bin: vec![0.0; width],
            by_feature: vec![0.0; columns],
            places: Vec::new(),
        }
    }

    fn columns_read(&self) -> usize {
        self.columns_read
    }

    fn add_row(&mut self, pixels: &[f32]) {
        filter_along_x(&self.stages, pixels, &mut self.along_x, self.along_y[0].add());
        self.filter_along_y();
    }

    fn repeat_row(&mut self) {
        self.along_y[0].repeat();
        self.filter_along_y();
    }

    fn complete(&self, row: usize) -> bool {
        self.bins.count() > row * self.feature_step + (BINS - 1) * self.bin_step
    }

    fn describe(planes: &mut [Self], row: usize, first: usize, descriptors: &mut Descriptors<'_>) {
        describe(planes, row, first, descriptors);
    }
}

impl Flat {
    /// Hands the row that came last down the stages as far as it completes one of theirs.
    fn filter_along_y(&mut self) {
        for (number, stage) in self.stages.iter().enumerate() {
            let (ring, next) = self.along_y[number..].split_first_mut().expect("a ring a stage");
            match ring.count().checked_sub(stage.reach()) {
                Some(first) if first.is_multiple_of(stage.every) => {
                    self.places.clear();
                    self.places.extend((0..stage.hat.len()).map(|j| ring.place(first + j * stage.apart)));
                }
                _ => return,
            }
            match next.first_mut() {
                Some(next) => filter_along_y(&stage.hat, ring.values(), &self.places, next.add()),
                None => {
                    let bins = self.bins.add();
                    filter_along_y(&stage.hat, ring.values(), &self.places, bins);
                    add_up(bins, self.sums.add(), self.squares.add());
                    if self.rootsift {
                        roots(bins);
                    }
                }
            }
        }
    }
}

#[apply(avx512_fma!)]
fn filter_along_x(stages: &[Stage], pixels: &[f32], between: &mut [Aligned], out: &mut [f32]) {
    for (number, stage) in stages.iter().enumerate() {
        let (before, rest) = between.split_at_mut(number);
        let input = before.last().map_or(pixels, |input| input);
        let out: &mut [f32] = rest.first_mut().map_or(&mut *out, |next| next);
        match stage.every {
            1 => run_stage::<1>(stage, input, out),
            2 => run_stage::<2>(stage, input, out),
            _ => run_stage::<0>(stage, input, out),
        }
    }
}

/// `EVERY` is the stage's, if the compiler shall know it, else 0.
#[inline(always)]
fn run_stage<const EVERY: usize>(stage: &Stage, input: &[f32], out: &mut [f32]) {
    let every = if EVERY == 0 { stage.every } else { EVERY };
    for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sums = [0.0f32; BLOCK];
        for (j, height) in stage.hat.iter().enumerate() {
            let from = ORIENTATIONS * (block * PIXELS_PER_BLOCK * every + j * stage.apart);
            let source = &input[from..from + ORIENTATIONS * ((PIXELS_PER_BLOCK - 1) * every + 1)];
            for i in 0..PIXELS_PER_BLOCK {
                for t in 0..ORIENTATIONS {
                    let sum = &mut sums[i * ORIENTATIONS + t];
                    *sum = source[i * every * ORIENTATIONS + t].mul_add(*height, *sum);
                }
            }
        }
        *out = sums;
    }
}

/// `out = Σ_j hat_j a_j`, where `a_j` are the values from `places[j]` on.
#[apply(avx512_fma!)]
fn filter_along_y(hat: &[f32], values: &[f32], places: &[usize], out: &mut [f32]) {
    for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sums = [0.0f32; BLOCK];
        for (height, place) in hat.iter().zip(places) {
            let source = &values[place + block * BLOCK..][..BLOCK];
            for i in 0..BLOCK {
                sums[i] = source[i].mul_add(*height, sums[i]);
            }
        }
        *out = sums;
    }
}

/// Of each bin the sum of its values and of their squares.
#[apply(avx512_fma!)]
fn add_up(bins: &[f32], sums: &mut [f32], squares: &mut [f32]) {
    let bins = bins.as_chunks::<ORIENTATIONS>().0;
    let total = |v: &[f32; ORIENTATIONS]| ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
    for ((bin, sum), square) in bins.iter().zip(sums).zip(squares) {
        *sum = total(bin);
        *square = total(&bin.map(|value| value * value));
    }
}

#[apply(avx512_fma!)]
fn roots(values: &mut [f32]) {
    for value in values {
        *value = value.sqrt();
    }
}

/// Adds up for each feature of a row what its bins have each, times their factors along both axes; `by_bin` is room.
#[inline(always)]
fn add_bins(rows: [&[f32]; BINS], factors: [f32; 2], steps: [usize; 2], by_bin: &mut [f32], out: &mut [f32]) {
    let [a, b, c, d] = rows.map(|row| &row[..by_bin.len()]);
    for (i, sum) in by_bin.iter_mut().enumerate() {
        *sum = factors[0] * (a[i] + d[i]) + factors[1] * (b[i] + c[i]);
    }
    let [feature_step, bin_step] = steps;
    for (i, out) in out.iter_mut().enumerate() {
        let at = |bin: usize| by_bin[i * feature_step + bin * bin_step];
        *out = factors[0] * (at(0) + at(3)) + factors[1] * (at(1) + at(2));
    }
}

/// See [`Sums::describe`].
#[apply(avx512_fma!)]
fn describe(planes: &mut [Flat], row: usize, first: usize, descriptors: &mut Descriptors<'_>) {
    let rule = descriptors.rule;
    let &Flat { size, factors, feature_step, bin_step, .. } = &planes[0];
    let steps = [feature_step, bin_step];
    let rows: [usize; BINS] = std::array::from_fn(|by| row * feature_step + by * bin_step);
    let grey = &mut planes[0];
    add_bins(rows.map(|row| grey.sums.row(row)), factors, steps, &mut grey.by_bin, &mut grey.by_feature);
    let min = min_sum(size);
    let kept = &mut descriptors.kept;
    kept.clear();
    for (i, &sum) in grey.by_feature.iter().enumerate() {
        let low = sum < min;
        if !(low && rule.drop) {
            kept.push((i, low));
        }
    }
    let (numbers, targets) = descriptors.strips.room(kept.len());
    numbers.extend(kept.iter().map(|(i, _)| (first + i) as u32));
    let width = planes.len() - rule.first;
    let targets = targets.as_chunks_mut::<WIDTH>().0;
    let limit = rule.limit();
    let part = |factor: f32| if rule.rootsift { factor.sqrt() } else { factor };
    let parts = [factors[0] * factors[0], factors[0] * factors[1], factors[1] * factors[1]].map(part);
    for (number, plane) in planes[rule.first..].iter_mut().enumerate() {
        let square = factors.map(|factor| factor * factor);
        add_bins(rows.map(|row| plane.squares.row(row)), square, steps, &mut plane.by_bin, &mut plane.by_feature);
        for length in &mut plane.by_feature {
            *length = rule.scale(*length);
        }
        let rows = rows.map(|row| plane.bins.row(row).as_chunks::<ORIENTATIONS>().0);
        let bins = Bins { rows, step: bin_step };
        for (kept, targets) in kept.chunks(GROUP).zip(targets.chunks_mut(GROUP * width)) {
            let mut squares = [[0.0; LANES]; GROUP];
            for ((&(i, low), target), squares) in kept.iter().zip(targets.chunks_mut(width)).zip(&mut squares) {
                let factor = if low { 0.0 } else { plane.by_feature[i] };
                let factors = parts.map(|part| part * factor);
                let sums = bins.cut(i * feature_step, factors, limit, &mut target[number]);
                squares[..ORIENTATIONS].copy_from_slice(&sums);
            }
            let factors = reciprocal_lengths(&squares);
            for (target, factor) in targets.chunks_mut(width).zip(factors) {
                scale(&mut target[number], factor);
            }
        }
    }
}

/// The bins of a row of features.
struct Bins<'a> {
    rows: [&'a [[f32; ORIENTATIONS]]; BINS],
    /// From a bin of a feature to its next.
    step: usize,
}

impl Bins<'_> {
    /// Writes the cut values of the feature whose first bin is bin `first` of the first row, and returns the sums of their
    /// squares. `factors` are those of bins that are outer along both axes, along one, and along none.
    #[inline(always)]
    fn cut(&self, first: usize, factors: [f32; 3], limit: f32, out: &mut [f32; WIDTH]) -> [f32; ORIENTATIONS] {
        let mut sums = [0.0f32; ORIENTATIONS];
        let out = out.as_chunks_mut::<ORIENTATIONS>().0;
        for by in 0..BINS {
            let bins = &self.rows[by][first..][..3 * self.step + 1];
            for bx in 0..BINS {
                let inner = usize::from(by == 1 || by == 2) + usize::from(bx == 1 || bx == 2);
                out[bx + BINS * by] = cut_lanes(bins[bx * self.step], factors[inner], limit, &mut sums);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_make_the_hat() {
        for size in 1..=40usize {
            for step in 1..=20 {
                let lattice = greatest_common_divisor(step, size);
                let stages = stages(size, lattice);
                // The weights with which the last stage's output reads the first one's inputs.
                let mut weights = vec![1.0];
                for stage in stages.iter().rev() {
                    let mut wider = vec![0.0; (weights.len() - 1) * stage.every + stage.reach()];
                    for (i, weight) in weights.iter().enumerate() {
                        for (j, height) in stage.hat.iter().enumerate() {
                            wider[i * stage.every + j * stage.apart] += weight * height;
                        }
                    }
                    weights = wider;
                }
                let hat: Vec<f32> = (1 - size as i64..size as i64).map(|u| (size as i64 - u.abs()) as f32).collect();
                assert_eq!(weights, hat, "{size} {step}");
                assert_eq!(stages.iter().map(|stage| stage.every).product::<usize>(), lattice);
            }
        }
    }
}
