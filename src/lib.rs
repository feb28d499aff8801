//! bowsight

pub mod closed_set;
pub mod dataset;
pub mod format;
pub mod heatmap;
pub mod picture;
