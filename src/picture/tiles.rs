//! Tiles: the windows of a picture, and the maps of windows averaged into one of the picture.
//!
//! Square windows of `side` pixels stand at multiples of `offset`; the last of a row or column is moved so that it ends at the border. A picture smaller
//! than a window has one window, itself. At each pixel the maps of all windows that hold it are averaged (B15, Fig 6).

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2, s};

use super::Rectangle;
use crate::settings::TextError;

/// Side and offset of the windows in pixels, e.g. `102/34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// Side of a window.
    pub side: usize,
    /// Distance of neighbouring windows.
    pub offset: usize,
}

impl Default for Tiles {
    /// The tiles of B15's Fig 6.
    fn default() -> Self {
        Self { side: 102, offset: 34 }
    }
}

impl FromStr for Tiles {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let parsed = text.split_once('/').and_then(|(side, offset)| {
            let (side, offset) = (side.parse().ok()?, offset.parse().ok()?);
            (1 <= offset && offset <= side && side <= 65_536).then_some(Self { side, offset })
        });
        parsed.ok_or_else(|| TextError {
            what: "tiles",
            expected: "SIDE/OFFSET in pixels with 1 ≤ OFFSET ≤ SIDE ≤ 65536, such as \"102/34\", or \"\" for none",
            found: text.to_string(),
        })
    }
}

impl fmt::Display for Tiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.side, self.offset)
    }
}

impl Tiles {
    /// Whether a `width`×`height` picture has one window only.
    pub fn is_one_window(self, width: usize, height: usize) -> bool {
        width <= self.side && height <= self.side
    }

    /// The windows of a `width`×`height` picture, row by row. A side longer than the picture's is cut to it.
    pub fn windows(self, width: usize, height: usize) -> Vec<Rectangle> {
        let rows = self.starts(height);
        let columns = self.starts(width);
        let corner = |&y: &usize| columns.iter().map(move |&x| (x, y));
        let window = |(x, y): (usize, usize)| Rectangle {
            x0: x as u32,
            y0: y as u32,
            x1: (x + self.side).min(width) as u32,
            y1: (y + self.side).min(height) as u32,
        };
        rows.iter().flat_map(corner).map(window).collect()
    }

    fn starts(self, length: usize) -> Vec<usize> {
        let last = length.saturating_sub(self.side);
        let mut starts: Vec<usize> = (0..last).step_by(self.offset).collect();
        starts.push(last);
        starts
    }
}

/// At each pixel of a `width`×`height` picture the mean over the maps of all windows that hold it; 0 if none does.
pub fn average<'a>(
    width: usize,
    height: usize,
    maps: impl IntoIterator<Item = (Rectangle, ArrayView2<'a, f64>)>,
) -> Array2<f64> {
    let mut sum = Array2::<f64>::zeros((height, width));
    let mut count = Array2::<f64>::zeros((height, width));
    for (window, map) in maps {
        let part = s![window.y0 as usize..window.y1 as usize, window.x0 as usize..window.x1 as usize];
        sum.slice_mut(part).zip_mut_with(&map, |sum, value| *sum += value);
        count.slice_mut(part).mapv_inplace(|count| count + 1.0);
    }
    sum.zip_mut_with(&count, |sum, count| *sum /= count.max(1.0));
    sum
}

/// Each window's number, averaged like a map: a coarse picture of what the windows say.
pub fn coarse(width: usize, height: usize, windows: &[(Rectangle, f64)]) -> Array2<f64> {
    let size = |window: &Rectangle| ((window.y1 - window.y0) as usize, (window.x1 - window.x0) as usize);
    let maps: Vec<Array2<f64>> =
        windows.iter().map(|(window, value)| Array2::from_elem(size(window), *value)).collect();
    average(width, height, windows.iter().zip(&maps).map(|((window, _), map)| (*window, map.view())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tiles_are_read_and_written() {
        assert_eq!("102/34".parse::<Tiles>().unwrap(), Tiles::default());
        assert_eq!(Tiles::default().to_string(), "102/34");
        for text in ["", "102", "102/", "/34", "34/102", "0/0", "10/0", "-1/1", "99999/1", "102/34/2"] {
            assert!(text.parse::<Tiles>().unwrap_err().to_string().contains(&format!("got \"{text}\"")));
        }
    }

    /// A 500×375 picture has 13 × 10 windows of 102 at 34, as the paper's figures have.
    #[test]
    fn the_windows_of_a_usual_picture() {
        let windows = Tiles::default().windows(500, 375);
        assert_eq!(windows.len(), 130);
        assert_eq!((windows[1].x0, windows[12].x0, windows[12].x1, windows[129].y1), (34, 398, 500, 375));
        assert_eq!(Tiles::default().windows(90, 50), [Rectangle::of_size(90, 50)]);
        assert!(Tiles::default().is_one_window(102, 50) && !Tiles::default().is_one_window(103, 50));
    }

    proptest! {
        #[test]
        fn windows_cover_the_picture_and_averages_are_means(
            width in 1usize..80, height in 1usize..80, side in 1usize..40, offset in 1usize..40,
        ) {
            let tiles = Tiles { side, offset: offset.min(side) };
            let windows = tiles.windows(width, height);
            for window in &windows {
                prop_assert_eq!((window.x1 - window.x0) as usize, side.min(width));
                prop_assert_eq!((window.y1 - window.y0) as usize, side.min(height));
                prop_assert!(Rectangle::of_size(width, height).holds(window));
            }
            let numbered: Vec<(Rectangle, f64)> = windows.iter().copied().zip((0..).map(f64::from)).collect();
            let map = coarse(width, height, &numbered);
            for ((y, x), value) in map.indexed_iter() {
                let pixel = Rectangle { x0: x as u32, y0: y as u32, x1: x as u32 + 1, y1: y as u32 + 1 };
                let here: Vec<f64> = numbered.iter().filter(|(window, _)| window.holds(&pixel)).map(|(_, v)| *v).collect();
                prop_assert!(!here.is_empty());
                prop_assert!((value - here.iter().sum::<f64>() / here.len() as f64).abs() < 1e-9);
            }
        }
    }
}
