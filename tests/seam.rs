//! The house's floors: imports run downward only, and below the families nothing speaks their language.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms from the ground up. A room may import from lower floors and from itself, never from its own floor or a higher one.
const FLOORS: &[&[&str]] = &[
    &["settings", "numeric", "causes", "timings"],
    &["format", "progress"],
    &["picture"],
    &["dataset", "heatmap", "ledger"],
    &["explanation"],
    &["model"],
    &["evaluate"],
    &["export"],
    // The Bag-of-Words family.
    &["bow::stages", "bow::features", "bow::score", "bow::train::settings"],
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
    // The family of networks.
    &["nn::real", "nn::ending", "nn::preparation"],
    &["nn::array"],
    &["nn::layers"],
    &["nn::rules", "nn::graph"],
    &["nn::composite", "nn::canonical", "nn::walk", "nn::train::normal", "nn::train::optimizer"],
    &["nn::onnx", "nn::train::recipe", "nn::ways", "nn::trace"],
    &["nn::train::record"],
    &["nn::network"],
    &["nn::input", "nn::file"],
    &["nn::seen"],
    &["nn::explainer"],
    &["nn::train"],
    &["nn"],
    // The program.
    &["any"],
    &["error"],
    &["figures"],
    &["cli"],
];

/// The rooms that know no family of models.
const NEUTRAL_FLOORS: usize = 8;

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
        if path.iter().any(|part| part == "tests" || part.ends_with("_tests"))
            || ["lib", "main", "shared_data"].contains(&path[0].as_str())
        {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_string();
        modules.push((path, code));
    }
    assert!(modules.len() > 100, "only {} modules found", modules.len());
    modules
}

/// The room of a module: the longest entry of [`FLOORS`] that its path starts with, or the path itself if no entry does.
fn room(path: &[String]) -> String {
    let entries = FLOORS.iter().copied().flatten();
    let within = entries.filter(|entry| {
        let parts: Vec<&str> = entry.split("::").collect();
        path.len() >= parts.len() && parts.iter().zip(path).all(|(part, own)| part == own)
    });
    within.max_by_key(|entry| entry.len()).map_or_else(|| path.join("::"), ToString::to_string)
}

/// Adds every path that the tree of a `use` or a path expression starts with `base`; returns what follows it.
fn expand<'a>(base: &[String], tree: &'a str, found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = base.to_vec();
    let mut rest = tree;
    loop {
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                inside = expand(&path, inside.trim_start(), found).trim_start();
                match inside.strip_prefix(',') {
                    Some(next) if !next.trim_start().starts_with('}') => inside = next,
                    Some(next) => return next.trim_start().strip_prefix('}').unwrap(),
                    None => return inside.strip_prefix('}').unwrap_or_else(|| panic!("not understood: {tree:.80}")),
                }
            }
        }
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        rest = &rest[name.len()..];
        path.push(name);
        match rest.strip_prefix("::") {
            Some(next) if next.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => rest = next,
            _ => break,
        }
    }
    found.push(path);
    // What a new name is given by `as` does not matter.
    rest.strip_prefix(" as ")
        .map_or(rest, |renamed| renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'))
}

/// The paths that the code of a module names by `crate::` or `super::`.
fn imports(module: &[String], code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = ["crate::", "super::"].iter().filter_map(|key| code[from..].find(key)).min() {
        let start = from + start;
        let before = &code[..start];
        let mut rest = &code[start..];
        let mut base = Vec::new();
        if let Some(after) = rest.strip_prefix("crate::") {
            rest = after;
        } else {
            base = module.to_vec();
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
        }
        from = code.len() - rest.len();
        let visibility = before.ends_with("(in ");
        let part_of_a_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '$' || c == '_');
        if !visibility && !part_of_a_word {
            expand(&base, rest, &mut found);
        }
    }
    found
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

#[test]
fn paths_are_read_from_code() {
    let module = ["bow", "words"].map(str::to_string);
    let read = |code: &str| imports(&module, code).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        read("use crate::numeric::{lanes, random::{Draw as D, Seed}};\nuse std::fs;"),
        ["numeric::lanes", "numeric::random::Draw", "numeric::random::Seed"]
    );
    assert_eq!(read("use super::stages;"), ["bow::stages"]);
    assert_eq!(read("pub(in crate::bow) fn f() { super::super::any::open::<T>(1) }"), ["any::open"]);
}

#[test]
fn imports_run_downward_only() {
    let modules = modules();
    let paths: Vec<&Vec<String>> = modules.iter().map(|(path, _)| path).collect();
    let mut upward = BTreeMap::new();
    for (path, code) in &modules {
        let own = room(path);
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for named in imports(path, &lines.collect::<Vec<_>>().join("\n")) {
            // The module that holds what is named; macros and re-exports of the crate's root have none.
            let holders = paths.iter().filter(|module| named.starts_with(module));
            let Some(holder) = holders.max_by_key(|module| module.len()) else { continue };
            let target = room(holder);
            // A room without a floor is below none and above none: it shows up here until it gets one.
            let downward = floor_of(&target).zip(floor_of(&own)).is_some_and(|(target, own)| target < own);
            if target != own && !downward {
                upward
                    .entry(format!("{own} imports {target}"))
                    .or_insert_with(|| format!("{}: {}", path.join("::"), named.join("::")));
            }
        }
    }
    assert!(upward.is_empty(), "imports that run upward or sideways, or rooms that FLOORS lacks: {upward:#?}");
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
            let lower = lower.replace("/proc/sys/kernel", "");
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
