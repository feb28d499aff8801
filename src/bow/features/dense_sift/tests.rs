//! Dense SIFT against the golden values, against a plain transcription of the formula, and against its own laws.

use super::gradients::orientation_in_bins;
use super::*;
use crate::bow::features::planes::Planes;
use proptest::prelude::*;
use std::f64::consts::PI;

struct Features {
    numbers: Vec<u32>,
    values: Vec<f32>,
}

fn of_planes(planes: &[Array2<f32>], first: usize, config: &DescriptorConfig) -> (Grid, Features) {
    let (height, width) = planes[0].dim();
    let grid = Grid::new(width, height, &config.sizes, config.step);
    let mut features = Features { numbers: Vec::new(), values: Vec::new() };
    extract(planes, first, &grid, config, &mut |strip| {
        features.numbers.extend_from_slice(strip.numbers);
        features.values.extend(strip.descriptors.iter());
    });
    (grid, features)
}

fn all(grey: &Array2<f32>, sizes: &[usize], step: usize, window: Window, zero: ZeroRule) -> (Grid, Features) {
    let config = DescriptorConfig { sizes: sizes.to_vec(), step, window, zero, rootsift: false, ..Default::default() };
    of_planes(std::slice::from_ref(grey), 0, &config)
}

/// Smoothed gradients of a whole plane in f64.
struct Twin {
    modulus: Array2<f64>,
    /// 0…2π.
    angle: Array2<f64>,
}

impl Twin {
    fn new(plane: &Array2<f32>, size: usize) -> Self {
        let (height, width) = plane.dim();
        let at = |y: i64, x: i64| {
            f64::from(plane[(y.clamp(0, height as i64 - 1) as usize, x.clamp(0, width as i64 - 1) as usize)])
        };
        let sigma = size as f64 / 6.0;
        let half = (4.0 * sigma - 1e-9).ceil() as i64;
        let gauss: Vec<f64> = (-half..=half).map(|u| (-(u * u) as f64 / (2.0 * sigma * sigma)).exp()).collect();
        let total: f64 = gauss.iter().sum();
        let smooth = Array2::from_shape_fn((height, width), |(y, x)| {
            let mut sum = 0.0;
            for (j, gy) in gauss.iter().enumerate() {
                for (i, gx) in gauss.iter().enumerate() {
                    sum += gy * gx * at(y as i64 + j as i64 - half, x as i64 + i as i64 - half);
                }
            }
            sum / (total * total)
        });
        let slope = |low: f64, high: f64, inside: bool| if inside { (high - low) / 2.0 } else { high - low };
        let gradient = |(y, x): (usize, usize)| {
            let (xl, xh) = (x.saturating_sub(1), (x + 1).min(width - 1));
            let (yl, yh) = (y.saturating_sub(1), (y + 1).min(height - 1));
            let gx = slope(smooth[(y, xl)], smooth[(y, xh)], xh - xl == 2);
            let gy = slope(smooth[(yl, x)], smooth[(yh, x)], yh - yl == 2);
            (gx.hypot(gy), gy.atan2(gx).rem_euclid(2.0 * PI))
        };
        let gradients = Array2::from_shape_fn((height, width), gradient);
        Self { modulus: gradients.mapv(|(modulus, _)| modulus), angle: gradients.mapv(|(_, angle)| angle) }
    }

    /// Modulus and angle, continued beyond the border.
    fn at(&self, y: i64, x: i64) -> (f64, f64) {
        let (height, width) = self.modulus.dim();
        let place = (y.clamp(0, height as i64 - 1) as usize, x.clamp(0, width as i64 - 1) as usize);
        (self.modulus[place], self.angle[place])
    }

