//! The model on disk: a safetensors container that is checked whole before anything of it is used.

use std::fs::File;
use std::path::Path;

use ndarray::Array2;

use super::codebook;
use super::error::{ModelFileError, mismatch};
use crate::bow::channel::Encoder;
use crate::bow::config::{Configuration, Settings, Solver};
use crate::bow::score::feature_map::{FeatureMap, Weights};
use crate::bow::words::examples::{EXAMPLES, PATCH, WordExamples};
use crate::bow::{BagOfWords, FittedChannel, TrainingRecord};
use crate::format::atomic::WriteError;
use crate::format::container::{Container, Reader, Values};

/// Format name in the metadata.
pub const FORMAT: &str = "bowsight-model";
/// Format version in the metadata.
pub const VERSION: &str = "1";

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
        codebook::insert(&mut container, u, &channel.encoder.codebook, &channel.encoder.config);
        let histograms = channel.histograms().iter().copied().collect();
        container.insert(name("histograms"), channel.histograms().shape(), Values::F32(histograms));
        if channel.encoder.config.kernel.kind.has_width() {
            container.insert(name("kernel_width"), &[1], Values::F64(vec![channel.kernel_width]));
        }
        container.insert(name("kernel_scale"), &[1], Values::F64(vec![channel.kernel_scale]));
        container.insert(name("beta"), &[1], Values::F64(vec![channel.beta]));
        if let Some(weights) = &channel.weights {
            let map = weights.map();
            let shape = [weights.values().nrows(), map.width(), weights.dimensions()];
            container.insert(name("weights"), &shape, Values::F64(weights.values().iter().copied().collect()));
            container.insert(name("map_power"), &[1], Values::F64(vec![map.power()]));
            container.insert(name("map_interval"), &[1], Values::F64(vec![map.interval()]));
            container.insert(name("map_amplitudes"), &[map.amplitudes().len()], Values::F64(map.amplitudes().to_vec()));
        }
        if let Some(examples) = &channel.examples {
            let shape = [examples.places.len(), EXAMPLES, 5];
            container.insert(name("word_examples"), &shape, Values::I32(examples.to_numbers()));
            if let Some(patches) = &examples.patches {
                let shape = [examples.places.len(), EXAMPLES, PATCH, PATCH, 3];
                container.insert(name("word_patches"), &shape, Values::U8(padded(patches)));
            }
        }
    }
    let flat = |array: &Array2<f64>| Values::F64(array.iter().copied().collect());
    container.insert("dual", model.dual.shape(), flat(&model.dual));
    container.insert("bias", &[model.bias.len()], Values::F64(model.bias.clone()));
    container.insert("train_scores", model.train_scores.shape(), flat(&model.train_scores));
    container.insert("labels", model.labels.shape(), Values::I8(model.labels.iter().copied().collect()));
    Ok(container)
}

