//! Both ways through a network: the only place that chains layers.

use std::sync::Arc;

use super::graph::{Graph, Node};
use super::layers::{Back, Layer, Learning, Slope, Ties, WayBack};
use super::real::Real;
use super::rules::{BiasPart, Given, Kept, Rule, share};

/// A network in one precision, ready to run.
pub(super) struct Runner<T: Real> {
    graph: Arc<Graph>,
    layers: Vec<Box<dyn Layer<T>>>,
}

/// Bytes that the values of a batch may take.
const ROOM: usize = 64 << 20;

/// What every layer made of a batch: the input first, the logits last.
pub(super) struct Values<T> {
    pub batch: usize,
    pub values: Vec<Vec<T>>,
}

impl<T> Values<T> {
    /// The logits of all items.
    pub fn logits(&self) -> &[T] {
        self.values.last().expect("there is an input at least")
    }
}

/// l and h of every number of an item.
pub(super) type Bounds<T> = (Vec<T>, Vec<T>);

/// How relevance goes back.
pub(super) struct Backward<'a, T> {
    /// The rule of every layer that has one.
    pub rules: &'a [Option<Rule>],
    pub ties: Ties,
    pub bias: BiasPart,
    /// l and h at the inputs of the layers that z-box explains, by layer.
    pub bounds: &'a [Option<Bounds<T>>],
    /// Whether relevance stays known at all values, or at the input alone.
    pub keep_all: bool,
}

/// What a layer received and sent, of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Passed {
    /// Σ R at its outputs.
    pub received: f64,
    /// Σ R that it sent to its inputs.
    pub sent: f64,
    /// What it kept.
    pub kept: Kept,
    /// Σ |R| at its outputs.
    pub magnitude: f64,
    /// Largest |R| at its outputs.
    pub largest: f64,
}

/// Relevance on its way back.
pub(super) struct Relevance<T> {
    /// R of every value that it reached; of the input alone unless all were asked for.
    pub values: Vec<Option<Vec<T>>>,
    /// What every layer passed, item by item; empty for layers that nothing reached.
    pub passed: Vec<Vec<Passed>>,
}

impl<T: Real> Runner<T> {
    pub fn new(graph: Arc<Graph>) -> Self {
        let build =
            |node: &Node| node.layer.build::<T>(&graph.input_shapes(node)).expect("the graph has checked all layers");
        let layers = graph.nodes().iter().map(build).collect();
        Self { graph, layers }
    }

    /// How many items of `count` are best carried forward together: as many as keep all layers' values within 64 MiB, one at least.
    pub fn batch_of(&self, count: usize) -> usize {
        let values = 0..=self.graph.nodes().len();
        let numbers: usize = values.map(|value| self.graph.shape(value).iter().product::<usize>()).sum();
        (ROOM / (numbers * size_of::<T>()).max(1)).clamp(1, count.max(1))
    }

    /// Carries items forward and keeps what every layer makes.
    pub fn forward(&self, input: Vec<T>) -> Values<T> {
        let length: usize = self.graph.input().iter().product();
        let batch = input.len() / length.max(1);
        let mut values = vec![input];
        for (layer, node) in self.layers.iter().zip(self.graph.nodes()) {
            let inputs: Vec<&[T]> = node.inputs.iter().map(|&value| values[value].as_slice()).collect();
            values.push(layer.forward(batch, &inputs));
        }
        Values { batch, values }
    }

