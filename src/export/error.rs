//! Why an export ends.

use std::path::PathBuf;

use super::drawing::{FilesError, SameName};
use crate::format::atomic::WriteError;

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
        /// The lock file of the other run, if the file system has no locks.
        marker: Option<PathBuf>,
    },
    /// There is no such folder to merge.
    #[error("\"{}\" is no folder", folder.display())]
    NoFolder {
        /// What was given.
        folder: PathBuf,
    },
    /// A shard's manifest belongs to another export.
    #[error("\"{}\" belongs to another export than \"{}\" beside it", manifest.display(), super::plan::RUN_FILE)]
    OtherShard {
        /// The shard's manifest.
        manifest: PathBuf,
    },
    /// A merge lacks maps.
    #[error("{count} maps are missing or not of the size that was written: {}", maps.join(", "))]
    MissingMaps {
        /// How many.
        count: usize,
        /// The first of them, relative to the folder.
        maps: Vec<String>,
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
            ExportError::Write(error) | ExportError::Files(FilesError::Write(error)) => error.hint(),
            ExportError::Busy { marker: Some(marker), .. } => {
                Some(format!("if no other run is at work, remove its lock file \"{}\"", marker.display()))
            }
            ExportError::OtherShard { .. } => {
                Some("merge each export in its own folder, with the maps that belong to it".to_string())
            }
            ExportError::MissingMaps { .. } => {
                Some("copy them into the folder, or run their shards again: only what is missing is made".to_string())
            }
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
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            ExportError::Write(error) => error.is_failure(),
            ExportError::Files(error) => error.is_failure(),
            ExportError::Busy { .. } => true,
            ExportError::NoFolder { .. }
            | ExportError::OtherShard { .. }
            | ExportError::MissingMaps { .. }
            | ExportError::OtherRun { .. }
            | ExportError::SameName(_)
            | ExportError::Read { .. }
            | ExportError::Malformed { .. }
            | ExportError::MissingShards { .. }
            | ExportError::NoShards { .. }
            | ExportError::MissingPictures { .. }
            | ExportError::SetScaleOfShard => false,
        }
    }
}
