//! Files from elsewhere: every way in which a model can be wrong is an error that says which.

use std::path::Path;

use bowsight::bow::files::ModelFileError;
use bowsight::bow::model_file;
use bowsight::format::container::{Container, Values};

use super::setting::*;

fn container(path: &Path) -> Container {
    model_file::to_container(&model_file::load(path).unwrap())
}

fn bytes(container: &Container) -> Vec<u8> {
    let mut bytes = Vec::new();
    container.write_to(&mut bytes).unwrap();
    bytes
}

fn error(container: &Container) -> String {
    let error: ModelFileError = model_file::from_bytes(&bytes(container)).err().expect("the mutation was not noticed");
    bowsight::causes::chain(&error)
}

type Mutation = (&'static str, Box<dyn Fn(&mut Container)>, &'static str);

/// The first number of a tensor replaced.
fn number(name: &'static str, value: f64) -> Box<dyn Fn(&mut Container)> {
    Box::new(move |c| match &mut c.tensors.get_mut(name).unwrap().values {
        Values::F64(values) => values[0] = value,
        Values::F32(values) => values[0] = value as f32,
        Values::I8(values) => values[0] = value as i8,
        _ => panic!(),
    })
}

fn expect_named(whole: &Container, mutations: Vec<Mutation>) {
    assert!(model_file::from_bytes(&bytes(whole)).is_ok());
    for (what, mutate, expected) in mutations {
        let mut container = whole.clone();
        mutate(&mut container);
        let message = error(&container);
        assert!(message.contains(expected), "{what}: {message}");
    }
}

#[test]
fn every_mutation_of_a_mixture_is_noticed_and_named() {
    let whole = container(fisher_model());
    assert!(!whole.tensors.contains_key("channels.0.vocabulary"));
    let gone = |name: &'static str| -> Box<dyn Fn(&mut Container)> { Box::new(move |c| drop(c.tensors.remove(name))) };
    let turned = |name: &'static str| -> Box<dyn Fn(&mut Container)> {
        Box::new(move |c| c.tensors.get_mut(name).unwrap().shape.reverse())
    };
    expect_named(
        &whole,
        vec![
            ("means", number("channels.0.mixture_means", f64::NAN), "\"channels.0.mixture_means\" must be finite"),
            ("means' shape", turned("channels.0.mixture_means"), "\"channels.0.mixture_means\" must have shape 25×10"),
            ("no variances", gone("channels.0.mixture_variances"), "\"channels.0.mixture_variances\" is missing"),
            ("variances", number("channels.0.mixture_variances", 0.0), "mixture_variances must be positive, found 0"),
            ("shape", turned("channels.0.mixture_variances"), "\"channels.0.mixture_variances\" must have shape 25×10"),
            ("weights", number("channels.0.mixture_weights", -0.5), "mixture_weights must be positive, found -0.5"),
            ("sum", number("channels.0.mixture_weights", 1.5), "sum of channels.0.mixture_weights must be 1, found"),
            ("no weights", gone("channels.0.mixture_weights"), "\"channels.0.mixture_weights\" is missing"),
            (
                "mean",
                number("channels.0.principal_mean", f64::INFINITY),
                "\"channels.0.principal_mean\" must be finite",
            ),
            ("axes", number("channels.0.principal_axes", f64::NAN), "\"channels.0.principal_axes\" must be finite"),
            (
                "axes' shape",
                turned("channels.0.principal_axes"),
                "\"channels.0.principal_axes\" must have shape 10×128",
            ),
            ("no axes", gone("channels.0.principal_axes"), "\"channels.0.principal_axes\" is missing"),
        ],
    );
}

/// Gives the model a validation whose first of `count` calibrations has this curve.
fn calibrated(count: usize, curve: serde_json::Value) -> Box<dyn Fn(&mut Container)> {
    Box::new(move |c| {
        let mut training: serde_json::Value = serde_json::from_str(&c.metadata["training"]).unwrap();
        let calibration = serde_json::json!({"positives": 10, "negatives": 10, "curve": curve, "reliability": null});
        training["validation"] = serde_json::json!({
            "fit_split": "train", "validate_split": "val", "grid": [], "average_precision": [], "mean_average_precision": 0.5,
            "calibration": vec![calibration; count],
        });
        c.metadata.insert("training".to_string(), training.to_string());
    })
}

