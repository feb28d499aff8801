//! Faults of a configuration, reported together.

/// Faults of a configuration, all of them together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", faults.join("; "))]
pub struct ConfigError {
    /// One sentence per fault, with its key.
    pub faults: Vec<String>,
}

/// Faults found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Notes that `key` must be `allowed` and not `found`, unless it `holds`.
    pub fn require(&mut self, holds: bool, key: &str, allowed: &str, found: impl std::fmt::Display) {
        if !holds {
            self.0.push(format!("\"{key}\" must be {allowed}, got {found}"));
        }
    }

    /// Reports the faults, if there are any.
    ///
    /// # Errors
    /// [`ConfigError`] with all of them.
    pub fn report(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError { faults: self.0 }) }
    }
}
