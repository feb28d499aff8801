//! Mirror twins: training pictures mirrored left–right, and scores that are means over a picture and its twin.
//!
//! With both, `f = ½ (f(x) + f(x'))` for the picture x and its mirror image x', and the explanation is the mean of the two, after the
//! second map is mirrored back: as each conserves its score, the mean conserves theirs.

use std::fmt;

use ndarray::s;
use serde::{Deserialize, Serialize};

use crate::explanation::{Explanation, Query, Trace, Window};
use crate::ledger::Ledger;
use crate::model::{ModelError, Seen};
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
pub(super) struct MirrorPair<'a> {
    own: Box<dyn Seen + 'a>,
    twin: Box<dyn Seen + 'a>,
    scores: Vec<f64>,
}

impl<'a> MirrorPair<'a> {
    /// `own` is the picture, `twin` its mirror image, seen by the same model.
    pub(super) fn new(own: Box<dyn Seen + 'a>, twin: Box<dyn Seen + 'a>) -> Self {
        let scores = own.scores().iter().zip(twin.scores()).map(|(a, b)| mean(*a, *b)).collect();
        Self { own, twin, scores }
    }
}

impl Seen for MirrorPair<'_> {
    fn scores(&self) -> &[f64] {
        &self.scores
    }

    fn timings(&self) -> Timings {
        [&self.own.timings(), &self.twin.timings()].into_iter().sum()
    }

    fn explain(&self, query: &Query) -> Result<Explanation, ModelError> {
        if query.trace != Trace::Nothing {
            return Err(ModelError::Unsupported { what: "a trace", because: "scores are means over mirror twins" });
        }
        let (own, twin) = (self.own.explain(query)?, self.twin.explain(query)?);
        let relevance = (&own.relevance + &twin.relevance.slice(s![.., ..;-1])) / 2.0;
        let spread_bias = match (&own.spread_bias, &twin.spread_bias) {
            (Some(a), Some(b)) => Some((a + &b.slice(s![.., ..;-1])) / 2.0),
            _ => None,
        };
        let width = relevance.ncols() as u32;
        let windows: Vec<Window> =
            own.windows.into_iter().chain(twin.windows.into_iter().map(|window| window.mirrored(width))).collect();
        let ledger = if windows.is_empty() {
            own.ledger.mean(&twin.ledger, relevance.sum())?
        } else {
            let score = mean(own.score, twin.score);
            Ledger::for_windows(score, relevance.sum(), windows.iter().map(|window| &window.ledger))
        };
        let parts = own.parts.iter().zip(&twin.parts).map(|(a, b)| mean(*a, *b)).collect();
        let timings = [&own.timings, &twin.timings].into_iter().sum();
        Ok(Explanation { spread_bias, parts, windows, timings, ..Explanation::new(relevance, ledger) })
    }
}

fn mean(a: f64, b: f64) -> f64 {
    (a + b) / 2.0
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
}
