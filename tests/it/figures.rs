//! `bowsight figures`: the whole command on small generated data.

use std::path::Path;

use serde_json::Value;

use super::setting::*;

/// Few words and few shapes, so that all figures take seconds.
fn figures<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["figures", "bow", "--out", text(out), "--words", "12", "--shapes", "10", "--seed", "3"];
    arguments.extend(more);
    arguments
}

fn share(value: &Value) -> f64 {
    let share = value.as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share), "{share}");
    share
}

#[test]
fn all_figures_are_drawn_and_drawn_alike_whatever_the_run() {
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    let data = ["--data", text(shapes())];
    let printed = succeed(&figures(&first, &data));
    assert_eq!(printed.matches("model trained").count(), 2, "{printed}");
    // Two categories have two figures of their own.
    for figure in ["fig1", "fig3", "fig4", "fig6", "fig6-shapley", "fig7", "fig8"] {
        let image = image::open(first.join(format!("{figure}.png"))).unwrap();
        assert!(image.width() > 300 && image.height() > 200, "{figure}: {}×{}", image.width(), image.height());
        assert!(printed.contains(&format!("{figure}.png")), "{printed}");
    }
    assert!(!first.join("fig9.png").exists());

    let text_of = std::fs::read_to_string(first.join("polygons.json")).unwrap();
    let polygons: Value = serde_json::from_str(&text_of).unwrap();
    assert!(!text_of.contains("seconds"));
    assert!(share(&polygons["area_of_polygons"]) > 0.0);
    share(&polygons["average_precision"]);
    let ways = |key: &str| polygons[key].as_array().unwrap().clone();
    assert_eq!((ways("ways").len(), ways("roots").len()), (3, 3));
    for way in ways("ways").iter().chain(&ways("roots")) {
        share(&way["in_polygons"]);
        share(&way["in_circles"]);
        assert!(way["windows"].as_u64().unwrap() > 0 && way["failed"] == 0, "{way}");
        let residual = way["mean_residual"].as_f64().unwrap();
        assert_eq!(residual > 0.0, way["decomposition"] == "taylor", "{way}");
    }
    let residual = |at: usize| polygons["roots"][at]["total_residual"].as_f64().unwrap();
    assert!(residual(1) <= residual(0) + 1e-9, "the least residual is larger than the nearest root's");

    // Another folder, one thread.
    let document = succeed(&figures(&second, &[&data[..], &["--threads", "1", "--format", "json"]].concat()));
    let document: Value = serde_json::from_str(&document).unwrap();
    assert!(document["polygons"]["ways"][0]["seconds"].as_f64().unwrap() > 0.0);
    assert_same_files(&first, &second);
    // The same folder: models are found, bytes stay.
    let printed = succeed(&figures(&first, &[&data[..], &["--only", "fig3,fig7"]].concat()));
    assert!(printed.contains("model found") && !printed.contains("model trained") && !printed.contains("fig8"));
    assert_same_files(&first, &second);
    // Other settings are another model.
    let other = ["figures", "bow", "--out", text(&first), "--words", "13", "--data", data[1], "--only", "fig7"];
    assert!(succeed(&other).contains("model trained"));
}

#[test]
fn what_can_not_be_drawn_is_said_before_any_work() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let errors = |code, more: &[&str]| fail(code, &figures(&out, more));
    let none = errors(2, &["--only", "fig7"]);
    assert!(none.contains("\"fig7\" needs labelled pictures") && none.contains("hint: --data"), "{none}");
    assert!(errors(2, &["--only", "fig5"]).contains("invalid value 'fig5' for '--only <FIGURES>'"));
    let data = text(shapes());
    let missing = errors(2, &["--data", data, "--only", "fig3,fig10"]);
    assert!(missing.contains("\"fig10\" shows category 4 of those chosen, and there are 2"), "{missing}");
    let unknown = errors(2, &["--data", data, "--categories", "poligon"]);
    assert!(unknown.contains("--categories polygon"), "{unknown}");
    let none = fail(2, &["figures", "bow", "--out", text(&out), "--words", "0", "--only", "fig6"]);
    assert!(none.contains("vocabulary.words"), "{none}");
    // Too few pictures to halve.
    let folders = place.path().join("folders");
    for category in ["a", "b"] {
        std::fs::create_dir_all(folders.join(category)).unwrap();
        std::fs::copy(picture(1), folders.join(category).join("1.png")).unwrap();
    }
    let few = errors(2, &["--data", text(&folders)]);
    assert!(
        few.contains("category \"a\" has 1 positive and 0 negative pictures in split \"all (first half)\""),
        "{few}"
    );
    assert!(!out.exists());
}

