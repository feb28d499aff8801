//! Contact sheets: pictures side by side with captions, in titled rows.

use std::sync::LazyLock;

use ab_glyph::{FontRef, PxScale};
use image::{Rgb, RgbImage, imageops};
use imageproc::drawing::{draw_text_mut, text_size};

/// DejaVu Sans, the glyphs that captions need (free licence, see data/font).
static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    let bytes = include_bytes!("../../data/font/DejaVuSans-subset.ttf");
    FontRef::try_from_slice(bytes).expect("the font that is compiled in is a font")
});

/// Height of the letters of captions, of row headings and of the title, in pixels.
const CAPTION: f32 = 13.0;
const HEADING: f32 = 16.0;
const TITLE: f32 = 20.0;
/// Gap between pictures and lines in pixels.
const GAP: u32 = 10;

/// A picture with lines of text below it.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The picture.
    pub image: RgbImage,
    /// The lines.
    pub caption: Vec<String>,
}

/// Titled rows of pictures.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// The title of the sheet.
    pub title: String,
    /// Each row's heading (or "") and its cells.
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// `image` scaled to `height` pixels, or to less if it would be wider than `width`.
pub fn fitted(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let scale = (f64::from(height) / f64::from(image.height())).min(f64::from(width) / f64::from(image.width()));
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let filter = if scale < 1.0 { imageops::FilterType::Triangle } else { imageops::FilterType::Nearest };
    imageops::resize(image, side(image.width()), side(image.height()), filter)
}

/// Writes a line of text with its upper left corner at (x, y).
pub fn write_text(image: &mut RgbImage, x: i32, y: i32, size: f32, text: &str) {
    draw_text_mut(image, Rgb([20, 20, 20]), x, y, PxScale::from(size), &*FONT, text);
}

/// Width of a line of text in pixels.
pub fn text_width(size: f32, text: &str) -> u32 {
    text_size(PxScale::from(size), &*FONT, text).0
}

fn line_height(size: f32) -> u32 {
    (size * 1.25).ceil() as u32
}

impl Cell {
    /// A picture with lines below it.
    pub fn new(image: RgbImage, caption: impl IntoIterator<Item = String>) -> Self {
        Self { image, caption: caption.into_iter().collect() }
    }

    /// Its width with its lines, in pixels.
    fn width(&self) -> u32 {
        self.caption.iter().map(|line| text_width(CAPTION, line)).fold(self.image.width(), u32::max)
    }

    fn caption_height(&self) -> u32 {
        self.caption.len() as u32 * line_height(CAPTION)
    }
}

/// Rows of two cells, one of each list, in two columns; the first row is headed "for (left) and against (right)".
pub fn for_and_against(speaking_for: Vec<Cell>, against: Vec<Cell>) -> Vec<(String, Vec<Cell>)> {
    let width = speaking_for.iter().map(Cell::width).max().unwrap_or(0);
    let rows = speaking_for.len().max(against.len());
    let (mut left, mut right) = (speaking_for.into_iter(), against.into_iter());
    let row = |number: usize| {
        let heading = if number == 0 { "for (left) and against (right)" } else { "" };
        let blank = Cell::new(RgbImage::new(0, 0), []);
        let mut cell = left.next().unwrap_or(blank);
        let mut image = RgbImage::from_pixel(width, cell.image.height(), Rgb([255; 3]));
        imageops::replace(&mut image, &cell.image, 0, 0);
        cell.image = image;
        (heading.to_string(), [cell].into_iter().chain(right.next()).collect())
    };
    (0..rows).map(row).collect()
}

