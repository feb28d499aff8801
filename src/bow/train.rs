//! Training: sample descriptors → vocabularies → histograms → Gram matrix → C → one SVM a category.

use std::collections::{BTreeMap, BinaryHeap};

use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use rand::Rng;
use rayon::prelude::*;

use super::channel::Encoder;
use super::config::{ClassWeight, Cost, Settings};
use super::features::{self, FeatureFamily};
use super::score::gram::{gram, sums, variance, width};
use super::score::svm::{self, Problem, Solution};
use super::words::codebook::Codebook;
use super::words::vocabulary::VocabularyError;
use super::{BagOfWords, FittedChannel, GridPoint, SolverRecord, TrainingRecord, Validation, VocabularyRecord};
use crate::dataset::{Dataset, DatasetError};
use crate::evaluate::average_precision;
use crate::numeric::random::stream;
use crate::picture::{DecodeOptions, Picture};
use crate::progress::Progress;

/// C of the grid: 10^−2 … 10^3 in half decades.
fn cost_grid() -> Vec<f64> {
    (-4..=6).map(|half: i32| 10f64.powf(f64::from(half) / 2.0)).collect()
}

/// A C within this of the best mean AP is as good, and the smallest such is taken.
const COST_MARGIN: f64 = 1e-4;

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The data set can't be trained on.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No vocabulary.
    #[error("channel {channel}: no vocabulary can be learnt")]
    Vocabulary {
        /// The channel's index.
        channel: usize,
        /// Why.
        source: VocabularyError,
    },
    /// All pictures failed.
    #[error("none of the {pictures} pictures of \"{split}\" can be used")]
    NoPictures {
        /// The split.
        split: String,
        /// How many pictures it has.
        pictures: usize,
    },
    /// The kernel tells no picture from another.
    #[error("channel {channel}: all training histograms are equal")]
    NoVariance {
        /// The channel's index.
        channel: usize,
    },
    /// After leaving out unusable pictures, a category has only one kind of label.
    #[error(
        "category \"{category}\" has {positives} positive and {negatives} negative pictures that can be used in \"{split}\", both must be at least 1"
    )]
    OneClass {
        /// The category.
        category: String,
        /// The split.
        split: String,
        /// Its usable positives.
        positives: usize,
        /// Its usable negatives.
        negatives: usize,
    },
    /// C is to be validated and there is nothing to validate on.
    #[error("no category has positives in both \"{fit}\" and \"{validate}\" to choose C by")]
    NothingToValidate {
        /// Split to fit on.
        fit: String,
        /// Split to validate on.
        validate: String,
    },
}

/// The pictures to train on.
#[derive(Debug)]
pub struct TrainingData {
    /// The split of the final fit, and of the vocabulary.
    pub split: Dataset,
    /// The splits to choose C by: fitted on the first, scored on the second; of the same categories.
    pub validation: Option<(Dataset, Dataset)>,
}

