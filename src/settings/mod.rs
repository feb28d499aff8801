//! What every room's settings are made of: closed sets of names, faults that are reported together, and drafts that flags and files fill.
//!
//! No family of models is named here: each declares its own settings and says how a raw configuration is checked ([`Checked`]).

pub mod closed_set;
mod draft;
mod faults;
pub mod text;

pub use closed_set::UnknownName;
pub use draft::{Checked, Draft, ReadError, UnknownKey, to_toml};
pub use faults::{ConfigError, Faults};
pub use text::TextError;
