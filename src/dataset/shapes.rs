//! Generated pictures of geometric shapes, after the paper's toy data (Bach et al. 2015, Fig 6): circles and polygons of random
//! colour, place, size and rotation among clutter, with boxes and pixel masks, in VOC layout.
//!
//! Everything is a function of (options, index of the picture). A pixel belongs to a shape if its centre does, for the picture and the masks
//! alike; later shapes hide earlier ones, and an object is annotated by what is left to see of it.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use image::{Rgb, RgbImage};
use imageproc::drawing::draw_line_segment_mut;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use crate::format::atomic::{self, WriteError};
use crate::format::batch::Batch;
use crate::format::png;
use crate::numeric::random::stream;
use crate::picture::Rectangle;

crate::closed_set! {
    /// What is drawn.
    pub enum Shape as "shape" {
        /// A disc.
        Circle = "circle",
        /// A polygon of 3 to 7 corners, star-shaped about its centre.
        Polygon = "polygon",
    }
}

impl Shape {
    /// Its number in the masks of `SegmentationClass`, where 0 is neither.
    pub const fn class(self) -> u8 {
        match self {
            Shape::Circle => 1,
            Shape::Polygon => 2,
        }
    }
}

/// Fewer visible pixels are no object.
const MIN_VISIBLE: usize = 60;
/// The splits, and each one's share of ten pictures.
const SPLITS: [(&str, usize); 3] = [("train", 3), ("val", 3), ("test", 4)];

/// What to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapesOptions {
    /// How many pictures.
    pub pictures: usize,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Seed of every choice.
    pub seed: u64,
}

impl Default for ShapesOptions {
    fn default() -> Self {
        Self { pictures: 100, width: 320, height: 240, seed: 0 }
    }
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapesReport {
    /// Pictures written.
    pub pictures: usize,
    /// Pictures with at least one circle.
    pub with_circles: usize,
    /// Pictures with at least one polygon.
    pub with_polygons: usize,
}

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShapesError {
    /// An option is out of range.
    #[error("\"{name}\" must be {allowed}, got {found}")]
    Option {
        /// Its name.
        name: &'static str,
        /// What it may be.
        allowed: &'static str,
        /// What it is.
        found: u64,
    },
    /// The folder holds something.
    #[error("\"{}\" is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ShapesError {
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            ShapesError::Write(error) => error.is_failure(),
            ShapesError::Option { .. } | ShapesError::NotEmpty { .. } => false,
        }
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ShapesError::NotEmpty { .. } => Some("give another --out folder, or empty this one".to_string()),
            ShapesError::Write(error) => error.hint(),
            _ => None,
        }
    }
}

struct Object {
    shape: Shape,
    region: Rectangle,
}

/// A generated picture: its pixels, which object each pixel shows (0: none, else its number from 1), and the objects.
struct Scene {
    image: RgbImage,
    owner: Vec<u8>,
    objects: Vec<Object>,
}

/// Writes the pictures to the empty or new folder `out`; `progress` hears of each.
///
/// # Errors
/// [`ShapesError`].
pub fn generate(
    out: &Path,
    options: &ShapesOptions,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<ShapesReport, ShapesError> {
    check(options)?;
    if std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(ShapesError::NotEmpty { path: out.to_path_buf() });
    }
    atomic::create_folder(out)?;
    let progress = Mutex::new(progress);
    // Synced together at the end: one by one would take as long as drawing.
    let files = Mutex::new(Batch::default());
    let labels: Vec<[bool; 2]> = (0..options.pictures)
        .into_par_iter()
        .map(|index| {
            let scene = scene(options, index);
            let written = write_scene(out, index, &scene)?;
            // A poisoned lock still holds whole names.
            files.lock().unwrap_or_else(PoisonError::into_inner).append(written);
            if let Ok(mut progress) = progress.lock() {
                progress(index);
            }
            Ok([Shape::Circle, Shape::Polygon].map(|shape| scene.objects.iter().any(|object| object.shape == shape)))
        })
        .collect::<Result<_, ShapesError>>()?;
    files.into_inner().unwrap_or_else(PoisonError::into_inner).sync()?;
    write_lists(out, &labels)?;
    Ok(ShapesReport {
        pictures: options.pictures,
        with_circles: labels.iter().filter(|labels| labels[0]).count(),
        with_polygons: labels.iter().filter(|labels| labels[1]).count(),
    })
}

