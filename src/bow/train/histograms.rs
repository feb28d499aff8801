//! Training step 2: the histograms of all pictures that training uses, and of their mirror twins.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use ndarray::Array2;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cache::{Cache, Key};
use super::error::TrainError;
use super::store::{Store, Writer};
use super::task::{LeftOut, Task, TrainingData};
use crate::bow::channel::Encoder;
use crate::bow::config::{ChannelConfig, Settings, Twins};
use crate::bow::files::coding;
use crate::bow::stages;
use crate::bow::twins::TrainingPicture;
use crate::dataset::{Dataset, Entry};
use crate::format::container::Container;
use crate::model::{ModelError, PictureFailure};
use crate::numeric::matrix;
use crate::picture::{DecodeOptions, Picture, sha256_of_picture};
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

/// All pictures that training uses, each once, whatever splits it is in.
pub(super) struct Pool<'a> {
    dataset: &'a Dataset,
    entries: Vec<&'a Entry>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(data: &'a TrainingData) -> Self {
        let mut by_path = BTreeMap::new();
        let rounds = data.validation.iter().flat_map(|(fit, validate)| [fit, validate]);
        for entry in std::iter::once(&data.split).chain(rounds).flat_map(|dataset| &dataset.pictures) {
            by_path.entry(entry.path.as_str()).or_insert(entry);
        }
        Self { dataset: &data.split, entries: by_path.into_values().collect() }
    }

    /// Encodes each picture and its twin.
    fn encode<T: Send, E: Send>(
        &self,
        task: &Task<'_>,
        keep: impl Fn(usize, Vec<Vec<Vec<f32>>>) -> Result<T, E> + Sync,
    ) -> Result<Vec<Result<T, PictureFailure>>, E> {
        let Task { settings, cache, progress, .. } = *task;
        let encoders: Vec<&Encoder> = task.encoders.iter().collect();
        let encoding = Encoding { settings, encoders: &encoders, dataset: self.dataset, cache, progress };
        encode(&encoding, &self.entries, mirrorings(settings.picture.twins), keep)
    }

    /// The usable pictures' rows as `row` has them, and the unusable pictures.
    fn sort_out<T>(
        &self,
        encoded: Vec<Result<T, PictureFailure>>,
        progress: &dyn Progress,
        mut row: impl FnMut(usize, T) -> usize,
    ) -> (Rows, Vec<LeftOut>) {
        let mut usable = BTreeMap::new();
        let mut left_out = Vec::new();
        for (number, (entry, result)) in self.entries.iter().zip(encoded).enumerate() {
            match result {
                Ok(kept) => {
                    usable.insert(entry.path.clone(), row(number, kept));
                }
                Err(failure) => {
                    let picture = LeftOut::new(entry, failure);
                    progress.warn(&picture.to_string());
                    left_out.push(picture);
                }
            }
        }
        (Rows(usable), left_out)
    }
}

/// Training pictures: the usable ones of a split, each followed by its twin if there are twins.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) pictures: Vec<TrainingPicture>,
    /// Rows of the Gram matrix.
    pub(super) rows: Vec<usize>,
    pub(super) labels: Vec<Vec<i8>>,
}

impl Part {
    /// Number of categories; 0 without pictures.
    pub(super) fn categories(&self) -> usize {
        self.labels.first().map_or(0, Vec::len)
    }
}

/// Pictures that are scored: the usable ones of a split.
pub(super) struct Scored {
    pub(super) name: String,
    /// Rows of the Gram matrix by picture. A score is the mean over these lists: the picture's own row, and its twin's if
    /// scores are means over both.
    pub(super) views: Vec<Vec<usize>>,
    pub(super) labels: Vec<Vec<i8>>,
    /// What each picture is resampled with: a number for its group, or for itself; the same in all rounds.
    pub(super) units: Vec<usize>,
}

pub(super) struct Splits {
    pub(super) fit_final: Part,
    pub(super) validation: Vec<(Part, Scored)>,
}

impl Splits {
    pub(super) fn new(data: &TrainingData, twins: Twins, usable: &Rows) -> Self {
        let part = |dataset: &Dataset| {
            let (name, pictures, rows, labels) = (dataset.split.clone(), Vec::new(), Vec::new(), Vec::new());
            let mut part = Part { name, pictures, rows, labels };
            for (entry, row) in usable.pictures_of(dataset) {
                for mirrored in mirrorings(twins) {
                    part.pictures.push(TrainingPicture::new(&entry.id, *mirrored));
                    part.rows.push(row + usize::from(*mirrored));
                    part.labels.push(entry.labels.clone());
                }
            }
            part
        };
        let mut numbers: BTreeMap<(bool, String), usize> = BTreeMap::new();
        let mut scored = |dataset: &Dataset| {
            let (rows, labels): (Vec<usize>, Vec<Vec<i8>>) =
                usable.pictures_of(dataset).map(|(entry, row)| (row, entry.labels.clone())).unzip();
            let unit = |entry: &Entry| {
                let next = numbers.len();
                let name = entry.group.as_ref().unwrap_or(&entry.path);
                *numbers.entry((entry.group.is_some(), name.clone())).or_insert(next)
            };
            let units = usable.pictures_of(dataset).map(|(entry, _)| entry).map(unit).collect();
            let mut views = vec![rows];
            if twins == Twins::Test {
                views.push(views[0].iter().map(|row| row + 1).collect());
            }
            Scored { name: dataset.split.clone(), views, labels, units }
        };
        Self {
            fit_final: part(&data.split),
            validation: data.validation.iter().map(|(fit, validate)| (part(fit), scored(validate))).collect(),
        }
    }
}

