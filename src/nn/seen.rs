//! What the family offers to everything below the seam: the network itself, explainers that borrow it, and pictures that it saw.

use std::collections::BTreeMap;
use std::time::Instant;

use ndarray::ArrayD;

use super::composite::CompositeError;
use super::layers::{Slope, shape_text};
use super::network::{Explaining, Network, Way};
use super::rules::{BiasPart, Rule};
use super::walk::{Backward, Bounds as InputBounds, Passed, Values};
use crate::explanation::{Explanation, LayerAccount, Query};
use crate::heatmap::{Looks, Palette, Scale};
use crate::ledger::{Account, Kept, Ledger, TOLERANCE};
use crate::model::{Keep, Model, ModelError, NoProbabilities, Presentation, Scored, Seen};
use crate::numeric::matrix;
use crate::picture::{DecodeOptions, Picture};
use crate::timings::{Stage, Timings};

/// Pixels → logits.
const LAYERS: Stage = Stage::forward(0, "layers");

/// A network that explains its scores by a method of the user's choice.
pub struct Explainer<'n> {
    network: &'n Network,
    explaining: Explaining,
    rules: Vec<Option<Rule>>,
}

impl Network {
    /// Explains this network's scores by another method than its own.
    ///
    /// # Errors
    /// [`CompositeError`] if the rules don't fit its layers.
    pub fn explainer(&self, explaining: Explaining) -> Result<Explainer<'_>, CompositeError> {
        let rules = self.rules(&explaining)?;
        Ok(Explainer { network: self, explaining, rules })
    }

    /// The scores of pictures one by one, without what the way back needs.
    fn scores_of(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        let mut scored = Scored::default();
        for picture in pictures {
            let scores = self
                .input(&picture)
                .and_then(|input| self.checked(scored.timings.time(LAYERS, || self.runner().logits(input))));
            scored.scores.push(scores);
        }
        scored
    }

    /// The input of a picture of the network's size, or of an array of its input's shape.
    fn input(&self, picture: &Picture) -> Result<Vec<f64>, ModelError> {
        match picture.prepared() {
            None => self.input_of(picture),
            Some(prepared) if prepared.shape == self.graph.input() => Ok(prepared.values.clone()),
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
    fn checked(&self, logits: Vec<f64>) -> Result<Vec<f64>, ModelError> {
        match logits.iter().position(|logit| !logit.is_finite()) {
            Some(wrong) => Err(ModelError::NotFinite { category: self.categories[wrong].clone() }),
            None => Ok(logits),
        }
    }

    /// Carries a picture forward, to be explained by this way and these rules.
    fn see<'a>(
        &'a self,
        picture: &Picture,
        explaining: &'a Explaining,
        rules: &'a [Option<Rule>],
    ) -> Result<SeenPicture<'a>, ModelError> {
        let input = self.input(picture)?;
        let began = Instant::now();
        let values = self.runner().forward(input);
        let scores = self.checked(values.logits().to_vec())?;
        let mut timings = Timings::default();
        timings.add(LAYERS, began.elapsed());
        let array = picture.prepared().map(|prepared| prepared.shape.clone());
        let size = (picture.width(), picture.height());
        Ok(SeenPicture { network: self, explaining, rules, values, scores, size, array, timings })
    }
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
        told(&self.explaining)
    }

    fn presentation(&self) -> Presentation {
        self.network.presentation()
    }

    fn smallest_side(&self) -> usize {
        self.network.smallest_side()
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        self.network.scores_of(pictures)
    }

    fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        Ok(Box::new(self.network.see(picture, &self.explaining, &self.rules)?))
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
        let looks = Looks { palette: Palette::Diverging, scale: Scale::Picture };
        Presentation { tiles: None, looks, bias_apart: false }
    }

    fn smallest_side(&self) -> usize {
        1
    }

    fn scores(&self, pictures: &mut dyn Iterator<Item = Picture>) -> Scored {
        self.scores_of(pictures)
    }

    fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
        Ok(Box::new(self.see(picture, &self.explaining, &self.rules)?))
    }
}

