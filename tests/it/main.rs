//! What a user sees: command lines, files, whole trainings.

mod cli;
mod export;
mod folds;
mod formats;
mod fuzz;
mod setting;
mod training;
