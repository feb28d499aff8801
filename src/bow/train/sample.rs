//! Training step 1: a sample of descriptors, and the vocabularies learnt from it.

use std::cell::Cell;
use std::collections::BinaryHeap;

use rand::Rng;
use rayon::prelude::*;

use super::cache::{Cache, Key};
use super::error::TrainError;
use super::task::{LeftOut, TrainingData};
use crate::bow::config::{ChannelConfig, Settings};
use crate::bow::features::{self, FeatureFamily};
use crate::bow::files::coding;
use crate::bow::record::VocabularyRecord;
use crate::bow::stages;
use crate::bow::words::coding::Coding;
use crate::bow::words::examples::{EXAMPLES, Example, WordExamples};
use crate::bow::words::mapping::MappingKind;
use crate::bow::words::vocabulary::VocabularyError;
use crate::dataset::Dataset;
use crate::format::container::{Container, Reader, Values};
use crate::numeric::matrix;
use crate::numeric::random::stream;
use crate::picture::Picture;
use crate::picture::Rectangle;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

/// A coding, and how the learning went.
pub(super) struct Learnt {
    pub(super) coding: Coding,
    pub(super) record: VocabularyRecord,
    /// Examples of each word; pictures are given by their index in the split.
    pub(super) examples: WordExamples,
}

/// Some of a picture's descriptors, row by row, and their supports.
#[derive(Default)]
struct Sample {
    values: Vec<f32>,
    supports: Vec<Rectangle>,
}

/// Learns the coding of every channel from the same number of descriptors per picture.
pub(super) fn learn_codings(
    settings: &Settings,
    data: &TrainingData,
    data_digest: &str,
    cache: Option<&Cache>,
    progress: &dyn Progress,
) -> Result<Vec<Learnt>, TrainError> {
    let dataset = &data.split;
    let keys: Vec<Key> = (0..settings.channel.len()).map(|channel| key(settings, channel, data_digest)).collect();
    let mut learnt: Vec<Option<Learnt>> = settings
        .channel
        .iter()
        .zip(&keys)
        .map(|(config, key)| cache.and_then(|cache| cache.get(key, |reader| from_reader(reader, config, dataset))))
        .collect();
    let missing: Vec<usize> = (0..learnt.len()).filter(|&channel| learnt[channel].is_none()).collect();
    for &channel in &missing {
        // Before any picture is opened.
        let engine = settings.channel[channel].vocabulary.engine;
        engine.require().map_err(|source| TrainError::Vocabulary { channel, source })?;
    }
    if !missing.is_empty() {
        let (samples, left_out) = sample(settings, dataset, &missing, progress);
        data.require_readable(&left_out, dataset.pictures.len())?;
        let most = |channel: usize| settings.channel[channel].vocabulary.max_iter;
        progress.begin("learning words", missing.iter().map(|&channel| most(channel)).sum());
        for (at, &channel) in missing.iter().enumerate() {
            let passes = Cell::new(0);
            let pass = || {
                passes.set(passes.get() + 1);
                progress.step();
            };
            let own = samples.iter().enumerate().map(|(picture, channels)| (picture, &channels[at]));
            let new =
                learn(settings, channel, own, &pass).map_err(|source| TrainError::Vocabulary { channel, source })?;
            if let Some(cache) = cache {
                cache.put(&keys[channel], &to_container(&new, &settings.channel[channel]));
            }
            learnt[channel] = Some(new);
            // It may have converged before.
            (passes.get()..most(channel)).for_each(|_| progress.step());
        }
        progress.end();
    }
    Ok(learnt.into_iter().flatten().collect())
}

/// Index of this channel among those with equal descriptor and vocabulary settings.
///
/// Each of them learns its own words, which do not depend on the other channels.
fn index_among_equals(settings: &Settings, channel: usize) -> usize {
    let own = &settings.channel[channel];
    let same = |other: &&ChannelConfig| other.descriptor == own.descriptor && other.vocabulary == own.vocabulary;
    settings.channel[..channel].iter().filter(same).count()
}

fn key(settings: &Settings, channel: usize, data_digest: &str) -> Key {
    let config = &settings.channel[channel];
    let parts = serde_json::json!({
        "seed": settings.seed,
        "occurrence": index_among_equals(settings, channel),
        "descriptor": config.descriptor,
        "vocabulary": config.vocabulary,
        // Words are the same whatever is mapped to them; a mixture is not.
        "mixture": (config.mapping.kind == MappingKind::Fisher).then_some(&config.mapping),
        "max_side": settings.picture.max_side,
        "data": data_digest,
    });
    Key::new("vocabulary", &[parts.to_string().as_bytes()])
}