/// A picture that could not be used.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The picture's id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Trains a classifier; pictures that can't be used are left out and returned beside it.
///
/// The result is a function of pictures, labels and settings: not of threads, time or order of work.
///
/// # Errors
/// [`TrainError`]; data that can't work are refused before any picture is opened.
pub fn train(
    settings: &Settings,
    data: &TrainingData,
    progress: &dyn Progress,
) -> Result<(BagOfWords, Vec<LeftOut>), TrainError> {
    data.split.require_positives()?;
    let data_digest = data.split.digest()?;
    let pool = Pool::new(data);

    let (codebooks, records) = learn_vocabularies(settings, &data.split, progress)?;
    let channels = settings.channel.iter().zip(codebooks);
    let encoders: Vec<Encoder> = channels.map(|(config, codebook)| Encoder::new(config.clone(), codebook)).collect();
    let (usable, histograms, left_out) = encode_pool(settings, &encoders, &pool, progress);
    let splits = Splits::new(data, &usable);
    if splits.fit_final.rows.is_empty() {
        return Err(TrainError::NoPictures { split: data.split.split.clone(), pictures: data.split.pictures.len() });
    }

    progress.begin("kernels", encoders.len());
    let sums: Vec<Array2<f32>> = encoders
        .iter()
        .zip(&histograms)
        .map(|(encoder, histograms)| {
            let sums = sums(encoder.config.kernel.kind.with_width(1.0).terms(), histograms.view());
            progress.step();
            sums
        })
        .collect();
    progress.end();

    let (costs, validation) = match (settings.svm.c, &splits.validation) {
        (Cost::Fixed(c), _) => (vec![c; data.split.categories.len()], None),
        (Cost::Validate, None) => {
            let name = || data.split.split.clone();
            return Err(TrainError::NothingToValidate { fit: name(), validate: name() });
        }
        (Cost::Validate, Some((fit, validate))) => {
            let (costs, validation) = choose_cost(settings, &sums, fit, validate, progress)?;
            (costs, Some(validation))
        }
    };

    let categories = &data.split.categories;
    for (category, name) in categories.iter().enumerate() {
        let count = |sign: i8| splits.fit_final.labels.iter().filter(|labels| labels[category] == sign).count();
        if count(1) == 0 || count(-1) == 0 {
            return Err(TrainError::OneClass {
                category: name.clone(),
                split: data.split.split.clone(),
                positives: count(1),
                negatives: count(-1),
            });
        }
    }
    let rows = &splits.fit_final.rows;
    let kernels = ScaledKernels::new(settings, &sums, rows)?;
    let matrix = kernels.combine(rows, rows);
    progress.begin("classifiers", categories.len());
    let fits: Vec<CategoryFit> = (0..categories.len())
        .into_par_iter()
        .map(|category| {
            let fit = fit_category(settings, matrix.view(), &splits.fit_final.labels, category, costs[category], None);
            progress.step();
            fit
        })
        .collect();
    progress.end();

    let part = &splits.fit_final;
    let support = support_pictures(&fits, part.rows.len());
    let training = TrainingRecord {
        version: env!("CARGO_PKG_VERSION").to_string(),
        seed: settings.seed,
        data_digest,
        split: data.split.split.clone(),
        pictures: part.ids.clone(),
        left_out: left_out.iter().map(|picture| picture.id.clone()).collect(),
        categories: categories.clone(),
        support_pictures: support.iter().map(|&i| part.ids[i].clone()).collect(),
        validation,
        vocabularies: records,
        solvers: categories.iter().zip(&fits).map(|(category, fit)| fit.record(category)).collect(),
    };
    let shape = (categories.len(), support.len());
    let rows: Vec<usize> = support.iter().map(|&i| part.rows[i]).collect();
    let channels = encoders
        .into_iter()
        .zip(&histograms)
        .zip(kernels.channels)
        .map(|((encoder, histograms), kernel)| {
            let histograms = histograms.select(ndarray::Axis(0), &rows);
            FittedChannel::new(encoder, histograms, kernel.width, kernel.scale, kernel.beta)
        })
        .collect();
    let model = BagOfWords {
        settings: settings.clone(),
        training,
        channels,
        dual: Array2::from_shape_fn(shape, |(category, i)| fits[category].solution.dual[support[i]]),
        bias: fits.iter().map(|fit| fit.solution.bias).collect(),
        train_scores: Array2::from_shape_fn(shape, |(category, i)| {
            fits[category].solution.score(matrix.row(support[i]))
        }),
        labels: Array2::from_shape_fn(shape, |(category, i)| part.labels[support[i]][category]),
    };
    Ok((model, left_out))
}

/// Every picture that training looks at, once, whatever splits it is in.
struct Pool<'a> {
    dataset: &'a Dataset,
    entries: Vec<&'a crate::dataset::Entry>,
}

impl<'a> Pool<'a> {
    fn new(data: &'a TrainingData) -> Self {
        let mut by_path = BTreeMap::new();
        let datasets =
            [Some(&data.split), data.validation.as_ref().map(|v| &v.0), data.validation.as_ref().map(|v| &v.1)];
        for entry in datasets.into_iter().flatten().flat_map(|dataset| &dataset.pictures) {
            by_path.entry(entry.path.as_str()).or_insert(entry);
        }
        Self { dataset: &data.split, entries: by_path.into_values().collect() }
    }
}

