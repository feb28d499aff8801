//! Layer 3 ⇄ score: histogram → score, and the score's shares → dimensions.
//!
//! Forward `f(x) = b + Σ_i a_i Σ_u (β_u/s_u) k_u(x_i, x)` by a [`kernel`] and dual coefficients that [`svm`] learns on a [`gram`] matrix; back
//! [`exact`] splits the sum over the dimensions.

pub mod exact;
pub mod gram;
pub mod kernel;
pub mod svm;