#[test]
fn every_mutation_of_a_model_is_noticed_and_named() {
    let categories = model_file::load(model()).unwrap().training.categories.len();
    let falling = serde_json::json!({"slope": -1.0, "intercept": 0.0});
    let metadata = |key: &'static str, value: &'static str| -> Box<dyn Fn(&mut Container)> {
        Box::new(move |c| {
            c.metadata.insert(key.to_string(), value.to_string());
        })
    };
    let mutations: Vec<Mutation> = vec![
        ("format", metadata("format", "something"), "\"format\" must be \"bowsight-model\", found \"something\""),
        ("version", metadata("version", "2"), "found \"2\": it was written by a newer program"),
        ("config", metadata("config", "{"), "\"config\" is malformed"),
        ("config range", metadata("config", "{\"channel\": []}"), "at least one channel"),
        ("config key", metadata("config", "{\"nonsense\": 1}"), "nonsense"),
        ("training", metadata("training", "[]"), "\"training\" is malformed"),
        ("falling probabilities", calibrated(categories, falling), "finite and rising"),
        ("too few calibrations", calibrated(categories + 1, serde_json::Value::Null), "number of calibrations must be"),
        ("no training", Box::new(|c| drop(c.metadata.remove("training"))), "\"training\" is missing"),
        ("no dual", Box::new(|c| drop(c.tensors.remove("dual"))), "tensor \"dual\" is missing"),
        ("shape", Box::new(|c| c.tensors.get_mut("dual").unwrap().shape.reverse()), "tensor \"dual\" must have shape"),
        (
            "type",
            Box::new(|c| {
                let bias = c.tensors.get_mut("bias").unwrap();
                bias.values = Values::F32(vec![0.0; bias.shape[0]]);
            }),
            "tensor \"bias\" must be F64, found F32",
        ),
        ("vocabulary", number("channels.0.vocabulary", f64::NAN), "\"channels.0.vocabulary\" must be finite"),
        ("histograms", number("channels.0.histograms", f64::INFINITY), "\"channels.0.histograms\" must be finite"),
        ("scores", number("train_scores", f64::NAN), "\"train_scores\" must be finite"),
        ("scale", number("channels.0.kernel_scale", 0.0), "kernel_scale must be positive, found 0"),
        ("beta", number("channels.0.beta", 1.5), "beta must be between 0 and 1, found 1.5"),
        ("betas", number("channels.0.beta", 0.75), "sum of the channels' \"beta\" must be 1, found 0.75"),
        (
            "examples",
            Box::new(|c| match &mut c.tensors.get_mut("channels.0.word_examples").unwrap().values {
                Values::I32(values) => values[0] = 1_000_000,
                _ => panic!(),
            }),
            "word_examples must be rectangles in",
        ),
        ("dual", number("dual", 1e9), "dual coefficient at (0, 0)"),
        ("labels", number("labels", 7.0), "labels at (0, 0) must be +1, −1 or 0, found 7"),
    ];
    expect_named(&container(model()), mutations);
}

#[test]
fn every_cut_of_a_model_is_noticed() {
    let whole = std::fs::read(model()).unwrap();
    for part in 0..200 {
        assert!(model_file::from_bytes(&whole[..whole.len() * part / 200]).is_err());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.bowsight");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let errors = fail(2, &["model", "show", text(&path)]);
    assert!(errors.contains("cut.bowsight") && errors.contains("not a whole safetensors file"), "{errors}");
    std::fs::write(&path, b"").unwrap();
    assert!(fail(2, &["model", "show", text(&path)]).contains("cut.bowsight"));
    assert!(fail(2, &["model", "show", text(folder.path())]).contains("error: model"));
}
