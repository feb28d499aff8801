//! The files of one explanation: its map, and the pictures of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;

use serde::Serialize;

use crate::explanation::Window;
use crate::format::atomic::{self, WriteError};
use crate::format::npy::{self, Dtype};
use crate::format::png::write_png;
use crate::heatmap::{self, HeatmapError, Palette, Panel, Scale};
use crate::picture::Rectangle;
use crate::picture::{Picture, tiles};

/// How maps become files.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The pictures to draw of each map.
    pub panels: Vec<Panel>,
    /// Their colours.
    pub palette: Palette,
    /// What the colours' ends stand for.
    pub scale: Scale,
    /// The numbers' type in the map's file.
    pub dtype: Dtype,
    /// Whether there are windows, to be written and drawn as well.
    pub windows: bool,
}

/// A window of a tiled explanation, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowAccount {
    /// Left end, upper end, right end, lower end, half-open.
    pub rectangle: [u32; 4],
    /// f of the window.
    pub score: f64,
    /// Σ of its map.
    pub sum_relevance: f64,
    /// What its ledger can't account for.
    pub conservation_error: f64,
}

impl From<&Window> for WindowAccount {
    fn from(window: &Window) -> Self {
        let r = window.rectangle;
        Self {
            rectangle: [r.x0, r.y0, r.x1, r.y1],
            score: window.ledger.score,
            sum_relevance: window.ledger.sum_relevance,
            conservation_error: window.ledger.error,
        }
    }
}

/// Why an explanation's files could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Heatmap(#[from] HeatmapError),
}

/// Files by kind, relative to the output folder.
pub type Files = BTreeMap<String, String>;

impl Drawing {
    /// The scale of a map whose largest magnitude is `largest`; none where it takes the whole set.
    pub fn scale_of(&self, largest: f64) -> Option<f64> {
        match self.scale {
            Scale::Picture => Some(largest),
            Scale::Set => None,
            Scale::Value(value) => Some(value),
        }
    }

    /// The files that an explanation at `base` (relative, without ending) will have.
    pub fn files(&self, base: &str) -> Files {
        let map = ("relevance".to_string(), format!("{base}.npy"));
        let panels = self.panels.iter().map(|panel| (panel.name().to_string(), format!("{base}.{panel}.png")));
        let windows = self.windows.then(|| ("windows".to_string(), format!("{base}.windows.json")));
        let coarse = (self.windows && !self.panels.is_empty())
            .then(|| ("windows-heatmap".to_string(), format!("{base}.windows.png")));
        std::iter::once(map).chain(panels).chain(windows).chain(coarse).collect()
    }

    /// Writes the windows of a tiled explanation, and draws their scores as a coarse map; nothing where there are none.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn write_windows(
        &self,
        out: &Path,
        base: &str,
        picture: &Picture,
        windows: &[Window],
    ) -> Result<(), FilesError> {
        if windows.is_empty() {
            return Ok(());
        }
        let file = path(out, &format!("{base}.windows.json"));
        let accounts: Vec<WindowAccount> = windows.iter().map(WindowAccount::from).collect();
        let mut text = serde_json::to_string_pretty(&accounts).map_err(|error| WriteError::io(&file)(error.into()))?;
        text.push('\n');
        atomic::write(&file, text.as_bytes())?;
        if !self.panels.is_empty() {
            let scores: Vec<(Rectangle, f64)> =
                windows.iter().map(|window| (window.rectangle, window.ledger.score)).collect();
            let map = tiles::coarse(picture.width(), picture.height(), &scores);
            let scale = heatmap::largest_magnitude(map.view());
            let image = heatmap::render(Panel::Overlay, picture, map.view(), scale, self.palette)?;
            let notes = [("bowsight:scale", format!("{scale} (windows' scores)"))];
            write_png(&path(out, &format!("{base}.windows.png")), &image, &notes)?;
        }
        Ok(())
    }

    /// Writes the map.
    ///
    /// # Errors
    /// Those of [`npy::write`].
    pub fn write_map(&self, out: &Path, base: &str, map: ArrayView2<'_, f64>) -> Result<(), WriteError> {
        npy::write(&path(out, &format!("{base}.npy")), map, self.dtype)
    }

    /// Draws the map at `scale`.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn draw(
        &self,
        out: &Path,
        base: &str,
        picture: &Picture,
        map: ArrayView2<'_, f64>,
        scale: f64,
    ) -> Result<(), FilesError> {
        let notes =
            [("bowsight:scale", format!("{scale} ({})", self.scale)), ("bowsight:palette", self.palette.to_string())];
        for &panel in &self.panels {
            let image = heatmap::render(panel, picture, map, scale, self.palette)?;
            write_png(&path(out, &format!("{base}.{panel}.png")), &image, &notes)?;
        }
        Ok(())
    }
}

fn path(out: &Path, relative: &str) -> PathBuf {
    relative.split('/').fold(out.to_path_buf(), |path, part| path.join(part))
}

/// Whether every one of `files` that belongs to the first pass is there.
pub(super) fn are_there(out: &Path, files: &Files, scale: Scale) -> bool {
    files
        .iter()
        .filter(|(kind, _)| scale != Scale::Set || *kind == "relevance" || kind.starts_with("windows"))
        .all(|(_, relative)| path(out, relative).is_file())
}
