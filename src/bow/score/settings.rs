//! The settings of kernels.

use serde::{Deserialize, Serialize};

use super::kernel::KernelKind;

/// A kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KernelConfig {
    /// The kind.
    pub kind: KernelKind,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self { kind: KernelKind::Hik }
    }
}
