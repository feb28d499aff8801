//! What a user sees: command lines, files, whole trainings.

mod cli;
mod data;
mod edges;
mod export;
mod figures;
mod first_hour;
mod folds;
mod formats;
mod fuzz;
mod measuring;
#[cfg(feature = "onnx")]
mod networks;
mod setting;
#[path = "../../src/shared_data.rs"]
mod shared_data;
mod timings;
mod training;
