//! What is exported, and the `run.json` that records it in the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::drawing::{Drawing, Files};
use super::error::ExportError;
use super::manifest::Line;
use super::shard::Shard;
use crate::dataset::{Dataset, Entry};
use crate::explanation::{Query, Selection};
use crate::format::atomic::{self, WriteError};
use crate::format::{hexadecimal, json};
use crate::heatmap::Scale;
use crate::model::Model;

/// The file that says what a folder's export is.
pub(super) const RUN_FILE: &str = "run.json";
/// The manifest of a whole run.
pub(super) const MANIFEST: &str = "manifest.jsonl";

/// What to export.
#[derive(Debug)]
pub struct Plan {
    /// The pictures, their labels in the model's order of categories.
    pub dataset: Dataset,
    /// Whether the pictures have labels.
    pub labelled: bool,
    /// Which categories of each picture.
    pub selection: Selection,
    /// The query of every explanation, except for its category.
    pub query: Query,
    /// How maps become files.
    pub drawing: Drawing,
    /// The output folder.
    pub out: PathBuf,
    /// The part of the pictures to do.
    pub shard: Option<Shard>,
    /// SHA-256 of the model file.
    pub model_digest: String,
}

/// What `run.json` says: everything that the files are a function of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    format: String,
    version: String,
    program: String,
    model: String,
    data: String,
    pub categories: Vec<String>,
    selection: String,
    against: String,
    /// The method of explanation.
    #[serde(flatten)]
    method: BTreeMap<String, String>,
    tiles: String,
    heatmaps: Vec<String>,
    palette: String,
    scale: Scale,
    dtype: String,
    max_side: usize,
    /// Whether drawings leave out the spread bias.
    #[serde(default)]
    bias_apart: bool,
    /// The size of maps, if pictures were shrunk; earlier versions had that of the model.
    #[serde(default)]
    map_size: String,
    /// Whether drawings come without colour bar and caption.
    #[serde(default)]
    plain: bool,
    configuration: serde_json::Value,
    /// Id and number of lines of every picture, in the order of the list.
    pub pictures: Vec<(String, usize)>,
}

impl Plan {
    pub(super) fn run(&self, model: &dyn Model) -> Run {
        let names = model.categories();
        let selection = match &self.selection {
            Selection::True => "true".to_string(),
            Selection::Top => "top".to_string(),
            Selection::All => "all".to_string(),
            Selection::Named(categories) => {
                categories.iter().map(|&category| names[category].as_str()).collect::<Vec<_>>().join(",")
            }
        };
        let data = self.dataset.digest();
        Run {
            format: "bowsight-export".to_string(),
            version: "1".to_string(),
            program: env!("CARGO_PKG_VERSION").to_string(),
            model: self.model_digest.clone(),
            data,
            categories: names.to_vec(),
            selection,
            against: self.query.target.against.map_or(String::new(), |category| names[category].clone()),
            method: model.method(),
            tiles: self.query.tiles.map_or_else(String::new, |tiles| tiles.to_string()),
            heatmaps: self.drawing.panels.iter().map(ToString::to_string).collect(),
            palette: self.drawing.palette.to_string(),
            scale: self.drawing.scale,
            dtype: self.drawing.dtype.to_string(),
            max_side: model.reading().max_side,
            bias_apart: self.drawing.bias_apart,
            map_size: self.drawing.size.to_string(),
            plain: self.drawing.plain,
            configuration: model.description(),
            pictures: self
                .dataset
                .pictures
                .iter()
                .map(|entry| (entry.id.clone(), self.lines_of(entry, names.len())))
                .collect(),
        }
    }

    fn lines_of(&self, entry: &Entry, categories: usize) -> usize {
        self.selection.planned(&entry.labels, categories).map_or(1, |planned| planned.len())
    }

    pub(super) fn manifest_name(&self) -> String {
        self.shard.map_or_else(|| MANIFEST.to_string(), |shard| format!("manifest.{shard}.jsonl"))
    }

    pub(super) fn blank(&self, model: &dyn Model, entry: &Entry, category: &str, label: Option<i8>) -> Line {
        let against = self.query.target.against.map_or("", |other| model.categories()[other].as_str());
        Line {
            picture: entry.id.clone(),
            path: entry.path.clone(),
            category: category.to_string(),
            against: against.to_string(),
            label,
            in_training: None,
            score: None,
            sum_relevance: None,
            conservation_error: None,
            method: model.method(),
            width: None,
            height: None,
            largest: None,
            scale: None,
            windows: None,
            bytes: None,
            files: Files::new(),
            error: None,
        }
    }
}

/// Writes `run.json`, or checks that an existing one says the same. Returns its digest.
pub(super) fn claim_folder(out: &Path, run: &Run) -> Result<String, ExportError> {
    let path = out.join(RUN_FILE);
    let text = json::text(run);
    // Shards may start in one folder at the same moment: one writes, the others wait for its file.
    for _ in 0..100 {
        match std::fs::read_to_string(&path) {
            Ok(found) if found == text => return Ok(digest(&text)),
            Ok(found) => {
                return Err(ExportError::OtherRun { folder: out.to_path_buf(), differences: differences(&found, run) });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match atomic::write(&path, text.as_bytes()) {
                Err(WriteError::Busy { .. }) => std::thread::sleep(std::time::Duration::from_millis(50)),
                result => return Ok(result.map(|()| digest(&text))?),
            },
            Err(source) => return Err(ExportError::Read { path, source }),
        }
    }
    Err(ExportError::Busy { folder: out.to_path_buf(), marker: None })
}

/// The digest by which shards' manifests name the `run.json` with this text.
pub(super) fn digest(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn differences(found: &str, run: &Run) -> Vec<String> {
    let (Ok(serde_json::Value::Object(found)), Ok(serde_json::Value::Object(wanted))) =
        (serde_json::from_str(found), serde_json::to_value(run))
    else {
        return vec![format!("its {RUN_FILE}")];
    };
    let short = |value: Option<&serde_json::Value>| value.map(ToString::to_string).filter(|text| text.len() <= 40);
    wanted
        .iter()
        .filter(|(key, value)| found.get(*key) != Some(value))
        .map(|(key, value)| match (short(found.get(key)), short(Some(value))) {
            (Some(there), Some(here)) => format!("\"{key}\" ({there} there, {here} here)"),
            _ => format!("\"{key}\""),
        })
        .collect()
}
