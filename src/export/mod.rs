//! Explanations by the batch: maps, pictures and a manifest of many pictures, resumable and divisible.
//!
//! Every file is a function of model, data and options, so a run that was killed and started again, one on another number of
//! threads, or shards merged give the same bytes as one run left alone.

pub mod drawing;
pub mod lock;
pub mod manifest;
pub mod shard;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Entry};
use crate::explanation::{Query, Selection};
use crate::format::atomic::{self, WriteError};
use crate::format::json;
use crate::heatmap::Scale;
use crate::model::{Keep, Model};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};
use drawing::{Base, Drawing, Files, FilesError, SameName, require_different_names};
use lock::RunLock;
use manifest::{Index, Journal, Line};
use shard::Shard;

/// The file that says what a folder's export is.
const RUN_FILE: &str = "run.json";
/// The manifest of a whole run.
const MANIFEST: &str = "manifest.jsonl";

/// Why an export failed as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Output can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A drawing can't be made or written.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Another run is at work in the folder.
    #[error("another run is writing to \"{}\"", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds an export of something else.
    #[error("\"{}\" holds another export: it differs in {}", folder.display(), differences.join(", "))]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        differences: Vec<String>,
    },
    /// Two pictures would have the same files.
    #[error(transparent)]
    SameName(#[from] SameName),
    /// A file of the folder can't be read.
    #[error("\"{}\" can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the folder is not what it should be.
    #[error("\"{}\" is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A merge lacks shards.
    #[error("shards {} of {count} are missing in \"{}\"", missing.join(", "), folder.display())]
    MissingShards {
        /// The folder.
        folder: PathBuf,
        /// Their indices.
        missing: Vec<String>,
        /// How many there must be.
        count: u64,
    },
    /// A merge finds no shards at all, or shards of several divisions.
    #[error("\"{}\" holds {found}, expected the manifests of all shards of one export", folder.display())]
    NoShards {
        /// The folder.
        folder: PathBuf,
        /// What is there.
        found: String,
    },
    /// A merge lacks pictures.
    #[error("{count} pictures of the export are missing in the shards' manifests, the first is \"{first}\"")]
    MissingPictures {
        /// How many.
        count: usize,
        /// The first.
        first: String,
    },
    /// A shard can't know the set's scale.
    #[error("a shard can't draw at the scale of the whole set")]
    SetScaleOfShard,
}

impl ExportError {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ExportError::Busy { .. } => Some("wait for it, or give this run another --out folder".to_string()),
            ExportError::OtherRun { folder, .. } => {
                Some(format!("give another --out folder, or remove \"{}\" first", folder.display()))
            }
            ExportError::SetScaleOfShard => {
                Some("give one scale for all shards, for example --scale 0.001".to_string())
            }
            ExportError::MissingShards { .. } | ExportError::MissingPictures { .. } => {
                Some("run the missing shards, and copy their folders into this one".to_string())
            }
            _ => None,
        }
    }
}

/// What to export.
#[derive(Debug)]
pub struct Plan {
    /// The pictures, their labels in the model's order of categories.
    pub dataset: Dataset,
    /// Whether the labels mean anything.
    pub labelled: bool,
    /// Which categories of each picture.
    pub selection: Selection,
    /// What is asked of every explanation, but for its category.
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
struct Run {
    format: String,
    version: String,
    program: String,
    model: String,
    data: String,
    categories: Vec<String>,
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
    configuration: serde_json::Value,
    /// Id and number of lines of every picture, in the order of the list.
    pictures: Vec<(String, usize)>,
}

/// How an export went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Pictures of the list (of the shard).
    pub pictures: usize,
    /// Explanations in the manifest.
    pub explanations: usize,
    /// Pictures that were done by an earlier run.
    pub taken_over: usize,
    /// Ids and reasons of pictures that failed.
    pub failed: Vec<(String, String)>,
    /// Explanations by tiles of pictures that are no larger than one.
    pub one_window: usize,
    /// The largest conservation error of any explanation, relative to max(1, |f|).
    pub largest_conservation_error: f64,
    /// The scale of the whole set, where it was asked for.
    pub set_scale: Option<f64>,
}

impl Plan {
    fn run(&self, model: &dyn Model) -> Result<Run, ExportError> {
        let names = model.categories();
        let selection = match self.selection {
            Selection::True => "true".to_string(),
            Selection::Top => "top".to_string(),
            Selection::All => "all".to_string(),
            Selection::One(category) => names[category].clone(),
        };
        let data = self.dataset.digest();
        Ok(Run {
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
            configuration: model.description(),
            pictures: self
                .dataset
                .pictures
                .iter()
                .map(|entry| (entry.id.clone(), self.lines_of(entry, names.len())))
                .collect(),
        })
    }

