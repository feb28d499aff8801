//! Dense SIFT against the golden values, against a plain transcription of the formula, and against its own laws.

use super::*;
use crate::picture::Picture;
use proptest::prelude::*;

struct Features {
    numbers: Vec<u32>,
    values: Vec<f32>,
}

fn all(grey: &Array2<f32>, sizes: &[usize], step: usize, window: Window, zero: ZeroRule) -> (Grid, Features) {
    let (height, width) = grey.dim();
    let grid = Grid::new(width, height, sizes, step);
    let mut features = Features { numbers: Vec::new(), values: Vec::new() };
    extract(grey, &grid, window, zero, false, &mut |strip| {
        features.numbers.extend_from_slice(strip.numbers);
        features.values.extend(strip.descriptors.iter());
    });
    (grid, features)
}

/// The module head's formula in f64, one feature at a time: the obviously right twin.
fn reference(grey: &Array2<f32>, position: Position, window: Window) -> (f64, Vec<f64>) {
    let (height, width) = grey.dim();
    let s = position.size as i64;
    let at = |y: i64, x: i64| {
        f64::from(grey[(y.clamp(0, height as i64 - 1) as usize, x.clamp(0, width as i64 - 1) as usize)])
    };
    let sigma = s as f64 / 6.0;
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
    let plane = |y: usize, x: usize, t: usize| -> f64 {
        let (xl, xh) = (x.saturating_sub(1), (x + 1).min(width - 1));
        let (yl, yh) = (y.saturating_sub(1), (y + 1).min(height - 1));
        let gx = slope(smooth[(y, xl)], smooth[(y, xh)], xh - xl == 2);
        let gy = slope(smooth[(yl, x)], smooth[(yh, x)], yh - yl == 2);
        let nu = gy.atan2(gx).rem_euclid(2.0 * std::f64::consts::PI) * 8.0 / (2.0 * std::f64::consts::PI);
        let (bin, rest) = (nu.floor(), nu - nu.floor());
        let modulus = gx.hypot(gy);
        if bin as usize % 8 == t {
            (1.0 - rest) * modulus
        } else if (bin as usize + 1) % 8 == t {
            rest * modulus
        } else {
            0.0
        }
    };
    let weight = |bin: usize, u: i64| -> f64 {
        let delta = s as f64 * (bin as f64 - 1.5);
        let g = |u: i64| (-0.5 * ((u as f64 - delta) / (1.5 * s as f64)).powi(2)).exp();
        let triangle = 1.0 - u.abs() as f64 / s as f64;
        match window {
            Window::Gaussian => triangle * g(u),
            Window::Flat => triangle * (1 - s..s).map(g).sum::<f64>() / (2 * s - 1) as f64,
        }
    };
    let mut h = vec![0.0; WIDTH];
    for by in 0..4 {
        for bx in 0..4 {
            for v in 1 - s..s {
                for u in 1 - s..s {
                    let y = (position.y as i64 + by as i64 * s - v).clamp(0, height as i64 - 1) as usize;
                    let x = (position.x as i64 + bx as i64 * s - u).clamp(0, width as i64 - 1) as usize;
                    for t in 0..8 {
                        h[t + 8 * (bx + 4 * by)] += weight(bx, u) * weight(by, v) * plane(y, x, t);
                    }
                }
            }
        }
    }
    let mass = h.iter().sum::<f64>() / ((3 * s + 1) * (3 * s + 1)) as f64;
    let norm = |h: &mut Vec<f64>| {
        let length = h.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length > 0.0 {
            h.iter_mut().for_each(|v| *v /= length);
        }
    };
    norm(&mut h);
    h.iter_mut().for_each(|v| *v = v.min(0.2));
    norm(&mut h);
    (mass, h)
}

fn texture(width: usize, height: usize, seed: u64) -> Array2<f32> {
    use rand::RngExt;
    let mut random = crate::numeric::random::stream(seed, "texture");
    Array2::from_shape_fn((height, width), |_| random.random::<f32>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rows_and_taps_equal_the_formula(
        width in 1usize..34, height in 1usize..34, seed in 0u64..1000,
        sizes in proptest::sample::subsequence(vec![1usize, 2, 3, 4, 6], 1..=3), step in 1usize..6, gaussian in any::<bool>(),
    ) {
        let window = if gaussian { Window::Gaussian } else { Window::Flat };
        let grey = texture(width, height, seed);
        let (grid, found) = all(&grey, &sizes, step, window, ZeroRule::Keep);
        prop_assert_eq!(found.numbers.len(), grid.len());
        for number in (0..grid.len()).step_by(1 + grid.len() / 9) {
            let (mass, h) = reference(&grey, grid.position(number), window);
            if mass < 1.01 * CONTRAST_THRESHOLD {
                continue;
            }
            for (d, (a, b)) in found.values[number * WIDTH..][..WIDTH].iter().zip(&h).enumerate() {
                prop_assert!((f64::from(*a) - b).abs() < 2e-5, "feature {} value {}: {} instead of {}", number, d, a, b);
            }
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

/// Only pixels inside the receptive field can change a descriptor.
#[test]
fn a_pixel_outside_the_receptive_field_changes_nothing() {
    let grey = texture(90, 90, 5);
    for window in Window::ALL {
        let (grid, before) = all(&grey, &[3, 4], 4, *window, ZeroRule::Keep);
        for number in [0, grid.len() / 3, grid.len() / 2, grid.len() - 1] {
            let field = receptive_field(&grid, grid.position(number));
            let mut changed = grey.clone();
            for ((y, x), value) in changed.indexed_iter_mut() {
                if x < field.x0 as usize || x >= field.x1 as usize || y < field.y0 as usize || y >= field.y1 as usize {
                    *value = 1.0 - *value;
                }
            }
            let (_, after) = all(&changed, &[3, 4], 4, *window, ZeroRule::Keep);
            let range = number * WIDTH..(number + 1) * WIDTH;
            assert_eq!(before.values[range.clone()], after.values[range], "feature {number}");
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
    let picture = Picture::open(&root.join("data/chelsea.png"), &Default::default()).unwrap();
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