    /// Carries items forward to their logits, and drops what no later layer reads.
    pub fn logits(&self, input: Vec<T>) -> Vec<T> {
        let length: usize = self.graph.input().iter().product();
        let batch = input.len() / length.max(1);
        let nodes = self.graph.nodes();
        let mut last_read = vec![0; nodes.len() + 1];
        for (place, node) in nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&value| last_read[value] = place);
        }
        let mut values = vec![input];
        for (place, (layer, node)) in self.layers.iter().zip(nodes).enumerate() {
            let inputs: Vec<&[T]> = node.inputs.iter().map(|&value| values[value].as_slice()).collect();
            let made = layer.forward(batch, &inputs);
            node.inputs
                .iter()
                .filter(|&&value| last_read[value] == place)
                .for_each(|&value| values[value] = Vec::new());
            values.push(made);
        }
        values.pop().expect("a graph has layers")
    }

    /// Carries `start`, the relevance of the logits, back to the input.
    pub fn relevance(&self, values: &Values<T>, start: Vec<T>, how: &Backward<'_, T>) -> Relevance<T> {
        let (nodes, batch) = (self.graph.nodes(), values.batch);
        let mut relevance: Vec<Option<Arriving<T>>> = (0..=nodes.len()).map(|_| None).collect();
        let mut passed = vec![Vec::new(); nodes.len()];
        relevance[nodes.len()] = Some(Arriving::new(start, batch));
        for (place, node) in nodes.iter().enumerate().rev() {
            let Some(Arriving { values: arriving, sums }) = relevance[place + 1].take() else { continue };
            let inputs: Vec<&[T]> = node.inputs.iter().map(|&value| values.values[value].as_slice()).collect();
            let output = values.values[place + 1].as_slice();
            let or_nothing = |kept: Vec<Kept>| if kept.is_empty() { vec![Kept::default(); batch] } else { kept };
            let (sent, kept) = match self.layers[place].back() {
                WayBack::Rule(layer) => {
                    let joined: Vec<T>;
                    let input = match inputs[..] {
                        [one] => one,
                        _ => {
                            joined = inputs.concat();
                            &joined
                        }
                    };
                    let bounds = how.bounds[place].as_ref().map(|(low, high)| (low.as_slice(), high.as_slice()));
                    let given = Given { layer, batch, input, output, relevance: &arriving, bias: how.bias, bounds };
                    let rule = how.rules[place].as_ref().expect("every linear layer has a rule");
                    let shared = share(rule, &given);
                    (split(shared.relevance, &inputs), shared.kept)
                }
                WayBack::Unchanged if !how.keep_all => {
                    // What arrives goes on as it is.
                    passed[place] = account(&sums, &sums, &or_nothing(Vec::new()));
                    add(&mut relevance[node.inputs[0]], Arriving { values: arriving, sums }, batch);
                    continue;
                }
                WayBack::Unchanged => (vec![arriving.clone()], Vec::new()),
                WayBack::Own(layer) => {
                    let way = Back { batch, inputs: &inputs, output, arriving: &arriving };
                    let sent = layer.relevance(&way, how.ties);
                    let kept = sent.undefined.iter().map(|&undefined| Kept { undefined, ..Kept::default() });
                    (sent.inputs, kept.collect())
                }
            };
            let sent: Vec<Arriving<T>> = sent.into_iter().map(|sent| Arriving::new(sent, batch)).collect();
            let mut of_sent = vec![Sums::default(); batch];
            for sent in &sent {
                of_sent.iter_mut().zip(&sent.sums).for_each(|(sum, sent)| sum.total += sent.total);
            }
            passed[place] = account(&sums, &of_sent, &or_nothing(kept));
            for (&value, sent) in node.inputs.iter().zip(sent) {
                add(&mut relevance[value], sent, batch);
            }
            if how.keep_all {
                relevance[place + 1] = Some(Arriving { values: arriving, sums });
            }
        }
        let relevance = relevance.into_iter().map(|arriving| arriving.map(|arriving| arriving.values));
        Relevance { values: relevance.collect(), passed }
    }

    /// Carries derivatives of the logits back: `Σ_j g_j ∂y_j/∂x_i` of every value that they reach, or of the input alone.
    pub fn gradient(&self, values: &Values<T>, start: Vec<T>, slope: Slope) -> Vec<T> {
        let nodes = self.graph.nodes();
        let mut gradients: Vec<Option<Vec<T>>> = vec![None; nodes.len() + 1];
        gradients[nodes.len()] = Some(start);
        for (place, node) in nodes.iter().enumerate().rev() {
            let Some(arriving) = gradients[place + 1].take() else { continue };
            self.derive(place, node, values, &arriving, slope, &mut gradients);
        }
        gradients[0].take().unwrap_or_else(|| vec![T::ZERO; values.values[0].len()])
    }

    /// Adds what a layer sends back of the derivatives by its output to those by what it read.
    fn derive(
        &self,
        place: usize,
        node: &Node,
        values: &Values<T>,
        arriving: &[T],
        slope: Slope,
        gradients: &mut [Option<Vec<T>>],
    ) {
        let inputs: Vec<&[T]> = node.inputs.iter().map(|&value| values.values[value].as_slice()).collect();
        let way = Back { batch: values.batch, inputs: &inputs, output: &values.values[place + 1], arriving };
        for (&value, sent) in node.inputs.iter().zip(self.layers[place].gradient(&way, slope)) {
            match &mut gradients[value] {
                Some(sum) => sum.iter_mut().zip(sent).for_each(|(sum, part)| *sum += part),
                none => *none = Some(sent),
            }
        }
    }

    /// Carries derivatives of a loss by the logits back, as [`Self::gradient`] does, and lets every layer that can learn: `learn` is given its place,
    /// the layer, its input and what arrives at its output.
    pub fn learn(
        &mut self,
        values: &Values<T>,
        start: Vec<T>,
        mut learn: impl FnMut(usize, &mut dyn Learning<T>, &[T], &[T]),
    ) {
        let graph = self.graph.clone();
        let nodes = graph.nodes();
        let mut gradients: Vec<Option<Vec<T>>> = vec![None; nodes.len() + 1];
        gradients[nodes.len()] = Some(start);
        for (place, node) in nodes.iter().enumerate().rev() {
            let Some(arriving) = gradients[place + 1].take() else { continue };
            // Nobody needs the derivatives by the network's input. The others are by the constants before they change.
            if node.inputs.iter().any(|&value| value > 0) {
                self.derive(place, node, values, &arriving, Slope::True, &mut gradients);
            }
            if let Some(layer) = self.layers[place].learning() {
                learn(place, layer, &values.values[node.inputs[0]], &arriving);
            }
        }
    }

    /// The layers that can learn, with their places.
    pub fn learning(&mut self) -> impl Iterator<Item = (usize, &mut dyn Learning<T>)> {
        self.layers.iter_mut().enumerate().filter_map(|(place, layer)| Some((place, layer.learning()?)))
    }

    /// l and h at the input of every layer that `is_asked` for, carried from the network's input through what stands before.
    pub fn bounds(&self, low: Vec<T>, high: Vec<T>, is_asked: impl Fn(usize) -> bool) -> Vec<Option<Bounds<T>>> {
        let nodes = self.graph.nodes();
        let mut known: Vec<Option<Bounds<T>>> = vec![None; nodes.len() + 1];
        known[0] = Some((low, high));
        let mut asked = vec![None; nodes.len()];
        let roles = self.graph.roles();
        for (place, node) in nodes.iter().enumerate() {
            let inputs: Option<Vec<&Bounds<T>>> = node.inputs.iter().map(|&value| known[value].as_ref()).collect();
            let Some(inputs) = inputs else { continue };
            if is_asked(place) {
                asked[place] = inputs.first().map(|bounds| (*bounds).clone());
            }
            if roles[place].is_first {
                continue;
            }
            let made = |side: fn(&Bounds<T>) -> &[T]| {
                self.layers[place].forward(1, &inputs.iter().map(|bounds| side(bounds)).collect::<Vec<_>>())
            };
            let (one, other) = (made(|bounds| &bounds.0), made(|bounds| &bounds.1));
            let smaller = one.iter().zip(&other).map(|(&a, &b)| if a < b { a } else { b }).collect();
            let larger = one.iter().zip(&other).map(|(&a, &b)| if a < b { b } else { a }).collect();
            known[place + 1] = Some((smaller, larger));
        }
        asked
    }
}

