//! Example patches of visual words: where in the training pictures the descriptors nearest to each word lie.
//!
//! A model keeps picture and rectangle; the pixels are cut from the data when they are drawn, or kept where that is asked for.

use image::{RgbImage, imageops};

use crate::picture::Picture;
use crate::picture::Rectangle;

/// Examples a word, at most.
pub const EXAMPLES: usize = 6;
/// Side of a stored patch in pixels.
pub const PATCH: usize = 32;

/// A place in a training picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Index of the picture among the training pictures.
    pub picture: u32,
    /// The support of the descriptor.
    pub rectangle: Rectangle,
}

/// Every word's examples, the nearest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordExamples {
    /// One list a word, of at most [`EXAMPLES`].
    pub places: Vec<Vec<Example>>,
    /// The pixels of each, where they are kept: [`PATCH`]² RGB.
    pub patches: Option<Vec<Vec<Vec<u8>>>>,
}

impl WordExamples {
    /// The nearest of the sampled descriptors of every word, at most one a picture. `owners` and `distances` are each descriptor's word and squared distance,
    /// `places` where it lies.
    pub fn choose(words: usize, owners: &[u32], distances: &[f32], places: &[Example]) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); words];
        for (row, &owner) in owners.iter().enumerate() {
            members[owner as usize].push(row);
        }
        let nearest = |mut rows: Vec<usize>| {
            rows.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
            let mut chosen: Vec<Example> = Vec::new();
            for row in rows {
                if chosen.len() == EXAMPLES {
                    break;
                }
                if chosen.iter().all(|example| example.picture != places[row].picture) {
                    chosen.push(places[row]);
                }
            }
            chosen
        };
        Self { places: members.into_iter().map(nearest).collect(), patches: None }
    }

    /// The same with the pictures' indices changed by `map`; examples of pictures that it knows nothing of are left out.
    pub fn renumbered(mut self, map: impl Fn(u32) -> Option<u32>) -> Self {
        for examples in &mut self.places {
            *examples = examples
                .iter()
                .filter_map(|example| Some(Example { picture: map(example.picture)?, ..*example }))
                .collect();
        }
        self
    }

    /// The examples as K×[`EXAMPLES`]×5 numbers: picture, x0, y0, x1, y1; −1 where there is none.
    pub fn to_numbers(&self) -> Vec<i32> {
        let numbers = |example: Option<&Example>| match example {
            Some(Example { picture, rectangle: r }) => [*picture, r.x0, r.y0, r.x1, r.y1].map(|v| v as i32),
            None => [-1; 5],
        };
        self.places.iter().flat_map(|examples| (0..EXAMPLES).flat_map(move |i| numbers(examples.get(i)))).collect()
    }

    /// What [`WordExamples::to_numbers`] wrote; none where a number is out of range. `pictures` is how many pictures there are.
    pub fn from_numbers(numbers: &[i32], pictures: usize) -> Option<Self> {
        let example = |numbers: &[i32]| -> Option<Option<Example>> {
            if numbers.iter().all(|number| *number == -1) {
                return Some(None);
            }
            let [picture, x0, y0, x1, y1] = <[i32; 5]>::try_from(numbers).ok()?.map(|v| u32::try_from(v).ok());
            let (picture, rectangle) = (picture?, Rectangle { x0: x0?, y0: y0?, x1: x1?, y1: y1? });
            let sound = (picture as usize) < pictures && rectangle.x0 < rectangle.x1 && rectangle.y0 < rectangle.y1;
            sound.then_some(Some(Example { picture, rectangle }))
        };
        let word = |numbers: &[i32]| -> Option<Vec<Example>> {
            let examples: Vec<Option<Example>> = numbers.chunks(5).map(example).collect::<Option<_>>()?;
            Some(examples.into_iter().flatten().collect())
        };
        let places = numbers.chunks(5 * EXAMPLES).map(word).collect::<Option<_>>()?;
        Some(Self { places, patches: None })
    }
}

/// The pixels of a rectangle in [`PATCH`]² pixels; what lies outside the picture is left out before scaling.
pub fn cut(picture: &Picture, rectangle: Rectangle) -> Option<RgbImage> {
    let x1 = (rectangle.x1 as usize).min(picture.width());
    let y1 = (rectangle.y1 as usize).min(picture.height());
    let (x0, y0) = (rectangle.x0 as usize, rectangle.y0 as usize);
    let part = picture.crop(x0, y0, x1.checked_sub(x0)?, y1.checked_sub(y0)?).ok()?;
    Some(imageops::resize(&part.rgb8(), PATCH as u32, PATCH as u32, imageops::FilterType::Triangle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example(picture: u32, x0: u32) -> Example {
        Example { picture, rectangle: Rectangle { x0, y0: 2, x1: x0 + 8, y1: 10 } }
    }

    #[test]
    fn the_nearest_of_each_picture_is_chosen() {
        let places = [example(0, 1), example(0, 2), example(1, 3), example(2, 4), example(1, 5)];
        let chosen = WordExamples::choose(3, &[0, 0, 0, 2, 0], &[0.5, 0.2, 0.9, 0.0, 0.2], &places);
        assert_eq!(chosen.places, [vec![places[1], places[4]], vec![], vec![places[3]]]);
        let renumbered = chosen.renumbered(|picture| [None, Some(0), Some(1)][picture as usize]);
        assert_eq!(renumbered.places, [vec![example(0, 5)], vec![], vec![example(1, 4)]]);
    }

    proptest! {
        #[test]
        fn numbers_give_back_the_examples_and_wrong_ones_are_refused(
            counts in proptest::collection::vec(0usize..=EXAMPLES, 1..6), at in 0usize..30, wrong in prop_oneof![Just(-7i32), Just(i32::MAX)],
        ) {
            let places: Vec<Vec<Example>> =
                counts.iter().map(|count| (0..*count as u32).map(|i| example(i, 3 * i)).collect()).collect();
            let examples = WordExamples { places, patches: None };
            let mut numbers = examples.to_numbers();
            prop_assert_eq!(numbers.len(), counts.len() * EXAMPLES * 5);
            prop_assert_eq!(WordExamples::from_numbers(&numbers, EXAMPLES), Some(examples));
            // A picture that does not exist, an end before its beginning.
            if numbers[0] >= 0 {
                numbers[if at < 15 { 0 } else { 3 }] = if at < 15 { wrong } else { 0 };
                prop_assert_eq!(WordExamples::from_numbers(&numbers, EXAMPLES), None);
            }
        }
    }

    #[test]
    fn patches_are_cut_where_they_lie() {
        let samples = (0..60 * 40).flat_map(|at| [(at % 60) as u8, (at / 60) as u8, 7]).collect();
        let picture = Picture::from_rgb8(60, 40, samples).unwrap();
        let patch = cut(&picture, Rectangle { x0: 8, y0: 4, x1: 40, y1: 36 }).unwrap();
        assert_eq!((patch.width(), patch.height()), (32, 32));
        assert_eq!(patch.get_pixel(0, 0).0, [8, 4, 7]);
        assert!(cut(&picture, Rectangle { x0: 50, y0: 30, x1: 90, y1: 90 }).is_some());
        assert!(cut(&picture, Rectangle { x0: 60, y0: 0, x1: 70, y1: 9 }).is_none());
    }
}
