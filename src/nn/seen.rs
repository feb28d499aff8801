//! What the family offers to everything below the seam: the network itself, explainers that borrow it, and pictures that it saw.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ndarray::ArrayD;

use super::composite::CompositeError;
use super::layers::shape_text;
use super::network::{Explaining, Network, Precise, Precision, Roots, Way};
use super::preparation::Preparation;
use super::rules::{BiasPart, Rule};
use super::trace::Layers;
use super::walk::{Backward, Bounds as InputBounds, Passed, Values};
use super::ways::{Others, Passage, Shares, WayError};
use crate::explanation::{Explanation, LayerAccount, Query, Trace};
use crate::heatmap::{Looks, Palette, Scale};
use crate::ledger::{Account, Kept, Ledger, TOLERANCE};
use crate::model::{Keep, Model, ModelError, NoProbabilities, Presentation, Scored, Seen};
use crate::numeric::matrix;
use crate::picture::{DecodeOptions, Picture};
use crate::timings::{Stage, Timings};

/// Percentage of pixels that the colours tell apart: of a photograph's map a few pixels often have many times the relevance of all others.
const MOST_PIXELS: f64 = 99.5;

/// Pixels → logits.
const LAYERS: Stage = Stage::forward(0, "layers");

/// A network that explains its scores by a method of the user's choice.
pub struct Explainer<'n> {
    network: &'n Network,
    explaining: Explaining,
    rules: Vec<Option<Rule>>,
    references: References,
}

/// Other pictures that some ways need.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// x′ of integrated gradients.
    pub baseline: Baseline,
    /// Where the root point of a Taylor expansion is looked for (`taylor:nearest`).
    pub candidates: Vec<Picture>,
}

/// The baseline x′ of integrated gradients.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Baseline {
    /// An input of zeros.
    #[default]
    Zero,
    /// Every number is the mean of its channel in the very input that is explained.
    Mean,
    /// A picture, or an array.
    Picture(Box<Picture>),
}

/// A method that doesn't fit the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The rules don't fit its layers.
    #[error(transparent)]
    Composite(#[from] CompositeError),
    /// There is no picture towards which a root could be looked for.
    #[error("taylor:nearest needs pictures towards which it looks for a root")]
    NoCandidates,
    /// Roots are looked for in double precision alone.
    #[error("Taylor expansions are made in double precision: their root is known to ten digits")]
    Single,
    /// A picture can't be the baseline or a candidate.
    #[error("the {what} can't be used")]
    Reference {
        /// The baseline, or the number of a candidate.
        what: String,
        /// Why not.
        source: ModelError,
    },
}

