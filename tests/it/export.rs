//! Batches: the same bytes however they came about.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bowsight::export::manifest::Line;

use super::setting::*;

fn arguments<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut all =
        vec!["export", "--data", text(shapes()), "--split", "test", "--model", text(model()), "--out", text(out)];
    all.extend(more);
    all
}

fn lines(out: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(out.join("manifest.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_manifest_accounts_for_every_labelled_category_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("maps");
    succeed(&arguments(&out, &["--heatmap", "overlay,triplet"]));
    let data = bowsight::dataset::Dataset::open(shapes(), Some("test"), None).unwrap();
    let expected: Vec<(String, String)> = data
        .pictures
        .iter()
        .flat_map(|entry| {
            let own = data.categories.iter().zip(&entry.labels).filter(|(_, label)| **label == 1);
            own.map(|(category, _)| (entry.id.clone(), category.clone())).collect::<Vec<_>>()
        })
        .collect();
    let lines = lines(&out);
    let found: Vec<(String, String)> = lines.iter().map(|line| (line.picture.clone(), line.category.clone())).collect();
    assert_eq!(found, expected);
    for line in &lines {
        let map = bowsight::format::npy::read(&out.join(&line.files["relevance"])).unwrap();
        assert_eq!((line.width, line.height), (Some(map.ncols()), Some(map.nrows())));
        assert!(line.conservation_error.unwrap().abs() <= 1e-9 * line.score.unwrap().abs().max(1.0));
        assert!((map.sum() - line.sum_relevance.unwrap()).abs() < 1e-4);
        assert!(out.join(&line.files["overlay"]).is_file() && out.join(&line.files["triplet"]).is_file());
        assert_eq!(line.label, Some(1));
    }
    // Nothing but what the manifest names.
    assert_eq!(contents(&out).len(), 2 + 3 * lines.len());
}

#[test]
fn threads_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    succeed(&arguments(&a, &["--threads", "1", "--category", "all"]));
    succeed(&arguments(&b, &["--threads", "2", "--category", "all"]));
    assert_same_files(&a, &b);
}

/// Killed at many moments and started again, an export leaves what an undisturbed one leaves.
#[test]
fn a_killed_export_is_taken_up_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let more = ["--category", "all", "--heatmap", "triplet"];
    let began = std::time::Instant::now();
    succeed(&arguments(&whole, &more));
    let duration = began.elapsed();
    let mut interrupted = 0;
    for moment in 0..12u32 {
        let out = folder.path().join(format!("killed-{moment}"));
        // Several kills of the same folder, at moments spread over the run.
        for time in 0..3u32 {
            let mut child =
                bowsight().args(arguments(&out, &more)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(duration * (2 * moment + 3 * time) / 30 + Duration::from_millis(3));
            child.kill().unwrap();
            child.wait().unwrap();
            interrupted += u32::from(!out.join("manifest.jsonl").exists());
        }
        succeed(&arguments(&out, &more));
        assert_same_files(&whole, &out);
    }
    assert!(interrupted > 6, "only {interrupted} of the kills came in time");
    // Once more, with everything done.
    let again = succeed(&arguments(&whole, &more));
    assert!(again.contains("taken over"), "{again}");
    assert_same_files(&whole, &folder.path().join("killed-3"));
}

#[test]
fn a_lost_file_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    succeed(&arguments(&whole, &[]));
    succeed(&arguments(&out, &[]));
    let line = lines(&out).remove(3);
    std::fs::remove_file(out.join(&line.files["heatmap"])).unwrap();
    succeed(&arguments(&out, &[]));
    assert_same_files(&whole, &out);
}

#[test]
fn merged_shards_are_what_one_run_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    for category in ["true", "top", "all"] {
        let more = ["--category", category];
        succeed(&arguments(&whole, &more));
        for shard in ["2/3", "0/3"] {
            succeed(&arguments(&out, &[&more[..], &["--shard", shard]].concat()));
        }
        let errors = fail(2, &["export", "merge", text(&out)]);
        assert!(errors.contains("shards 1 of 3 are missing"), "{errors}");
        succeed(&arguments(&out, &[&more[..], &["--shard", "1/3"]].concat()));
        succeed(&["export", "merge", text(&out)]);
        assert_same_files(&whole, &out);
        std::fs::remove_dir_all(&whole).unwrap();
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_merge_names_a_missing_picture_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for shard in ["0/2", "1/2"] {
        succeed(&arguments(&out, &["--shard", shard]));
    }
    let manifest = out.join("manifest.0-of-2.jsonl");
    let text_of = std::fs::read_to_string(&manifest).unwrap();
    let first: Line = serde_json::from_str(text_of.lines().next().unwrap()).unwrap();
    let rest: String = text_of.lines().skip(1).map(|line| format!("{line}\n")).collect();
    std::fs::write(&manifest, rest).unwrap();
    let errors = fail(2, &["export", "merge", text(&out)]);
    assert!(errors.contains(&first.picture), "{errors}");
    assert!(manifest.is_file() && !out.join("manifest.jsonl").exists());
    let errors = fail(2, &["export", "merge", text(folder.path())]);
    assert!(errors.contains("run.json"), "{errors}");
}

