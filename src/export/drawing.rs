//! The files of one explanation: its map, and the pictures of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;

use serde::Serialize;

use crate::explanation::{Explanation, Window};
use crate::format::atomic::WriteError;
use crate::format::json;
use crate::format::names::{file_name, relative_path};
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

impl FilesError {
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            FilesError::Write(error) => error.is_failure(),
            FilesError::Heatmap(_) => true,
        }
    }
}

/// Files by kind, relative to the output folder.
pub type Files = BTreeMap<String, String>;

/// The common beginning of an explanation's file names, relative to the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// The beginning for a picture's `name` (an id, with `/` between folders) and a category, or the difference of two.
    pub fn new(name: &str, category: &str, against: Option<&str>) -> Self {
        let against = against.map_or_else(String::new, |other| format!("-{}", file_name(other, false)));
        Self(format!("{}.{}{against}", relative_path(name), file_name(category, false)))
    }

    /// The base of a map's file.
    pub fn of_map(map: &str) -> Self {
        Self(map.strip_suffix(".npy").unwrap_or(map).to_string())
    }

    /// The file of this kind, relative to the output folder.
    pub fn file(&self, ending: &str) -> String {
        format!("{}.{ending}", self.0)
    }
}

/// What was written for an explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The files by kind.
    pub files: Files,
    /// The map's largest magnitude.
    pub largest: f64,
    /// The relevance that gets the last colour; none if the whole set decides, and the drawings are still to be made.
    pub scale: Option<f64>,
}

impl Drawing {
    /// Writes an explanation: its map, its windows if there are any, and the drawings, unless the whole set decides their scale.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn write(
        &self,
        out: &Path,
        base: &Base,
        picture: &Picture,
        explanation: &Explanation,
    ) -> Result<Written, FilesError> {
        let map = explanation.relevance.view();
        let largest = heatmap::largest_magnitude(map);
        npy::write(&path(out, &base.file("npy")), map, self.dtype)?;
        self.write_windows(out, base, picture, &explanation.windows)?;
        let scale = match self.scale {
            Scale::Picture => Some(largest),
            Scale::Set => None,
            Scale::Value(value) => Some(value),
        };
        if let Some(scale) = scale {
            self.draw(out, base, picture, map, scale)?;
        }
        Ok(Written { files: self.files(base), largest, scale })
    }

    /// Draws a stored map at the scale of the set.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn redraw(&self, out: &Path, base: &Base, picture: &Picture, scale: f64) -> Result<(), FilesError> {
        let file = path(out, &base.file("npy"));
        let map = npy::read(&file).map_err(|error| WriteError::io(&file)(std::io::Error::other(error.reason)))?;
        self.draw(out, base, picture, map.view(), scale)
    }

    /// The files that an explanation has when all is drawn.
    fn files(&self, base: &Base) -> Files {
        let map = ("relevance".to_string(), base.file("npy"));
        let panels = self.panels.iter().map(|panel| (panel.name().to_string(), base.file(&format!("{panel}.png"))));
        let windows = self.windows.then(|| ("windows".to_string(), base.file("windows.json")));
        let coarse = (self.windows && !self.panels.is_empty())
            .then(|| ("windows-heatmap".to_string(), base.file("windows.png")));
        std::iter::once(map).chain(panels).chain(windows).chain(coarse).collect()
    }

    /// Writes the windows of a tiled explanation, and draws their scores as a coarse map; nothing without windows.
    fn write_windows(&self, out: &Path, base: &Base, picture: &Picture, windows: &[Window]) -> Result<(), FilesError> {
        if windows.is_empty() {
            return Ok(());
        }
        let accounts: Vec<WindowAccount> = windows.iter().map(WindowAccount::from).collect();
        json::write(&path(out, &base.file("windows.json")), &accounts)?;
        if !self.panels.is_empty() {
            let scores: Vec<(Rectangle, f64)> =
                windows.iter().map(|window| (window.rectangle, window.ledger.score)).collect();
            let map = tiles::coarse(picture.width(), picture.height(), &scores);
            let scale = heatmap::largest_magnitude(map.view());
            let image = heatmap::render(Panel::Overlay, picture, map.view(), scale, self.palette)?;
            let notes = [("bowsight:scale", format!("{scale} (windows' scores)"))];
            write_png(&path(out, &base.file("windows.png")), &image, &notes)?;
        }
        Ok(())
    }

    /// Draws a map at `scale`.
    fn draw(
        &self,
        out: &Path,
        base: &Base,
        picture: &Picture,
        map: ArrayView2<'_, f64>,
        scale: f64,
    ) -> Result<(), FilesError> {
        let notes =
            [("bowsight:scale", format!("{scale} ({})", self.scale)), ("bowsight:palette", self.palette.to_string())];
        for &panel in &self.panels {
            let image = heatmap::render(panel, picture, map, scale, self.palette)?;
            write_png(&path(out, &base.file(&format!("{panel}.png"))), &image, &notes)?;
        }
        Ok(())
    }
}

/// The file at a relative path with `/`, in the output folder.
pub fn path(out: &Path, relative: &str) -> PathBuf {
    relative.split('/').fold(out.to_path_buf(), |path, part| path.join(part))
}

/// Finds two pictures whose files would have the same names.
///
/// # Errors
/// [`SameName`].
pub fn require_different_names<'a>(pictures: impl Iterator<Item = (&'a str, String)>) -> Result<(), SameName> {
    let mut seen = std::collections::HashMap::new();
    for (id, path) in pictures {
        let name = relative_path(id);
        if let Some(first) = seen.insert(name.clone(), path.clone()) {
            return Err(SameName { first, second: path, name });
        }
    }
    Ok(())
}

/// Two pictures would have the same files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pictures \"{first}\" and \"{second}\" would both be written as \"{name}\"")]
pub struct SameName {
    /// One path.
    pub first: String,
    /// The other path.
    pub second: String,
    /// The name of both.
    pub name: String,
}

/// Whether every one of `files` that belongs to the first pass is there.
pub(super) fn are_there(out: &Path, files: &Files, scale: Scale) -> bool {
    files
        .iter()
        .filter(|(kind, _)| scale != Scale::Set || *kind == "relevance" || kind.starts_with("windows"))
        .all(|(_, relative)| path(out, relative).is_file())
}