    fn lines_of(&self, entry: &Entry, categories: usize) -> usize {
        self.selection.planned(&entry.labels, categories).map_or(1, |planned| planned.len())
    }

    fn manifest_name(&self) -> String {
        self.shard.map_or_else(|| MANIFEST.to_string(), |shard| format!("manifest.{shard}.jsonl"))
    }

    fn blank(&self, model: &dyn Model, entry: &Entry, category: &str, label: Option<i8>) -> Line {
        let against = self.query.target.against.map_or("", |other| model.categories()[other].as_str());
        Line {
            picture: entry.id.clone(),
            path: entry.path.clone(),
            category: category.to_string(),
            against: against.to_string(),
            label,
            score: None,
            sum_relevance: None,
            conservation_error: None,
            method: model.method(),
            width: None,
            height: None,
            largest: None,
            scale: None,
            windows: None,
            files: Files::new(),
            error: None,
        }
    }
}

/// Explains every picture of the plan and writes its files; a picture that fails costs only itself.
///
/// # Errors
/// [`ExportError`] where the export as a whole can't go on; what is done stays, and the next run takes it over.
pub fn run(model: &dyn Model, plan: &Plan, progress: &dyn Progress) -> Result<Report, ExportError> {
    if plan.shard.is_some() && plan.drawing.scale == Scale::Set {
        return Err(ExportError::SetScaleOfShard);
    }
    require_different_names(plan.dataset.pictures.iter().map(|entry| (entry.id.as_str(), entry.path.clone())))?;
    let out = &plan.out;
    std::fs::create_dir_all(out).map_err(WriteError::io(out))?;
    let manifest_name = plan.manifest_name();
    let _lock = RunLock::take(out, &format!(".{manifest_name}.lock"))?;
    claim_folder(out, &plan.run(model)?)?;

    let names = model.categories();
    let manifest = out.join(&manifest_name);
    let journal_path = out.join(format!(".{manifest_name}.journal"));
    let read = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ExportError::Read { path, source }
    };
    let usable = |line: &Line| line.error.is_none() && drawing::are_there(out, &line.files, plan.drawing.scale);
    let mut done = Index::default();
    done.add(&manifest, usable).map_err(read(&manifest))?;
    done.add(&journal_path, usable).map_err(read(&journal_path))?;

    let mine = |entry: &&Entry| plan.shard.is_none_or(|shard| shard.takes(&entry.path));
    let list: Vec<&Entry> = plan.dataset.pictures.iter().filter(mine).collect();
    let todo: Vec<&Entry> = list
        .iter()
        .copied()
        .filter(|entry| {
            let have = done.categories(&entry.id);
            match plan.selection.planned(&entry.labels, names.len()) {
                Some(planned) => planned.iter().any(|&category| !have.contains(&names[category].as_str())),
                None => have.is_empty(),
            }
        })
        .collect();
    let mut report = Report { pictures: list.len(), taken_over: list.len() - todo.len(), ..Report::default() };
    if todo.is_empty() && manifest.is_file() && !journal_path.exists() && plan.drawing.scale != Scale::Set {
        summarise(&manifest, &mut report)?;
        return Ok(report);
    }

    let journal = Mutex::new(Journal::open(&journal_path)?);
    progress.begin("explaining", todo.len());
    todo.par_iter().try_for_each(|entry| -> Result<(), ExportError> {
        let mut timings = Timings::default();
        let lines = explain_picture(model, plan, entry, &mut timings)?;
        progress.took(1, &timings);
        if let Some(reason) = lines.iter().find_map(|line| line.error.as_ref()) {
            progress.warn(&format!("picture \"{}\" failed: {reason}", entry.id));
        }
        // A poisoned lock means that another thread panicked; the journal itself is whole lines.
        journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&lines)?;
        progress.step();
        Ok(())
    })?;
    progress.end();

    let mut index = Index::default();
    index.add(&manifest, |_| true).map_err(read(&manifest))?;
    index.add(&journal_path, |_| true).map_err(read(&journal_path))?;
    let rank = |category: &str| names.iter().position(|name| name == category).unwrap_or(names.len());
    let pictures = list.iter().map(|entry| entry.id.as_str());
    if plan.drawing.scale == Scale::Set {
        report.set_scale = Some(draw_set(model, plan, &index, &list, progress)?);
    }
    manifest::write_ordered(&manifest, &index, pictures, rank, &mut |_| {})?;
    std::fs::remove_file(&journal_path).map_err(WriteError::io(&journal_path))?;
    summarise(&manifest, &mut report)?;
    Ok(report)
}

