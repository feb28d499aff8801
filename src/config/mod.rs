//! Configuration files: read, checked for unknown keys, overlaid by flags, written back resolved.
//!
//! A file may leave out any key; the default stands in. `set("channel.mapping.kind", …)` reaches every channel,
//! `set("channel.0.mapping.kind", …)` one.

mod presets;

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::bow::config::{ConfigError, Configuration, Settings};
use crate::closed_set::nearest;
pub use presets::Preset;

/// A configuration file larger than this is none.
const LARGEST_FILE: u64 = 1 << 20;

/// Why no configuration came of file and flags.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be read.
    #[error("configuration \"{}\" can't be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is no TOML.
    #[error("configuration \"{origin}\" is no TOML")]
    Toml {
        /// File or flag.
        origin: String,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// Keys that don't exist.
    #[error("unknown configuration {}", keys.iter().map(UnknownKey::to_string).collect::<Vec<_>>().join(", "))]
    UnknownKeys {
        /// All of them.
        keys: Vec<UnknownKey>,
    },
    /// A value of the wrong kind.
    #[error("the configuration does not fit together")]
    Shape {
        /// What does not fit.
        source: Box<toml::de::Error>,
    },
    /// Values out of range.
    #[error("the configuration is invalid")]
    Invalid(#[from] ConfigError),
    /// `--set` without `=`.
    #[error("\"--set\" must be KEY=VALUE, got \"{found}\"")]
    Assignment {
        /// What was given.
        found: String,
    },
}

/// A key that does not exist, and the one that was probably meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("key \"{key}\"{}", nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean \"{name}\"?)")))]
pub struct UnknownKey {
    /// The whole path.
    pub key: String,
    /// The nearest key that exists at that place.
    pub nearest: Option<String>,
}

/// A configuration in the making: what was typed, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    table: Table,
}

impl Draft {
    /// The file at `path`.
    ///
    /// # Errors
    /// [`ReadError::Io`], [`ReadError::Toml`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_path_buf(), source };
        let size = std::fs::metadata(path).map_err(io)?.len();
        if size > LARGEST_FILE {
            return Err(io(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                format!("{size} bytes, at most {LARGEST_FILE} are allowed"),
            )));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The TOML `text`; `origin` names it in messages.
    ///
    /// # Errors
    /// [`ReadError::Toml`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, ReadError> {
        let table =
            text.parse().map_err(|source| ReadError::Toml { origin: origin.to_string(), source: Box::new(source) })?;
        Ok(Self { table })
    }

    /// Sets `key` (a dotted path; a channel's keys without a number go to every channel).
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let path: Vec<&str> = key.split('.').collect();
        match path[..] {
            ["channel", first, ..] => {
                let channels = self.table.entry("channel").or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(channels) = channels else { return };
                if channels.is_empty() {
                    channels.push(Value::Table(Table::new()));
                }
                if let Ok(index) = first.parse::<usize>() {
                    // An index beyond the last channel is kept as an unknown key, which the check reports.
                    match channels.get_mut(index) {
                        Some(channel) => insert(channel, &path[2..], value),
                        None => insert(&mut channels[0], &path[1..], value),
                    }
                } else {
                    for channel in channels {
                        insert(channel, &path[1..], value.clone());
                    }
                }
            }
            [first, ref rest @ ..] => {
                if rest.is_empty() {
                    self.table.insert(first.to_string(), value);
                } else {
                    let inner = self.table.entry(first).or_insert_with(|| Value::Table(Table::new()));
                    insert(inner, rest, value);
                }
            }
            [] => {}
        }
    }

    /// Sets from `KEY=VALUE`, VALUE as in TOML; a bare word is a string.
    ///
    /// # Errors
    /// [`ReadError::Assignment`].
    pub fn assign(&mut self, text: &str) -> Result<(), ReadError> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(ReadError::Assignment { found: text.to_string() });
        };
        let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
        self.set(key.trim(), parsed.unwrap_or_else(|| Value::String(value.trim().to_string())));
        Ok(())
    }

    /// The checked settings.
    ///
    /// # Errors
    /// Unknown keys, values of the wrong kind, values out of range; all of a kind together.
    pub fn resolve(self) -> Result<Settings, ReadError> {
        let template = Value::try_from(Configuration::default()).unwrap_or_else(|_| Value::Table(Table::new()));
        let mut keys = Vec::new();
        if let Value::Table(template) = &template {
            unknown_keys(&self.table, template, "", &mut keys);
        }
        if !keys.is_empty() {
            return Err(ReadError::UnknownKeys { keys });
        }
        let configuration: Configuration =
            self.table.try_into().map_err(|source| ReadError::Shape { source: Box::new(source) })?;
        Ok(configuration.check()?)
    }
}