/// The patches of every word, black where there are fewer than [`EXAMPLES`].
fn padded(patches: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let size = 3 * PATCH * PATCH;
    let mut all = Vec::with_capacity(patches.len() * EXAMPLES * size);
    for word in patches {
        word.iter().for_each(|patch| all.extend_from_slice(patch));
        all.resize(all.len() + (EXAMPLES - word.len()) * size, 0);
    }
    all
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
/// No other program may change the file until this returns: if it is cut short meanwhile, reading beyond its new end
/// kills the process (SIGBUS on Unix), which no error can report. Replacing the file by renaming another over it is safe.
///
/// # Errors
/// [`ModelFileError`] for anything that is not a whole, consistent model of this version with finite numbers.
pub fn load(path: &Path) -> Result<BagOfWords, ModelFileError> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory).into());
    }
    // SAFETY: the map is read-only and lives no longer than this function, which copies what it keeps. Our own writers
    // replace files and never change them; what another program may do meanwhile is said above.
    #[expect(unsafe_code, reason = "mapping a file is unsafe, as others might change it")]
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
    if settings.svm.solver == Solver::Linear && pictures > 0 {
        return Err(mismatch("number of support pictures of linear classifiers", 0, pictures));
    }
    let mut channels = Vec::with_capacity(settings.channel.len());
    for (u, config) in settings.channel.iter().enumerate() {
        let name = |tensor: &str| format!("channels.{u}.{tensor}");
        let codebook = codebook::read(&reader, u, config)?;
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
        let examples = read_examples(&reader, u, config.vocabulary.words, training.pictures.len())?;
        let channel = FittedChannel::new(encoder, histograms, kernel_width, kernel_scale, beta);
        let weights = match settings.svm.solver {
            Solver::Smo => None,
            Solver::Linear => Some(read_weights(&reader, u, &settings, categories)?),
        };
        channels.push(FittedChannel { examples, weights, ..channel });
    }
    let total: f64 = channels.iter().map(|channel| channel.beta).sum();
    if (total - 1.0).abs() > 1e-9 {
        return Err(mismatch("sum of the channels' \"beta\"", 1, total));
    }
    Ok(BagOfWords { settings, training, channels, dual, bias, train_scores, labels })
}

/// The weights of linear classifiers, and the map of their features.
fn read_weights(
    reader: &Reader<'_>,
    u: usize,
    settings: &Settings,
    categories: usize,
) -> Result<Weights, ModelFileError> {
    let name = |tensor: &str| format!("channels.{u}.{tensor}");
    let config = &settings.channel[u];
    let Some(usual) = config.kernel.kind.feature_map(settings.svm.map_order) else {
        return Err(mismatch(name("map_power"), "of a kernel with a feature map", config.kernel.kind));
    };
    // Amplitudes and interval are the file's; what may be negative and how many there are is the kernel's.
    let amplitudes = reader.finite_f64s(&name("map_amplitudes"), &[usual.amplitudes().len()])?;
    let interval = reader.finite_f64s(&name("map_interval"), &[1])?[0];
    let power = reader.finite_f64s(&name("map_power"), &[1])?[0];
    let map = FeatureMap::from_parts(power, interval, amplitudes).filter(|_| power == usual.power());
    let map = map.ok_or_else(|| mismatch(name("map_power"), usual.power(), power))?;
    let (width, dimensions) = (map.width(), config.dimensions());
    let values = reader.finite_f64s(&name("weights"), &[categories, width, dimensions])?;
    let values = Array2::from_shape_vec((categories, width * dimensions), values)
        .map_err(|error| mismatch(name("weights"), "a matrix", error))?;
    Ok(Weights::new(map, values))
}

/// The words' examples, which older models don't have.
fn read_examples(
    reader: &Reader<'_>,
    u: usize,
    words: usize,
    pictures: usize,
) -> Result<Option<WordExamples>, ModelFileError> {
    let (places, patches) = (format!("channels.{u}.word_examples"), format!("channels.{u}.word_patches"));
    let names = reader.names();
    if !names.contains(&places) {
        return Ok(None);
    }
    let numbers = reader.i32s(&places, &[words, EXAMPLES, 5])?;
    let mut examples = WordExamples::from_numbers(&numbers, pictures)
        .ok_or_else(|| mismatch(&places, format!("rectangles in {pictures} pictures, or −1"), "something else"))?;
    if names.contains(&patches) {
        let bytes = reader.u8s(&patches, &[words, EXAMPLES, PATCH, PATCH, 3])?;
        let of_word = |(places, bytes): (&Vec<_>, &[u8])| {
            bytes.chunks(3 * PATCH * PATCH).take(places.len()).map(<[u8]>::to_vec).collect()
        };
        let kept = examples.places.iter().zip(bytes.chunks(EXAMPLES * 3 * PATCH * PATCH)).map(of_word).collect();
        examples.patches = Some(kept);
    }
    Ok(Some(examples))
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