    /// The upright sums at the bin centres, as the module head has them.
    fn upright(&self, position: Position, window: Window) -> Vec<f64> {
        let s = position.size as i64;
        let weight = |bin: usize, u: i64| -> f64 {
            let triangle = 1.0 - u.abs() as f64 / s as f64;
            match window {
                Window::Gaussian => triangle * twin_window(s, bin, u),
                Window::Flat => triangle * twin_mean(s, bin),
            }
        };
        let mut h = vec![0.0; WIDTH];
        for by in 0..4 {
            for bx in 0..4 {
                for v in 1 - s..s {
                    for u in 1 - s..s {
                        let (y, x) = (position.y as i64 + by as i64 * s - v, position.x as i64 + bx as i64 * s - u);
                        let (modulus, angle) = self.at(y, x);
                        for (t, share) in shares(angle, 8) {
                            h[t + 8 * (bx + 4 * by as usize)] +=
                                weight(bx, u) * weight(by as usize, v) * share * modulus;
                        }
                    }
                }
            }
        }
        h
    }

    /// Every pixel near the descriptor with its offset from the centre.
    fn around(position: Position) -> impl Iterator<Item = (i64, i64, f64, f64)> {
        let (cx, cy) = position.centre();
        let reach = 4 * position.size as i64;
        (-reach..=reach).flat_map(move |j| (-reach..=reach).map(move |i| (j, i))).map(move |(j, i)| {
            let (y, x) = (cy.floor() as i64 + j, cx.floor() as i64 + i);
            (y, x, y as f64 - f64::from(cy), x as f64 - f64::from(cx))
        })
    }

    /// φ, and how near the second best peak comes to the best.
    fn dominant(&self, position: Position, window: Window) -> (f64, f64) {
        let s = position.size as f64;
        let mut h = [0.0; 36];
        for (y, x, dy, dx) in Self::around(position).filter(|(_, _, dy, dx)| dx.hypot(*dy) < 2.0 * s) {
            let (modulus, angle) = self.at(y, x);
            let weight =
                if window == Window::Flat { 1.0 } else { (-0.5 * (dx * dx + dy * dy) / (1.5 * s).powi(2)).exp() };
            for (k, share) in shares(angle, 36) {
                h[k] += weight * share * modulus;
            }
        }
        for _ in 0..6 {
            h = std::array::from_fn(|k| (h[(k + 35) % 36] + h[k] + h[(k + 1) % 36]) / 3.0);
        }
        let mut peaks: Vec<usize> = (0..36).filter(|&k| h[k] >= h[(k + 35) % 36] && h[k] >= h[(k + 1) % 36]).collect();
        peaks.sort_by(|&a, &b| h[b].total_cmp(&h[a]));
        let k = peaks[0];
        let (before, after) = (h[(k + 35) % 36], h[(k + 1) % 36]);
        // Two neighbours alike are one peak, whose vertex lies between them.
        let second =
            peaks.iter().skip(1).find(|&&other| (other + 37 - k) % 36 > 2).map_or(0.0, |&other| h[other] / h[k]);
        (2.0 * PI / 36.0 * (k as f64 + 0.5 * (before - after) / (before - 2.0 * h[k] + after)), second)
    }

    /// The sums in bins turned by φ.
    fn turned(&self, position: Position, window: Window, phi: f64) -> Vec<f64> {
        let s = position.size as f64;
        let mut h = vec![0.0; WIDTH];
        for (y, x, dy, dx) in Self::around(position) {
            let (modulus, angle) = self.at(y, x);
            let (u, v) = (dx * phi.cos() + dy * phi.sin(), dy * phi.cos() - dx * phi.sin());
            for by in 0..4 {
                for bx in 0..4 {
                    let triangle = |u: f64, bin: usize| (1.0 - (u - s * (bin as f64 - 1.5)).abs() / s).max(0.0);
                    let weight = triangle(u, bx)
                        * triangle(v, by)
                        * match window {
                            Window::Gaussian => (-0.5 * (dx * dx + dy * dy) / (1.5 * s).powi(2)).exp(),
                            Window::Flat => twin_mean(s as i64, bx) * twin_mean(s as i64, by),
                        };
                    for (t, share) in shares((angle - phi).rem_euclid(2.0 * PI), 8) {
                        h[t + 8 * (bx + 4 * by)] += weight * share * modulus;
                    }
                }
            }
        }
        h
    }
}

fn twin_window(s: i64, bin: usize, u: i64) -> f64 {
    (-0.5 * ((u as f64 - s as f64 * (bin as f64 - 1.5)) / (1.5 * s as f64)).powi(2)).exp()
}

