//! The Bag-of-Words family: the only place that chains its layers, forward and back.
//!
//! ```text
//!            features              words                     score
//! pixels ──────────────▶ local ──────────────▶ histogram ──────────────▶ f(x)
//!   R1   ◀────────────── R2    ◀────────────── R3        ◀──────────────
//!          support.rs            pooling.rs                exact.rs, shapley.rs, taylor.rs
//! ```

pub mod channel;
pub mod config;
pub mod evidence;
pub mod features;
pub mod files;
mod presets;
mod record;
pub mod score;
pub mod train;
pub mod twins;
pub mod words;

use std::sync::OnceLock;
use std::time::Instant;

use ndarray::Array2;
use rayon::prelude::*;

use crate::explanation::{Explanation, Query, Window};
use crate::format::container::Container;
use crate::ledger::Ledger;
use crate::model::{Forward, Model, ModelError};
use crate::picture::Rectangle;
use crate::picture::{Picture, tiles};
use crate::timings::{Stage, Timings};
use channel::{Encoded, Encoder, Features};
use config::{Settings, Twins};
use features::support;
pub use files::{model as model_file, trace as trace_file};
pub use presets::Preset;
pub use record::{GridPoint, MixtureRecord, SolverRecord, TrainingRecord, Validation, VocabularyRecord};
use score::feature_map::Weights;
use score::kernel::Kernel;
use score::{Decision, Decomposed};
use twins::Both;
use words::examples::WordExamples;

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
    /// The largest value of all histograms, once it was asked for.
    largest: OnceLock<f32>,
    /// The kernel.
    pub kernel: Kernel,
    /// w of the kernel; 1 where it has none.
    pub kernel_width: f64,
    /// s: the kernel's variance over the training pictures.
    pub kernel_scale: f64,
    /// β: the channel's share, Σβ = 1.
    pub beta: f64,
    /// Where examples of its words lie, where the model knows.
    pub examples: Option<WordExamples>,
    /// What its linear classifiers weigh, where the model is no kernel machine: then there are no support pictures.
    pub weights: Option<Weights>,
}

impl FittedChannel {
    /// A channel whose support pictures have these `histograms` (n×D).
    pub fn new(encoder: Encoder, histograms: Array2<f32>, kernel_width: f64, kernel_scale: f64, beta: f64) -> Self {
        let kernel = encoder.config.kernel.kind.with_width(kernel_width);
        // Fisher vectors are long: no copy where none is needed.
        let histograms =
            if histograms.is_standard_layout() { histograms } else { histograms.as_standard_layout().into_owned() };
        Self {
            encoder,
            histograms,
            kernel,
            kernel_width,
            kernel_scale,
            beta,
            examples: None,
            weights: None,
            largest: OnceLock::new(),
        }
    }

    /// Kernel inputs of the pictures that are a support vector of any category, n×D.
    pub fn histograms(&self) -> &Array2<f32> {
        &self.histograms
    }

    /// The same, row by row.
    fn rows(&self) -> &[f32] {
        self.histograms.as_slice().expect("histograms are stored row by row")
    }

    /// The largest value of all histograms.
    fn largest(&self) -> f32 {
        // On one thread: one that takes up other work meanwhile might come to wait for itself.
        *self.largest.get_or_init(|| score::kernel::largest(self.rows()))
    }

    /// β/s.
    pub fn factor(&self) -> f64 {
        self.beta / self.kernel_scale
    }
}

impl BagOfWords {
    /// Number of training pictures, mirror twins included.
    pub fn training_pictures(&self) -> usize {
        self.training.pictures.len() * if self.settings.picture.twins == Twins::None { 1 } else { 2 }
    }