impl Network {
    /// Explains this network's scores by another method than its own.
    ///
    /// # Errors
    /// [`MethodError`] if the method doesn't fit it.
    pub fn explainer(&self, explaining: Explaining, references: References) -> Result<Explainer<'_>, MethodError> {
        let rules = self.rules(&explaining)?;
        if matches!(explaining.way, Way::Taylor(_)) && explaining.precision == Precision::Single {
            return Err(MethodError::Single);
        }
        if explaining.way == Way::Taylor(Roots::Nearest) && references.candidates.is_empty() {
            return Err(MethodError::NoCandidates);
        }
        let usable = |what: &dyn Fn() -> String, picture: &Picture| match self.input(picture) {
            Ok(_) => Ok(()),
            Err(source) => Err(MethodError::Reference { what: what(), source }),
        };
        if let Baseline::Picture(picture) = &references.baseline {
            usable(&|| "baseline".to_string(), picture)?;
        }
        for (number, picture) in references.candidates.iter().enumerate() {
            usable(&|| format!("candidate {}", number + 1), picture)?;
        }
        Ok(Explainer { network: self, explaining, rules, references })
    }

    /// The scores of pictures, without what the way back needs; as many are carried forward together as memory allows.
    fn scores_of<T: Precise>(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        let mut scored = Scored::default();
        let runner = T::runner(self);
        let together = runner.batch_of(usize::MAX);
        let mut batch = Vec::new();
        let mut places = Vec::new();
        loop {
            let picture = pictures.next();
            let is_last = picture.is_none();
            if let Some(picture) = picture {
                match self.input(&picture) {
                    Ok(input) => {
                        places.push(scored.scores.len());
                        batch.extend(input.iter().map(|&x| T::of(x)));
                        // Taken by the batch's own scores.
                        scored.scores.push(Ok(Vec::new()));
                    }
                    Err(error) => scored.scores.push(Err(error)),
                }
            }
            if places.len() == together || is_last && !places.is_empty() {
                let logits = scored.timings.time(LAYERS, || runner.logits(std::mem::take(&mut batch)));
                for (place, logits) in places.drain(..).zip(logits.chunks_exact(self.categories.len())) {
                    scored.scores[place] = self.checked(logits);
                }
            }
            if is_last {
                return scored;
            }
        }
    }

    /// The input of a picture of the network's size, or of an array of its input's shape.
    fn input<'p>(&self, picture: &'p Picture) -> Result<Cow<'p, [f64]>, ModelError> {
        match picture.prepared() {
            None => self.input_of(picture).map(Cow::Owned),
            Some(prepared) if prepared.shape == self.graph.input() => Ok(Cow::Borrowed(&prepared.values)),
            Some(prepared) => Err(ModelError::WrongShape {
                found: shape_text(&prepared.shape),
                needed: shape_text(self.graph.input()),
            }),
        }
    }

    fn input_of(&self, picture: &Picture) -> Result<Vec<f64>, ModelError> {
        let Some(preparation) = &self.preparation else {
            let (what, because) = ("a picture", "network was imported without a preparation, for arrays (.npy) alone");
            return Err(ModelError::Unsupported { what, because });
        };
        let fit = preparation.fit;
        let (width, height, needed) = (picture.width(), picture.height(), (fit.width as usize, fit.height as usize));
        if (width, height) != needed {
            return Err(ModelError::WrongSize { width, height, needed });
        }
        Ok(preparation.input(picture))
    }

    /// The logits, if all are finite.
    fn checked<T: Precise>(&self, logits: &[T]) -> Result<Vec<f64>, ModelError> {
        let logits: Vec<f64> = logits.iter().map(|logit| logit.wide()).collect();
        match logits.iter().position(|logit| !logit.is_finite()) {
            Some(wrong) => Err(ModelError::NotFinite { category: self.categories[wrong].clone() }),
            None => Ok(logits),
        }
    }

    /// The input of a blank picture: black, or zeros where there is no preparation.
    fn blank(&self) -> Vec<f64> {
        let zeros = || vec![0.0; self.graph.input().iter().product()];
        self.preparation.as_ref().map_or_else(zeros, Preparation::black)
    }

    /// Every number's channel mean.
    fn channel_means(&self, input: &[f64]) -> Vec<f64> {
        let channels = self.channels();
        let channel = |place: usize| match &self.preparation {
            Some(preparation) => preparation.channel_of(place),
            None => place / (input.len() / channels),
        };
        let mut sums = vec![0.0; channels];
        input.iter().enumerate().for_each(|(place, x)| sums[channel(place)] += x);
        let area = (input.len() / channels) as f64;
        (0..input.len()).map(|place| sums[channel(place)] / area).collect()
    }

    /// Number of channels of the input.
    fn channels(&self) -> usize {
        match (&self.preparation, self.graph.input()) {
            (Some(preparation), _) => preparation.channels(),
            (None, [channels, _, _]) => *channels,
            (None, _) => 1,
        }
    }

    /// Carries pictures forward together, to be explained by this method.
    fn see<'a, T: Precise>(&'a self, pictures: &[&Picture], method: Method<'a>) -> Result<Batch<'a, T>, ModelError> {
        let mut inputs = Vec::with_capacity(pictures.len() * self.graph.input().iter().product::<usize>());
        for picture in pictures {
            inputs.extend(self.input(picture)?.iter().map(|&x| T::of(x)));
        }
        let began = Instant::now();
        let values = T::runner(self).forward(inputs);
        let logits = values.logits().chunks_exact(self.categories.len());
        let scores = logits.map(|logits| self.checked(logits)).collect::<Result<_, _>>()?;
        let mut timings = Timings::default();
        timings.add(LAYERS, began.elapsed());
        let shape = |picture: &Picture| Shape {
            size: (picture.width(), picture.height()),
            array: picture.prepared().map(|prepared| prepared.shape.clone()),
        };
        let shapes = pictures.iter().map(|picture| shape(picture)).collect();
        Ok(Batch { network: self, method, values, scores, shapes, timings })
    }

    /// The same in the precision that the method has.
    fn seen<'a>(&'a self, pictures: &[&Picture], method: Method<'a>) -> Result<Box<dyn SeenTogether + 'a>, ModelError> {
        Ok(match method.explaining.precision {
            Precision::Double => Box::new(self.see::<f64>(pictures, method)?),
            Precision::Single => Box::new(self.see::<f32>(pictures, method)?),
        })
    }
}

