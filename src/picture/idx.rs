//! A picture in an idx file: `FILE#NUMBER`, counted from 0, such as `t10k-images-idx3-ubyte.gz#7`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use image::{DynamicImage, GrayImage};
use sha2::{Digest, Sha256};

use super::PictureError;
use crate::format::idx::Idx;
use crate::format::{hexadecimal, sha256_of_file};

/// What the names of idx files with pictures contain.
const MARK: &str = "idx3-ubyte";

/// Files that stay in memory: those of training and those of testing.
const KEPT: usize = 2;

/// Whether a file is called as idx files with pictures are.
pub(crate) fn is_idx(name: &str) -> bool {
    name.contains(MARK)
}

/// The file and the number, if the path names a picture in an idx file.
pub(super) fn item_of(path: &Path) -> Option<(PathBuf, usize)> {
    let (file, number) = path.file_name()?.to_str()?.rsplit_once('#')?;
    let number = number.parse().ok()?;
    is_idx(file).then(|| (path.with_file_name(file), number))
}

/// A file that was read, and what it was then.
struct Read {
    path: PathBuf,
    length: u64,
    changed: Option<SystemTime>,
    idx: Arc<Idx>,
}

/// The files that were read last: a digit is a thousandth of a second's work, its file half a second's.
static READ: Mutex<Vec<Read>> = Mutex::new(Vec::new());

/// The file's pictures.
pub(crate) fn pictures(path: &Path) -> Result<Arc<Idx>, PictureError> {
    let io = |source| PictureError::Io { path: path.to_path_buf(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    let (length, changed) = (metadata.len(), metadata.modified().ok());
    // Whoever panicked with the lock left whole entries behind.
    let mut read = READ.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let same = |read: &&Read| read.path == path && read.length == length && read.changed == changed;
    if let Some(known) = read.iter().find(same) {
        return Ok(known.idx.clone());
    }
    let damaged =
        |source: Box<dyn std::error::Error + Send + Sync>| PictureError::Damaged { path: path.to_path_buf(), source };
    let idx = Idx::open(path, 3, "pictures, rows, columns").map_err(|error| damaged(error.into()))?;
    if idx.values.is_empty() {
        return Err(damaged("it holds no pictures".into()));
    }
    let idx = Arc::new(idx);
    read.retain(|read| read.path != path);
    if read.len() == KEPT {
        read.remove(0);
    }
    read.push(Read { path: path.to_path_buf(), length, changed, idx: idx.clone() });
    Ok(idx)
}

/// The picture that `path` names.
pub(super) fn open(path: &Path, file: &Path, number: usize) -> Result<DynamicImage, PictureError> {
    let idx = pictures(file)?;
    let missing = || {
        let why = format!("the file holds {} pictures, counted from 0", idx.len());
        PictureError::Io { path: path.to_path_buf(), source: io::Error::new(io::ErrorKind::NotFound, why) }
    };
    let samples = idx.item(number).ok_or_else(missing)?.to_vec();
    let picture = GrayImage::from_raw(idx.shape[2] as u32, idx.shape[1] as u32, samples);
    Ok(picture.expect("an item is rows × columns").into())
}

/// SHA-256 of a picture's file, or of a picture's bytes in an idx file, in hexadecimal.
///
/// # Errors
/// Those of reading the file.
pub fn sha256_of_picture(path: &Path) -> io::Result<String> {
    let Some((file, number)) = item_of(path) else { return sha256_of_file(path) };
    let picture = open(path, &file, number).map_err(io::Error::other)?;
    let mut hash = Sha256::new();
    hash.update(picture.width().to_be_bytes());
    hash.update(picture.height().to_be_bytes());
    hash.update(picture.as_bytes());
    Ok(hexadecimal(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{DecodeOptions, Picture, header_size};

    #[test]
    fn pictures_are_named_by_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t10k-images-idx3-ubyte");
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend([0, 255, 9, 10]);
        std::fs::write(&file, &bytes).unwrap();
        let name = |number: usize| folder.path().join(format!("t10k-images-idx3-ubyte#{number}"));
        let open = |number| Picture::open(name(number), &DecodeOptions::default());
        assert_eq!(open(1).unwrap(), Picture::from_rgb8(2, 1, vec![9, 9, 9, 10, 10, 10]).unwrap());
        assert_eq!(header_size(&name(1)), Some((2, 1)));
        assert_ne!(sha256_of_picture(&name(0)).unwrap(), sha256_of_picture(&name(1)).unwrap());
        let error = crate::causes::chain(&open(2).unwrap_err());
        assert!(error.contains("#2") && error.contains("holds 2 pictures"), "{error}");
        // A file that is replaced is read anew.
        bytes.splice(16.., [7, 7, 7, 7, 7, 7]);
        bytes[7] = 3;
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(open(2).unwrap(), Picture::from_rgb8(2, 1, vec![7; 6]).unwrap());
        bytes.pop();
        std::fs::write(&file, &bytes).unwrap();
        let error = crate::causes::chain(&open(2).unwrap_err());
        assert!(error.contains("says 6 values, and there are 5"), "{error}");
    }
}
