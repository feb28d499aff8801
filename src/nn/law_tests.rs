//! Laws of rules and layers on random networks (`docs/networks.md`), in double precision.

use std::sync::Arc;

use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::array::Array;
use super::canonical::canonical;
use super::composite::{Composite, Entry, Layers};
use super::graph::{Graph, Node};
use super::layers::average_pool::Divisor;
use super::layers::windows::Kernel;
use super::layers::*;
use super::rules::scalar::Scalar;
use super::rules::{BiasPart, Bounds, Given, Rule, share};
use super::walk::{Backward, Relevance, Runner};
use super::ways::{Others, Passage, Roots, Way};
use crate::ledger::Account;

fn numbers(random: &mut impl Rng, count: usize) -> Vec<f64> {
    // A fifth are zeros: of weights, of inputs behind rectifiers.
    (0..count).map(|_| if random.random_range(0..5) == 0 { 0.0 } else { random.random_range(-1.0..1.0) }).collect()
}

fn array(random: &mut impl Rng, shape: &[usize]) -> Array {
    Array::new(shape.to_vec(), numbers(random, shape.iter().product()))
}

/// A convolution over inputs of this shape, and the same as scalars.
fn convolution(random: &mut impl Rng, shape: [usize; 3]) -> (Convolution, Scalar) {
    let groups = if shape[0].is_multiple_of(2) && random.random_range(0..2) == 0 { 2 } else { 1 };
    let outputs = groups * random.random_range(1..3);
    let size = [random.random_range(1..4), random.random_range(1..4)];
    let mut pick = |most: usize| vec![random.random_range(0..most), random.random_range(0..most)];
    let (before, after) = (pick(3), pick(3));
    let dilations: Vec<usize> = pick(2).iter().map(|d| d + 1).collect();
    let strides: Vec<usize> = pick(2).iter().map(|s| s + 1).collect();
    let kernel = Kernel { size: size.to_vec(), strides, dilations, before, after, ceil: false, reckoned: false };
    let weight = array(random, &[outputs, shape[0] / groups, size[0], size[1]]);
    let bias = array(random, &[outputs]);
    let layer = Convolution { weight: weight.clone(), bias: Some(bias.clone()), kernel: kernel.clone(), groups };
    let out = Description::Conv(layer.clone()).shape(&[&shape]);
    let Ok(out) = out else { return convolution(random, shape) };
    let mut scalar = Scalar { weights: Vec::new(), biases: Vec::new() };
    for o in 0..outputs {
        for y in 0..out[1] {
            for x in 0..out[2] {
                let mut row = vec![None; shape.iter().product()];
                for c in 0..shape[0] / groups {
                    for i in 0..size[0] {
                        for j in 0..size[1] {
                            let r =
                                (y * kernel.strides[0] + i * kernel.dilations[0]) as isize - kernel.before[0] as isize;
                            let s =
                                (x * kernel.strides[1] + j * kernel.dilations[1]) as isize - kernel.before[1] as isize;
                            if (0..shape[1] as isize).contains(&r) && (0..shape[2] as isize).contains(&s) {
                                let channel = o / (outputs / groups) * (shape[0] / groups) + c;
                                let w = weight.values[((o * (shape[0] / groups) + c) * size[0] + i) * size[1] + j];
                                row[(channel * shape[1] + r as usize) * shape[2] + s as usize] = Some(w);
                            }
                        }
                    }
                }
                scalar.weights.push(row);
                scalar.biases.push(bias.values[o]);
            }
        }
    }
    (layer, scalar)
}

fn dense(random: &mut impl Rng, inputs: usize) -> (Dense, Scalar) {
    let outputs = random.random_range(1..5);
    let (weight, bias) = (array(random, &[outputs, inputs]), array(random, &[outputs]));
    let rows = weight.values.chunks(inputs).map(|row| row.iter().map(|&w| Some(w)).collect()).collect();
    let scalar = Scalar { weights: rows, biases: bias.values.to_vec() };
    (Dense { weight, bias: Some(bias) }, scalar)
}

