//! Training step 1: a sample of descriptors, and the vocabularies learnt from it.

use std::collections::BinaryHeap;

use linfa::ParamGuard;
use linfa::traits::Fit;
use ndarray::Array2;
use rand::Rng;
use rayon::prelude::*;

use super::{TrainError, decode_options};
use crate::bow::VocabularyRecord;
use crate::bow::config::{ChannelConfig, Settings};
use crate::bow::features::{self, FeatureFamily};
use crate::bow::words::vocabulary::{Vocabulary, VocabularyError, VocabularyParams};
use crate::dataset::Dataset;
use crate::numeric::random::stream;
use crate::picture::Picture;
use crate::progress::Progress;

/// The vocabulary of every channel, from the same number of descriptors of every picture.
pub(super) fn learn_vocabularies(
    settings: &Settings,
    dataset: &Dataset,
    progress: &dyn Progress,
) -> Result<(Vec<Vocabulary>, Vec<VocabularyRecord>), TrainError> {
    let families: Vec<Box<dyn FeatureFamily>> =
        settings.channel.iter().map(|channel| features::family(&channel.descriptor)).collect();
    let options = decode_options(settings);
    progress.begin("sampling descriptors", dataset.pictures.len());
    let samples: Vec<Option<Vec<Vec<f32>>>> = dataset
        .pictures
        .par_iter()
        .map(|entry| {
            // A bad picture is reported when the histograms are made; here it just gives nothing.
            let sample = Picture::open(&dataset.file(entry), &options).ok().map(|picture| {
                let channels = settings.channel.iter().zip(&families).enumerate();
                channels
                    .map(|(u, (config, family))| {
                        let per_picture = config.vocabulary.sample.div_ceil(dataset.pictures.len().max(1));
                        let name = format!("sample/{u}/{}", entry.id);
                        sample_descriptors(family.as_ref(), &picture, per_picture, settings.seed, &name)
                    })
                    .collect()
            });
            progress.step();
            sample
        })
        .collect();
    progress.end();
    let mut vocabularies = Vec::new();
    let mut records = Vec::new();
    progress.begin("learning words", settings.channel.len());
    for (u, (config, family)) in settings.channel.iter().zip(&families).enumerate() {
        let values: Vec<f32> = samples.iter().flatten().flat_map(|channels| channels[u].iter().copied()).collect();
        let rows = values.len() / family.width();
        let descriptors = Array2::from_shape_vec((rows, family.width()), values).unwrap_or_default();
        let vocabulary = learn(config, settings.seed, u, descriptors)
            .map_err(|source| TrainError::Vocabulary { channel: u, source })?;
        records.push(VocabularyRecord {
            sample: rows,
            iterations: vocabulary.iterations.len(),
            converged: vocabulary.converged,
            mean_squared_distance: vocabulary.mean_squared_distance,
        });
        vocabularies.push(vocabulary);
        progress.step();
    }
    progress.end();
    Ok((vocabularies, records))
}

fn learn(
    config: &ChannelConfig,
    seed: u64,
    channel: usize,
    sample: Array2<f32>,
) -> Result<Vocabulary, VocabularyError> {
    let settings = &config.vocabulary;
    // Channels alike but for their place still learn words of their own.
    VocabularyParams::new(settings.words, seed.wrapping_add((channel as u64) << 32))
        .max_iter(settings.max_iter)
        .engine(settings.engine)
        .start(settings.start)
        .check()?
        .fit(&linfa::DatasetBase::from(sample))
}

/// `count` of the picture's descriptors, drawn without replacement: those with the smallest of random priorities.
fn sample_descriptors(family: &dyn FeatureFamily, picture: &Picture, count: usize, seed: u64, name: &str) -> Vec<f32> {
    let grid = family.grid(picture.width(), picture.height());
    let mut random = stream(seed, name);
    let mut next_number = 0;
    // A heap of the chosen, the largest priority on top, each with its place in `chosen`.
    let mut heap: BinaryHeap<(u64, u32, usize)> = BinaryHeap::new();
    let width = family.width();
    let mut chosen: Vec<f32> = Vec::new();
    family.extract(picture, &grid, &mut |strip| {
        for (&number, descriptor) in strip.numbers.iter().zip(strip.descriptors.rows()) {
            let mut priority = 0;
            // One draw a place of the grid, kept or not: dropping features does not shift the others' luck.
            while next_number <= number {
                priority = random.next_u64();
                next_number += 1;
            }
            let slot = if heap.len() < count {
                chosen.resize(chosen.len() + width, 0.0);
                heap.len()
            } else if let Some(&(largest, _, slot)) = heap.peek()
                && priority < largest
            {
                heap.pop();
                slot
            } else {
                continue;
            };
            heap.push((priority, number, slot));
            for (target, value) in chosen[slot * width..].iter_mut().zip(descriptor) {
                *target = *value;
            }
        }
    });
    let mut order: Vec<(u32, usize)> = heap.into_iter().map(|(_, number, slot)| (number, slot)).collect();
    order.sort_unstable();
    order.into_iter().flat_map(|(_, slot)| chosen[slot * width..(slot + 1) * width].iter().copied()).collect()
}
