//! `bowsight net import`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Outcome;
use crate::cli::report::Reporter;
use crate::error::Error;
use crate::format::path_text::to_text;
use crate::format::sha256_of_file;
use crate::nn::file::save;
use crate::nn::layers::shape_text;
use crate::nn::network::{Explaining, Network, Origin, Source, Way};
use crate::nn::onnx::{self, Import, Options};
use crate::nn::preparation::{Colours, Known, Layout, Preparation};
use crate::picture::{Fit, Fitting};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight net import squeezenet.onnx --labels labels.txt --preparation caffe-bgr --model squeezenet.bowsight
  bowsight net import resnet.onnx --labels imagenet.txt --preparation imagenet-rgb --fit crop --model resnet.bowsight
  bowsight net import digits.onnx --preparation mnist --input-size 28 --model digits.bowsight

The preparation travels in the model: the size, how other pictures come to it, the order of the channels, and (SCALE·v − MEAN)/DEVIATION of \
    every sample v from 0 to 255. Nothing in an ONNX file tells it: ask who trained the network.")]
pub(super) struct Importing {
    /// The ONNX file; weights beside it are read from its own folder alone
    onnx: PathBuf,
    /// The model file to write
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    model: PathBuf,
    /// A text file with the categories' names, one on each line, with or without their numbers from 0 [default: the numbers from 0]
    #[arg(long, value_name = "FILE.txt", value_hint = clap::ValueHint::FilePath)]
    labels: Option<PathBuf>,
    /// The input, if there are several
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// The output, if there are several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Lengths of the axes that the file leaves open, but for the batch: one for all, or one for each
    #[arg(long, value_name = "N[,N]", value_delimiter = ',')]
    size: Vec<usize>,
    /// Width and height of the picture, where the input is a vector: one number for a square, or WIDTH,HEIGHT
    #[arg(long, value_name = "N[,N]", value_delimiter = ',')]
    input_size: Vec<u32>,
    /// A preparation by its name; none: for arrays (.npy) alone
    #[arg(long, value_name = "NAME", default_value = "zero-to-one")]
    preparation: Known,
    /// How pictures of other sizes come to the network's
    #[arg(long, value_name = "WAY", default_value = "pad")]
    fit: Fitting,
    /// The order of the channels, instead of the preparation's
    #[arg(long, value_name = "ORDER")]
    channels: Option<Colours>,
    /// How channels and pixels lie in the input; detected if omitted
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// What samples from 0 to 255 are multiplied with, instead of the preparation's
    #[arg(long, value_name = "X")]
    scale: Option<f64>,
    /// What is subtracted then: one number, or one for each channel
    #[arg(long, value_name = "X[,X,X]", value_delimiter = ',', allow_negative_numbers = true)]
    mean: Vec<f64>,
    /// What is divided by at last: one number, or one for each channel
    #[arg(long, value_name = "X[,X,X]", value_delimiter = ',')]
    deviation: Vec<f64>,
    /// The rules by which scores are explained unless a command says otherwise
    #[arg(long, value_name = "NAME", default_value = "epsilon-plus-flat")]
    rules: String,
}

pub(super) fn run(arguments: &Importing, reporter: &Reporter) -> Result<Outcome, Error> {
    let way = arguments.rules.parse::<Way>().map_err(|error| Error::Method(error.into()))?;
    let explaining = Explaining { name: arguments.rules.clone(), way, ..Explaining::default() };
    // One number stands for all axes.
    let size = if let [one] = arguments.size[..] { vec![one; 8] } else { arguments.size.clone() };
    let options = Options { input: arguments.input.clone(), output: arguments.output.clone(), size };
    let imported = onnx::import(&arguments.onnx, &options)?;
    let folded = imported.as_written.nodes().len() - imported.graph.nodes().len();
    let preparation = match arguments.preparation {
        Known::None => None,
        _ => Some(preparation(arguments, &imported)?),
    };
    let logits = imported.graph.categories().map_err(|error| unusable(&arguments.onnx, error))?;
    let categories = match &arguments.labels {
        Some(path) => labels(path)?,
        None => (0..logits).map(|number| number.to_string()).collect(),
    };
    let origin = Origin {
        version: env!("CARGO_PKG_VERSION").to_string(),
        ending: imported.ending,
        source: Source::Imported {
            file: arguments.onnx.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            sha256: sha256_of_file(&arguments.onnx).map_err(|error| unusable(&arguments.onnx, error))?,
            opset: imported.opset,
        },
    };
    let network = Network::new(imported.graph, categories, preparation, origin, explaining)
        .map_err(|error| unusable(&arguments.onnx, error))?;
    save(&network, &arguments.model)?;
    let (input, layers) = (shape_text(network.graph.input()), network.graph.nodes().len());
    reporter.text(&format!(
        "{input} → {logits} categories, {layers} layers ({folded} folded into others) → {}\nnext:\n  bowsight explain PICTURE --model {}\n",
        arguments.model.display(),
        arguments.model.display()
    ))?;
    reporter.document(&serde_json::json!({
        "model": to_text(&arguments.model),
        "input": network.graph.input(),
        "layers": layers,
        "folded": folded,
        "categories": logits,
        "preparation": network.preparation,
    }))?;
    Ok(Outcome::Done)
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::usage(format!("\"{}\" can't be imported: {error}", path.display()))
}

