//! `bowsight model show | export | histograms`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ndarray::Array2;
use ndarray_npy::{WritableElement, WriteNpyExt};
use rayon::prelude::*;

use super::Outcome;
use super::arguments::{decode_options, load};
use super::report::{Reporter, table};
use crate::bow::BagOfWords;
use crate::bow::score::feature_map::{FeatureMap, Weights};
use crate::bow::words::codebook::Codebook;
use crate::causes::chain;
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::format::atomic::{self, AtomicFile, WriteError};
use crate::picture::Picture;
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
    /// What a model is and how it was trained
    Show {
        /// The model file
        model: PathBuf,
    },
    /// Every tensor as .npy, configuration and training as .json
    Export {
        /// The model file
        model: PathBuf,
        /// The folder to write
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Histograms as .npy: of the model's support pictures, or of a data set's pictures; a JSON file beside it names the rows
    Histograms {
        /// The model file
        model: PathBuf,
        /// The file to write
        #[arg(long, value_name = "FILE.npy")]
        out: PathBuf,
        /// A data set instead of the model's own support pictures
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Its split
        #[arg(long, value_name = "NAME", requires = "data")]
        split: Option<String>,
        /// Its layout, where it is not to be found out
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
            histograms(&model, dataset.as_ref(), out, reporter)
        }
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
        if model.has_support() {
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
            format!("{:.3}", solver.c),
            solver.report.support_vectors.to_string(),
            solver.report.bounded.to_string(),
            solver.report.iterations.to_string(),
            format!("{:.1e}", solver.report.duality_gap),
            format!("{:.1e}", solver.report.kkt_violation),
            validated.map_or_else(|| "–".to_string(), |ap| format!("{:.1}", 100.0 * ap)),
        ]);
    }
    text.push_str(&table(&rows));
    for (u, (channel, record)) in model.channels.iter().zip(&training.vocabularies).enumerate() {
        let mixture = record.mixture.as_ref().map_or_else(String::new, |mixture| {
            format!(
                "; a mixture from them on {:.1} % of the variance, {} passes, mean log-likelihood {:.4}",
                100.0 * mixture.explained_variance,
                mixture.iterations,
                mixture.mean_log_likelihood
            )
        });
        let map = channel
            .weights
            .as_ref()
            .map_or_else(String::new, |weights| format!("; linear in {} features a dimension", weights.map().width()));
        text.push_str(&format!(
            "\nchannel {u}: {} words from {} descriptors, {} passes, mean squared distance {:.4}{mixture}; {} dimensions; kernel {}, width {:.4e}, scale {:.4e}, weight {:.3}{map}\n",
            channel.encoder.config.vocabulary.words,
            record.sample,
            record.iterations,
            record.mean_squared_distance,
            channel.histograms().ncols(),
            channel.encoder.config.kernel.kind,
            channel.kernel_width,
            channel.kernel_scale,
            channel.beta
        ));
    }
    text.push_str(&format!("\n{}", to_toml(&model.settings)));
    reporter.text(&text)?;
    reporter.document(&serde_json::json!({"configuration": model.settings, "training": training}))?;
    Ok(Outcome::Done)
}

fn write_npy<T: WritableElement + Clone>(path: &Path, array: &Array2<T>) -> Result<(), Error> {
    let mut file = AtomicFile::create(path)?;
    array.write_npy(&mut file).map_err(|error| WriteError::io(path)(std::io::Error::other(error)))?;
    Ok(file.commit()?)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| WriteError::io(path)(error.into()))?;
    text.push('\n');
    Ok(atomic::write(path, text.as_bytes())?)
}

