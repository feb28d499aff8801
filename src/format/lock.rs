//! Exclusive use of a file among processes: the system's file lock, or a lock file on file systems that have no locks (Lustre
//! without `-o flock`, some FUSE and SMB mounts).

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process met a file system without locks.
static WITHOUT_LOCKS: AtomicBool = AtomicBool::new(false);

/// The right to use a file. A lock file is removed when this is dropped; the system's lock ends with the locked file's handle.
#[derive(Debug)]
pub struct Lock {
    marker: Option<PathBuf>,
}

/// Why a file can't be used exclusively.
#[derive(Debug)]
pub enum LockError {
    /// Another process uses it or, if there is a lock file, may use it.
    Busy {
        /// The lock file, if the file system has no locks.
        marker: Option<PathBuf>,
    },
    /// The operating system refused.
    Io(io::Error),
}

/// Locks `file`, which lies at `path`, without waiting. If its file system has no locks, creates the lock file `path.held` instead.
///
/// # Errors
/// [`LockError`].
pub fn exclusive(file: &File, path: &Path) -> Result<Lock, LockError> {
    exclusive_by(path, file.try_lock())
}

/// Whether a file system without locks was met: two runs are then kept apart by lock files only.
pub fn met_none() -> bool {
    WITHOUT_LOCKS.load(Ordering::Relaxed)
}

fn exclusive_by(path: &Path, locked: Result<(), TryLockError>) -> Result<Lock, LockError> {
    match locked {
        Ok(()) => Ok(Lock { marker: None }),
        Err(TryLockError::WouldBlock) => Err(LockError::Busy { marker: None }),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => {
            WITHOUT_LOCKS.store(true, Ordering::Relaxed);
            create_marker(path)
        }
        Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
    }
}

/// ENOSYS and EOPNOTSUPP are [`io::ErrorKind::Unsupported`]; ENOLCK has no kind of its own.
fn is_unsupported(error: &io::Error) -> bool {
    const ENOLCK: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };
    error.kind() == io::ErrorKind::Unsupported || (cfg!(unix) && error.raw_os_error() == Some(ENOLCK))
}

fn create_marker(path: &Path) -> Result<Lock, LockError> {
    let mut marker = path.as_os_str().to_owned();
    marker.push(".held");
    let marker = PathBuf::from(marker);
    if is_left_over(&marker) {
        std::fs::remove_file(&marker).map_err(LockError::Io)?;
    }
    match File::options().write(true).create_new(true).open(&marker) {
        Ok(mut file) => {
            let lock = Lock { marker: Some(marker) };
            write!(file, "{} {}", std::process::id(), host()).map_err(LockError::Io)?;
            Ok(lock)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(LockError::Busy { marker: Some(marker) }),
        Err(error) => Err(LockError::Io(error)),
    }
}

/// Whether the lock file was made on this machine by a process that has ended.
fn is_left_over(marker: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(marker) else { return false };
    let Some((process, made_on)) = text.split_once(' ') else { return false };
    Path::new("/proc/self").exists()
        && !made_on.is_empty()
        && made_on == host()
        && process.parse::<u32>().is_ok_and(|id| !Path::new(&format!("/proc/{id}")).exists())
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| String::new(), |name| name.trim().to_string())
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(marker) = &self.marker {
            let _ = std::fs::remove_file(marker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32) -> Result<(), TryLockError> {
        Err(TryLockError::Error(io::Error::from_raw_os_error(code)))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_file_stands_in_where_the_file_system_has_no_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let marker = folder.path().join("a.held");
        // ENOSYS, ENOLCK, EOPNOTSUPP.
        for code in [38, 37, 95] {
            let lock = exclusive_by(&path, refused(code)).unwrap();
            assert!(marker.is_file() && met_none());
            match exclusive_by(&path, refused(code)) {
                Err(LockError::Busy { marker: Some(found) }) => assert_eq!(found, marker),
                other => panic!("{other:?}"),
            }
            drop(lock);
            assert!(!marker.exists());
        }
        assert!(matches!(exclusive_by(&path, refused(13)), Err(LockError::Io(_))), "a refusal is no missing lock");
        assert!(matches!(exclusive_by(&path, Err(TryLockError::WouldBlock)), Err(LockError::Busy { marker: None })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_file_of_an_ended_process_is_taken_over_and_any_other_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let marker = folder.path().join("a.held");
        // Process ids end at 4,194,304 on Linux.
        std::fs::write(&marker, format!("4999999 {}", host())).unwrap();
        drop(exclusive_by(&path, refused(38)).unwrap());
        for text in [format!("{} {}", std::process::id(), host()), "4999999 elsewhere".to_string(), String::new()] {
            std::fs::write(&marker, text).unwrap();
            assert!(matches!(exclusive_by(&path, refused(38)), Err(LockError::Busy { marker: Some(_) })));
        }
    }
}
