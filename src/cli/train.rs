//! `bowsight train`.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::arguments::Global;
use super::configuring::Configuring;
use super::next::after_train;
use super::report::{Reporter, number, table};
use crate::bow::config::{Cost, Settings};
use crate::bow::model_file;
use crate::bow::train::cache::Cache;
use crate::bow::train::{MAX_UNREADABLE, TrainingData, train_with};
use crate::bow::{BagOfWords, Validation};
use crate::dataset::categories::joined;
use crate::dataset::{Dataset, Layout, find_split};
use crate::error::Error;
use crate::format::atomic::{AtomicFile, WriteError};
use crate::format::json;
use crate::format::number::counted;
use crate::format::path_text::to_text;
use crate::settings::to_toml;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight train --data VOC2012 --split trainval --model voc.bowsight
  bowsight train --data pictures/ --model mine.bowsight --mapping rank --c 10
  bowsight train --data VOC2012 --split trainval --model paper.bowsight --preset paper-voc --cache cache
  bowsight train --data flickr/ --model many.bowsight --solver linear --kernel additive-chi2 --cache cache
  bowsight train --print-config > settings.toml
  bowsight train --config settings.toml --data list.csv --split train --model mine.bowsight

Unless C is given, every C of a grid is fitted on --fit-split and scored on --validate-split, and one is chosen that ranks \
    and decides as well as the best; then everything after the vocabulary is fitted anew on --split. A data set without such \
    splits is halved at random, stratified by category: once if it has 400 pictures, five times both ways if it has fewer.")]
pub(crate) struct Arguments {
    /// A PASCAL VOC folder, a folder of category folders, or a CSV list
    #[arg(long, value_name = "DIR", required_unless_present = "print_config")]
    data: Option<PathBuf>,
    /// The split to train on, such as trainval; a data set without splits is used whole
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Layout of the data; detected if omitted
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// The model file to write
    #[arg(long, value_name = "FILE", required_unless_present = "print_config")]
    model: Option<PathBuf>,
    /// The split to score every C on [default: val, if the data have it]
    #[arg(long, value_name = "NAME")]
    validate_split: Option<String>,
    /// The split to fit every C on [default: train, if the data have it]
    #[arg(long, value_name = "NAME")]
    fit_split: Option<String>,
    /// A folder that keeps finished steps. An interrupted training goes on from there, and one that changes only its kernel, weights or C does not
    /// open the pictures again. The result is the same
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    unreadable: Unreadable,
    /// End with exit code 3 if a picture was left out, though the model is written
    #[arg(long)]
    strict: bool,
    /// Print the resolved configuration and stop
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    configuring: Configuring,
}

/// How many pictures may be missing from a training.
#[derive(Debug, Args)]
pub(crate) struct Unreadable {
    /// How many percent of the pictures may be unreadable. They are left out. If there are more, training ends before any words are learnt. A
    /// single picture may always be left out
    #[arg(long = "max-unreadable", value_name = "PERCENT", default_value_t = 100.0 * MAX_UNREADABLE, value_parser = percent)]
    percent: f64,
}

impl Unreadable {
    /// As a part of the pictures, in [0, 1].
    pub(crate) fn part(&self) -> f64 {
        self.percent / 100.0
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>().ok();
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| "must be a number from 0 to 100".to_string())
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let settings = arguments.configuring.resolve(global.seed)?;
    if arguments.print_config {
        if reporter.json() {
            reporter.document(&settings)?;
        } else {
            reporter.print(&to_toml(&settings))?;
        }
        return Ok(Outcome::Done);
    }
    let (Some(source), Some(path)) = (&arguments.data, &arguments.model) else {
        return Err(Error::usage("\"--data\" and \"--model\" are needed"));
    };
    let data = TrainingData {
        max_unreadable: arguments.unreadable.part(),
        ..training_data(arguments, source, &settings, reporter)?
    };
    let splits = Dataset::split_names(source, arguments.layout)?;
    let incomplete = data.split.is_incomplete();
    // Opened before hours of work, so that an unwritable place is found now.
    let output = AtomicFile::create(path)?;
    let began = std::time::Instant::now();
    let cache = arguments.cache.as_ref().map(Cache::new);
    let (model, left_out) = train_with(&settings, &data, cache.as_ref(), reporter)?;
    write(output, &model, path)?;
    write_log(path, reporter, began.elapsed().as_secs_f64())?;
    report(&model, path, reporter)?;
    let command: Vec<String> = std::env::args_os().map(|argument| to_text(argument.as_ref())).collect();
    let next = after_train(&command, source, &data.split, &splits, path);
    if !next.is_empty() && !reporter.quiet() {
        reporter.text(&format!("next:\n  {}\n", next.join("\n  ")))?;
    }
    if !left_out.is_empty() {
        let (count, plural) = (left_out.len(), if left_out.len() == 1 { " was" } else { "s were" });
        reporter.warn(&format!("{count} picture{plural} left out"));
    }
    Ok(Outcome::after(arguments.strict && (incomplete || !left_out.is_empty())))
}

