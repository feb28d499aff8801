//! Below the seam nothing may know which family of models there is: maps, evaluation and export must serve the next one too.

use std::path::{Path, PathBuf};

fn sources(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if place.extension().is_some_and(|ending| ending == "rs") {
        found.push(place.to_path_buf());
    }
}

#[test]
fn nothing_below_the_seam_names_a_family() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = [
        "model",
        "explanation.rs",
        "ledger.rs",
        "progress.rs",
        "timings.rs",
        "causes.rs",
        "settings",
        "heatmap",
        "evaluate",
        "export",
        "dataset",
        "picture",
        "format",
        "numeric",
    ];
    let mut files = Vec::new();
    for place in below {
        let before = files.len();
        sources(&source.join(place), &mut files);
        assert!(files.len() > before, "{place} is gone: is this test still true?");
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for family in ["bow::", "nn::"] {
                assert!(!line.contains(family), "{}, line {}: {line}", file.display(), number + 1);
            }
        }
    }
}
