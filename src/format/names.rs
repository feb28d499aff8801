//! File names made of ids and categories.

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

/// An id with `/` as a relative path whose every part is a plain file name.
pub fn relative_path(id: &str) -> String {
    id.split('/').filter(|part| !part.is_empty()).map(|part| file_name(part, true)).collect::<Vec<_>>().join("/")
}