/// Everything that was chosen for a network and its method.
fn described(network: &Network, explaining: &Explaining) -> serde_json::Value {
    serde_json::json!({ "preparation": network.preparation, "origin": network.origin, "explaining": explaining })
}

/// What results tell of the method.
fn told(explaining: &Explaining) -> BTreeMap<String, String> {
    let Explaining { name, way, max_pool, spread_bias } = explaining;
    let entries = match way {
        Way::Rules(composite) => &composite.rules[..],
        Way::Derivatives(_) | Way::GradientInput => &[],
    };
    let entries = entries.iter().map(|entry| format!("{} {}", entry.layer, entry.rule));
    let bias = if *spread_bias { "spread" } else { "sink" };
    BTreeMap::from([
        ("bias".to_string(), bias.to_string()),
        ("rules".to_string(), name.clone()),
        ("rules_by_layer".to_string(), entries.collect::<Vec<_>>().join("; ")),
        ("max_pool".to_string(), max_pool.to_string()),
    ])
}

/// What every number of the input gets, the account of the score, and those of the layers.
type Shares = (Vec<f64>, Ledger, Vec<LayerAccount>);

/// A picture that was carried forward.
struct SeenPicture<'n> {
    network: &'n Network,
    explaining: &'n Explaining,
    rules: &'n [Option<Rule>],
    values: Values<f64>,
    scores: Vec<f64>,
    /// Width and height of the picture that is drawn on.
    size: (usize, usize),
    /// The shape of the array that was given in the place of a picture.
    array: Option<Vec<usize>>,
    timings: Timings,
}

impl Seen for SeenPicture<'_> {
    fn scores(&self) -> &[f64] {
        &self.scores
    }

    fn timings(&self) -> Timings {
        self.timings.clone()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        let began = Instant::now();
        let unsupported = |what, because| ModelError::Unsupported { what, because };
        if query.tiles.is_some() {
            return Err(unsupported("explanation by tiles", "input has a fixed size"));
        }
        if query.trace {
            return Err(unsupported("a trace", "family has none yet"));
        }
        let count = self.scores.len();
        let known = |index: usize| match index < count {
            true => Ok(self.scores[index]),
            false => Err(ModelError::UnknownCategory { index, count }),
        };
        let mut chosen = vec![0.0; count];
        chosen[query.target.category] = 1.0;
        known(query.target.category)?;
        if let Some(against) = query.target.against {
            known(against)?;
            chosen[against] -= 1.0;
        }
        let score = query.target.of(|category| self.scores[category]);
        let (input, ledger, layers) = match &self.explaining.way {
            Way::Rules(_) => self.relevance(&chosen, score)?,
            Way::Derivatives(slope) => self.derivatives(chosen, score, *slope, false)?,
            Way::GradientInput => self.derivatives(chosen, score, Slope::True, true)?,
        };
        let relevance = matrix((self.size.1, self.size.0), self.by_pixel(&input));
        let array = self.array.as_ref().map(|shape| {
            ArrayD::from_shape_vec(shape.as_slice(), input.clone()).expect("relevance has the input's shape")
        });
        let mut timings = Timings::default();
        timings.add(Stage::BACK, began.elapsed());
        Ok(Explanation {
            score,
            relevance,
            array,
            spread_bias: None,
            ledger,
            parts: Vec::new(),
            layers,
            windows: Vec::new(),
            traces: Vec::new(),
            timings,
        })
    }
}

