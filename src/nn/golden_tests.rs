//! Values from outside: relevances, gradients and outputs that PyTorch with zennit and onnxruntime gave.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array1, Array2, Array3};
use ndarray_npy::NpzReader;
use serde_json::Value;

use super::References;
use super::ending::Ending;
use super::law_tests::explained;
use super::layers::{LayerKind, Slope, Ties};
use super::network::{Explaining, Network, Origin, Source};
use super::onnx::{Options, import};
use super::preparation::{Known, Layout, Preparation};
use super::rules::BiasPart;
use super::walk::{Backward, Runner};
use super::ways::{Others, Passage, Roots, Shares, Way, WayError};
use crate::dataset::Dataset;
use crate::explanation::{Query, Target, Trace};
use crate::format::container::Values;
use crate::ledger::Account;
use crate::model::Model;
use crate::numeric::root::NoRoot;
use crate::picture::{Fit, Fitting, Picture};

fn shared(inner: &str) -> Option<PathBuf> {
    crate::shared_data::find(&format!("golden/networks/{inner}"))
}

fn json(inner: &str) -> Option<Value> {
    Some(serde_json::from_str(&std::fs::read_to_string(shared(inner)?).unwrap()).unwrap())
}

/// All numbers of nested lists, in their order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// Largest difference over the largest magnitude.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |largest, e| largest.max(e.abs())).max(1e-300);
    found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max) / largest
}

