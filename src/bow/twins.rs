//! Mirror twins: training pictures mirrored left–right, and scores that are means over a picture and its twin.
//!
//! With both, `f = ½ (f(x) + f(x'))` for the picture x and its mirror image x', and the explanation is the mean of the two, after the
//! second map is mirrored back: as each conserves its score, the mean conserves theirs.

use std::fmt;

use ndarray::s;
use serde::{Deserialize, Serialize};

use crate::explanation::{Explanation, Query, Window};
use crate::ledger::{Ledger, NotConserved};
use crate::model::{Forward, ModelError};
use crate::timings::Timings;

/// A training picture: one of the data set's, or its mirror twin. In JSON `"ID"`, or `{"mirrored": "ID"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TrainingPicture {
    /// The picture of this id.
    Own(String),
    /// The mirror twin of a picture.
    Twin {
        /// The picture's id.
        mirrored: String,
    },
}

impl TrainingPicture {
    /// The picture of this `id`, or its mirror twin.
    pub fn new(id: impl Into<String>, mirrored: bool) -> Self {
        let id = id.into();
        if mirrored { Self::Twin { mirrored: id } } else { Self::Own(id) }
    }

    /// The id of the data set's picture.
    pub fn id(&self) -> &str {
        match self {
            Self::Own(id) | Self::Twin { mirrored: id } => id,
        }
    }

    /// Whether it is the mirror twin.
    pub fn is_mirrored(&self) -> bool {
        matches!(self, Self::Twin { .. })
    }
}

impl fmt::Display for TrainingPicture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.is_mirrored() { " (mirrored)" } else { "" };
        write!(formatter, "{}{suffix}", self.id())
    }
}

/// A picture and its mirror twin, both carried forward.
pub(super) struct Both<'a> {
    own: Box<dyn Forward + 'a>,
    twin: Box<dyn Forward + 'a>,
    scores: Vec<f64>,
}

impl<'a> Both<'a> {
    /// `own` is the picture, `twin` its mirror image, seen by the same model.
    pub(super) fn new(own: Box<dyn Forward + 'a>, twin: Box<dyn Forward + 'a>) -> Self {
        let scores = own.scores().iter().zip(twin.scores()).map(|(a, b)| mean(*a, *b)).collect();
        Self { own, twin, scores }
    }
}

impl Forward for Both<'_> {
    fn scores(&self) -> &[f64] {
        &self.scores
    }

    fn timings(&self) -> Timings {
        [self.own.timings(), self.twin.timings()].into_iter().sum()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        if query.trace {
            return Err(ModelError::Unsupported { what: "a trace", because: "scores are means over mirror twins" });
        }
        let (own, twin) = (self.own.explain(query)?, self.twin.explain(query)?);
        let relevance = (&own.relevance + &twin.relevance.slice(s![.., ..;-1])) / 2.0;
        let width = relevance.ncols() as u32;
        let windows: Vec<Window> =
            own.windows.into_iter().chain(twin.windows.into_iter().map(|window| window.mirrored(width))).collect();
        let ledger = if windows.is_empty() {
            mean_ledger(&own.ledger, &twin.ledger, relevance.sum())?
        } else {
            let score = mean(own.score, twin.score);
            Ledger::of_windows(score, relevance.sum(), windows.iter().map(|window| &window.ledger))
        };
        let channels = own.channels.iter().zip(&twin.channels).map(|(a, b)| mean(*a, *b)).collect();
        let timings = [own.timings, twin.timings].into_iter().sum();
        Ok(Explanation { score: ledger.score, relevance, ledger, channels, windows, traces: Vec::new(), timings })
    }
}

fn mean(a: f64, b: f64) -> f64 {
    (a + b) / 2.0
}

/// The mean of two accounts, balanced anew with the sum of the mean map.
fn mean_ledger(a: &Ledger, b: &Ledger, sum_relevance: f64) -> Result<Ledger, NotConserved> {
    // Every field by name: a new account must not be lost here.
    Ledger {
        score: mean(a.score, b.score),
        sum_relevance: 0.0,
        bias_sink: mean(a.bias_sink, b.bias_sink),
        taylor_residual: mean(a.taylor_residual, b.taylor_residual),
        no_features: mean(a.no_features, b.no_features),
        error: 0.0,
        through_empty_dimensions: mean(a.through_empty_dimensions, b.through_empty_dimensions),
        spread_bias: mean(a.spread_bias, b.spread_bias),
    }
    .close(sum_relevance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_is_told_from_a_picture_of_any_name() {
        for id in ["a", "a (mirrored)", "{\"mirrored\": \"a\"}"] {
            let (own, twin) = (TrainingPicture::new(id, false), TrainingPicture::new(id, true));
            assert_eq!(serde_json::to_value(&own).unwrap(), serde_json::json!(id));
            assert_eq!(serde_json::to_value(&twin).unwrap(), serde_json::json!({ "mirrored": id }));
            for picture in [own, twin] {
                let text = serde_json::to_string(&picture).unwrap();
                assert_eq!(serde_json::from_str::<TrainingPicture>(&text).unwrap(), picture);
                assert_eq!(picture.id(), id);
            }
        }
        assert_eq!(TrainingPicture::new("a", true).to_string(), "a (mirrored)");
    }

    #[test]
    fn a_mean_account_must_balance_too() {
        let open = |score: f64, sink: f64| Ledger { score, bias_sink: sink, spread_bias: 0.5, ..Ledger::default() };
        let (a, b) = (open(3.0, 1.0).close(2.0).unwrap(), open(-1.0, 2.0).close(-3.0).unwrap());
        let mean = mean_ledger(&a, &b, -0.5).unwrap();
        assert_eq!((mean.score, mean.bias_sink, mean.sum_relevance, mean.spread_bias), (1.0, 1.5, -0.5, 0.5));
        assert!(mean_ledger(&a, &b, -0.5 + 1e-8).is_err());
    }
}