impl SeenPicture<'_> {
    /// The sum over the channels of every pixel that is drawn.
    fn by_pixel(&self, input: &[f64]) -> Vec<f64> {
        let area = self.size.0 * self.size.1;
        if let Some(preparation) = &self.network.preparation
            && input.len() == area * preparation.channels()
        {
            return preparation.by_pixel(input);
        }
        let channels = input.len() / area;
        (0..area).map(|place| (0..channels).map(|channel| input[channel * area + place]).sum()).collect()
    }

    /// R of every number of the input, with the accounts of the score and of every layer. Relevance starts as f at the category, as −f at the one
    /// against it.
    fn relevance(&self, chosen: &[f64], score: f64) -> Result<Shares, ModelError> {
        let start = chosen.iter().zip(&self.scores).map(|(chosen, score)| chosen * score).collect();
        let how = Backward {
            rules: self.rules,
            ties: self.explaining.max_pool,
            bias: if self.explaining.spread_bias { BiasPart::Spread } else { BiasPart::Kept },
            bounds: &self.bounds(self.rules),
            keep_all: false,
        };
        let mut relevance = self.network.runner().relevance(&self.values, start, &how);
        let passed: Vec<Option<Passed>> = relevance.passed.iter().map(|items| items.first().copied()).collect();
        let input = relevance.values[0].take().unwrap_or_else(|| vec![0.0; self.values.values[0].len()]);
        let ledger = account(score, input.iter().sum(), &passed)?;
        Ok((input, ledger, self.layers(&passed, self.rules)))
    }

    /// Derivatives of the chosen logits; they conserve nothing, and the account says how much is missing.
    fn derivatives(&self, chosen: Vec<f64>, score: f64, slope: Slope, times_input: bool) -> Result<Shares, ModelError> {
        let mut derivatives = self.network.runner().gradient(&self.values, chosen, slope);
        if times_input {
            derivatives.iter_mut().zip(&self.values.values[0]).for_each(|(derivative, x)| *derivative *= x);
        }
        let sum: f64 = derivatives.iter().sum();
        let mut ledger = Ledger::open(score);
        ledger.book(Kept { account: Account::Unexplained, amount: score - sum });
        Ok((derivatives, ledger.close_within(sum, TOLERANCE, sum.abs().max(score.abs()))?, Vec::new()))
    }

    /// The bounds of the inputs of layers that z-box explains.
    fn bounds(&self, rules: &[Option<Rule>]) -> Vec<Option<InputBounds<f64>>> {
        let given = rules.iter().flatten().find_map(|rule| match rule {
            Rule::ZBox(bounds) => Some(bounds.clone()),
            _ => None,
        });
        let Some(given) = given else { return vec![None; rules.len()] };
        let (low, high) = self.network.bounds(given.as_ref()).expect("the rules were checked with their bounds");
        let is_boxed = |place: usize| matches!(rules[place], Some(Rule::ZBox(_)));
        self.network.runner().bounds(low, high, is_boxed)
    }

    fn layers(&self, passed: &[Option<Passed>], rules: &[Option<Rule>]) -> Vec<LayerAccount> {
        let nodes = self.network.graph.nodes().iter().zip(passed.iter().zip(rules));
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

/// Closes the account of every layer and of the whole; what they may miss is relative to the largest Σ |R| of any layer.
fn account(score: f64, sum: f64, passed: &[Option<Passed>]) -> Result<Ledger, ModelError> {
    let layers = || passed.iter().flatten();
    let magnitude = layers().map(|passed| passed.magnitude).fold(score.abs(), f64::max);
    let mut ledger = Ledger::open(score);
    for Passed { received, sent, kept, .. } in layers() {
        let mut own = Ledger::open(*received);
        for (account, amount) in [
            (Account::BiasSink, kept.bias),
            (Account::Stabiliser, kept.stabiliser),
            (Account::Undefined, kept.undefined),
        ] {
            own.book(Kept { account, amount });
            ledger.book(Kept { account, amount });
        }
        own.close_within(*sent, TOLERANCE, magnitude)?;
    }
    Ok(ledger.close_within(sum, TOLERANCE, magnitude)?)
}
