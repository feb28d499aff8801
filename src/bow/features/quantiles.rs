//! Quantiles of the values in a region of each plane: what colours there are, not where.
//!
//! Per plane and region the quantiles q = 0.1 … 0.9 by linear interpolation between order statistics (type 7 of Hyndman &
//! Fan 1996): with n sorted values v and h = (n − 1)q, `v_⌊h⌋ + (h − ⌊h⌋)(v_⌊h⌋+1 − v_⌊h⌋)`. The regions lie in the square support
//! S of 4s×4s pixels before it is clipped, and count the pixels that lie in the picture: S itself, or the left and the right half of the disc
//! inscribed in it, the pixels whose distance to the middle of S is less than 2s. S has an even number of columns, so the middle
//! lies between two of them and no pixel belongs to both halves; all bin centres of a feature lie in the picture, so none is empty.
//! Dimension `(k − 1) + 9·(region + regions·plane)` for q = k/10, the left half first.
//!
//! Source: Bach et al. 2015 (colour features of the VOC model).

use ndarray::Array2;

use super::grid::{self, Grid, Position};
use super::planes::Planes;
use super::strip::{Strip, Strips};
use super::{DescriptorConfig, FeatureFamily};
use crate::picture::Picture;
use crate::picture::Rectangle;
use crate::settings::Faults;

/// Quantiles of a region.
const QUANTILES: usize = 9;

crate::closed_set! {
    /// The pixels whose values are described together.
    pub enum Region as "region" {
        /// The left and the right half of the disc inscribed in the support, one after the other.
        HalfCircles = "half-circles",
        /// The support.
        Square = "square",
    }
}

impl Region {
    /// Regions of a feature.
    fn count(self) -> usize {
        match self {
            Region::HalfCircles => 2,
            Region::Square => 1,
        }
    }

    /// Half-open runs of columns in every row of an unclipped support of bin size `size`, a run a region.
    fn rows(self, size: usize) -> Vec<Vec<(usize, usize)>> {
        let width = 4 * size;
        let row = |y: usize| match self {
            Region::Square => vec![(0, width)],
            Region::HalfCircles => {
                // Twice the distances to the middle are odd numbers, so none is exactly 4s.
                let dy = (2 * y).abs_diff(width - 1);
                let half = (0..2 * size).take_while(|x| (2 * x + 1).pow(2) + dy.pow(2) < width.pow(2)).count();
                vec![(2 * size - half, 2 * size), (2 * size, 2 * size + half)]
            }
        };
        (0..width).map(row).collect()
    }
}

/// The family `quantiles`.
pub(super) struct Quantiles(pub(super) DescriptorConfig);

impl FeatureFamily for Quantiles {
    fn check(&self, at: &str, faults: &mut Faults) {
        grid::check(&self.0.sizes, self.0.step, at, faults);
    }

    fn usual_planes(&self) -> Planes {
        Planes::Rgb
    }

    fn width(&self) -> usize {
        QUANTILES * self.0.region.count() * self.0.planes.count()
    }

    fn grid(&self, width: usize, height: usize) -> Grid {
        Grid::new(width, height, &self.0.sizes, self.0.step)
    }

    fn extract(&self, picture: &Picture, grid: &Grid, sink: &mut dyn FnMut(Strip<'_>)) {
        let planes: Vec<Plane> = self.0.planes.extract(picture).into_iter().map(Plane::new).collect();
        let mut strips = Strips::new(self.width(), sink);
        let mut descriptor = vec![0.0; self.width()];
        let mut values = Vec::new();
        for level in grid.levels.iter().filter(|level| level.columns > 0) {
            let rows = self.0.region.rows(level.size);
            for number in level.first..level.first + level.columns * level.rows {
                let position = grid.position(number);
                let mut parts = descriptor.as_chunks_mut::<QUANTILES>().0.iter_mut();
                for plane in &planes {
                    for region in 0..self.0.region.count() {
                        let runs = Runs { rows: &rows, region, position, width: grid.width, height: grid.height };
                        if let Some(part) = parts.next() {
                            plane.quantiles(&runs, &mut values, part);
                        }
                    }
                }
                strips.push(number, &descriptor);
                strips.flush_if_full();
            }
        }
        strips.flush();
    }

    fn receptive_field(&self, grid: &Grid, position: Position) -> Rectangle {
        self.support(grid, position)
    }

    fn smallest_side(&self) -> usize {
        grid::smallest_side(&self.0.sizes)
    }
}

/// One region of one feature.
struct Runs<'a> {
    rows: &'a [Vec<(usize, usize)>],
    region: usize,
    position: Position,
    width: usize,
    height: usize,
}

