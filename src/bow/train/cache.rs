//! Finished steps of trainings, kept in a folder by what they are a function of, so that a training that was interrupted or that changes only
//! its kernel or its C need not look at the pictures again.
//!
//! A key is a SHA-256 over everything that a step depends on; what is found under it is what the step would give, to the bit. Files appear whole or not
//! at all, so several trainings may share a folder; a file that can't be read is made again.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::format::container::{Container, Reader, Values};
use crate::format::hexadecimal;

/// Changed when a step gives other numbers than before, so that old results are not taken for new ones.
const GENERATION: &str = "2";

/// A folder of finished steps.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// What a step depends on, as a file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of a `step` that depends on `parts`.
    pub fn new(step: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in [b"bowsight".as_slice(), GENERATION.as_bytes(), step.as_bytes()].iter().chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hexadecimal(&hash.finalize()))
    }
}

impl Cache {
    /// The cache in `folder`, which is made when something is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, key: &Key) -> PathBuf {
        // Two letters a folder: a million files in one are slow in many file systems.
        self.folder.join(&key.0[..2]).join(&key.0[2..])
    }

    /// What is stored under `key`, if it is there and `read` can make sense of it.
    pub fn get<T>(&self, key: &Key, read: impl FnOnce(&Reader<'_>) -> Option<T>) -> Option<T> {
        let bytes = std::fs::read(self.path(key)).ok()?;
        read(&Reader::new(&bytes).ok()?)
    }

    /// Stores a container. What can't be stored is only not there the next time.
    pub fn put(&self, key: &Key, container: &Container) {
        let _ = container.write(&self.path(key));
    }

    /// A list of numbers under `key`, of the length expected.
    pub fn numbers(&self, key: &Key, length: usize) -> Option<Vec<f32>> {
        self.get(key, |reader| reader.finite_f32s("numbers", &[length]).ok())
    }

    /// Stores a list of numbers.
    pub fn put_numbers(&self, key: &Key, numbers: &[f32]) {
        let mut container = Container::default();
        container.insert("numbers", &[numbers.len()], Values::F32(numbers.to_vec()));
        self.put(key, &container);
    }

    /// The folder.
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
        assert_eq!(cache.numbers(&a, 2), None);
        cache.put_numbers(&a, &[1.5, -2.0]);
        assert_eq!(cache.numbers(&a, 2), Some(vec![1.5, -2.0]));
        assert_eq!((cache.numbers(&a, 3), cache.numbers(&b, 2)), (None, None));
        // Half a file is none.
        let path = cache.path(&a);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(cache.numbers(&a, 2), None);
    }

    #[test]
    fn an_unwritable_cache_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let cache = Cache::new(&file);
        let key = Key::new("step", &[]);
        cache.put_numbers(&key, &[1.0]);
        assert_eq!(cache.numbers(&key, 1), None);
    }
}
