//! Data sets as people have them: what the commands understand, name and refuse.

use std::path::Path;

use super::setting::*;

/// Two categories of five generated pictures each, in folders.
fn folders(root: &Path) {
    for number in 1..=10 {
        let category = if number <= 5 { "dots" } else { "stripes" };
        std::fs::create_dir_all(root.join(category)).unwrap();
        std::fs::copy(picture(number), root.join(category).join(format!("{number}.png"))).unwrap();
    }
}

fn train_on(data: &Path, model: &Path) {
    let small = ["--words", "12", "--sizes", "4", "--cells", "1x1", "--c", "0.01"];
    succeed(&[&["train", "--data", text(data), "--model", text(model)][..], &small].concat());
}

#[test]
fn labels_that_the_model_does_not_know_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model, out) = (folder.path().join("d"), folder.path().join("m"), folder.path().join("x"));
    folders(&data);
    train_on(&data, &model);
    std::fs::create_dir(data.join("Dots")).unwrap();
    for name in ["1.png", "2.png"] {
        std::fs::rename(data.join("dots").join(name), data.join("Dots").join(name)).unwrap();
    }
    let evaluate = ["evaluate", "--data", text(&data), "--model", text(&model)];
    let export = ["export", "--data", text(&data), "--model", text(&model), "--out", text(&out), "--no-heatmap"];
    for command in [&evaluate[..], &export] {
        let errors = fail(2, command);
        assert!(errors.contains("\"Dots\" (2 pictures)"), "{errors}");
        assert!(errors.contains("did you mean \"dots\" by \"Dots\"?"), "{errors}");
        assert!(errors.contains("--ignore-unknown-categories"), "{errors}");
    }
    assert!(!out.exists());
    let ignoring = run(&[&evaluate[..], &["--ignore-unknown-categories"]].concat());
    assert!(ignoring.status.success());
    assert!(String::from_utf8_lossy(&ignoring.stderr).contains("\"Dots\" (2 pictures)"));
}

#[test]
fn evidence_does_not_show_a_file_that_has_changed_since_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model, out) = (folder.path().join("d"), folder.path().join("m"), folder.path().join("o"));
    folders(&data);
    train_on(&data, &model);
    let one = data.join("dots/1.png");
    let explain = ["explain", text(&one), "--model", text(&model), "--category", "dots", "--out", text(&out)];
    let explain = [&explain[..], &["--neighbours", "9", "--data", text(&data)]].concat();
    succeed(&explain);
    std::fs::copy(data.join("stripes/6.png"), data.join("dots/2.png")).unwrap();
    let errors = fail(3, &explain);
    assert!(errors.contains("\"dots/2\" is not shown") && errors.contains("is not the file"), "{errors}");
    assert!(!errors.contains("\"dots/3\""), "{errors}");
}

#[test]
fn an_output_folder_inside_the_data_is_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("d"), folder.path().join("m"));
    folders(&data);
    train_on(&data, &model);
    let (maps, heat) = (data.join("maps"), data.join("heat"));
    let kinds = "heatmap,overlay,edges,binarised,triplet";
    let export = ["export", text(&data), "--model", text(&model), "--out", text(&maps), "--heatmap", kinds];
    succeed(&export);
    let again = succeed(&export);
    assert!(again.contains("10 pictures taken over"), "{again}");
    let one = data.join("dots/1.png");
    let explain = ["explain", text(&one), "--model", text(&model), "--out", text(&heat), "--heatmap", kinds];
    succeed(&[&explain[..], &["--tiles", "60/30", "--category", "dots"]].concat());
    let found = succeed(&["evaluate", "--data", text(&data), "--model", text(&model), "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!((found["pictures"].as_u64(), found["unknown_categories"].as_array().unwrap().len()), (Some(10), 0));
}
