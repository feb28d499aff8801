//! Arithmetic whose result is a function of its arguments alone: named random streams, sums in a fixed order, roots on segments.

pub mod aligned;
pub mod lanes;
pub mod random;
pub mod root;
