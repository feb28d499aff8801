//! The settings of explanations.

use serde::{Deserialize, Serialize};

use crate::bow::score::{BiasMode, Decomposition, Explaining, Roots};
use crate::heatmap::{Looks, Palette, Scale};
use crate::model::Presentation;
use crate::picture::tiles::Tiles;

/// Tiles or none, as text: `"102/34"`, `""`.
mod tiles_text {
    use super::Tiles;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(tiles: &Option<Tiles>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&tiles.map_or_else(String::new, |tiles| tiles.to_string()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tiles>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
    }
}

/// Explanation: the method, and how its results are presented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExplainConfig {
    /// Where the bias goes.
    pub bias: BiasMode,
    /// Whether pictures are explained by windows; side and offset.
    #[serde(with = "tiles_text")]
    pub tiles: Option<Tiles>,
    /// How a score is split over the dimensions.
    pub decomposition: Decomposition,
    /// Which root a Taylor expansion is made about.
    pub roots: Roots,
    /// Maximum number of training pictures to search toward for a root.
    pub candidates: usize,
    /// What the colours' ends stand for.
    pub scale: Scale,
    /// The colours.
    pub palette: Palette,
}

impl ExplainConfig {
    /// The method.
    pub fn method(&self) -> Explaining {
        let Self { bias, decomposition, roots, candidates, .. } = *self;
        Explaining { bias, decomposition, roots, candidates }
    }

    /// The same presentation of another method.
    pub fn with_method(self, method: Explaining) -> Self {
        let Explaining { bias, decomposition, roots, candidates } = method;
        Self { bias, decomposition, roots, candidates, ..self }
    }

    /// The presentation.
    pub fn presentation(&self) -> Presentation {
        Presentation { tiles: self.tiles, looks: Looks { palette: self.palette, scale: self.scale } }
    }
}

impl Default for ExplainConfig {
    fn default() -> Self {
        let Explaining { bias, decomposition, roots, candidates } = Explaining::default();
        let (scale, palette) = (Scale::Picture, Palette::Jet);
        Self { bias, tiles: None, decomposition, roots, candidates, scale, palette }
    }
}
