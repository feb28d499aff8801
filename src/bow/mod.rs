//! The Bag-of-Words family: the only place that chains its layers, forward and back.
//!
//! ```text
//!            features              words                     score
//! pixels ──────────────▶ local ──────────────▶ histogram ──────────────▶ f(x)
//!   R1   ◀────────────── R2    ◀────────────── R3        ◀──────────────
//!          support.rs            pooling.rs                exact.rs
//! ```

pub mod channel;
pub mod config;
pub mod features;
pub mod model_file;
pub mod score;
pub mod trace_file;
pub mod train;
pub mod twins;
pub mod words;

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use crate::explanation::{Explanation, Query};
use crate::ledger::Ledger;
use crate::model::{Forward, Model, ModelError};
use crate::picture::Picture;
use channel::{Encoded, Encoder};
use config::{Settings, Twins};
use features::support;
use score::kernel::Kernel;
use twins::{Both, TrainingPicture};

/// A trained Bag-of-Words classifier.
pub struct BagOfWords {
    /// The settings it was trained with.
    pub settings: Settings,
    /// How it was trained.
    pub training: TrainingRecord,
    /// The channels.
    pub channels: Vec<FittedChannel>,
    /// a_i = α_i y_i, categories × support pictures.
    pub dual: Array2<f64>,
    /// b of every category.
    pub bias: Vec<f64>,
    /// f of the support pictures, categories × support pictures.
    pub train_scores: Array2<f64>,
    /// +1, −1, 0 (difficult), categories × support pictures.
    pub labels: Array2<i8>,
}

/// A channel whose kernel is fitted.
pub struct FittedChannel {
    /// Picture → histogram.
    pub encoder: Encoder,
    /// n×D, row by row.
    histograms: Array2<f32>,
    /// The kernel.
    pub kernel: Kernel,
    /// w of the kernel; 1 where it has none.
    pub kernel_width: f64,
    /// s: the kernel's variance over the training pictures.
    pub kernel_scale: f64,
    /// β: the channel's share, Σβ = 1.
    pub beta: f64,
}

impl FittedChannel {
    /// A channel whose support pictures have these `histograms` (n×D).
    pub fn new(encoder: Encoder, histograms: Array2<f32>, kernel_width: f64, kernel_scale: f64, beta: f64) -> Self {
        let kernel = encoder.config.kernel.kind.with_width(kernel_width);
        let histograms = histograms.as_standard_layout().into_owned();
        Self { encoder, histograms, kernel, kernel_width, kernel_scale, beta }
    }

    /// Kernel inputs of the pictures that are a support vector of any category, n×D.
    pub fn histograms(&self) -> &Array2<f32> {
        &self.histograms
    }

    /// The same, row by row.
    fn rows(&self) -> &[f32] {
        self.histograms.as_slice().expect("histograms are stored row by row")
    }

    /// β/s.
    pub fn factor(&self) -> f64 {
        self.beta / self.kernel_scale
    }
}

/// How a model was trained: what its file says beside the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Program version.
    pub version: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// SHA-256 over the training data: ids, labels, files.
    pub data_digest: String,
    /// The split trained on.
    pub split: String,
    /// Ids of the training pictures, in order; with mirror twins each stands for two, itself and its twin.
    pub pictures: Vec<String>,
    /// Ids of pictures that could not be used.
    pub left_out: Vec<String>,
    /// Categories in row order.
    pub categories: Vec<String>,
    /// The support pictures in row order.
    pub support_pictures: Vec<TrainingPicture>,
    /// How C was chosen, where it was.
    pub validation: Option<Validation>,
    /// How each vocabulary's iteration went, a channel each.
    pub vocabularies: Vec<VocabularyRecord>,
    /// How each category's problem was solved.
    pub solvers: Vec<SolverRecord>,
}

/// How C was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Split trained on.
    pub fit_split: String,
    /// Split scored.
    pub validate_split: String,
    /// Mean AP (area) of each C.
    pub grid: Vec<GridPoint>,
    /// AP (area) of each category at its chosen C; none without positives.
    pub average_precision: Vec<Option<f64>>,
    /// Mean of the above.
    pub mean_average_precision: f64,
}

/// One C of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// C.
    pub c: f64,
    /// Mean AP (area) over the categories.
    pub mean_average_precision: f64,
}

/// How a vocabulary's iteration went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VocabularyRecord {
    /// Descriptors it was learnt from.
    pub sample: usize,
    /// Passes.
    pub iterations: usize,
    /// Whether the relative drop ended it, not the limit.
    pub converged: bool,
    /// Mean squared distance of the descriptors to their words.
    pub mean_squared_distance: f64,
}

/// How one category's problem was solved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolverRecord {
    /// The category.
    pub category: String,
    /// C, before class weights.
    pub c: f64,
    /// C of the positives.
    pub c_positive: f64,
    /// C of the negatives.
    pub c_negative: f64,
    /// Training pictures labelled +1, mirror twins included.
    pub positives: usize,
    /// Training pictures labelled −1, mirror twins included.
    pub negatives: usize,
    /// The solver's own account.
    pub report: score::svm::Report,
}