#[test]
fn relevances_of_small_networks() {
    let (Some(one), Some(other)) = (json("networks.json"), json("composites.json")) else { return };
    let mut compared = 0;
    let entries = one["networks"].as_array().unwrap().iter().chain(other["networks"].as_array().unwrap());
    for entry in entries {
        let network = entry["name"].as_str().unwrap();
        let path = shared(&format!("onnx/networks/{network}.onnx")).unwrap();
        let graph = import(&path, &Options::default()).unwrap().graph;
        let x = flat(&entry["input"]);
        let runner = Runner::<f64>::new(Arc::new(graph.clone()));
        let values = runner.forward(x.clone());
        assert!(difference(values.logits(), &flat(&entry["logits"])) < 1e-7, "{network}");
        assert_eq!(runner.logits(x.clone()), values.logits());
        let cases: Vec<Value> = match entry.get("targets") {
            Some(targets) => targets.as_array().unwrap().clone(),
            None => {
                let mut rules = entry["rules"].as_object().unwrap().clone();
                rules.extend(entry["composites"].as_object().unwrap().clone());
                vec![serde_json::json!({"target": entry["target"], "rules": rules, "gradient": entry["gradient"]})]
            }
        };
        for case in cases {
            let target = case["target"].as_u64().unwrap() as usize;
            let mut one = vec![0.0; values.logits().len()];
            one[target] = 1.0;
            let gradient = |slope| runner.gradient(&values, one.clone(), slope);
            assert!(difference(&gradient(Slope::True), &flat(&case["gradient"])) < 1e-7, "{network}: gradient");
            for (name, given) in case["rules"].as_object().unwrap() {
                let expected = flat(&given["input"]);
                let found = match name.parse::<Slope>() {
                    Ok(slope) => gradient(slope),
                    Err(_) => {
                        let (relevance, _) = explained(&graph, &x, target, name, BiasPart::Kept);
                        for (layer, expected) in given["outputs"].as_object().into_iter().flatten() {
                            let at = graph.nodes().iter().position(|node| node.name == *layer);
                            let Some(Some(found)) = at.map(|at| &relevance.values[at + 1]) else { continue };
                            let expected = flat(expected);
                            if found.len() == expected.len() {
                                let error = difference(found, &expected);
                                assert!(error < 1e-7, "{network}: {name} at {layer}: {error:e}");
                                compared += 1;
                            }
                        }
                        relevance.values[0].clone().unwrap()
                    }
                };
                let error = difference(&found, &expected);
                assert!(error < 1e-7, "{network}: {name}: {error:e}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "only {compared} arrays were compared");
}

/// Explains a category of one of the small networks by a way, with one candidate for a root.
fn explained_by(
    network: &str,
    x: &[f64],
    target: usize,
    way: &Way,
    candidate: &[f64],
) -> Result<Shares<f64>, WayError> {
    let path = shared(&format!("onnx/networks/{network}.onnx")).unwrap();
    let runner = Runner::<f64>::new(Arc::new(import(&path, &Options::default()).unwrap().graph));
    let values = runner.forward(x.to_vec());
    let mut chosen = vec![0.0; values.logits().len()];
    chosen[target] = 1.0;
    let passage =
        Passage { runner: &runner, values: &values, chosen: &chosen, scores: &values.logits()[target..=target] };
    let how = Backward { rules: &[], ties: Ties::First, bias: BiasPart::Kept, bounds: &[], keep_all: false };
    let zeros = vec![0.0; x.len()];
    let others = Others {
        blank: zeros.clone(),
        baseline: &|_| zeros.clone(),
        candidates: usize::from(!candidate.is_empty()),
        candidate: &|_| candidate.to_vec(),
    };
    way.explain(&passage, &how, &others).pop().unwrap()
}

#[test]
fn integrated_gradients_of_small_networks() {
    let Some(table) = json("networks.json") else { return };
    let mut compared = 0;
    for entry in table["networks"].as_array().unwrap() {
        let (name, x) = (entry["name"].as_str().unwrap(), flat(&entry["input"]));
        for case in entry["targets"].as_array().unwrap() {
            let target = case["target"].as_u64().unwrap() as usize;
            let expected = &case["integrated-gradients, baseline 0, 32 Gauss-Legendre nodes"];
            let found = explained_by(name, &x, target, &Way::IntegratedGradients, &[]).unwrap();
            let error = difference(&found.input, &flat(&expected["input"]));
            assert!(error < 1e-7, "{name}: {error:e}");
            let ledger = found.ledger.unwrap();
            let missed = expected["error"].as_f64().unwrap() + ledger.kept(Account::Quadrature);
            assert!(missed.abs() < 1e-9 * ledger.score.abs().max(1.0), "{name}: {missed:e}");
            compared += 1;
        }
    }
    assert_eq!(compared, 14);
}

#[test]
fn taylor_expansions_of_small_networks() {
    let (Some(table), Some(networks)) = (json("taylor.json"), json("networks.json")) else { return };
    let mut compared = 0;
    for case in table["cases"].as_array().unwrap() {
        let (name, target) = (case["network"].as_str().unwrap(), case["target"].as_u64().unwrap() as usize);
        let entry = networks["networks"].as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap();
        let x = flat(&entry["input"]);
        let Some(candidate) = case.get("candidate").map(flat) else {
            // No point was found on the other side; the point itself is none.
            let error = explained_by(name, &x, target, &Way::Taylor(Roots::Nearest), &x).err().unwrap();
            assert!(matches!(error, WayError::NoRoot(NoRoot { candidates: 1, .. })), "{error}");
            continue;
        };
        for (key, roots) in [("segment", Roots::Nearest), ("descend", Roots::Descend)] {
            let given = &case[key];
            let found = explained_by(name, &x, target, &Way::Taylor(roots), &candidate);
            if given.get("found").is_some_and(|found| found == false) {
                assert!(matches!(found, Err(WayError::NoDescent(_))), "{name} {target}");
                compared += 1;
                continue;
            }
            let found = found.unwrap();
            let error = difference(&found.input, &flat(&given["relevance"]));
            assert!(error < 1e-8, "{name} {target} {key}: {error:e}");
            let ledger = found.ledger.unwrap();
            let near = |found: f64, key: &str| {
                (found - given[key].as_f64().unwrap()).abs() < 1e-8 * ledger.score.abs().max(1.0)
            };
            assert!(near(ledger.kept(Account::RootValue), "f_root"), "{name} {target} {key}");
            assert!(near(ledger.kept(Account::TaylorResidual), "residual"), "{name} {target} {key}");
            compared += 1;
        }
    }
    assert_eq!(compared, 6);
}

/// SqueezeNet as Caffe's networks read pictures, with ties of max pooling as in PyTorch.
fn squeezenet() -> Option<Network> {
    let path = crate::shared_data::find("data/cnn/squeezenet1.1-fp16.onnx")?;
    let graph = import(&path, &Options::default()).unwrap().graph;
    let (scale, mean, deviation, colours) = Known::CaffeBgr.numbers();
    let fit = Fit { width: 224, height: 224, how: Fitting::Stretch };
    let layout = Layout::ChannelsFirst;
    let preparation = Preparation { fit, colours: colours.unwrap(), layout, scale, mean, deviation };
    let categories = (0..1000).map(|number| number.to_string()).collect();
    let source = Source::Imported { file: String::new(), sha256: String::new(), opset: 0 };
    let origin = Origin { version: String::new(), ending: Ending::Logits, source };
    Some(Network::new(graph, categories, Some(preparation), origin, Explaining::default()).unwrap())
}

type Npz = NpzReader<std::fs::File>;

fn npz(inner: &str) -> Option<Npz> {
    Some(NpzReader::new(std::fs::File::open(shared(inner)?).unwrap()).unwrap())
}

/// Sums over squares of a map.
fn blocks(map: &Array2<f64>, side: usize) -> Vec<f64> {
    map.exact_chunks((side, side)).into_iter().map(|block| block.sum()).collect()
}

/// Maps, and sums at every convolution, of three pictures.
#[test]
fn relevances_of_squeezenet() {
    let (Some(network), Some(mut maps), Some(mut sums)) =
        (squeezenet(), npz("squeezenet.npz"), npz("squeezenet-composites.npz"))
    else {
        return;
    };
    let nodes = network.graph.nodes();
    let convolutions: Vec<usize> =
        (0..nodes.len()).filter(|&at| nodes[at].layer.kind() == LayerKind::Convolution).collect();
    assert_eq!(convolutions.len(), 26);
    let mut compared = 0;
    for (name, side) in [("chelsea", 4), ("coffee", 8), ("rocket", 0)] {
        let image = if name == "rocket" { &mut sums } else { &mut maps };
        let image: Array3<u8> = image.by_name(&format!("{name}.image")).unwrap();
        let picture = Picture::from_rgb8(224, 224, image.into_raw_vec_and_offset().0).unwrap();
        let top: Array1<i64> = sums.by_name(&format!("{name}.top2")).unwrap();
        let logits: Array1<f64> = sums.by_name(&format!("{name}.logits")).unwrap();
        let explain = |rules: &str, against: bool| {
            let trace = if rules.parse::<Slope>().is_ok() || rules.starts_with("gradient") {
                Trace::Nothing
            } else {
                Trace::Relevance
            };
            let explaining = Explaining { way: rules.parse().unwrap(), max_pool: Ties::First, ..Explaining::default() };
            let explainer = network.explainer(explaining, References::default()).unwrap();
            let seen = explainer.together(&[&picture]).unwrap();
            assert!(difference(&seen.scores()[0], logits.as_slice().unwrap()) < 1e-9, "{name}");
            let target = Target { category: top[0] as usize, against: against.then_some(top[1] as usize) };
            seen.explain(&[Query { target, trace, ..Query::new(0) }]).pop().unwrap().unwrap()
        };
        for rules in [
            "epsilon:0.01",
            "epsilon:100",
            "alpha-beta:2,-1",
            "z-plus",
            "epsilon-plus-flat",
            "epsilon-gamma-box",
            "epsilon-alpha2-beta1-flat",
            "gradient-input",
            "gradient-norm",
            "epsilon:0.01 first against second",
        ] {
            let whole: Option<Array2<f32>> = maps.by_name(&format!("{name}.{rules}")).ok();
            let by_block: Option<Array2<f64>> = sums.by_name(&format!("{name}.{rules}.blocks")).ok();
            let by_layer: Option<Array1<f64>> = sums.by_name(&format!("{name}.{rules}.sums")).ok();
            if whole.is_none() && by_block.is_none() && by_layer.is_none() {
                continue;
            }
            let plain = rules.strip_suffix(" first against second");
            let found = explain(plain.unwrap_or(rules), plain.is_some());
            let map: Vec<f64> = found.relevance.iter().copied().collect();
            if let Some(whole) = whole {
                let expected: Vec<f64> = whole.iter().map(|&r| f64::from(r)).collect();
                let error = difference(&map, &expected);
                assert!(error < 1e-6, "{name}, {rules}: {error:e}");
                compared += 1;
            }
            if let Some(expected) = by_block {
                let error = difference(&blocks(&found.relevance, side), expected.as_slice().unwrap());
                assert!(error < 1e-9, "{name}, {rules}, blocks: {error:e}");
                compared += 1;
            }
            if let Some(expected) = by_layer {
                let sum = |value: usize| match &found.traces[0].tensors[&format!("relevance.{value}")].values {
                    Values::F64(values) => values.iter().sum::<f64>(),
                    _ => unreachable!("relevance is in double precision"),
                };
                let found: Vec<f64> = convolutions.iter().map(|at| sum(at + 1)).chain([sum(0)]).collect();
                let error = difference(&found, expected.as_slice().unwrap());
                assert!(error < 1e-9, "{name}, {rules}, sums: {error:e}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 5 + 14 + 14);
}

/// The account of every test digit closes for every class and every way: an explanation whose account does not is refused.
#[test]
fn accounts_of_digits_close() {
    let Some(data) = crate::shared_data::find("data/mnist") else { return };
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits.bowsight");
    if !model.exists() {
        eprintln!("skipped: the published package has no models");
        return;
    }
    let network = super::file::load(&model).unwrap();
    let dataset = Dataset::open(&data, Some("test"), None).unwrap();
    let read = |entry| Picture::open(dataset.file(entry), network.reading()).unwrap();
    let digits: Vec<Picture> = dataset.pictures.iter().take(DIGITS).map(read).collect();
    let digits: Vec<&Picture> = digits.iter().collect();
    let mut closed = 0;
    for rules in super::composite::NAMES.iter().filter(|rules| !rules.starts_with("taylor")) {
        for bias in [false, true] {
            let way = rules.parse().unwrap();
            let explaining = Explaining { way, spread_bias: bias, ..Explaining::default() };
            let explainer = network.explainer(explaining, References::default()).unwrap();
            for batch in digits.chunks(explainer.batch_of(DIGITS)) {
                let seen = explainer.together(batch).unwrap();
                for category in 0..10 {
                    for explanation in seen.explain(&vec![Query::new(category); batch.len()]) {
                        let ledger = explanation.unwrap_or_else(|error| panic!("{rules}: {error}")).ledger;
                        assert!(ledger.score.is_finite() && ledger.sum_relevance.is_finite());
                        closed += 1;
                    }
                }
            }
            // What has no layers has no bias to spread, and integrals take 32 times as long.
            if rules.contains("gradient") || *rules == "deconvnet" || *rules == "guided-backprop" {
                break;
            }
        }
    }
    assert!(closed >= 20 * 10 * DIGITS, "{closed}");
}

/// Digits whose accounts are looked at; all of the first thousand passed when the rules were last changed.
const DIGITS: usize = 100;

/// The outputs of every kind of layer, of odd files, and of the plain ones.
#[test]
fn outputs_of_layers_and_of_odd_files() {
    let mut compared = 0;
    for (table, folder, key) in [
        ("onnx/layers.json", "onnx/layers", "output"),
        ("onnx/outputs.json", "onnx", "output"),
        ("onnx/real.json", "onnx/real", "logits"),
    ] {
        let Some(table) = json(table) else { return };
        for (name, case) in table.as_object().unwrap() {
            let file = if name.ends_with(".onnx") { name.clone() } else { format!("{name}.onnx") };
            let imported = import(&shared(folder).unwrap().join(&file), &Options::default());
            if name == "transpose-default" {
                assert!(imported.unwrap_err().source.to_string().contains("moves the batch"));
                continue;
            }
            let imported = imported.unwrap_or_else(|error| panic!("{name}: {}", error.source));
            let expected = flat(&case[key]);
            let tolerance = match name.as_str() {
                "all-half" => 2e-3,
                _ if folder == "onnx/layers" => 1e-6,
                _ => 1e-5,
            };
            for graph in [&imported.graph, &imported.as_written] {
                let runner = Runner::<f64>::new(Arc::new(graph.clone()));
                let mut found = runner.forward(flat(&case["input"])).logits().to_vec();
                let exponentials: f64 = found.iter().map(|v| v.exp()).sum();
                match (imported.ending, key) {
                    (Ending::Softmax, "output") => found.iter_mut().for_each(|v| *v = v.exp() / exponentials),
                    (Ending::LogSoftmax, "output") => found.iter_mut().for_each(|v| *v -= exponentials.ln()),
                    _ => {}
                }
                let error = difference(&found, &expected);
                assert!(error < tolerance, "{name}: {error:e}");
                let single = Runner::<f32>::new(Arc::new(graph.clone()))
                    .forward(flat(&case["input"]).iter().map(|&v| v as f32).collect());
                assert_eq!(single.logits().len(), expected.len());
                compared += 1;
            }
        }
    }
    assert!(compared > 160, "only {compared} outputs were compared");
}

/// Odd and hostile files: each with the words that its error must have.
#[test]
fn hostile_files_are_named() {
    let cases: &[(&str, &[&str])] = &[
        ("truncated", &["not a whole ONNX file"]),
        ("empty", &["not a whole ONNX file", "empty"]),
        ("not-onnx", &["not a whole ONNX file"]),
        ("text", &["not a whole ONNX file"]),
        ("length-beyond-end", &["not a whole ONNX file"]),
        ("endless-varint", &["not a whole ONNX file"]),
        ("nested-3000", &["it has no"]),
        ("no-nodes", &["it has no nodes"]),
        ("no-outputs", &["it has no outputs"]),
        ("no-opset", &["it has no version of its operators"]),
        ("opset-1000", &["1000", "6 to 26"]),
        ("opset-6", &["(opset) 5", "6 to 26"]),
        ("two-inputs", &["several inputs, x, x2", "--input"]),
        ("two-outputs", &["several outputs, y, r", "--output"]),
        ("cycle", &["the value \"", "is read before it is made"]),
        ("missing-input", &["the value \"", "nothing makes it"]),
        ("output-not-made", &["the value \"nowhere\""]),
        ("same-name-twice", &["the value \"y\" is made twice"]),
        ("same-weight-twice", &["the tensor \"w\" is there twice"]),
        ("short-data", &["the tensor \"w\"", "must have 72 bytes, found 40"]),
        ("long-data", &["the tensor \"w\"", "must have 72 bytes, found 400"]),
        ("odd-data", &["the tensor \"w\"", "must have 72 bytes, found 71"]),
        ("no-data", &["the tensor \"w\"", "must have 72 bytes, found 0"]),
        ("negative-dim", &["the tensor \"w\"", "negative length", "-3"]),
        ("overflowing-dims", &["the tensor \"w\"", "larger than any memory"]),
        ("huge-dims", &["the tensor \"w"]),
        ("string-weights", &["the tensor \"w\"", "strings"]),
        ("unknown-type", &["the tensor \"w\"", "type 99"]),
        ("nan-weight", &["the tensor \"", "must be finite, found NaN"]),
        ("infinite-weight", &["the tensor \"w\"", "must be finite, found inf"]),
        ("huge-f64-weight", &["the tensor \"w\"", "must be finite, found inf"]),
        ("negative-variance", &["the tensor \"v\"", "must be at least 0, found -1"]),
        ("external-parent", &["the tensor \"", "outside the model's folder"]),
        ("external-absolute", &["the tensor \"", "outside the model's folder"]),
        ("external-missing", &["the tensor \"", "can't be read"]),
        ("unknown-operator", &["node \"", "not supported"]),
        ("subgraph", &["node \"y\" (If)"]),
        ("foreign-domain", &["node \"y\" (Relu)", "com.example"]),
        ("activation-weights", &["node \"dense\" (MatMul)", "depend on the input"]),
        ("softmax-inside", &["(Gemm)", "soft-max"]),
        ("groups-do-not-divide", &["node \"", "(Conv)", "group"]),
        ("zero-groups", &["node \"convolution\" (Conv)", "\"group\""]),
        ("zero-stride", &["node \"convolution\" (Conv)", "\"strides\""]),
        ("negative-stride", &["node \"convolution\" (Conv)", "\"strides\""]),
        ("zero-dilation", &["node \"convolution\" (Conv)", "\"dilations\""]),
        ("negative-pads", &["node \"convolution\" (Conv)", "\"pads\""]),
        ("huge-pads", &["node \"convolution\" (Conv)", "\"pads\""]),
        ("strides-of-three", &["node \"convolution\" (Conv)", "\"strides\""]),
        ("kernel-shape-contradicts", &["node \"convolution\" (Conv)", "\"kernel_shape\" is [5, 5]"]),
        ("kernel-larger-than-input", &["node \"convolution\" (Conv)", "the reach of the kernel"]),
        ("wrong-shape", &["node \"", "must be"]),
        ("wrong-channels", &["node \"convolution\" (Conv)", "the number of input channels must be 5"]),
        ("wrong-rank", &["node \"convolution\" (Conv)", "[4, 3]"]),
        ("wrong-reshape", &["node \"reshape\" (Reshape)", "[4, -1]", "[1, 6]"]),
        ("two-minus-ones", &["node \"reshape\" (Reshape)", "only one length can be open"]),
        ("reshape-explodes", &["node \"expand\" (Expand)"]),
        ("pads-explode", &["node \"pad\" (Pad)", "pads must be from 0"]),
        ("zero-length-axis", &["node \"slice\" (Slice)", "leaves nothing"]),
        ("dynamic-size", &["the input \"", "is open"]),
    ];
    let Some(folder) = shared("onnx") else { return };
    for (name, words) in cases {
        let error = match import(&folder.join(format!("{name}.onnx")), &Options::default()) {
            Ok(_) => panic!("{name} is imported"),
            Err(error) => format!("{error}: {}", error.source),
        };
        assert!(error.contains(name) && words.iter().all(|word| error.contains(word)), "{name}: {error}");
    }
    // These load.
    for name in ["batch-of-four", "empty-batch", "deep-chain", "five-channels"] {
        let imported = import(&folder.join(format!("{name}.onnx")), &Options::default());
        assert!(imported.is_ok(), "{name}: {}", imported.unwrap_err().source);
    }
    let sized = Options { size: vec![8, 8], ..Options::default() };
    assert!(import(&folder.join("dynamic-size.onnx"), &sized).is_ok());
    // Whatever a flipped bit says, it is said, or loads.
    let _ = import(&folder.join("bit-flip.onnx"), &Options::default());
    let _ = import(&folder.join("unknown-attribute.onnx"), &Options::default());
}