    /// Carries a picture forward as far as its scores; with `keep_descriptors` the descriptors are kept for a trace.
    ///
    /// # Errors
    /// [`ModelError::TooSmall`] where the picture is too small to say anything about.
    pub fn look(&self, picture: &Picture, keep_descriptors: bool) -> Result<Seen<'_>, ModelError> {
        let features = self.features(picture, keep_descriptors)?;
        let whole = self.view(&features, Rectangle::of_size(picture.width(), picture.height()));
        Ok(Seen { model: self, features, whole, image: keep_descriptors.then(|| picture.rgb8()) })
    }

    /// The local features of every channel.
    fn features(&self, picture: &Picture, keep_descriptors: bool) -> Result<Vec<Features>, ModelError> {
        let families = || self.channels.iter().map(|channel| channel.encoder.family());
        if families().all(|family| family.grid(picture.width(), picture.height()).is_empty()) {
            return Err(ModelError::TooSmall {
                width: picture.width(),
                height: picture.height(),
                smallest: families().map(|family| family.smallest_side()).min().unwrap_or(0),
            });
        }
        Ok(self.channels.iter().map(|channel| channel.encoder.features(picture, keep_descriptors)).collect())
    }

    /// The histogram of every channel.
    fn histograms(&self, picture: &Picture, timings: &mut Timings) -> Result<Vec<Vec<f32>>, ModelError> {
        let features = self.features(picture, false)?;
        features.iter().for_each(|features| *timings += features.timings);
        let region = Rectangle::of_size(picture.width(), picture.height());
        let channels = self.channels.iter().zip(&features);
        let encode = |(channel, features): (&FittedChannel, _)| channel.encoder.encode(features, region).histogram;
        Ok(timings.time(Stage::Pool, || channels.map(encode).collect()))
    }

    /// The features inside `region`, as far as their scores.
    fn view(&self, features: &[Features], region: Rectangle) -> View {
        let mut timings = Timings::default();
        let channels = self.channels.iter().zip(features);
        let encode = || channels.map(|(channel, features)| channel.encoder.encode(features, region)).collect();
        let encoded: Vec<Encoded> = timings.time(Stage::Pool, encode);
        let histograms = encoded.iter().map(|encoded| encoded.histogram.as_slice());
        let scores = timings.time(Stage::Scores, || self.scores_of(histograms));
        View { region, encoded, scores, timings }
    }

    /// f of every category from the channels' histograms, in f64.
    pub fn scores_of<'h>(&self, histograms: impl IntoIterator<Item = &'h [f32]>) -> Vec<f64> {
        let sums = |channel: &FittedChannel, rows: &[&[f32]], points: &[&[f32]], out: &mut [f64]| {
            for (point, out) in points.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
                let point: Vec<f64> = point.iter().copied().map(f64::from).collect();
                channel.kernel.terms().sums(rows, &[&point], out);
            }
        };
        self.scores_by(sums, &[histograms.into_iter().collect()]).swap_remove(0)
    }

    /// The same of many pictures, each a histogram a channel, and faster: `hik` and `chi2` are summed over the dimensions in f32.
    ///
    /// A sum S is wrong by at most `ε(S) = 1.1·10⁻⁶ S` with `hik` and `2.3·10⁻⁶ S + 10⁻¹³ D m` with `chi2`, m the largest value of a histogram: against
    /// [`BagOfWords::scores_of`] a channel moves a score by at most `(β/s) Σ_i |a_i| ε(S_i)`, or `(β/s) Σ_i |a_i| k_i ε(S_i)/w` where
    /// `k = exp(−S/w)`. With the other kernels scores are the same to the bit. They depend on the picture alone: not on those that come with it, not
    /// on the number of threads.
    pub fn scores_of_many(&self, pictures: &[Vec<&[f32]>]) -> Vec<Vec<f64>> {
        let sums = |channel: &FittedChannel, rows: &[&[f32]], points: &[&[f32]], out: &mut [f64]| {
            score::kernel::rectangle(channel.kernel.terms(), rows, &|| channel.largest(), points, out);
        };
        let panels = pictures.par_chunks(score::kernel::PANEL).with_max_len(1);
        panels.flat_map_iter(|pictures| self.scores_by(sums, pictures)).collect()
    }

    /// f of several pictures in every category; `sums` are the sums over dimensions of a channel's rows with the pictures' histograms, pictures × rows.
    fn scores_by(
        &self,
        sums: impl Fn(&FittedChannel, &[&[f32]], &[&[f32]], &mut [f64]),
        pictures: &[Vec<&[f32]>],
    ) -> Vec<Vec<f64>> {
        let (support, count) = (self.dual.ncols(), pictures.len());
        // Pictures × support pictures.
        let mut kernels = vec![0.0; count * support];
        let mut found = vec![0.0; count * support];
        for (number, channel) in self.channels.iter().enumerate() {
            let points: Vec<&[f32]> = pictures.iter().map(|of| of[number]).collect();
            let rows: Vec<&[f32]> = channel.rows().chunks_exact(channel.histograms.ncols().max(1)).collect();
            sums(channel, &rows, &points, &mut found);
            for (kernel, &sum) in kernels.iter_mut().zip(&found) {
                *kernel += channel.factor() * channel.kernel.of_sum(sum);
            }
        }
        let dual = self.dual.as_standard_layout();
        let duals: Vec<&[f64]> = dual.rows().into_iter().map(|row| row.to_slice().expect("standard layout")).collect();
        let kernels: Vec<&[f64]> = kernels.chunks_exact(support.max(1)).collect();
        let mut products = vec![0.0; duals.len() * count];
        score::kernel::products(&duals, &kernels, &mut products);
        let score = |picture: usize| {
            self.bias.iter().enumerate().map(|(category, bias)| bias + products[category * count + picture]).collect()
        };
        let mut scores: Vec<Vec<f64>> = (0..count).map(score).collect();
        for (number, channel) in self.channels.iter().enumerate() {
            let Some(weights) = &channel.weights else { continue };
            for (scores, of) in scores.iter_mut().zip(pictures) {
                scores.iter_mut().zip(weights.scores(of[number])).for_each(|(score, own)| *score += own);
            }
        }
        scores
    }

    /// The means of the scores of each picture's looks, itself and its mirror image, each a histogram a channel.
    fn mean_scores<E>(&self, pictures: Vec<Result<Vec<Vec<Vec<f32>>>, E>>) -> Vec<Result<Vec<f64>, E>> {
        let looks = pictures.iter().flatten().flatten();
        let looks: Vec<Vec<&[f32]>> = looks.map(|look| look.iter().map(Vec::as_slice).collect()).collect();
        let mut scores = self.scores_of_many(&looks).into_iter();
        let mut mean = |looks: Vec<Vec<Vec<f32>>>| {
            let mut mean = vec![0.0; self.bias.len()];
            for scores in scores.by_ref().take(looks.len()) {
                mean.iter_mut().zip(scores).for_each(|(mean, score)| *mean += score / looks.len() as f64);
            }
            mean
        };
        pictures.into_iter().map(|looks| looks.map(&mut mean)).collect()
    }
}

