//! What makes a drawing explain itself: a bar of its colours with their values, and a caption.

use image::{Rgb, RgbImage, imageops};

use super::Palette;
use super::sheet::{text_width, write_text};

/// Height of the letters as a part of the picture's side, and its limits in pixels.
const LETTERS: (f32, f32, f32) = (1.0 / 30.0, 13.0, 48.0);
/// Smallest width of a framed picture in heights of its letters: that of the bar with its labels.
const NARROWEST: f32 = 24.0;

/// The colours of a drawing and what they stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// The colours.
    pub palette: Palette,
    /// The value of the last colour.
    pub scale: f64,
    /// What the values are.
    pub unit: &'static str,
}

/// The picture with the bar and the caption below it. The caption's parts stay whole: a line is broken between them.
pub fn framed(picture: &RgbImage, bar: Option<&Bar>, caption: &[String]) -> RgbImage {
    let (part, least, most) = LETTERS;
    // By the side of what is drawn: a triplet is three pictures wide.
    let side = picture.width().min(2 * picture.height()) as f32;
    let size = (side * part).round().clamp(least, most);
    let margin = (size * 0.6).round() as u32;
    let line = (size * 1.3).ceil() as u32;
    let width = picture.width().max((NARROWEST * size) as u32 + 2 * margin);
    let lines = broken(caption, size, width - 2 * margin);
    let bar_height = if bar.is_some() { line + margin } else { 0 };
    let below = margin + bar_height + lines.len() as u32 * line + margin / 2;
    let mut image = RgbImage::from_pixel(width, picture.height() + below, Rgb([255; 3]));
    imageops::replace(&mut image, picture, 0, 0);
    let mut y = picture.height() + margin;
    if let Some(bar) = bar {
        draw_bar(&mut image, bar, (margin, y), size);
        y += bar_height;
    }
    for text in lines {
        write_text(&mut image, margin as i32, y as i32, size, &text);
        y += line;
    }
    image
}

/// `against −1.2e−4 [colours] +1.2e−4 for, unit`, from the left end `(x, y)`.
fn draw_bar(image: &mut RgbImage, bar: &Bar, (x, y): (u32, u32), size: f32) {
    let value = value_of(bar.scale);
    let left = format!("against  −{value}");
    let right = format!("+{value}  for");
    let gap = (size * 0.5) as u32;
    let (length, height) = ((size * 8.0) as u32, (size * 0.9).round() as u32);
    write_text(image, x as i32, y as i32, size, &left);
    let from = x + text_width(size, &left) + gap;
    for column in 0..length {
        let colour = Rgb(bar.palette.colour(2.0 * (f64::from(column) + 0.5) / f64::from(length) - 1.0));
        for row in 0..height {
            put(image, from + column, y + row + (size * 0.1) as u32, colour);
        }
    }
    let unit = format!("{right}   ({})", bar.unit);
    let right = if x + (from - x) + length + gap + text_width(size, &unit) <= image.width() { unit } else { right };
    write_text(image, (from + length + gap) as i32, y as i32, size, &right);
}

/// The scale with two decimals, or by powers of ten if it is small or large.
fn value_of(scale: f64) -> String {
    if scale == 0.0 {
        "0".to_string()
    } else if (0.01..1000.0).contains(&scale) {
        format!("{scale:.2}")
    } else {
        format!("{scale:.1e}").replace('-', "−")
    }
}

fn put(image: &mut RgbImage, x: u32, y: u32, colour: Rgb<u8>) {
    if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
        *pixel = colour;
    }
}

/// The parts joined to lines of at most `width` pixels; a part that is wider alone is cut at its end.
fn broken(parts: &[String], size: f32, width: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = cut(part, size, width);
        let joined = lines.last().map(|line| format!("{line} · {part}"));
        match (joined, lines.last_mut()) {
            (Some(joined), Some(last)) if text_width(size, &joined) <= width => *last = joined,
            _ => lines.push(part),
        }
    }
    lines
}

fn cut(text: &str, size: f32, width: u32) -> String {
    if text_width(size, text) <= width {
        return text.to_string();
    }
    let mut letters: Vec<char> = text.chars().collect();
    while letters.pop().is_some() {
        let shorter: String = letters.iter().chain(&['…']).collect();
        if text_width(size, &shorter) <= width {
            return shorter;
        }
    }
    "…".to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar() -> Bar {
        Bar { palette: Palette::Diverging, scale: 1.25e-4, unit: "relevance a pixel" }
    }

    #[test]
    fn the_picture_stays_as_it_is_and_the_bar_has_all_colours() {
        for (width, height) in [(1, 1), (40, 900), (500, 375), (1500, 375)] {
            let picture = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 77]));
            let caption = ["photo.jpg", "cat +0.53", "the bias is kept apart"].map(String::from);
            let image = framed(&picture, Some(&bar()), &caption);
            assert_eq!(imageops::crop_imm(&image, 0, 0, width, height).to_image(), picture);
            let below = imageops::crop_imm(&image, 0, height, image.width(), image.height() - height).to_image();
            for value in [-0.98, -0.5, 0.5, 0.98] {
                let [red, green, blue] = Palette::Diverging.colour(value).map(i32::from);
                let near = |pixel: &Rgb<u8>| {
                    let [r, g, b] = pixel.0.map(i32::from);
                    (r - red).abs() + (g - green).abs() + (b - blue).abs() < 12
                };
                assert!(below.pixels().any(near), "{width}×{height}: {value}");
            }
            assert_eq!(image, framed(&picture, Some(&bar()), &caption));
        }
    }

    #[test]
    fn values_are_short() {
        assert_eq!([1.625, 9.52e-5, 0.0, 12_000.0].map(value_of), ["1.62", "9.5e−5", "0", "1.2e4"]);
    }

    #[test]
    fn captions_are_broken_between_their_parts_and_cut_only_if_one_is_too_long() {
        let parts = ["photo.jpg", "cat", "a much longer part than the others"].map(String::from);
        assert_eq!(broken(&parts, 13.0, 10_000), ["photo.jpg · cat · a much longer part than the others"]);
        let lines = broken(&parts, 13.0, 120);
        assert_eq!(lines[0], "photo.jpg · cat");
        assert!(lines[1].starts_with("a much") && lines[1].ends_with('…'), "{lines:?}");
        assert!(lines.iter().all(|line| text_width(13.0, line) <= 120));
        assert_eq!(broken(&parts, 13.0, 1), ["…", "…", "…"]);
    }
}
