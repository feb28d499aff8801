//! JSON files for people: indented, with a newline at the end, whole or not at all.

use std::path::Path;

use serde::Serialize;

use super::atomic::{self, WriteError};

/// The text of `value`. Own types always serialize: their keys are strings.
pub fn text(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("own types serialize");
    text.push('\n');
    text
}

/// Writes `value` to `path`.
///
/// # Errors
/// [`WriteError`].
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    atomic::write(path, text(value).as_bytes())
}