/// Whether each version of a picture that is used is mirrored.
fn mirrorings(twins: Twins) -> &'static [bool] {
    match twins {
        Twins::None => &[false],
        Twins::Train | Twins::Test => &[false, true],
    }
}

/// Rows of the Gram matrix by the usable pictures' paths; a twin's row follows its picture's.
pub(super) struct Rows(BTreeMap<String, usize>);

impl Rows {
    /// Number of usable pictures.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The usable pictures of a data set, in its order.
    fn pictures_of<'a>(&'a self, dataset: &'a Dataset) -> impl Iterator<Item = (&'a Entry, usize)> {
        dataset.pictures.iter().filter_map(|entry| Some((entry, *self.0.get(&entry.path)?)))
    }
}

/// Encodes every usable picture of the pool and its twin, into one matrix per channel. Also returns the rows of the
/// pictures, and the unusable pictures.
pub(super) fn encode_pool(task: &Task<'_>, pool: &Pool<'_>) -> (Rows, Vec<Array2<f32>>, Vec<LeftOut>) {
    let Task { encoders, progress, .. } = *task;
    let Ok(encoded) = pool.encode(task, |_, histograms| Ok::<_, Infallible>(histograms));
    let mut count = 0;
    let mut rows: Vec<Vec<f32>> = vec![Vec::new(); encoders.len()];
    let (usable, left_out) = pool.sort_out(encoded, progress, |_, sides| {
        let row = count;
        count += sides.len();
        for histograms in sides {
            rows.iter_mut().zip(histograms).for_each(|(channel, histogram)| channel.extend(histogram));
        }
        row
    });
    let matrices = rows
        .into_iter()
        .zip(encoders)
        .map(|(values, encoder)| matrix((count, encoder.config.dimensions()), values))
        .collect();
    (usable, matrices, left_out)
}

/// The same on disk: in the folder of the cache, or else in that of temporary files.
pub(super) fn store_pool(task: &Task<'_>, pool: &Pool<'_>) -> Result<(Rows, Store, Vec<LeftOut>), TrainError> {
    let Task { settings, encoders, cache, progress, .. } = *task;
    let sides = mirrorings(settings.picture.twins);
    let folder = cache.map_or_else(std::env::temp_dir, |cache| cache.folder().to_path_buf());
    let (count, dimensions) =
        (pool.entries.len() * sides.len(), encoders.iter().map(|encoder| encoder.config.dimensions()));
    let bytes = (count * dimensions.clone().sum::<usize>() * size_of::<f32>()) as u64;
    let failed = |source| TrainError::Store { folder: folder.clone(), bytes, source };
    let writer = Writer::new(&folder, count, dimensions.collect()).map_err(failed)?;
    let keep = |entry: usize, histograms: Vec<Vec<Vec<f32>>>| {
        let mut sides = histograms.iter().zip(entry * sides.len()..);
        sides.try_for_each(|(histograms, row)| writer.put(row, histograms))
    };
    let encoded = pool.encode(task, keep).map_err(failed)?;
    let (usable, left_out) = pool.sort_out(encoded, progress, |entry, ()| entry * sides.len());
    Ok((usable, writer.finish().map_err(failed)?, left_out))
}

/// How pictures become histograms.
pub(super) struct Encoding<'a> {
    pub(super) settings: &'a Settings,
    pub(super) encoders: &'a [&'a Encoder],
    pub(super) dataset: &'a Dataset,
    pub(super) cache: Option<&'a Cache>,
    pub(super) progress: &'a dyn Progress,
}