impl Runs<'_> {
    /// Hands over the region's pixels in the picture, a half-open run of row-major indices a row.
    fn each(&self, mut see: impl FnMut(std::ops::Range<usize>)) {
        let Position { size, x, y } = self.position;
        // The support begins ⌊s/2⌋ before the first bin's centre, perhaps outside the picture.
        let before = size / 2;
        for (j, runs) in self.rows.iter().enumerate() {
            let Some(row) = (y + j).checked_sub(before).filter(|row| *row < self.height) else { continue };
            let (from, to) = runs[self.region];
            let from = (x + from).saturating_sub(before).min(self.width);
            let to = (x + to).saturating_sub(before).min(self.width);
            see(row * self.width + from..row * self.width + to);
        }
    }
}

/// A plane in the form in which its quantiles are found fastest.
enum Plane {
    /// Every value is a byte's share of 255.
    Bytes(Vec<u8>),
    /// Any values.
    Values(Vec<f32>),
}

impl Plane {
    fn new(plane: Array2<f32>) -> Self {
        let code = |value: f32| (value * 255.0).round() as u8;
        if plane.iter().all(|&value| f32::from(code(value)) / 255.0 == value) {
            Plane::Bytes(plane.iter().map(|&value| code(value)).collect())
        } else {
            Plane::Values(plane.iter().copied().collect())
        }
    }

    fn quantiles(&self, runs: &Runs<'_>, buffer: &mut Vec<f32>, out: &mut [f32; QUANTILES]) {
        match self {
            Plane::Bytes(bytes) => {
                // Four counts in turn: equal neighbours need not wait for one another.
                let mut counts = [[0u32; 256]; 4];
                let mut n = 0;
                runs.each(|run| {
                    n += run.len();
                    let (fours, rest) = bytes[run].as_chunks::<4>();
                    for four in fours {
                        for (counts, &byte) in counts.iter_mut().zip(four) {
                            counts[usize::from(byte)] += 1;
                        }
                    }
                    for &byte in rest {
                        counts[0][usize::from(byte)] += 1;
                    }
                });
                let [a, b, c, d] = &counts;
                let mut byte = 0;
                let mut below = a[0] + b[0] + c[0] + d[0];
                // Ranks are asked for in ascending order.
                interpolate(n, out, |rank| {
                    while (below as usize) <= rank {
                        byte += 1;
                        below += a[byte] + b[byte] + c[byte] + d[byte];
                    }
                    byte as f32 / 255.0
                });
            }
            Plane::Values(values) => {
                buffer.clear();
                runs.each(|run| buffer.extend_from_slice(&values[run]));
                let n = buffer.len();
                let mut ranks = Vec::with_capacity(2 * QUANTILES);
                interpolate(n, out, |rank| {
                    ranks.push(rank);
                    0.0
                });
                ranks.dedup();
                select_nth(buffer, 0, &ranks);
                interpolate(n, out, |rank| buffer[rank]);
            }
        }
    }
}

/// The quantiles of n values, of which `value(rank)` are the order statistics; ranks are asked for in ascending order.
fn interpolate(n: usize, out: &mut [f32; QUANTILES], mut value: impl FnMut(usize) -> f32) {
    for (k, quantile) in (1..).zip(out) {
        // h = (n − 1)k/10 in whole numbers, so that no rounding moves it across a rank.
        let (rank, tenths) = ((n - 1) * k / 10, (n - 1) * k % 10);
        let low = f64::from(value(rank));
        let high = if tenths == 0 { low } else { f64::from(value(rank + 1)) };
        *quantile = (low + tenths as f64 / 10.0 * (high - low)) as f32;
    }
}