fn rules() -> Vec<Rule> {
    let one = |low: f64, high: f64| Rule::ZBox(Some(Bounds { low: vec![low], high: vec![high] }));
    let mut rules: Vec<Rule> = [
        "zero",
        "epsilon:0.01",
        "epsilon:100",
        "alpha-beta:2,-1",
        "alpha-beta:1,0",
        "alpha-beta:0.5,0.5",
        "alpha-beta:2,-1,redistribute",
        "z-plus",
        "z-plus:ignore-bias",
        "gamma:0.25",
        "gamma:0",
        "w-square",
        "flat",
    ]
    .iter()
    .map(|rule| rule.parse().unwrap())
    .collect();
    rules.extend([one(-1.0, 1.0), one(0.0, 0.0)]);
    rules
}

fn close(found: &[f64], expected: &[f64], scale: f64) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= 1e-9 * scale.max(1.0))
}

/// Shares relevance through a layer and compares it with the scalars, in a batch of two items.
fn agrees(layer: &Description, shape: &[usize], scalar: &Scalar, random: &mut impl Rng) {
    let built = layer.build::<f64>(&[shape]).unwrap();
    let WayBack::Rule(linear) = built.back() else { panic!("it is linear") };
    let (inputs, outputs) = (linear.inputs(), linear.outputs());
    assert_eq!((inputs, outputs), (scalar.weights[0].len(), scalar.weights.len()));
    let (x, r) = (numbers(random, 2 * inputs), numbers(random, 2 * outputs));
    let z = built.forward(2, &[&x]);
    for rule in rules() {
        for bias in [BiasPart::Kept, BiasPart::Spread] {
            let bounds = match &rule {
                Rule::ZBox(Some(Bounds { low, high })) => Some((vec![low[0]; inputs], vec![high[0]; inputs])),
                _ => None,
            };
            let bounds = bounds.as_ref().map(|(low, high)| (low.as_slice(), high.as_slice()));
            let shared =
                share(&rule, &Given { layer: linear, batch: 2, input: &x, output: &z, relevance: &r, bias, bounds });
            for item in 0..2 {
                let (own_x, own_r) = (&x[item * inputs..][..inputs], &r[item * outputs..][..outputs]);
                let (expected, kept) = scalar.share(&rule, own_x, own_r, bias == BiasPart::Spread);
                let found = &shared.relevance[item * inputs..][..inputs];
                let scale = expected.iter().fold(0.0f64, |m, e| m.max(e.abs()));
                assert!(close(found, &expected, scale), "{rule} {bias:?}: {found:?} instead of {expected:?}");
                let own = shared.kept[item];
                let amounts = |kept: super::rules::Kept| [kept.bias, kept.stabiliser, kept.undefined];
                assert!(close(&amounts(own), &amounts(kept), scale), "{rule} {bias:?}: {own:?} instead of {kept:?}");
                assert_eq!(own.undefined_outputs, kept.undefined_outputs, "{rule}");
                let received: f64 = own_r.iter().sum();
                let sent: f64 = found.iter().sum();
                assert!(
                    (received - sent - own.bias - own.stabiliser - own.undefined).abs() <= 1e-9 * scale.max(1.0),
                    "{rule}"
                );
            }
        }
    }
}

/// The composite of a name as the golden files write it.
fn composite(name: &str) -> Composite {
    let (main, first) = match name.split_once(" with ") {
        Some((main, first)) => (main, Some(first.strip_suffix(" first").unwrap())),
        None => (name, None),
    };
    let mut composite: Composite = main.parse().unwrap();
    if let Some(first) = first {
        composite.rules.insert(0, Entry { layer: Layers::First, rule: first.parse().unwrap() });
    }
    composite
}