fn check(options: &ShapesOptions) -> Result<(), ShapesError> {
    let side = |name, found: u32| match found {
        64..=8192 => Ok(()),
        _ => Err(ShapesError::Option { name, allowed: "64 to 8192 pixels", found: found.into() }),
    };
    side("width", options.width)?;
    side("height", options.height)?;
    match options.pictures {
        10..=1_000_000 => Ok(()),
        found => Err(ShapesError::Option { name: "pictures", allowed: "10 to 1000000", found: found as u64 }),
    }
}

fn id(index: usize) -> String {
    format!("{:06}", index + 1)
}

/// The split of a picture, so that of any ten neighbours each split has its share.
fn split_of(index: usize) -> &'static str {
    let mut place = index % 10;
    for (name, share) in SPLITS {
        if place < share {
            return name;
        }
        place -= share;
    }
    SPLITS[0].0
}

fn scene(options: &ShapesOptions, index: usize) -> Scene {
    let mut random = stream(options.seed, &format!("shapes/{index}"));
    let (width, height) = (options.width, options.height);
    let mut image = background(&mut random, width, height);
    clutter(&mut random, &mut image);
    let mut owner = vec![0u8; (width * height) as usize];
    // What may occur: mostly both, often one kind alone, sometimes nothing but clutter.
    let kinds: &[Shape] = match random.random_range(0..10) {
        0..4 => &[Shape::Circle, Shape::Polygon],
        4..6 => &[Shape::Circle],
        6..9 => &[Shape::Polygon],
        _ => &[],
    };
    let mut shapes = Vec::new();
    if !kinds.is_empty() {
        for number in 1..=random.random_range(1..=5u8) {
            let shape = kinds[random.random_range(0..kinds.len())];
            draw(&mut random, shape, number, &mut image, &mut owner);
            shapes.push(shape);
        }
    }
    noise(&mut random, &mut image);
    let mut objects = Vec::new();
    let mut renumber = vec![0u8; shapes.len() + 1];
    for (number, shape) in (1u8..).zip(shapes) {
        if let Some(region) = visible_box(&owner, width, number) {
            objects.push(Object { shape, region });
            renumber[usize::from(number)] = objects.len() as u8;
        }
    }
    owner.iter_mut().for_each(|number| *number = renumber[usize::from(*number)]);
    Scene { image, owner, objects }
}

fn visible_box(owner: &[u8], width: u32, number: u8) -> Option<Rectangle> {
    let mut region: Option<Rectangle> = None;
    let mut count = 0;
    for (at, _) in owner.iter().enumerate().filter(|(_, owner)| **owner == number) {
        let (x, y) = (at as u32 % width, at as u32 / width);
        count += 1;
        region = Some(region.map_or(Rectangle { x0: x, y0: y, x1: x + 1, y1: y + 1 }, |r| Rectangle {
            x0: r.x0.min(x),
            y0: r.y0.min(y),
            x1: r.x1.max(x + 1),
            y1: r.y1.max(y + 1),
        }));
    }
    region.filter(|_| count >= MIN_VISIBLE)
}

fn colour(random: &mut ChaCha8Rng) -> [f64; 3] {
    std::array::from_fn(|_| 255.0 * random.random::<f64>())
}

/// A gradient between two colours in a random direction.
fn background(random: &mut ChaCha8Rng, width: u32, height: u32) -> RgbImage {
    let (a, b) = (colour(random), colour(random));
    let angle = TAU * random.random::<f64>();
    let (dx, dy) = (angle.cos() / f64::from(width), angle.sin() / f64::from(height));
    RgbImage::from_fn(width, height, |x, y| {
        let t = (0.5 + 0.5 * (f64::from(x) * dx + f64::from(y) * dy)).clamp(0.0, 1.0);
        Rgb(std::array::from_fn(|i| (a[i] + 0.35 * t * (b[i] - a[i])) as u8))
    })
}

