//! bowsight

pub mod bow;
pub mod cli;
pub mod closed_set;
pub mod config;
pub mod dataset;
pub mod error;
pub mod evaluate;
pub mod explanation;
pub mod export;
pub mod format;
pub mod heatmap;
pub mod ledger;
pub mod model;
pub mod numeric;
pub mod picture;
pub mod progress;