fn to_container(learnt: &Learnt, config: &ChannelConfig) -> Container {
    let mut container = Container::default();
    coding::insert(&mut container, 0, &learnt.coding, config);
    if let Coding::Words { .. } = learnt.coding {
        // Another mapping may need it.
        let variance = Coding::soft_variance(learnt.record.mean_squared_distance);
        container.insert("channels.0.soft_variance", &[1], Values::F64(vec![variance]));
    }
    let shape = [config.vocabulary.words, EXAMPLES, 5];
    container.insert("examples", &shape, Values::I32(learnt.examples.to_numbers()));
    let record = serde_json::to_string(&learnt.record).expect("own types serialize");
    container.metadata.insert("record".to_string(), record);
    container
}

fn from_reader(reader: &Reader<'_>, config: &ChannelConfig, dataset: &Dataset) -> Option<Learnt> {
    let coding = coding::read(reader, 0, config).ok()?;
    let examples = reader.i32s("examples", &[config.vocabulary.words, EXAMPLES, 5]).ok()?;
    let examples = WordExamples::from_numbers(&examples, dataset.pictures.len())?;
    let record = serde_json::from_str(reader.metadata("record").ok()?).ok()?;
    Some(Learnt { coding, record, examples })
}

/// Draws the samples of every picture for the `wanted` channels. A picture that can't be read gives none, and is named at once.
fn sample(
    settings: &Settings,
    dataset: &Dataset,
    wanted: &[usize],
    progress: &dyn Progress,
) -> (Vec<Vec<Sample>>, Vec<LeftOut>) {
    let families: Vec<Box<dyn FeatureFamily>> =
        wanted.iter().map(|&channel| features::family(&settings.channel[channel].descriptor)).collect();
    let options = settings.reading();
    progress.begin("sampling descriptors", dataset.pictures.len());
    let samples = dataset
        .pictures
        .par_iter()
        .map(|entry| {
            let mut timings = Timings::default();
            let picture = timings.time(Stage::DECODE, || Picture::open(dataset.file(entry), &options));
            let picture = picture.map_err(|error| LeftOut::new(entry, error.into()));
            if let Err(left_out) = &picture {
                progress.warn(&left_out.to_string());
            }
            let of_channel = |(at, &channel): (usize, &usize)| {
                let Ok(picture) = &picture else { return Sample::default() };
                let count = settings.channel[channel].vocabulary.sample.div_ceil(dataset.pictures.len().max(1));
                let name = format!("sample/{}/{}", index_among_equals(settings, channel), entry.id);
                sample_descriptors(families[at].as_ref(), picture, count, settings.seed, &name)
            };
            let sample = timings.time(stages::FEATURES, || wanted.iter().enumerate().map(of_channel).collect());
            progress.record_time(1, &timings);
            progress.step();
            (sample, picture.err())
        })
        .collect::<Vec<(Vec<Sample>, Option<LeftOut>)>>();
    progress.end();
    let (samples, left_out): (_, Vec<Option<LeftOut>>) = samples.into_iter().unzip();
    (samples, left_out.into_iter().flatten().collect())
}

/// Learns the coding of a channel from the samples of the pictures.
fn learn<'a>(
    settings: &Settings,
    channel: usize,
    samples: impl Iterator<Item = (usize, &'a Sample)>,
    pass: &dyn Fn(),
) -> Result<Learnt, VocabularyError> {
    let config = &settings.channel[channel];
    let width = features::family(&config.descriptor).width();
    let (mut values, mut places) = (Vec::new(), Vec::new());
    for (picture, sample) in samples {
        values.extend_from_slice(&sample.values);
        places.extend(sample.supports.iter().map(|&rectangle| Example { picture: picture as u32, rectangle }));
    }
    let descriptors = matrix((places.len(), width), values);
    let seed = settings.seed.wrapping_add((index_among_equals(settings, channel) as u64) << 32);
    let (coding, record) = Coding::learn(&config.vocabulary, &config.mapping, seed, descriptors.view(), pass)?;
    let (owners, distances) = coding.owners(descriptors.view());
    let examples = WordExamples::choose(config.vocabulary.words, &owners, &distances, &places);
    Ok(Learnt { coding, record, examples })
}

/// Draws `count` of the picture's descriptors without replacement: those with the smallest random priorities.
fn sample_descriptors(family: &dyn FeatureFamily, picture: &Picture, count: usize, seed: u64, name: &str) -> Sample {
    let grid = family.grid(picture.width(), picture.height());
    let mut random = stream(seed, name);
    let mut next_number = 0;
    // A heap of the chosen features, the largest priority on top, each with its index in `chosen`.
    let mut heap: BinaryHeap<(u64, u32, usize)> = BinaryHeap::new();
    let width = family.width();
    let mut chosen: Vec<f32> = Vec::new();
    family.extract(picture, &grid, &mut |strip| {
        for (&number, descriptor) in strip.numbers.iter().zip(strip.descriptors.rows()) {
            let mut priority = 0;
            // One random draw per grid position, so dropping features does not change the draws of the others.
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
    Sample {
        supports: order.iter().map(|&(number, _)| family.support(&grid, grid.position(number as usize))).collect(),
        values: order
            .into_iter()
            .flat_map(|(_, slot)| chosen[slot * width..(slot + 1) * width].iter().copied())
            .collect(),
    }
}
