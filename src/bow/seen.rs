//! A picture seen by a model: the only place that chains the layers, forward and backward.

use std::sync::Arc;
use std::time::Instant;

use ndarray::Array2;
use rayon::prelude::*;

use super::channel::{Encoded, Features};
use super::features::support;
use super::files::trace;
use super::model::{BagOfWords, FittedChannel};
use super::score::{Decomposed, Explaining};
use super::stages;
use crate::explanation::{Explanation, Query, Target, Trace, Window};
use crate::format::container::Container;
use crate::ledger::{Ledger, Note};
use crate::model::evidence::Evidence;
use crate::model::{Keep, Model, ModelError, Seen};
use crate::numeric::root::NoRoot;
use crate::picture::{Picture, Rectangle, tiles};
use crate::timings::{Stage, Timings};

/// A picture that was carried forward, alone: without its mirror image.
pub(super) struct SeenPicture<'a> {
    pub(super) model: &'a BagOfWords,
    pub(super) method: Explaining,
    /// Each channel's features, of the whole picture.
    pub(super) features: Vec<Features>,
    pub(super) whole: View,
    /// The picture, if everything is kept.
    pub(super) image: Option<image::RgbImage>,
}

/// A picture, or a window of it, carried forward to its scores.
pub(super) struct View {
    pub(super) region: Rectangle,
    pub(super) encoded: Vec<Encoded>,
    pub(super) scores: Vec<f64>,
    timings: Timings,
}

/// A view's score carried back to its pixels.
struct PixelShares {
    relevance: Array2<f64>,
    /// The part of it that is the spread bias, if it was asked for and there is any.
    spread_bias: Option<Array2<f64>>,
    ledger: Ledger,
    /// Σ R3 of each channel.
    channels: Vec<f64>,
    trace: Option<Container>,
    timings: Timings,
}

impl View {
    fn histograms(&self) -> Vec<&[f32]> {
        self.encoded.iter().map(|encoded| encoded.histogram.as_slice()).collect()
    }
}

/// Carries `picture` forward.
///
/// # Errors
/// [`ModelError::TooSmall`] if no channel finds a local feature's place in it.
pub(super) fn see<'a>(
    model: &'a BagOfWords,
    picture: &Picture,
    keep: Keep,
    method: Explaining,
) -> Result<SeenPicture<'a>, ModelError> {
    let features = find_features(model, picture, keep)?;
    let whole = view(model, &features, Rectangle::of_size(picture.width(), picture.height()));
    let image = (keep == Keep::Everything).then(|| picture.rgb8());
    Ok(SeenPicture { model, method, features, whole, image })
}

/// The histogram of every channel.
pub(super) fn histograms(
    model: &BagOfWords,
    picture: &Picture,
    timings: &mut Timings,
) -> Result<Vec<Vec<f32>>, ModelError> {
    let features = find_features(model, picture, Keep::Nothing)?;
    features.iter().for_each(|features| *timings += &features.timings);
    let region = Rectangle::of_size(picture.width(), picture.height());
    let channels = model.channels.iter().zip(&features);
    let encode = |(channel, features): (&FittedChannel, _)| channel.encoder.encode(features, region).histogram;
    Ok(timings.time(stages::POOL, || channels.map(encode).collect()))
}

/// Pixels → the local features of every channel.
fn find_features(model: &BagOfWords, picture: &Picture, keep: Keep) -> Result<Vec<Features>, ModelError> {
    if picture.prepared().is_some() {
        return Err(ModelError::Unsupported {
            what: "an array in the place of a picture",
            because: "descriptors are of pictures",
        });
    }
    let (width, height) = (picture.width(), picture.height());
    let mut families = model.channels.iter().map(|channel| channel.encoder.family());
    if families.all(|family| family.grid(width, height).is_empty()) {
        return Err(ModelError::TooSmall { what: "a local feature", width, height, smallest: model.smallest_side() });
    }
    let keep = keep == Keep::Everything;
    Ok(model.channels.iter().map(|channel| channel.encoder.features(picture, keep)).collect())
}

