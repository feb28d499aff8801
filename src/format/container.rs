//! Named tensors in one file: the safetensors format, written so that equal contents are equal bytes.
//!
//! Layout: u64 header length, JSON header, data. Keys are sorted and tensors lie in order of falling element size, then
//! name, so that each is aligned. Reading and validating is the safetensors crate's work; it bounds the header and checks
//! that the tensors cover the data exactly.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::SafeTensors;
use serde::Serialize;

use super::atomic::{AtomicFile, WriteError};

/// Maps the file at `path` into memory, to read it.
///
/// If another program cuts the file short while the map is in use, the system ends the process (SIGBUS).
///
/// # Errors
/// Those of opening the file; a folder is one.
pub fn map(path: &Path) -> std::io::Result<memmap2::Mmap> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    // SAFETY: the map is read-only. Changing the file meanwhile would be another program's fault; our own writers replace files, they
    // never change them.
    #[expect(unsafe_code, reason = "a memory map is only as safe as the file below it")]
    unsafe {
        memmap2::Mmap::map(&file)
    }
}

/// A tensor's numbers.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Values {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I8(Vec<i8>),
    U8(Vec<u8>),
}

impl Values {
    fn dtype(&self) -> &'static str {
        match self {
            Values::F64(_) => "F64",
            Values::F32(_) => "F32",
            Values::I32(_) => "I32",
            Values::U32(_) => "U32",
            Values::I8(_) => "I8",
            Values::U8(_) => "U8",
        }
    }

    fn element_size(&self) -> usize {
        match self {
            Values::F64(_) => 8,
            Values::F32(_) | Values::I32(_) | Values::U32(_) => 4,
            Values::I8(_) | Values::U8(_) => 1,
        }
    }

    fn len(&self) -> usize {
        match self {
            Values::F64(v) => v.len(),
            Values::F32(v) => v.len(),
            Values::I32(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::I8(v) => v.len(),
            Values::U8(v) => v.len(),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Values::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::I8(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::U8(v) => v.clone(),
        }
    }
}

/// A tensor: its shape and its numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Values,
}

/// Metadata and named tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// Strings by key.
    pub metadata: BTreeMap<String, String>,
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Why a container could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// The bytes are no safetensors file, or only a part of one.
    #[error("not a whole safetensors file: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A tensor is missing.
    #[error("tensor \"{name}\" is missing")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor's element type is not the one expected.
    #[error("tensor \"{name}\" must be {expected}, found {found}")]
    WrongType {
        /// Its name.
        name: String,
        /// The type expected.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// A tensor's shape is not the one expected.
    #[error("tensor \"{name}\" must have shape {expected}, found {found}")]
    WrongShape {
        /// Its name.
        name: String,
        /// The shape expected.
        expected: String,
        /// The shape found.
        found: String,
    },
    /// A number is infinite or no number.
    #[error("tensor \"{name}\" must be finite, found {found} at index {index}")]
    NotFinite {
        /// Its name.
        name: String,
        /// Index in row-major order.
        index: usize,
        /// The number.
        found: f64,
    },
    /// A metadata entry is missing.
    #[error("metadata \"{key}\" is missing")]
    MissingMetadata {
        /// Its key.
        key: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum HeaderEntry<'a> {
    Metadata(&'a BTreeMap<String, String>),
    Tensor { dtype: &'static str, shape: &'a [usize], data_offsets: [usize; 2] },
}

impl Container {
    /// Adds a tensor.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: Values) {
        let name = name.into();
        debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        self.tensors.insert(name, Tensor { shape: shape.to_vec(), values });
    }

    /// The file's bytes, handed to `out` piece by piece.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut order: Vec<(&String, &Tensor)> = self.tensors.iter().collect();
        order.sort_by(|a, b| b.1.values.element_size().cmp(&a.1.values.element_size()).then(a.0.cmp(b.0)));
        let mut header = BTreeMap::from([("__metadata__", HeaderEntry::Metadata(&self.metadata))]);
        let mut offset = 0;
        for (name, tensor) in &order {
            let end = offset + tensor.values.len() * tensor.values.element_size();
            let entry =
                HeaderEntry::Tensor { dtype: tensor.values.dtype(), shape: &tensor.shape, data_offsets: [offset, end] };
            header.insert(name, entry);
            offset = end;
        }
        let mut text = serde_json::to_vec(&header)?;
        text.resize(text.len().next_multiple_of(8), b' ');
        out.write_all(&(text.len() as u64).to_le_bytes())?;
        out.write_all(&text)?;
        for (_, tensor) in order {
            out.write_all(&tensor.values.to_bytes())?;
        }
        Ok(())
    }

    /// Writes the file at `path`, whole or not at all.
    ///
    /// # Errors
    /// Those of [`AtomicFile`].
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        let mut file = AtomicFile::create(path)?;
        self.write_to(&mut file).map_err(WriteError::io(path))?;
        file.commit()
    }
}

/// A container's bytes, checked to be a whole safetensors file.
#[derive(Debug)]
pub struct Reader<'a> {
    tensors: SafeTensors<'a>,
    metadata: BTreeMap<String, String>,
}

fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() {
        "scalar".to_string()
    } else {
        shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
    }
}

