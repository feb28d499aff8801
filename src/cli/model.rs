//! `bowsight model show | export | histograms`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ndarray::Array2;
use rayon::prelude::*;

use super::Outcome;
use super::report::{Reporter, number, table};
use crate::any::AnyModel;
use crate::bow::score::Classifier;
use crate::bow::words::coding::Coding;
use crate::bow::{BagOfWords, Validation};
use crate::causes::chain;
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::format::json;
use crate::format::npy::write_array;
use crate::format::path_text::to_text;
use crate::model::Model;
use crate::picture::{Picture, PictureError};
use crate::progress::Progress;
use crate::settings::to_toml;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight model show voc.bowsight
  bowsight model export voc.bowsight --out voc/
  bowsight model histograms voc.bowsight --data VOC2012 --split test --out test.npy")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what a model is and how it was trained
    Show {
        /// The model file
        model: PathBuf,
    },
    /// Write every tensor as .npy, the configuration and the training record as .json
    Export {
        /// The model file
        model: PathBuf,
        /// The folder to write
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write histograms as .npy: those of the model's support pictures or of a data set. A JSON file beside it names the rows
    Histograms {
        /// The model file
        model: PathBuf,
        /// The file to write
        #[arg(long, value_name = "FILE.npy")]
        out: PathBuf,
        /// A data set, instead of the model's own support pictures
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Its split
        #[arg(long, value_name = "NAME", requires = "data")]
        split: Option<String>,
        /// Its layout; detected if omitted
        #[arg(long, value_name = "LAYOUT", requires = "data")]
        layout: Option<Layout>,
    },
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    match &arguments.action {
        Action::Show { model } => show(&load(model)?, model, reporter),
        Action::Export { model, out } => export(&load(model)?, out, reporter),
        Action::Histograms { model, out, data, split, layout } => {
            let model = load(model)?;
            let dataset = data.as_deref().map(|data| Dataset::open(data, split.as_deref(), *layout)).transpose()?;
            dataset.iter().for_each(|dataset| reporter.opened(dataset));
            histograms(&model, dataset.as_ref(), out, reporter)
        }
    }
}

fn load(path: &Path) -> Result<BagOfWords, Error> {
    match AnyModel::open(path)? {
        AnyModel::BagOfWords(model) => Ok(*model),
        AnyModel::Network(_) => Err(Error::Usage {
            message: format!("\"{}\" is a neural network", path.display()),
            hint: Some(format!("bowsight net show {}", path.display())),
        }),
    }
}

fn show(model: &BagOfWords, path: &Path, reporter: &Reporter) -> Result<Outcome, Error> {
    let training = &model.training;
    let mut text = format!(
        "{}\ntrained by bowsight {} on {} pictures of \"{}\"{}, seed {}\n",
        path.display(),
        training.version,
        model.training_pictures(),
        training.split,
        if model.kernel_machine().is_some() {
            format!(" ({} of them support vectors)", training.support_pictures.len())
        } else {
            String::new()
        },
        training.seed
    );
    text.push_str(&format!("data: sha256 {}\n\n", training.data_digest));
    let mut rows = vec![
        ["category", "positives", "negatives", "C", "support", "bounded", "steps", "gap", "KKT", "AP val (%)"]
            .map(String::from)
            .to_vec(),
    ];
    for (category, solver) in training.solvers.iter().enumerate() {
        let validated = training.validation.as_ref().and_then(|v| v.average_precision.get(category).copied().flatten());
        rows.push(vec![
            solver.category.clone(),
            solver.positives.to_string(),
            solver.negatives.to_string(),
            number(solver.c),
            solver.report.support_vectors.to_string(),
            solver.report.bounded.to_string(),
            solver.report.iterations.to_string(),
            format!("{:.1e}", solver.report.duality_gap),
            format!("{:.1e}", solver.report.kkt_violation),
            validated.map_or_else(|| "–".to_string(), |ap| format!("{:.1}", 100.0 * ap)),
        ]);
    }
    text.push_str(&table(&rows));
    if let Some(validation) = &training.validation {
        text.push_str(&format!("\nthe choice of C\n{}", grid(validation)));
        if !validation.calibration.is_empty() {
            text.push_str(&format!("\nprobabilities\n{}", probabilities(validation, &training.categories)));
        }
    }
    for (u, (channel, record)) in model.channels.iter().zip(&training.vocabularies).enumerate() {
        let mixture = record.mixture.as_ref().map_or_else(String::new, |mixture| {
            format!(
                "; a mixture from them on {:.1} % of the variance, {} passes, mean log-likelihood {:.4}",
                100.0 * mixture.explained_variance,
                mixture.iterations,
                mixture.mean_log_likelihood
            )
        });
        let (width, scale, beta, map) = match &model.classifier {
            Classifier::Kernel(machine) => {
                let channel = &machine.channels[u];
                (channel.width, channel.scale, channel.beta, String::new())
            }
            Classifier::Linear(machine) => {
                let channel = &machine.channels[u];
                let map = format!("; linear in {} features per dimension", channel.weights.map().width());
                (1.0, channel.scale, channel.beta, map)
            }
        };
        text.push_str(&format!(
            "\nchannel {u}: {} words from {} descriptors, {} passes, mean squared distance {:.4}{mixture}; {} dimensions; kernel {}, width {width:.4e}, scale {scale:.4e}, weight {beta:.3}{map}\n",
            channel.encoder.config.vocabulary.words,
            record.sample,
            record.iterations,
            record.mean_squared_distance,
            channel.encoder.config.dimensions(),
            channel.encoder.config.kernel.kind,
        ));
    }
    text.push_str(&format!("\n{}", to_toml(&model.settings)));
    reporter.text(&text)?;
    reporter.document(&serde_json::json!({"configuration": model.settings, "training": training}))?;
    Ok(Outcome::Done)
}

