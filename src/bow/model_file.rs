//! The model on disk: a safetensors container that is checked whole before anything of it is used.

use std::fs::File;
use std::path::Path;

use ndarray::Array2;

use super::channel::Encoder;
use super::config::{ChannelConfig, ConfigError, Configuration};
use super::words::codebook::Codebook;
use super::words::mapping::MappingKind;
use super::words::mapping::fisher::Fisher;
use super::words::mixture::GaussianMixture;
use super::words::nearest::NearestWords;
use super::words::principal::PrincipalComponents;
use super::{BagOfWords, FittedChannel, TrainingRecord};
use crate::format::atomic::WriteError;
use crate::format::container::{Container, ContainerError, Reader, Values};

/// Format name in the metadata.
pub const FORMAT: &str = "bowsight-model";
/// Format version in the metadata.
pub const VERSION: &str = "1";

/// Why a model file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The file could not be read.
    #[error("the file can't be read")]
    Io(#[from] std::io::Error),
    /// The container is damaged or lacks something.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is no model.
    #[error("\"format\" must be \"{FORMAT}\", found \"{found}\"")]
    Format {
        /// What the file says.
        found: String,
    },
    /// It is a model of a newer program.
    #[error("model version must be \"{VERSION}\", found \"{found}\": it was written by a newer program")]
    Version {
        /// What the file says.
        found: String,
    },
    /// A JSON part is malformed.
    #[error("metadata \"{key}\" is malformed")]
    Metadata {
        /// Its key.
        key: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The configuration's values are out of range.
    #[error("the model's configuration is invalid")]
    Config(#[from] ConfigError),
    /// Two parts contradict each other.
    #[error("{what} must be {expected}, found {found}")]
    Mismatch {
        /// What is counted.
        what: String,
        /// What the rest of the file says.
        expected: String,
        /// What it is.
        found: String,
    },
}

fn mismatch(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> ModelFileError {
    ModelFileError::Mismatch { what: what.into(), expected: expected.to_string(), found: found.to_string() }
}

/// The model as a container.
pub fn to_container(model: &BagOfWords) -> Result<Container, serde_json::Error> {
    let mut container = Container::default();
    let metadata = &mut container.metadata;
    metadata.insert("format".to_string(), FORMAT.to_string());
    metadata.insert("version".to_string(), VERSION.to_string());
    metadata.insert("config".to_string(), serde_json::to_string(&model.settings)?);
    metadata.insert("training".to_string(), serde_json::to_string(&model.training)?);
    for (u, channel) in model.channels.iter().enumerate() {
        let name = |tensor: &str| format!("channels.{u}.{tensor}");
        let flat = |array: &Array2<f32>| Values::F32(array.iter().copied().collect());
        match &channel.encoder.codebook {
            Codebook::Words(nearest, variance) => {
                container.insert(name("vocabulary"), nearest.words().shape(), flat(nearest.words()));
                if channel.encoder.config.mapping.kind.needs_variance() {
                    container.insert(name("soft_variance"), &[1], Values::F64(vec![*variance]));
                }
            }
            Codebook::Mixture(fisher) => {
                let mixture = fisher.mixture();
                for (tensor, array) in [("mixture_means", mixture.means()), ("mixture_variances", mixture.variances())]
                {
                    container.insert(name(tensor), array.shape(), Values::F64(array.iter().copied().collect()));
                }
                let weights = mixture.weights().to_vec();
                container.insert(name("mixture_weights"), &[weights.len()], Values::F64(weights));
                if let Some(principal) = fisher.principal() {
                    let mean = principal.mean().to_vec();
                    container.insert(name("principal_mean"), &[mean.len()], Values::F32(mean));
                    container.insert(name("principal_axes"), principal.axes().shape(), flat(principal.axes()));
                }
            }
        }
        container.insert(name("histograms"), channel.histograms().shape(), flat(channel.histograms()));
        if channel.encoder.config.kernel.kind.has_width() {
            container.insert(name("kernel_width"), &[1], Values::F64(vec![channel.kernel_width]));
        }
        container.insert(name("kernel_scale"), &[1], Values::F64(vec![channel.kernel_scale]));
        container.insert(name("beta"), &[1], Values::F64(vec![channel.beta]));
    }
    let flat = |array: &Array2<f64>| Values::F64(array.iter().copied().collect());
    container.insert("dual", model.dual.shape(), flat(&model.dual));
    container.insert("bias", &[model.bias.len()], Values::F64(model.bias.clone()));
    container.insert("train_scores", model.train_scores.shape(), flat(&model.train_scores));
    container.insert("labels", model.labels.shape(), Values::I8(model.labels.iter().copied().collect()));
    Ok(container)
}

/// Writes the model to `path`, whole or not at all.
///
/// # Errors
/// Those of writing a file.
pub fn save(model: &BagOfWords, path: &Path) -> Result<(), WriteError> {
    let container = to_container(model).map_err(|error| WriteError::io(path)(error.into()))?;
    container.write(path)
}

/// Loads the model at `path` through a memory map.
///
/// # Errors
/// [`ModelFileError`] for anything that is not a whole, consistent model of this version with finite numbers.
pub fn load(path: &Path) -> Result<BagOfWords, ModelFileError> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory).into());
    }
    // SAFETY: the map is read-only and lives no longer than this function, which copies what it keeps. Changing the
    // file meanwhile would be another program's fault; our own writers replace files, they never change them.
    #[allow(unsafe_code)]
    let map = unsafe { memmap2::Mmap::map(&file)? };
    from_bytes(&map)
}