/// Relevance of all values, with every layer's account checked.
pub(super) fn explained(graph: &Graph, x: &[f64], target: usize, name: &str, bias: BiasPart) -> (Relevance<f64>, f64) {
    let runner = Runner::<f64>::new(Arc::new(graph.clone()));
    let values = runner.forward(x.to_vec());
    let f = values.logits()[target];
    let mut start = vec![0.0; values.logits().len()];
    start[target] = f;
    let rules = composite(name).assign(graph).unwrap();
    let boxed = |place: usize| matches!(rules[place], Some(Rule::ZBox(_)));
    let bounds = runner.bounds(vec![-1.0; x.len()], vec![1.0; x.len()], boxed);
    let how = Backward { rules: &rules, ties: Ties::First, bias, bounds: &bounds, keep_all: true };
    let relevance = runner.relevance(&values, start, &how);
    let magnitude = relevance.passed.iter().flatten().map(|passed| passed.magnitude).fold(f.abs().max(1.0), f64::max);
    let mut kept = 0.0;
    for passed in relevance.passed.iter().flatten() {
        let own = passed.kept.bias + passed.kept.stabiliser + passed.kept.undefined;
        let error = passed.received - passed.sent - own;
        assert!(error.abs() <= 1e-9 * magnitude, "{name}: {passed:?}");
        kept += own;
    }
    let sum: f64 = relevance.values[0].as_ref().map_or(0.0, |r| r.iter().sum());
    assert!((f - sum - kept).abs() <= 1e-9 * magnitude, "{name}: {f} {sum} {kept}");
    (relevance, f)
}