impl<'n> Explainer<'n> {
    fn given(&self) -> Method<'_> {
        Method { explaining: &self.explaining, rules: &self.rules, references: &self.references }
    }

    /// Carries several pictures forward together, which is faster than one by one where a network is small; every result is the same to the
    /// last bit.
    ///
    /// # Errors
    /// [`ModelError`] of the first picture that can't be scored.
    pub fn together<'a>(&'a self, pictures: &[&Picture]) -> Result<Box<dyn SeenTogether + 'a>, ModelError> {
        self.network.seen(pictures, self.given())
    }

    /// How many pictures of `count` are best carried forward together.
    pub fn batch_of(&self, count: usize) -> usize {
        match self.explaining.precision {
            Precision::Double => <f64 as Precise>::runner(self.network).batch_of(count),
            Precision::Single => <f32 as Precise>::runner(self.network).batch_of(count),
        }
    }
}

/// Pictures that were carried forward together.
pub trait SeenTogether {
    /// f of every picture in every category.
    fn scores(&self) -> &[Vec<f64>];

    /// Times of the forward pass.
    fn timings(&self) -> Timings;

    /// Carries a score of every picture back to its pixels: one query each.
    fn explain(&self, queries: &[Query]) -> Vec<Result<Explanation, ModelError>>;
}

/// One picture alone.
struct Alone<'a>(Box<dyn SeenTogether + 'a>);

impl Seen for Alone<'_> {
    fn scores(&self) -> &[f64] {
        &self.0.scores()[0]
    }

    fn timings(&self) -> Timings {
        self.0.timings()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        self.0.explain(&[*query]).pop().expect("one explanation for each query")
    }
}

/// How a score is explained.
#[derive(Clone, Copy)]
struct Method<'a> {
    explaining: &'a Explaining,
    rules: &'a [Option<Rule>],
    references: &'a References,
}

impl Model for Explainer<'_> {
    fn categories(&self) -> &[String] {
        &self.network.categories
    }

    fn reading(&self) -> &DecodeOptions {
        &self.network.reading
    }

    fn was_trained_on(&self, _: &str) -> Option<bool> {
        None
    }

    fn usual_side(&self) -> Option<usize> {
        None
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        self.network.probabilities(scores)
    }

    fn description(&self) -> serde_json::Value {
        described(self.network, &self.explaining)
    }

    fn method(&self) -> BTreeMap<String, String> {
        let mut told = told(&self.explaining);
        if self.explaining.way == Way::IntegratedGradients {
            let baseline = match self.references.baseline {
                Baseline::Zero => "zero",
                Baseline::Mean => "mean",
                Baseline::Picture(_) => "a picture",
            };
            told.insert("baseline".to_string(), baseline.to_string());
        }
        told
    }

    fn presentation(&self) -> Presentation {
        self.network.presentation()
    }

    fn smallest_side(&self) -> usize {
        self.network.smallest_side()
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        match self.explaining.precision {
            Precision::Double => self.network.scores_of::<f64>(pictures),
            Precision::Single => self.network.scores_of::<f32>(pictures),
        }
    }

    fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        Ok(Box::new(Alone(self.together(&[picture])?)))
    }
}