impl Sheet {
    /// The sheet as one picture on white.
    pub fn render(&self) -> RgbImage {
        let title = if self.title.is_empty() { 0 } else { line_height(TITLE) + GAP };
        let row_width = |cells: &[Cell]| cells.iter().map(|cell| cell.width() + GAP).sum::<u32>();
        let row_height = |cells: &[Cell]| {
            cells.iter().map(|cell| cell.image.height()).max().unwrap_or(0)
                + cells.iter().map(Cell::caption_height).max().unwrap_or(0)
        };
        let heading_height = |heading: &str| if heading.is_empty() { 0 } else { line_height(HEADING) };
        let width = self
            .rows
            .iter()
            .map(|(heading, cells)| row_width(cells).max(text_width(HEADING, heading)))
            .fold(text_width(TITLE, &self.title), u32::max)
            + 2 * GAP;
        let rows: u32 =
            self.rows.iter().map(|(heading, cells)| heading_height(heading) + row_height(cells) + GAP).sum();
        let mut sheet = RgbImage::from_pixel(width, title + rows + 2 * GAP, Rgb([255; 3]));
        write_text(&mut sheet, GAP as i32, GAP as i32, TITLE, &self.title);
        let mut y = GAP + title;
        for (heading, cells) in &self.rows {
            write_text(&mut sheet, GAP as i32, y as i32, HEADING, heading);
            y += heading_height(heading);
            let tallest = cells.iter().map(|cell| cell.image.height()).max().unwrap_or(0);
            let mut x = GAP;
            for cell in cells {
                imageops::replace(&mut sheet, &cell.image, i64::from(x), i64::from(y));
                for (number, line) in cell.caption.iter().enumerate() {
                    let below = y + tallest + number as u32 * line_height(CAPTION);
                    write_text(&mut sheet, x as i32, below as i32, CAPTION, line);
                }
                x += cell.width() + GAP;
            }
            y += row_height(cells) + GAP;
        }
        sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_and_every_line_is_on_the_sheet() {
        let cell = |colour: [u8; 3], lines: &[&str]| {
            Cell::new(RgbImage::from_pixel(40, 30, Rgb(colour)), lines.iter().map(|line| line.to_string()))
        };
        let with = |lines: &[&str]| {
            let rows = vec![("row".to_string(), vec![cell([200, 0, 0], lines), cell([0, 200, 0], &[])])];
            Sheet { title: "title".to_string(), rows }.render()
        };
        let sheet = with(&["+0.5", "a caption wider than its picture"]);
        let count = |sheet: &RgbImage, colour: [u8; 3]| sheet.pixels().filter(|pixel| pixel.0 == colour).count();
        assert_eq!((count(&sheet, [200, 0, 0]), count(&sheet, [0, 200, 0])), (1200, 1200));
        let dark = |sheet: &RgbImage| sheet.pixels().filter(|p| p.0.iter().all(|v| *v < 90)).count();
        assert!(dark(&sheet) > dark(&with(&[])), "the caption is not written");
        assert_eq!(sheet, with(&["+0.5", "a caption wider than its picture"]));
        assert_eq!(Sheet::default().render().dimensions(), (20, 20));
    }

    #[test]
    fn columns_begin_at_the_same_place_in_every_row() {
        let cell = |width: u32, colour: [u8; 3]| Cell::new(RgbImage::from_pixel(width, 10, Rgb(colour)), []);
        let (red, blue) = ([200, 0, 0], [0, 0, 200]);
        let rows = for_and_against(vec![cell(30, red), cell(50, red)], vec![cell(20, blue); 3]);
        assert_eq!(rows.iter().map(|(_, cells)| cells.len()).collect::<Vec<_>>(), [2, 2, 2]);
        let sheet = Sheet { title: String::new(), rows }.render();
        let starts: std::collections::BTreeSet<u32> = sheet
            .enumerate_pixels()
            .filter(|(x, y, pixel)| pixel.0 == blue && (*x == 0 || sheet.get_pixel(x - 1, *y).0 != blue))
            .map(|(x, ..)| x)
            .collect();
        assert_eq!(starts.into_iter().collect::<Vec<_>>(), [GAP + 50 + GAP]);
        assert!(for_and_against(Vec::new(), Vec::new()).is_empty());
    }

    #[test]
    fn pictures_are_fitted_without_distortion() {
        let image = RgbImage::new(100, 50);
        assert_eq!(fitted(&image, 400, 25).dimensions(), (50, 25));
        assert_eq!(fitted(&image, 20, 500).dimensions(), (20, 10));
        assert_eq!(fitted(&RgbImage::new(1000, 1), 10, 10).dimensions(), (10, 1));
    }

    #[test]
    fn the_font_has_what_captions_use() {
        for text in ["+0.123 −4.5e−3", "Σ α β χ² λ", "→ … – ’ × ≤ Ü é"] {
            for letter in text.chars().filter(|letter| *letter != ' ') {
                use ab_glyph::Font;
                assert_ne!(FONT.glyph_id(letter).0, 0, "no glyph for {letter}");
            }
        }
    }
}
