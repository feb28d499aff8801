//! Writing a file whole or not at all: to a neighbour `.NAME.part`, then renamed.
//!
//! The neighbour's name is a function of the target's, so a run that was killed leaves at most a `.NAME.part`, which the
//! next run takes over; the file lock on it keeps two living runs from writing the same file. What is committed is synced: the
//! file before it is renamed, the folder afterwards.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::batch::{self, Batch};
use super::lock::{self, Lock, LockError};

/// Maximum length of a file name, in bytes, that leaves room for a leading dot and `.part.held` within the 255 bytes of file systems.
const LONGEST_NAME: usize = 255 - ".".len() - ".part.held".len();
/// Maximum number of symbolic links to follow, as on Linux.
const MAX_LINKS: usize = 40;

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
        /// The lock file of the other run, if the file system has no locks.
        marker: Option<PathBuf>,
    },
    /// What must be a folder is a file.
    #[error("cannot write into \"{}\": it is a file, not a folder", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The file is finished, but the system refuses to give it its name.
    #[error("\"{}\" can't be given its name: the finished file is kept as \"{}\"", path.display(), part.display())]
    Rename {
        /// The file that was to be written.
        path: PathBuf,
        /// The finished file.
        part: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    /// Binds a path to an error of the operating system.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            WriteError::Io { .. } | WriteError::Busy { .. } | WriteError::Rename { .. } => true,
            WriteError::NotAFolder { .. } => false,
        }
    }

    /// Whether the file's own name is at fault; other files may then still be written.
    pub fn is_of_its_name(&self) -> bool {
        /// A name that the file system can't encode, on Linux and macOS.
        const EILSEQ: i32 = if cfg!(target_os = "linux") { 84 } else { 92 };
        match self {
            WriteError::Io { source, .. } => {
                matches!(
                    source.kind(),
                    io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory
                ) || (cfg!(unix) && source.raw_os_error() == Some(EILSEQ))
            }
            WriteError::Busy { .. } | WriteError::NotAFolder { .. } | WriteError::Rename { .. } => false,
        }
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            WriteError::Busy { marker: Some(marker), .. } => {
                Some(format!("if no other run is at work, remove its lock file \"{}\"", marker.display()))
            }
            WriteError::NotAFolder { .. } => Some("name a folder, or a place that doesn't exist yet".to_string()),
            _ => None,
        }
    }
}

/// Creates `folder` and those above it if they are missing. Returns the folders in which a new name appeared.
///
/// # Errors
/// [`WriteError::NotAFolder`] if a file stands in the way, [`WriteError::Io`].
pub fn create_folder(folder: &Path) -> Result<Vec<PathBuf>, WriteError> {
    if folder.is_dir() {
        return Ok(Vec::new());
    }
    if let Some(file) = folder.ancestors().find(|ancestor| ancestor.is_file()) {
        return Err(WriteError::NotAFolder { path: file.to_path_buf() });
    }
    let missing = folder.ancestors().take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists());
    let grown = missing.map(folder_of).collect();
    std::fs::create_dir_all(folder).map_err(WriteError::io(folder))?;
    Ok(grown)
}

/// The folder that holds `path`.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The file that `path` stands for: where its symbolic links lead, even if nothing is there yet.
fn destination(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match std::fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            // No link, or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The name of the neighbour that becomes the file `name`.
fn part_name(name: &OsStr) -> OsString {
    let mut part = OsString::from(".");
    if name.len() <= LONGEST_NAME {
        part.push(name);
    } else {
        part.push(super::hexadecimal(&Sha256::digest(name.as_encoded_bytes())));
    }
    part.push(".part");
    part
}

/// A file that appears under its name only when [`AtomicFile::commit`] succeeds.
///
/// A target that exists and is no regular file (a device, a pipe) is written directly: renaming over it would destroy it. If the
/// target is a symbolic link, the link stays, and the file that it leads to is written.
#[derive(Debug)]
pub struct AtomicFile {
    /// As given, for messages.
    target: PathBuf,
    /// `None` if the target is no regular file.
    part: Option<Part>,
    writer: Option<BufWriter<File>>,
}

/// The neighbour that becomes the file.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    destination: PathBuf,
    /// Folders that will hold a new name.
    folders: Vec<PathBuf>,
    /// Held until the file has its name.
    _lock: Lock,
}

