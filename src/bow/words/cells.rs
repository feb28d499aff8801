//! Pyramid cells: which part of the picture a histogram's block describes.
//!
//! A layout such as `1x1+2x2+3x1` names levels of rows×columns; cell borders lie at `⌊H·i/rows⌋` and `⌊W·i/columns⌋`, a centre on a border
//! belongs to the later cell (Lazebnik et al. 2006).

use std::fmt;
use std::str::FromStr;

use crate::picture::Rectangle;
use crate::settings::TextError;
use crate::settings::text::serde_as_text;

/// The levels of a pyramid, e.g. `1x1+2x2+3x1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellLayout {
    levels: Vec<(usize, usize)>,
}

impl FromStr for CellLayout {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let side = |part: &str| part.parse::<usize>().ok().filter(|side| (1..=16).contains(side));
        let levels: Option<Vec<(usize, usize)>> = text
            .split('+')
            .map(|level| level.split_once('x').and_then(|(rows, columns)| Some((side(rows)?, side(columns)?))))
            .collect();
        match levels {
            Some(levels) if levels.len() <= 16 => Ok(Self { levels }),
            _ => Err(TextError {
                what: "cells",
                expected: "levels of ROWSxCOLUMNS joined by +, each 1 to 16, such as \"1x1+2x2+3x1\"",
                found: text.to_string(),
            }),
        }
    }
}

impl fmt::Display for CellLayout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (rows, columns)) in self.levels.iter().enumerate() {
            write!(formatter, "{}{rows}x{columns}", if index > 0 { "+" } else { "" })?;
        }
        Ok(())
    }
}

serde_as_text!(CellLayout);

impl CellLayout {
    /// The usual pyramid `1x1+2x2+3x1`.
    pub fn pyramid() -> Self {
        Self { levels: vec![(1, 1), (2, 2), (3, 1)] }
    }

    /// The whole picture alone, `1x1`.
    pub fn whole() -> Self {
        Self { levels: vec![(1, 1)] }
    }

    /// Number of cells over all levels.
    pub fn len(&self) -> usize {
        self.levels.iter().map(|(rows, columns)| rows * columns).sum()
    }

    /// Whether there is no cell; a parsed layout has at least one.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The layout laid over a picture's pixels, or a window of them.
    pub fn over(&self, region: Rectangle) -> Cells {
        let [x0, y0, x1, y1] = [region.x0, region.y0, region.x1, region.y1].map(|v| v as usize);
        let mut first = 0;
        let levels = self
            .levels
            .iter()
            .map(|&(rows, columns)| {
                let borders = |from: usize, to: usize, parts: usize| {
                    (0..=parts).map(|i| from + (to - from) * i / parts).collect()
                };
                let level = CellLevel { first, x: borders(x0, x1, columns), y: borders(y0, y1, rows) };
                first += rows * columns;
                level
            })
            .collect();
        Cells { levels }
    }
}

#[derive(Debug, Clone)]
struct CellLevel {
    first: usize,
    /// Borders, from the region's left end to its right.
    x: Vec<usize>,
    y: Vec<usize>,
}

/// The cells of one picture or window.
#[derive(Debug, Clone)]
pub struct Cells {
    levels: Vec<CellLevel>,
}

impl Cells {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.levels.last().map_or(0, |level| level.first + (level.x.len() - 1) * (level.y.len() - 1))
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the cells that contain the point, one per level.
    pub fn containing(&self, (x, y): (f32, f32)) -> impl Iterator<Item = usize> + '_ {
        self.levels.iter().map(move |level| {
            let place = |borders: &[usize], at: f32| {
                let inner = &borders[1..borders.len() - 1];
                inner.partition_point(|&border| border as f32 <= at)
            };
            level.first + place(&level.y, y) * (level.x.len() - 1) + place(&level.x, x)
        })
    }

    /// The cells' pixels, in order.
    pub fn rectangles(&self) -> Vec<Rectangle> {
        let mut rectangles = Vec::with_capacity(self.len());
        for level in &self.levels {
            for y in level.y.windows(2) {
                for x in level.x.windows(2) {
                    let [x0, y0, x1, y1] = [x[0], y[0], x[1], y[1]].map(|v| v as u32);
                    rectangles.push(Rectangle { x0, y0, x1, y1 });
                }
            }
        }
        rectangles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layouts_are_read_and_written() {
        for text in ["1x1", "1x1+2x2+3x1", "4x16"] {
            assert_eq!(text.parse::<CellLayout>().unwrap().to_string(), text);
        }
        assert_eq!("1x1+2x2+3x1".parse::<CellLayout>().unwrap().len(), 8);
        for text in ["", "0x1", "1x1+", "2", "2x2x2", "17x1", "1X1", "-1x1"] {
            assert!(text.parse::<CellLayout>().unwrap_err().to_string().contains(text), "{text}");
        }
    }

    proptest! {
        /// Each level's cells tile the picture, and a centre lies in just the cell that holds it.
        #[test]
        fn every_point_lies_in_its_rectangle(width in 1usize..90, height in 1usize..90, x in 0.0f32..1.0, y in 0.0f32..1.0) {
            let layout: CellLayout = "1x1+2x2+3x1+4x5".parse().unwrap();
            let cells = layout.over(Rectangle::of_size(width, height));
            let rectangles = cells.rectangles();
            prop_assert_eq!(rectangles.len(), layout.len());
            let point = ((x * 2.0 * width as f32).floor() / 2.0, (y * 2.0 * height as f32).floor() / 2.0);
            let expected: Vec<usize> = (0..rectangles.len())
                .filter(|&c| {
                    let r = rectangles[c];
                    point.0 >= r.x0 as f32 && point.0 < r.x1 as f32 && point.1 >= r.y0 as f32 && point.1 < r.y1 as f32
                })
                .collect();
            prop_assert_eq!(cells.containing(point).collect::<Vec<_>>(), expected);
            // In a window all is moved by its corner.
            let window = Rectangle { x0: 7, y0: 11, x1: 7 + width as u32, y1: 11 + height as u32 };
            let moved = layout.over(window);
            prop_assert_eq!(moved.containing((point.0 + 7.0, point.1 + 11.0)).collect::<Vec<_>>(), cells.containing(point).collect::<Vec<_>>());
            for (a, b) in moved.rectangles().iter().zip(&rectangles) {
                prop_assert_eq!((a.x0, a.y0, a.x1, a.y1), (b.x0 + 7, b.y0 + 11, b.x1 + 7, b.y1 + 11));
            }
        }
    }
}
