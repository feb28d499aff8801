//! What is asked of an explanation, and what it holds; independent of the kind of model.

use ndarray::{Array2, ArrayD};
use serde::Serialize;

use crate::format::container::Container;
use crate::ledger::Ledger;
use crate::picture::tiles::Tiles;
use crate::picture::{Rectangle, enlarge};
use crate::timings::Timings;

/// The score in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Index of the category whose score is explained.
    pub category: usize,
    /// Index of the category whose score is subtracted: f_a − f_b is explained.
    pub against: Option<usize>,
}

impl Target {
    /// The score of one category.
    pub fn new(category: usize) -> Self {
        Self { category, against: None }
    }

    /// The target's value, from one value per category: the category's, less the other's.
    pub fn of(self, values: impl Fn(usize) -> f64) -> f64 {
        values(self.category) - self.against.map_or(0.0, values)
    }
}

/// What an explanation keeps of the layers on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing.
    Nothing,
    /// The relevance of every layer.
    Relevance,
    /// Everything from which the explanation can be recomputed.
    Everything,
}

/// What to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// The score in question.
    pub target: Target,
    /// Windows to explain one by one, whose maps are averaged.
    pub tiles: Option<Tiles>,
    /// What is kept of the layers.
    pub trace: Trace,
    /// Whether to tell which part of the map is the spread bias.
    pub bias_apart: bool,
}

impl Query {
    /// Asks for one category's score on the whole picture, without a trace.
    pub fn new(category: usize) -> Self {
        Self { target: Target::new(category), tiles: None, trace: Trace::Nothing, bias_apart: false }
    }

    /// Asks the same about another category.
    pub fn about(self, category: usize) -> Self {
        Self { target: Target { category, ..self.target }, ..self }
    }
}

/// A decision explained on the pixels.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// f, or f_a − f_b, of the whole picture.
    pub score: f64,
    /// R1, H×W: each pixel's share of the score; with tiles the mean of the windows' maps, which is no share of the picture's score.
    pub relevance: Array2<f64>,
    /// R of every number of an input that was given as an array, with the array's shape; `relevance` has its sums over channels.
    pub array: Option<ArrayD<f64>>,
    /// The root point of a Taylor expansion, in the shape of the model's input; of networks alone.
    pub root: Option<ArrayD<f64>>,
    /// The part of it that is the spread bias, H×W, if the query asked for it and there is any.
    pub spread_bias: Option<Array2<f64>>,
    /// Where every part of the score went; with tiles see [`Ledger::for_windows`].
    pub ledger: Ledger,
    /// Shares of the model's own parts, such as channels; empty if it has none, or with tiles.
    pub parts: Vec<f64>,
    /// The account of each layer of the way back, in the order of the way forward; empty if the model has none to show.
    pub layers: Vec<LayerAccount>,
    /// The windows, each with its own account; empty without tiles.
    pub windows: Vec<Window>,
    /// What was kept of the layers, if the query asked for it: of the picture, or of each window.
    pub traces: Vec<Container>,
    /// Time of the way back; with tiles also of the windows' way forward from the features.
    pub timings: Timings,
}

impl Explanation {
    /// A map with its account, and nothing beside it.
    pub fn new(relevance: Array2<f64>, ledger: Ledger) -> Self {
        Self {
            score: ledger.score,
            relevance,
            array: None,
            root: None,
            spread_bias: None,
            ledger,
            parts: Vec::new(),
            layers: Vec::new(),
            windows: Vec::new(),
            traces: Vec::new(),
            timings: Timings::default(),
        }
    }

    /// The explanation of a shrunk picture in its own size: maps are [`enlarge`]d, windows lie where they lay.
    pub fn enlarged(self, width: usize, height: usize) -> Self {
        let (rows, columns) = self.relevance.dim();
        let scaled = |at: u32, small: usize, large: usize| (f64::from(at) * large as f64 / small as f64).round() as u32;
        let window = |window: Window| {
            let Rectangle { x0, y0, x1, y1 } = window.rectangle;
            let (x, y) = (|at| scaled(at, columns, width), |at| scaled(at, rows, height));
            Window { rectangle: Rectangle { x0: x(x0), y0: y(y0), x1: x(x1), y1: y(y1) }, ..window }
        };
        Self {
            relevance: enlarge(self.relevance.view(), width, height),
            spread_bias: self.spread_bias.map(|bias| enlarge(bias.view(), width, height)),
            windows: self.windows.into_iter().map(window).collect(),
            ..self
        }
    }
}

/// What a layer of the way back received, sent on and kept: `received = sent + bias + stabiliser + undefined`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerAccount {
    /// The layer.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The rule by which it shared, if it has one.
    pub rule: Option<String>,
    /// Σ R at its outputs.
    pub received: f64,
    /// Σ R that it sent to its inputs.
    pub sent: f64,
    /// The biases' part.
    pub bias: f64,
    /// The stabilisers' part.
    pub stabiliser: f64,
    /// What met a denominator of 0.
    pub undefined: f64,
    /// Number of outputs whose relevance did.
    pub undefined_outputs: usize,
    /// Largest |R| at its outputs.
    pub largest: f64,
}

/// One window of a picture that was explained by tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Its pixels.
    pub rectangle: Rectangle,
    /// Where every part of its score went.
    pub ledger: Ledger,
}

impl Window {
    /// The window as it lies in the mirror image of a picture of this `width`.
    pub fn mirrored(self, width: u32) -> Self {
        let Rectangle { x0, x1, .. } = self.rectangle;
        Self { rectangle: Rectangle { x0: width - x1, x1: width - x0, ..self.rectangle }, ..self }
    }
}

/// Which categories of a picture are explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those that the picture is labelled with.
    True,
    /// The one with the largest score; the first of equals.
    Top,
    /// All of them.
    All,
    /// These.
    Named(Vec<usize>),
}

impl Selection {
    /// The categories' indices, from a picture's labels and scores (one per category).
    pub fn of(&self, labels: &[i8], scores: &[f64]) -> Vec<usize> {
        match self {
            Selection::True => (0..labels.len()).filter(|&category| labels[category] == 1).collect(),
            Selection::Top => {
                let best = |best: usize, next: usize| if scores[next] > scores[best] { next } else { best };
                (0..scores.len()).reduce(best).into_iter().collect()
            }
            Selection::All => (0..scores.len()).collect(),
            Selection::Named(categories) => categories.clone(),
        }
    }

    /// The selection, if it is known without scores.
    pub fn planned(&self, labels: &[i8], categories: usize) -> Option<Vec<usize>> {
        (*self != Selection::Top).then(|| self.of(labels, &vec![0.0; categories]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections() {
        let (labels, scores) = ([1, -1, 0, 1], [0.1, 0.7, 0.7, -2.0]);
        assert_eq!(Selection::True.of(&labels, &scores), [0, 3]);
        assert_eq!(Selection::Top.of(&labels, &scores), [1]);
        assert_eq!(Selection::All.of(&labels, &scores), [0, 1, 2, 3]);
        assert_eq!(Selection::Named(vec![2, 0]).of(&labels, &scores), [2, 0]);
        assert_eq!(Selection::Top.planned(&labels, 4), None);
        assert_eq!(Selection::True.planned(&labels, 4), Some(vec![0, 3]));
    }
}
