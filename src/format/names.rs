//! File names made of ids and categories.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Maximum length of the name of a file or folder, in bytes, on common file systems.
const LONGEST_NAME: usize = 255;
/// Number of bytes of the digest that tells shortened names apart.
const DIGEST_BYTES: usize = 8;

/// `text` as one part of a file name: everything but letters, digits, `-`, `_`, space (and `.`, if `dots`) is percent-encoded.
///
/// ```
/// use bowsight::format::names::file_name;
/// assert_eq!(file_name("tv/monitor", false), "tv%2Fmonitor");
/// assert_eq!(file_name("a.b", true), "a.b");
/// assert_eq!(file_name("..", true), "%2E.");
/// ```
pub fn file_name(text: &str, dots: bool) -> String {
    let mut name = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        // A leading dot would hide the file or climb out of the folder.
        let plain = character.is_alphanumeric() || "-_ ".contains(character) || (dots && character == '.' && index > 0);
        if plain {
            name.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                name.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    name
}

/// An id with `/` as a relative path whose every part is a plain file name; folders of too long a name get a shorter one.
pub fn relative_path(id: &str) -> String {
    let parts: Vec<String> = id.split('/').filter(|part| !part.is_empty()).map(|part| file_name(part, true)).collect();
    let last = parts.len().saturating_sub(1);
    let within_limits =
        |(index, part): (usize, String)| if index < last { shortened(&part, LONGEST_NAME) } else { part };
    parts.into_iter().enumerate().map(within_limits).collect::<Vec<_>>().join("/")
}

/// `name` in at most `longest` bytes (at least 20): what is cut off the end is replaced by `~` and 16 digits of the whole name's
/// SHA-256, so that different names stay different.
///
/// ```
/// use bowsight::format::names::shortened;
/// assert_eq!(shortened("short.cat", 24), "short.cat");
/// assert_eq!(shortened("a name of many words.cat", 22), "a nam~58dbe621170ab9e3");
/// ```
pub fn shortened(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_string();
    }
    let mut short = String::new();
    let room = longest - 1 - 2 * DIGEST_BYTES;
    let mut rest = name;
    // Whole characters, and whole percent-encoded bytes.
    while let Some(next) = rest.chars().next() {
        let length = if next == '%' { 3.min(rest.len()) } else { next.len_utf8() };
        if short.len() + length > room {
            break;
        }
        short.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    short.push('~');
    for byte in Sha256::digest(name.as_bytes()).iter().take(DIGEST_BYTES) {
        write!(short, "{byte:02x}").expect("a string takes any text");
    }
    short
}