fn twin_mean(s: i64, bin: usize) -> f64 {
    (1 - s..s).map(|u| twin_window(s, bin, u)).sum::<f64>() / (2 * s - 1) as f64
}

/// The two of `count` directions nearest to an angle, and their parts.
fn shares(angle: f64, count: usize) -> [(usize, f64); 2] {
    let nu = angle * count as f64 / (2.0 * PI);
    let (bin, rest) = (nu.floor() as usize, nu - nu.floor());
    [(bin % count, 1.0 - rest), ((bin + 1) % count, rest)]
}

fn mass(h: &[f64], size: usize) -> f64 {
    h.iter().sum::<f64>() / ((3 * size + 1) * (3 * size + 1)) as f64
}

fn normalised(mut h: Vec<f64>) -> Vec<f64> {
    let norm = |h: &mut Vec<f64>| {
        let length = h.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length > 0.0 {
            h.iter_mut().for_each(|v| *v /= length);
        }
    };
    norm(&mut h);
    h.iter_mut().for_each(|v| *v = v.min(0.2));
    norm(&mut h);
    h
}

/// RootSIFT of a normalised descriptor.
fn rooted(h: Vec<f64>) -> Vec<f64> {
    let sum: f64 = h.iter().sum();
    h.iter().map(|v| (v / sum).sqrt()).collect()
}

fn texture(width: usize, height: usize, seed: u64) -> Array2<f32> {
    use rand::RngExt;
    let mut random = crate::numeric::random::stream(seed, "texture");
    Array2::from_shape_fn((height, width), |_| random.random::<f32>())
}