/// The local features inside `region` → histograms → scores.
fn view(model: &BagOfWords, features: &[Features], region: Rectangle) -> View {
    let mut timings = Timings::default();
    let channels = model.channels.iter().zip(features);
    let encode = || channels.map(|(channel, features)| channel.encoder.encode(features, region)).collect();
    let encoded: Vec<Encoded> = timings.time(stages::POOL, encode);
    let histograms = encoded.iter().map(|encoded| encoded.histogram.as_slice()).collect();
    let scores = timings.time(stages::SCORES, || model.classifier.scores(histograms));
    View { region, encoded, scores, timings }
}

impl Seen for SeenPicture<'_> {
    fn scores(&self) -> &[f64] {
        &self.whole.scores
    }

    fn timings(&self) -> Timings {
        self.features.iter().map(|features| &features.timings).chain([&self.whole.timings]).sum()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        let count = self.model.training.categories.len();
        for index in [query.target.category].into_iter().chain(query.target.against) {
            if index >= count {
                return Err(ModelError::UnknownCategory { index, count });
            }
        }
        if query.trace == Trace::Relevance {
            let (what, because) = ("--layers", "layers are written by --trace");
            return Err(ModelError::Unsupported { what, because });
        }
        if query.tiles.is_some() {
            return self.explain_windows(query);
        }
        let shares = self.backward(&self.whole, query)?;
        Ok(Explanation {
            spread_bias: shares.spread_bias,
            parts: shares.channels,
            traces: shares.trace.into_iter().collect(),
            timings: shares.timings,
            ..Explanation::new(shares.relevance, shares.ledger)
        })
    }

    fn evidence(&self) -> Option<&dyn Evidence> {
        Some(self)
    }
}

