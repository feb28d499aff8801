//! Text files in the encodings that people's tools write.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Text that can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A byte fits no character of UTF-8.
    #[error("line {line} is not in UTF-8: save the file in that encoding")]
    Utf8 {
        /// Counted from 1.
        line: u64,
    },
    /// Some bytes fit no character of the encoding.
    #[error("it says that it is in {encoding}, but its bytes are not")]
    Malformed {
        /// The encoding's name.
        encoding: &'static str,
    },
    /// The encoding is not known.
    #[error("its encoding \"{label}\" is not known")]
    UnknownEncoding {
        /// What the file calls it.
        label: String,
    },
}

/// Decodes a plain text: UTF-16 if its byte order mark says so, else UTF-8. The mark is no part of the text.
///
/// # Errors
/// [`DecodeError`] if the bytes are no such text.
pub fn plain(bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    decode(bytes, Encoding::for_bom(bytes).map_or(UTF_8, |(encoding, _)| encoding))
}

/// Decodes an XML document by its byte order mark, its first bytes or its declaration (`encoding="ISO-8859-1"`).
///
/// Labels mean what browsers take them for, so Latin-1 is read as Windows-1252.
///
/// # Errors
/// [`DecodeError`] if the bytes are not in the encoding, or it is not known.
pub fn xml(bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    if Encoding::for_bom(bytes).is_some() {
        return plain(bytes);
    }
    match bytes {
        [b'<', 0, ..] => return decode(bytes, UTF_16LE),
        [0, b'<', ..] => return decode(bytes, UTF_16BE),
        _ => {}
    }
    let Some(label) = declared_encoding(bytes) else { return decode(bytes, UTF_8) };
    let encoding = Encoding::for_label(label)
        .ok_or_else(|| DecodeError::UnknownEncoding { label: String::from_utf8_lossy(label).into_owned() })?;
    // The declaration itself was read byte by byte, so the file can't be in UTF-16, whatever it says.
    decode(bytes, if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

fn decode<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Result<Cow<'a, str>, DecodeError> {
    let bytes = match Encoding::for_bom(bytes) {
        Some((marked, length)) if marked == encoding => &bytes[length..],
        _ => bytes,
    };
    if encoding == UTF_8 {
        return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
            let before = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
            DecodeError::Utf8 { line: before as u64 + 1 }
        });
    }
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(DecodeError::Malformed { encoding: encoding.name() })
}

/// The label of the encoding in `<?xml version="1.0" encoding="…"?>`.
fn declared_encoding(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.trim_ascii_start().strip_prefix(b"<?xml")?;
    let declaration = &start[..start.windows(2).position(|pair| pair == b"?>")?];
    let name = b"encoding";
    let at = declaration.windows(name.len()).position(|word| word == name)?;
    let value = declaration[at + name.len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    value.split(|byte| byte == quote).next().map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn plain_text_is_decoded_by_its_mark() {
        for bytes in [
            "h\u{e9}ron".as_bytes().to_vec(),
            b"\xef\xbb\xbfh\xc3\xa9ron".to_vec(),
            utf16("\u{feff}h\u{e9}ron", u16::to_le_bytes),
            utf16("\u{feff}h\u{e9}ron", u16::to_be_bytes),
        ] {
            assert_eq!(plain(&bytes).unwrap(), "h\u{e9}ron");
        }
        assert_eq!(plain(b"a\nb\nh\xe9ron\n"), Err(DecodeError::Utf8 { line: 3 }));
        // Half a character, and the first half of a pair.
        for bytes in [&b"\xff\xfea\0b"[..], b"\xff\xfe\0\xd8a\0"] {
            assert_eq!(plain(bytes), Err(DecodeError::Malformed { encoding: "UTF-16LE" }));
        }
    }

    #[test]
    fn xml_is_decoded_by_its_declaration() {
        let declared = |encoding: &str| format!("<?xml version='1.0' encoding = \"{encoding}\" ?><a>h\u{e9}ron</a>");
        for encoding in ["utf-8", "UTF-8", "utf-16"] {
            let text = declared(encoding);
            assert_eq!(xml(text.as_bytes()).unwrap(), text);
        }
        for write in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in [declared("utf-16"), "<a>h\u{e9}ron</a>".to_string()] {
                assert_eq!(xml(&utf16(&text, write)).unwrap(), text);
                assert_eq!(xml(&utf16(&format!("\u{feff}{text}"), write)).unwrap(), text);
            }
        }
        for encoding in ["ISO-8859-1", "latin1", "windows-1252"] {
            let text = declared(encoding);
            let bytes: Vec<u8> = text.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
            assert_eq!(xml(&bytes).unwrap(), text);
        }
        let label = "klingon".to_string();
        assert_eq!(xml(declared(&label).as_bytes()), Err(DecodeError::UnknownEncoding { label }));
        assert_eq!(xml(b"<a>\xe9</a>"), Err(DecodeError::Utf8 { line: 1 }));
        assert_eq!(xml(b"<?xml encoding='Shift_JIS'?>\xff"), Err(DecodeError::Malformed { encoding: "Shift_JIS" }));
    }
}
