//! The outcome of an export.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::ExportError;
use super::manifest::{Header, Line};

/// The outcome of an export.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Number of pictures in the list, or in the shard.
    pub pictures: usize,
    /// Number of explanations in the manifest.
    pub explanations: usize,
    /// Number of pictures that an earlier run explained.
    #[serde(rename = "taken_over")]
    pub resumed: usize,
    /// Ids and reasons of pictures that failed.
    pub failed: Vec<(String, String)>,
    /// Number of explanations of pictures that were in training.
    pub in_training: usize,
    /// Number of explanations by tiles of pictures that are no larger than one tile.
    pub one_window: usize,
    /// The largest conservation error of any explanation, relative to max(1, |f|).
    pub largest_conservation_error: f64,
    /// The scale of the whole set, if it was asked for.
    pub set_scale: Option<f64>,
    /// Merged manifests of earlier versions, which don't say which export they belong to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<PathBuf>,
}

impl Report {
    /// Reads the finished manifest once more and counts.
    pub(super) fn count(&mut self, manifest: &Path) -> Result<(), ExportError> {
        let read = |source| ExportError::Read { path: manifest.to_path_buf(), source };
        for (number, text) in BufReader::new(File::open(manifest).map_err(read)?).lines().enumerate() {
            let text = text.map_err(read)?;
            if number == 0 && serde_json::from_str::<Header>(&text).is_ok() {
                continue;
            }
            let line: Line = serde_json::from_str(&text)
                .map_err(|source| ExportError::Malformed { path: manifest.to_path_buf(), source })?;
            self.add(line);
        }
        Ok(())
    }

    fn add(&mut self, line: Line) {
        if let Some(reason) = line.error {
            if self.failed.last().is_none_or(|(id, _)| *id != line.picture) {
                self.failed.push((line.picture, reason));
            }
            return;
        }
        self.explanations += 1;
        self.in_training += usize::from(line.in_training == Some(true));
        self.one_window += usize::from(line.windows == Some(1));
        let error = line.conservation_error.unwrap_or(0.0).abs() / line.score.unwrap_or(0.0).abs().max(1.0);
        self.largest_conservation_error = self.largest_conservation_error.max(error);
    }
}
