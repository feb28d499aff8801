//! Configuration files: read, checked for unknown keys, overlaid by flags, written back resolved.
//!
//! A file may leave out any key; the default stands in. `set("channel.mapping.kind", …)` reaches every channel,
//! `set("channel.0.mapping.kind", …)` one.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::closed_set::nearest;
use super::faults::ConfigError;

/// Larger configuration files are rejected; in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Why file and flags give no configuration.
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
    /// A channel that doesn't exist.
    #[error("channel {index} does not exist: {}", existing(*count))]
    NoChannel {
        /// The index asked for, from 0.
        index: usize,
        /// Number of channels.
        count: usize,
    },
    /// A value has the wrong kind.
    #[error("the configuration does not fit together")]
    Shape {
        /// Which value, and what was expected.
        source: Box<toml::de::Error>,
    },
    /// Values out of range.
    #[error("the configuration is invalid")]
    Invalid(#[from] ConfigError),
    /// An argument of `--set` has no `=`.
    #[error("\"--set\" must be KEY=VALUE, got \"{found}\"")]
    Assignment {
        /// What was given.
        found: String,
    },
}

impl ReadError {
    /// Whether the run failed, as opposed to what it was given: never, since a configuration is input.
    pub fn is_failure(&self) -> bool {
        false
    }
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

/// Settings that were checked as a whole, with all faults reported together.
pub trait Checked: Sized {
    /// The settings as they are typed, with a default for every key.
    type Raw: Default + Serialize + DeserializeOwned;

    /// Checks every setting.
    ///
    /// # Errors
    /// [`ConfigError`] with all faults.
    fn check(raw: Self::Raw) -> Result<Self, ConfigError>;
}

/// A configuration as it was typed, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    table: Table,
    /// The first channel that was set without being there, and the number of channels.
    missing: Option<(usize, usize)>,
}

fn existing(channels: usize) -> String {
    match channels {
        1 => "there is one, channel 0".to_string(),
        _ => format!("there are {channels}, channels 0 to {}", channels - 1),
    }
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
        Ok(Self { table, missing: None })
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
                    match channels.get_mut(index) {
                        Some(channel) => insert(channel, &path[2..], value),
                        None => self.missing = self.missing.or(Some((index, channels.len()))),
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

    /// Checks the draft and turns it into settings.
    ///
    /// # Errors
    /// Unknown keys, values of the wrong kind, values out of range; all faults of one kind together.
    pub fn resolve<S: Checked>(self) -> Result<S, ReadError> {
        if let Some((index, count)) = self.missing {
            return Err(ReadError::NoChannel { index, count });
        }
        let template = Table::try_from(S::Raw::default()).expect("default settings serialize");
        let mut keys = Vec::new();
        unknown_keys(&self.table, &template, "", &mut keys);
        if !keys.is_empty() {
            return Err(ReadError::UnknownKeys { keys });
        }
        let raw: S::Raw = self.table.try_into().map_err(|source| ReadError::Shape { source: Box::new(source) })?;
        Ok(S::check(raw)?)
    }
}

/// Puts `value` at `path` below `place`. What stands in the way is replaced, and the check reports it.
fn insert(place: &mut Value, path: &[&str], value: Value) {
    let [first, rest @ ..] = path else {
        *place = value;
        return;
    };
    if !place.is_table() {
        *place = Value::Table(Table::new());
    }
    let table = place.as_table_mut().expect("it is a table by now");
    insert(table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest, value);
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

/// Writes settings as the TOML file that would give them.
pub fn to_toml(settings: &impl Serialize) -> String {
    toml::to_string(settings).expect("settings serialize")
}
