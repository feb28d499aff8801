//! Shards joined into one export.

use std::path::{Path, PathBuf};

use super::drawing::is_whole;
use super::error::ExportError;
use super::lock::RunLock;
use super::manifest::{self, Header, Index, Line};
use super::plan::{MANIFEST, RUN_FILE, Run, digest};
use super::report::Report;
use super::shard::Shard;
use crate::format::atomic::WriteError;

/// Maximum number of missing maps that an error names.
const MAPS_NAMED: usize = 5;

/// Joins the manifests of all shards in `folder` into the one that a single run would have written, and removes them.
///
/// # Errors
/// [`ExportError`], naming the shards, pictures or maps that are missing, or the shard that belongs to another export; nothing is
/// changed then.
pub fn merge(folder: &Path) -> Result<Report, ExportError> {
    if !folder.is_dir() {
        return Err(ExportError::NoFolder { folder: folder.to_path_buf() });
    }
    let run_path = folder.join(RUN_FILE);
    let text =
        std::fs::read_to_string(&run_path).map_err(|source| ExportError::Read { path: run_path.clone(), source })?;
    let run: Run = serde_json::from_str(&text).map_err(|source| ExportError::Malformed { path: run_path, source })?;
    let _lock = RunLock::take(folder, &format!(".{MANIFEST}.lock"))?;
    let shards = all_shards(folder)?;
    let unchecked = refuse_other_exports(&shards, &digest(&text))?;
    let index = read_shards(folder, &shards)?;
    let lacking: Vec<&String> =
        run.pictures.iter().filter(|(id, lines)| index.categories(id).len() < *lines).map(|(id, _)| id).collect();
    if let Some(first) = lacking.first() {
        return Err(ExportError::MissingPictures { count: lacking.len(), first: first.to_string() });
    }
    let rank = |category: &str| run.categories.iter().position(|c| c == category).unwrap_or(run.categories.len());
    let manifest = folder.join(MANIFEST);
    manifest::write_ordered(&manifest, None, &index, run.pictures.iter().map(|(id, _)| id.as_str()), rank)?;
    for path in &shards {
        std::fs::remove_file(path).map_err(WriteError::io(path))?;
    }
    let mut report = Report { pictures: run.pictures.len(), unchecked, ..Report::default() };
    report.count(&manifest)?;
    Ok(report)
}

/// The manifests of all shards, in order.
fn all_shards(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
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
    Ok(shards.into_iter().map(|(_, path)| path).collect())
}

/// Refuses manifests of exports other than the one with this digest. Returns those that don't name their export.
fn refuse_other_exports(shards: &[PathBuf], digest: &str) -> Result<Vec<PathBuf>, ExportError> {
    let mut unchecked = Vec::new();
    for path in shards {
        match Header::read(path).map_err(|source| ExportError::Read { path: path.clone(), source })? {
            Some(header) if header.run == digest => {}
            Some(_) => return Err(ExportError::OtherShard { manifest: path.clone() }),
            None => unchecked.push(path.clone()),
        }
    }
    Ok(unchecked)
}

/// The lines of all shards, whose maps must exist.
fn read_shards(folder: &Path, shards: &[PathBuf]) -> Result<Index, ExportError> {
    let mut index = Index::default();
    let (mut count, mut maps) = (0, Vec::new());
    let mut look_for_map = |line: &Line| {
        if let Some(map) = line.files.get("relevance").filter(|map| !is_whole(folder, map, line.bytes)) {
            count += 1;
            if maps.len() < MAPS_NAMED {
                maps.push(map.clone());
            }
        }
        true
    };
    for path in shards {
        index.add(path, &mut look_for_map).map_err(|source| ExportError::Read { path: path.clone(), source })?;
    }
    if count > 0 { Err(ExportError::MissingMaps { count, maps }) } else { Ok(index) }
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
