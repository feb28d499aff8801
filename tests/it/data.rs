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

#[test]
fn pictures_that_can_not_be_read_are_named_and_too_many_end_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("d"), folder.path().join("m"));
    folders(&data);
    let list = folder.path().join("list.csv");
    let small = ["--words", "12", "--sizes", "4", "--cells", "1x1", "--c", "0.01"];
    let train = ["train", "--data", text(&list), "--model", text(&model)];
    let rows = |wrong: usize| {
        let row = |number: usize| {
            let category = if number <= 5 { "dots" } else { "stripes" };
            let root = if [1, 6, 2, 7].iter().take(wrong).any(|bad| *bad == number) { "wrong" } else { "d" };
            format!("{root}/{category}/{number}.png,{category}\n")
        };
        let rows: String = (1..=10).map(row).collect();
        std::fs::write(&list, format!("path,category\n{rows}")).unwrap();
    };
    rows(4);
    let errors = fail(2, &[&train[..], &small].concat());
    for number in [1, 2, 6, 7] {
        assert_eq!(errors.matches(&format!("/{number}\" is left out")).count(), 1, "{errors}");
    }
    assert!(errors.contains("4 of 10 pictures can't be read, and at most 5 % may be"), "{errors}");
    assert!(errors.contains("the first is \"wrong/dots/1\"") && errors.contains("--max-unreadable"), "{errors}");
    assert!(!model.exists());
    // A single one may always be left out, and more of them if it is asked for.
    for (wrong, more) in [(1, &[][..]), (4, &["--max-unreadable", "40"])] {
        rows(wrong);
        let errors = fail(3, &[&train[..], &small, more, &["--strict"]].concat());
        assert_eq!(errors.matches("is left out: ").count(), wrong, "{errors}");
        assert!(model.exists());
    }
    // What is found in a cache has no say in it.
    let cache = folder.path().join("cache");
    let cached = [&train[..], &small, &["--cache", text(&cache)]].concat();
    // The model is whole, so this is no failure unless it is asked for.
    succeed(&[&cached[..], &["--max-unreadable", "40"]].concat());
    assert!(fail(2, &cached).contains("4 of 10 pictures can't be read"));
}

#[test]
fn lists_are_understood_as_people_write_them() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("d"), folder.path().join("m"));
    folders(&data);
    let rows = |separator: &str| -> String {
        let category = |number| if number <= 5 { "dots" } else { "stripes" };
        (1..=10).map(|number| format!("d/{0}/{number}.png{separator}{0}\n", category(number))).collect()
    };
    for (name, header, separator) in [
        ("semicolon.csv", "path;category", ";"),
        ("tab.csv", "path\tcategory", "\t"),
        ("header.csv", "filename,label", ","),
    ] {
        let list = folder.path().join(name);
        std::fs::write(&list, format!("{header}\n{}", rows(separator))).unwrap();
        train_on(&list, &model);
        let found = bowsight::open(&model).unwrap();
        assert_eq!(found.categories(), ["dots", "stripes"], "{name}");
    }
    let list = folder.path().join("what.csv");
    std::fs::write(&list, format!("bild;klasse\n{}", rows(";"))).unwrap();
    let errors = fail(2, &["train", "--data", text(&list), "--model", text(&model)]);
    assert!(errors.contains("what.csv\" begins with \"bild;klasse\"") && errors.contains("filename"), "{errors}");
}

#[test]
fn a_broken_annotation_costs_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("v"), folder.path().join("m"));
    for inner in ["JPEGImages", "Annotations", "ImageSets/Main"] {
        std::fs::create_dir_all(data.join(inner)).unwrap();
    }
    let annotate = |number: usize, right: u32| {
        let category = if number <= 5 { "dots" } else { "stripes" };
        let bounds = format!("<xmin>5</xmin><ymin>5</ymin><xmax>{right}</xmax><ymax>50</ymax>");
        let object = format!("<object><name>{category}</name><bndbox>{bounds}</bndbox></object>");
        std::fs::write(data.join(format!("Annotations/{number}.xml")), format!("<annotation>{object}</annotation>"))
            .unwrap();
    };
    for number in 1..=10 {
        std::fs::copy(picture(number), data.join(format!("JPEGImages/{number}.png"))).unwrap();
        annotate(number, 50);
    }
    let ids: String = (1..=10).map(|number| format!("{number}\r\n")).collect();
    std::fs::write(data.join("ImageSets/Main/train.txt"), format!("\u{feff}{ids}")).unwrap();
    let small = ["--words", "12", "--sizes", "4", "--cells", "1x1", "--c", "0.01"];
    let train = [&["train", "--data", text(&data), "--split", "train", "--model", text(&model)][..], &small].concat();
    annotate(1, 1);
    let done = run(&train);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && errors.contains("so the box is left out): 1, the first in the annotation of \"1\""),
        "{errors}"
    );
    std::fs::remove_file(data.join("Annotations/1.xml")).unwrap();
    let errors = fail(3, &[&train[..], &["--strict"]].concat());
    assert!(errors.contains("picture \"1\" is left out") && errors.contains("1.xml"), "{errors}");
}