impl Model for Network {
    fn categories(&self) -> &[String] {
        &self.categories
    }

    fn reading(&self) -> &DecodeOptions {
        &self.reading
    }

    fn was_trained_on(&self, _: &str) -> Option<bool> {
        None
    }

    fn usual_side(&self) -> Option<usize> {
        None
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn probabilities(&self, scores: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
        let probabilities = self.origin.ending.probabilities(scores);
        let found = probabilities.map(|probabilities| probabilities.into_iter().map(Some).collect());
        found.ok_or(NoProbabilities {
            because: "the network's file has no soft-max at its end",
            hint: "the scores are its outputs as they are",
        })
    }

    fn description(&self) -> serde_json::Value {
        described(self, &self.explaining)
    }

    fn method(&self) -> BTreeMap<String, String> {
        told(&self.explaining)
    }

    fn presentation(&self) -> Presentation {
        let looks = Looks { palette: Palette::Diverging, scale: Scale::Percentile(MOST_PIXELS) };
        Presentation { tiles: None, looks, bias_apart: false }
    }

    fn smallest_side(&self) -> usize {
        1
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        self.scores_of::<f64>(pictures)
    }

    fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        static NONE: References = References { baseline: Baseline::Zero, candidates: Vec::new() };
        let method = Method { explaining: &self.explaining, rules: &self.rules, references: &NONE };
        Ok(Box::new(Alone(self.seen(&[picture], method)?)))
    }
}

/// Everything that was chosen for a network and its method.
fn described(network: &Network, explaining: &Explaining) -> serde_json::Value {
    serde_json::json!({ "preparation": network.preparation, "origin": network.origin, "explaining": explaining })
}

/// What results tell of the method.
fn told(explaining: &Explaining) -> BTreeMap<String, String> {
    let Explaining { name, way, max_pool, spread_bias, precision } = explaining;
    let entries = match way {
        Way::Rules(composite) => &composite.rules[..],
        _ => &[],
    };
    let entries = entries.iter().map(|entry| format!("{} {}", entry.layer, entry.rule));
    let bias = if *spread_bias { "spread" } else { "sink" };
    BTreeMap::from([
        ("bias".to_string(), bias.to_string()),
        ("rules".to_string(), name.clone()),
        ("rules_by_layer".to_string(), entries.collect::<Vec<_>>().join("; ")),
        ("max_pool".to_string(), max_pool.to_string()),
        ("precision".to_string(), precision.to_string()),
    ])
}

/// What a map is drawn on.
struct Shape {
    /// Width and height of the picture.
    size: (usize, usize),
    /// The shape of the array that was given in the place of a picture.
    array: Option<Vec<usize>>,
}

/// Pictures that were carried forward.
struct Batch<'n, T: Precise> {
    network: &'n Network,
    method: Method<'n>,
    values: Values<T>,
    scores: Vec<Vec<f64>>,
    shapes: Vec<Shape>,
    timings: Timings,
}

impl<T: Precise> SeenTogether for Batch<'_, T> {
    fn scores(&self) -> &[Vec<f64>] {
        &self.scores
    }

    fn timings(&self) -> Timings {
        self.timings.clone()
    }

    fn explain(&self, queries: &[Query]) -> Vec<Result<Explanation, ModelError>> {
        let began = Instant::now();
        assert_eq!(queries.len(), self.scores.len(), "one query for each picture");
        let chosen = match queries.iter().map(|query| self.chosen(query)).collect::<Result<Vec<_>, _>>() {
            Ok(chosen) => chosen.concat(),
            Err(error) => return queries.iter().map(|_| Err(error.clone())).collect(),
        };
        let score = |(query, scores): (&Query, &Vec<f64>)| query.target.of(|category| scores[category]);
        let scores: Vec<f64> = queries.iter().zip(&self.scores).map(score).collect();
        let runner = T::runner(self.network);
        let passage = Passage { runner, values: &self.values, chosen: &chosen, scores: &scores };
        let keep_all = queries.iter().any(|query| query.trace != Trace::Nothing);
        let shares = self.shares(&passage, keep_all);
        let time = began.elapsed() / queries.len().max(1) as u32;
        let explanation = |(item, (shares, query)): (usize, (Result<Shares<T>, WayError>, &Query))| {
            let shares = shares.map_err(|error| self.failed(error, query))?;
            let mut explanation = self.explanation(item, shares, scores[item], query)?;
            explanation.timings.add(Stage::BACK, time);
            Ok(explanation)
        };
        shares.into_iter().zip(queries).enumerate().map(explanation).collect()
    }
}