/// Thin lines that belong to no object.
fn clutter(random: &mut ChaCha8Rng, image: &mut RgbImage) {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    for _ in 0..random.random_range(4..16) {
        let mut point = || ((width * random.random::<f64>()) as f32, (height * random.random::<f64>()) as f32);
        let (from, to) = (point(), point());
        let ink = Rgb(colour(random).map(|part| part as u8));
        draw_line_segment_mut(image, from, to, ink);
    }
}

fn noise(random: &mut ChaCha8Rng, image: &mut RgbImage) {
    for part in image.iter_mut() {
        let shift: i32 = random.random_range(-6..=6);
        *part = (i32::from(*part) + shift).clamp(0, 255) as u8;
    }
}

/// Draws one shape in a colour that differs from what lies below its centre.
fn draw(random: &mut ChaCha8Rng, shape: Shape, number: u8, image: &mut RgbImage, owner: &mut [u8]) {
    let (width, height) = image.dimensions();
    let shorter = f64::from(width.min(height));
    let radius = shorter * (0.09 + 0.14 * random.random::<f64>());
    let inside = |length: u32, at: f64| radius * 0.6 + at * (f64::from(length) - 1.2 * radius);
    let (cx, cy) = (inside(width, random.random()), inside(height, random.random()));
    let below = image.get_pixel(cx as u32, cy as u32).0.map(f64::from);
    let mut ink = colour(random);
    // Contrast of at least a fifth of the range, by walking away from what is below.
    while ink.iter().zip(below).map(|(a, b)| (a - b).abs()).sum::<f64>() < 150.0 {
        ink = colour(random);
    }
    let corners: Vec<(f64, f64)> = match shape {
        Shape::Circle => Vec::new(),
        Shape::Polygon => {
            let count = random.random_range(3..=7);
            let start = TAU * random.random::<f64>();
            (0..count)
                .map(|i| {
                    let step = TAU / f64::from(count);
                    let angle = start + step * (f64::from(i) + 0.3 * (random.random::<f64>() - 0.5));
                    let reach = radius * (0.8 + 0.4 * random.random::<f64>());
                    (cx + reach * angle.cos(), cy + reach * angle.sin())
                })
                .collect()
        }
    };
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let (px, py) = (f64::from(x), f64::from(y));
        let hit = match shape {
            Shape::Circle => (px - cx).powi(2) + (py - cy).powi(2) <= radius * radius,
            Shape::Polygon => in_polygon(&corners, px, py),
        };
        if hit {
            *pixel = Rgb(ink.map(|part| part as u8));
            owner[(y * width + x) as usize] = number;
        }
    }
}

/// Whether a ray to the right crosses the outline an odd number of times.
fn in_polygon(corners: &[(f64, f64)], x: f64, y: f64) -> bool {
    let mut inside = false;
    for (i, &(ax, ay)) in corners.iter().enumerate() {
        let (bx, by) = corners[(i + 1) % corners.len()];
        if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
            inside = !inside;
        }
    }
    inside
}

fn write_scene(out: &Path, index: usize, scene: &Scene) -> Result<Batch, ShapesError> {
    let id = id(index);
    let mut files = Batch::default();
    let (width, height) = scene.image.dimensions();
    files.write(&out.join("JPEGImages").join(format!("{id}.png")), |out| png::encode(&scene.image, &[], out))?;
    let mut grey = |values: Vec<u8>, folder: &str| -> Result<(), ShapesError> {
        let image = image::GrayImage::from_raw(width, height, values).expect("one value per pixel");
        let path = out.join(folder).join(format!("{id}.png"));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image
            .write_to(&mut bytes, image::ImageFormat::Png)
            .map_err(|error| WriteError::io(&path)(std::io::Error::other(error)))?;
        Ok(files.write(&path, |out| out.write_all(bytes.get_ref()))?)
    };
    grey(scene.owner.clone(), "SegmentationObject")?;
    let class = |number: &u8| match number.checked_sub(1).and_then(|at| scene.objects.get(usize::from(at))) {
        None => 0,
        Some(object) => object.shape.class(),
    };
    grey(scene.owner.iter().map(class).collect(), "SegmentationClass")?;
    let objects: String = scene
        .objects
        .iter()
        .map(|Object { shape, region }| {
            format!(
                "\t<object>\n\t\t<name>{shape}</name>\n\t\t<difficult>0</difficult>\n\t\t<bndbox>\n\t\t\t<xmin>{}</xmin>\n\
                 \t\t\t<ymin>{}</ymin>\n\t\t\t<xmax>{}</xmax>\n\t\t\t<ymax>{}</ymax>\n\t\t</bndbox>\n\t</object>\n",
                region.x0 + 1,
                region.y0 + 1,
                region.x1,
                region.y1
            )
        })
        .collect();
    let text = format!(
        "<annotation>\n\t<filename>{id}.png</filename>\n\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n\
         \t\t<depth>3</depth>\n\t</size>\n\t<segmented>1</segmented>\n{objects}</annotation>\n"
    );
    files.write(&out.join("Annotations").join(format!("{id}.xml")), |out| out.write_all(text.as_bytes()))?;
    Ok(files)
}

