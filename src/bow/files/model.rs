//! The model on disk: a safetensors container that is checked whole before anything of it is used.

use std::path::Path;

use ndarray::Array2;

use super::coding;
use super::error::{ModelFileError, mismatch};
use crate::bow::channel::Encoder;
use crate::bow::config::{Configuration, Settings, Solver};
use crate::bow::model::{BagOfWords, FittedChannel};
use crate::bow::record::TrainingRecord;
use crate::bow::score::feature_map::{FeatureMap, Weights};
use crate::bow::score::kernel::Kernel;
use crate::bow::score::{Classifier, KernelChannel, KernelMachine, LinearChannel, LinearMachine};
use crate::bow::words::examples::{EXAMPLES, PATCH, WordExamples};
use crate::format::atomic::WriteError;
use crate::format::container::{self, Container, Reader, Values};

/// Format name in the metadata.
pub const FORMAT: &str = "bowsight-model";
/// Format version in the metadata.
pub const VERSION: &str = "1";

/// Writes the model into a container.
pub fn to_container(model: &BagOfWords) -> Container {
    let mut container = Container::default();
    let json = |value: serde_json::Result<String>| value.expect("own types serialize");
    for (key, value) in [
        ("format", FORMAT.to_string()),
        ("version", VERSION.to_string()),
        ("config", json(serde_json::to_string(&model.settings))),
        ("training", json(serde_json::to_string(&model.training))),
    ] {
        container.metadata.insert(key.to_string(), value);
    }
    for (u, channel) in model.channels.iter().enumerate() {
        coding::insert(&mut container, u, &channel.encoder.coding, &channel.encoder.config);
        if let Some(examples) = &channel.examples {
            insert_examples(&mut container, u, examples);
        }
    }
    match &model.classifier {
        Classifier::Kernel(machine) => insert_kernel_machine(&mut container, machine),
        Classifier::Linear(machine) => insert_linear_machine(&mut container, machine),
    }
    container
}

fn insert_examples(container: &mut Container, u: usize, examples: &WordExamples) {
    let shape = [examples.places.len(), EXAMPLES, 5];
    container.insert(tensor(u, "word_examples"), &shape, Values::I32(examples.to_numbers()));
    if let Some(patches) = &examples.patches {
        let shape = [examples.places.len(), EXAMPLES, PATCH, PATCH, 3];
        container.insert(tensor(u, "word_patches"), &shape, Values::U8(padded(patches)));
    }
}

fn insert_scale(container: &mut Container, u: usize, scale: f64, beta: f64) {
    container.insert(tensor(u, "kernel_scale"), &[1], Values::F64(vec![scale]));
    container.insert(tensor(u, "beta"), &[1], Values::F64(vec![beta]));
}

fn insert_kernel_machine(container: &mut Container, machine: &KernelMachine) {
    for (u, channel) in machine.channels.iter().enumerate() {
        let histograms = channel.histograms().iter().copied().collect();
        container.insert(tensor(u, "histograms"), channel.histograms().shape(), Values::F32(histograms));
        if let Kernel::Product { width, .. } = channel.kernel {
            container.insert(tensor(u, "kernel_width"), &[1], Values::F64(vec![width]));
        }
        insert_scale(container, u, channel.scale, channel.beta);
    }
    insert_coefficients(container, &machine.dual, &machine.train_scores, &machine.labels);
    container.insert("bias", &[machine.bias.len()], Values::F64(machine.bias.clone()));
}

/// A linear machine keeps no training pictures: their tensors are there, and empty.
fn insert_linear_machine(container: &mut Container, machine: &LinearMachine) {
    for (u, channel) in machine.channels.iter().enumerate() {
        let (weights, map) = (&channel.weights, channel.weights.map());
        container.insert(tensor(u, "histograms"), &[0, weights.dimensions()], Values::F32(Vec::new()));
        insert_scale(container, u, channel.scale, channel.beta);
        let shape = [weights.values().nrows(), map.width(), weights.dimensions()];
        container.insert(tensor(u, "weights"), &shape, Values::F64(weights.values().iter().copied().collect()));
        container.insert(tensor(u, "map_power"), &[1], Values::F64(vec![map.power()]));
        container.insert(tensor(u, "map_interval"), &[1], Values::F64(vec![map.interval()]));
        let amplitudes = map.amplitudes().to_vec();
        container.insert(tensor(u, "map_amplitudes"), &[amplitudes.len()], Values::F64(amplitudes));
    }
    let nothing = Array2::zeros((machine.bias.len(), 0));
    insert_coefficients(container, &nothing, &nothing, &Array2::zeros((machine.bias.len(), 0)));
    container.insert("bias", &[machine.bias.len()], Values::F64(machine.bias.clone()));
}

fn insert_coefficients(container: &mut Container, dual: &Array2<f64>, scores: &Array2<f64>, labels: &Array2<i8>) {
    let flat = |array: &Array2<f64>| Values::F64(array.iter().copied().collect());
    container.insert("dual", dual.shape(), flat(dual));
    container.insert("train_scores", scores.shape(), flat(scores));
    container.insert("labels", labels.shape(), Values::I8(labels.iter().copied().collect()));
}

/// The name of a channel's tensor.
fn tensor(u: usize, name: &str) -> String {
    format!("channels.{u}.{name}")
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
    to_container(model).write(path)
}

