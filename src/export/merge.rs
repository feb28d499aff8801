//! Shards joined into one export.

use std::path::{Path, PathBuf};

use super::error::ExportError;
use super::lock::RunLock;
use super::manifest::{self, Index};
use super::plan::{MANIFEST, RUN_FILE, Run};
use super::report::Report;
use super::shard::Shard;
use crate::format::atomic::WriteError;

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
    report.count(&manifest)?;
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
