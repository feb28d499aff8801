//! Writing a file whole or not at all: to a neighbour `.NAME.part`, then renamed.
//!
//! The neighbour's name is a function of the target's, so a run that was killed leaves at most a `.NAME.part`, which the
//! next run takes over; the file lock on it keeps two living runs from writing the same file.

use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refused.
    #[error("cannot write \"{}\"", path.display())]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process is writing the same file.
    #[error("cannot write \"{}\": another run is writing it", path.display())]
    Busy {
        /// The file that was to be written.
        path: PathBuf,
    },
}

impl WriteError {
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            WriteError::Io { .. } | WriteError::Busy { .. } => true,
        }
    }

    /// Binds a path to an error of the operating system.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// A file that appears under its name only when [`AtomicFile::commit`] succeeds.
///
/// A target that exists and is no regular file (a device, a pipe) is written directly: renaming over it would destroy it.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    /// `None` when the target is no regular file.
    part: Option<PathBuf>,
    writer: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Opens the output, before any long work, so that an unwritable place is found at once.
    ///
    /// # Errors
    /// [`WriteError::Io`] when the place can't be written, [`WriteError::Busy`] when another process is writing it.
    pub fn create(target: &Path) -> Result<Self, WriteError> {
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        match std::fs::metadata(target) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(WriteError::io(target)(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(target).map_err(WriteError::io(target))?;
                return Ok(Self { target: target.to_path_buf(), part: None, writer: Some(BufWriter::new(file)) });
            }
            _ => {}
        }
        let Some(name) = target.file_name() else {
            return Err(WriteError::io(target)(io::Error::new(io::ErrorKind::InvalidInput, "it has no file name")));
        };
        std::fs::create_dir_all(directory).map_err(WriteError::io(target))?;
        let mut part_name = std::ffi::OsString::from(".");
        part_name.push(name);
        part_name.push(".part");
        let part = directory.join(part_name);
        // Not truncated before the lock is held: the file may be another run's work.
        let file =
            File::options().write(true).create(true).truncate(false).open(&part).map_err(WriteError::io(target))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WriteError::Busy { path: target.to_path_buf() }),
            Err(TryLockError::Error(source)) => return Err(WriteError::io(target)(source)),
        }
        file.set_len(0).map_err(WriteError::io(target))?;
        Ok(Self { target: target.to_path_buf(), part: Some(part), writer: Some(BufWriter::new(file)) })
    }

    /// Flushes everything to the file system and gives the file its name.
    ///
    /// # Errors
    /// [`WriteError::Io`], e.g. when the disk is full; the target is then untouched.
    pub fn commit(mut self) -> Result<(), WriteError> {
        let target = self.target.clone();
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|error| WriteError::io(&target)(error.into_error()))?;
        if let Some(part) = &self.part {
            // Renamed while the lock is held, so that nobody takes the part over in between.
            std::fs::rename(part, &target).map_err(WriteError::io(&target))?;
            self.part = None;
        }
        drop(file);
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // Dropping a BufWriter would flush; the file is being given up.
            let (file, _) = writer.into_parts();
            drop(file);
        }
        if let Some(part) = self.part.take() {
            let _ = std::fs::remove_file(part);
        }
    }
}

/// Writes `bytes` to `target`, whole or not at all.
///
/// # Errors
/// Those of [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write(target: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = AtomicFile::create(target)?;
    file.write_all(bytes).map_err(WriteError::io(target))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_leaves_nothing_and_a_committed_one_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.txt");
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write(&target, b"whole").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_stale_part_is_taken_over_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.txt");
        std::fs::write(folder.path().join(".a.txt.part"), b"left by a killed run, longer than the new text").unwrap();
        let first = AtomicFile::create(&target).unwrap();
        assert!(matches!(AtomicFile::create(&target), Err(WriteError::Busy { .. })));
        first.commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let error = write(Path::new("/dev/full"), &[0; 1 << 16]).unwrap_err();
        assert!(error.to_string().contains("/dev/full"), "{error}");
        assert!(std::fs::metadata("/dev/full").is_ok(), "the device must survive");
    }
}
