//! Training pictures as inputs of a network, and the batches that are drawn of them.

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::TrainError;
use super::normal::fill_normal;
use super::recipe::{Pixels, Recipe};
use crate::causes::chain;
use crate::dataset::Dataset;
use crate::nn::preparation::{Colours, Layout, Preparation};
use crate::numeric::random::stream;
use crate::picture::{Fit, Fitting, Picture};
use crate::progress::Progress;

/// Pictures as inputs, with the numbers of their categories.
pub(super) struct Examples {
    side: usize,
    /// One after the other.
    inputs: Vec<f32>,
    /// The category of each.
    pub labels: Vec<usize>,
    /// The inputs of black and of white.
    ends: [f32; 2],
}

/// What is drawn for a step.
pub(super) struct Batch {
    pub inputs: Vec<f32>,
    pub labels: Vec<usize>,
}

/// Reads the pictures of a data set; the last `held_out` are for judging. The preparation is found on the others.
pub(super) fn read(
    data: &Dataset,
    recipe: &Recipe,
    held_out: usize,
    progress: &dyn Progress,
) -> Result<(Examples, Examples, Preparation), TrainError> {
    let labels = data.pictures.iter().map(|entry| {
        let mut own = entry.labels.iter().enumerate().filter(|(_, label)| **label == 1);
        match (own.next(), own.next()) {
            (Some((category, _)), None) => Ok(category),
            (first, _) => {
                let found = first.map_or(0, |_| entry.labels.iter().filter(|label| **label == 1).count());
                Err(TrainError::Categories { picture: entry.id.clone(), found })
            }
        }
    });
    let labels: Vec<usize> = labels.collect::<Result<_, _>>()?;
    if held_out >= labels.len() {
        return Err(TrainError::HeldOut { held_out, pictures: labels.len() });
    }
    let fit = Fit { width: recipe.side, height: recipe.side, how: Fitting::Pad };
    let (colours, layout) = (Colours::Grey, Layout::ChannelsFirst);
    let plain = Preparation { fit, colours, layout, scale: 1.0 / 255.0, mean: vec![0.0], deviation: vec![1.0] };
    progress.begin("pictures", labels.len());
    let reading = plain.reading();
    let pictures: Vec<Option<Vec<f32>>> = data
        .pictures
        .par_iter()
        .map(|entry| {
            let opened = Picture::open(data.file(entry), &reading);
            progress.step();
            match opened {
                Ok(picture) => Some(plain.input(&picture).into_iter().map(|value| value as f32).collect()),
                Err(error) => {
                    progress.warn(&format!("picture \"{}\" is left out: {}", entry.id, chain(&error)));
                    None
                }
            }
        })
        .collect();
    progress.end();
    let side = recipe.side as usize;
    let split = labels.len() - held_out;
    let part = |range: std::ops::Range<usize>| {
        let known = || range.clone().filter_map(|place| Some((pictures[place].as_ref()?, labels[place])));
        let mut inputs = Vec::with_capacity(range.len() * side * side);
        known().for_each(|(input, _)| inputs.extend(input));
        Examples { side, inputs, labels: known().map(|(_, label)| label).collect(), ends: [0.0, 1.0] }
    };
    let (mut training, mut others) = (part(0..split), part(split..labels.len()));
    if training.labels.is_empty() {
        return Err(TrainError::NoPictures);
    }
    let (mean, deviation) = match recipe.pixels {
        Pixels::ZeroToOne => (0.0, 1.0),
        Pixels::PlusMinusOne => (0.5, 0.5),
        Pixels::Standardised => {
            let count = training.inputs.len() as f64;
            let mean = training.inputs.iter().map(|&n| f64::from(n)).sum::<f64>() / count;
            let variance = training.inputs.iter().map(|&n| (f64::from(n) - mean).powi(2)).sum::<f64>() / count;
            if variance == 0.0 {
                return Err(TrainError::Uniform);
            }
            (mean, variance.sqrt())
        }
    };
    let value = |n: f32| ((f64::from(n) - mean) / deviation) as f32;
    for examples in [&mut training, &mut others] {
        examples.inputs.iter_mut().for_each(|n| *n = value(*n));
        examples.ends = [value(0.0), value(1.0)];
    }
    Ok((training, others, Preparation { mean: vec![mean], deviation: vec![deviation], ..plain }))
}

impl Examples {
    /// Number of values of an input.
    fn length(&self) -> usize {
        self.side * self.side
    }

    /// The inputs in blocks, each with the categories.
    pub fn blocks(&self, size: usize) -> impl Iterator<Item = (&[f32], &[usize])> {
        self.inputs.chunks(size * self.length()).zip(self.labels.chunks(size))
    }

