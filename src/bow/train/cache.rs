//! Finished steps of trainings, kept in a folder, so that a training that was interrupted or that changes only its
//! kernel or its C need not open the pictures again.
//!
//! A key is a SHA-256 over everything that a step depends on, the version of this program included: what is found under
//! it is what the step would give, to the bit. Files appear whole or not at all, so several trainings may share a
//! folder. A file that can't be read is made again.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::causes::chain;
use crate::format::container::{Container, Reader, Values};
use crate::format::hexadecimal;

/// The version of this program: another one may compute other numbers, so each release makes its own.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Distinguishes states of the program between two releases. Increase it with every change of a step's numbers.
const GENERATION: &str = "2";

/// A folder of finished steps.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    /// The first failure to store a step.
    failure: OnceLock<String>,
}

/// What a step depends on, as a file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Makes the key of a `step` that depends on `parts`.
    pub fn new(step: &str, parts: &[&[u8]]) -> Self {
        Self::for_version(VERSION, step, parts)
    }

    fn for_version(version: &str, step: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        let fixed = ["bowsight", version, GENERATION, step].map(str::as_bytes);
        for part in fixed.iter().chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hexadecimal(&hash.finalize()))
    }
}

impl Cache {
    /// Opens the cache in `folder`, which is created when something is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), failure: OnceLock::new() }
    }

    fn path(&self, key: &Key) -> PathBuf {
        // One folder per first two letters: a million files in one folder are slow in many file systems.
        self.folder.join(&key.0[..2]).join(&key.0[2..])
    }

    /// Returns what `read` makes of the container under `key`; nothing if there is none or `read` can't use it.
    pub fn get<T>(&self, key: &Key, read: impl FnOnce(&Reader<'_>) -> Option<T>) -> Option<T> {
        let bytes = std::fs::read(self.path(key)).ok()?;
        read(&Reader::new(&bytes).ok()?)
    }

    /// Stores a container. If that fails, the step is computed again the next time.
    pub fn put(&self, key: &Key, container: &Container) {
        if let Err(error) = container.write(&self.path(key)) {
            // Only the first is kept: a full disk fails every step.
            self.failure.get_or_init(|| chain(&error));
        }
    }

    /// Returns why the first step that could not be stored was not.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Returns the list of numbers under `key`, if it has the expected length.
    pub fn numbers(&self, key: &Key, length: usize) -> Option<Vec<f32>> {
        self.get(key, |reader| reader.finite_f32s("numbers", &[length]).ok())
    }

    /// Stores a list of numbers.
    pub fn put_numbers(&self, key: &Key, numbers: &[f32]) {
        let mut container = Container::default();
        container.insert("numbers", &[numbers.len()], Values::F32(numbers.to_vec()));
        self.put(key, &container);
    }

    /// Returns the folder, whether it exists or not.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_found_under_its_own_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        // Parts that join to the same bytes are other parts.
        let (a, b) = (Key::new("step", &[b"ab", b"c"]), Key::new("step", &[b"a", b"bc"]));
        assert_ne!(a, b);
        // Another version of the program may compute other numbers.
        assert_ne!(a, Key::for_version("0.0.0", "step", &[b"ab", b"c"]));
        assert_eq!(cache.numbers(&a, 2), None);
        cache.put_numbers(&a, &[1.5, -2.0]);
        assert_eq!(cache.numbers(&a, 2), Some(vec![1.5, -2.0]));
        assert_eq!((cache.numbers(&a, 3), cache.numbers(&b, 2)), (None, None));
        // Half a file does not count.
        let path = cache.path(&a);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(cache.numbers(&a, 2), None);
    }

    #[test]
    fn a_folder_that_is_unwritable_caches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let cache = Cache::new(&file);
        let key = Key::new("step", &[]);
        cache.put_numbers(&key, &[1.0]);
        assert!(cache.failure().is_some_and(|reason| reason.contains(&file.display().to_string())));
        assert_eq!(cache.numbers(&key, 1), None);
    }
}