fn export(model: &BagOfWords, out: &Path, reporter: &Reporter) -> Result<Outcome, Error> {
    write_json(&out.join("config.json"), &model.settings)?;
    write_json(&out.join("training.json"), &model.training)?;
    write_npy(&out.join("dual.npy"), &model.dual)?;
    write_npy(&out.join("train_scores.npy"), &model.train_scores)?;
    write_npy(&out.join("labels.npy"), &model.labels)?;
    let column = |values: Vec<f64>| Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
    write_npy(&out.join("bias.npy"), &column(model.bias.clone()))?;
    for (u, channel) in model.channels.iter().enumerate() {
        let tensor = |name: &str| out.join(format!("channels.{u}.{name}.npy"));
        let soft_variance = match &channel.encoder.codebook {
            Codebook::Words(nearest, variance) => {
                write_npy(&tensor("vocabulary"), nearest.words())?;
                Some(*variance)
            }
            Codebook::Mixture(fisher) => {
                let mixture = fisher.mixture();
                write_npy(&tensor("mixture_means"), mixture.means())?;
                write_npy(&tensor("mixture_variances"), mixture.variances())?;
                write_npy(&tensor("mixture_weights"), &column(mixture.weights().to_vec()))?;
                if let Some(principal) = fisher.principal() {
                    let mean = principal.mean();
                    write_npy(&tensor("principal_mean"), &Array2::from_shape_fn((mean.len(), 1), |(d, _)| mean[d]))?;
                    write_npy(&tensor("principal_axes"), principal.axes())?;
                }
                None
            }
        };
        write_npy(&out.join(format!("channels.{u}.histograms.npy")), channel.histograms())?;
        if let Some(weights) = &channel.weights {
            write_npy(&tensor("weights"), weights.values())?;
            write_npy(&tensor("map_amplitudes"), &column(weights.map().amplitudes().to_vec()))?;
        }
        let map = channel.weights.as_ref().map(Weights::map);
        write_json(
            &out.join(format!("channels.{u}.json")),
            &serde_json::json!({
                "kernel_width": channel.kernel_width,
                "kernel_scale": channel.kernel_scale,
                "beta": channel.beta,
                "soft_variance": soft_variance,
                "map_power": map.map(FeatureMap::power),
                "map_interval": map.map(FeatureMap::interval),
            }),
        )?;
    }
    reporter.text(&format!("{}\n", out.display()))?;
    reporter.document(&serde_json::json!({ "out": out }))?;
    Ok(Outcome::Done)
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
        None if !model.has_support() => {
            return Err(Error::Usage {
                message: "this model's linear classifiers have no support pictures whose histograms could be written"
                    .to_string(),
                hint: Some("--data DIR writes those of a data set".to_string()),
            });
        }
        None => {
            let row = |i: usize| {
                model.channels.iter().flat_map(|channel| channel.histograms().row(i).to_vec()).collect::<Vec<f32>>()
            };
            let ids = model.training.support_pictures.iter().map(ToString::to_string).collect::<Vec<_>>();
            let rows = (0..ids.len()).map(row).collect();
            (ids, rows)
        }
        Some(dataset) => {
            let options = decode_options(&model.settings);
            reporter.begin("histograms", dataset.pictures.len());
            let encoded: Vec<Result<Vec<f32>, String>> = dataset
                .pictures
                .par_iter()
                .map(|entry| {
                    let picture = Picture::open(&dataset.file(entry), &options).map_err(|error| chain(&error));
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
                    Err(reason) => {
                        failed += 1;
                        reporter.note(&format!("warning: picture \"{}\" is left out: {reason}", entry.id));
                    }
                }
            }
            kept
        }
    };
    let dimensions: usize = model.channels.iter().map(|channel| channel.histograms().ncols()).sum();
    let matrix = Array2::from_shape_vec((rows.len(), dimensions), rows.concat())
        .map_err(|error| Error::usage(error.to_string()))?;
    write_npy(out, &matrix)?;
    write_json(&out.with_extension("json"), &serde_json::json!({ "pictures": ids }))?;
    reporter.text(&format!("{}×{dimensions} → {}\n", ids.len(), out.display()))?;
    reporter.document(&serde_json::json!({ "out": out, "pictures": ids.len(), "dimensions": dimensions }))?;
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}