/// Reads and checks a model.
///
/// # Errors
/// [`ModelFileError`].
pub fn from_bytes(bytes: &[u8]) -> Result<BagOfWords, ModelFileError> {
    let reader = Reader::new(bytes)?;
    let format = reader.metadata("format")?;
    if format != FORMAT {
        return Err(ModelFileError::Format { found: format.to_string() });
    }
    let version = reader.metadata("version")?;
    if version != VERSION {
        return Err(ModelFileError::Version { found: version.to_string() });
    }
    let config: Configuration = serde_json::from_str(reader.metadata("config")?)
        .map_err(|source| ModelFileError::Metadata { key: "config", source })?;
    let settings = config.check()?;
    let training: TrainingRecord = serde_json::from_str(reader.metadata("training")?)
        .map_err(|source| ModelFileError::Metadata { key: "training", source })?;
    let (categories, pictures) = (training.categories.len(), training.support_pictures.len());
    if categories == 0 {
        return Err(mismatch("number of categories", "at least 1", 0));
    }
    let unique: std::collections::BTreeSet<&String> = training.categories.iter().collect();
    if unique.len() != categories {
        return Err(mismatch("number of different categories", categories, unique.len()));
    }
    if training.solvers.len() != categories {
        return Err(mismatch("number of solver records", categories, training.solvers.len()));
    }
    let matrix = |name: &str| -> Result<Array2<f64>, ModelFileError> {
        let values = reader.finite_f64s(name, &[categories, pictures])?;
        Array2::from_shape_vec((categories, pictures), values).map_err(|error| mismatch(name, "a matrix", error))
    };
    let dual = matrix("dual")?;
    let train_scores = matrix("train_scores")?;
    let bias = reader.finite_f64s("bias", &[categories])?;
    let labels = Array2::from_shape_vec((categories, pictures), reader.i8s("labels", &[categories, pictures])?)
        .map_err(|error| mismatch("labels", "a matrix", error))?;
    check_dual(&training, &dual, &labels)?;
    let mut channels = Vec::with_capacity(settings.channel.len());
    for (u, config) in settings.channel.iter().enumerate() {
        let name = |tensor: &str| format!("channels.{u}.{tensor}");
        let codebook = codebook(&reader, config, u)?;
        let shape = (pictures, config.dimensions());
        let histograms = reader.finite_f32s(&name("histograms"), &[shape.0, shape.1])?;
        let histograms = Array2::from_shape_vec(shape, histograms)
            .map_err(|error| mismatch(name("histograms"), "a matrix", error))?;
        let positive = |tensor: &str| -> Result<f64, ModelFileError> {
            let value = reader.finite_f64s(&name(tensor), &[1])?[0];
            if value > 0.0 { Ok(value) } else { Err(mismatch(name(tensor), "positive", value)) }
        };
        let kernel_width = if config.kernel.kind.has_width() { positive("kernel_width")? } else { 1.0 };
        let kernel_scale = positive("kernel_scale")?;
        let beta = reader.finite_f64s(&name("beta"), &[1])?[0];
        if !(0.0..=1.0).contains(&beta) {
            return Err(mismatch(name("beta"), "between 0 and 1", beta));
        }
        let encoder = Encoder::new(config.clone(), codebook);
        channels.push(FittedChannel::new(encoder, histograms, kernel_width, kernel_scale, beta));
    }
    Ok(BagOfWords { settings, training, channels, dual, bias, train_scores, labels })
}