/// The measures of every C that was tried.
fn grid(validation: &Validation) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_string(), |share| format!("{:.1}", 100.0 * share));
    let mut rows = vec![["C", "mean AP (%)", "balanced accuracy (%)", "bounded (%)"].map(String::from).to_vec()];
    for point in &validation.grid {
        rows.push(vec![
            number(point.c),
            share(Some(point.mean_average_precision)),
            share(point.balanced_accuracy),
            share(point.bounded),
        ]);
    }
    table(&rows)
}

/// How each category's scores become probabilities, and how good these are on pictures that did not fit them.
fn probabilities(validation: &Validation, categories: &[String]) -> String {
    let mut rows = vec![
        ["category", "positives", "negatives", "slope", "intercept", "Brier score", "of the share alone"]
            .map(String::from)
            .to_vec(),
    ];
    for (category, calibration) in categories.iter().zip(&validation.calibration) {
        let of = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |value| format!("{value:.3}"));
        let reliability = calibration.reliability.as_ref();
        rows.push(vec![
            category.clone(),
            calibration.positives.to_string(),
            calibration.negatives.to_string(),
            of(calibration.curve.map(|curve| curve.slope)),
            of(calibration.curve.map(|curve| curve.intercept)),
            of(reliability.map(|reliability| reliability.brier)),
            of(reliability.map(|reliability| reliability.brier_of_share)),
        ]);
    }
    table(&rows)
}

