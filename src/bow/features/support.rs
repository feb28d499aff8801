//! The way back from local features to pixels.
//!
//! Each feature's relevance is spread equally over its support:
//! `R1_q = Σ_{l: q ∈ support(l)} R2_l / |support(l)|` (Bach et al. 2015, Eqs 33–34). By difference arrays: four corner updates a feature,
//! one 2-D prefix sum a map, so the cost does not depend on the supports' size.

use ndarray::Array2;

use crate::picture::Rectangle;

/// Spreads each feature's relevance over its support, inside `region`: the region's pixels, whose sum is Σ relevances.
///
/// Pixels outside every support are exactly 0.
pub fn spread(region: Rectangle, features: impl Iterator<Item = (Rectangle, f64)>) -> Array2<f64> {
    let (width, height) = ((region.x1 - region.x0) as usize, (region.y1 - region.y0) as usize);
    let stride = width + 1;
    let mut differences = vec![0.0f64; (height + 1) * stride];
    let mut coverage = vec![0i32; (height + 1) * stride];
    for (support, relevance) in features {
        let share = relevance / support.area() as f64;
        let (x0, x1) = ((support.x0 - region.x0) as usize, (support.x1 - region.x0) as usize);
        for (y, sign) in [((support.y0 - region.y0) as usize, 1.0), ((support.y1 - region.y0) as usize, -1.0)] {
            differences[y * stride + x0] += sign * share;
            differences[y * stride + x1] -= sign * share;
            coverage[y * stride + x0] += sign as i32;
            coverage[y * stride + x1] -= sign as i32;
        }
    }
    let mut map = Array2::<f64>::zeros((height, width));
    let mut sums = vec![0.0f64; width];
    let mut counts = vec![0i32; width];
    for (y, mut row) in map.rows_mut().into_iter().enumerate() {
        let (mut sum, mut count) = (0.0, 0);
        for (x, pixel) in row.iter_mut().enumerate() {
            sum += differences[y * stride + x];
            count += coverage[y * stride + x];
            sums[x] += sum;
            counts[x] += count;
            // Rounding leaves crumbs where nothing lies; a pixel outside every support holds nothing.
            *pixel = if counts[x] > 0 { sums[x] } else { 0.0 };
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(height: usize, width: usize, features: &[(Rectangle, f64)]) -> Array2<f64> {
        let mut map = Array2::zeros((height, width));
        for (support, relevance) in features {
            for y in support.y0..support.y1 {
                for x in support.x0..support.x1 {
                    map[(y as usize, x as usize)] += relevance / support.area() as f64;
                }
            }
        }
        map
    }

    proptest! {
        #[test]
        fn difference_arrays_equal_the_naive_loop(
            (width, height, features) in (1usize..40, 1usize..40).prop_flat_map(|(width, height)| {
                let rectangle = (0..width, 0..height, 1..=width, 1..=height).prop_map(move |(x, y, w, h)| Rectangle {
                    x0: x as u32, y0: y as u32, x1: (x + w).min(width) as u32, y1: (y + h).min(height) as u32,
                });
                (Just(width), Just(height), proptest::collection::vec((rectangle, -1.0f64..1.0), 0..30))
            })
        ) {
            let fast = spread(Rectangle::of_size(width, height), features.iter().copied());
            let moved = |r: Rectangle| Rectangle { x0: r.x0 + 5, y0: r.y0 + 3, x1: r.x1 + 5, y1: r.y1 + 3 };
            let window = spread(moved(Rectangle::of_size(width, height)), features.iter().map(|&(r, v)| (moved(r), v)));
            prop_assert_eq!(&window, &fast);
            let slow = naive(height, width, &features);
            for ((index, a), b) in fast.indexed_iter().zip(&slow) {
                prop_assert!((a - b).abs() < 1e-12, "{:?}: {} instead of {}", index, a, b);
                let covered = features.iter().any(|(s, _)| {
                    (s.x0 as usize..s.x1 as usize).contains(&index.1) && (s.y0 as usize..s.y1 as usize).contains(&index.0)
                });
                prop_assert!(covered || *a == 0.0, "{:?} lies outside every support", index);
            }
            let total: f64 = features.iter().map(|(_, relevance)| relevance).sum();
            prop_assert!((fast.sum() - total).abs() < 1e-11);
        }
    }
}
