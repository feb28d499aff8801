//! A network with its categories and its preparation: what can be scored and explained.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::composite::CompositeError;
use super::ending::Ending;
use super::graph::{Graph, GraphError};
use super::layers::{Ties, shape_text};
use super::preparation::{Layout, Preparation};
use super::real::Real;
use super::rules::{Bounds, Rule};
use super::train::record::Training;
use super::walk::{Bounds as InputBounds, Runner};
pub use super::ways::{Roots, Way};
use crate::picture::DecodeOptions;

/// A network that scores pictures.
pub struct Network {
    /// The layers.
    pub graph: Arc<Graph>,
    /// The categories, in the order of the logits.
    pub categories: Vec<String>,
    /// From a picture to the input; none if it reads arrays alone.
    pub preparation: Option<Preparation>,
    /// Where it comes from.
    pub origin: Origin,
    /// How its scores are explained unless the user says otherwise.
    pub explaining: Explaining,
    pub(super) reading: DecodeOptions,
    /// The rules of all layers by its own way of explaining.
    pub(super) rules: Vec<Option<Rule>>,
    double: OnceLock<Runner<f64>>,
    single: OnceLock<Runner<f32>>,
}

/// Where a network comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Version of the program that wrote its file.
    pub version: String,
    /// What stood behind the logits.
    pub ending: Ending,
    /// Who made it.
    #[serde(flatten)]
    pub source: Source,
}

/// Who made a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// It was imported.
    Imported {
        /// Name of the file that it was imported from.
        file: String,
        /// SHA-256 of that file, in hexadecimal.
        sha256: String,
        /// The version of its operators (opset).
        opset: i64,
    },
    /// It was trained here.
    Trained {
        /// How.
        training: Box<Training>,
    },
}

/// How the scores of a network are explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explaining {
    /// Its name, or the name of the file that it is from.
    pub name: String,
    /// Rules by layer, or derivatives.
    pub way: Way,
    /// Where relevance goes whose largest input is not the only one.
    pub max_pool: Ties,
    /// Whether the biases' part is spread over the inputs, or kept apart.
    pub spread_bias: bool,
    /// What it is computed in.
    #[serde(default, skip_serializing_if = "Precision::is_double")]
    pub precision: Precision,
}

crate::closed_set! {
    /// What a network is computed in.
    #[derive(Default)]
    pub enum Precision as "precision" {
        /// f64: accounts close to nine digits.
        #[default]
        Double = "double",
        /// f32: faster; accounts close to four digits.
        Single = "single",
    }
}

impl Precision {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_double(&self) -> bool {
        *self == Precision::Double
    }
}

/// A precision in which a network can be run.
pub(super) trait Precise: Real {
    /// The network's layers in this precision, made at the first use.
    fn runner(network: &Network) -> &Runner<Self>;
}

impl Precise for f64 {
    fn runner(network: &Network) -> &Runner<Self> {
        network.double.get_or_init(|| Runner::new(network.graph.clone()))
    }
}

impl Precise for f32 {
    fn runner(network: &Network) -> &Runner<Self> {
        network.single.get_or_init(|| Runner::new(network.graph.clone()))
    }
}

impl Default for Explaining {
    fn default() -> Self {
        let name = "epsilon-plus-flat";
        Self {
            name: name.to_string(),
            way: name.parse().expect("it is one of the known composites"),
            max_pool: Ties::Winner,
            spread_bias: false,
            precision: Precision::Double,
        }
    }
}

/// Why layers, categories and preparation don't make a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The layers don't fit.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// There are more or fewer names than logits.
    #[error("the network has {logits} logits, and there are {found} category names")]
    Categories {
        /// Number of logits.
        logits: usize,
        /// Number of names.
        found: usize,
    },
    /// Two categories have the same name.
    #[error("category \"{name}\" is named twice, as {first} and {second} of the list")]
    SameCategory {
        /// The name.
        name: String,
        /// Its first place, counted from 1.
        first: usize,
        /// Its second place.
        second: usize,
    },
    /// The preparation is impossible.
    #[error("the preparation can't be used: {why}")]
    Preparation {
        /// What is wrong.
        why: String,
    },
    /// The preparation doesn't make the network's input.
    #[error("the network's input is {}, and a picture becomes {}", shape_text(input), shape_text(prepared))]
    Input {
        /// The input's shape.
        input: Vec<usize>,
        /// What a picture becomes.
        prepared: Vec<usize>,
    },
    /// The rules don't fit the layers.
    #[error(transparent)]
    Composite(#[from] CompositeError),
}

