//! Paths as text, without loss: file names are bytes, JSON and CSV hold text.
//!
//! A path that is valid UTF-8 is its own text. Any other byte becomes `\xHH` (two upper-case hexadecimal digits), and a backslash that
//! already stands before `x` becomes `\x5C`, so that [`to_path`] gives back every path exactly. On systems whose paths are not bytes,
//! lone surrogates become replacement characters, and a text is its own path.

use std::path::{Path, PathBuf};

/// The text of a path, for JSON, CSV and picture ids; [`to_path`] gives the path back.
///
/// ```
/// use bowsight::format::path_text::{to_path, to_text};
/// assert_eq!(to_text("größe/a.png".as_ref()), "größe/a.png");
/// assert_eq!(to_path(&to_text(r"odd\xFF.png".as_ref())), std::path::Path::new(r"odd\xFF.png"));
/// ```
pub fn to_text(path: &Path) -> String {
    let escape_backslashes = |valid: &str| valid.replace(r"\x", r"\x5Cx");
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&escape_backslashes(chunk.valid()));
        if cfg!(unix) {
            chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
        } else if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// The path whose text is `text`; a text without `\xHH` is its own path.
#[cfg(unix)]
pub fn to_path(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;

    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = rest.strip_prefix(br"\x").and_then(|tail| Some((hexadecimal_byte(tail.get(..2)?)?, &tail[2..])));
        let (byte, after) = escaped.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    std::ffi::OsString::from_vec(bytes).into()
}

/// The path whose text is `text`.
#[cfg(not(unix))]
pub fn to_path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

#[cfg(unix)]
fn hexadecimal_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some(16 * digit(*digits.first()?)? + digit(*digits.get(1)?)?)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    fn path(bytes: &[u8]) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(bytes))
    }

    #[test]
    fn bytes_that_are_no_utf8_are_escaped() {
        assert_eq!(to_text(path(b"ch\xe2ton/a.png")), r"ch\xE2ton/a.png");
        assert_eq!(to_text(path(br"a\xE2")), r"a\x5CxE2");
        assert_eq!(to_text(path(br"a\b")), r"a\b");
        assert_eq!(to_path(r"a\xzz"), path(br"a\xzz"));
    }

    proptest! {
        #[test]
        fn every_path_comes_back(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'x'), Just(b'5'), Just(b'C')], 0..40)) {
            prop_assert_eq!(to_path(&to_text(path(&bytes))), path(&bytes));
        }
    }
}