/// Cuts the relevance of joined inputs into their parts.
fn split<T: Real>(joined: Vec<T>, inputs: &[&[T]]) -> Vec<Vec<T>> {
    if let [_] = inputs {
        return vec![joined];
    }
    let mut rest = joined.as_slice();
    let part = |input: &&[T]| {
        let (own, others) = rest.split_at(input.len());
        rest = others;
        own.to_vec()
    };
    inputs.iter().map(part).collect()
}

/// Relevance that arrives at a value, and its sums.
struct Arriving<T> {
    values: Vec<T>,
    sums: Vec<Sums>,
}

/// Sums over the relevance of an item.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    total: f64,
    /// Σ |R|.
    magnitude: f64,
    /// Largest |R|.
    largest: f64,
}

/// Sums that are kept side by side.
const LANES: usize = 8;

impl Sums {
    /// In lanes, so that the order is always the same and several sums go on at once.
    fn of<T: Real>(values: &[T]) -> Self {
        let mut lanes = ([0.0; LANES], [0.0; LANES], [0.0f64; LANES]);
        let mut take = |lane: usize, value: f64| {
            lanes.0[lane] += value;
            lanes.1[lane] += value.abs();
            lanes.2[lane] = if value.abs() > lanes.2[lane] { value.abs() } else { lanes.2[lane] };
        };
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            chunk.iter().enumerate().for_each(|(lane, value)| take(lane, value.wide()));
        }
        rest.iter().enumerate().for_each(|(lane, value)| take(lane, value.wide()));
        Self {
            total: lanes.0.iter().sum(),
            magnitude: lanes.1.iter().sum(),
            largest: lanes.2.iter().copied().fold(0.0, f64::max),
        }
    }
}

impl<T: Real> Arriving<T> {
    fn new(values: Vec<T>, batch: usize) -> Self {
        let length = values.len() / batch.max(1);
        let sums = (0..batch).map(|item| Sums::of(&values[item * length..(item + 1) * length])).collect();
        Self { values, sums }
    }
}

/// Adds what one of several layers sent to a value.
fn add<T: Real>(sum: &mut Option<Arriving<T>>, sent: Arriving<T>, batch: usize) {
    *sum = Some(match sum.take() {
        Some(mut sum) => {
            sum.values.iter_mut().zip(sent.values).for_each(|(sum, part)| *sum += part);
            Arriving::new(sum.values, batch)
        }
        None => sent,
    });
}

/// The account of a layer, item by item.
fn account(arrived: &[Sums], sent: &[Sums], kept: &[Kept]) -> Vec<Passed> {
    let items = arrived.iter().zip(sent).zip(kept);
    let passed = |((arrived, sent), kept): ((&Sums, &Sums), &Kept)| Passed {
        received: arrived.total,
        sent: sent.total,
        kept: *kept,
        magnitude: arrived.magnitude,
        largest: arrived.largest,
    };
    items.map(passed).collect()
}
