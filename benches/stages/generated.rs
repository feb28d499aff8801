//! Data for the benches that need no file but the included pictures.

use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;
use image::imageops::{FilterType, crop_imm, resize};
use ndarray::Array2;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{shared_data, workload};
use bowsight::bow::features::dense_sift::Window;

/// Width and height of the picture.
const SIZE: (u32, u32) = (500, 375);

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The JPEG that stages on pictures work on: one of PASCAL VOC if it is at hand, or else Chelsea, scaled and cut to the same size.
pub fn picture() -> Vec<u8> {
    if let Some(path) = shared_data::find("data/voc2012/JPEGImages/2007_000068.jpg") {
        return std::fs::read(path).expect("a picture that exists can be read");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chelsea = image::open(root.join("data/chelsea.png")).expect("the picture is in the folder").to_rgb8();
    // Wider than 4 : 3, so its height decides.
    let width = (chelsea.width() * SIZE.1).div_ceil(chelsea.height());
    let scaled = resize(&chelsea, width, SIZE.1, FilterType::Lanczos3);
    let cut = crop_imm(&scaled, (width - SIZE.0) / 2, 0, SIZE.0, SIZE.1).to_image();
    let mut bytes = Vec::new();
    cut.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).expect("memory takes every byte");
    bytes
}

/// `rows` descriptors: those of the picture, drawn with replacement, with a little noise on every value.
pub fn descriptors(picture: &[u8], rows: usize, seed: u64) -> Array2<f32> {
    let picture = workload::decode(picture).expect("a picture");
    let mut known = Vec::new();
    workload::describe(&picture, Window::Flat, &mut known);
    let mut random = random(seed);
    let mut values = Vec::with_capacity(rows * 128);
    for _ in 0..rows {
        let first = 128 * random.random_range(0..known.len() / 128);
        values.extend(known[first..first + 128].iter().map(|value| (value + 0.01 * normal(&mut random) as f32).abs()));
    }
    Array2::from_shape_vec((rows, 128), values).expect("128 values a row")
}

/// Histograms of length 1 (pictures × dimensions) in which 1 to 3 of `categories` show, and the labels ±1 (categories × pictures).
pub fn histograms(pictures: usize, dimensions: usize, categories: usize, seed: u64) -> (Array2<f32>, Array2<f64>) {
    let mut random = random(seed);
    let base: Vec<f64> = (0..dimensions).map(|_| exponential(&mut random)).collect();
    let typical = Array2::from_shape_fn((categories, dimensions), |_| 0.5 + 0.5 * normal(&mut random).powi(2));
    let mut labels = Array2::from_elem((categories, pictures), -1.0);
    let mut histograms = Array2::zeros((pictures, dimensions));
    for (picture, mut histogram) in histograms.rows_mut().into_iter().enumerate() {
        let shown: Vec<usize> = (0..random.random_range(1..4)).map(|_| random.random_range(0..categories)).collect();
        for &category in &shown {
            labels[(category, picture)] = 1.0;
        }
        let values: Vec<f64> = (0..dimensions)
            .map(|d| {
                let own = shown.iter().map(|&category| typical[(category, d)]).sum::<f64>() / shown.len() as f64;
                let noise = 0.5 * (exponential(&mut random) + exponential(&mut random));
                (base[d] + 0.6 * own) * noise
            })
            .collect();
        let sum: f64 = values.iter().sum();
        histogram.iter_mut().zip(values).for_each(|(place, value)| *place = (value / sum) as f32);
    }
    (histograms, labels)
}

/// Dual coefficients (categories × pictures).
pub fn dual(categories: usize, pictures: usize) -> Array2<f64> {
    let mut random = random(9);
    Array2::from_shape_fn((categories, pictures), |_| normal(&mut random))
}

fn exponential(random: &mut impl Rng) -> f64 {
    -(1.0 - random.random::<f64>()).ln()
}

/// Box and Muller's.
fn normal(random: &mut impl Rng) -> f64 {
    (2.0 * exponential(random)).sqrt() * (std::f64::consts::TAU * random.random::<f64>()).cos()
}