impl Model for BagOfWords {
    fn categories(&self) -> &[String] {
        &self.training.categories
    }

    fn forward(&self, picture: &Picture, keep_descriptors: bool) -> Result<Box<dyn Forward + '_>, ModelError> {
        let own = Box::new(self.look(picture, keep_descriptors)?);
        Ok(match self.settings.picture.twins {
            Twins::None | Twins::Train => own,
            Twins::Test => Box::new(Both::new(own, Box::new(self.look(&picture.mirrored(), keep_descriptors)?))),
        })
    }

    fn scores(
        &self,
        pictures: &mut dyn Iterator<Item = Picture>,
        timings: &mut Timings,
    ) -> Vec<Result<Vec<f64>, ModelError>> {
        let mut looks = |picture: Picture| match self.settings.picture.twins {
            Twins::None | Twins::Train => Ok(vec![self.histograms(&picture, timings)?]),
            Twins::Test => {
                Ok(vec![self.histograms(&picture, timings)?, self.histograms(&picture.mirrored(), timings)?])
            }
        };
        let looks = pictures.map(&mut looks).collect();
        timings.time(Stage::Scores, || self.mean_scores(looks))
    }
}

/// A picture that was carried forward.
pub struct Seen<'a> {
    model: &'a BagOfWords,
    /// Each channel's features, of the whole picture.
    features: Vec<Features>,
    whole: View,
    image: Option<image::RgbImage>,
}

/// A picture, or a window of it, in all channels' histograms.
struct View {
    region: Rectangle,
    encoded: Vec<Encoded>,
    scores: Vec<f64>,
    timings: Timings,
}

/// A view's score carried back.
struct Descent {
    relevance: Array2<f64>,
    ledger: Ledger,
    /// Σ R3 of each channel.
    channels: Vec<f64>,
    trace: Option<Container>,
    timings: Timings,
}

impl Forward for Seen<'_> {
    fn scores(&self) -> &[f64] {
        &self.whole.scores
    }

    fn timings(&self) -> Timings {
        self.features.iter().map(|features| features.timings).chain([self.whole.timings]).sum()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        let Some(tiles) = query.tiles else {
            let Descent { relevance, ledger, channels, trace, timings } = self.descend(&self.whole, query)?;
            let (score, windows, traces) = (ledger.score, Vec::new(), trace.into_iter().collect());
            return Ok(Explanation { score, relevance, ledger, channels, windows, traces, timings });
        };
        let region = self.whole.region;
        let (width, height) = (region.x1 as usize, region.y1 as usize);
        let windows = tiles.windows(width, height);
        let descents: Vec<Descent> = windows
            .par_iter()
            .map(|&window| {
                let view = self.model.view(&self.features, window);
                let mut descent = self.descend(&view, query)?;
                descent.timings += view.timings;
                Ok(descent)
            })
            .collect::<Result<_, ModelError>>()?;
        let maps = windows.iter().zip(&descents).map(|(window, descent)| (*window, descent.relevance.view()));
        let relevance = tiles::average(width, height, maps);
        let traces = descents.iter().filter_map(|descent| descent.trace.clone()).collect();
        let timings = descents.iter().map(|descent| descent.timings).sum();
        let windows: Vec<Window> = windows
            .into_iter()
            .zip(descents)
            .map(|(rectangle, descent)| Window { rectangle, ledger: descent.ledger })
            .collect();
        let score = self.scores()[query.category] - query.against.map_or(0.0, |other| self.scores()[other]);
        let ledger = Ledger::of_windows(score, relevance.sum(), windows.iter().map(|window| &window.ledger));
        Ok(Explanation { score, relevance, ledger, channels: Vec::new(), windows, traces, timings })
    }
}

