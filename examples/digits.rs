//! Draws the ten digits of `data/digits`, bright on black and 28×28 as MNIST's are: strokes of a round pen, with the ink's centre of mass in the middle.
//!
//! ```text
//! cargo run --release --example digits -- data/digits
//! ```

use std::f64::consts::PI;
use std::path::PathBuf;

use image::{GrayImage, Luma};

const SIDE: u32 = 28;
/// Height and width of the box that digits are drawn in, in pixels.
const BOX: f64 = 20.0;
/// Radius of the pen in pixels.
const PEN: f64 = 1.1;

type Point = (f64, f64);

/// An arc around a centre, from one angle to another in degrees; 0 is to the right, 90 down.
fn arc((x, y): Point, (rx, ry): (f64, f64), from: f64, to: f64) -> Vec<Point> {
    let steps = 48;
    let at = |i: i32| (from + (to - from) * f64::from(i) / f64::from(steps)) * PI / 180.0;
    (0..=steps).map(|i| (x + rx * at(i).cos(), y + ry * at(i).sin())).collect()
}

/// The strokes of a digit in a box from 0 to 1, y downwards.
fn strokes(digit: usize) -> Vec<Vec<Point>> {
    let round = |centre, radius| arc(centre, (radius, radius), 0.0, 360.0);
    let bow = |centre, radius, from, to| arc(centre, (radius, radius), from, to);
    match digit {
        0 => vec![arc((0.5, 0.5), (0.28, 0.42), 0.0, 360.0)],
        1 => vec![vec![(0.55, 0.08), (0.45, 0.92)]],
        2 => vec![[bow((0.5, 0.32), 0.24, 190.0, 385.0), vec![(0.24, 0.9), (0.8, 0.88)]].concat()],
        3 => vec![bow((0.47, 0.29), 0.21, -160.0, 90.0), bow((0.47, 0.71), 0.21, -90.0, 160.0)],
        4 => vec![vec![(0.28, 0.1), (0.25, 0.52), (0.78, 0.5)], vec![(0.68, 0.12), (0.6, 0.95)]],
        5 => vec![[vec![(0.76, 0.1), (0.34, 0.12), (0.31, 0.46)], bow((0.48, 0.66), 0.24, -125.0, 150.0)].concat()],
        6 => vec![vec![(0.62, 0.08), (0.42, 0.32), (0.3, 0.62)], round((0.5, 0.7), 0.2)],
        7 => vec![vec![(0.22, 0.14), (0.76, 0.12), (0.44, 0.94)]],
        8 => vec![round((0.5, 0.28), 0.19), round((0.5, 0.71), 0.23)],
        _ => vec![round((0.48, 0.3), 0.2), vec![(0.68, 0.3), (0.58, 0.95)]],
    }
}

/// The distance of a point from a stroke.
fn distance((x, y): Point, stroke: &[Point]) -> f64 {
    let to = |pair: &[Point]| {
        let [(ax, ay), (bx, by)] = [pair[0], pair[1]];
        let (dx, dy) = (bx - ax, by - ay);
        let t = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-12)).clamp(0.0, 1.0);
        (x - ax - t * dx).hypot(y - ay - t * dy)
    };
    stroke.windows(2).map(to).fold(f64::INFINITY, f64::min)
}

/// A digit whose box is moved by some pixels.
fn drawn(digit: usize, moved: Point) -> GrayImage {
    let margin = (f64::from(SIDE) - BOX) / 2.0;
    let pixels = |&(x, y): &Point| (margin + BOX * x + moved.0, margin + BOX * y + moved.1);
    let strokes: Vec<Vec<Point>> = strokes(digit).iter().map(|stroke| stroke.iter().map(pixels).collect()).collect();
    GrayImage::from_fn(SIDE, SIDE, |x, y| {
        let centre = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let nearest = strokes.iter().map(|stroke| distance(centre, stroke)).fold(f64::INFINITY, f64::min);
        Luma([(255.0 * (PEN + 0.5 - nearest).clamp(0.0, 1.0)).round() as u8])
    })
}

fn centre_of_mass(image: &GrayImage) -> Point {
    let sum = |of: fn(u32, u32) -> f64| {
        image.enumerate_pixels().map(|(x, y, ink)| f64::from(ink.0[0]) * of(x, y)).sum::<f64>()
    };
    let mass = sum(|_, _| 1.0);
    (sum(|x, _| f64::from(x) + 0.5) / mass, sum(|_, y| f64::from(y) + 0.5) / mass)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("name the folder to write to")?);
    std::fs::create_dir_all(&out)?;
    for digit in 0..10 {
        let (x, y) = centre_of_mass(&drawn(digit, (0.0, 0.0)));
        let middle = f64::from(SIDE) / 2.0;
        drawn(digit, (middle - x, middle - y)).save(out.join(format!("{digit}.png")))?;
    }
    Ok(())
}
