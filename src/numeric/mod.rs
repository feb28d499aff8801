//! Arithmetic whose result is a function of its arguments alone: elementary functions, named random streams, sums in a fixed order, roots on segments.

pub mod elementary;
pub mod lanes;
pub mod random;
pub mod root;