fn export(model: &BagOfWords, out: &Path, reporter: &Reporter) -> Result<Outcome, Error> {
    json::write(&out.join("config.json"), &model.settings)?;
    json::write(&out.join("training.json"), &model.training)?;
    let bias = model.classifier.bias();
    write_array(&out.join("bias.npy"), &column(bias))?;
    let nothing = Array2::zeros((bias.len(), 0));
    let (dual, scores, labels) = match &model.classifier {
        Classifier::Kernel(machine) => (&machine.dual, &machine.train_scores, &machine.labels),
        Classifier::Linear(_) => (&nothing, &nothing, &Array2::zeros((bias.len(), 0))),
    };
    write_array(&out.join("dual.npy"), dual)?;
    write_array(&out.join("train_scores.npy"), scores)?;
    write_array(&out.join("labels.npy"), labels)?;
    for (u, channel) in model.channels.iter().enumerate() {
        let tensor = |name: &str| out.join(format!("channels.{u}.{name}.npy"));
        let soft_variance = match &channel.encoder.coding {
            Coding::Words { nearest, variance, .. } => {
                write_array(&tensor("vocabulary"), nearest.words())?;
                Some(*variance)
            }
            Coding::Mixture(fisher) => {
                let mixture = fisher.mixture();
                write_array(&tensor("mixture_means"), mixture.means())?;
                write_array(&tensor("mixture_variances"), mixture.variances())?;
                write_array(&tensor("mixture_weights"), &column(mixture.weights()))?;
                if let Some(principal) = fisher.principal() {
                    write_array(&tensor("principal_mean"), &column(principal.mean()))?;
                    write_array(&tensor("principal_axes"), principal.axes())?;
                }
                None
            }
        };
        let numbers = match &model.classifier {
            Classifier::Kernel(machine) => {
                let channel = &machine.channels[u];
                write_array(&tensor("histograms"), channel.histograms())?;
                serde_json::json!({
                    "kernel_width": channel.width, "kernel_scale": channel.scale, "beta": channel.beta,
                    "soft_variance": soft_variance, "map_power": null, "map_interval": null,
                })
            }
            Classifier::Linear(machine) => {
                let (channel, map) = (&machine.channels[u], machine.channels[u].weights.map());
                write_array(&tensor("histograms"), &Array2::<f32>::zeros((0, channel.weights.dimensions())))?;
                write_array(&tensor("weights"), channel.weights.values())?;
                write_array(&tensor("map_amplitudes"), &column(map.amplitudes()))?;
                serde_json::json!({
                    "kernel_width": 1.0, "kernel_scale": channel.scale, "beta": channel.beta,
                    "soft_variance": soft_variance, "map_power": map.power(), "map_interval": map.interval(),
                })
            }
        };
        json::write(&out.join(format!("channels.{u}.json")), &numbers)?;
    }
    reporter.text(&format!("{}\n", out.display()))?;
    reporter.document(&serde_json::json!({ "out": to_text(out) }))?;
    Ok(Outcome::Done)
}

/// A list as an array of one column.
fn column<T: Copy>(values: &[T]) -> Array2<T> {
    Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row])
}

/// All channels' histograms side by side.
fn histograms(
    model: &BagOfWords,
    dataset: Option<&Dataset>,
    out: &Path,
    reporter: &Reporter,
) -> Result<Outcome, Error> {
    let mut failed = 0;
    let (ids, rows): (Vec<String>, Vec<Vec<f32>>) = match dataset {
        None if model.kernel_machine().is_none() => {
            return Err(Error::Usage {
                message: "this model's linear classifiers have no support pictures whose histograms could be written"
                    .to_string(),
                hint: Some("--data DIR writes those of a data set".to_string()),
            });
        }
        None => {
            let machine = model.kernel_machine().expect("linear machines are refused above");
            let row = |i: usize| {
                machine.channels.iter().flat_map(|channel| channel.histograms().row(i).to_vec()).collect::<Vec<f32>>()
            };
            let ids = model.training.support_pictures.iter().map(ToString::to_string).collect::<Vec<_>>();
            let rows = (0..ids.len()).map(row).collect();
            (ids, rows)
        }
        Some(dataset) => {
            reporter.begin("histograms", dataset.pictures.len());
            let encoded: Vec<Result<Vec<f32>, PictureError>> = dataset
                .pictures
                .par_iter()
                .map(|entry| {
                    let picture = Picture::open(dataset.file(entry), model.reading());
                    reporter.step();
                    let picture = picture?;
                    let channels = model.channels.iter();
                    Ok(channels.flat_map(|channel| channel.encoder.histogram(&picture)).collect())
                })
                .collect();
            reporter.end();
            let mut kept = (Vec::new(), Vec::new());
            for (entry, result) in dataset.pictures.iter().zip(encoded) {
                match result {
                    Ok(row) => {
                        kept.0.push(entry.id.clone());
                        kept.1.push(row);
                    }
                    Err(error) => {
                        failed += 1;
                        reporter.warn(&format!("picture \"{}\" is left out: {}", entry.id, chain(&error)));
                    }
                }
            }
            kept
        }
    };
    let dimensions: usize = model.channels.iter().map(|channel| channel.encoder.config.dimensions()).sum();
    let matrix = Array2::from_shape_vec((rows.len(), dimensions), rows.concat())
        .map_err(|error| Error::usage(error.to_string()))?;
    write_array(out, &matrix)?;
    json::write(&out.with_extension("json"), &serde_json::json!({ "pictures": ids }))?;
    reporter.text(&format!("{}×{dimensions} → {}\n", ids.len(), out.display()))?;
    reporter.document(&serde_json::json!({ "out": to_text(out), "pictures": ids.len(), "dimensions": dimensions }))?;
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}
