//! Keeps a second run out of a folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::ExportError;
use crate::format::atomic::WriteError;
use crate::format::lock::{self, Lock, LockError};

/// Holds the folder for this run until the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    /// Held for its lock.
    _file: File,
    _lock: Lock,
}

impl RunLock {
    /// Takes the lock file `name` in `folder`.
    ///
    /// # Errors
    /// [`ExportError::Busy`] when another run has it.
    pub fn take(folder: &Path, name: &str) -> Result<Self, ExportError> {
        let path = folder.join(name);
        loop {
            let file =
                File::options().create(true).truncate(false).write(true).open(&path).map_err(WriteError::io(&path))?;
            let lock = lock::exclusive(&file, &path).map_err(|error| match error {
                LockError::Busy { marker } => ExportError::Busy { folder: folder.to_path_buf(), marker },
                LockError::Io(source) => WriteError::io(&path)(source).into(),
            })?;
            // The run before may have removed the file between our opening and locking it: then the lock is worth nothing.
            if is_still(&file, &path) {
                return Ok(Self { path, _file: file, _lock: lock });
            }
        }
    }
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still(_file: &File, _path: &Path) -> bool {
    // An open file can't be removed there.
    true
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
