//! The trace of an explanation: every layer's numbers in one open file, so that anyone can recompute it.

use ndarray::Array2;

use crate::bow::channel::{Encoded, Encoder, Features};
use crate::bow::score::Explaining;
use crate::bow::words::mapping::fisher::Derivatives;
use crate::format::container::{Container, ContainerError, Reader, Values};
use crate::ledger::Ledger;
use crate::picture::Rectangle;
use crate::picture::tiles::Tiles;

/// Format name in the metadata.
pub const FORMAT: &str = "bowsight-trace";
/// Format version in the metadata.
pub const VERSION: &str = "1";

/// What a trace is made of.
pub(in crate::bow) struct Layers<'a> {
    pub(in crate::bow) category: &'a str,
    /// The category whose score is subtracted, or "".
    pub(in crate::bow) against: &'a str,
    pub(in crate::bow) method: Explaining,
    /// How the score was split.
    pub(in crate::bow) kind: &'static str,
    /// The tiles, and the window of them.
    pub(in crate::bow) window: Option<(Tiles, Rectangle)>,
    pub(in crate::bow) channels: Vec<Channel<'a>>,
    pub(in crate::bow) relevance: &'a Array2<f64>,
    pub(in crate::bow) ledger: &'a Ledger,
    /// The picture, if everything was kept.
    pub(in crate::bow) image: Option<&'a image::RgbImage>,
}

/// A channel's layers.
pub(in crate::bow) struct Channel<'a> {
    pub(in crate::bow) encoder: &'a Encoder,
    pub(in crate::bow) features: &'a Features,
    pub(in crate::bow) encoded: &'a Encoded,
    pub(in crate::bow) r3: &'a [f64],
    /// The root of a Taylor expansion.
    pub(in crate::bow) root: Option<&'a [f64]>,
    pub(in crate::bow) r2: &'a [f64],
}

/// The trace without the names of picture and model, which only the caller knows.
///
/// A window's places are those in the picture; only its map begins at its own corner.
pub(in crate::bow) fn trace(layers: &Layers<'_>) -> Container {
    let mut container = Container::default();
    let ledger = serde_json::to_string(layers.ledger).expect("a ledger serializes");
    for (key, value) in [
        ("format", FORMAT.to_string()),
        ("version", VERSION.to_string()),
        ("category", layers.category.to_string()),
        ("against", layers.against.to_string()),
        ("bias", layers.method.bias.to_string()),
        ("decomposition", layers.kind.to_string()),
        ("ledger", ledger),
        ("tiles", layers.window.map_or_else(String::new, |(tiles, _)| tiles.to_string())),
    ] {
        container.metadata.insert(key.to_string(), value);
    }
    let (height, width) = layers.relevance.dim();
    container.insert("score", &[1], Values::F64(vec![layers.ledger.score]));
    container.insert("relevance", &[height, width], Values::F64(layers.relevance.iter().copied().collect()));
    for (u, channel) in layers.channels.iter().enumerate() {
        insert_channel(&mut container, u, channel);
    }
    if let Some((_, region)) = layers.window {
        let window = [region.x0, region.y0, region.x1, region.y1];
        container.insert("window", &[4], Values::U32(window.to_vec()));
    }
    if let Some(image) = layers.image {
        let (width, height) = (image.width() as usize, image.height() as usize);
        container.insert("image", &[height, width, 3], Values::U8(image.as_raw().clone()));
    }
    container
}