impl AtomicFile {
    /// Opens the output, before any long work, so that an unwritable place is found at once.
    ///
    /// # Errors
    /// [`WriteError::Io`] if the place can't be written, [`WriteError::Busy`] if another process is writing it,
    /// [`WriteError::NotAFolder`] if its folder is a file.
    pub fn create(target: &Path) -> Result<Self, WriteError> {
        let fail = || WriteError::io(target);
        match std::fs::metadata(target) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(fail()(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(target).map_err(fail())?;
                return Ok(Self { target: target.to_path_buf(), part: None, writer: Some(BufWriter::new(file)) });
            }
            // Found now: the part's own name may be short enough, and the name would be refused after all the work.
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Err(fail()(error)),
            _ => {}
        }
        let destination = destination(target).map_err(fail())?;
        let Some(name) = destination.file_name() else {
            return Err(fail()(io::Error::new(io::ErrorKind::InvalidInput, "it has no file name")));
        };
        let folder = folder_of(&destination);
        let mut folders = create_folder(&folder)?;
        let path = folder.join(part_name(name));
        folders.push(folder);
        // Not truncated before the lock is held: the file may be another run's work.
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(fail())?;
        let lock = lock::exclusive(&file, &path).map_err(|error| match error {
            LockError::Busy { marker } => WriteError::Busy { path: target.to_path_buf(), marker },
            LockError::Io(source) => fail()(source),
        })?;
        file.set_len(0).map_err(fail())?;
        let part = Part { path, destination, folders, _lock: lock };
        Ok(Self { target: target.to_path_buf(), part: Some(part), writer: Some(BufWriter::new(file)) })
    }

    /// Puts everything on disk and gives the file its name.
    ///
    /// # Errors
    /// [`WriteError::Io`], e.g. when the disk is full; the target is then untouched. [`WriteError::Rename`] if only the name is
    /// refused; the finished file then stays.
    pub fn commit(mut self) -> Result<(), WriteError> {
        let file = self.flush_all()?;
        if self.part.is_some() {
            batch::sync_file(&file).map_err(WriteError::io(&self.target))?;
        }
        match self.rename()? {
            Some(part) => part.folders.iter().try_for_each(|folder| batch::sync_folder(folder)),
            None => Ok(()),
        }
    }

    /// Gives the file its name, and leaves it to the batch to put it on disk.
    ///
    /// # Errors
    /// Those of [`AtomicFile::commit`].
    pub fn commit_unsynced(mut self) -> Result<Batch, WriteError> {
        let _file = self.flush_all()?;
        Ok(self.rename()?.map_or_else(Batch::default, |part| Batch::of(part.destination, part.folders)))
    }

    fn flush_all(&mut self) -> Result<File, WriteError> {
        let writer = self.writer.take().expect("a file is committed once");
        writer.into_inner().map_err(|error| WriteError::io(&self.target)(error.into_error()))
    }

    /// Renamed while the lock is held, so that nobody takes the part over in between.
    fn rename(&mut self) -> Result<Option<Part>, WriteError> {
        let Some(part) = self.part.take() else { return Ok(None) };
        match std::fs::rename(&part.path, &part.destination) {
            Ok(()) => Ok(Some(part)),
            Err(source) => Err(WriteError::Rename { path: self.target.clone(), part: part.path.clone(), source }),
        }
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
            let _ = std::fs::remove_file(&part.path);
        }
    }
}

/// Writes `bytes` to `target`, whole or not at all.
///
/// # Errors
/// Those of [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write(target: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(target, |out| out.write_all(bytes))
}

/// Writes what `encode` gives to `target`, whole or not at all.
///
/// # Errors
/// Those of [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write_with(target: &Path, encode: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    let mut file = AtomicFile::create(target)?;
    encode(&mut file).map_err(WriteError::io(target))?;
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

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_target_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("disk")).unwrap();
        std::os::unix::fs::symlink("disk/model", at("link")).unwrap();
        std::os::unix::fs::symlink("link", at("link to link")).unwrap();
        for text in ["new", "replaced"] {
            write(&at("link to link"), text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(at("disk/model")).unwrap(), text);
            assert!(at("link").is_symlink() && at("link to link").is_symlink());
        }
        assert_eq!(std::fs::read_dir(at("disk")).unwrap().count(), 1);
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        assert!(write(&at("circle"), b"").is_err());
    }

    #[test]
    fn a_finished_file_whose_name_is_refused_is_kept_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model");
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"hours of work").unwrap();
        std::fs::create_dir_all(target.join("in the way")).unwrap();
        let error = file.commit().unwrap_err();
        assert!(matches!(error, WriteError::Rename { .. }) && error.to_string().contains(".model.part"), "{error}");
        assert_eq!(std::fs::read(folder.path().join(".model.part")).unwrap(), b"hours of work");
    }

    #[test]
    fn the_longest_names_are_written_and_longer_ones_are_refused_for_their_name() {
        let folder = tempfile::tempdir().unwrap();
        for length in [LONGEST_NAME, LONGEST_NAME + 1, 255] {
            write(&folder.path().join("a".repeat(length)), b"").unwrap();
        }
        assert!(write(&folder.path().join("a".repeat(256)), b"").unwrap_err().is_of_its_name());
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_bad_input_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for error in [write(&file.join("deeper/a"), b"").unwrap_err(), create_folder(&file).unwrap_err()] {
            assert!(matches!(&error, WriteError::NotAFolder { path } if *path == file), "{error:?}");
            assert!(!error.is_failure());
        }
        assert_eq!(create_folder(&folder.path().join("a/b")).unwrap(), [folder.path().join("a"), folder.path().into()]);
    }
}
