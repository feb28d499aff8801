//! `bowsight net train`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::accuracy_text;
use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::report::Reporter;
use crate::dataset::{Dataset, Layout, find_split};
use crate::error::Error;
use crate::format::atomic::{AtomicFile, WriteError};
use crate::format::number::counted;
use crate::format::path_text::to_text;
use crate::nn::file::to_container;
use crate::nn::network::Source;
use crate::nn::train::recipe::{Recipe, RecipeError};
use crate::nn::train::{self, Request};

/// How often a checkpoint is written.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight net train --recipe mnist-tanh-400 --data MNIST --model digits.bowsight
  bowsight net train --recipe mnist-tanh-400 --data MNIST --model trial.bowsight --hold-out 10000 --set rate=0.1
  bowsight net train --print-recipe --recipe mnist-conv > mine.toml
  bowsight net train --recipe mine.toml --data pictures/ --model mine.bowsight

A run that was interrupted goes on from its last checkpoint, and ends with the same bytes as one that was not.")]
pub(super) struct Training {
    /// mnist-tanh-400, mnist-rect-1296, mnist-rect-1296-short, mnist-tanh-1296, mnist-conv, or a file that ends in .toml
    #[arg(long, value_name = "NAME|FILE.toml")]
    recipe: String,
    /// A folder of idx files (MNIST), a folder of category folders, a PASCAL VOC folder, or a CSV list
    #[arg(long, value_name = "DIR", required_unless_present = "print_recipe")]
    data: Option<PathBuf>,
    /// The split to train on [default: train, if the data have it]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Layout of the data; detected if omitted
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// The model file to write
    #[arg(long, value_name = "FILE", required_unless_present = "print_recipe", value_hint = clap::ValueHint::FilePath)]
    model: Option<PathBuf>,
    /// Change a key of the recipe, for example --set rate=0.01 or --set hidden=[100,100]
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Number of the split's last pictures that are not trained on, but judged at the end
    #[arg(long, value_name = "N", default_value_t = 0)]
    hold_out: usize,
    /// Where an interrupted run is kept, and found again [default: the model's file with .checkpoint behind it]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    checkpoint: Option<PathBuf>,
    /// Begin anew, though there is a checkpoint
    #[arg(long)]
    restart: bool,
    /// Stop after this step with a checkpoint; the same command without it goes on
    #[arg(long, value_name = "N")]
    stop_after: Option<usize>,
    /// Print the recipe and stop
    #[arg(long)]
    print_recipe: bool,
}

pub(super) fn run(arguments: &Training, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let recipe = recipe(&arguments.recipe, &arguments.set)?;
    if arguments.print_recipe {
        if reporter.json() {
            reporter.document(&recipe)?;
        } else {
            reporter.print(&toml::to_string(&recipe).expect("a recipe is a table of numbers and texts"))?;
        }
        return Ok(Outcome::Done);
    }
    let (Some(source), Some(model)) = (&arguments.data, &arguments.model) else {
        return Err(Error::usage("\"--data\" and \"--model\" are needed"));
    };
    let known = Dataset::split_names(source, arguments.layout)?;
    let split = arguments.split.as_deref().or_else(|| find_split(&known, "train"));
    let data = Dataset::open(source, split, arguments.layout)?;
    reporter.opened(&data);
    data.require_positives()?;
    let checkpoint = arguments.checkpoint.clone().unwrap_or_else(|| {
        let mut name = model.clone().into_os_string();
        name.push(".checkpoint");
        name.into()
    });
    if arguments.restart && checkpoint.exists() {
        std::fs::remove_file(&checkpoint).map_err(WriteError::io(&checkpoint))?;
    }
    let request = Request {
        data: &data,
        recipe: &recipe,
        seed: global.seed.unwrap_or(0),
        held_out: arguments.hold_out,
        checkpoint: Some(&checkpoint),
        every: BETWEEN_CHECKPOINTS,
        stop_after: arguments.stop_after,
    };
    // Opened before the work, so that an unwritable place is found now.
    let mut output = AtomicFile::create(model)?;
    let network = match train::train(&request, reporter)? {
        train::Outcome::Trained(network) => network,
        train::Outcome::Stopped(steps) => {
            reporter.text(&format!(
                "stopped after step {steps} of {}; the same command without --stop-after goes on from {}\n",
                recipe.iterations,
                checkpoint.display()
            ))?;
            reporter.document(&serde_json::json!({ "steps": steps, "checkpoint": to_text(&checkpoint) }))?;
            return Ok(Outcome::Done);
        }
    };
    to_container(&network).write_to(&mut output).map_err(WriteError::io(model))?;
    output.commit()?;
    if checkpoint.exists() {
        std::fs::remove_file(&checkpoint).map_err(WriteError::io(&checkpoint))?;
    }
    let Source::Trained { training } = &network.origin.source else { unreachable!("it was trained") };
    let (steps, pictures) = (counted(recipe.iterations, "step"), counted(training.pictures, "picture"));
    let test = find_split(&known, "test").map_or_else(String::new, |split| {
        format!("  bowsight evaluate --data {} --split {split} --model {}\n", source.display(), model.display())
    });
    reporter.text(&format!(
        "{steps} on {pictures}, loss {:.4}{} → {}\nnext:\n{test}  bowsight explain PICTURE --model {}\n",
        training.loss,
        accuracy_text(training),
        model.display(),
        model.display(),
    ))?;
    reporter.document(&serde_json::json!({ "model": to_text(model), "training": training }))?;
    Ok(Outcome::Done)
}

/// The recipe of this name or in this file, with some of its keys changed.
fn recipe(name: &str, changes: &[String]) -> Result<Recipe, Error> {
    let train = |error: RecipeError| Error::NetTrain(error.into());
    let recipe = if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        let text = std::fs::read_to_string(name)
            .map_err(|error| Error::usage(format!("the recipe \"{name}\" can't be read: {error}")))?;
        Recipe::from_toml(&text).map_err(train)?
    } else {
        Recipe::named(name).map_err(train)?
    };
    if changes.is_empty() {
        return Ok(recipe);
    }
    let mut table = toml::Table::try_from(&recipe).expect("a recipe is a table of numbers and texts");
    for change in changes {
        let Some((key, value)) = change.split_once('=') else {
            return Err(Error::usage(format!("\"--set\" must be KEY=VALUE, found \"{change}\"")));
        };
        // What is no TOML value is a text without its quotes.
        let value = toml::from_str::<toml::Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.to_string()));
        set(&mut table, key, value);
    }
    Recipe::from_toml(&toml::to_string(&table).expect("it was a table")).map_err(train)
}

/// Changes the value of a key; parts behind dots are keys of tables.
fn set(table: &mut toml::Table, key: &str, value: toml::Value) {
    if let Some((first, rest)) = key.split_once('.') {
        let inner = table.entry(first).or_insert_with(|| toml::Table::new().into());
        if let toml::Value::Table(inner) = inner {
            return set(inner, rest, value);
        }
    }
    let is_real = table.get(key).is_some_and(toml::Value::is_float);
    let value = match value {
        toml::Value::Integer(number) if is_real => toml::Value::Float(number as f64),
        value => value,
    };
    table.insert(key.to_string(), value);
}