/// Photographs in folders, without splits: one half trains, the other is shown.
#[test]
fn data_without_splits_are_halved() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let circles = std::fs::read_to_string(shapes().join("ImageSets/Main/circle_trainval.txt")).unwrap();
    for line in circles.lines() {
        let (id, label) = line.split_once(' ').unwrap();
        let folder = data.join(if label.trim() == "1" { "round" } else { "angular" });
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(shapes().join(format!("JPEGImages/{id}.png")), folder.join(format!("{id}.png"))).unwrap();
    }
    let out = place.path().join("figures");
    let done = run(&figures(&out, &["--data", text(&data), "--only", "fig7"]));
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    assert!(errors.contains("the data have no splits: trained on one random half"), "{errors}");
    assert!(out.join("fig7.png").exists());
    let again = succeed(&figures(&out, &["--data", text(&data), "--only", "fig7"]));
    assert!(again.contains("model found"), "{again}");
}

/// Idx files of the included digits, moved by up to two pixels: `count` of each class.
fn write_digits(folder: &Path, prefix: &str, count: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits");
    let (mut pictures, mut labels) = (vec![0, 0, 8, 3], vec![0, 0, 8, 1]);
    [10 * count as u32, 28, 28].iter().for_each(|length| pictures.extend(length.to_be_bytes()));
    labels.extend((10 * count as u32).to_be_bytes());
    for number in 0..10 * count {
        let digit = image::open(root.join(format!("{}.png", number % 10))).unwrap().to_luma8();
        let (dx, dy) = ((number / 10) as i32 % 3 - 1, (number / 30) as i32 % 3 - 1);
        labels.push((number % 10) as u8);
        pictures.extend((0..28 * 28).map(|place| {
            let (x, y) = (place % 28 - dx, place / 28 - dy);
            let inside = (0..28).contains(&x) && (0..28).contains(&y);
            if inside { digit.get_pixel(x as u32, y as u32).0[0] } else { 0 }
        }));
    }
    std::fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), pictures).unwrap();
    std::fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
}

#[test]
fn figures_of_digits_state_what_they_show() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("digits");
    std::fs::create_dir(&data).unwrap();
    write_digits(&data, "train", 9);
    write_digits(&data, "t10k", 3);
    let network = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits.bowsight");
    let make = |out: &Path, more: &[&str]| {
        let base = [
            "figures",
            "mnist",
            "--data",
            text(&data),
            "--networks",
            text(&network),
            "--out",
            text(out),
            "--seed",
            "5",
        ];
        succeed(&[&base[..], more].concat())
    };
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    let report: Value = serde_json::from_str(&make(&first, &["--format", "json"])).unwrap();
    for figure in ["fig11", "fig12", "fig13", "fig15", "fig16", "fig17"] {
        let image = image::open(first.join(format!("{figure}.png"))).unwrap();
        assert!(image.width() > 300 && image.height() > 200, "{figure}: {}×{}", image.width(), image.height());
    }
    let statements = report["statements"].as_array().unwrap();
    let value = |start: &str| {
        let found = statements.iter().find(|statement| statement["what"].as_str().unwrap().starts_with(start));
        found.unwrap_or_else(|| panic!("no statement begins with {start:?}"))["value"].as_f64().unwrap()
    };
    for statement in statements.iter().filter(|statement| statement["what"].as_str().unwrap().ends_with("(share)")) {
        share(&statement["value"]);
        assert!(statement["count"].as_u64().unwrap() > 0, "{statement}");
    }
    // f = Σ R + f(root) + residual, and a root is one.
    assert!(value("f at the root (a 2 as 2").abs() < 1e-8 * value("f (a 2 as 2").abs().max(1.0));
    assert!(value("f (a 7 as 7") > 0.0);
    assert_eq!(value("Σ R over the top bar of a 7 as 7"), 1.0);
    make(&second, &["--threads", "1"]);
    assert_same_files(&first, &second);
    // What is asked of the wrong command, and data that are no digits.
    let wrong = fail(2, &["figures", "mnist", "--data", text(&data), "--out", text(&first), "--only", "fig2"]);
    assert!(wrong.contains("\"--only fig2\" is none of this command: it makes fig11"), "{wrong}");
    let network = text(&network);
    let shapes = fail(2, &["figures", "mnist", "--data", text(shapes()), "--networks", network, "--out", text(&first)]);
    assert!(shapes.contains("must have the categories 0 to 9"), "{shapes}");
}

#[test]
fn small_networks_are_drawn_with_their_numbers() {
    let place = tempfile::tempdir().unwrap();
    let printed = succeed(&["figures", "networks", "--out", text(place.path()), "--format", "json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    let errors: Vec<f64> =
        report["statements"].as_array().unwrap().iter().map(|s| s["value"].as_f64().unwrap()).collect();
    assert!(errors.len() == 2 && errors.iter().all(|error| *error < 1e-12), "{errors:?}");
    for figure in ["fig2", "fig5", "fig14"] {
        assert!(image::open(place.path().join(format!("{figure}.png"))).unwrap().width() > 800, "{figure}");
    }
}
