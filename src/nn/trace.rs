//! What an explanation keeps of the layers: an open file with the numbers of every layer.

use std::collections::BTreeMap;

use serde::Serialize;

use super::graph::Graph;
use super::real::Real;
use crate::explanation::LayerAccount;
use crate::format::container::{Container, Values as Numbers};
use crate::ledger::Ledger;

/// Format name in the metadata.
pub const FORMAT: &str = "bowsight-network-trace";
/// Format version in the metadata.
pub const VERSION: &str = "1";

/// What a trace is made of.
pub(super) struct Layers<'a, T> {
    pub graph: &'a Graph,
    pub category: &'a str,
    /// The category whose score is subtracted, or "".
    pub against: &'a str,
    pub method: BTreeMap<String, String>,
    /// R of all values, the input's first; none where it reached nothing.
    pub relevance: &'a [Option<Vec<T>>],
    /// All values, if they are kept.
    pub values: Option<Vec<Vec<T>>>,
    pub accounts: &'a [LayerAccount],
    pub ledger: &'a Ledger,
}

/// A value: what it is made by, and of which values.
#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    layer: &'static str,
    inputs: &'a [usize],
}

impl<T: Real> Layers<'_, T> {
    /// `relevance.K` and `value.K` of the input (K = 0) and of every layer's output, in the order of the network, each with its own shape. The trace
    /// lacks the names of picture and model, which only the caller knows.
    pub fn container(&self) -> Container {
        let mut container = Container::default();
        let made: Vec<Made> = self
            .graph
            .nodes()
            .iter()
            .map(|node| Made { name: &node.name, layer: node.layer.kind().name(), inputs: &node.inputs })
            .collect();
        let json = |value: serde_json::Result<String>| value.expect("own types serialize");
        for (key, value) in [
            ("format", FORMAT.to_string()),
            ("version", VERSION.to_string()),
            ("category", self.category.to_string()),
            ("against", self.against.to_string()),
            ("layers", json(serde_json::to_string(&made))),
            ("accounts", json(serde_json::to_string(self.accounts))),
            ("ledger", json(serde_json::to_string(self.ledger))),
        ] {
            container.metadata.insert(key.to_string(), value);
        }
        container.metadata.extend(self.method.clone());
        let numbers = |values: &[T]| Numbers::F64(values.iter().map(|value| value.wide()).collect());
        let shapes =
            std::iter::once(self.graph.input()).chain((0..self.graph.nodes().len()).map(|at| self.graph.shape(at + 1)));
        for (at, shape) in shapes.enumerate() {
            let length: usize = shape.iter().product();
            let relevance = match &self.relevance[at] {
                Some(relevance) => numbers(relevance),
                None => Numbers::F64(vec![0.0; length]),
            };
            container.insert(format!("relevance.{at}"), shape, relevance);
            if let Some(values) = &self.values {
                container.insert(format!("value.{at}"), shape, numbers(&values[at]));
            }
        }
        container
    }
}