    /// The batch of a step: pictures drawn with replacement, moved, and disturbed as the recipe says. It is a function of seed and step alone.
    pub fn batch(&self, recipe: &Recipe, seed: u64, iteration: usize) -> Batch {
        let mut random = stream(seed, &format!("step {iteration}"));
        let chosen: Vec<usize> = (0..recipe.batch).map(|_| random.random_range(0..self.labels.len())).collect();
        let mut inputs = Vec::with_capacity(recipe.batch * self.length());
        for &place in &chosen {
            let input = &self.inputs[place * self.length()..][..self.length()];
            if recipe.translation == 0 {
                inputs.extend_from_slice(input);
            } else {
                let far = recipe.translation.cast_signed();
                let [down, right] = [(); 2].map(|()| random.random_range(-far..=far));
                self.push_moved(input, down as isize, right as isize, &mut inputs);
            }
        }
        if recipe.noise > 0.0 {
            let mut noise = vec![0.0; inputs.len()];
            fill_normal(&mut random, &mut noise);
            inputs.iter_mut().zip(noise).for_each(|(x, noise)| *x += recipe.noise as f32 * noise);
        }
        if recipe.salt_and_pepper > 0.0 {
            // u < s/2 becomes the one end, u ≥ 1 − s/2 the other.
            let edge = (recipe.salt_and_pepper / 2.0 * f64::from(u32::MAX)) as u32;
            for x in &mut inputs {
                let u = random.next_u32();
                if u < edge {
                    *x = self.ends[0];
                } else if u > u32::MAX - edge {
                    *x = self.ends[1];
                }
            }
        }
        Batch { inputs, labels: chosen.into_iter().map(|place| self.labels[place]).collect() }
    }

    /// Appends a picture moved down and to the right; black follows at its edges.
    fn push_moved(&self, input: &[f32], down: isize, right: isize, inputs: &mut Vec<f32>) {
        let side = self.side as isize;
        let (begin, end) = (right.max(0), side + right.min(0));
        for row in 0..side {
            let from = row - down;
            if !(0..side).contains(&from) {
                inputs.extend(std::iter::repeat_n(self.ends[0], self.side));
                continue;
            }
            inputs.extend(std::iter::repeat_n(self.ends[0], begin as usize));
            inputs.extend_from_slice(
                &input[(from * side + begin - right) as usize..(from * side + end - right) as usize],
            );
            inputs.extend(std::iter::repeat_n(self.ends[0], (side - end) as usize));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_move_and_black_follows() {
        let examples = Examples { side: 3, inputs: Vec::new(), labels: Vec::new(), ends: [-1.0, 9.0] };
        let input: Vec<f32> = (1..=9).map(|v| v as f32).collect();
        let moved = |down, right| {
            let mut out = Vec::new();
            examples.push_moved(&input, down, right, &mut out);
            out
        };
        assert_eq!(moved(0, 0), input);
        assert_eq!(moved(1, 0), [-1.0, -1.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(moved(0, 1), [-1.0, 1.0, 2.0, -1.0, 4.0, 5.0, -1.0, 7.0, 8.0]);
        assert_eq!(moved(-1, -2), [6.0, -1.0, -1.0, 9.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
    }

    #[test]
    fn batches_are_functions_of_seed_and_step() {
        let inputs = (0..4 * 9).map(|v| v as f32).collect();
        let examples = Examples { side: 3, inputs, labels: vec![0, 1, 2, 3], ends: [-100.0, 100.0] };
        let mut recipe = Recipe::named("mnist-rect-1296").unwrap();
        (recipe.side, recipe.batch, recipe.translation, recipe.salt_and_pepper) = (3, 4000, 0, 0.1);
        let batch = examples.batch(&recipe, 1, 5);
        assert_eq!(batch.inputs, examples.batch(&recipe, 1, 5).inputs);
        assert_ne!(batch.inputs, examples.batch(&recipe, 1, 6).inputs);
        assert_ne!(batch.labels, examples.batch(&recipe, 2, 5).labels);
        let share = |end: f32| batch.inputs.iter().filter(|x| **x == end).count() as f64 / batch.inputs.len() as f64;
        assert!((share(-100.0) - 0.05).abs() < 0.005 && (share(100.0) - 0.05).abs() < 0.005);
        for (input, label) in batch.inputs.chunks(9).zip(&batch.labels) {
            let own = input.iter().enumerate().filter(|(_, x)| x.abs() < 100.0);
            assert!(own.clone().all(|(place, x)| *x == (label * 9 + place) as f32));
        }
        (recipe.salt_and_pepper, recipe.noise) = (0.0, 0.25);
        let noisy = examples.batch(&recipe, 1, 5);
        assert_eq!(noisy.labels, batch.labels);
        let off = noisy.inputs.chunks(9).zip(&noisy.labels).flat_map(|(input, label)| {
            input.iter().enumerate().map(move |(place, x)| f64::from(*x - (label * 9 + place) as f32))
        });
        let variance = off.map(|off| off * off).sum::<f64>() / noisy.inputs.len() as f64;
        assert!((variance.sqrt() - 0.25).abs() < 0.005);
    }
}
