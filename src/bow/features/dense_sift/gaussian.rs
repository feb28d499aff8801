//! Upright sums for the Gaussian window: along each axis four kernels, one a bin, `κ_b(u) = Λ(u) exp(−½((u − δ_b)/(ω s))²)`.
//!
//! They share no values and do not refine as the flat window's do, so they are summed directly: along x for every row, at the bin centres of every
//! feature, along y when all rows of a feature are there.

use macro_rules_attribute::apply;

use super::normalise::{GROUP, LANES, Partial, add_lanes, cut, min_sum, reciprocal_lengths, scale, totals};
use super::sums::{Ring, Sums};
use super::{BINS, Descriptors, ORIENTATIONS, WIDTH, gaussian_window};
use crate::bow::features::grid::Level;
use crate::numeric::aligned::Aligned;
use crate::numeric::simd::avx512_fma;

/// Features summed along x at a time.
const NEIGHBOURS: usize = 8;
/// Values of a bin row of a descriptor.
const BIN_ROW: usize = BINS * ORIENTATIONS;
/// Features summed along y at a time.
const PART: usize = 2;

/// See [`Sums`].
pub(super) struct Gaussian {
    size: usize,
    step: usize,
    columns: usize,
    /// For each row that a feature's bins reach, and one more: its weight in the bin that ends there and in the one that starts.
    along_y: Vec<[f32; 2]>,
    /// `κ_b` for two pixels at a time, a weight for each of their values.
    pairs: [Vec<[f32; 2 * ORIENTATIONS]>; BINS],
    /// The rows filtered along x: feature by feature the 4 x bins of 8 orientations.
    ring: Ring,
    /// Where the rows of the current features begin there.
    places: Vec<usize>,
    /// Neighbouring features: their raw histograms, rooted for RootSIFT, and their values' sums and sums of squares, by lanes.
    group: Aligned,
    sums: Partial,
    squares: Partial,
    rootsift: bool,
}

impl Sums for Gaussian {
    fn new(level: &Level, step: usize, rootsift: bool) -> Self {
        let &Level { size, columns, .. } = level;
        let kernels: [Vec<f32>; BINS] = std::array::from_fn(|bin| {
            let (s, last) = (size as f64, size as i64 - 1);
            let kernel = |u: i64| (1.0 - u.abs() as f64 / s) * gaussian_window(size, bin, u);
            // Pixel p = X − u.
            (-last..=last).rev().map(|u| kernel(u) as f32).collect()
        });
        let pairs = kernels.each_ref().map(|kernel| {
            let weight = |j: usize| kernel.get(j).copied().unwrap_or(0.0);
            (0..size).map(|k| std::array::from_fn(|lane| weight(2 * k + lane / ORIENTATIONS))).collect()
        });
        let width = columns.next_multiple_of(GROUP) * BIN_ROW;
        Self {
            size,
            step,
            columns,
            along_y: (0..(BINS + 1) * size)
                .map(|row| {
                    let weight = |bin: usize, j: usize| kernels.get(bin).and_then(|kernel| kernel.get(j)).copied();
                    let (bin, row) = (row / size, row % size);
                    [bin.checked_sub(1).and_then(|bin| weight(bin, size + row)), weight(bin, row)]
                        .map(Option::unwrap_or_default)
                })
                .collect(),
            pairs,
            ring: Ring::new(width, (BINS + 1) * size - 1),
            places: Vec::new(),
            group: Aligned::zeros(GROUP * WIDTH),
            sums: [[0.0; LANES]; GROUP],
            squares: [[0.0; LANES]; GROUP],
            rootsift,
        }
    }

    fn columns_read(&self) -> usize {
        (self.columns.next_multiple_of(GROUP) - 1) * self.step + (BINS + 1) * self.size
    }

    fn add_row(&mut self, pixels: &[f32]) {
        filter_along_x(pixels, &self.pairs, self.size, self.step, self.ring.add());
    }

    fn repeat_row(&mut self) {
        self.ring.repeat();
    }

    fn complete(&self, row: usize) -> bool {
        self.ring.count() >= row * self.step + (BINS + 1) * self.size - 1
    }

    fn describe(planes: &mut [Self], row: usize, first: usize, descriptors: &mut Descriptors<'_>) {
        let size = planes[0].size;
        for plane in planes.iter_mut() {
            plane.places.clear();
            let rows = row * plane.step..row * plane.step + (BINS + 1) * size - 1;
            plane.places.extend(rows.map(|row| plane.ring.place(row)));
        }
        describe(planes, first, descriptors);
    }
}

