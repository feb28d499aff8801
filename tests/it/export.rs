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
    // The first line says which export it is.
    let first: Line = serde_json::from_str(text_of.lines().nth(1).unwrap()).unwrap();
    let kept = text_of.lines().enumerate().filter(|(number, _)| *number != 1);
    std::fs::write(&manifest, kept.map(|(_, line)| format!("{line}\n")).collect::<String>()).unwrap();
    let errors = fail(2, &["export", "merge", text(&out)]);
    assert!(errors.contains(&first.picture), "{errors}");
    assert!(manifest.is_file() && !out.join("manifest.jsonl").exists());
    let errors = fail(2, &["export", "merge", text(folder.path())]);
    assert!(errors.contains("run.json"), "{errors}");
    let nothing = folder.path().join("nothing");
    let errors = fail(2, &["export", "merge", text(&nothing)]);
    assert!(errors.contains("nothing\" is no folder") && !nothing.exists(), "{errors}");
}

/// Two exports by two models, of which one gets a shard of the other.
#[test]
fn a_merge_refuses_a_shard_of_another_export() {
    let folder = tempfile::tempdir().unwrap();
    let (out, other) = (folder.path().join("out"), folder.path().join("other"));
    for shard in ["0/2", "1/2"] {
        succeed(&arguments(&out, &["--shard", shard, "--no-heatmap"]));
        succeed(&arguments(&other, &["--shard", shard, "--no-heatmap", "--bias", "sink"]));
    }
    let manifest = "manifest.1-of-2.jsonl";
    let own = std::fs::read(out.join(manifest)).unwrap();
    std::fs::copy(other.join(manifest), out.join(manifest)).unwrap();
    let before = contents(&out);
    for errors in
        [fail(2, &["export", "merge", text(&out)]), fail(2, &arguments(&out, &["--shard", "1/2", "--no-heatmap"]))]
    {
        assert!(errors.contains("manifest.1-of-2.jsonl\" belongs to another export"), "{errors}");
    }
    assert!(before == contents(&out), "the refused merge changed something");
    // A manifest of an earlier version has no first line that says so: merged with a warning.
    let text_of = String::from_utf8(own).unwrap();
    std::fs::write(out.join(manifest), text_of.split_once('\n').unwrap().1).unwrap();
    let output = run(&["export", "merge", text(&out)]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.contains("1-of-2.jsonl\" was written by an earlier version"), "{errors}");
}

#[test]
fn a_merge_names_maps_that_are_missing_or_cut() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for shard in ["0/2", "1/2"] {
        succeed(&arguments(&out, &["--shard", shard, "--no-heatmap"]));
    }
    let mut maps: Vec<String> = contents(&out).keys().filter(|name| name.ends_with(".npy")).cloned().collect();
    maps.truncate(2);
    std::fs::remove_file(out.join(&maps[0])).unwrap();
    std::fs::File::options().write(true).open(out.join(&maps[1])).unwrap().set_len(1000).unwrap();
    let errors = fail(2, &["export", "merge", text(&out)]);
    assert!(errors.contains("2 maps are missing") && maps.iter().all(|map| errors.contains(map)), "{errors}");
    for shard in ["0/2", "1/2"] {
        succeed(&arguments(&out, &["--shard", shard, "--no-heatmap"]));
    }
    succeed(&["export", "merge", text(&out)]);
}

/// What a power cut leaves of files that were not yet on disk.
#[test]
fn empty_and_cut_files_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    succeed(&arguments(&whole, &[]));
    succeed(&arguments(&out, &[]));
    let lines = lines(&out);
    let map = |line: &Line| out.join(&line.files["relevance"]);
    assert_eq!(lines[0].bytes, Some(std::fs::metadata(map(&lines[0])).unwrap().len()));
    std::fs::write(map(&lines[0]), "").unwrap();
    std::fs::File::options().write(true).open(map(&lines[1])).unwrap().set_len(500).unwrap();
    std::fs::write(out.join(&lines[2].files["heatmap"]), "").unwrap();
    succeed(&arguments(&out, &[]));
    assert_same_files(&whole, &out);
}

