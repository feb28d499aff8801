//! Relevance maps as `.npy` files (NumPy's format, version 1.0, C order).

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayBase, ArrayView, Data, Dimension, Ix2};
use ndarray_npy::{ReadNpyExt, WritableElement, WriteNpyError, WriteNpyExt};

use super::atomic::{self, WriteError};

crate::closed_set! {
    /// Type of the numbers in the file.
    pub enum Dtype as "dtype" {
        /// 4 bytes per number, enough to draw.
        F32 = "f32",
        /// 8 bytes per number, without rounding.
        F64 = "f64",
    }
}

/// Why a `.npy` file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("relevance map \"{}\" can't be read: {reason}", path.display())]
pub struct NpyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Writes a relevance map as numbers of type `dtype`.
///
/// # Errors
/// Those of `out`.
pub fn encode<D: Dimension>(map: ArrayView<'_, f64, D>, dtype: Dtype, out: &mut dyn Write) -> io::Result<()> {
    match dtype {
        Dtype::F64 => encode_array(&map, out),
        Dtype::F32 => encode_array(&map.mapv(|value| value as f32), out),
    }
}

/// Writes a matrix of any number type to `path`, whole or not at all.
///
/// # Errors
/// [`WriteError`].
pub fn write_array<S>(path: &Path, array: &ArrayBase<S, Ix2>) -> Result<(), WriteError>
where
    S: Data,
    S::Elem: WritableElement,
{
    atomic::write_with(path, |out| encode_array(array, out))
}

fn encode_array<S, D>(array: &ArrayBase<S, D>, out: &mut dyn Write) -> io::Result<()>
where
    D: Dimension,
    S: Data,
    S::Elem: WritableElement,
{
    array.write_npy(out).map_err(|error| match error {
        // The system's own error, so that a full disk is known as one.
        WriteNpyError::Io(error) => error,
        other => io::Error::other(other),
    })
}

/// Reads a map of either type.
///
/// # Errors
/// [`NpyError`].
pub fn read(path: &Path) -> Result<Array2<f64>, NpyError> {
    let fail = |reason: String| NpyError { path: path.to_path_buf(), reason };
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    Array2::<f64>::read_npy(bytes.as_slice())
        .or_else(|_| Array2::<f32>::read_npy(bytes.as_slice()).map(|map| map.mapv(f64::from)))
        .map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_come_back_and_the_header_is_numpys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.npy");
        let map = ndarray::array![[0.1, -2.0, 3.5], [0.0, 1e-9, 7.0]];
        let write = |dtype| atomic::write_with(&path, |out| encode(map.view(), dtype, out)).unwrap();
        write(Dtype::F64);
        assert_eq!(read(&path).unwrap(), map);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        assert_eq!(bytes.len(), 128 + 6 * 8);
        write(Dtype::F32);
        assert!((read(&path).unwrap() - &map).iter().all(|d| d.abs() < 1e-6));
        assert!(String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains("'<f4'"));
        std::fs::write(&path, b"nonsense").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("map.npy"));
    }
}