/// Adds the layers of channel `u`.
fn insert_channel(container: &mut Container, u: usize, channel: &Channel<'_>) {
    let Channel { encoder, features, encoded, .. } = *channel;
    let name = |tensor: &str| format!("channels.{u}.{tensor}");
    let n = encoded.members.len();
    let k = features.assignment.neighbours;
    let row = |l: &u32| *l as usize * k..(*l as usize + 1) * k;
    let supports = encoder.supports(features, encoded);
    let supports = supports.flat_map(|r| [r.x0, r.y0, r.x1, r.y1].map(|v| v as i32));
    container.insert(name("supports"), &[n, 4], Values::I32(supports.collect()));
    let centres = features.centres(&encoded.members).flat_map(|(_, (x, y))| [x, y]);
    container.insert(name("centres"), &[n, 2], Values::F32(centres.collect()));
    let words = encoded.members.iter().flat_map(|l| &features.assignment.words[row(l)]).copied().collect();
    container.insert(name("words"), &[n, k], Values::U32(words));
    let weights = encoded.members.iter().flat_map(|l| &features.assignment.weights[row(l)]).copied().collect();
    container.insert(name("weights"), &[n, k], Values::F32(weights));
    if let Some(Derivatives { fisher, reduced }) = &features.assignment.derivatives {
        let width = fisher.mixture().width();
        let row = |l: &u32| *l as usize * width..(*l as usize + 1) * width;
        let values = encoded.members.iter().flat_map(|l| &reduced[row(l)]).copied().collect();
        container.insert(name("reduced"), &[n, width], Values::F32(values));
    }
    let cells: Vec<u32> = encoded.cells.rectangles().iter().flat_map(|r| [r.x0, r.y0, r.x1, r.y1]).collect();
    container.insert(name("cells"), &[cells.len() / 4, 4], Values::U32(cells));
    let dimensions = encoded.histogram.len();
    container.insert(name("histogram"), &[dimensions], Values::F32(encoded.histogram.clone()));
    container.insert(name("r3"), &[dimensions], Values::F64(channel.r3.to_vec()));
    container.insert(name("r2"), &[n], Values::F64(channel.r2.to_vec()));
    if let Some(root) = channel.root {
        container.insert(name("root"), &[dimensions], Values::F64(root.to_vec()));
    }
    if let Some(descriptors) = &features.descriptors {
        let values = encoded.members.iter().flat_map(|&l| descriptors.row(l as usize).to_vec()).collect();
        container.insert(name("descriptors"), &[n, descriptors.ncols()], Values::F32(values));
    }
}

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The container is damaged or lacks something.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is no trace.
    #[error("\"format\" must be \"{FORMAT}\", found \"{found}\"")]
    Format {
        /// What the file says.
        found: String,
    },
    /// It is a trace of a newer program.
    #[error("trace version must be \"{VERSION}\", found \"{found}\": it was written by a newer program")]
    Version {
        /// What the file says.
        found: String,
    },
    /// The ledger is no ledger.
    #[error("the trace's ledger is malformed")]
    Ledger(#[from] serde_json::Error),
}

/// What a trace says about its explanation as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSummary {
    /// f.
    pub score: f64,
    /// R1, H×W.
    pub relevance: Array2<f64>,
    /// Where every part of the score went.
    pub ledger: Ledger,
}

/// Reads a trace's outer layers, checking format, version, shapes and that every number is finite.
///
/// # Errors
/// [`TraceError`].
pub fn read(bytes: &[u8]) -> Result<TraceSummary, TraceError> {
    let reader = Reader::new(bytes)?;
    let format = reader.metadata("format")?;
    if format != FORMAT {
        return Err(TraceError::Format { found: format.to_string() });
    }
    let version = reader.metadata("version")?;
    if version != VERSION {
        return Err(TraceError::Version { found: version.to_string() });
    }
    let ledger: Ledger = serde_json::from_str(reader.metadata("ledger")?)?;
    let score = reader.finite_f64s("score", &[1])?;
    let shape = reader.shape("relevance")?;
    let values = reader.finite_f64s("relevance", &shape)?;
    let relevance = match shape[..] {
        [height, width] => Array2::from_shape_vec((height, width), values).ok(),
        _ => None,
    };
    let relevance = relevance.ok_or_else(|| ContainerError::WrongShape {
        name: "relevance".to_string(),
        expected: "height×width".to_string(),
        found: format!("{} axes", shape.len()),
    })?;
    Ok(TraceSummary { score: score[0], relevance, ledger })
}