/// `out[i][b] = Σ_j κ_b,j pixel(step·i + b·s + j)`, even and odd j added up apart.
#[apply(avx512_fma!)]
fn filter_along_x(
    pixels: &[f32],
    pairs: &[Vec<[f32; 2 * ORIENTATIONS]>; BINS],
    size: usize,
    step: usize,
    out: &mut [f32],
) {
    for (block, out) in out.as_chunks_mut::<{ NEIGHBOURS * BIN_ROW }>().0.iter_mut().enumerate() {
        for (bin, pairs) in pairs.iter().enumerate() {
            let mut sums = [[0.0f32; 2 * ORIENTATIONS]; NEIGHBOURS];
            let from = ORIENTATIONS * (block * NEIGHBOURS * step + bin * size);
            let mut sources: [&[[f32; 2 * ORIENTATIONS]]; NEIGHBOURS] = [&[]; NEIGHBOURS];
            for i in 0..NEIGHBOURS {
                sources[i] = &pixels[from + ORIENTATIONS * i * step..].as_chunks().0[..pairs.len()];
            }
            for (k, weights) in pairs.iter().enumerate() {
                for i in 0..NEIGHBOURS {
                    for lane in 0..2 * ORIENTATIONS {
                        sums[i][lane] = sources[i][k][lane].mul_add(weights[lane], sums[i][lane]);
                    }
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                let target = &mut out[i * BIN_ROW + bin * ORIENTATIONS..][..ORIENTATIONS];
                for t in 0..ORIENTATIONS {
                    target[t] = sum[t] + sum[t + ORIENTATIONS];
                }
            }
        }
    }
}

/// See [`Sums::describe`].
#[apply(avx512_fma!)]
fn describe(planes: &mut [Gaussian], first: usize, descriptors: &mut Descriptors<'_>) {
    let rule = descriptors.rule;
    let min = min_sum(planes[0].size);
    let columns = planes[0].columns;
    let width = planes.len() - rule.first;
    for from in (0..columns).step_by(GROUP) {
        let count = GROUP.min(columns - from);
        for plane in planes.iter_mut() {
            plane.sum_along_y(from);
        }
        let low = totals(&planes[0].sums).map(|sum| sum < min);
        let mut kept = [0; GROUP];
        let mut keeping = 0;
        for i in (0..count).filter(|&i| !(low[i] && rule.drop)) {
            kept[keeping] = i;
            keeping += 1;
        }
        let kept = &kept[..keeping];
        let (numbers, targets) = descriptors.strips.room(kept.len());
        numbers.extend(kept.iter().map(|i| (first + from + i) as u32));
        let targets = targets.as_chunks_mut::<WIDTH>().0;
        for (number, plane) in planes[rule.first..].iter_mut().enumerate() {
            let lengths = totals(&plane.squares);
            let group = plane.group.as_chunks::<WIDTH>().0;
            let mut squares = [[0.0; LANES]; GROUP];
            for ((&i, target), squares) in kept.iter().zip(targets.chunks_mut(width)).zip(&mut squares) {
                let factor = if low[i] { 0.0 } else { rule.scale(lengths[i]) };
                cut(&group[i], factor, rule.limit(), &mut target[number], squares);
            }
            let factors = reciprocal_lengths(&squares);
            for (target, factor) in targets.chunks_mut(width).zip(factors) {
                scale(&mut target[number], factor);
            }
        }
    }
}

impl Gaussian {
    /// Fills the group with the features from `from` on.
    #[inline(always)]
    fn sum_along_y(&mut self, from: usize) {
        self.sums = [[0.0; LANES]; GROUP];
        self.squares = [[0.0; LANES]; GROUP];
        let values = self.ring.values();
        for (n, part) in self.group.as_chunks_mut::<{ PART * WIDTH }>().0.iter_mut().enumerate() {
            let start = (from + n * PART) * BIN_ROW;
            // The rows between two bin centres count for both: for one that ends and one that starts.
            let mut ending = [0.0; PART * BIN_ROW];
            for (by, weights) in self.along_y.chunks_exact(self.size).enumerate() {
                let mut starting = [0.0; PART * BIN_ROW];
                for (&[end, start_weight], place) in weights.iter().zip(&self.places[by * self.size..]) {
                    let row = &values[place + start..][..PART * BIN_ROW];
                    for i in 0..PART * BIN_ROW {
                        ending[i] = row[i].mul_add(end, ending[i]);
                        starting[i] = row[i].mul_add(start_weight, starting[i]);
                    }
                }
                if by > 0 {
                    for (i, ending) in ending.as_chunks::<BIN_ROW>().0.iter().enumerate() {
                        add_lanes(ending, &mut self.sums[n * PART + i], &mut self.squares[n * PART + i]);
                        let mut values = *ending;
                        if self.rootsift {
                            for value in &mut values {
                                *value = value.sqrt();
                            }
                        }
                        part[i * WIDTH + (by - 1) * BIN_ROW..][..BIN_ROW].copy_from_slice(&values);
                    }
                }
                ending = starting;
            }
        }
    }
}
