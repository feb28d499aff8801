//! The family of neural networks: layers, rules, and both ways through them.

mod array;
#[cfg(any(feature = "onnx", test))]
mod canonical;
pub mod composite;
mod ending;
mod explainer;
pub mod file;
pub mod graph;
mod input;
pub mod layers;
pub mod network;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod preparation;
mod real;
pub mod rules;
mod seen;
mod trace;
pub mod train;
mod walk;
mod ways;

pub use array::Array;
pub use ending::Ending;
pub use explainer::{Explainer, MethodError};
pub use input::{Baseline, References};
pub use seen::SeenTogether;

#[cfg(all(test, feature = "onnx"))]
mod golden_tests;
#[cfg(test)]
mod law_tests;
