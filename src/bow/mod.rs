//! The Bag-of-Words family.
//!
//! ```text
//!            features              words                     score
//! pixels ──────────────▶ local ──────────────▶ histogram ──────────────▶ f(x)
//!   R1   ◀────────────── R2    ◀────────────── R3        ◀──────────────
//!          support.rs            pooling/                  exact.rs, shapley.rs, taylor.rs
//! ```
//!
//! The layers are chained in one place, forward and back: `seen.rs`.

pub mod channel;
pub mod config;
mod evidence;
mod explainer;
pub mod features;
pub mod files;
mod model;
mod presets;
mod record;
pub mod score;
mod seen;
mod stages;
pub mod train;
pub mod twins;
pub mod words;

pub use config::{Configuration, Settings};
pub use explainer::Explainer;
pub use files::{model as model_file, trace as trace_file};
pub use model::{BagOfWords, FittedChannel};
pub use presets::Preset;
pub use record::{GridPoint, LongerSides, MixtureRecord, SolverRecord, TrainingRecord, Validation, VocabularyRecord};
pub use score::{BiasMode, Decomposition, Explaining, Roots};