macro_rules! typed {
    ($(#[$doc:meta])* $name:ident, $type:ty, $dtype:ident, $text:literal, $size:literal) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// When the tensor is missing, of another type or of another shape.
        pub fn $name(&self, name: &str, shape: &[usize]) -> Result<Vec<$type>, ContainerError> {
            let bytes = self.bytes(name, shape, Dtype::$dtype, $text)?;
            Ok(bytes.as_chunks::<$size>().0.iter().map(|chunk| <$type>::from_le_bytes(*chunk)).collect())
        }
    };
}

impl<'a> Reader<'a> {
    /// Checks `bytes`.
    ///
    /// # Errors
    /// [`ContainerError::Malformed`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, ContainerError> {
        let malformed = |reason: String| ContainerError::Malformed { reason };
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| malformed(error.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| malformed(error.to_string()))?;
        let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        Ok(Self { tensors, metadata })
    }

    /// The metadata string `key`.
    ///
    /// # Errors
    /// [`ContainerError::MissingMetadata`].
    pub fn metadata(&self, key: &str) -> Result<&str, ContainerError> {
        self.metadata
            .get(key)
            .map(String::as_str)
            .ok_or_else(|| ContainerError::MissingMetadata { key: key.to_string() })
    }

    /// All metadata.
    pub fn all_metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.tensors.names().into_iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// [`ContainerError::MissingTensor`].
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, ContainerError> {
        let tensor = self.tensors.tensor(name).map_err(|_| ContainerError::MissingTensor { name: name.to_string() })?;
        Ok(tensor.shape().to_vec())
    }

    fn bytes(&self, name: &str, shape: &[usize], dtype: Dtype, text: &'static str) -> Result<&'a [u8], ContainerError> {
        let tensor = self.tensors.tensor(name).map_err(|_| ContainerError::MissingTensor { name: name.to_string() })?;
        if tensor.dtype() != dtype {
            let found = format!("{:?}", tensor.dtype());
            return Err(ContainerError::WrongType { name: name.to_string(), expected: text, found });
        }
        if tensor.shape() != shape {
            let (expected, found) = (shape_text(shape), shape_text(tensor.shape()));
            return Err(ContainerError::WrongShape { name: name.to_string(), expected, found });
        }
        Ok(tensor.data())
    }

    typed!(
        /// The numbers of an F64 tensor.
        f64s, f64, F64, "F64", 8
    );
    typed!(
        /// The numbers of an F32 tensor.
        f32s, f32, F32, "F32", 4
    );
    typed!(
        /// The numbers of an I32 tensor.
        i32s, i32, I32, "I32", 4
    );
    typed!(
        /// The numbers of a U32 tensor.
        u32s, u32, U32, "U32", 4
    );
    typed!(
        /// The numbers of an I8 tensor.
        i8s, i8, I8, "I8", 1
    );
    typed!(
        /// The numbers of a U8 tensor.
        u8s, u8, U8, "U8", 1
    );

    /// Like [`Reader::f64s`], every number finite.
    ///
    /// # Errors
    /// Also [`ContainerError::NotFinite`].
    pub fn finite_f64s(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, ContainerError> {
        let values = self.f64s(name, shape)?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(ContainerError::NotFinite { name: name.to_string(), index, found: values[index] }),
            None => Ok(values),
        }
    }

    /// Like [`Reader::f32s`], every number finite.
    ///
    /// # Errors
    /// Also [`ContainerError::NotFinite`].
    pub fn finite_f32s(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ContainerError> {
        let values = self.f32s(name, shape)?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => {
                Err(ContainerError::NotFinite { name: name.to_string(), index, found: values[index].into() })
            }
            None => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Container {
        let mut container = Container::default();
        container.metadata.insert("format".into(), "test".into());
        container.insert("b", &[2, 2], Values::F64(vec![1.0, 2.0, 3.0, 4.0]));
        container.insert("a", &[3], Values::U8(vec![1, 2, 3]));
        container.insert("c", &[2], Values::F32(vec![0.5, f32::INFINITY]));
        container.insert("d", &[0, 4], Values::I32(vec![]));
        container
    }

    fn bytes(container: &Container) -> Vec<u8> {
        let mut bytes = Vec::new();
        container.write_to(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = bytes(&example());
        let reader = Reader::new(&bytes).unwrap();
        assert_eq!(reader.metadata("format").unwrap(), "test");
        assert_eq!(reader.f64s("b", &[2, 2]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(reader.u8s("a", &[3]).unwrap(), [1, 2, 3]);
        assert!(reader.i32s("d", &[0, 4]).unwrap().is_empty());
        assert!(matches!(reader.metadata("none"), Err(ContainerError::MissingMetadata { .. })));
        assert!(matches!(reader.f64s("z", &[1]), Err(ContainerError::MissingTensor { .. })));
        assert!(matches!(reader.f32s("b", &[2, 2]), Err(ContainerError::WrongType { .. })));
        let error = reader.f64s("b", &[4, 1]).unwrap_err();
        assert_eq!(error.to_string(), "tensor \"b\" must have shape 4×1, found 2×2");
        assert!(matches!(reader.finite_f32s("c", &[2]), Err(ContainerError::NotFinite { index: 1, .. })));
    }

    #[test]
    fn equal_contents_are_equal_bytes_and_data_are_aligned() {
        assert_eq!(bytes(&example()), bytes(&example()));
        let header = u64::from_le_bytes(*bytes(&example()).first_chunk().unwrap());
        assert_eq!(header % 8, 0);
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = bytes(&example());
        for length in 0..bytes.len() {
            assert!(matches!(Reader::new(&bytes[..length]), Err(ContainerError::Malformed { .. })), "cut at {length}");
        }
    }
}
