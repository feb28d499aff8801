//! Training step 1: a sample of descriptors, and the vocabularies learnt from it.

use std::collections::BinaryHeap;

use rand::Rng;
use rayon::prelude::*;

use super::cache::{Cache, Key};
use super::error::TrainError;
use crate::bow::config::{ChannelConfig, Settings};
use crate::bow::features::{self, FeatureFamily};
use crate::bow::files::codebook;
use crate::bow::record::VocabularyRecord;
use crate::bow::stages;
use crate::bow::words::codebook::Codebook;
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

/// A codebook and what is known of its learning.
pub(super) struct Learnt {
    pub(super) codebook: Codebook,
    pub(super) record: VocabularyRecord,
    /// Places in the pictures of the split, by their index in it.
    pub(super) examples: WordExamples,
}

/// Some of a picture's descriptors, row by row, and where they lie.
#[derive(Default)]
struct Sample {
    values: Vec<f32>,
    supports: Vec<Rectangle>,
}

/// The codebook of every channel, from the same number of descriptors of every picture.
pub(super) fn learn_codebooks(
    settings: &Settings,
    dataset: &Dataset,
    data_digest: &str,
    cache: Option<&Cache>,
    progress: &dyn Progress,
) -> Result<Vec<Learnt>, TrainError> {
    let keys: Vec<Key> = (0..settings.channel.len()).map(|u| key(settings, u, data_digest)).collect();
    let mut learnt: Vec<Option<Learnt>> = settings
        .channel
        .iter()
        .zip(&keys)
        .map(|(config, key)| cache.and_then(|cache| cache.get(key, |reader| from_reader(reader, config, dataset))))
        .collect();
    let missing: Vec<usize> = (0..learnt.len()).filter(|&u| learnt[u].is_none()).collect();
    for &channel in &missing {
        // Before any picture is opened.
        let engine = settings.channel[channel].vocabulary.engine;
        engine.require().map_err(|source| TrainError::Vocabulary { channel, source })?;
    }
    if !missing.is_empty() {
        let samples = sample(settings, dataset, &missing, progress);
        progress.begin("learning words", missing.len());
        for (at, &u) in missing.iter().enumerate() {
            let new = learn(settings, u, samples.iter().enumerate().map(|(i, channels)| (i, &channels[at])))
                .map_err(|source| TrainError::Vocabulary { channel: u, source })?;
            if let Some(cache) = cache {
                cache.put(&keys[u], &to_container(&new, &settings.channel[u]));
            }
            learnt[u] = Some(new);
            progress.step();
        }
        progress.end();
    }
    Ok(learnt.into_iter().flatten().collect())
}

/// Of channels with the same descriptors and vocabulary settings the how-manieth this is: they learn words of their own, and a channel's words do not depend on
/// which others stand before it.
fn occurrence(settings: &Settings, u: usize) -> usize {
    let own = &settings.channel[u];
    let same = |other: &&ChannelConfig| other.descriptor == own.descriptor && other.vocabulary == own.vocabulary;
    settings.channel[..u].iter().filter(same).count()
}

fn key(settings: &Settings, u: usize, data_digest: &str) -> Key {
    let config = &settings.channel[u];
    let parts = serde_json::json!({
        "seed": settings.seed,
        "occurrence": occurrence(settings, u),
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
    codebook::insert(&mut container, 0, &learnt.codebook, config);
    if let Codebook::Words(..) = learnt.codebook {
        // Another mapping may need it.
        let variance = Codebook::soft_variance(learnt.record.mean_squared_distance);
        container.insert("channels.0.soft_variance", &[1], Values::F64(vec![variance]));
    }
    let shape = [config.vocabulary.words, EXAMPLES, 5];
    container.insert("examples", &shape, Values::I32(learnt.examples.to_numbers()));
    let record = serde_json::to_string(&learnt.record).expect("own types serialize");
    container.metadata.insert("record".to_string(), record);
    container
}

fn from_reader(reader: &Reader<'_>, config: &ChannelConfig, dataset: &Dataset) -> Option<Learnt> {
    let codebook = codebook::read(reader, 0, config).ok()?;
    let examples = reader.i32s("examples", &[config.vocabulary.words, EXAMPLES, 5]).ok()?;
    let examples = WordExamples::from_numbers(&examples, dataset.pictures.len())?;
    let record = serde_json::from_str(reader.metadata("record").ok()?).ok()?;
    Some(Learnt { codebook, record, examples })
}

/// The samples of every picture for the `wanted` channels.
fn sample(settings: &Settings, dataset: &Dataset, wanted: &[usize], progress: &dyn Progress) -> Vec<Vec<Sample>> {
    let families: Vec<Box<dyn FeatureFamily>> =
        wanted.iter().map(|&u| features::family(&settings.channel[u].descriptor)).collect();
    let options = settings.reading();
    progress.begin("sampling descriptors", dataset.pictures.len());
    let samples = dataset
        .pictures
        .par_iter()
        .map(|entry| {
            // A bad picture is reported when the histograms are made; here it just gives nothing.
            let mut timings = Timings::default();
            let picture = timings.time(Stage::DECODE, || Picture::open(dataset.file(entry), &options).ok());
            let channel = |(at, &u): (usize, &usize)| {
                let Some(picture) = &picture else { return Sample::default() };
                let count = settings.channel[u].vocabulary.sample.div_ceil(dataset.pictures.len().max(1));
                let name = format!("sample/{}/{}", occurrence(settings, u), entry.id);
                sample_descriptors(families[at].as_ref(), picture, count, settings.seed, &name)
            };
            let sample = timings.time(stages::FEATURES, || wanted.iter().enumerate().map(channel).collect());
            progress.took(1, &timings);
            progress.step();
            sample
        })
        .collect();
    progress.end();
    samples
}

/// The codebook of channel `u` from the samples of the pictures.
fn learn<'a>(
    settings: &Settings,
    u: usize,
    samples: impl Iterator<Item = (usize, &'a Sample)>,
) -> Result<Learnt, VocabularyError> {
    let config = &settings.channel[u];
    let width = features::family(&config.descriptor).width();
    let (mut values, mut places) = (Vec::new(), Vec::new());
    for (picture, sample) in samples {
        values.extend_from_slice(&sample.values);
        places.extend(sample.supports.iter().map(|&rectangle| Example { picture: picture as u32, rectangle }));
    }
    let descriptors = matrix((places.len(), width), values);
    let seed = settings.seed.wrapping_add((occurrence(settings, u) as u64) << 32);
    let (codebook, record) = Codebook::learn(&config.vocabulary, &config.mapping, seed, descriptors.view())?;
    let (owners, distances) = codebook.owners(descriptors.view());
    let examples = WordExamples::choose(config.vocabulary.words, &owners, &distances, &places);
    Ok(Learnt { codebook, record, examples })
}

/// `count` of the picture's descriptors, drawn without replacement: those with the smallest of random priorities.
fn sample_descriptors(family: &dyn FeatureFamily, picture: &Picture, count: usize, seed: u64, name: &str) -> Sample {
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
    Sample {
        supports: order.iter().map(|&(number, _)| family.support(&grid, grid.position(number as usize))).collect(),
        values: order
            .into_iter()
            .flat_map(|(_, slot)| chosen[slot * width..(slot + 1) * width].iter().copied())
            .collect(),
    }
}
