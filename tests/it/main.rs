//! What a user sees: command lines, files, whole trainings.

mod cli;
mod export;
mod figures;
mod folds;
mod formats;
mod fuzz;
mod measuring;
mod setting;
mod timings;
mod training;
