//! The settings of explanations.

use serde::{Deserialize, Serialize};

use crate::bow::score::{BiasMode, Decomposition, Explaining, Roots};
use crate::heatmap::{Looks, Palette, Scale};
use crate::model::Presentation;
use crate::picture::tiles::Tiles;
use crate::settings::text::optional;

/// Explanation: the method, and how its results are presented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExplainConfig {
    /// Where the bias goes.
    pub bias: BiasMode,
    /// Where the bias goes in drawings. Spread, it tints every pixel and says nothing about places.
    pub drawn_bias: BiasMode,
    /// Whether pictures are explained by windows; side and offset.
    #[serde(with = "optional")]
    pub tiles: Option<Tiles>,
    /// How a score is split over the dimensions.
    pub decomposition: Decomposition,
    /// Which root a Taylor expansion is made about.
    pub roots: Roots,
    /// Maximum number of training pictures to search toward for a root.
    pub candidates: usize,
    /// What the ends of the colour scale stand for.
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
        let looks = Looks { palette: self.palette, scale: self.scale };
        Presentation { tiles: self.tiles, looks, bias_apart: self.drawn_bias == BiasMode::Sink }
    }
}

impl Default for ExplainConfig {
    fn default() -> Self {
        let Explaining { bias, decomposition, roots, candidates } = Explaining::default();
        let (drawn_bias, scale, palette) = (BiasMode::Sink, Scale::Picture, Palette::Diverging);
        Self { bias, drawn_bias, tiles: None, decomposition, roots, candidates, scale, palette }
    }
}