fn write_lists(out: &Path, labels: &[[bool; 2]]) -> Result<(), ShapesError> {
    let folder = out.join("ImageSets").join("Main");
    let names = SPLITS.iter().map(|(name, _)| *name).chain(["trainval"]);
    for split in names {
        let members: Vec<usize> = (0..labels.len())
            .filter(|&index| split_of(index) == split || (split == "trainval" && split_of(index) != "test"))
            .collect();
        let ids: String = members.iter().map(|&index| format!("{}\n", id(index))).collect();
        atomic::write(&folder.join(format!("{split}.txt")), ids.as_bytes())?;
        for (place, shape) in Shape::ALL.iter().enumerate() {
            let lines: String = members
                .iter()
                .map(|&index| format!("{} {}\n", id(index), if labels[index][place] { " 1" } else { "-1" }))
                .collect();
            atomic::write(&folder.join(format!("{shape}_{split}.txt")), lines.as_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, voc};

    fn small(pictures: usize) -> ShapesOptions {
        ShapesOptions { pictures, width: 120, height: 90, seed: 5 }
    }

    #[test]
    fn masks_boxes_and_labels_agree() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("shapes");
        let report = generate(&out, &small(40), &mut |_| {}).unwrap();
        assert!(report.with_circles > 5 && report.with_polygons > 5 && report.with_circles < 40);
        for (split, count) in [("train", 12), ("val", 12), ("test", 16), ("trainval", 24)] {
            let data = Dataset::open(&out, Some(split), None).unwrap();
            assert_eq!(data.pictures.len(), count);
            assert_eq!(data.categories, ["circle", "polygon"]);
            data.require_positives().unwrap();
            for entry in &data.pictures {
                let objects = voc::annotation(&out, &entry.id).unwrap().objects;
                let mask =
                    |kind: &str| image::open(out.join(kind).join(format!("{}.png", entry.id))).unwrap().to_luma8();
                let (owner, class) = (mask("SegmentationObject"), mask("SegmentationClass"));
                for (number, object) in (1u8..).zip(&objects) {
                    let kind = if object.category == "circle" { 1 } else { 2 };
                    let region = visible_box(owner.as_raw(), 120, number).unwrap();
                    assert_eq!(Some(region), object.region, "{}", entry.id);
                    assert!(owner.pixels().zip(class.pixels()).all(|(o, c)| (o.0[0] != number) || c.0[0] == kind));
                }
                let numbers = owner.pixels().map(|pixel| pixel.0[0]).max().unwrap();
                assert_eq!(usize::from(numbers), objects.len());
                for (category, label) in data.categories.iter().zip(&entry.labels) {
                    assert_eq!(objects.iter().any(|object| object.category == *category), *label == 1);
                }
            }
        }
    }

    #[test]
    fn a_picture_is_a_function_of_seed_and_index() {
        let (a, b) = (scene(&small(10), 3), scene(&small(99), 3));
        assert_eq!(a.image, b.image);
        assert_ne!(a.image, scene(&small(10), 4).image);
        assert_ne!(a.image, scene(&ShapesOptions { seed: 6, ..small(10) }, 3).image);
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.txt"), "x").unwrap();
        let error = generate(folder.path(), &small(10), &mut |_| {}).unwrap_err();
        assert!(matches!(error, ShapesError::NotEmpty { .. }));
        assert!(generate(folder.path(), &small(3), &mut |_| {}).unwrap_err().to_string().contains("got 3"));
    }
}
