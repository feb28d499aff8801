//! The house's floors: imports run downward only, and below the families nothing speaks their language.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms from the ground up. A room may import from lower floors and from itself, never from its own floor or a higher one.
const FLOORS: &[&[&str]] = &[
    &["settings", "numeric", "causes", "timings"],
    &["format", "picture", "progress"],
    &["dataset", "heatmap", "ledger"],
    &["explanation"],
    &["model"],
    &["evaluate"],
    &["export"],
    // The Bag-of-Words family.
    &["bow::stages", "bow::features", "bow::score"],
    &["bow::twins"],
    &["bow::record"],
    &["bow::words"],
    &["bow::config"],
    &["bow::channel", "bow::presets"],
    &["bow::model"],
    &["bow::files"],
    &["bow::seen"],
    &["bow::evidence", "bow::explainer"],
    &["bow::train"],
    &["bow"],
    // The program.
    &["any"],
    &["figures", "cli"],
];

/// What `figures` and `cli` share: the program's error, and the commands that draw figures.
const TOGETHER: &[&str] = &["figures", "cli"];

/// The rooms that know no family of models.
const NEUTRAL_FLOORS: usize = 7;

/// Words of one family, which do not belong into neutral rooms.
const FAMILY_WORDS: &[&str] =
    &["bow::", "nn::", "histogram", "descriptor", "visual word", "kernel", "support vector", "svm"];

fn sources(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if place.extension().is_some_and(|ending| ending == "rs") {
        found.push(place.to_path_buf());
    }
}

/// Every source file with its module path, but for tests.
fn modules() -> Vec<(Vec<String>, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut modules = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&source).unwrap().with_extension("");
        let mut path: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_string()).collect();
        if path.last().is_some_and(|last| last == "mod") {
            path.pop();
        }
        if path.iter().any(|part| part == "tests" || part.ends_with("_tests")) || path == ["lib"] || path == ["main"] {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_string();
        modules.push((path, code));
    }
    assert!(modules.len() > 100, "only {} modules found", modules.len());
    modules
}

/// The room of a module path: its first part, and within a family its first two.
fn room(path: &[String]) -> String {
    match path {
        [family, second, ..] if family == "bow" => format!("{family}::{second}"),
        [first, ..] => first.clone(),
        [] => String::new(),
    }
}

/// The module paths that a line of code names by `crate::` or `super::`.
fn imports(module: &[String], line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let identifier = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    for (start, _) in line.match_indices("crate::") {
        if line[..start].ends_with(|c: char| c.is_alphanumeric() || c == '$' || c == '_') {
            continue;
        }
        let rest = &line[start + "crate::".len()..];
        let first = identifier(rest);
        let second = rest[first.len()..].strip_prefix("::").map(identifier).unwrap_or_default();
        found.push([first, second].into_iter().filter(|part| !part.is_empty()).collect());
    }
    if let Some(start) = line.find("super::") {
        let mut rest = &line[start..];
        let mut base = module.to_vec();
        while let Some(after) = rest.strip_prefix("super::") {
            base.pop();
            rest = after;
        }
        let next = identifier(rest);
        // A type of the parent module is the parent's; a module of it is a room of its own.
        if next.chars().next().is_some_and(char::is_lowercase) && rest[next.len()..].starts_with("::") {
            base.push(next);
        }
        found.push(base);
    }
    found
}

fn floor_of(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| panic!("\"{room}\" has no floor: add it to FLOORS, or import it by its room"))
}

#[test]
fn imports_run_downward_only() {
    let mut upward = BTreeMap::new();
    for (path, code) in modules() {
        let own = room(&path);
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for target in imports(&path, line) {
                let target = room(&target);
                // Macros and re-exports of the crate's root.
                if target == own
                    || target.is_empty()
                    || target == "closed_set"
                    || target.starts_with(char::is_uppercase)
                {
                    continue;
                }
                let together = TOGETHER.contains(&own.as_str()) && TOGETHER.contains(&target.as_str());
                if floor_of(&target) >= floor_of(&own) && !together {
                    upward
                        .entry(format!("{own} imports {target}"))
                        .or_insert_with(|| (path.join("::"), line.trim().to_string()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "imports that run upward or sideways: {upward:#?}");
}

#[test]
fn neutral_rooms_do_not_speak_of_one_family() {
    let neutral: Vec<&str> = FLOORS[..NEUTRAL_FLOORS].iter().copied().flatten().copied().collect();
    let mut said = Vec::new();
    for (path, code) in modules() {
        if !neutral.contains(&room(&path).as_str()) || path.starts_with(&["numeric".to_string()]) {
            continue;
        }
        for line in code.lines() {
            let lower = line.to_lowercase();
            if let Some(word) = FAMILY_WORDS.iter().find(|word| lower.contains(*word)) {
                said.push(format!("{}: \"{word}\" in: {}", path.join("::"), line.trim()));
            }
        }
    }
    assert!(said.is_empty(), "family words in neutral rooms:\n{}", said.join("\n"));
}

/// Outside training, `model show` and evidence, the commands serve models of any family.
#[test]
fn only_three_commands_name_a_family() {
    let allowed = ["train", "configuring", "cross_validate", "model", "evidence", "demo", "error"]
        .map(|name| format!("cli::{name}"));
    for (path, code) in modules() {
        let name = path.join("::");
        if path[0] == "cli" && !allowed.contains(&name) {
            assert!(!code.contains("crate::bow"), "{name} names the Bag-of-Words family");
        }
    }
}
