//! Files: atomic writing, digests, and the containers that NumPy users read without bowsight.

pub mod atomic;