impl Seen<'_> {
    /// The score in question, ready to be split.
    fn decision<'b>(&'b self, view: &'b View, query: &Query) -> Decision<'b> {
        let model = self.model;
        let difference = |of: &Array2<f64>| {
            let mut row = of.row(query.category).to_vec();
            if let Some(other) = query.against {
                row.iter_mut().zip(of.row(other)).for_each(|(a, b)| *a -= b);
            }
            row
        };
        Decision {
            channels: model
                .channels
                .iter()
                .zip(&view.encoded)
                .map(|(channel, encoded)| score::Channel {
                    kernel: channel.kernel,
                    factor: channel.factor(),
                    train: channel.rows(),
                    histogram: &encoded.histogram,
                    mapped: channel
                        .weights
                        .as_ref()
                        .map(|weights| weights.shares(&encoded.histogram, query.category, query.against)),
                })
                .collect(),
            dual: difference(&model.dual),
            bias: model.bias[query.category] - query.against.map_or(0.0, |other| model.bias[other]),
            train_scores: difference(&model.train_scores),
        }
    }

    /// A view's score → R3.
    fn decompose(&self, view: &View, query: &Query) -> Result<Decomposed, ModelError> {
        let how = &self.model.settings.explain;
        let decision = self.decision(view, query);
        decision.decompose(how.decomposition, how.roots, how.candidates, query.bias).map_err(|source| {
            let category = self.model.training.categories[query.category].clone();
            let window = (view.region != self.whole.region).then_some(view.region);
            ModelError::NoRoot { category, window, source }
        })
    }

    /// Carries a view's score back to its pixels.
    fn descend(&self, view: &View, query: &Query) -> Result<Descent, ModelError> {
        let began = Instant::now();
        let score = view.scores[query.category] - query.against.map_or(0.0, |other| view.scores[other]);
        let mut ledger = Ledger::open(score);

        // score → R3
        let Decomposed { r3, root, spread, kept } = self.decompose(view, query)?;
        ledger.spread_bias = spread;
        ledger.book(kept);

        let (r2, relevance) = self.to_pixels(view, &r3, &mut ledger);
        let ledger = ledger.close(relevance.sum())?;
        let trace = query.trace.then(|| {
            let layers =
                trace_file::Layers { r3: &r3, root: root.as_deref(), r2: &r2, relevance: &relevance, ledger: &ledger };
            trace_file::trace(self, view, query, &layers)
        });
        let channels = r3.iter().map(|r3| r3.iter().sum()).collect();
        let mut timings = Timings::default();
        timings.add(Stage::Back, began.elapsed());
        Ok(Descent { relevance, ledger, channels, trace, timings })
    }

    /// R3 of every channel → R2 of every channel → R1 of the view's pixels; what is not passed on is booked.
    fn to_pixels(&self, view: &View, r3: &[Vec<f64>], ledger: &mut Ledger) -> (Vec<Vec<f64>>, Array2<f64>) {
        let channels = || self.model.channels.iter().zip(&self.features).zip(&view.encoded);

        // R3 → R2
        let mut r2 = Vec::with_capacity(r3.len());
        for (((channel, features), encoded), r3) in channels().zip(r3) {
            let (shared, kept) = channel.encoder.back(features, encoded, r3);
            ledger.book(kept);
            ledger.through_empty_dimensions += shared.through_empty;
            r2.push(shared.relevance);
        }

        // R2 → R1
        let shares = channels().zip(&r2).flat_map(|(((channel, features), encoded), r2)| {
            channel.encoder.supports(features, encoded).zip(r2.iter().copied())
        });
        let relevance = support::spread(view.region, shares);
        (r2, relevance)
    }
}
