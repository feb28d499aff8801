//! The files of one explanation: its map, and the pictures of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;

use crate::format::atomic::WriteError;
use crate::format::npy::{self, Dtype};
use crate::heatmap::{self, HeatmapError, Palette, Panel, Scale};
use crate::picture::Picture;

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
        std::iter::once(map).chain(panels).collect()
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
            heatmap::write_png(&path(out, &format!("{base}.{panel}.png")), &image, &notes)?;
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
        .filter(|(kind, _)| scale != Scale::Set || *kind == "relevance")
        .all(|(_, relative)| path(out, relative).is_file())
}