fn equals_the_formula(
    grey: &Array2<f32>,
    sizes: &[usize],
    step: usize,
    gaussian: bool,
    rootsift: bool,
) -> Result<(), TestCaseError> {
    let window = if gaussian { Window::Gaussian } else { Window::Flat };
    let zero = ZeroRule::Keep;
    let config = DescriptorConfig { sizes: sizes.to_vec(), step, window, zero, rootsift, ..Default::default() };
    let (grid, found) = of_planes(std::slice::from_ref(grey), 0, &config);
    prop_assert_eq!(found.numbers.len(), grid.len());
    let twins: Vec<Twin> = sizes.iter().map(|&size| Twin::new(grey, size)).collect();
    for number in (0..grid.len()).step_by(1 + grid.len() / 19) {
        let position = grid.position(number);
        let twin = &twins[sizes.iter().position(|&size| size == position.size).unwrap()];
        let h = twin.upright(position, window);
        if mass(&h, position.size) < 1.01 * CONTRAST_THRESHOLD {
            continue;
        }
        let h = if rootsift { rooted(normalised(h)) } else { normalised(h) };
        for (d, (a, b)) in found.values[number * WIDTH..][..WIDTH].iter().zip(&h).enumerate() {
            // The root makes much of errors near 0.
            let error = if rootsift { (f64::from(a * a) - b * b).abs() } else { (f64::from(*a) - b).abs() };
            prop_assert!(error < 2e-5, "feature {} value {}: {} instead of {}", number, d, a, b);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rows_and_taps_equal_the_formula(
        width in 1usize..34, height in 1usize..34, seed in 0u64..1000,
        sizes in proptest::sample::subsequence(vec![1usize, 2, 3, 4, 6], 1..=3), step in 1usize..6, gaussian in any::<bool>(), rootsift in any::<bool>(),
    ) {
        equals_the_formula(&texture(width, height, seed), &sizes, step, gaussian, rootsift)?;
    }

    /// As wide as several blocks of pixels and groups of features.
    #[test]
    fn long_rows_equal_the_formula(
        (width, height) in prop_oneof![(60usize..150, 20usize..50), (20usize..50, 60usize..150)], seed in 0u64..1000,
        sizes in proptest::sample::subsequence(vec![3usize, 4, 5, 8, 10, 12], 1..=2), step in 1usize..9, gaussian in any::<bool>(), rootsift in any::<bool>(),
    ) {
        equals_the_formula(&texture(width, height, seed), &sizes, step, gaussian, rootsift)?;
    }

    #[test]
    fn turned_bins_equal_the_formula(
        width in 4usize..34, height in 4usize..34, seed in 0u64..1000,
        sizes in proptest::sample::subsequence(vec![1usize, 2, 3, 4, 6], 1..=3), step in 1usize..6, gaussian in any::<bool>(), first in 0usize..2,
    ) {
        let window = if gaussian { Window::Gaussian } else { Window::Flat };
        let planes = [texture(width, height, seed), texture(width, height, seed + 1000)];
        let config = DescriptorConfig { sizes, step, window, zero: ZeroRule::Keep, rootsift: false, orientation: Orientation::Dominant, ..Default::default() };
        let (grid, found) = of_planes(&planes, first, &config);
        prop_assert_eq!(found.numbers.len(), grid.len());
        let values = WIDTH * (2 - first);
        for number in (0..grid.len()).step_by(1 + grid.len() / 5) {
            let position = grid.position(number);
            let twins = planes.each_ref().map(|plane| Twin::new(plane, position.size));
            let (phi, second) = twins[0].dominant(position, window);
            let turned = twins.map(|twin| twin.turned(position, window, phi));
            if second > 0.9999 || mass(&turned[0], position.size) < 1.01 * CONTRAST_THRESHOLD {
                continue;
            }
            let expected: Vec<f64> = turned.into_iter().skip(first).flat_map(normalised).collect();
            for (d, (a, b)) in found.values[number * values..][..values].iter().zip(&expected).enumerate() {
                prop_assert!((f64::from(*a) - b).abs() < 1e-4, "feature {} value {}: {} instead of {}", number, d, a, b);
            }
        }
    }

    /// Unturned, the twin of the turned bins is the twin of the upright ones.
    #[test]
    fn bins_turned_by_nothing_are_upright(seed in 0u64..1000, size in 1usize..6, gaussian in any::<bool>()) {
        let window = if gaussian { Window::Gaussian } else { Window::Flat };
        let grid = Grid::new(25, 22, &[size], 5);
        let twin = Twin::new(&texture(25, 22, seed), size);
        for number in 0..grid.len() {
            let (a, b) = (twin.upright(grid.position(number), window), twin.turned(grid.position(number), window, 0.0));
            prop_assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    /// The descriptors of the transposed picture are the transposed descriptors: bins swapped, t → (2 − t) mod 8.
    #[test]
    fn transposing_the_picture_transposes_the_descriptors(seed in 0u64..1000, width in 31usize..44, height in 31usize..44) {
        let grey = texture(width, height, seed);
        let transposed = grey.t().as_standard_layout().to_owned();
        let (grid, a) = all(&grey, &[4, 6], 4, Window::Flat, ZeroRule::Keep);
        let (turned, b) = all(&transposed, &[4, 6], 4, Window::Flat, ZeroRule::Keep);
        for number in 0..grid.len() {
            let position = grid.position(number);
            let other = (0..turned.len()).find(|&n| {
                let p = turned.position(n);
                p.size == position.size && p.x == position.y && p.y == position.x
            }).unwrap();
            for by in 0..4 {
                for bx in 0..4 {
                    for t in 0..8 {
                        let one = a.values[number * WIDTH + t + 8 * (bx + 4 * by)];
                        let two = b.values[other * WIDTH + (10 - t) % 8 + 8 * (by + 4 * bx)];
                        prop_assert!((one - two).abs() < 1e-5);
                    }
                }
            }
        }
    }

    #[test]
    fn orientation_agrees_with_the_arc_tangent(x in -1.0f32..1.0, y in -1.0f32..1.0) {
        let expected = f64::from(y).atan2(f64::from(x)).rem_euclid(2.0 * std::f64::consts::PI) * 4.0 / std::f64::consts::PI;
        let found = f64::from(orientation_in_bins(y, x));
        prop_assert!((found - expected).abs() < 1e-6, "{} instead of {}", found, expected);
    }
}

#[test]
fn orientation_on_the_axes_and_at_the_origin() {
    for (y, x, expected) in
        [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 2.0), (0.0, -1.0, 4.0), (-1.0, 0.0, 6.0), (1.0, 1.0, 1.0)]
    {
        assert!((orientation_in_bins(y, x) - expected).abs() < 1e-6, "({y}, {x})");
    }
    assert!(orientation_in_bins(-1e-30, 1.0) <= 8.0);
}

#[test]
fn drop_keeps_the_same_features_but_the_flat_ones() {
    let mut grey = texture(80, 60, 3);
    grey.slice_mut(ndarray::s![.., 30..]).fill(0.5);
    let (_, kept) = all(&grey, &[4, 6], 4, Window::Flat, ZeroRule::Keep);
    let (_, dropped) = all(&grey, &[4, 6], 4, Window::Flat, ZeroRule::Drop);
    let survivors: Vec<u32> = kept
        .numbers
        .iter()
        .copied()
        .filter(|&n| kept.values[n as usize * WIDTH..][..WIDTH].iter().any(|&v| v != 0.0))
        .collect();
    assert_eq!(dropped.numbers, survivors);
    assert!(survivors.len() < kept.numbers.len());
}

/// Only pixels inside the receptive field can change a descriptor, and those well inside at each of its sides do.
#[test]
fn a_pixel_outside_the_receptive_field_changes_nothing() {
    let grey = texture(70, 66, 5);
    for (&window, &orientation) in
        Window::ALL.iter().zip(Orientation::ALL).chain(Window::ALL.iter().rev().zip(Orientation::ALL))
    {
        let config =
            DescriptorConfig { sizes: vec![3, 4], window, orientation, zero: ZeroRule::Keep, ..Default::default() };
        let family = DenseSift(config.clone());
        let (grid, before) = of_planes(std::slice::from_ref(&grey), 0, &config);
        let changes = |number: usize, change: &dyn Fn(usize, usize) -> bool| {
            let mut changed = grey.clone();
            changed
                .indexed_iter_mut()
                .filter(|((y, x), _)| change(*y, *x))
                .for_each(|(_, value)| *value = 1.0 - *value);
            let (_, after) = of_planes(std::slice::from_ref(&changed), 0, &config);
            let range = number * WIDTH..(number + 1) * WIDTH;
            before.values[range.clone()] != after.values[range]
        };
        let mut sides = [false; 4];
        for number in (0..grid.len()).step_by(grid.len() / 40) {
            let position = grid.position(number);
            let field = family.receptive_field(&grid, position);
            let (x0, x1) = (field.x0 as usize, field.x1 as usize);
            let (y0, y1) = (field.y0 as usize, field.y1 as usize);
            assert!(!changes(number, &|y, x| x < x0 || x >= x1 || y < y0 || y >= y1), "feature {number}");
            if x0 > 0 && y0 > 0 && x1 < 70 && y1 < 66 {
                // The smoothing's last pixels weigh almost nothing.
                let depth = 1 + gradients::smoothing_reach(position.size);
                sides[0] |= changes(number, &|_, x| x < x0 + depth);
                sides[1] |= changes(number, &|_, x| x >= x1 - depth);
                sides[2] |= changes(number, &|y, _| y < y0 + depth);
                sides[3] |= changes(number, &|y, _| y >= y1 - depth);
            }
        }
        assert_eq!(sides, [true; 4], "{window} {orientation}");
    }
}

/// Which features have contrast is grey's affair, whatever the planes; and a plane is described as if it were alone.
#[test]
fn planes_share_their_features_and_are_normalised_each_for_itself() {
    let samples = |seed| texture(60, 44, seed).mapv(|v| (v * 255.0) as u8);
    let (r, g, b) = (samples(1), samples(2), samples(3));
    let mut pixels: Vec<u8> = r.iter().zip(&g).zip(&b).flat_map(|((r, g), b)| [*r, *g, *b]).collect();
    // The right half is grey; of it, the lower part without contrast.
    for (index, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        if index % 60 >= 28 {
            *pixel = if index / 60 < 20 { [pixel[0]; 3] } else { [90, 90, 90] };
        }
    }
    let picture = Picture::from_rgb8(60, 44, pixels).unwrap();
    for &orientation in Orientation::ALL {
        let run = |planes: Planes, zero: ZeroRule| {
            let family =
                DenseSift(DescriptorConfig { planes, orientation, zero, sizes: vec![2, 3], ..Default::default() });
            let grid = family.grid(60, 44);
            let (mut numbers, mut rows) = (Vec::new(), Vec::new());
            family.extract(&picture, &grid, &mut |strip| {
                numbers.extend_from_slice(strip.numbers);
                rows.extend(strip.descriptors.rows().into_iter().map(|row| row.to_vec()));
            });
            (grid, numbers, rows)
        };
        let (grid, numbers, grey) = run(Planes::Grey, ZeroRule::Drop);
        assert!(numbers.len() > 20 && numbers.len() < grid.len());
        for &planes in Planes::ALL {
            let (_, found, rows) = run(planes, ZeroRule::Drop);
            assert_eq!(found, numbers, "{planes} {orientation}");
            let (_, all, with_zeros) = run(planes, ZeroRule::Keep);
            assert_eq!(all.len(), grid.len());
            let zeros = with_zeros.iter().filter(|row| row.iter().all(|value| *value == 0.0)).count();
            assert_eq!(zeros, grid.len() - numbers.len());
            let mut flat = 0;
            for (row, grey) in rows.iter().zip(&grey) {
                assert_eq!(row.len(), WIDTH * planes.count());
                if planes.begin_with_grey() {
                    assert_eq!(row[..WIDTH], grey[..]);
                }
                for plane in row.chunks(WIDTH) {
                    let length: f64 = plane.iter().map(|value| f64::from(value * value)).sum();
                    assert!((length - 1.0).abs() < 1e-5 || length == 0.0, "{planes}: {length}");
                    flat += usize::from(length == 0.0);
                }
            }
            // Differences of colours vanish where the picture is grey, sums do not.
            assert_eq!(flat > 0, matches!(planes, Planes::Opponent | Planes::GreyBlue), "{planes}");
        }
    }
}

/// Waves in several directions, turned about the centre of a picture of `side` pixels; `fineness` scales their frequencies.
fn waves(side: usize, angle: f64, fineness: f64) -> Array2<f32> {
    let middle = (side - 1) as f64 / 2.0;
    Array2::from_shape_fn((side, side), |(y, x)| {
        let (dy, dx) = (fineness * (y as f64 - middle), fineness * (x as f64 - middle));
        let (u, v) = (dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin());
        let wave = (0.31 * u + 0.07 * v).sin()
            + 0.7 * (0.17 * u - 0.23 * v + 0.5).cos()
            + 0.4 * (0.02 * u * v + 0.11 * v).sin();
        (0.5 + 0.2 * wave) as f32
    })
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

/// A quarter turn of the picture moves the dominant descriptors and leaves their values; upright ones change.
#[test]
fn a_quarter_turn_leaves_dominant_descriptors() {
    // The grid maps onto itself: W − 1 − 3s is a multiple of the step.
    let (size, step, side) = (5, 4, 1 + 15 + 4 * 8);
    let picture = waves(side, 0.0, 1.0);
    let turned = Array2::from_shape_fn((side, side), |(y, x)| picture[(side - 1 - x, y)]);
    for &window in Window::ALL {
        for &orientation in Orientation::ALL {
            let config = DescriptorConfig {
                sizes: vec![size],
                step,
                window,
                orientation,
                zero: ZeroRule::Keep,
                ..Default::default()
            };
            let (grid, before) = of_planes(std::slice::from_ref(&picture), 0, &config);
            let (_, after) = of_planes(std::slice::from_ref(&turned), 0, &config);
            let count = grid.levels[0].columns;
            let mut distances: Vec<f64> = (0..grid.len())
                .map(|number| {
                    // Pixel (x, y) came to (W − 1 − y, x).
                    let (row, column) = (number / count, number % count);
                    let other = column * count + (count - 1 - row);
                    distance(&before.values[number * WIDTH..][..WIDTH], &after.values[other * WIDTH..][..WIDTH])
                })
                .collect();
            distances.sort_by(f64::total_cmp);
            match orientation {
                Orientation::Dominant => assert!(distances[grid.len() - 1] < 1e-3, "{window}: {distances:?}"),
                Orientation::Upright => assert!(distances[grid.len() / 10] > 0.3, "{window}: {distances:?}"),
            }
        }
    }
}

/// Any turn leaves the dominant descriptor about the centre of the turn, but for what pixels and bins round off.
#[test]
fn any_turn_leaves_the_dominant_descriptor_at_its_centre() {
    let (size, side) = (6, 1 + 18 + 60);
    let of = |angle: f64, orientation| {
        let config = DescriptorConfig { sizes: vec![size], step: 30, orientation, ..Default::default() };
        let (grid, found) = of_planes(&[waves(side, angle, 0.5)], 0, &config);
        assert_eq!(grid.position(4).centre(), ((side - 1) as f32 / 2.0, (side - 1) as f32 / 2.0));
        found.values[4 * WIDTH..][..WIDTH].to_vec()
    };
    for degrees in (10..360).step_by(25) {
        let angle = f64::from(degrees).to_radians();
        let far = |orientation| distance(&of(0.0, orientation), &of(angle, orientation));
        let (dominant, upright) = (far(Orientation::Dominant), far(Orientation::Upright));
        assert!(dominant < 0.1 && upright > 2.0 * dominant, "{degrees}°: {dominant} and {upright}");
    }
}

/// Golden values of planes and turns from NumPy (tests/golden/make_descriptors.py).
#[test]
fn golden_planes_and_turns_agree() {
    #[derive(serde::Deserialize)]
    struct Row {
        index: usize,
        descriptor: Vec<f32>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        orientation: Orientation,
        window: Window,
        planes: Planes,
        rows: Vec<Row>,
    }
    let golden = crate::bow::features::golden::read();
    let cases: Vec<Case> = serde_json::from_value(golden.json["sift"].clone()).unwrap();
    assert_eq!(cases.len(), 5);
    for Case { orientation, window, planes, rows } in cases {
        let config = DescriptorConfig {
            planes,
            orientation,
            window,
            sizes: golden.sizes.clone(),
            step: golden.step,
            rootsift: false,
            ..Default::default()
        };
        let family = DenseSift(config);
        let grid = family.grid(golden.picture.width(), golden.picture.height());
        let mut found = Vec::new();
        family.extract(&golden.picture, &grid, &mut |strip| {
            found.extend(strip.descriptors.rows().into_iter().map(|row| row.to_vec()))
        });
        assert_eq!((grid.len(), found.len()), (golden.features, golden.features));
        for row in &rows {
            assert_eq!(row.descriptor.len(), WIDTH * planes.count());
            for (d, (found, expected)) in found[row.index].iter().zip(&row.descriptor).enumerate() {
                assert!(
                    (found - expected).abs() < 2e-5,
                    "{planes} {orientation} {window} {d}: {found} instead of {expected}"
                );
            }
        }
    }
}

/// Golden values of a float64 reference on chelsea.png (tests/golden/README.md).
#[test]
fn golden_descriptors_agree() {
    #[derive(serde::Deserialize)]
    struct Feature {
        index: usize,
        x: f32,
        y: f32,
        mass: f64,
        descriptor: Vec<f32>,
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/golden/dsift.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let picture = Picture::open(root.join("data/chelsea.png"), &Default::default()).unwrap();
    let grey = picture.grey();
    for window in Window::ALL {
        let (grid, kept) = all(&grey, &[4, 6, 8, 10], 4, *window, ZeroRule::Keep);
        let sums = &golden[format!("{}_sums", window.name())];
        assert_eq!(sums["features"], kept.numbers.len());
        let (_, dropped) = all(&grey, &[4, 6, 8, 10], 4, *window, ZeroRule::Drop);
        assert_eq!(sums["below_0.005"], kept.numbers.len() - dropped.numbers.len());
        let features: Vec<Feature> = serde_json::from_value(golden[window.name()].clone()).unwrap();
        assert!(features.len() >= 30);
        let mut compared = 0;
        for feature in features {
            assert_eq!(grid.position(feature.index).centre(), (feature.x, feature.y));
            if feature.mass < CONTRAST_THRESHOLD {
                continue;
            }
            compared += 1;
            for (d, expected) in feature.descriptor.iter().enumerate() {
                let found = kept.values[feature.index * WIDTH + d];
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{window} {} {d}: {found} instead of {expected}",
                    feature.index
                );
            }
        }
        assert!(compared > 20, "only {compared} golden features lie above the threshold");
    }
}