impl<T: Precise> Batch<'_, T> {
    /// 1 at the category in question, −1 at the one against it.
    fn chosen(&self, query: &Query) -> Result<Vec<f64>, ModelError> {
        let unsupported = |what, because| ModelError::Unsupported { what, because };
        if query.tiles.is_some() {
            return Err(unsupported("explanation by tiles", "input has a fixed size"));
        }
        if query.trace != Trace::Nothing && !matches!(self.method.explaining.way, Way::Rules(_)) {
            return Err(unsupported("--trace or --layers", "method does not go from layer to layer"));
        }
        let count = self.network.categories.len();
        let mut chosen = vec![0.0; count];
        let choices = [Some((query.target.category, 1.0)), query.target.against.map(|against| (against, -1.0))];
        for (index, sign) in choices.into_iter().flatten() {
            *chosen.get_mut(index).ok_or(ModelError::UnknownCategory { index, count })? += sign;
        }
        Ok(chosen)
    }

    fn explanation(
        &self,
        item: usize,
        mut shares: Shares<T>,
        score: f64,
        query: &Query,
    ) -> Result<Explanation, ModelError> {
        let Shape { size, array } = &self.shapes[item];
        let by_pixel = if shares.norm {
            let squares: Vec<f64> = shares.input.iter().map(|r| r * r).collect();
            self.by_pixel(&squares, *size).into_iter().map(f64::sqrt).collect()
        } else if array.is_none() && shares.input.len() == size.0 * size.1 {
            // One channel is its own sum.
            std::mem::take(&mut shares.input)
        } else {
            self.by_pixel(&shares.input, *size)
        };
        let ledger = match shares.ledger {
            Some(ledger) => ledger,
            None => unexplained(score, by_pixel.iter().sum())?,
        };
        let layers = self.layers(&shares.passed);
        let trace = shares.values.as_ref().filter(|_| query.trace != Trace::Nothing).map(|relevance| {
            let own = |values: &Vec<T>| {
                let length = values.len() / self.scores.len();
                values[item * length..(item + 1) * length].to_vec()
            };
            let categories = &self.network.categories;
            Layers {
                graph: &self.network.graph,
                category: &categories[query.target.category],
                against: query.target.against.map_or("", |against| &categories[against]),
                method: told(self.method.explaining),
                relevance,
                values: (query.trace == Trace::Everything).then(|| self.values.values.iter().map(own).collect()),
                accounts: &layers,
                ledger: &ledger,
            }
            .container()
        });
        let shaped = |shape: &[usize], values| ArrayD::from_shape_vec(shape, values).expect("it has the input's shape");
        let root = shares.root.map(|root| shaped(self.network.graph.input(), root));
        let array = array.as_ref().map(|shape| shaped(shape, shares.input));
        Ok(Explanation {
            score,
            relevance: matrix((size.1, size.0), by_pixel),
            array,
            root,
            spread_bias: None,
            ledger,
            parts: Vec::new(),
            layers,
            windows: Vec::new(),
            traces: trace.into_iter().collect(),
            timings: Timings::default(),
        })
    }
}