fn training_data(
    arguments: &Arguments,
    data: &std::path::Path,
    settings: &Settings,
    reporter: &Reporter,
) -> Result<TrainingData, Error> {
    let open = |split: Option<&str>| Dataset::open(data, split, arguments.layout);
    let split = open(arguments.split.as_deref())?;
    reporter.opened(&split);
    reporter.note(&format!(
        "\"{}\" is laid out as {}: {} in \"{}\", {} categories",
        data.display(),
        split.layout,
        counted(split.pictures.len(), "picture"),
        split.split,
        split.categories.len()
    ));
    if settings.svm.c != Cost::Validate {
        if arguments.fit_split.is_some() || arguments.validate_split.is_some() {
            return Err(Error::Usage {
                message: "\"--fit-split\" and \"--validate-split\" need C to be validated".to_string(),
                hint: Some("--c validate".to_string()),
            });
        }
        return Ok(TrainingData::new(split, None));
    }
    let (fit, validate) = (arguments.fit_split.as_deref(), arguments.validate_split.as_deref());
    let known = Dataset::split_names(data, arguments.layout)?;
    let named = |name: &'static str| find_split(&known, name);
    let asked = fit.is_some() || validate.is_some();
    let fit = fit.or_else(|| named("train")).unwrap_or("train");
    let validate = validate.or_else(|| named("val")).unwrap_or("val");
    let has = |name: &str| known.iter().any(|split| split == name) && split.split != name;
    let validation = if asked || (has(fit) && has(validate)) {
        let aligned = |name: &str| -> Result<Dataset, Error> {
            let aligned = open(Some(name))?.align_categories(&split.categories);
            if !aligned.unknown.is_empty() {
                let found = joined(&aligned.unknown);
                reporter.warn(&format!("split \"{name}\" has labels that \"{}\" lacks: {found}", split.split));
            }
            Ok(aligned.dataset)
        };
        vec![(aligned(fit)?, aligned(validate)?)]
    } else {
        let rounds = split.validation_rounds(settings.seed);
        let pairs = match rounds.len() {
            1 => "two random halves".to_string(),
            several => format!("{} random pairs of halves", several / 2),
        };
        reporter.note(&format!("C is chosen on {pairs} of \"{}\"", split.split));
        rounds
    };
    Ok(TrainingData::new(split, validation))
}

fn write(mut output: AtomicFile, model: &BagOfWords, path: &std::path::Path) -> Result<(), Error> {
    model_file::to_container(model).write_to(&mut output).map_err(WriteError::io(path))?;
    Ok(output.commit()?)
}

/// Writes the command and its times beside the model, since the model's bytes must not depend on them.
fn write_log(path: &std::path::Path, reporter: &Reporter, seconds: f64) -> Result<(), Error> {
    if !path.is_file() {
        return Ok(());
    }
    let log = serde_json::json!({
        "command": std::env::args_os().map(|argument| to_text(argument.as_ref())).collect::<Vec<_>>(),
        "program": env!("CARGO_PKG_VERSION"),
        "threads": rayon::current_num_threads(),
        "seconds": seconds,
        "stages": reporter.finished(),
    });
    let log_path = path.with_extension("log.json");
    Ok(json::write(&log_path, &log)?)
}

/// What the pictures that chose C say.
fn validated(validation: &Validation) -> String {
    let accuracy = validation.balanced_accuracy;
    let accuracy = accuracy.map_or_else(String::new, |share| format!(", balanced accuracy {:.1} %", 100.0 * share));
    let pictures = validation.pictures.map_or_else(String::new, |count| format!(" on {count} pictures"));
    let on = match validation.rounds {
        1 => format!("of \"{}\"", validation.validate_split),
        rounds => format!("in {} random pairs of halves", rounds / 2),
    };
    format!(
        "mean AP (area) {:.1} %{accuracy}{pictures} {on}, which also chose C: these figures are optimistic",
        100.0 * validation.mean_average_precision
    )
}

fn report(model: &BagOfWords, path: &std::path::Path, reporter: &Reporter) -> Result<(), Error> {
    let training = &model.training;
    let precision = |category: usize| {
        training.validation.as_ref().and_then(|v| v.average_precision.get(category).copied().flatten())
    };
    let mut rows =
        vec![["category", "positives", "C", "support", "bounded", "KKT", "AP val (%)"].map(String::from).to_vec()];
    for (category, solver) in training.solvers.iter().enumerate() {
        rows.push(vec![
            solver.category.clone(),
            solver.positives.to_string(),
            number(solver.c),
            solver.report.support_vectors.to_string(),
            solver.report.bounded.to_string(),
            format!("{:.1e}", solver.report.kkt_violation),
            precision(category).map_or_else(|| "–".to_string(), |ap| format!("{:.1}", 100.0 * ap)),
        ]);
    }
    let mut text = table(&rows);
    if let Some(validation) = &training.validation {
        text.push_str(&format!("{}\n", validated(validation)));
    }
    text.push_str(&format!(
        "{} pictures{} → {}\n",
        model.training_pictures(),
        if model.kernel_machine().is_some() {
            format!(", {} of them support vectors", training.support_pictures.len())
        } else {
            String::new()
        },
        path.display()
    ));
    for solver in training.solvers.iter().filter(|solver| !solver.report.converged) {
        reporter.warn(&format!(
            "the solver of \"{}\" stopped at its limit with a KKT violation of {:.1e}",
            solver.category, solver.report.kkt_violation
        ));
    }
    reporter.text(&text)?;
    reporter.document(&serde_json::json!({"model": to_text(path), "training": training}))
}
