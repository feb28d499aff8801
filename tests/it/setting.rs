//! What the tests share: the program, generated pictures, a small trained model.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The program, not looking at the terminal.
pub fn bowsight() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bowsight"))
}

/// Runs the program.
pub fn run(arguments: &[&str]) -> Output {
    bowsight().args(arguments).output().unwrap()
}

/// Runs the program, expects success, and gives its standard output.
pub fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?} ended with {:?}: {errors}", output.status.code());
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the program, expects this exit code, and gives its standard error.
pub fn fail(code: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    errors
}

/// 40 generated pictures in VOC layout.
pub fn shapes() -> &'static Path {
    static SHAPES: OnceLock<TempDir> = OnceLock::new();
    let folder = SHAPES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("shapes");
        succeed(&[
            "shapes",
            "--out",
            text(&out),
            "--pictures",
            "40",
            "--width",
            "110",
            "--height",
            "90",
            "--seed",
            "7",
        ]);
        folder
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| folder.path().join("shapes"))
}

/// Settings small enough for a second.
pub const SMALL: [&str; 8] = [
    "--words",
    "25",
    "--set",
    "channel.vocabulary.sample=4000",
    "--set",
    "channel.descriptor.sizes=[4, 6]",
    "--set",
    "channel.vocabulary.max_iter=6",
];

/// A model of circles and polygons.
pub fn model() -> &'static Path {
    static MODEL: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shapes.bowsight");
        train(&path, &[]);
        (folder, path)
    });
    path
}

/// The same by Fisher vectors.
pub fn fisher_model() -> &'static Path {
    static MODEL: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fisher.bowsight");
        train(&path, &["--mapping", "fisher", "--kernel", "linear", "--set", "channel.mapping.reduced=10"]);
        (folder, path)
    });
    path
}

/// The same by linear classifiers on feature maps.
pub fn linear_model() -> &'static Path {
    static MODEL: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linear.bowsight");
        train(&path, &["--solver", "linear", "--map-order", "2"]);
        (folder, path)
    });
    path
}

/// Trains a small model of the shapes at `path`.
pub fn train(path: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["train", "--data", text(shapes()), "--split", "trainval", "--model", text(path)];
    arguments.extend(SMALL);
    arguments.extend(more);
    succeed(&arguments)
}

/// One of the shapes' pictures.
pub fn picture(number: usize) -> PathBuf {
    shapes().join(format!("JPEGImages/{number:06}.png"))
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file of the project's `data` folder.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

pub use crate::shared_data::find as shared;

/// The bytes of every file below a folder, by relative path.
pub fn contents(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(here) = open.pop() {
        for entry in std::fs::read_dir(&here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Fails with the names of the files that differ.
pub fn assert_same_files(a: &Path, b: &Path) {
    let (a, b) = (contents(a), contents(b));
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let different: Vec<&&String> = names.iter().filter(|name| a.get(**name) != b.get(**name)).collect();
    assert!(different.is_empty() && !a.is_empty(), "these files differ: {different:?}");
}
