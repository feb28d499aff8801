//! Maps of shrunk pictures in the size of the pictures.

use ndarray::{Array2, ArrayView2};

/// Brings a map to `width`×`height` pixels, at least its own size. Every value is spread evenly over the area that its pixel covers, so the sum stays.
///
/// ```
/// use bowsight::picture::enlarge;
/// let map = ndarray::array![[2.0, 6.0]];
/// assert_eq!(enlarge(map.view(), 3, 1), ndarray::array![[4.0 / 3.0, 8.0 / 3.0, 4.0]]);
/// ```
///
/// # Panics
/// If the map is empty, wider or higher.
pub fn enlarge(map: ArrayView2<'_, f64>, width: usize, height: usize) -> Array2<f64> {
    let (rows, columns) = (Cover::of(map.nrows(), height), Cover::of(map.ncols(), width));
    Array2::from_shape_fn((height, width), |(y, x)| {
        let across = |row: usize| columns[x].sum(|column| map[(row, column)]);
        rows[y].sum(across)
    })
}

/// The one or two small pixels that a large pixel is a part of, and the share of each that it gets.
struct Cover {
    first: (usize, f64),
    second: Option<(usize, f64)>,
}

impl Cover {
    /// Of every pixel of a side of `large` pixels on a side of `small` ones.
    fn of(small: usize, large: usize) -> Vec<Self> {
        assert!(0 < small && small <= large, "a map can't be brought from {small} to {large} pixels");
        let cover = |pixel: usize| {
            // In units of which a small pixel has `large`, and a large one `small`.
            let (from, to) = (pixel * small, (pixel + 1) * small);
            let (first, last) = (from / large, (to - 1) / large);
            let share = |units: usize| units as f64 / large as f64;
            let end = to.min((first + 1) * large);
            Self { first: (first, share(end - from)), second: (last > first).then(|| (last, share(to - end))) }
        };
        (0..large).map(cover).collect()
    }

    fn sum(&self, value: impl Fn(usize) -> f64) -> f64 {
        self.first.1 * value(self.first.0) + self.second.map_or(0.0, |(pixel, share)| share * value(pixel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The sum stays; an evenly enlarged map repeats its values; a map of its own size stays as it is.
        #[test]
        fn nothing_is_lost(width in 1usize..9, height in 1usize..9, more in (0usize..20, 0usize..20), seed in any::<u32>()) {
            let map = Array2::from_shape_fn((height, width), |(y, x)| f64::from((seed >> ((3 * x + 5 * y) % 29)) & 7) - 3.0);
            let large = enlarge(map.view(), width + more.0, height + more.1);
            prop_assert!((large.sum() - map.sum()).abs() < 1e-9);
            prop_assert_eq!(&enlarge(map.view(), width, height), &map);
            let thrice = enlarge(map.view(), 3 * width, 3 * height);
            for ((y, x), value) in thrice.indexed_iter() {
                prop_assert!((9.0 * value - map[(y / 3, x / 3)]).abs() < 1e-12);
            }
        }
    }
}