/// Loads the model at `path` through a memory map.
///
/// No other program may change the file until this returns: if it is cut short meanwhile, reading beyond its new end
/// kills the process (SIGBUS on Unix), which no error can report. Replacing the file by renaming another over it is safe.
///
/// # Errors
/// [`ModelFileError`] for anything that is not a whole, consistent model of this version with finite numbers.
pub fn load(path: &Path) -> Result<BagOfWords, ModelFileError> {
    from_bytes(&container::map(path)?)
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
    check_record(&training)?;
    // The coefficients come first: what they contradict is the record, not a channel.
    let coefficients = Coefficients::read(&reader, &training)?;
    let mut channels = Vec::with_capacity(settings.channel.len());
    for (u, config) in settings.channel.iter().enumerate() {
        let encoder = Encoder::new(config.clone(), coding::read(&reader, u, config)?);
        let examples = read_examples(&reader, u, config.vocabulary.words, training.pictures.len())?;
        channels.push(FittedChannel { encoder, examples });
    }
    let classifier = match settings.svm.solver {
        Solver::Smo => Classifier::Kernel(read_kernel_machine(&reader, &settings, coefficients)?),
        Solver::Linear => Classifier::Linear(read_linear_machine(&reader, &settings, coefficients)?),
    };
    let total: f64 = classifier.betas().iter().sum();
    if (total - 1.0).abs() > 1e-9 {
        return Err(mismatch("sum of the channels' \"beta\"", 1, total));
    }
    Ok(BagOfWords::new(settings, training, channels, classifier))
}

fn check_record(training: &TrainingRecord) -> Result<(), ModelFileError> {
    let categories = training.categories.len();
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
    let calibration = training.validation.iter().flat_map(|validation| &validation.calibration);
    let count = calibration.clone().count();
    if count != 0 && count != categories {
        return Err(mismatch("number of calibrations", categories, count));
    }
    if let Some(unsound) = calibration.into_iter().find(|calibration| !calibration.is_sound()) {
        return Err(mismatch("a calibration's curve", "finite and rising", format!("{:?}", unsound.curve)));
    }
    Ok(())
}

/// What every model file has, whatever the machine.
struct Coefficients {
    dual: Array2<f64>,
    train_scores: Array2<f64>,
    bias: Vec<f64>,
    labels: Array2<i8>,
}

impl Coefficients {
    fn read(reader: &Reader<'_>, training: &TrainingRecord) -> Result<Self, ModelFileError> {
        let (categories, pictures) = (training.categories.len(), training.support_pictures.len());
        let matrix = |name: &str| -> Result<Array2<f64>, ModelFileError> {
            let values = reader.finite_f64s(name, &[categories, pictures])?;
            Array2::from_shape_vec((categories, pictures), values).map_err(|error| mismatch(name, "a matrix", error))
        };
        let (dual, train_scores) = (matrix("dual")?, matrix("train_scores")?);
        let bias = reader.finite_f64s("bias", &[categories])?;
        let labels = Array2::from_shape_vec((categories, pictures), reader.i8s("labels", &[categories, pictures])?)
            .map_err(|error| mismatch("labels", "a matrix", error))?;
        check_dual(training, &dual, &labels)?;
        Ok(Self { dual, train_scores, bias, labels })
    }
}

fn read_kernel_machine(
    reader: &Reader<'_>,
    settings: &Settings,
    coefficients: Coefficients,
) -> Result<KernelMachine, ModelFileError> {
    let Coefficients { dual, train_scores, bias, labels } = coefficients;
    let mut channels = Vec::with_capacity(settings.channel.len());
    for (u, config) in settings.channel.iter().enumerate() {
        let shape = (dual.ncols(), config.dimensions());
        let histograms = reader.finite_f32s(&tensor(u, "histograms"), &[shape.0, shape.1])?;
        let histograms = Array2::from_shape_vec(shape, histograms)
            .map_err(|error| mismatch(tensor(u, "histograms"), "a matrix", error))?;
        let kind = config.kernel.kind;
        let width = if kind.has_width() { positive(reader, u, "kernel_width")? } else { 1.0 };
        let (scale, beta) = read_scale(reader, u)?;
        channels.push(KernelChannel::new(kind.with_width(width), histograms, scale, beta));
    }
    Ok(KernelMachine { channels, dual, bias, train_scores, labels })
}

fn read_linear_machine(
    reader: &Reader<'_>,
    settings: &Settings,
    coefficients: Coefficients,
) -> Result<LinearMachine, ModelFileError> {
    let Coefficients { dual, bias, .. } = coefficients;
    if dual.ncols() > 0 {
        return Err(mismatch("number of support pictures of linear classifiers", 0, dual.ncols()));
    }
    let mut channels = Vec::with_capacity(settings.channel.len());
    for u in 0..settings.channel.len() {
        let (scale, beta) = read_scale(reader, u)?;
        channels.push(LinearChannel { weights: read_weights(reader, u, settings, bias.len())?, scale, beta });
    }
    Ok(LinearMachine { channels, bias })
}

fn positive(reader: &Reader<'_>, u: usize, name: &str) -> Result<f64, ModelFileError> {
    let value = reader.finite_f64s(&tensor(u, name), &[1])?[0];
    if value > 0.0 { Ok(value) } else { Err(mismatch(tensor(u, name), "positive", value)) }
}

/// s and β of a channel.
fn read_scale(reader: &Reader<'_>, u: usize) -> Result<(f64, f64), ModelFileError> {
    let scale = positive(reader, u, "kernel_scale")?;
    let beta = reader.finite_f64s(&tensor(u, "beta"), &[1])?[0];
    if !(0.0..=1.0).contains(&beta) {
        return Err(mismatch(tensor(u, "beta"), "between 0 and 1", beta));
    }
    Ok((scale, beta))
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