#[test]
fn one_scale_for_the_set_survives_a_resume_and_is_refused_to_shards() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    let more = ["--scale", "set"];
    succeed(&arguments(&whole, &more));
    succeed(&arguments(&out, &more));
    let line = lines(&out).remove(0);
    std::fs::remove_file(out.join(&line.files["relevance"])).unwrap();
    std::fs::remove_file(out.join(&line.files["heatmap"])).unwrap();
    succeed(&arguments(&out, &more));
    assert_same_files(&whole, &out);
    let errors = fail(2, &arguments(&folder.path().join("shard"), &["--scale", "set", "--shard", "0/2"]));
    assert!(errors.contains("hint: give one scale"), "{errors}");
}

#[test]
fn another_export_in_the_same_folder_is_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    succeed(&arguments(&out, &[]));
    let before = contents(&out);
    let errors = fail(2, &arguments(&out, &["--bias", "sink", "--palette", "diverging"]));
    assert!(errors.contains("\"bias\"") && errors.contains("\"palette\"") && errors.contains("hint:"), "{errors}");
    assert!(before == contents(&out), "the refused run changed something");
}

#[test]
fn two_runs_in_one_folder_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let _first = {
        std::fs::create_dir_all(&out).unwrap();
        bowsight::export::lock::RunLock::take(&out, ".manifest.jsonl.lock").unwrap()
    };
    let errors = fail(1, &arguments(&out, &[]));
    assert!(errors.contains("another run is writing") && errors.contains("hint:"), "{errors}");
}

#[test]
fn a_folder_without_labels_is_explained_for_its_top_category_and_bad_pictures_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures/deeper");
    std::fs::create_dir_all(&pictures).unwrap();
    std::fs::copy(picture(5), pictures.join("good.png")).unwrap();
    std::fs::write(pictures.join("bad.jpg"), b"").unwrap();
    let out = folder.path().join("out");
    let all = folder.path().join("pictures");
    let arguments = ["export", text(&all), "--model", text(model()), "--out", text(&out)];
    let errors = fail(3, &arguments);
    assert!(errors.contains("deeper/bad") && errors.contains("is empty"), "{errors}");
    let found = lines(&out);
    assert_eq!(found.len(), 2);
    assert!(found[0].error.as_ref().unwrap().contains("is empty") && found[0].category.is_empty());
    assert!(found[1].error.is_none() && found[1].label.is_none());
    assert!(out.join("deeper").is_dir());
    // Mended, the next run does it.
    std::fs::copy(picture(6), pictures.join("bad.jpg")).unwrap();
    let errors = fail(2, &arguments);
    assert!(errors.contains("\"data\""), "other data are another export: {errors}");
    fail(2, &["export", text(&all), "--model", text(model()), "--out", text(&out), "--category", "true"]);
}

#[test]
fn pictures_of_one_stem_keep_their_extensions() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(picture(5), folder.path().join("a.png")).unwrap();
    std::fs::copy(picture(6), folder.path().join("a.bmp")).unwrap();
    let out = folder.path().join("out");
    succeed(&["export", text(folder.path()), "--model", text(model()), "--out", text(&out), "--no-heatmap"]);
    let ids: Vec<String> = lines(&out).into_iter().map(|line| line.picture).collect();
    assert_eq!(ids, ["a.bmp", "a.png"]);
}

#[test]
fn a_csv_list_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..4 {
        std::fs::copy(picture(number), folder.path().join(format!("{number}.png"))).unwrap();
    }
    let list = folder.path().join("list.csv");
    std::fs::write(&list, "1.png,circle\n2.png\n3.png,polygon,circle\n").unwrap();
    let out = folder.path().join("out");
    succeed(&["export", "--list", text(&list), "--model", text(model()), "--out", text(&out), "--no-heatmap"]);
    let found: Vec<(String, String)> = lines(&out).into_iter().map(|line| (line.picture, line.category)).collect();
    assert_eq!(
        found,
        [("1", "circle"), ("3", "circle"), ("3", "polygon")].map(|(a, b)| (a.to_string(), b.to_string()))
    );
}
