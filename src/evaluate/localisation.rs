//! How much of a map's positive relevance lies where the object is.
//!
//! With R the map and S a region of its pixels, the share is `Σ_{p∈S} max(R_p, 0) / Σ_p max(R_p, 0)`. It lies in 0…1; a map
//! that is the same positive number everywhere gives the region's share of the pixels.

use ndarray::ArrayView2;

/// Computes the share of the positive relevance of `map` that lies in the pixels (x, y) that are `inside`; 0 if nothing is positive.
///
/// ```
/// use bowsight::evaluate::localisation::positive_share;
/// let map = ndarray::array![[3.0, -5.0], [1.0, 0.0]];
/// assert_eq!(positive_share(map.view(), |_, y| y == 0), 0.75);
/// ```
pub fn positive_share(map: ArrayView2<'_, f64>, inside: impl Fn(u32, u32) -> bool) -> f64 {
    let (mut within, mut all) = (0.0, 0.0);
    for ((y, x), &value) in map.indexed_iter() {
        let value = value.max(0.0);
        all += value;
        if inside(x as u32, y as u32) {
            within += value;
        }
    }
    if all > 0.0 { within / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    #[test]
    fn a_uniform_map_gives_the_area_and_nothing_positive_gives_zero() {
        let left = |x: u32, _: u32| x < 3;
        assert_eq!(positive_share(Array2::from_elem((4, 12), 0.5).view(), left), 0.25);
        assert_eq!(positive_share(Array2::from_elem((4, 12), -0.5).view(), left), 0.0);
        assert_eq!(positive_share(Array2::zeros((0, 0)).view(), left), 0.0);
    }

    #[test]
    fn negative_relevance_does_not_count_and_x_is_the_column() {
        let map = Array2::from_shape_fn((2, 5), |(y, x)| if x == 4 && y == 0 { 2.0 } else { -1.0 });
        assert_eq!(positive_share(map.view(), |x, y| (x, y) == (4, 0)), 1.0);
        assert_eq!(positive_share(map.view(), |x, y| (x, y) == (0, 1)), 0.0);
    }

    proptest! {
        #[test]
        fn a_region_and_its_complement_add_up_to_one(values in proptest::collection::vec(-1.0f64..1.0, 12), bits in any::<u16>()) {
            let map = Array2::from_shape_vec((3, 4), values).unwrap();
            let inside = |x: u32, y: u32| bits >> (y * 4 + x) & 1 == 1;
            let (within, without) = (positive_share(map.view(), inside), positive_share(map.view(), |x, y| !inside(x, y)));
            prop_assert!((0.0..=1.0).contains(&within));
            let expected = f64::from(u8::from(map.iter().any(|&value| value > 0.0)));
            prop_assert!((within + without - expected).abs() < 1e-12);
        }
    }
}