/// A name that fits into 255 bytes, but not with category and kind.
#[test]
fn a_picture_of_the_longest_name_is_exported_and_explained_under_a_shorter_one() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    let long = "鳥".repeat(83);
    for (name, number) in [("short", 5), (long.as_str(), 6)] {
        std::fs::copy(picture(number), pictures.join(format!("{name}.png"))).unwrap();
    }
    let out = folder.path().join("out");
    let arguments =
        ["export", text(&pictures), "--model", text(model()), "--out", text(&out), "--heatmap", "binarised"];
    succeed(&arguments);
    let found = lines(&out);
    assert_eq!(found[1].picture, long);
    assert!(found.iter().flat_map(|line| line.files.values()).all(|file| out.join(file).is_file()));
    assert!(found[1].files["relevance"].starts_with("鳥鳥") && found[1].files["relevance"].contains('~'));
    let again = succeed(&arguments);
    assert!(again.contains("2 pictures taken over"), "{again}");
    let maps = folder.path().join("maps");
    let one = pictures.join("short.png");
    let other = pictures.join(format!("{long}.png"));
    succeed(&[
        "explain",
        text(&one),
        text(&other),
        "--model",
        text(model()),
        "--category",
        "top",
        "--out",
        text(&maps),
    ]);
    assert_eq!(contents(&maps).len(), 8);
}

/// A name that can't be written costs its own picture: here a folder stands in its place.
#[test]
fn a_map_whose_name_is_taken_costs_only_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    for number in [5, 6] {
        std::fs::copy(picture(number), pictures.join(format!("{number}.png"))).unwrap();
    }
    let out = folder.path().join("out");
    for category in ["circle", "polygon"] {
        std::fs::create_dir_all(out.join(format!("5.{category}.npy"))).unwrap();
    }
    let arguments = ["export", text(&pictures), "--model", text(model()), "--out", text(&out)];
    let errors = fail(3, &arguments);
    assert!(errors.contains("\"5\" failed") && errors.contains("it is a folder"), "{errors}");
    let found = lines(&out);
    assert!(found[0].error.is_some() && found[1].error.is_none());
}

#[test]
fn pictures_that_need_no_lines_are_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..4 {
        std::fs::copy(picture(number), folder.path().join(format!("{number}.png"))).unwrap();
    }
    let list = folder.path().join("list.csv");
    std::fs::write(&list, "1.png,circle\n2.png\n3.png,polygon\n").unwrap();
    let out = folder.path().join("out");
    let arguments = ["export", "--list", text(&list), "--model", text(model()), "--out", text(&out), "--no-heatmap"];
    let first = succeed(&arguments);
    assert!(!first.contains("taken over"), "{first}");
    let second = succeed(&arguments);
    assert!(second.contains("2 pictures taken over"), "{second}");
}

#[test]
fn a_file_in_the_place_of_the_output_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let one = picture(5);
    let commands: [&[&str]; 4] = [
        &arguments(&file, &[]),
        &["explain", text(&one), "--model", text(model()), "--category", "top", "--out", text(&file)],
        &["model", "export", text(model()), "--out", text(&file)],
        &["shapes", "--out", text(&file), "--pictures", "10"],
    ];
    for command in commands {
        let errors = fail(2, command);
        assert!(errors.contains("file\": it is a file, not a folder") && errors.contains("hint:"), "{errors}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn an_output_that_is_a_link_is_written_where_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("disk")).unwrap();
    std::os::unix::fs::symlink("disk/scores.csv", at("scores.csv")).unwrap();
    let scores = at("scores.csv");
    let data = ["--data", text(shapes()), "--split", "test", "--model", text(model())];
    succeed(&[&["evaluate"], &data[..], &["--scores", text(&scores)]].concat());
    assert!(scores.is_symlink() && std::fs::metadata(at("disk/scores.csv")).unwrap().len() > 0);
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
    let errors = fail(2, &arguments(&out, &["--bias", "sink", "--palette", "jet"]));
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
