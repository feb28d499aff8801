//! `--timings`: what is printed, and that nothing else changes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::setting::{self, *};

/// Runs the program with `--timings`; the rows of the table: name → the columns' numbers, missing ones left out.
fn table(arguments: &[&str]) -> BTreeMap<String, Vec<f64>> {
    let output = run(&[arguments, &["--timings"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let mut lines = errors.lines().skip_while(|line| !line.starts_with("stage ")).skip(1);
    let mut rows = BTreeMap::new();
    let mut stage = String::new();
    for line in lines.by_ref() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let numbers: Vec<f64> = words.iter().filter_map(|word| word.parse().ok()).collect();
        let name = words[..words.len() - numbers.len()].join(" ");
        if line.starts_with(' ') {
            rows.insert(format!("{stage}/{name}"), numbers);
        } else {
            rows.insert(name.clone(), numbers);
            stage = name;
        }
    }
    assert!(rows.contains_key("whole run"), "{errors}");
    rows
}

#[test]
fn training_says_what_its_stages_took_and_is_not_changed_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (quiet, timed) = (folder.path().join("quiet.bowsight"), folder.path().join("timed.bowsight"));
    setting::train(&quiet, &[]);
    let arguments =
        ["train", "--data", text(shapes()), "--split", "trainval", "--threads", "2", "--model", text(&timed)];
    let rows = table(&[&arguments[..], &SMALL].concat());
    assert!(std::fs::read(&quiet).unwrap() == std::fs::read(&timed).unwrap(), "the model depends on --timings");

    let whole = rows["whole run"][0];
    let stages = ["sampling descriptors", "learning words", "histograms", "kernels", "choosing C", "classifiers"];
    let clock: f64 = stages.iter().map(|stage| rows[*stage][0]).sum();
    assert!(clock <= whole + 0.01, "{clock} s of {whole} s");
    let parts = ["decode", "features", "words", "pool"].map(|part| rows[&format!("histograms/{part}")][0]);
    assert!(parts.iter().sum::<f64>() <= 2.0 * rows["histograms"][0] + 0.01, "{rows:?}");
    assert!(rows.contains_key("sampling descriptors/features") && !rows.contains_key("sampling descriptors/words"));

    for name in ["quiet", "timed"] {
        let log: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join(format!("{name}.log.json"))).unwrap()).unwrap();
        let found = log["stages"].as_array().unwrap();
        assert_eq!(found.iter().map(|stage| stage["stage"].as_str().unwrap()).collect::<Vec<_>>(), stages);
        let histograms = &found[2];
        assert_eq!(histograms["pictures"].as_u64(), Some(24));
        for part in ["decode", "features", "words", "pool"] {
            assert!(histograms["thread_seconds"][part].as_f64().unwrap() > 0.0, "{name}, {part}");
        }
    }
}

#[test]
fn evaluation_explanation_and_export_say_what_theirs_took() {
    let folder = tempfile::tempdir().unwrap();
    let (maps, out) = (folder.path().join("maps"), folder.path().join("out"));
    let forward = ["decode", "features", "words", "pool", "scores"];
    let set = ["--data", text(shapes()), "--split", "test", "--model", text(model())];
    let both_ways = [&forward[..], &["back", "write"]].concat();
    let one = picture(1);
    let commands: [(&str, Vec<&str>, &[&str]); 4] = [
        ("scoring", [&["evaluate"], &set[..]].concat(), &forward),
        ("scoring", [&["predict"], &set[..]].concat(), &forward),
        ("explaining", [&["export"], &set[..], &["--out", text(&maps)]].concat(), &both_ways),
        (
            "explaining",
            vec![
                "explain",
                text(&one),
                "--model",
                text(model()),
                "--category",
                "all",
                "--out",
                text(&out),
                "--tiles",
                "60/30",
            ],
            &both_ways,
        ),
    ];
    for (stage, command, parts) in commands {
        let rows = table(&command);
        // One of the 16 pictures shows nothing, so it has no explanation.
        let pictures = match command[0] {
            "explain" => 1.0,
            "export" => 15.0,
            _ => 16.0,
        };
        assert!(rows[stage][0] <= rows["whole run"][0], "{command:?}: {rows:?}");
        for part in parts {
            let [seconds, each] = rows[&format!("{stage}/{part}")][..] else { panic!("{command:?}, {part}: {rows:?}") };
            assert!((1000.0 * seconds / pictures - each).abs() < 0.6, "{command:?}, {part}: {rows:?}");
        }
        // Evaluation has another stage, for the intervals.
        let stages = if command[0] == "evaluate" { 2 } else { 1 };
        assert_eq!(rows.len(), 1 + stages + parts.len(), "{command:?}: {rows:?}");
    }
}