/// The pictures of one split among the usable ones of the pool: rows of the Gram matrix, and their labels.
struct Part {
    name: String,
    ids: Vec<String>,
    rows: Vec<usize>,
    labels: Vec<Vec<i8>>,
}

struct Splits {
    fit_final: Part,
    validation: Option<(Part, Part)>,
}

impl Splits {
    fn new(data: &TrainingData, usable: &BTreeMap<String, usize>) -> Self {
        let part = |dataset: &Dataset| {
            let mut part = Part { name: dataset.split.clone(), ids: Vec::new(), rows: Vec::new(), labels: Vec::new() };
            for entry in &dataset.pictures {
                if let Some(&row) = usable.get(&entry.path) {
                    part.ids.push(entry.id.clone());
                    part.rows.push(row);
                    part.labels.push(entry.labels.clone());
                }
            }
            part
        };
        Self {
            fit_final: part(&data.split),
            validation: data.validation.as_ref().map(|(fit, validate)| (part(fit), part(validate))),
        }
    }
}

fn decode_options(settings: &Settings) -> DecodeOptions {
    DecodeOptions { max_side: settings.picture.max_side, ..DecodeOptions::default() }
}

/// The vocabulary of every channel, from the same number of descriptors of every picture.
fn learn_vocabularies(
    settings: &Settings,
    dataset: &Dataset,
    progress: &dyn Progress,
) -> Result<(Vec<Codebook>, Vec<VocabularyRecord>), TrainError> {
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
    let mut codebooks = Vec::new();
    let mut records = Vec::new();
    progress.begin("learning words", settings.channel.len());
    for (u, (config, family)) in settings.channel.iter().zip(&families).enumerate() {
        let values: Vec<f32> = samples.iter().flatten().flat_map(|channels| channels[u].iter().copied()).collect();
        let rows = values.len() / family.width();
        let descriptors = Array2::from_shape_vec((rows, family.width()), values).unwrap_or_default();
        // Channels alike but for their place still learn words of their own.
        let seed = settings.seed.wrapping_add((u as u64) << 32);
        let (codebook, record) = Codebook::learn(config, seed, descriptors)
            .map_err(|source| TrainError::Vocabulary { channel: u, source })?;
        records.push(record);
        codebooks.push(codebook);
        progress.step();
    }
    progress.end();
    Ok((codebooks, records))
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

/// Histograms of every usable picture of the pool, a matrix a channel; path → row; and the unusable ones.
fn encode_pool(
    settings: &Settings,
    encoders: &[Encoder],
    pool: &Pool<'_>,
    progress: &dyn Progress,
) -> (BTreeMap<String, usize>, Vec<Array2<f32>>, Vec<LeftOut>) {
    let options = decode_options(settings);
    progress.begin("histograms", pool.entries.len());
    let encoded: Vec<Result<Vec<Vec<f32>>, String>> = pool
        .entries
        .par_iter()
        .map(|entry| {
            let result = Picture::open(&pool.dataset.file(entry), &options)
                .map_err(|error| crate::error::chain(&error))
                .and_then(|picture| {
                    let (width, height) = (picture.width(), picture.height());
                    if encoders.iter().all(|encoder| encoder.family().grid(width, height).is_empty()) {
                        return Err(format!("no local features: {width}×{height} is too small"));
                    }
                    Ok(encoders.iter().map(|encoder| encoder.histogram(&picture)).collect())
                });
            progress.step();
            result
        })
        .collect();
    progress.end();
    let mut usable = BTreeMap::new();
    let mut left_out = Vec::new();
    let mut rows: Vec<Vec<f32>> = vec![Vec::new(); encoders.len()];
    for (entry, result) in pool.entries.iter().zip(encoded) {
        match result {
            Ok(histograms) => {
                usable.insert(entry.path.clone(), usable.len());
                for (channel, histogram) in rows.iter_mut().zip(histograms) {
                    channel.extend(histogram);
                }
            }
            Err(reason) => {
                progress.warn(&format!("picture \"{}\" is left out: {reason}", entry.id));
                left_out.push(LeftOut { id: entry.id.clone(), reason });
            }
        }
    }
    let matrices = rows
        .into_iter()
        .zip(encoders)
        .map(|(values, encoder)| {
            Array2::from_shape_vec((usable.len(), encoder.config.dimensions()), values).unwrap_or_default()
        })
        .collect();
    (usable, matrices, left_out)
}

/// The channels' kernels between the pictures of the pool, with width and scale of the pictures that are fitted to.
struct ScaledKernels<'a> {
    channels: Vec<ScaledKernel<'a>>,
}

