//! The tools that measure the stages.

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use serde_json::Value;

use super::setting::text;

#[test]
fn a_stage_is_timed_run_by_run_and_its_answer_written() {
    let program = Path::new(env!("CARGO_BIN_EXE_bowsight")).with_file_name("examples").join("stages");
    if !program.exists() {
        eprintln!("skipped: {} is not built (cargo test builds it)", program.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let rows = Array2::from_shape_fn((9, 128), |(row, column)| ((row * 31 + column * 7) % 13) as f32);
    let words = rows.slice(ndarray::s![2..7, ..]).to_owned();
    for (name, values) in [("rows.npy", &rows), ("words.npy", &words)] {
        values.write_npy(std::fs::File::create(file(name)).unwrap()).unwrap();
    }
    let stage = |more: &[&str]| Command::new(&program).args(more).output().unwrap();
    let (rows, words, result) = (file("rows.npy"), file("words.npy"), file("result.npy"));
    let output = stage(
        &[
            &["nearest", "--rows", text(&rows), "--words", text(&words)][..],
            &["--neighbours", "2", "--runs", "3", "--result", text(&result)],
        ]
        .concat(),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]), (4, &serde_json::json!({"ready": true})));
    assert!(lines[1..].iter().all(|line| line["seconds"].as_f64().unwrap() > 0.0), "{said}");
    let found = Array2::<u32>::read_npy(std::fs::File::open(&result).unwrap()).unwrap();
    assert_eq!(found.dim(), (9, 2));
    assert!((2..7).all(|row| found[(row, 0)] == row as u32 - 2), "{found}");
    let errors = stage(&["nearest", "--rows", text(&rows), "--runs", "1"]);
    assert!(!errors.status.success() && String::from_utf8_lossy(&errors.stderr).contains("--words"));
}

#[test]
fn the_comparison_with_other_programs_passes_its_own_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = ["-m", "unittest", "discover", "--start-directory", "tools"];
    match Command::new("python3").args(tests).current_dir(root).env("PYTHONDONTWRITEBYTECODE", "1").output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: no python3 ({error})"),
    }
}
