//! The idx format of MNIST and its kin: two zeros, the type of the values, the number of axes, their lengths (big-endian), the values.
//!
//! Files may be compressed by gzip. Only values of one unsigned byte are read.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// The code of unsigned bytes.
const UNSIGNED_BYTES: u8 = 8;
/// Largest number of values: beyond it a header is damaged.
const MOST: u64 = 1 << 32;

/// Bytes with a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    /// Lengths of the axes; items lie along the first.
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub values: Vec<u8>,
}

/// Why an idx file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The file could not be read, or its compression is damaged.
    #[error("it can't be read")]
    Io(#[from] io::Error),
    /// The file begins otherwise.
    #[error("an idx file must begin with the bytes 0, 0, type, axes, found {found:?}")]
    Magic {
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// The values are no unsigned bytes.
    #[error("its values must be unsigned bytes (type 8), found type {found}")]
    Type {
        /// The type's code.
        found: u8,
    },
    /// It has more or fewer axes than needed.
    #[error("it must have {expected} axes ({what}), found {found}")]
    Axes {
        /// Number of axes.
        expected: usize,
        /// What they are.
        what: &'static str,
        /// Number found.
        found: usize,
    },
    /// Its header claims more than memory could hold.
    #[error("its header claims {claimed:?} values, too many")]
    TooLarge {
        /// Lengths of the axes.
        claimed: Vec<usize>,
    },
    /// It holds more or fewer values than its header says.
    #[error("its header says {expected} values, and there are {found}")]
    Length {
        /// Number of values by the header.
        expected: u64,
        /// Number found; one more than expected stands for any that are more.
        found: u64,
    },
}

impl Idx {
    /// Reads the file at `path`, of `axes` axes, which are `what`.
    ///
    /// # Errors
    /// [`IdxError`].
    pub fn open(path: &Path, axes: usize, what: &'static str) -> Result<Self, IdxError> {
        Self::read(BufReader::new(File::open(path)?), axes, what)
    }

    /// Reads an idx file, compressed or not. No more memory is taken than values come.
    ///
    /// # Errors
    /// [`IdxError`].
    pub fn read(mut source: impl io::BufRead, axes: usize, what: &'static str) -> Result<Self, IdxError> {
        let is_compressed = source.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        if is_compressed {
            Self::read_plain(MultiGzDecoder::new(source), axes, what)
        } else {
            Self::read_plain(source, axes, what)
        }
    }

    fn read_plain(mut source: impl Read, axes: usize, what: &'static str) -> Result<Self, IdxError> {
        let mut magic = Vec::new();
        source.by_ref().take(4).read_to_end(&mut magic)?;
        let &[0, 0, kind, found] = &magic[..] else { return Err(IdxError::Magic { found: magic }) };
        if kind != UNSIGNED_BYTES {
            return Err(IdxError::Type { found: kind });
        }
        if usize::from(found) != axes {
            return Err(IdxError::Axes { expected: axes, what, found: usize::from(found) });
        }
        let mut shape = Vec::with_capacity(axes);
        for _ in 0..axes {
            let mut length = [0; 4];
            source.read_exact(&mut length)?;
            shape.push(u32::from_be_bytes(length) as usize);
        }
        let count = shape.iter().try_fold(1u64, |product, &length| product.checked_mul(length as u64));
        let Some(expected) = count.filter(|&count| count <= MOST) else {
            return Err(IdxError::TooLarge { claimed: shape });
        };
        let mut values = Vec::new();
        source.take(expected + 1).read_to_end(&mut values)?;
        if values.len() as u64 != expected {
            return Err(IdxError::Length { expected, found: values.len() as u64 });
        }
        Ok(Self { shape, values })
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of an item; none if there is no such item.
    pub fn item(&self, number: usize) -> Option<&[u8]> {
        let length: usize = self.shape.iter().skip(1).product();
        (number < self.len()).then(|| &self.values[number * length..][..length])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn file(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Idx, IdxError> {
        Idx::read(bytes, 2, "items, values")
    }

    #[test]
    fn items_are_read_plain_and_compressed() {
        let plain = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&plain).unwrap();
        for bytes in [plain, encoder.finish().unwrap()] {
            let idx = read(&bytes).unwrap();
            assert_eq!((idx.len(), idx.item(1), idx.item(2)), (2, Some(&[4, 5, 6][..]), None));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fails = |bytes: &[u8], part: &str| {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        fails(b"", "must begin with");
        fails(b"P5 2", "must begin with");
        fails(&[0, 0, 13, 2], "found type 13");
        fails(&file(&[2], &[1, 2]), "2 axes (items, values), found 1");
        fails(&file(&[2, 3], &[1, 2, 3]), "says 6 values, and there are 3");
        fails(&file(&[2, 3], &[0; 7]), "says 6 values, and there are 7");
        fails(&file(&[u32::MAX, u32::MAX], &[]), "too many");
        // Four thousand million values that aren't there take no memory.
        fails(&file(&[1 << 16, 1 << 16], &[0; 9]), "and there are 9");
        fails(&file(&[2, 3], &[])[..7], "can't be read");
        fails(&[0x1f, 0x8b, 8, 0, 1], "can't be read");
    }

    proptest! {
        #[test]
        fn nonsense_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), keep in 0usize..12) {
            let mut whole = file(&[3, 4], &[7; 12]);
            whole.truncate(keep);
            whole.extend(bytes);
            if let Ok(idx) = read(&whole) {
                prop_assert_eq!(idx.values.len(), idx.shape.iter().product::<usize>());
            }
        }
    }
}