fn insert(place: &mut Value, path: &[&str], value: Value) {
    let Value::Table(table) = place else { return };
    match path {
        [] => {}
        [last] => {
            table.insert(last.to_string(), value);
        }
        [first, rest @ ..] => {
            insert(table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest, value);
        }
    }
}

fn unknown_keys(table: &Table, template: &Table, prefix: &str, found: &mut Vec<UnknownKey>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (template.get(key), value) {
            (None, _) => {
                found.push(UnknownKey { key: path, nearest: nearest(key, template.keys().map(String::as_str)) });
            }
            (Some(Value::Table(template)), Value::Table(table)) => unknown_keys(table, template, &path, found),
            (Some(Value::Array(template)), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if let (Some(Value::Table(template)), Value::Table(item)) = (template.first(), item) {
                        unknown_keys(item, template, &format!("{path}.{index}"), found);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The settings as the TOML file that would give them.
pub fn to_toml(settings: &Settings) -> String {
    toml::to_string(settings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_reported_together_with_the_nearest_known_one() {
        let text = "sed = 1\n[[channel]]\nmapping = { knd = \"hard\" }\n[svm]\nzzz = 2";
        let error = Draft::parse(text, "test").unwrap().resolve().unwrap_err().to_string();
        for part in
            ["\"sed\" (did you mean \"seed\"?)", "\"channel.0.mapping.knd\" (did you mean \"kind\"?)", "\"svm.zzz\""]
        {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_reach_every_channel() {
        let mut draft = Draft::parse("seed = 3\n[[channel]]\npower = 1.0\n[[channel]]\npower = 0.7", "test").unwrap();
        draft.set("seed", 9);
        draft.set("channel.vocabulary.words", 50);
        draft.set("channel.1.power", 0.25);
        draft.assign("channel.mapping.kind=rank").unwrap();
        draft.assign("svm.c = 10").unwrap();
        let settings = draft.resolve().unwrap();
        assert_eq!(settings.seed, 9);
        assert_eq!(settings.channel.iter().map(|c| c.vocabulary.words).collect::<Vec<_>>(), [50, 50]);
        assert_eq!(settings.channel.iter().map(|c| c.power).collect::<Vec<_>>(), [1.0, 0.25]);
        assert_eq!(settings.channel[1].mapping.kind.name(), "rank");
        assert!(Draft::default().assign("svm.c").is_err());
    }

    #[test]
    fn the_resolved_file_resolves_to_itself() {
        let mut draft = Draft::default();
        draft.set("channel.kernel.kind", "linear");
        let settings = draft.resolve().unwrap();
        let again = Draft::parse(&to_toml(&settings), "test").unwrap().resolve().unwrap();
        assert_eq!(settings, again);
    }

    #[test]
    fn an_unknown_variant_names_all_and_the_nearest() {
        let mut draft = Draft::default();
        draft.set("channel.kernel.kind", "hk");
        let error = crate::error::chain(&draft.resolve().unwrap_err());
        assert!(error.contains("unknown kernel \"hk\"") && error.contains("did you mean \"hik\"?"), "{error}");
    }
}
