//! Arithmetic whose result is a function of its arguments alone: elementary functions, named random streams, sums in a fixed order, products of bytes, roots on segments.

pub mod aligned;
pub mod byte_products;
pub mod elementary;
pub mod lanes;
mod matrix;
pub mod random;
pub mod root;
pub(crate) mod simd;

pub use matrix::{matrix, rows};
