//! The dense grid: where local features sit, and which pixels they stand for.
//!
//! Level ℓ has bin size s; first-bin centres are `x₀ = offset + step·i` while `x₀ + 3s ≤ W − 1`, rows alike, with
//! `offset = ⌊3(L − s)/2⌋`, L the largest size, so that the levels share their centres. Features are numbered by level,
//! then y₀, then x₀ (x fastest). Source: VLFeat's `vl_phow`.

use crate::picture::Rectangle;
use crate::settings::Faults;

/// One size of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Bin size s in pixels.
    pub size: usize,
    /// First-bin centre of the first feature, in x and in y.
    pub offset: usize,
    /// Number of features in a row.
    pub columns: usize,
    /// Number of rows.
    pub rows: usize,
    /// Number of the level's first feature.
    pub first: usize,
}

/// A local feature's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bin size s in pixels.
    pub size: usize,
    /// First-bin centre, column.
    pub x: usize,
    /// First-bin centre, row.
    pub y: usize,
}

impl Position {
    /// The descriptor's centre `(x₀ + 1.5 s, y₀ + 1.5 s)` in pixels.
    pub fn centre(self) -> (f32, f32) {
        let middle = 1.5 * self.size as f32;
        (self.x as f32 + middle, self.y as f32 + middle)
    }

    /// The support: the 4s×4s square about the centre, columns `⌈c − 2s⌉ … ⌈c + 2s⌉ − 1`, clipped to the picture.
    pub fn support(self, width: usize, height: usize) -> Rectangle {
        let before = self.size / 2;
        let after = (7 * self.size).div_ceil(2);
        Rectangle {
            x0: self.x.saturating_sub(before) as u32,
            y0: self.y.saturating_sub(before) as u32,
            x1: (self.x + after).min(width) as u32,
            y1: (self.y + after).min(height) as u32,
        }
    }
}

/// All places of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Picture width in pixels.
    pub width: usize,
    /// Picture height in pixels.
    pub height: usize,
    /// Distance of neighbours in pixels.
    pub step: usize,
    /// The sizes, as configured.
    pub levels: Vec<Level>,
}

impl Grid {
    /// The grid of a `width`×`height` picture.
    pub fn new(width: usize, height: usize, sizes: &[usize], step: usize) -> Self {
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let mut first = 0;
        let levels = sizes
            .iter()
            .map(|&size| {
                let offset = 3 * (largest - size) / 2;
                let (columns, rows) = (count(width, size, offset, step), count(height, size, offset, step));
                let level = if columns == 0 || rows == 0 {
                    Level { size, offset, columns: 0, rows: 0, first }
                } else {
                    Level { size, offset, columns, rows, first }
                };
                first += level.columns * level.rows;
                level
            })
            .collect();
        Self { width, height, step, levels }
    }

    /// All pixels of the picture.
    pub fn region(&self) -> Rectangle {
        Rectangle::of_size(self.width, self.height)
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.levels.last().map_or(0, |level| level.first + level.columns * level.rows)
    }

    /// Whether no feature fits into the picture.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of feature `number`, which must be below [`Grid::len`].
    pub fn position(&self, number: usize) -> Position {
        let index = self.levels.partition_point(|level| level.first <= number) - 1;
        // Levels without features share `first` with their successor; partition_point finds the last of them.
        let level = self.levels[index];
        let within = number - level.first;
        Position {
            size: level.size,
            x: level.offset + self.step * (within % level.columns),
            y: level.offset + self.step * (within / level.columns),
        }
    }
}

fn count(length: usize, size: usize, offset: usize, step: usize) -> usize {
    let taken = 1 + offset + 3 * size;
    if length < taken { 0 } else { (length - taken) / step + 1 }
}

/// The smallest picture, in pixels a side, whose grid holds a feature.
pub fn smallest_side(sizes: &[usize]) -> usize {
    let largest = sizes.iter().copied().max().unwrap_or(0);
    sizes.iter().map(|&size| 3 * (largest - size) / 2 + 3 * size + 1).min().unwrap_or(0)
}

/// Checks the settings of a grid; `at` is the key of what they are part of.
pub fn check(sizes: &[usize], step: usize, at: &str, faults: &mut Faults) {
    let different = sizes.iter().collect::<std::collections::HashSet<_>>().len() == sizes.len();
    faults.require(
        !sizes.is_empty() && sizes.len() <= 32 && different && sizes.iter().all(|size| (1..=512).contains(size)),
        &format!("{at}.sizes"),
        "1 to 32 different bin sizes of 1 to 512 pixels",
        format!("{sizes:?}"),
    );
    faults.require((1..=512).contains(&step), &format!("{at}.step"), "1 to 512 pixels", step);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_vlfeat() {
        // Source: dsift.json of the reference, computed outside; the same table stands in docs/dense-sift.md.
        for (width, height, expected) in [
            (1, 1, [0, 0, 0, 0]),
            (20, 20, [0, 0, 0, 0]),
            (30, 30, [9, 4, 1, 0]),
            (31, 31, [9, 4, 1, 1]),
            (64, 48, [77, 60, 60, 45]),
            (500, 375, [10680, 10472, 10353, 10266]),
            (375, 500, [10680, 10472, 10353, 10266]),
            (333, 500, [9360, 9282, 9163, 8968]),
        ] {
            let grid = Grid::new(width, height, &[4, 6, 8, 10], 4);
            let found: Vec<usize> = grid.levels.iter().map(|level| level.columns * level.rows).collect();
            assert_eq!(found, expected, "{width}×{height}");
            assert_eq!(grid.len(), expected.iter().sum::<usize>());
        }
    }

    #[test]
    fn numbers_walk_level_by_level_row_by_row() {
        let grid = Grid::new(64, 48, &[4, 6, 8, 10], 4);
        let mut number = 0;
        for level in &grid.levels {
            for row in 0..level.rows {
                for column in 0..level.columns {
                    let position = grid.position(number);
                    assert_eq!(position.size, level.size);
                    assert_eq!((position.x, position.y), (level.offset + 4 * column, level.offset + 4 * row));
                    number += 1;
                }
            }
        }
        assert_eq!(number, grid.len());
        // A level that is empty between others does not disturb the numbering.
        let gap = Grid::new(40, 40, &[4, 30, 6], 4);
        assert_eq!(gap.levels[1].columns, 0);
        for number in 0..gap.len() {
            assert_ne!(gap.position(number).size, 30);
        }
    }

    #[test]
    fn supports_follow_the_formula_and_stay_inside() {
        for size in 1..12 {
            let grid = Grid::new(70, 61, &[size], 3);
            for number in 0..grid.len() {
                let position = grid.position(number);
                let (cx, cy) = position.centre();
                let bound = |c: f32, sign: f32| (c + sign * 2.0 * size as f32).ceil() as i64;
                let support = position.support(70, 61);
                assert_eq!(i64::from(support.x0), bound(cx, -1.0).max(0));
                assert_eq!(i64::from(support.x1), bound(cx, 1.0).min(70));
                assert_eq!(i64::from(support.y0), bound(cy, -1.0).max(0));
                assert_eq!(i64::from(support.y1), bound(cy, 1.0).min(61));
                assert!(support.x0 < support.x1 && support.y0 < support.y1);
            }
        }
    }
}
