//! Finds the data that some tests and benchmarks share, which are no part of this repository.

use std::io::Write;
use std::path::{Path, PathBuf};

/// `inner` in the folder `BOWSIGHT_SHARED`, or in `../shared` beside this project.
///
/// Without it the caller skips its work; standard error says so.
pub fn find(inner: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("BOWSIGHT_SHARED").map_or_else(beside, PathBuf::from).join(inner);
    if path.exists() {
        return Some(path);
    }
    // Not `eprintln!`, which the test harness swallows when a test passes.
    let _ =
        writeln!(std::io::stderr(), "skipped: {} does not exist (BOWSIGHT_SHARED names the folder)", path.display());
    None
}