/// The account of what conserves nothing.
fn unexplained(score: f64, sum: f64) -> Result<Ledger, ModelError> {
    let mut ledger = Ledger::open(score);
    ledger.book(Kept { account: Account::Unexplained, amount: score - sum });
    Ok(ledger.close_within(sum, TOLERANCE, sum.abs().max(score.abs()))?)
}

impl<T: Precise> Batch<'_, T> {
    /// The sum over the channels of every pixel that is drawn.
    fn by_pixel(&self, input: &[f64], size: (usize, usize)) -> Vec<f64> {
        let area = size.0 * size.1;
        if let Some(preparation) = &self.network.preparation
            && input.len() == area * preparation.channels()
        {
            return preparation.by_pixel(input);
        }
        let channels = input.len() / area;
        (0..area).map(|place| (0..channels).map(|channel| input[channel * area + place]).sum()).collect()
    }

    fn shares(&self, passage: &Passage<'_, T>, keep_all: bool) -> Vec<Result<Shares<T>, WayError>> {
        let Method { explaining, rules, references } = self.method;
        let how = Backward {
            rules,
            ties: explaining.max_pool,
            bias: if explaining.spread_bias { BiasPart::Spread } else { BiasPart::Kept },
            bounds: &self.bounds(rules),
            keep_all,
        };
        let input =
            |picture: &Picture| self.network.input(picture).expect("it was checked with the method").into_owned();
        let length = self.network.graph.input().iter().product::<usize>();
        let baseline = |item: usize| match &references.baseline {
            Baseline::Zero => vec![0.0; length],
            Baseline::Mean => {
                let own = &self.values.values[0][item * length..(item + 1) * length];
                self.network.channel_means(&own.iter().map(|x| x.wide()).collect::<Vec<f64>>())
            }
            Baseline::Picture(picture) => input(picture),
        };
        let others = Others {
            blank: self.network.blank(),
            baseline: &baseline,
            candidates: references.candidates.len(),
            candidate: &|number| input(&references.candidates[number]),
        };
        explaining.way.explain(passage, &how, &others)
    }

    /// What is said of a way that led nowhere.
    fn failed(&self, error: WayError, query: &Query) -> ModelError {
        match error {
            WayError::NotConserved(error) => error.into(),
            error => ModelError::NotExplained {
                category: self.network.categories[query.target.category].clone(),
                window: None,
                hint: Some("another root point (--roots), or --rules epsilon-plus-flat, which needs none".to_string()),
                source: Arc::new(error),
            },
        }
    }

    /// The bounds of the inputs of layers that z-box explains.
    fn bounds(&self, rules: &[Option<Rule>]) -> Vec<Option<InputBounds<T>>> {
        let given = rules.iter().flatten().find_map(|rule| match rule {
            Rule::ZBox(bounds) => Some(bounds.clone()),
            _ => None,
        });
        let Some(given) = given else { return vec![None; rules.len()] };
        let (low, high) = self.network.bounds(given.as_ref()).expect("the rules were checked with their bounds");
        let is_boxed = |place: usize| matches!(rules[place], Some(Rule::ZBox(_)));
        let own = |values: Vec<f64>| values.into_iter().map(T::of).collect();
        T::runner(self.network).bounds(own(low), own(high), is_boxed)
    }

    fn layers(&self, passed: &[Option<Passed>]) -> Vec<LayerAccount> {
        let nodes = self.network.graph.nodes().iter().zip(passed.iter().zip(self.method.rules));
        let account = |(node, (passed, rule)): (&super::graph::Node, (&Option<Passed>, &Option<Rule>))| {
            let passed = (*passed)?;
            Some(LayerAccount {
                name: node.name.clone(),
                kind: node.layer.kind().to_string(),
                rule: rule.as_ref().map(ToString::to_string),
                received: passed.received,
                sent: passed.sent,
                bias: passed.kept.bias,
                stabiliser: passed.kept.stabiliser,
                undefined: passed.kept.undefined,
                undefined_outputs: passed.kept.undefined_outputs,
                largest: passed.largest,
            })
        };
        nodes.filter_map(account).collect()
    }
}
