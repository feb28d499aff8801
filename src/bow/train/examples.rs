//! What a model keeps of the words' examples.

use std::collections::{BTreeMap, HashMap};

use crate::bow::channel::Encoder;
use crate::bow::config::Settings;
use crate::bow::words::examples::{PATCH, WordExamples, cut};
use crate::dataset::{Dataset, Entry};
use crate::picture::Picture;

/// The words' examples by their pictures' indices among the training pictures; with their pixels where the channel keeps them.
pub(super) fn keep_examples(
    settings: &Settings,
    split: &Dataset,
    pictures: &[String],
    encoder: &Encoder,
    examples: WordExamples,
) -> WordExamples {
    let index: HashMap<&str, u32> = pictures.iter().map(String::as_str).zip(0..).collect();
    let examples = examples.renumbered(|old| index.get(split.pictures[old as usize].id.as_str()).copied());
    if !encoder.config.vocabulary.store_patches {
        return examples;
    }
    let files: HashMap<&str, &Entry> = split.pictures.iter().map(|entry| (entry.id.as_str(), entry)).collect();
    let mut patches: Vec<Vec<Vec<u8>>> = examples.places.iter().map(|places| vec![Vec::new(); places.len()]).collect();
    let mut by_picture: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
    for (word, places) in examples.places.iter().enumerate() {
        for (number, example) in places.iter().enumerate() {
            by_picture.entry(example.picture).or_default().push((word, number));
        }
    }
    for (picture, wanted) in by_picture {
        let file = split.file(files[pictures[picture as usize].as_str()]);
        let picture = Picture::open(&file, &settings.reading()).ok();
        for (word, number) in wanted {
            let rectangle = examples.places[word][number].rectangle;
            let patch = picture.as_ref().and_then(|picture| cut(picture, rectangle));
            // A picture that was there a minute ago and is gone leaves a black patch.
            patches[word][number] = patch.map_or_else(|| vec![0; 3 * PATCH * PATCH], |patch| patch.into_raw());
        }
    }
    WordExamples { patches: Some(patches), ..examples }
}