/// Writes `run.json`, or checks that the one that is there says the same.
fn claim_folder(out: &Path, run: &Run) -> Result<(), ExportError> {
    let path = out.join(RUN_FILE);
    let text = json::text(run);
    // Shards may start in one folder at the same moment: one writes, the others wait for its file.
    for _ in 0..100 {
        match std::fs::read_to_string(&path) {
            Ok(found) if found == text => return Ok(()),
            Ok(found) => {
                return Err(ExportError::OtherRun { folder: out.to_path_buf(), differences: differences(&found, run) });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match atomic::write(&path, text.as_bytes()) {
                Err(WriteError::Busy { .. }) => std::thread::sleep(std::time::Duration::from_millis(50)),
                result => return Ok(result?),
            },
            Err(source) => return Err(ExportError::Read { path, source }),
        }
    }
    Err(ExportError::Busy { folder: out.to_path_buf() })
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

/// The lines of one picture; what fails in it is in the lines, what fails in writing ends the run.
fn explain_picture(
    model: &dyn Model,
    plan: &Plan,
    entry: &Entry,
    timings: &mut Timings,
) -> Result<Vec<Line>, ExportError> {
    let names = model.categories();
    let against = plan.query.target.against.map(|category| names[category].as_str());
    let label = |category: usize| plan.labelled.then(|| entry.labels[category]);
    let planned = plan.selection.planned(&entry.labels, names.len());
    if planned.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let failed = |reason: String| -> Vec<Line> {
        let blank =
            |category: &str, label| Line { error: Some(reason.clone()), ..plan.blank(model, entry, category, label) };
        match &planned {
            Some(planned) => planned.iter().map(|&category| blank(&names[category], label(category))).collect(),
            None => vec![blank("", None)],
        }
    };
    let picture = match timings.time(Stage::DECODE, || Picture::open(plan.dataset.file(entry), model.reading())) {
        Ok(picture) => picture,
        Err(error) => return Ok(failed(crate::causes::chain(&error))),
    };
    let seen = match model.forward(&picture, Keep::Nothing) {
        Ok(seen) => seen,
        Err(error) => return Ok(failed(crate::causes::chain(&error))),
    };
    *timings += &seen.timings();
    let mut lines = Vec::new();
    for category in plan.selection.of(&entry.labels, seen.scores()) {
        let name = &names[category];
        let blank = plan.blank(model, entry, name, label(category));
        let explanation = match seen.explain(&plan.query.about(category)) {
            Ok(explanation) => explanation,
            Err(error) => {
                lines.push(Line { error: Some(crate::causes::chain(&error)), ..blank });
                continue;
            }
        };
        *timings += &explanation.timings;
        let base = Base::new(&entry.id, name, against);
        let written = timings.time(Stage::WRITE, || plan.drawing.write(&plan.out, &base, &picture, &explanation))?;
        lines.push(Line {
            score: Some(explanation.score),
            sum_relevance: Some(explanation.ledger.sum_relevance),
            conservation_error: Some(explanation.ledger.error),
            width: Some(picture.width()),
            height: Some(picture.height()),
            largest: Some(written.largest),
            scale: written.scale,
            windows: plan.query.tiles.map(|_| explanation.windows.len()),
            files: written.files,
            ..blank
        });
    }
    Ok(lines)
}

/// The second pass: draws all stored maps at the scale of the set, and returns it.
fn draw_set(
    model: &dyn Model,
    plan: &Plan,
    index: &Index,
    list: &[&Entry],
    progress: &dyn Progress,
) -> Result<f64, ExportError> {
    let mut largest = 0.0f64;
    let mut jobs: Vec<(&Entry, String)> = Vec::new();
    for entry in list {
        let mut see = |text: &str| {
            if let Ok(line) = serde_json::from_str::<Line>(text)
                && let (Some(magnitude), Some(map)) = (line.largest, line.files.get("relevance"))
            {
                largest = largest.max(magnitude);
                jobs.push((entry, map.clone()));
            }
        };
        index
            .copy(&entry.id, |_| 0, &mut std::io::sink(), &mut see)
            .map_err(|source| ExportError::Read { path: plan.out.clone(), source })?;
    }
    progress.begin("drawing", jobs.len());
    jobs.par_iter().try_for_each(|(entry, map)| -> Result<(), ExportError> {
        let read =
            |reason: String| ExportError::Read { path: plan.out.join(map), source: std::io::Error::other(reason) };
        let picture = Picture::open(plan.dataset.file(entry), model.reading())
            .map_err(|error| read(crate::causes::chain(&error)))?;
        plan.drawing.redraw(&plan.out, &Base::of_map(map), &picture, largest)?;
        progress.step();
        Ok(())
    })?;
    progress.end();
    Ok(largest)
}

/// Reads the finished manifest once more and counts.
fn summarise(manifest: &Path, report: &mut Report) -> Result<(), ExportError> {
    use std::io::BufRead;
    let read = |source| ExportError::Read { path: manifest.to_path_buf(), source };
    for text in std::io::BufReader::new(std::fs::File::open(manifest).map_err(read)?).lines() {
        let line: Line = serde_json::from_str(&text.map_err(read)?)
            .map_err(|source| ExportError::Malformed { path: manifest.to_path_buf(), source })?;
        match line.error {
            Some(reason) => {
                if report.failed.last().is_none_or(|(id, _)| *id != line.picture) {
                    report.failed.push((line.picture, reason));
                }
            }
            None => {
                report.explanations += 1;
                report.one_window += usize::from(line.windows == Some(1));
                let error = line.conservation_error.unwrap_or(0.0).abs() / line.score.unwrap_or(0.0).abs().max(1.0);
                report.largest_conservation_error = report.largest_conservation_error.max(error);
            }
        }
    }
    Ok(())
}

/// Joins the manifests of all shards in `folder` into the one that a single run would have written, and removes them.
///
/// # Errors
/// [`ExportError`], naming the shards or the first picture that are missing; nothing is changed then.
pub fn merge(folder: &Path) -> Result<Report, ExportError> {
    let _lock = RunLock::take(folder, &format!(".{MANIFEST}.lock"))?;
    let run_path = folder.join(RUN_FILE);
    let text =
        std::fs::read_to_string(&run_path).map_err(|source| ExportError::Read { path: run_path.clone(), source })?;
    let run: Run = serde_json::from_str(&text).map_err(|source| ExportError::Malformed { path: run_path, source })?;
    let shards = shards_in(folder)?;
    let count = match shards.first() {
        Some((first, _)) if shards.iter().all(|(shard, _)| shard.count == first.count) => first.count,
        first => {
            let found = if first.is_none() { "no shard's manifest" } else { "shards of different divisions" };
            return Err(ExportError::NoShards { folder: folder.to_path_buf(), found: found.to_string() });
        }
    };
    let missing: Vec<String> = (0..count)
        .filter(|index| !shards.iter().any(|(shard, _)| shard.index == *index))
        .map(|index| index.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(ExportError::MissingShards { folder: folder.to_path_buf(), missing, count });
    }
    let mut index = Index::default();
    for (_, path) in &shards {
        index.add(path, |_| true).map_err(|source| ExportError::Read { path: path.clone(), source })?;
    }
    let lacking: Vec<&String> =
        run.pictures.iter().filter(|(id, lines)| index.categories(id).len() < *lines).map(|(id, _)| id).collect();
    if let Some(first) = lacking.first() {
        return Err(ExportError::MissingPictures { count: lacking.len(), first: first.to_string() });
    }
    let rank = |category: &str| run.categories.iter().position(|c| c == category).unwrap_or(run.categories.len());
    let manifest = folder.join(MANIFEST);
    manifest::write_ordered(&manifest, &index, run.pictures.iter().map(|(id, _)| id.as_str()), rank, &mut |_| {})?;
    for (_, path) in &shards {
        std::fs::remove_file(path).map_err(WriteError::io(path))?;
    }
    let mut report = Report { pictures: run.pictures.len(), ..Report::default() };
    summarise(&manifest, &mut report)?;
    Ok(report)
}

fn shards_in(folder: &Path) -> Result<Vec<(Shard, PathBuf)>, ExportError> {
    let read = |source| ExportError::Read { path: folder.to_path_buf(), source };
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let middle = name.strip_prefix("manifest.").and_then(|rest| rest.strip_suffix(".jsonl"));
        if let Some(shard) = middle.and_then(|middle| middle.replace("-of-", "/").parse::<Shard>().ok()) {
            shards.push((shard, path));
        }
    }
    shards.sort_by_key(|(shard, _)| shard.index);
    Ok(shards)
}