struct ScaledKernel<'a> {
    gram: CowArray<'a, f32, Ix2>,
    width: f64,
    scale: f64,
    beta: f64,
}

impl<'a> ScaledKernels<'a> {
    fn new(settings: &Settings, sums: &'a [Array2<f32>], rows: &[usize]) -> Result<Self, TrainError> {
        let total: f64 = settings.channel.iter().map(|channel| channel.weight).sum();
        let channels = settings.channel.iter().zip(sums).enumerate().map(|(channel, (config, sums))| {
            let kind = config.kernel.kind;
            let width = if kind.has_width() { width(sums.view(), rows) } else { 1.0 };
            let gram = gram(kind.with_width(width), sums.view());
            let scale = variance(gram.view(), rows);
            // Written so that NaN fails: without any distance the width is 0.
            if !(width > 0.0 && scale > 1e-12) {
                return Err(TrainError::NoVariance { channel });
            }
            Ok(ScaledKernel { gram, width, scale, beta: config.weight / total })
        });
        Ok(Self { channels: channels.collect::<Result<_, _>>()? })
    }

    /// `Σ_u (β_u/s_u) K_u` for `rows` × `columns`.
    fn combine(&self, rows: &[usize], columns: &[usize]) -> Array2<f32> {
        Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| {
            let value = |channel: &ScaledKernel<'_>| {
                channel.beta / channel.scale * f64::from(channel.gram[(rows[i], columns[j])])
            };
            self.channels.iter().map(value).sum::<f64>() as f32
        })
    }
}

/// A solved category: a of every training picture (0 for difficult ones).
struct CategoryFit {
    solution: Solution,
    c: f64,
    c_positive: f64,
    c_negative: f64,
    positives: usize,
    negatives: usize,
}

impl CategoryFit {
    fn record(&self, category: &str) -> SolverRecord {
        SolverRecord {
            category: category.to_string(),
            c: self.c,
            c_positive: self.c_positive,
            c_negative: self.c_negative,
            positives: self.positives,
            negatives: self.negatives,
            report: self.solution.report.clone(),
        }
    }
}

fn fit_category(
    settings: &Settings,
    matrix: ArrayView2<'_, f32>,
    labels: &[Vec<i8>],
    category: usize,
    c: f64,
    start: Option<&[f64]>,
) -> CategoryFit {
    let used: Vec<usize> = (0..labels.len()).filter(|&i| labels[i][category] != 0).collect();
    let signs: Vec<f64> = used.iter().map(|&i| f64::from(labels[i][category])).collect();
    let positives = signs.iter().filter(|sign| **sign > 0.0).count();
    let negatives = signs.len() - positives;
    let weight = |count: usize| match settings.svm.class_weight {
        ClassWeight::None => c,
        ClassWeight::Balanced => c * signs.len() as f64 / (2.0 * count.max(1) as f64),
    };
    let (c_positive, c_negative) = (weight(positives), weight(negatives));
    let bounds: Vec<f64> = signs.iter().map(|sign| if *sign > 0.0 { c_positive } else { c_negative }).collect();
    let start: Option<Vec<f64>> = start.map(|start| used.iter().map(|&i| start[i]).collect());
    // Without difficult pictures the matrix is shared as it is.
    let part = (used.len() < labels.len())
        .then(|| Array2::from_shape_fn((used.len(), used.len()), |(i, j)| matrix[(used[i], used[j])]));
    let mut solution = svm::solve(&Problem {
        gram: part.as_ref().map_or_else(|| matrix.view(), |part| part.view()),
        labels: &signs,
        bounds: &bounds,
        tolerance: settings.svm.tolerance,
        start: start.as_deref(),
    });
    if part.is_some() {
        let mut dual = vec![0.0; labels.len()];
        for (&i, a) in used.iter().zip(&solution.dual) {
            dual[i] = *a;
        }
        solution.dual = dual;
    }
    CategoryFit { solution, c, c_positive, c_negative, positives, negatives }
}

