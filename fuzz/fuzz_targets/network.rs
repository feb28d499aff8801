#![no_main]
//! Feeds arbitrary bytes to the harness.

#[path = "../harness.rs"]
#[allow(dead_code)]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::network(bytes));