impl SeenPicture<'_> {
    /// Explains every window of the query's tiles, and averages their maps.
    fn explain_windows(&self, query: &Query) -> Result<Explanation, ModelError> {
        let tiles = query.tiles.expect("asked for by the caller");
        let (width, height) = (self.whole.region.x1 as usize, self.whole.region.y1 as usize);
        let windows = tiles.windows(width, height);
        let explain = |&window: &Rectangle| {
            let view = view(self.model, &self.features, window);
            let mut shares = self.backward(&view, query)?;
            shares.timings += &view.timings;
            Ok(shares)
        };
        let shares: Vec<PixelShares> = windows.par_iter().map(explain).collect::<Result<_, ModelError>>()?;
        let maps = windows.iter().zip(&shares).map(|(window, shares)| (*window, shares.relevance.view()));
        let relevance = tiles::average(width, height, maps);
        let biases = shares.iter().map(|shares| shares.spread_bias.as_ref()).collect::<Option<Vec<_>>>();
        let spread_bias = biases.filter(|biases| !biases.is_empty()).map(|biases| {
            tiles::average(width, height, windows.iter().zip(biases).map(|(window, bias)| (*window, bias.view())))
        });
        let timings = shares.iter().map(|shares| &shares.timings).sum();
        let mut traces = Vec::new();
        let mut accounts = Vec::new();
        for (rectangle, shares) in windows.into_iter().zip(shares) {
            traces.extend(shares.trace);
            accounts.push(Window { rectangle, ledger: shares.ledger });
        }
        let score = query.target.of(|category| self.whole.scores[category]);
        let ledger = Ledger::for_windows(score, relevance.sum(), accounts.iter().map(|window| &window.ledger));
        Ok(Explanation { spread_bias, windows: accounts, traces, timings, ..Explanation::new(relevance, ledger) })
    }

    /// A view's score → R3.
    pub(super) fn decompose(&self, view: &View, target: Target) -> Result<Decomposed, ModelError> {
        self.model.classifier.decompose(&view.histograms(), target, &self.method).map_err(|source| {
            let category = self.model.training.categories[target.category].clone();
            let window = (view.region != self.whole.region).then_some(view.region);
            ModelError::NotExplained { category, window, hint: self.more_candidates(source), source: Arc::new(source) }
        })
    }

    /// How to search further, if not every training picture was tried.
    fn more_candidates(&self, found: NoRoot) -> Option<String> {
        let (tried, all) = (self.method.candidates, self.model.training.support_pictures.len());
        (found.candidates == tried && tried < all).then(|| format!("--candidates {all}"))
    }

    /// Carries a view's score back to its pixels.
    fn backward(&self, view: &View, query: &Query) -> Result<PixelShares, ModelError> {
        let began = Instant::now();
        let mut ledger = Ledger::open(query.target.of(|category| view.scores[category]));

        // score → R3
        let Decomposed { r3, root, spread, kept, kind } = self.decompose(view, query.target)?;
        ledger.book(kept);
        ledger.note(Note::SpreadBias, spread * reaching(view));

        let share = spread / r3.iter().map(Vec::len).sum::<usize>() as f64;
        let (r2, relevance) = self.to_pixels(view, &r3, share, &mut ledger);
        let spread_bias = (query.bias_apart && spread != 0.0).then(|| {
            // The way back is linear, so the bias goes it alone.
            let alone: Vec<Vec<f64>> = r3.iter().map(|r3| vec![share; r3.len()]).collect();
            self.to_pixels(view, &alone, share, &mut Ledger::default()).1
        });
        let ledger = ledger.close(relevance.sum())?;
        let trace = (query.trace == Trace::Everything).then(|| {
            let channels = self.model.channels.iter().zip(&self.features).zip(&view.encoded).enumerate();
            let channels = channels.map(|(u, ((channel, features), encoded))| trace::Channel {
                encoder: &channel.encoder,
                features,
                encoded,
                r3: &r3[u],
                root: root.as_ref().map(|root| root[u].as_slice()),
                r2: &r2[u],
            });
            let name = |category: usize| self.model.training.categories[category].as_str();
            trace::trace(&trace::Layers {
                category: name(query.target.category),
                against: query.target.against.map_or("", name),
                method: self.method,
                kind,
                window: query.tiles.map(|tiles| (tiles, view.region)),
                channels: channels.collect(),
                relevance: &relevance,
                ledger: &ledger,
                image: self.image.as_ref(),
            })
        });
        let channels = r3.iter().map(|r3| r3.iter().sum()).collect();
        let mut timings = Timings::default();
        timings.add(Stage::BACK, began.elapsed());
        Ok(PixelShares { relevance, spread_bias, ledger, channels, trace, timings })
    }

    /// R3 of every channel → R2 of every channel → R1 of the view's pixels. What is not passed on is booked; `bias` is the part of each
    /// dimension's R3 that is the spread bias.
    pub(super) fn to_pixels(
        &self,
        view: &View,
        r3: &[Vec<f64>],
        bias: f64,
        ledger: &mut Ledger,
    ) -> (Vec<Vec<f64>>, Array2<f64>) {
        let channels = || self.model.channels.iter().zip(&self.features).zip(&view.encoded);

        // R3 → R2
        let mut r2 = Vec::with_capacity(r3.len());
        for (((channel, features), encoded), r3) in channels().zip(r3) {
            let (shared, kept) = channel.encoder.back(features, encoded, r3);
            ledger.book(kept);
            ledger.note(Note::Lacking, shared.through_empty);
            ledger.note(Note::LackingBias, bias * shared.empty as f64);
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

/// The share of the dimensions whose channel has local features: what is spread over the others reaches no pixel.
fn reaching(view: &View) -> f64 {
    let dimensions = |with_features_alone: bool| -> usize {
        let channels = view.encoded.iter().filter(|encoded| !with_features_alone || !encoded.members.is_empty());
        channels.map(|encoded| encoded.histogram.len()).sum()
    };
    dimensions(true) as f64 / dimensions(false) as f64
}