/// Moves the order statistics of these ascending `ranks` to their places; `values` begin at rank `first`.
fn select_nth(values: &mut [f32], first: usize, ranks: &[usize]) {
    let Some(&middle) = ranks.get(ranks.len() / 2) else { return };
    let (low, _, high) = values.select_nth_unstable_by(middle - first, f32::total_cmp);
    select_nth(low, first, &ranks[..ranks.len() / 2]);
    select_nth(high, middle + 1, &ranks[ranks.len() / 2 + 1..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::features::Family;
    use crate::numeric::random::stream;
    use proptest::prelude::*;
    use rand::RngExt;

    /// `levels` different values a channel at most.
    fn noise(width: usize, height: usize, levels: u8, seed: u64) -> Picture {
        let mut random = stream(seed, "noise");
        let samples = (0..3 * width * height).map(|_| random.random_range(0..levels) * (255 / levels)).collect();
        Picture::from_rgb8(width, height, samples).unwrap()
    }

    fn describe(family: &Quantiles, picture: &Picture) -> (Grid, Vec<Vec<f32>>) {
        let grid = family.grid(picture.width(), picture.height());
        let (mut numbers, mut rows) = (Vec::new(), Vec::new());
        family.extract(picture, &grid, &mut |strip| {
            numbers.extend_from_slice(strip.numbers);
            rows.extend(strip.descriptors.rows().into_iter().map(|row| row.to_vec()));
        });
        assert_eq!(numbers, (0..grid.len() as u32).collect::<Vec<_>>());
        (grid, rows)
    }

    /// The module head, pixel by pixel over the whole picture: the obviously right twin.
    fn naive(config: &DescriptorConfig, picture: &Picture, position: Position) -> Vec<f32> {
        let corner = |first_bin: usize| (first_bin as f64 - 0.5 * position.size as f64).ceil();
        let (width, radius) = (4.0 * position.size as f64, 2.0 * position.size as f64);
        let (left, top) = (corner(position.x), corner(position.y));
        let (middle_x, middle_y) = (left + (width - 1.0) / 2.0, top + (width - 1.0) / 2.0);
        let mut out = Vec::new();
        for plane in config.planes.extract(picture) {
            for region in 0..config.region.count() {
                let inside = |x: f64, y: f64| match config.region {
                    Region::Square => x >= left && x < left + width && y >= top && y < top + width,
                    Region::HalfCircles => {
                        (x - middle_x).hypot(y - middle_y) < radius && (x > middle_x) == (region == 1)
                    }
                };
                let of_region = plane.indexed_iter().filter(|((y, x), _)| inside(*x as f64, *y as f64));
                let mut values: Vec<f32> = of_region.map(|(_, value)| *value).collect();
                assert!(!values.is_empty());
                values.sort_by(f32::total_cmp);
                for k in 1..10 {
                    let place = (values.len() - 1) * k;
                    let (low, high) = (values[place / 10], values[place.div_ceil(10)]);
                    let share = (place % 10) as f64 / 10.0;
                    out.push((f64::from(low) + share * (f64::from(high) - f64::from(low))) as f32);
                }
            }
        }
        out
    }

    fn configs(sizes: &[usize], step: usize) -> Vec<DescriptorConfig> {
        let each = Planes::ALL.iter().flat_map(|&planes| Region::ALL.iter().map(move |&region| (planes, region)));
        each.map(|(planes, region)| DescriptorConfig {
            planes,
            region,
            step,
            sizes: sizes.to_vec(),
            ..DescriptorConfig::of(Family::Quantiles)
        })
        .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn counts_and_selections_equal_sorting(
            width in 4usize..30, height in 4usize..30, levels in prop_oneof![Just(2u8), Just(9), Just(255)], seed in 0u64..1000,
            sizes in proptest::sample::subsequence(vec![1usize, 2, 3, 5, 6], 1..=3), step in 1usize..7,
        ) {
            let picture = noise(width, height, levels, seed);
            for config in configs(&sizes, step) {
                let family = Quantiles(config);
                let (grid, rows) = describe(&family, &picture);
                for (number, row) in rows.iter().enumerate().step_by(1 + rows.len() / 12) {
                    prop_assert_eq!(row.len(), family.width());
                    prop_assert_eq!(row, &naive(&family.0, &picture, grid.position(number)), "{:?} {}", &family.0, number);
                }
            }
        }
    }

    #[test]
    fn both_forms_of_a_plane_occur_and_agree() {
        let picture = noise(40, 36, 200, 3);
        let rgb = Planes::Rgb.extract(&picture);
        assert!(rgb.iter().all(|plane| matches!(Plane::new(plane.clone()), Plane::Bytes(_))));
        assert!(matches!(Plane::new(picture.grey()), Plane::Values(_)));
        assert!(matches!(Plane::new(-&rgb[0]), Plane::Values(_)));
        let rows = Region::HalfCircles.rows(4);
        let runs = Runs { rows: &rows, region: 1, position: Position { size: 4, x: 1, y: 7 }, width: 40, height: 36 };
        let mut out = [[0.0; QUANTILES]; 2];
        Plane::new(rgb[1].clone()).quantiles(&runs, &mut Vec::new(), &mut out[0]);
        Plane::Values(rgb[1].iter().copied().collect()).quantiles(&runs, &mut Vec::new(), &mut out[1]);
        assert_eq!(out[0], out[1]);
        assert!(out[0].is_sorted() && out[0][0] < out[0][8]);
    }

    /// Only pixels of the region count, and the first and last of them do.
    #[test]
    fn the_receptive_field_is_the_region() {
        let picture = noise(50, 44, 255, 8);
        for config in configs(&[3, 4], 5) {
            let family = Quantiles(config);
            let (grid, before) = describe(&family, &picture);
            let changed = |change: &dyn Fn(u32, u32) -> bool, number: usize| {
                let mut image = picture.rgb8();
                for (x, y, pixel) in image.enumerate_pixels_mut().filter(|(x, y, _)| change(*x, *y)) {
                    // Far from what any other pixel has.
                    pixel.0 = if (x + y) % 2 == 0 { [255, 0, 255] } else { [0, 255, 0] };
                }
                let picture = Picture::from_rgb8(50, 44, image.into_raw()).unwrap();
                describe(&family, &picture).1[number] != before[number]
            };
            for number in [0, grid.len() / 3, grid.len() - 1] {
                let field = family.receptive_field(&grid, grid.position(number));
                let inside = |x, y| (field.x0..field.x1).contains(&x) && (field.y0..field.y1).contains(&y);
                assert!(!changed(&|x, y| !inside(x, y), number));
                assert!(changed(&|x, y| inside(x, y) && x == field.x0, number) || field.x0 == 0);
                assert!(changed(&|x, y| inside(x, y) && y + 1 == field.y1, number) || field.y1 == 44);
            }
        }
    }

    /// Mirroring the picture swaps the halves, where the supports map onto supports.
    #[test]
    fn mirroring_swaps_the_halves() {
        let picture = noise(1 + 9 + 5 * 6, 30, 255, 2);
        let mirrored = image::imageops::flip_horizontal(&picture.rgb8());
        let mirrored = Picture::from_rgb8(picture.width(), 30, mirrored.into_raw()).unwrap();
        let family = Quantiles(DescriptorConfig { sizes: vec![3], step: 5, ..DescriptorConfig::of(Family::Quantiles) });
        let ((grid, a), (_, b)) = (describe(&family, &picture), describe(&family, &mirrored));
        let columns = grid.levels[0].columns;
        for (number, row) in a.iter().enumerate() {
            let other = &b[number / columns * columns + columns - 1 - number % columns];
            for (plane, twin) in row.chunks(18).zip(other.chunks(18)) {
                assert_eq!((&plane[..9], &plane[9..]), (&twin[9..], &twin[..9]));
            }
        }
    }

    #[test]
    fn golden_quantiles_agree() {
        #[derive(serde::Deserialize)]
        struct Row {
            index: usize,
            descriptor: Vec<f32>,
        }
        #[derive(serde::Deserialize)]
        struct Case {
            region: Region,
            planes: Planes,
            rows: Vec<Row>,
        }
        let golden = crate::bow::features::golden::read();
        let cases: Vec<Case> = serde_json::from_value(golden.json["quantiles"].clone()).unwrap();
        assert_eq!(cases.len(), 4);
        for Case { region, planes, rows } in cases {
            let config = DescriptorConfig {
                region,
                planes,
                sizes: golden.sizes.clone(),
                step: golden.step,
                ..DescriptorConfig::of(Family::Quantiles)
            };
            let (_, found) = describe(&Quantiles(config), &golden.picture);
            assert_eq!(found.len(), golden.features);
            for row in &rows {
                assert_eq!(found[row.index].len(), row.descriptor.len());
                for (found, expected) in found[row.index].iter().zip(&row.descriptor) {
                    assert!((found - expected).abs() < 1e-6, "{region} {planes}: {found} instead of {expected}");
                }
            }
        }
    }
}
