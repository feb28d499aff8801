//! Arithmetic whose result is a function of its arguments alone: named random streams, sums in a fixed order.

pub mod lanes;
pub mod random;
