//! Training step 2: the histograms of every picture that training looks at.

use std::collections::BTreeMap;

use ndarray::Array2;
use rayon::prelude::*;

use super::{LeftOut, TrainingData, decode_options};
use crate::bow::channel::Encoder;
use crate::bow::config::Settings;
use crate::dataset::{Dataset, Entry};
use crate::picture::Picture;
use crate::progress::Progress;

/// Every picture that training looks at, once, whatever splits it is in.
pub(super) struct Pool<'a> {
    dataset: &'a Dataset,
    entries: Vec<&'a Entry>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(data: &'a TrainingData) -> Self {
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
pub(super) struct Part {
    pub(super) name: String,
    pub(super) ids: Vec<String>,
    pub(super) rows: Vec<usize>,
    pub(super) labels: Vec<Vec<i8>>,
}

impl Part {
    /// Number of categories; 0 without pictures.
    pub(super) fn categories(&self) -> usize {
        self.labels.first().map_or(0, Vec::len)
    }
}

pub(super) struct Splits {
    pub(super) fit_final: Part,
    pub(super) validation: Option<(Part, Part)>,
}

impl Splits {
    pub(super) fn new(data: &TrainingData, usable: &BTreeMap<String, usize>) -> Self {
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

/// Histograms of every usable picture of the pool, a matrix a channel; path → row; and the unusable ones.
pub(super) fn encode_pool(
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
                    let encoded: Vec<_> = encoders.iter().map(|encoder| encoder.encode(&picture, false)).collect();
                    if encoded.iter().all(|channel| channel.grid.is_empty()) {
                        let (width, height) = (picture.width(), picture.height());
                        return Err(format!("no local features: {width}×{height} is too small"));
                    }
                    Ok(encoded.into_iter().map(|channel| channel.histogram).collect())
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