/// Returns what `keep` makes of each picture's histograms, those of all channels for each entry of `mirrored`, or why the
/// picture has none. If `keep` fails, nothing more is computed.
pub(super) fn encode<T: Send, E: Send>(
    encoding: &Encoding<'_>,
    entries: &[&Entry],
    mirrored: &[bool],
    keep: impl Fn(usize, Vec<Vec<Vec<f32>>>) -> Result<T, E> + Sync,
) -> Result<Vec<Result<T, PictureFailure>>, E> {
    let Encoding { settings, encoders, dataset, progress, .. } = *encoding;
    let options = settings.reading();
    let digests: Vec<[u8; 32]> = encoders.iter().map(|encoder| digest(encoder)).collect();
    progress.begin("histograms", entries.len());
    let encoded = entries
        .par_iter()
        .enumerate()
        .map(|(number, entry)| {
            let path = dataset.file(entry);
            let source = Source {
                encoding,
                options: &options,
                digests: &digests,
                file: encoding.cache.and_then(|_| sha256_of_picture(&path).ok()),
                path: &path,
                picture: OnceCell::new(),
                timings: RefCell::new(Timings::default()),
            };
            let histograms = source.histograms(mirrored);
            let result = histograms.map(|histograms| keep(number, histograms));
            progress.record_time(1, &source.timings.borrow());
            progress.step();
            match result {
                Ok(kept) => kept.map(Ok),
                Err(failure) => Ok(Err(failure)),
            }
        })
        .collect();
    progress.end();
    encoded
}

/// A picture whose histograms are wanted.
struct Source<'a> {
    encoding: &'a Encoding<'a>,
    options: &'a DecodeOptions,
    /// What each encoder's histograms depend on beside the picture.
    digests: &'a [[u8; 32]],
    path: &'a Path,
    /// SHA-256 of the file, if there is a cache.
    file: Option<String>,
    /// Opened only if the cache lacks something.
    picture: OnceCell<Result<Picture, PictureFailure>>,
    timings: RefCell<Timings>,
}

impl Source<'_> {
    /// The histograms of all channels for each entry of `mirrored`.
    fn histograms(&self, mirrored: &[bool]) -> Result<Vec<Vec<Vec<f32>>>, PictureFailure> {
        let channels = 0..self.encoding.encoders.len();
        let side = |&mirrored: &bool| channels.clone().map(|channel| self.histogram(channel, mirrored)).collect();
        mirrored.iter().map(side).collect()
    }

    /// The histogram of a channel, from the cache if it is there.
    fn histogram(&self, channel: usize, mirrored: bool) -> Result<Vec<f32>, PictureFailure> {
        let encoder = self.encoding.encoders[channel];
        let key = self.key(channel, mirrored);
        let stored = self.encoding.cache.zip(key.as_ref());
        if let Some(known) = stored.and_then(|(cache, key)| cache.numbers(key, encoder.config.dimensions())) {
            return Ok(known);
        }
        let mut timings = self.timings.borrow_mut();
        let open = || open(self.path, self.options, self.encoding.encoders);
        let picture = self.picture.get_or_init(|| timings.time(Stage::DECODE, open));
        let picture = picture.as_ref().map_err(PictureFailure::clone)?;
        let twin = mirrored.then(|| picture.mirrored());
        let features = encoder.features(twin.as_ref().unwrap_or(picture), false);
        *timings += &features.timings;
        let encode = || encoder.encode(&features, features.grid.region()).histogram;
        let histogram = timings.time(stages::POOL, encode);
        if let Some((cache, key)) = stored {
            cache.put_numbers(key, &histogram);
        }
        Ok(histogram)
    }

    fn key(&self, channel: usize, mirrored: bool) -> Option<Key> {
        let file = self.file.as_ref()?;
        let max_side = (self.options.max_side as u64).to_le_bytes();
        let parts: [&[u8]; 4] = [&self.digests[channel], file.as_bytes(), &[u8::from(mirrored)], &max_side];
        Some(Key::new("histogram", &parts))
    }
}

/// SHA-256 over everything but the picture that an encoder's histograms depend on.
fn digest(encoder: &Encoder) -> [u8; 32] {
    // All fields are named, so that a new one does not compile before somebody decides whether it matters here. Of the
    // vocabulary's settings only the words matter, which are hashed themselves; kernel and weight act on histograms.
    let ChannelConfig { descriptor, vocabulary: _, mapping, pooling, power, kernel: _, weight: _ } = &encoder.config;
    let settings = serde_json::json!({
        "descriptor": descriptor,
        "mapping": mapping,
        "pooling": pooling,
        "power": power,
    });
    let mut container = Container::default();
    coding::insert(&mut container, 0, &encoder.coding, &encoder.config);
    container.metadata.insert("settings".to_string(), settings.to_string());
    let mut bytes = Vec::new();
    container.write_to(&mut bytes).expect("memory takes every byte");
    Sha256::digest(&bytes).into()
}

/// Opens a picture; one that is too small for a feature of any channel is an error.
fn open(path: &Path, options: &DecodeOptions, encoders: &[&Encoder]) -> Result<Picture, PictureFailure> {
    let picture = Picture::open(path, options)?;
    let (width, height) = (picture.width(), picture.height());
    if encoders.iter().all(|encoder| encoder.family().grid(width, height).is_empty()) {
        let sides = encoders.iter().map(|encoder| encoder.family().smallest_side());
        let smallest = sides.min().expect("settings have at least one channel");
        return Err(ModelError::TooSmall { what: "a local feature", width, height, smallest }.into());
    }
    Ok(picture)
}
