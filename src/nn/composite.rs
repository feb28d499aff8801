//! Composites: which rule explains which layer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::layers::LayerKind;
use super::rules::{Rule, RuleError};
use crate::settings::closed_set::nearest;
use crate::settings::text::serde_as_text;

/// Which layers a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layers {
    /// All of a kind.
    Kind(LayerKind),
    /// Every conv or dense layer that the input reaches without passing another.
    First,
    /// The one of this name.
    Named(String),
    /// The one at this place, counted from 0 in the order of the network.
    At(usize),
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layers::Kind(kind) => write!(f, "{kind}"),
            Layers::First => f.write_str("first"),
            Layers::Named(name) => write!(f, "name:{name}"),
            Layers::At(place) => write!(f, "#{place}"),
        }
    }
}

/// The kinds of layers that have rules.
const RULED: [LayerKind; 5] =
    [LayerKind::Dense, LayerKind::Convolution, LayerKind::AveragePool, LayerKind::Add, LayerKind::Diagonal];

impl FromStr for Layers {
    type Err = CompositeError;

    fn from_str(text: &str) -> Result<Self, CompositeError> {
        if let Some(name) = text.strip_prefix("name:") {
            return Ok(Layers::Named(name.to_string()));
        }
        if let Some(place) = text.strip_prefix('#').and_then(|place| place.parse().ok()) {
            return Ok(Layers::At(place));
        }
        if text == "first" {
            return Ok(Layers::First);
        }
        let kind = RULED.into_iter().find(|kind| kind.name() == text);
        kind.map(Layers::Kind).ok_or_else(|| CompositeError::Layers { found: text.to_string() })
    }
}

serde_as_text!(Layers);

/// A rule for some layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The layers: `first`, a kind, `name:NAME`, or `#PLACE`.
    pub layer: Layers,
    /// The rule.
    pub rule: Rule,
}

/// Rules by layer: the first entry that fits a layer counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// The entries.
    pub rules: Vec<Entry>,
}

/// Why a composite can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompositeError {
    /// A text names no layers.
    #[error(
        "\"{found}\" names no layers: must be first, dense, conv, average-pool, add, diagonal, name:NAME or #PLACE"
    )]
    Layers {
        /// The text.
        found: String,
    },
    /// A text names no composite.
    #[error("\"{found}\" is no composite: must be one of {}, or a file{}", NAMES.join(", "), near(found))]
    Name {
        /// The text.
        found: String,
    },
    /// A rule is malformed.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// An entry fits no layer of the network.
    #[error("\"{layers}\" fits no layer of the network; layers with rules are {known}")]
    NoLayer {
        /// The entry's layers.
        layers: String,
        /// The names that exist.
        known: String,
    },
    /// A layer has no rule.
    #[error("no entry has a rule for \"{name}\", which is a layer of the kind \"{kind}\"")]
    NoRule {
        /// The layer.
        name: String,
        /// Its kind.
        kind: LayerKind,
    },
    /// z-box has no bounds.
    #[error("z-box needs bounds, z-box:l,h: the network has no preparation that could tell them")]
    NoBounds,
    /// z-box has another number of bounds than the input has channels.
    #[error("z-box must have 1 or {channels} lower and upper bounds, found {found}")]
    Bounds {
        /// Their number.
        found: usize,
        /// Number of channels.
        channels: usize,
    },
    /// A layer can't have this rule.
    #[error("\"{name}\" can't have the rule {rule}: {why}")]
    Unfit {
        /// The layer.
        name: String,
        /// The rule.
        rule: String,
        /// Why not.
        why: &'static str,
    },
}

fn near(found: &str) -> String {
    let nearest = nearest(found, NAMES.iter().map(|name| name.split(':').next().unwrap_or(name)));
    nearest.map_or_else(String::new, |name| format!(" (did you mean \"{name}\"?)"))
}

/// The names of composites; those with a colon are examples of one rule for all layers.
pub const NAMES: &[&str] = &[
    "zero",
    "epsilon:0.01",
    "alpha-beta:2,-1",
    "epsilon-plus",
    "epsilon-plus-flat",
    "epsilon-alpha2-beta1",
    "epsilon-alpha2-beta1-flat",
    "epsilon-gamma-box",
    "excitation-backprop",
    "gradient",
    "gradient-input",
    "gradient-norm",
    "integrated-gradients",
    "taylor:blank",
    "taylor:nearest",
    "taylor:descend",
    "guided-backprop",
    "deconvnet",
];

impl Composite {
    /// One rule for dense layers, convolutions, diagonal layers and sums, as in B15; average pooling has `zero`.
    pub fn uniform(rule: Rule) -> Self {
        let entry = |kind| Entry {
            layer: Layers::Kind(kind),
            rule: if kind == LayerKind::AveragePool { Rule::Zero } else { rule.clone() },
        };
        Self { rules: RULED.into_iter().map(entry).collect() }
    }

