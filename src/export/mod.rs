//! Explanations by the batch: maps, pictures and a manifest of many pictures, resumable and divisible.
//!
//! Every file is a function of model, data and options, so a run that was killed and started again, one on another number of
//! threads, or shards merged give the same bytes as one run left alone.

pub mod drawing;
mod error;
pub mod lock;
pub mod manifest;
mod merge;
mod plan;
mod report;
mod run;
pub mod shard;

pub use error::ExportError;
pub use merge::merge;
pub use plan::Plan;
pub use report::Report;
pub use run::run;
