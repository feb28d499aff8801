//! Many files, synced together.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::atomic::{AtomicFile, WriteError};

/// Files synced at the same time. File systems commit simultaneous requests together, so that many cost little more than one.
const SYNCED_AT_ONCE: usize = 8;

/// Files that have their names, but may be lost in a power cut until [`Batch::sync`].
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "the files are safe only after sync()"]
pub struct Batch {
    files: Vec<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl Batch {
    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(
        &mut self,
        target: &Path,
        encode: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let mut file = AtomicFile::create(target)?;
        encode(&mut file).map_err(WriteError::io(target))?;
        self.append(file.commit_unsynced()?);
        Ok(())
    }

    /// Adds the files of another batch.
    pub fn append(&mut self, other: Batch) {
        self.files.extend(other.files);
        self.folders.extend(other.folders);
    }

    pub(super) fn of(file: PathBuf, folders: Vec<PathBuf>) -> Self {
        Self { files: vec![file], folders: folders.into_iter().collect() }
    }

    /// Syncs all files, and the folders that name them, to disk.
    ///
    /// # Errors
    /// [`WriteError::Io`] with the first file that failed.
    pub fn sync(self) -> Result<(), WriteError> {
        let failure = Mutex::new(None);
        let sync_some = |files: &[PathBuf]| {
            for file in files {
                if let Err(error) = File::options().write(true).open(file).and_then(|file| sync_file(&file)) {
                    // A poisoned lock still holds a whole value.
                    failure
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .get_or_insert_with(|| WriteError::io(file)(error));
                }
            }
        };
        std::thread::scope(|scope| {
            for part in self.files.chunks(self.files.len().div_ceil(SYNCED_AT_ONCE).max(1)) {
                scope.spawn(move || sync_some(part));
            }
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error);
        }
        self.folders.iter().try_for_each(|folder| sync_folder(folder))
    }
}

/// Syncs a file's contents to disk, if the file system can.
///
/// # Errors
/// Those of the system.
pub fn sync_file(file: &File) -> io::Result<()> {
    tolerate_unsupported(file.sync_data())
}

/// Syncs a folder's names to disk, if the system can.
pub(super) fn sync_folder(folder: &Path) -> Result<(), WriteError> {
    if cfg!(not(unix)) {
        // A folder can't be opened as a file there.
        return Ok(());
    }
    let synced = match File::open(folder) {
        Ok(folder) => tolerate_unsupported(folder.sync_all()),
        // A folder may be writable but not readable.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    };
    synced.map_err(WriteError::io(folder))
}

fn tolerate_unsupported(result: io::Result<()>) -> io::Result<()> {
    match result {
        // What file systems answer that can't sync.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_its_files_at_once_and_names_one_that_is_gone_when_it_syncs() {
        let folder = tempfile::tempdir().unwrap();
        let mut batch = Batch::default();
        for number in 0..20 {
            let path = folder.path().join(format!("new/{number}"));
            batch.write(&path, |out| write!(out, "{number}")).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), number.to_string());
        }
        assert!(batch.folders.contains(folder.path()), "a new folder's own name is synced as well");
        batch.clone().sync().unwrap();
        std::fs::remove_file(folder.path().join("new/7")).unwrap();
        assert!(batch.sync().unwrap_err().to_string().contains("new/7"));
        Batch::default().sync().unwrap();
    }
}
