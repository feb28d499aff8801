//! `bowsight net import | train | show`.

#[cfg(feature = "onnx")]
mod import;
mod train;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Outcome;
use super::arguments::Global;
use super::report::{Reporter, table};
use crate::any::AnyModel;
use crate::error::Error;
use crate::format::number::counted;
use crate::nn::layers::shape_text;
use crate::nn::network::Source;
use crate::nn::preparation::Preparation;
use crate::nn::train::record::Training as TrainingRecord;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  bowsight net import squeezenet.onnx --labels labels.txt --preparation caffe-bgr --model squeezenet.bowsight
  bowsight net train --recipe mnist-tanh-400 --data MNIST --model digits.bowsight
  bowsight net show squeezenet.bowsight
  bowsight explain photo.jpg --model squeezenet.bowsight --rules epsilon-plus-flat")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a model of a network in an ONNX file
    #[cfg(feature = "onnx")]
    Import(Box<import::Importing>),
    /// Train a small network on pictures, such as MNIST
    Train(Box<train::Training>),
    /// Print the layers, rules and preparation of a network
    Show {
        /// The model file
        model: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    match &arguments.action {
        #[cfg(feature = "onnx")]
        Action::Import(importing) => import::run(importing, reporter),
        Action::Train(training) => train::run(training, global, reporter),
        Action::Show { model } => show(model, reporter),
    }
}

/// Where a network comes from.
fn origin_text(source: &Source) -> String {
    match source {
        Source::Imported { file, sha256, opset } => {
            format!("from {file} (sha256 {sha256}, opset {opset}), imported by")
        }
        Source::Trained { training } => {
            format!(
                "{} with seed {}: {} on {} of split {}, loss {:.4}{}; trained by",
                training.recipe.name,
                training.seed,
                counted(training.recipe.iterations, "step"),
                counted(training.pictures, "picture"),
                training.split,
                training.loss,
                accuracy_text(training),
            )
        }
    }
}

/// How much of what was held out is right, if anything was.
fn accuracy_text(training: &TrainingRecord) -> String {
    training.accuracy.map_or_else(String::new, |accuracy| {
        format!(", {:.2} % of {} right", 100.0 * accuracy, counted(training.held_out, "held-out picture"))
    })
}

fn preparation_text(preparation: &Preparation) -> String {
    toml::to_string(preparation).expect("a preparation is a table of numbers and texts")
}

fn show(path: &Path, reporter: &Reporter) -> Result<Outcome, Error> {
    let AnyModel::Network(network) = AnyModel::open(path)? else {
        return Err(Error::Usage {
            message: format!("\"{}\" is a Bag-of-Words classifier", path.display()),
            hint: Some(format!("bowsight model show {}", path.display())),
        });
    };
    let rules = network.rules(&network.explaining).map_err(|error| Error::Method(error.into()))?;
    let mut rows = vec![["#", "layer", "kind", "output", "constants", "rule"].map(String::from).to_vec()];
    let mut constants = 0;
    for (place, node) in network.graph.nodes().iter().enumerate() {
        let count = node.layer.constants();
        constants += count;
        rows.push(vec![
            place.to_string(),
            node.name.clone(),
            node.layer.kind().to_string(),
            shape_text(network.graph.shape(place + 1)),
            if count == 0 { String::new() } else { count.to_string() },
            rules[place].as_ref().map_or_else(String::new, ToString::to_string),
        ]);
    }
    let origin = &network.origin;
    let text = format!(
        "{}\n{} bowsight {}\n{} → {} categories, {constants} constants\n\n{}\n{}",
        path.display(),
        origin_text(&origin.source),
        origin.version,
        shape_text(network.graph.input()),
        network.categories.len(),
        table(&rows),
        network
            .preparation
            .as_ref()
            .map_or_else(|| "no preparation: arrays (.npy) alone\n".to_string(), preparation_text),
    );
    reporter.text(&text)?;
    reporter.document(&serde_json::json!({
        "input": network.graph.input(),
        "layers": network.graph.nodes(),
        "rules": rules,
        "categories": network.categories,
        "preparation": network.preparation,
        "origin": origin,
        "explaining": network.explaining,
    }))?;
    Ok(Outcome::Done)
}