/// The names in a text file, one on each line; names that come several times get their number.
fn labels(path: &Path) -> Result<Vec<String>, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("the labels \"{}\" can't be read: {error}", path.display())))?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // Many lists number their lines.
    let numbered = |(number, line): (usize, &&str)| {
        let (first, rest) = line.split_once([',', ' ', '\t', ':'])?;
        (first == number.to_string()).then(|| rest.trim().to_string())
    };
    let without: Option<Vec<String>> = lines.iter().enumerate().map(numbered).collect();
    let names = without.unwrap_or_else(|| lines.iter().map(ToString::to_string).collect());
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    names.iter().for_each(|name| *times.entry(name).or_default() += 1);
    // ImageNet has two cranes: a bird and a machine.
    let unique = |(number, name): (usize, &String)| {
        if times[name.as_str()] > 1 { format!("{name} ({number})") } else { name.clone() }
    };
    Ok(names.iter().enumerate().map(unique).collect())
}

fn no_picture(arguments: &Importing, input: &[usize], why: String) -> Error {
    Error::Usage {
        message: format!("\"{}\" can't be imported: its input, {}, {why}", arguments.onnx.display(), shape_text(input)),
        hint: Some("--preparation none, for arrays (.npy) alone".to_string()),
    }
}

/// The preparation that the flags ask for, for the network's input.
fn preparation(arguments: &Importing, imported: &Import) -> Result<Preparation, Error> {
    let input = imported.graph.input();
    let (scale, mean, deviation, own) = arguments.preparation.numbers();
    let is_few = |channels: usize| channels == 1 || channels == 3;
    let (layout, channels, height, width) = match *input {
        [channels, height, width] => match arguments.layout {
            Some(Layout::ChannelsFirst) => (Layout::ChannelsFirst, channels, height, width),
            Some(Layout::ChannelsLast) => (Layout::ChannelsLast, width, channels, height),
            None if !is_few(channels) && is_few(width) => (Layout::ChannelsLast, width, channels, height),
            None => (Layout::ChannelsFirst, channels, height, width),
        },
        [height, width] => (Layout::ChannelsFirst, 1, height, width),
        [length] => {
            let (width, height) = match arguments.input_size[..] {
                [side] => (side as usize, side as usize),
                [width, height] => (width as usize, height as usize),
                _ => {
                    return Err(Error::Usage {
                        message: format!("the input is a vector of {length} numbers: of which picture?"),
                        hint: Some("--input-size WIDTH,HEIGHT; or --preparation none, for arrays alone".to_string()),
                    });
                }
            };
            (arguments.layout.unwrap_or(Layout::ChannelsFirst), length / (width * height).max(1), height, width)
        }
        _ => return Err(no_picture(arguments, input, "is none of a picture".to_string())),
    };
    if !is_few(channels) {
        return Err(no_picture(arguments, input, format!("has {channels} channels, and pictures have 1 or 3")));
    }
    let usual =
        if channels == 1 { Colours::Grey } else { own.filter(|own| *own != Colours::Grey).unwrap_or(Colours::Rgb) };
    let given = |given: &Vec<f64>, own: Vec<f64>| if given.is_empty() { own } else { given.clone() };
    let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let preparation = Preparation {
        fit: Fit { width: side(width), height: side(height), how: arguments.fit },
        colours: arguments.channels.unwrap_or(usual),
        layout,
        scale: arguments.scale.unwrap_or(scale),
        mean: given(&arguments.mean, mean),
        deviation: given(&arguments.deviation, deviation),
    };
    if preparation.channels() != channels {
        let message = format!("\"--channels\" is {}, and the network has {channels} channels", preparation.colours);
        return Err(Error::usage(message));
    }
    Ok(preparation)
}