fn twice(array: &Array) -> Array {
    Array::new(array.shape.clone(), array.values.iter().map(|v| 2.0 * v).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_are_those_of_scalars(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let shape = [random.random_range(1..5), random.random_range(1..6), random.random_range(1..6)];
        let (layer, scalar) = convolution(&mut random, shape);
        agrees(&Description::Conv(layer), &shape, &scalar, &mut random);
        let inputs = random.random_range(1..6);
        let (layer, scalar) = dense(&mut random, inputs);
        agrees(&Description::Dense(layer), &[inputs], &scalar, &mut random);
    }

    /// The account of every layer closes, whatever the network and the rules.
    #[test]
    fn accounts_close(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = network(&mut random, Biases::Any);
        let x = numbers(&mut random, graph.input().iter().product());
        for name in COMPOSITES {
            for bias in [BiasPart::Kept, BiasPart::Spread] {
                explained(&graph, &x, 0, name, bias);
            }
        }
    }

    /// Gradients are central differences.
    #[test]
    fn gradients_are_differences(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = network(&mut random, Biases::Any);
        // No zeros: an input of 0 may sit on a kink, where the slope is a convention.
        let x: Vec<f64> = (0..graph.input().iter().product()).map(|_| random.random_range(-1.0..1.0)).collect();
        let runner = Runner::<f64>::new(Arc::new(graph.clone()));
        let values = runner.forward(x.clone());
        let f = values.logits()[0];
        let mut start = vec![0.0; values.logits().len()];
        start[0] = 1.0;
        let gradient = runner.gradient(&values, start, Slope::True);
        let step = 1e-5;
        for (i, &slope) in gradient.iter().enumerate() {
            let at = |h: f64| {
                let mut x = x.clone();
                x[i] += h;
                runner.logits(x)[0]
            };
            let (after, before) = ((at(step) - f) / step, (f - at(-step)) / step);
            // A kink within a step of x parts the two sides; the slope at x is then that of one of them.
            let allowed = 1e-5 * slope.abs().max(1.0) + (after - before).abs();
            prop_assert!(((after + before) / 2.0 - slope).abs() <= allowed, "∂f/∂x{i}: {slope} instead of {before} or {after}");
        }
    }

    /// Folding changes no logit, and under `zero` no relevance.
    #[test]
    fn folding_changes_nothing_under_zero(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = network(&mut random, Biases::Any);
        let folded = canonical(graph.clone()).unwrap();
        prop_assert!(!super::canonical::is_foldable(&folded));
        let x = numbers(&mut random, graph.input().iter().product());
        let logits = |graph: &Graph| Runner::<f64>::new(Arc::new(graph.clone())).logits(x.clone());
        let scale = logits(&graph).iter().fold(0.0f64, |m, v| m.max(v.abs()));
        prop_assert!(close(&logits(&folded), &logits(&graph), scale));
        let uniform = |graph: &Graph| explained(graph, &x, 0, "zero", BiasPart::Kept).0;
        let (one, other) = (uniform(&graph), uniform(&folded));
        let largest = |relevance: &Relevance<f64>| relevance.passed.iter().flatten().map(|p| p.magnitude).fold(1.0, f64::max);
        let scale = largest(&one).max(largest(&other));
        prop_assert!(scale > 1e6 || close(one.values[0].as_ref().unwrap(), other.values[0].as_ref().unwrap(), 100.0 * scale));
    }

    /// Without biases and with rectifiers, `zero` is gradient × input.
    #[test]
    fn zero_is_gradient_times_input(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = network(&mut random, Biases::None);
        let x = numbers(&mut random, graph.input().iter().product());
        let (relevance, f) = explained(&graph, &x, 0, "zero", BiasPart::Kept);
        let runner = Runner::<f64>::new(Arc::new(graph.clone()));
        let values = runner.forward(x.clone());
        let mut start = vec![0.0; values.logits().len()];
        start[0] = 1.0;
        let gradient = runner.gradient(&values, start, Slope::True);
        let product: Vec<f64> = gradient.iter().zip(&x).map(|(g, x)| g * x).collect();
        let undefined: f64 = relevance.passed.iter().flatten().map(|p| p.kept.undefined.abs()).sum();
        let scale = relevance.passed.iter().flatten().map(|p| p.magnitude).fold(f.abs(), f64::max);
        prop_assert!(undefined > 0.0 || scale > 1e6 || close(relevance.values[0].as_ref().unwrap(), &product, scale));
    }

    /// Twice the last layer is twice every relevance, under every rule without a stabiliser.
    #[test]
    fn twice_the_last_layer_is_twice_the_relevance(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = network(&mut random, Biases::Any);
        let x = numbers(&mut random, graph.input().iter().product());
        let (input, mut nodes) = graph.clone().into_nodes();
        let Some(Node { layer: Description::Dense(last), .. }) = nodes.last_mut() else { panic!("the last layer is dense") };
        last.weight = twice(&last.weight);
        last.bias = last.bias.as_ref().map(twice);
        let doubled = Graph::new(input, nodes).unwrap();
        for rules in ["zero", "alpha-beta:2,-1", "z-plus", "gamma:0.25", "w-square", "flat"] {
            let one = explained(&graph, &x, 0, rules, BiasPart::Kept).0;
            let other = explained(&doubled, &x, 0, rules, BiasPart::Kept).0;
            for (one, other) in one.values.iter().zip(&other.values) {
                let twice = one.as_ref().map(|one| one.iter().map(|r| 2.0 * r).collect::<Vec<f64>>());
                prop_assert_eq!(&twice, other, "{}", rules);
            }
        }
    }

    /// Hidden units in another order have their relevance in that order, and change nothing else.
    #[test]
    fn the_order_of_hidden_units_does_not_matter(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (inputs, hidden, outputs) = (4, 6, 3);
        let (first, second) = (array(&mut random, &[hidden, inputs]), array(&mut random, &[outputs, hidden]));
        let bias = array(&mut random, &[hidden]);
        let mut order: Vec<usize> = (0..hidden).collect();
        (1..hidden).for_each(|at| order.swap(at, random.random_range(0..=at)));
        let build = |order: &[usize]| {
            let rows: Vec<f64> = order.iter().flat_map(|&h| first.values[h * inputs..][..inputs].to_vec()).collect();
            let biases = order.iter().map(|&h| bias.values[h]).collect();
            let columns = (0..outputs).flat_map(|o| order.iter().map(move |&h| (o, h))).map(|(o, h)| second.values[o * hidden + h]);
            let node = |name: &str, layer, reads| Node { name: name.to_string(), layer, inputs: vec![reads] };
            let dense = |weight, bias| Description::Dense(Dense { weight, bias });
            Graph::new(vec![inputs], vec![
                node("one", dense(Array::new(vec![hidden, inputs], rows), Some(Array::new(vec![hidden], biases))), 0),
                node("relu", Description::Activation(Activation::new(Function::Relu)), 1),
                node("two", dense(Array::new(vec![outputs, hidden], columns.collect()), None), 2),
            ])
            .unwrap()
        };
        let x = numbers(&mut random, inputs);
        let plain: Vec<usize> = (0..hidden).collect();
        for rules in ["zero", "epsilon:0.01", "alpha-beta:2,-1", "gamma:0.25", "flat"] {
            let one = explained(&build(&plain), &x, 0, rules, BiasPart::Kept).0;
            let other = explained(&build(&order), &x, 0, rules, BiasPart::Kept).0;
            let scale = one.passed.iter().flatten().map(|p| p.magnitude).fold(1.0, f64::max);
            prop_assert!(scale > 1e6 || close(other.values[0].as_ref().unwrap(), one.values[0].as_ref().unwrap(), scale));
            let moved: Vec<f64> = order.iter().map(|&h| one.values[2].as_ref().unwrap()[h]).collect();
            prop_assert!(scale > 1e6 || close(other.values[2].as_ref().unwrap(), &moved, scale));
        }
    }

    /// The Taylor expansion of a linear network leaves no residual, whatever the root.
    #[test]
    fn taylor_is_exact_for_linear_networks(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let inputs = random.random_range(1..9);
        let node = |name: &str, layer, reads| Node { name: name.to_string(), layer, inputs: vec![reads] };
        let one = dense(&mut random, inputs).0;
        let hidden = one.weight.shape[0];
        let two = Dense { weight: array(&mut random, &[3, hidden]), bias: Some(array(&mut random, &[3])) };
        let nodes = vec![node("one", Description::Dense(one), 0), node("two", Description::Dense(two), 1)];
        let runner = Runner::<f64>::new(Arc::new(Graph::new(vec![inputs], nodes).unwrap()));
        let values = runner.forward(numbers(&mut random, inputs));
        let passage = Passage { runner: &runner, values: &values, chosen: &[0.0, 1.0, 0.0], scores: &values.logits()[1..2] };
        let root = numbers(&mut random, inputs);
        let others = Others { blank: root, baseline: &|_| Vec::new(), candidates: 0, candidate: &|_| Vec::new() };
        let how = Backward { rules: &[], ties: Ties::Winner, bias: BiasPart::Kept, bounds: &[], keep_all: false };
        let ledger = Way::Taylor(Roots::Blank).explain(&passage, &how, &others).pop().unwrap().unwrap().ledger.unwrap();
        prop_assert!(ledger.kept(Account::TaylorResidual).abs() < 1e-9 * ledger.score.abs().max(1.0), "{:?}", ledger);
    }

    /// One item explained alone and in a batch, in f64 and f32.
    #[test]
    fn batches_and_precisions_agree(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = network(&mut random, Biases::Any);
        let length: usize = graph.input().iter().product();
        let x = numbers(&mut random, 3 * length);
        let rules = "epsilon-plus".parse::<Composite>().unwrap().assign(&graph).unwrap();
        let bounds = vec![None; rules.len()];
        let how = Backward { rules: &rules, ties: Ties::Winner, bias: BiasPart::Kept, bounds: &bounds, keep_all: false };
        let runner = Runner::<f64>::new(Arc::new(graph.clone()));
        let relevance = |x: &[f64]| {
            let values = runner.forward(x.to_vec());
            let start = values.logits().to_vec();
            runner.relevance(&values, start, &how).values[0].clone().unwrap()
        };
        let all = relevance(&x);
        for item in 0..3 {
            prop_assert_eq!(&all[item * length..][..length], &relevance(&x[item * length..][..length])[..]);
        }
        let bounds = vec![None; rules.len()];
        let how = Backward::<f32> { rules: &rules, ties: Ties::Winner, bias: BiasPart::Kept, bounds: &bounds, keep_all: false };
        let single = Runner::<f32>::new(Arc::new(graph.clone()));
        let values = single.forward(x.iter().map(|&x| x as f32).collect());
        let start = values.logits().to_vec();
        let found: Vec<f64> = single.relevance(&values, start, &how).values[0].as_ref().unwrap().iter().map(|&r| f64::from(r)).collect();
        let largest = all.iter().fold(0.0f64, |m, r| m.max(r.abs()));
        let off = found.iter().zip(&all).filter(|(f, a)| (*f - *a).abs() > 1e-3 * largest).count();
        // A rectifier's input of rounding size may fall on the other side.
        prop_assert!(off * 20 <= found.len(), "{off} of {}", found.len());
    }
}

const COMPOSITES: &[&str] = &[
    "zero",
    "epsilon:0.01",
    "epsilon:100",
    "alpha-beta:2,-1",
    "epsilon-plus",
    "epsilon-plus-flat",
    "epsilon-alpha2-beta1",
    "epsilon-alpha2-beta1-flat",
    "epsilon-gamma-box",
    "excitation-backprop",
];

#[derive(Clone, Copy, PartialEq)]
enum Biases {
    Any,
    None,
}

/// A random network of the blocks that people use.
fn network(random: &mut ChaCha8Rng, biases: Biases) -> Graph {
    let mut shape = vec![random.random_range(1..4), random.random_range(5..8), random.random_range(5..8)];
    let input = shape.clone();
    let mut nodes: Vec<Node> = Vec::new();
    let push = |nodes: &mut Vec<Node>, layer: Description, inputs: Vec<usize>| {
        nodes.push(Node { name: format!("{}{}", layer.kind(), nodes.len()), layer, inputs });
        nodes.len()
    };
    let bias = |array: Array| if biases == Biases::Any { Some(array) } else { None };
    let mut at = 0;
    for _ in 0..random.random_range(1..4) {
        let shape3 = [shape[0], shape[1], shape[2]];
        let (mut layer, _) = convolution(random, shape3);
        layer.bias = layer.bias.and_then(bias);
        let conv = Description::Conv(layer);
        shape = conv.shape(&[&shape]).unwrap();
        at = push(&mut nodes, conv, vec![at]);
        if random.random_range(0..2) == 0 {
            let shifts = array(random, &[shape[0], 1, 1]);
            let shifts = bias(shifts).unwrap_or_else(|| Array::scalar(0.0));
            let diagonal = Diagonal { weight: array(random, &[shape[0], 1, 1]), bias: shifts };
            at = push(&mut nodes, Description::Diagonal(diagonal), vec![at]);
        }
        let before = at;
        let function = match (biases, random.random_range(0..4)) {
            (Biases::Any, 0) => Function::Tanh,
            (Biases::Any, 1) => Function::HardSwish,
            _ => Function::Relu,
        };
        at = push(&mut nodes, Description::Activation(Activation::new(function)), vec![at]);
        match random.random_range(0..4) {
            0 => at = push(&mut nodes, Description::Add(Add { subtracted: vec![false, true] }), vec![at, before]),
            1 => {
                at = push(&mut nodes, Description::Concat(Concatenation { axis: 0 }), vec![at, before]);
                shape[0] *= 2;
            }
            2 if biases == Biases::Any => {
                let gate = push(&mut nodes, Description::Activation(Activation::new(Function::Sigmoid)), vec![before]);
                at = push(&mut nodes, Description::Gate(Gate {}), vec![at, gate]);
            }
            _ => {}
        }
        if shape[1] >= 2 && shape[2] >= 2 && random.random_range(0..2) == 0 {
            let mut kernel = Kernel::new(vec![2, 2]);
            kernel.strides = vec![random.random_range(1..3), random.random_range(1..3)];
            kernel.ceil = random.random_range(0..2) == 0;
            let pool = match random.random_range(0..2) {
                0 => Description::MaxPool(MaxPool { kernel: Some(kernel) }),
                _ => Description::AveragePool(AveragePool { kernel: Some(kernel), divisor: Divisor::Inside }),
            };
            shape = pool.shape(&[&shape]).unwrap();
            at = push(&mut nodes, pool, vec![at]);
        }
    }
    let length = shape.iter().product();
    at = push(&mut nodes, Description::Form(Form { moved: Moved::Reshape { shape: vec![length] } }), vec![at]);
    let (mut layer, _) = dense(random, length);
    layer.bias = layer.bias.and_then(bias);
    push(&mut nodes, Description::Dense(layer), vec![at]);
    Graph::new(input, nodes).unwrap()
}