    /// Rules for dense layers, for convolutions and for the first of both; sums and average pooling have `zero`, diagonal layers pass.
    fn of(dense: Rule, conv: Rule, first: Option<Rule>) -> Self {
        let rest = [
            (LayerKind::Dense, dense),
            (LayerKind::Convolution, conv),
            (LayerKind::AveragePool, Rule::Zero),
            (LayerKind::Add, Rule::Zero),
            (LayerKind::Diagonal, Rule::Pass),
        ];
        let rest = rest.map(|(kind, rule)| Entry { layer: Layers::Kind(kind), rule });
        let first = first.map(|rule| Entry { layer: Layers::First, rule });
        Self { rules: first.into_iter().chain(rest).collect() }
    }

    /// The rule of every layer that has one, by its place in the network.
    ///
    /// # Errors
    /// [`CompositeError`] if an entry that names a layer fits none, a layer has no rule, or can't have the one it gets.
    pub fn assign(&self, graph: &Graph) -> Result<Vec<Option<Rule>>, CompositeError> {
        let role = graph.roles();
        let nodes = graph.nodes();
        let is_ruled = |place: usize| RULED.contains(&nodes[place].layer.kind());
        let fits = |layers: &Layers, place: usize| match layers {
            Layers::Kind(kind) => nodes[place].layer.kind() == *kind,
            Layers::First => role[place].is_first,
            Layers::Named(name) => nodes[place].name == *name,
            Layers::At(at) => place == *at,
        };
        for entry in &self.rules {
            let named = matches!(entry.layer, Layers::Named(_) | Layers::At(_));
            if named && !(0..nodes.len()).any(|place| is_ruled(place) && fits(&entry.layer, place)) {
                let known: Vec<&str> =
                    (0..nodes.len()).filter(|&place| is_ruled(place)).map(|place| nodes[place].name.as_str()).collect();
                return Err(CompositeError::NoLayer { layers: entry.layer.to_string(), known: known.join(", ") });
            }
        }
        let rule = |place: usize| -> Result<Option<Rule>, CompositeError> {
            let (name, kind) = (&nodes[place].name, nodes[place].layer.kind());
            if !is_ruled(place) {
                return Ok(None);
            }
            if role[place].is_preparation {
                return Ok(Some(Rule::Pass));
            }
            let found = self.rules.iter().find(|entry| fits(&entry.layer, place));
            let rule = found.ok_or_else(|| CompositeError::NoRule { name: name.clone(), kind })?.rule.clone();
            let unfit = |why| CompositeError::Unfit { name: name.clone(), rule: rule.to_string(), why };
            if rule == Rule::Pass && kind != LayerKind::Diagonal {
                return Err(unfit("only layers with one output for each input can pass"));
            }
            if matches!(rule, Rule::ZBox(_)) && !role[place].is_first {
                return Err(unfit("only the first layers' inputs have known bounds"));
            }
            if matches!(rule, Rule::ZBox(_)) && !role[place].has_bounds {
                return Err(unfit(
                    "its input is the network's input beside what other layers made of it, which has no bounds",
                ));
            }
            Ok(Some(rule))
        };
        (0..nodes.len()).map(rule).collect()
    }
}

impl FromStr for Composite {
    type Err = CompositeError;

    fn from_str(text: &str) -> Result<Self, CompositeError> {
        let (epsilon, plus) = (Rule::Epsilon(1e-6), Rule::ZPlus { ignore_bias: false });
        let alpha2_beta1 = Rule::AlphaBeta { alpha: 2.0, beta: -1.0, redistribute: false };
        Ok(match text {
            "epsilon-plus" => Self::of(epsilon, plus, None),
            "epsilon-plus-flat" => Self::of(epsilon, plus, Some(Rule::Flat)),
            "epsilon-alpha2-beta1" => Self::of(epsilon, alpha2_beta1, None),
            "epsilon-alpha2-beta1-flat" => Self::of(epsilon, alpha2_beta1, Some(Rule::Flat)),
            "epsilon-gamma-box" => Self::of(epsilon, Rule::Gamma(0.25), Some(Rule::ZBox(None))),
            "excitation-backprop" => {
                let rule = Rule::ZPlus { ignore_bias: true };
                Self::of(rule.clone(), rule, None)
            }
            text => {
                let known = ["zero", "epsilon", "alpha-beta", "z-plus", "gamma", "w-square", "flat", "z-box", "pass"];
                if !known.contains(&text.split(':').next().unwrap_or(text)) {
                    return Err(CompositeError::Name { found: text.to_string() });
                }
                Self::uniform(text.parse()?)
            }
        })
    }
}
