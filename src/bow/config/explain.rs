//! The settings of explanations.

use serde::{Deserialize, Serialize};

use crate::bow::score::{Decomposition, Roots};
use crate::explanation::BiasMode;
use crate::heatmap::{Palette, Scale};
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

/// Explanation.
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
    /// Training pictures that a root is looked for towards, at most.
    pub candidates: usize,
    /// What the colours' ends stand for.
    pub scale: Scale,
    /// The colours.
    pub palette: Palette,
}

impl Default for ExplainConfig {
    fn default() -> Self {
        Self {
            bias: BiasMode::Spread,
            tiles: None,
            decomposition: Decomposition::Auto,
            roots: Roots::Nearest,
            candidates: 40,
            scale: Scale::Picture,
            palette: Palette::Jet,
        }
    }
}
