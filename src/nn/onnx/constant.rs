//! Constants of an ONNX file, checked before any memory of their size is taken.

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};

use super::error::OnnxFault;
use super::messages::{Entry, Tensor};
use crate::nn::layers::shape_text;

/// Numbers with a shape. Integers are exact up to 2⁵³; larger ones only ever mean "to the end".
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
    pub kind: Number,
}

/// What numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Real,
    Integer,
}

impl Constant {
    pub fn integers(values: Vec<i64>) -> Self {
        let shape = vec![values.len()];
        Self { shape, values: values.into_iter().map(|value| value as f64).collect(), kind: Number::Integer }
    }

    /// The values as integers; none if some are none.
    pub fn to_integers(&self) -> Option<Vec<i64>> {
        self.values.iter().map(|&value| (value.fract() == 0.0).then_some(value as i64)).collect()
    }

    /// Requires all numbers to be finite.
    pub fn finite(self, name: &str) -> Result<Self, OnnxFault> {
        match self.values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(OnnxFault::tensor(name, format!("must be finite, found {value}"))),
            None => Ok(self),
        }
    }
}

/// Bytes of an element of each type that is read, by its number in the format.
fn element_size(kind: i32) -> Option<usize> {
    Some(match kind {
        2 | 3 | 9 => 1,
        4 | 5 | 10 | 16 => 2,
        1 | 6 | 12 => 4,
        7 | 11 | 13 => 8,
        _ => return None,
    })
}

fn type_name(kind: i32) -> String {
    match kind {
        8 => "strings".to_string(),
        14 | 15 => "complex numbers".to_string(),
        other => format!("type {other}"),
    }
}

/// The shape of a tensor, and its number of elements.
fn shape_of(tensor: &Tensor) -> Result<(Vec<usize>, usize), OnnxFault> {
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&length| usize::try_from(length).ok()).collect();
    let shape = shape
        .ok_or_else(|| OnnxFault::tensor(&tensor.name, format!("has an axis of negative length: {:?}", tensor.dims)))?;
    let count = shape.iter().try_fold(1usize, |count, &length| count.checked_mul(length));
    match count.filter(|count| count.checked_mul(8).is_some_and(|bytes| isize::try_from(bytes).is_ok())) {
        Some(count) => Ok((shape, count)),
        None => Err(OnnxFault::tensor(&tensor.name, format!("is larger than any memory: {}", shape_text(&shape)))),
    }
}

/// Reads a tensor; `folder` is the model's, for numbers in files beside it.
///
/// # Errors
/// [`OnnxFault::Tensor`].
pub(super) fn read(tensor: &Tensor, folder: &Path) -> Result<Constant, OnnxFault> {
    let (shape, count) = shape_of(tensor)?;
    let Some(size) = element_size(tensor.data_type) else {
        return Err(OnnxFault::tensor(
            &tensor.name,
            format!("holds {}, which no network can use", type_name(tensor.data_type)),
        ));
    };
    let kind = if matches!(tensor.data_type, 1 | 10 | 11 | 16) { Number::Real } else { Number::Integer };
    let expect = |found: usize, expected: usize, what: &str| match found == expected {
        true => Ok(()),
        false => Err(OnnxFault::tensor(
            &tensor.name,
            format!("of shape {} must have {expected} {what}, found {found}", shape_text(&shape)),
        )),
    };
    let values = if tensor.data_location == 1 {
        from_bytes(&external(tensor, folder, count * size)?, tensor.data_type)
    } else if let Some(raw) = &tensor.raw_data {
        expect(raw.len(), count * size, "bytes")?;
        from_bytes(raw, tensor.data_type)
    } else {
        let values = from_fields(tensor);
        expect(values.len(), count, "values")?;
        values
    };
    Ok(Constant { shape, values, kind })
}

/// Little-endian elements.
fn from_bytes(bytes: &[u8], kind: i32) -> Vec<f64> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect()
    }
    match kind {
        1 => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        2 => each(bytes, |[b]| f64::from(b)),
        3 => each(bytes, |b| f64::from(i8::from_le_bytes(b))),
        4 => each(bytes, |b| f64::from(u16::from_le_bytes(b))),
        5 => each(bytes, |b| f64::from(i16::from_le_bytes(b))),
        6 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        7 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        9 => each(bytes, |[b]| f64::from(u8::from(b != 0))),
        10 => each(bytes, |b| f16::from_le_bytes(b).to_f64()),
        11 => each(bytes, f64::from_le_bytes),
        12 => each(bytes, |b| f64::from(u32::from_le_bytes(b))),
        13 => each(bytes, |b| u64::from_le_bytes(b) as f64),
        16 => each(bytes, |b| bf16::from_le_bytes(b).to_f64()),
        _ => Vec::new(),
    }
}

/// Elements in the fields that the format has for each type.
fn from_fields(tensor: &Tensor) -> Vec<f64> {
    let of_i32 = |value: fn(i32) -> f64| tensor.int32_data.iter().map(|&v| value(v)).collect();
    match tensor.data_type {
        1 => tensor.float_data.iter().map(|&v| f64::from(v)).collect(),
        7 => tensor.int64_data.iter().map(|&v| v as f64).collect(),
        10 => of_i32(|v| f16::from_bits(v as u16).to_f64()),
        16 => of_i32(|v| bf16::from_bits(v as u16).to_f64()),
        11 => tensor.double_data.clone(),
        12 | 13 => tensor.uint64_data.iter().map(|&v| v as f64).collect(),
        _ => of_i32(f64::from),
    }
}

/// The bytes of a tensor whose numbers lie in a file beside the model: never outside its folder.
fn external(tensor: &Tensor, folder: &Path, expected: usize) -> Result<Vec<u8>, OnnxFault> {
    let wrong = |why: String| OnnxFault::tensor(&tensor.name, why);
    let entries: BTreeMap<&str, &str> =
        tensor.external_data.iter().map(|Entry { key, value }| (key.as_str(), value.as_str())).collect();
    let location =
        entries.get("location").ok_or_else(|| wrong("doesn't say which file holds its numbers".to_string()))?;
    let outside = || wrong(format!("lies in \"{location}\", outside the model's folder: it is not read"));
    let relative = Path::new(location);
    let is_plain = |part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir);
    if !relative.components().all(is_plain) || location.contains('\\') {
        return Err(outside());
    }
    let missing = |error: std::io::Error| wrong(format!("lies in \"{location}\", which can't be read: {error}"));
    let path = folder.join(relative).canonicalize().map_err(missing)?;
    // A link could lead out.
    if !path.starts_with(folder.canonicalize().map_err(missing)?) {
        return Err(outside());
    }
    let number = |key: &str| -> Result<Option<u64>, OnnxFault> {
        let parse =
            |text: &&str| text.parse().map_err(|_| wrong(format!("has the {key} \"{text}\", which is no number")));
        entries.get(key).map(parse).transpose()
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    if length.is_some_and(|length| length != expected as u64) {
        return Err(wrong(format!("must have {expected} bytes in \"{location}\", found {}", length.unwrap_or(0))));
    }
    let file = std::fs::File::open(&path).map_err(missing)?;
    let size = file.metadata().map_err(missing)?.len();
    if offset.checked_add(expected as u64).is_none_or(|end| end > size) {
        return Err(wrong(format!("reaches beyond the end of \"{location}\" ({size} bytes)")));
    }
    let mut bytes = vec![0; expected];
    let mut file = file;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(offset)).map_err(missing)?;
    std::io::Read::read_exact(&mut file, &mut bytes).map_err(missing)?;
    Ok(bytes)
}