/// Mean AP (area) on the validation part for every C of the grid, and the C of every category.
fn choose_cost(
    settings: &Settings,
    sums: &[Array2<f32>],
    fit: &Part,
    validate: &Part,
    progress: &dyn Progress,
) -> Result<(Vec<f64>, Validation), TrainError> {
    let categories = fit.labels.first().map_or(0, Vec::len);
    let kernels = ScaledKernels::new(settings, sums, &fit.rows)?;
    let matrix = kernels.combine(&fit.rows, &fit.rows);
    let across = kernels.combine(&validate.rows, &fit.rows);
    let grid = cost_grid();
    progress.begin("choosing C", categories);
    let curves: Vec<Vec<Option<f64>>> = (0..categories)
        .into_par_iter()
        .map(|category| {
            let truth: Vec<i8> = validate.labels.iter().map(|labels| labels[category]).collect();
            let has = |sign: i8| fit.labels.iter().any(|labels| labels[category] == sign);
            let mut start: Option<Vec<f64>> = None;
            let curve = grid
                .iter()
                .map(|&c| {
                    if !(has(1) && has(-1)) {
                        return None;
                    }
                    let fitted = fit_category(settings, matrix.view(), &fit.labels, category, c, start.as_deref());
                    let scores: Vec<f64> = across.rows().into_iter().map(|row| fitted.solution.score(row)).collect();
                    start = Some(fitted.solution.dual);
                    average_precision(&scores, &truth).map(|ap| ap.voc2010)
                })
                .collect();
            progress.step();
            curve
        })
        .collect();
    progress.end();
    let judged: Vec<usize> = (0..categories).filter(|&category| curves[category].iter().all(Option::is_some)).collect();
    if judged.is_empty() {
        return Err(TrainError::NothingToValidate { fit: fit.name.clone(), validate: validate.name.clone() });
    }
    let at = |category: usize, point: usize| curves[category][point].unwrap_or(0.0);
    let means: Vec<f64> = (0..grid.len())
        .map(|point| judged.iter().map(|&category| at(category, point)).sum::<f64>() / judged.len() as f64)
        .collect();
    let smallest_good = |values: &[f64]| {
        let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        values.iter().position(|&value| value >= best - COST_MARGIN).unwrap_or(0)
    };
    let common = smallest_good(&means);
    let chosen: Vec<usize> = (0..categories)
        .map(|category| {
            if settings.svm.c_per_category && judged.contains(&category) {
                smallest_good(&(0..grid.len()).map(|point| at(category, point)).collect::<Vec<_>>())
            } else {
                common
            }
        })
        .collect();
    let precision: Vec<Option<f64>> = (0..categories).map(|category| curves[category][chosen[category]]).collect();
    let validation = Validation {
        fit_split: fit.name.clone(),
        validate_split: validate.name.clone(),
        mean_average_precision: precision.iter().flatten().sum::<f64>() / judged.len() as f64,
        average_precision: precision,
        grid: grid
            .iter()
            .zip(means)
            .map(|(&c, mean_average_precision)| GridPoint { c, mean_average_precision })
            .collect(),
    };
    Ok((chosen.into_iter().map(|point| grid[point]).collect(), validation))
}

/// The pictures that are a support vector of any category.
fn support_pictures(fits: &[CategoryFit], pictures: usize) -> Vec<usize> {
    (0..pictures).filter(|&i| fits.iter().any(|fit| fit.solution.dual[i] != 0.0)).collect()
}