/// The words of channel `u`, or its mixture.
fn codebook(reader: &Reader<'_>, config: &ChannelConfig, u: usize) -> Result<Codebook, ModelFileError> {
    let name = |tensor: &str| format!("channels.{u}.{tensor}");
    let single = |tensor: &str, shape: (usize, usize)| -> Result<Array2<f32>, ModelFileError> {
        let values = reader.finite_f32s(&name(tensor), &[shape.0, shape.1])?;
        Array2::from_shape_vec(shape, values).map_err(|error| mismatch(name(tensor), "a matrix", error))
    };
    let (count, width) = (config.vocabulary.words, super::features::family(&config.descriptor).width());
    let positive = |tensor: &str, values: Vec<f64>| match values.iter().find(|value| **value <= 0.0) {
        Some(value) => Err(mismatch(name(tensor), "positive", value)),
        None => Ok(values),
    };
    if config.mapping.kind != MappingKind::Fisher {
        let words = single("vocabulary", (count, width))?;
        let variance = if config.mapping.kind.needs_variance() {
            positive("soft_variance", reader.finite_f64s(&name("soft_variance"), &[1])?)?[0]
        } else {
            1.0
        };
        return Ok(Codebook::Words(NearestWords::new(words), variance));
    }
    let (principal, reduced) = match config.mapping.reduced {
        0 => (None, width),
        reduced => {
            let mean = reader.finite_f32s(&name("principal_mean"), &[width])?;
            (Some(PrincipalComponents::new(mean, single("principal_axes", (reduced, width))?)), reduced)
        }
    };
    let matrix = |tensor: &str, values: Vec<f64>| {
        Array2::from_shape_vec((count, reduced), values).map_err(|error| mismatch(name(tensor), "a matrix", error))
    };
    let read = |tensor: &str| reader.finite_f64s(&name(tensor), &[count, reduced]);
    let means = matrix("mixture_means", read("mixture_means")?)?;
    let variances = positive("mixture_variances", read("mixture_variances")?)?;
    let variances = matrix("mixture_variances", variances)?;
    let weights = positive("mixture_weights", reader.finite_f64s(&name("mixture_weights"), &[count])?)?;
    let sum: f64 = weights.iter().sum();
    if (sum - 1.0).abs() > 1e-9 {
        return Err(mismatch(format!("sum of {}", name("mixture_weights")), 1, sum));
    }
    let fisher = Fisher::new(&config.mapping, principal, GaussianMixture::new(means, variances, weights));
    Ok(Codebook::Mixture(std::sync::Arc::new(fisher)))
}

/// 0 ≤ y a ≤ C for every picture and category, and a = 0 where the picture is difficult.
fn check_dual(training: &TrainingRecord, dual: &Array2<f64>, labels: &Array2<i8>) -> Result<(), ModelFileError> {
    for ((category, row), (labels, solver)) in
        dual.rows().into_iter().enumerate().zip(labels.rows().into_iter().zip(&training.solvers))
    {
        for (picture, (&a, &label)) in row.iter().zip(labels).enumerate() {
            let bound = match label {
                1 => solver.c_positive,
                -1 => solver.c_negative,
                0 => 0.0,
                _ => return Err(mismatch(format!("labels at ({category}, {picture})"), "+1, −1 or 0", label)),
            };
            let alpha = a * f64::from(label);
            let inside = if label == 0 { a == 0.0 } else { alpha >= -1e-9 && alpha <= bound + 1e-9 };
            if !inside {
                let what = format!("dual coefficient at ({category}, {picture})");
                return Err(mismatch(what, format!("0 to {bound} times its label {label}"), a));
            }
        }
    }
    Ok(())
}