impl BagOfWords {
    /// Number of training pictures, mirror twins included.
    pub fn training_pictures(&self) -> usize {
        self.training.pictures.len() * if self.settings.picture.twins == Twins::None { 1 } else { 2 }
    }

    /// f of every category from the channels' histograms.
    fn scores_of(&self, encoded: &[Encoded]) -> Vec<f64> {
        let mut kernel = vec![0.0; self.dual.ncols()];
        for (channel, encoded) in self.channels.iter().zip(encoded) {
            let factor = channel.factor();
            for (value, row) in kernel.iter_mut().zip(channel.rows().chunks_exact(encoded.histogram.len().max(1))) {
                *value += factor * channel.kernel.value(row, &encoded.histogram);
            }
        }
        let kernel = ArrayView1::from(&kernel);
        self.dual.rows().into_iter().zip(&self.bias).map(|(dual, bias)| bias + dual.dot(&kernel)).collect()
    }

    fn see(&self, picture: &Picture, keep_descriptors: bool) -> Result<Seen<'_>, ModelError> {
        let families = || self.channels.iter().map(|channel| channel.encoder.family());
        if families().all(|family| family.grid(picture.width(), picture.height()).is_empty()) {
            return Err(ModelError::TooSmall {
                width: picture.width(),
                height: picture.height(),
                smallest: families().map(|family| family.smallest_side()).min().unwrap_or(0),
            });
        }
        let encoded: Vec<Encoded> =
            self.channels.iter().map(|channel| channel.encoder.encode(picture, keep_descriptors)).collect();
        let scores = self.scores_of(&encoded);
        let image = keep_descriptors.then(|| picture.rgb8());
        Ok(Seen { model: self, width: picture.width(), height: picture.height(), encoded, scores, image })
    }
}

impl Model for BagOfWords {
    fn categories(&self) -> &[String] {
        &self.training.categories
    }

    fn forward(&self, picture: &Picture, keep_descriptors: bool) -> Result<Box<dyn Forward + '_>, ModelError> {
        let seen = Box::new(self.see(picture, keep_descriptors)?);
        Ok(match self.settings.picture.twins {
            Twins::None | Twins::Train => seen,
            Twins::Test => Box::new(Both::new(seen, Box::new(self.see(&picture.mirrored(), keep_descriptors)?))),
        })
    }
}

/// A picture that was carried forward.
struct Seen<'a> {
    model: &'a BagOfWords,
    width: usize,
    height: usize,
    encoded: Vec<Encoded>,
    scores: Vec<f64>,
    image: Option<image::RgbImage>,
}

impl Forward for Seen<'_> {
    fn scores(&self) -> &[f64] {
        &self.scores
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        let model = self.model;
        let mut dual = model.dual.row(query.category).to_vec();
        let mut bias = model.bias[query.category];
        let mut score = self.scores[query.category];
        if let Some(other) = query.against {
            for (a, b) in dual.iter_mut().zip(model.dual.row(other)) {
                *a -= b;
            }
            bias -= model.bias[other];
            score -= self.scores[other];
        }
        let mut ledger = Ledger::open(score);

        // score → R3
        let parts: Vec<score::Channel<'_>> = model
            .channels
            .iter()
            .zip(&self.encoded)
            .map(|(channel, encoded)| score::Channel {
                kernel: channel.kernel,
                factor: channel.factor(),
                train: channel.rows(),
                histogram: &encoded.histogram,
            })
            .collect();
        let (r3, kept) = score::decompose(&parts, &dual, bias, query.bias);
        ledger.spread_bias = bias - kept.amount;
        ledger.book(kept);

        // R3 → R2
        let mut r2 = Vec::with_capacity(r3.len());
        for ((channel, encoded), r3) in model.channels.iter().zip(&self.encoded).zip(&r3) {
            let (shared, kept) = channel.encoder.back(encoded, r3);
            ledger.book(kept);
            ledger.through_empty_dimensions += shared.through_empty;
            r2.push(shared.relevance);
        }

        // R2 → R1
        let features = model
            .channels
            .iter()
            .zip(&self.encoded)
            .zip(&r2)
            .flat_map(|((channel, encoded), r2)| channel.encoder.supports(encoded).zip(r2.iter().copied()));
        let relevance = support::spread(self.height, self.width, features);

        let ledger = ledger.close(relevance.sum())?;
        let trace = query.trace.then(|| {
            let layers = trace_file::Layers { r3: &r3, r2: &r2, relevance: &relevance, ledger: &ledger };
            trace_file::trace(model, query, &self.encoded, &layers, self.image.as_ref())
        });
        Ok(Explanation { score, relevance, ledger, trace })
    }
}
