//! Pictures that a network saw: forward together, and each score back to its pixels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ndarray::ArrayD;

use super::input::{Baseline, References};
use super::network::{Explaining, Network, Precise, Precision, Way};
use super::rules::{BiasPart, Rule};
use super::trace::Layers;
use super::walk::{Backward, Bounds as InputBounds, Passed, Values};
use super::ways::{Others, Passage, Shares, WayError};
use crate::explanation::{Explanation, LayerAccount, Query, Trace};
use crate::ledger::{Account, Kept, Ledger, TOLERANCE};
use crate::model::{ModelError, Scored};
use crate::numeric::matrix;
use crate::picture::Picture;
use crate::timings::{Stage, Timings};

/// Pixels → logits.
const LAYERS: Stage = Stage::forward(0, "layers");

impl Network {
    /// The scores of pictures, without what the way back needs; as many are carried forward together as memory allows.
    pub(super) fn scores_of<T: Precise>(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
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

    /// The logits, if all are finite.
    fn checked<T: Precise>(&self, logits: &[T]) -> Result<Vec<f64>, ModelError> {
        let logits: Vec<f64> = logits.iter().map(|logit| logit.wide()).collect();
        match logits.iter().position(|logit| !logit.is_finite()) {
            Some(wrong) => Err(ModelError::NotFinite { category: self.categories[wrong].clone() }),
            None => Ok(logits),
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
    pub(super) fn seen<'a>(
        &'a self,
        pictures: &[&Picture],
        method: Method<'a>,
    ) -> Result<Box<dyn SeenTogether + 'a>, ModelError> {
        Ok(match method.explaining.precision {
            Precision::Double => Box::new(self.see::<f64>(pictures, method)?),
            Precision::Single => Box::new(self.see::<f32>(pictures, method)?),
        })
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

/// How a score is explained.
#[derive(Clone, Copy)]
pub(super) struct Method<'a> {
    pub explaining: &'a Explaining,
    pub rules: &'a [Option<Rule>],
    pub references: &'a References,
}

/// What results tell of the method.
pub(super) fn told(explaining: &Explaining) -> BTreeMap<String, String> {
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
        let relevance = matrix((size.1, size.0), by_pixel);
        let traces = trace.into_iter().collect();
        Ok(Explanation { array, root, layers, traces, ..Explanation::new(relevance, ledger) })
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