impl Network {
    /// Puts a network together.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn new(
        graph: Graph,
        categories: Vec<String>,
        preparation: Option<Preparation>,
        origin: Origin,
        explaining: Explaining,
    ) -> Result<Self, NetworkError> {
        let logits = graph.categories()?;
        if categories.len() != logits {
            return Err(NetworkError::Categories { logits, found: categories.len() });
        }
        for (second, name) in categories.iter().enumerate() {
            if let Some(first) = categories[..second].iter().position(|other| other == name) {
                return Err(NetworkError::SameCategory { name: name.clone(), first: first + 1, second: second + 1 });
            }
        }
        if let Some(preparation) = &preparation {
            check(preparation, graph.input())?;
        }
        let reading = preparation.as_ref().map_or_else(DecodeOptions::default, Preparation::reading);
        let graph = Arc::new(graph);
        let (rules, double, single) = (Vec::new(), OnceLock::new(), OnceLock::new());
        let network = Self { graph, categories, preparation, origin, explaining, reading, rules, double, single };
        let rules = network.rules(&network.explaining)?;
        Ok(Self { rules, ..network })
    }

    /// l and h of every number of the input: those that are given, or what the preparation makes of black and white.
    pub(super) fn bounds(&self, given: Option<&Bounds>) -> Result<InputBounds<f64>, CompositeError> {
        let Some(Bounds { low, high }) = given else {
            return self.preparation.as_ref().map(Preparation::bounds).ok_or(CompositeError::NoBounds);
        };
        let input = self.graph.input();
        let length: usize = input.iter().product();
        if low.len() == 1 {
            return Ok((vec![low[0]; length], vec![high[0]; length]));
        }
        match &self.preparation {
            Some(preparation) if low.len() == preparation.channels() => {
                Ok((preparation.spread(low), preparation.spread(high)))
            }
            None if input.first() == Some(&low.len()) => {
                let run = length / low.len();
                let spread =
                    |values: &[f64]| values.iter().flat_map(|&value| std::iter::repeat_n(value, run)).collect();
                Ok((spread(low), spread(high)))
            }
            _ => {
                let channels =
                    self.preparation.as_ref().map_or(input.first().copied().unwrap_or(1), Preparation::channels);
                Err(CompositeError::Bounds { found: low.len(), channels })
            }
        }
    }

    /// The rules of all layers, as `explaining` has them; none for derivatives.
    ///
    /// # Errors
    /// [`CompositeError`] if they don't fit.
    pub fn rules(&self, explaining: &Explaining) -> Result<Vec<Option<Rule>>, CompositeError> {
        match &explaining.way {
            Way::Rules(composite) => {
                let rules = composite.assign(&self.graph)?;
                for rule in rules.iter().flatten() {
                    if let Rule::ZBox(bounds) = rule {
                        self.bounds(bounds.as_ref())?;
                    }
                }
                Ok(rules)
            }
            _ => Ok(vec![None; self.graph.nodes().len()]),
        }
    }
}

/// Requires that a preparation makes an input of this shape.
fn check(preparation: &Preparation, input: &[usize]) -> Result<(), NetworkError> {
    if let Some(why) = preparation.fault() {
        return Err(NetworkError::Preparation { why });
    }
    let (channels, height, width) =
        (preparation.channels(), preparation.fit.height as usize, preparation.fit.width as usize);
    let prepared = match preparation.layout {
        Layout::ChannelsFirst => vec![channels, height, width],
        Layout::ChannelsLast => vec![height, width, channels],
    };
    // A vector is the pixels of a picture one after the other.
    let is_vector = input == [channels * height * width];
    if input != prepared && !is_vector && !(channels == 1 && input == [height, width]) {
        return Err(NetworkError::Input { input: input.to_vec(), prepared });
    }
    Ok(())
}
