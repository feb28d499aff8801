//! Command lines: what they print, what they write, and how they fail.

use std::process::Stdio;

use serde_json::Value;

use super::setting::*;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        "demo",
        "train",
        "evaluate",
        "cross-validate",
        "predict",
        "explain",
        "export",
        "figures",
        "model",
        "shapes",
        "completions",
        "man",
    ] {
        let help = succeed(&[command, "--help"]);
        assert!(help.contains("Example") && help.contains("bowsight "), "{command}: {help}");
    }
    assert!(succeed(&["--help"]).contains("Exit codes"));
    assert!(succeed(&["--version"]).starts_with("bowsight "));
    let man = succeed(&["man"]);
    for part in [".TH", "export", "\\-\\-shard", "\\-\\-print\\-config"] {
        assert!(man.contains(part), "{part} is missing in the manual");
    }
}

#[test]
fn the_printed_configuration_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    let text = succeed(&["train", "--print-config", "--words", "77", "--seed", "5", "--kernel", "linear"]);
    assert!(text.contains("words = 77") && text.contains("seed = 5") && text.contains("kind = \"linear\""));
    std::fs::write(&path, &text).unwrap();
    assert_eq!(succeed(&["train", "--print-config", "--config", super::setting::text(&path)]), text);
    // A family brings its planes, where none are named.
    let quantiles = ["train", "--print-config", "--descriptor", "quantiles", "--sizes", "14,20", "--region", "square"];
    let text = succeed(&quantiles);
    for line in ["family = \"quantiles\"", "planes = \"rgb\"", "sizes = [14, 20]", "region = \"square\""] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    let turned = succeed(&["train", "--print-config", "--planes", "grey+blue", "--orientation", "dominant"]);
    assert!(turned.contains("planes = \"grey+blue\"") && turned.contains("orientation = \"dominant\""));
    let errors = fail(2, &["train", "--print-config", "--sizes", "4,-6"]);
    assert!(errors.contains("sizes"), "{errors}");
    // Flags win.
    let over = succeed(&["train", "--print-config", "--config", super::setting::text(&path), "--words", "9"]);
    assert!(over.contains("words = 9\n"));
    std::fs::write(&path, "[svm]\ntolerence = 1\n").unwrap();
    let errors = fail(2, &["train", "--print-config", "--config", super::setting::text(&path)]);
    assert!(errors.contains("svm.tolerence") && errors.contains("did you mean \"tolerance\"?"), "{errors}");
    let errors = fail(2, &["train", "--print-config", "--mapping", "sof"]);
    assert!(errors.contains("invalid value 'sof' for '--mapping <KIND>'") && errors.contains("'soft'"), "{errors}");
    let errors = fail(2, &["train", "--print-config", "--words", "0", "--power", "-1"]);
    assert!(errors.contains("words") && errors.contains("power"), "all faults together: {errors}");
}

#[test]
fn evaluation_is_printed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let scores = folder.path().join("scores.csv");
    let arguments = ["evaluate", "--data", text(shapes()), "--split", "test", "--model", text(model())];
    let found = json(&succeed(&[&arguments[..], &["--format", "json", "--scores", text(&scores)]].concat()));
    assert_eq!((found["split"].as_str(), found["pictures"].as_u64()), (Some("test"), Some(16)));
    let ap = found["categories"]["circle"]["voc2007"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&ap));
    let mean = |kind: &str| {
        let each = ["circle", "polygon"].map(|c| found["categories"][c][kind].as_f64().unwrap());
        (each[0] + each[1]) / 2.0
    };
    for kind in ["voc2007", "voc2010"] {
        assert!((found["mean"][kind].as_f64().unwrap() - mean(kind)).abs() < 1e-12);
    }
    let table = std::fs::read_to_string(&scores).unwrap();
    assert_eq!(table.lines().next(), Some("picture,circle,polygon"));
    assert_eq!(table.lines().count(), 17);
    let printed = succeed(&arguments);
    assert!(printed.contains("AP 2007") && printed.contains("polygon") && printed.contains("mean"));
    // The scores are those of predict, but for sums in f32.
    let predicted = json(&succeed(&["predict", text(&picture(7)), "--model", text(model()), "--format", "json"]));
    let line = table.lines().find(|line| line.starts_with("000007,")).unwrap();
    let circle: f64 = line.split(',').nth(1).unwrap().parse().unwrap();
    assert!((predicted["pictures"][0]["scores"]["circle"].as_f64().unwrap() - circle).abs() < 1e-5);
}

#[test]
fn an_explanation_writes_maps_pictures_and_its_account() {
    let folder = tempfile::tempdir().unwrap();
    let out = text(folder.path());
    let one = picture(1);
    let plain = folder.path().join("plain");
    let arguments = ["explain", text(&one), "--model", text(model()), "--category", "all"];
    let numbers = ["--format", "json", "--dtype", "f64", "--trace", "--bias", "spread", "--out", out];
    let found = json(&succeed(&[&arguments[..], &numbers].concat()));
    // Unless the bias is asked for, drawings leave it out: their scale is that of the map that keeps it apart.
    let scale_of = |more: &[&str]| {
        let found = json(&succeed(&[&arguments[..], &["--format", "json", "--out", text(&plain)], more].concat()));
        found["explanations"][0]["scale"].as_f64().unwrap()
    };
    let (drawn, sunk) = (scale_of(&[]), scale_of(&["--bias", "sink"]));
    assert!((drawn - sunk).abs() < 1e-9 * sunk && drawn != found["explanations"][0]["scale"]);
    assert_eq!(found["explanations"][0]["scale"], scale_of(&["--bias", "spread"]));
    let explanations = found["explanations"].as_array().unwrap();
    assert_eq!(explanations.len(), 2);
    for explanation in explanations {
        let file = |kind: &str| folder.path().join(explanation["files"][kind].as_str().unwrap());
        let map = bowsight::format::npy::read(&file("relevance")).unwrap();
        assert_eq!(map.dim(), (90, 110));
        let ledger = &explanation["ledger"];
        let number = |key: &str| ledger[key].as_f64().unwrap();
        let total = map.sum() + number("bias_sink") + number("no_features") + number("taylor_residual");
        assert!((total - number("score")).abs() < 1e-9);
        // Below all but the bare heatmap are the colour bar and the caption, which --plain leaves away.
        let plain = [&arguments[..], &["--plain", "--bias", "spread", "--out", text(&plain)]].concat();
        succeed(&plain);
        for kind in ["heatmap", "overlay", "triplet"] {
            let name = explanation["files"][kind].as_str().unwrap();
            let (drawn, bare) =
                (image::open(file(kind)).unwrap(), image::open(folder.path().join("plain").join(name)).unwrap());
            assert_eq!(bare.height(), 90);
            assert_eq!(drawn.height() == 90, kind == "heatmap");
            assert_eq!(drawn.crop_imm(0, 0, bare.width(), 90), bare, "{kind}");
        }
        let trace = bowsight::bow::trace_file::read(&std::fs::read(file("trace")).unwrap()).unwrap();
        assert_eq!(trace.relevance, map);
        assert_eq!(trace.ledger.score, number("score"));
        let scale = explanation["scale"].as_f64().unwrap();
        assert_eq!(scale, map.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
    }
    let printed = succeed(&[&arguments[..], &["--no-heatmap", "--out", out]].concat());
    assert!(printed.contains("places in the picture") && printed.contains("the score: their sum"), "{printed}");
}

/// Where scores are means over mirror twins, a map is a mean map that conserves its score; there is no trace of it.
#[test]
fn means_over_twins_are_explained_but_not_traced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twins.bowsight");
    train(&path, &["--twins", "test", "--c", "10"]);
    let (one, two, out) = (picture(1), picture(2), folder.path().join("out"));
    let base = ["explain", text(&one), text(&two), "--model", text(&path), "--category", "circle", "--no-heatmap"];
    let base = [&base[..], &["--dtype", "f64", "--out", text(&out)]].concat();
    let found = json(&succeed(&[&base[..], &["--format", "json"]].concat()));
    let predicted = json(&succeed(&["predict", text(&one), text(&two), "--model", text(&path), "--format", "json"]));
    for i in 0..2 {
        let explanation = &found["explanations"][i];
        let score = explanation["ledger"]["score"].as_f64().unwrap();
        assert_eq!(predicted["pictures"][i]["scores"]["circle"].as_f64(), Some(score));
        let map = bowsight::format::npy::read(&out.join(explanation["files"]["relevance"].as_str().unwrap())).unwrap();
        assert!((map.sum() - score).abs() < 1e-9);
    }
    let errors = fail(2, &[&base[..], &["--trace"]].concat());
    assert!(errors.contains("unsupported: a trace of a model whose scores are means over mirror twins"), "{errors}");
}

#[test]
fn a_difference_of_categories_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let one = picture(2);
    let explain = |more: &[&str]| {
        let base =
            ["explain", text(&one), "--model", text(model()), "--no-heatmap", "--format", "json", "--dtype", "f64"];
        let found = json(&succeed(&[&base[..], &["--out", text(folder.path())], more].concat()));
        let explanation = found["explanations"][0].clone();
        let map = folder.path().join(explanation["files"]["relevance"].as_str().unwrap());
        (explanation["ledger"]["score"].as_f64().unwrap(), bowsight::format::npy::read(&map).unwrap())
    };
    let (a, map_a) = explain(&["--category", "circle"]);
    let (b, map_b) = explain(&["--category", "polygon"]);
    let (difference, map) = explain(&["--category", "circle", "--against", "polygon"]);
    assert!((difference - (a - b)).abs() < 1e-12);
    assert!((map - (map_a - map_b)).iter().all(|v| v.abs() < 1e-12));
}

#[test]
fn training_pictures_and_words_are_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let one = picture(2);
    let base = ["explain", text(&one), "--model", text(model()), "--category", "circle", "--out", text(folder.path())];
    let more =
        ["--neighbours", "2", "--words", "3", "--data", text(shapes()), "--heatmap", "heatmap", "--format", "json"];
    let found = json(&succeed(&[&base[..], &more].concat()));
    let explanation = &found["explanations"][0];
    let score = explanation["ledger"]["score"].as_f64().unwrap();
    let neighbours = &explanation["evidence"]["neighbours"];
    let sum = |list: &Value, key: &str| list.as_array().unwrap().iter().map(|v| v[key].as_f64().unwrap()).sum::<f64>();
    let total = sum(&neighbours["speaking_for"], "contribution")
        + sum(&neighbours["speaking_against"], "contribution")
        + neighbours["rest"].as_f64().unwrap()
        + neighbours["bias"].as_f64().unwrap();
    assert!((total - score).abs() < 1e-10, "{total} instead of {score}");
    assert_eq!(neighbours["speaking_for"].as_array().unwrap().len(), 2);
    let words = &explanation["evidence"]["words"];
    assert_eq!(words["words"].as_array().unwrap().len(), 3);
    assert!((sum(&words["words"], "relevance") + words["rest"].as_f64().unwrap() - score).abs() < 1e-10);
    for kind in ["neighbours", "words"] {
        let sheet = image::open(folder.path().join(explanation["files"][kind].as_str().unwrap())).unwrap();
        assert!(sheet.width() > 300 && sheet.height() > 300, "{kind}");
    }
    let printed = succeed(&[&base[..], &["--neighbours", "1", "--no-heatmap"]].concat());
    assert!(printed.contains("training pictures that speak") && printed.contains("the score: their sum"), "{printed}");
    let errors = fail(2, &[&base[..], &["--neighbours", "1"]].concat());
    assert!(errors.contains("needs the training pictures") && errors.contains("hint: --data"), "{errors}");
    // Of linear classifiers only weights are left: words have maps, training pictures don't.
    let linear =
        ["explain", text(&one), "--model", text(linear_model()), "--category", "circle", "--out", text(folder.path())];
    let errors = fail(2, &[&linear[..], &["--neighbours", "1", "--no-heatmap"]].concat());
    assert!(errors.contains("only weights are left") && errors.contains("hint: "), "{errors}");
    let found = json(&succeed(&[&linear[..], &["--words", "3", "--format", "json"]].concat()));
    let (words, ledger) = (&found["explanations"][0]["evidence"]["words"], &found["explanations"][0]["ledger"]);
    let total = sum(&words["words"], "relevance") + words["rest"].as_f64().unwrap();
    assert!((total - ledger["score"].as_f64().unwrap()).abs() < 1e-10);
    let errors = fail(2, &[&linear[..], &["--decomposition", "taylor"]].concat());
    assert!(errors.contains("\"explain.decomposition\" must be \"auto\""), "{errors}");
    let errors = fail(2, &["train", "--print-config", "--solver", "linear", "--kernel", "chi2"]);
    assert!(errors.contains("one with a feature map"), "{errors}");
    let errors = fail(2, &[&base[..], &["--words", "0"]].concat());
    assert!(errors.contains("at least 1, got 0"), "{errors}");
    let errors = fail(2, &[&base[..], &["--words", "1", "--tiles", "40/20"]].concat());
    assert!(errors.contains("hint: --tiles none"), "{errors}");
}

#[test]
fn tiles_are_explained_drawn_and_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let one = picture(2);
    let base = ["explain", text(&one), "--model", text(model()), "--category", "circle", "--out", text(folder.path())];
    let found = json(&succeed(&[&base[..], &["--tiles", "40/20", "--trace", "--plain", "--format", "json"]].concat()));
    let explanation = &found["explanations"][0];
    let windows = explanation["windows"].as_array().unwrap();
    // 110×90 pixels: 5 columns (the last moved to the border) and 4 rows.
    assert_eq!(windows.len(), 20);
    assert!(windows.iter().all(|window| window["conservation_error"].as_f64().unwrap().abs() < 1e-9));
    let written =
        std::fs::read_to_string(folder.path().join(explanation["files"]["windows"].as_str().unwrap())).unwrap();
    assert_eq!(json(&written), explanation["windows"]);
    let coarse = image::open(folder.path().join(explanation["files"]["windows-heatmap"].as_str().unwrap())).unwrap();
    assert_eq!((coarse.width(), coarse.height()), (110, 90));
    assert!(folder.path().join("000002.circle.x20y40.trace.safetensors").is_file());
    let printed = succeed(&[&base[..], &["--tiles", "200/50", "--no-heatmap"]].concat());
    assert!(printed.contains("the score of the one window, the whole picture"), "{printed}");
    for (tiles, part) in [("12/6", "\"--tiles\" must be at least"), ("40", "SIDE/OFFSET"), ("20/40", "SIDE/OFFSET")] {
        let errors = fail(2, &[&base[..], &["--tiles", tiles]].concat());
        assert!(errors.contains(part) && errors.contains(tiles), "{errors}");
    }
    let errors = fail(2, &[&base[..], &["--decomposition", "taylor"]].concat());
    assert!(errors.contains("kernel.kind") && errors.contains("differentiable") && errors.contains("hik"), "{errors}");
    let out = folder.path().join("maps");
    let export = ["export", "--data", text(shapes()), "--split", "test", "--model", text(model()), "--tiles", "40/20"];
    succeed(&[&export[..], &["--out", text(&out)]].concat());
    let files = contents(&out);
    assert!(files.keys().any(|name| name.ends_with(".windows.json")));
    let manifest = std::fs::read_to_string(out.join("manifest.jsonl")).unwrap();
    assert!(manifest.lines().all(|line| json(line)["windows"] == 20), "{manifest}");
    let export = [&export[..8], &["200/50", "--no-heatmap", "--out"]].concat();
    let printed = succeed(&[&export[..], &[text(&folder.path().join("one"))]].concat());
    let count = manifest.lines().count();
    assert!(printed.contains(&format!("{count} of pictures no larger than a tile")), "{printed}");
    assert_eq!(json(std::str::from_utf8(&files["run.json"]).unwrap())["tiles"], "40/20");
}

#[test]
fn one_scale_for_a_set_is_named_in_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (picture(3), picture(4));
    let arguments = ["explain", text(&first), text(&second), "--model", text(model()), "--category", "circle"];
    let more = ["--scale", "set", "--heatmap", "heatmap", "--out", text(folder.path()), "--format", "json"];
    let found = json(&succeed(&[&arguments[..], &more].concat()));
    let each = |key: &str| [0, 1].map(|i| found["explanations"][i][key].as_f64().unwrap());
    let (largest, scales) = (each("largest"), each("scale"));
    assert_eq!(scales, [largest[0].max(largest[1]); 2]);
    let file = folder.path().join(found["explanations"][0]["files"]["heatmap"].as_str().unwrap());
    let bytes = std::fs::read(file).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("(set)"), "the scale is noted in the PNG");
}

#[test]
fn wrong_names_are_answered_with_the_right_ones() {
    let errors = fail(2, &["explain", text(&picture(1)), "--model", text(model()), "--category", "circel"]);
    assert!(errors.contains("unknown category \"circel\"") && errors.contains("circle, polygon"), "{errors}");
    assert!(errors.contains("hint: --category circle"), "{errors}");
    let errors = fail(2, &["evaluate", "--data", text(shapes()), "--split", "tset", "--model", text(model())]);
    assert!(errors.contains("\"tset\"") && errors.contains("hint: --split test"), "{errors}");
    let errors = fail(2, &["evaluate", "--data", "/nowhere/at/all", "--split", "test", "--model", text(model())]);
    assert!(errors.contains("/nowhere/at/all"), "{errors}");
    let errors = fail(2, &["predict", text(&picture(1)), "--model", "/nowhere.bowsight"]);
    assert!(errors.contains("/nowhere.bowsight"), "{errors}");
    fail(2, &["explain", "--model", text(model())]);
    fail(2, &["no-such-command"]);
}

#[test]
fn a_bad_picture_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.png");
    std::fs::write(&bad, b"not a picture").unwrap();
    let small = folder.path().join("small.png");
    image::RgbImage::new(9, 9).save(&small).unwrap();
    let out = folder.path().join("out");
    let pictures = [text(&bad), text(&small)];
    let good = picture(1);
    let arguments = [
        &["explain", pictures[0], text(&good), pictures[1]][..],
        &["--model", text(model()), "--category", "top", "--out", text(&out)],
    ]
    .concat();
    let errors = fail(3, &arguments);
    assert!(errors.contains("bad.png") && errors.contains("small.png") && errors.contains("9×9"), "{errors}");
    assert_eq!(contents(&out).len(), 4);
    let output = run(&["predict", pictures[0], text(&good), "--model", text(model()), "--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let found = json(&String::from_utf8(output.stdout).unwrap());
    assert!(found["pictures"][0]["error"].as_str().unwrap().contains("no picture"));
    assert!(found["pictures"][1]["error"].is_null());
    // Alone, its error is the command's.
    let errors = fail(2, &["explain", pictures[0], "--model", text(model()), "--category", "top", "--out", text(&out)]);
    assert!(errors.starts_with("error: picture") && errors.contains("bad.png"), "{errors}");
    let errors = fail(2, &["explain", pictures[1], "--model", text(model()), "--category", "top", "--out", text(&out)]);
    assert!(errors.contains("9×9 pixels are too few"), "{errors}");
}

#[test]
fn pictures_that_would_share_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("000001.png");
    std::fs::copy(picture(1), &copy).unwrap();
    let one = picture(1);
    let errors = fail(2, &["explain", text(&one), text(&copy), "--model", text(model()), "--category", "top"]);
    assert!(errors.contains("would both be written as \"000001\"") && errors.contains("hint:"), "{errors}");
}

#[cfg(target_os = "linux")]
#[test]
fn full_and_unwritable_outputs_are_errors_and_leave_nothing() {
    let errors = fail(
        1,
        &["evaluate", "--data", text(shapes()), "--split", "test", "--model", text(model()), "--scores", "/dev/full"],
    );
    assert!(errors.contains("/dev/full") && errors.to_lowercase().contains("space"), "{errors}");
    assert!(!std::fs::metadata("/dev/full").unwrap().is_file(), "the device must survive");
    let mut arguments = vec!["train", "--data", text(shapes()), "--split", "trainval", "--model", "/dev/full"];
    arguments.extend(SMALL);
    assert!(fail(1, &arguments).contains("/dev/full"));
    // Standard output, too.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = bowsight()
        .args(["predict", text(&picture(1)), "--model", text(model())])
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let below = file.join("model.bowsight");
    let mut arguments = vec!["train", "--data", text(shapes()), "--split", "trainval", "--model", text(&below)];
    arguments.extend(SMALL);
    let errors = fail(2, &arguments);
    assert!(errors.contains("it is a file, not a folder"), "{errors}");
    assert_eq!(contents(folder.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = bowsight().args(["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_model_can_be_looked_into() {
    let shown = succeed(&["model", "show", text(model())]);
    for part in ["circle", "polygon", "words = 25", "sha256", "AP val"] {
        assert!(shown.contains(part), "{part} is missing in: {shown}");
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("parts");
    succeed(&["model", "export", text(model()), "--out", text(&out)]);
    let files = contents(&out);
    for name in [
        "config.json",
        "training.json",
        "dual.npy",
        "bias.npy",
        "labels.npy",
        "train_scores.npy",
        "channels.0.vocabulary.npy",
        "channels.0.histograms.npy",
        "channels.0.json",
    ] {
        assert!(files.contains_key(name), "{name}");
    }
    let own = folder.path().join("own.npy");
    succeed(&["model", "histograms", text(model()), "--out", text(&own)]);
    assert!(std::fs::read(&own).unwrap() == files["channels.0.histograms.npy"]);
    let test = folder.path().join("test.npy");
    succeed(&["model", "histograms", text(model()), "--data", text(shapes()), "--split", "test", "--out", text(&test)]);
    let map = bowsight::format::npy::read(&test).unwrap();
    assert_eq!(map.dim(), (16, 25 * 8));
    assert!(map.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
    let rows = json(&std::fs::read_to_string(test.with_extension("json")).unwrap());
    assert_eq!(rows["pictures"].as_array().unwrap().len(), 16);
}

#[test]
fn the_demo_finds_each_texture_in_its_own_strip() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let found = json(&succeed(&["demo", "--out", text(&out), "--format", "json"]));
    for category in found["categories"].as_array().unwrap() {
        let share = category["share"].as_f64().unwrap();
        assert!(share > 0.6, "{category}");
        assert!((category["uniform"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9);
        assert!((category["random"].as_f64().unwrap() - 1.0 / 3.0).abs() < 0.02);
        assert_eq!(category["average_precision"].as_f64(), Some(1.0));
    }
    assert!(out.join("mosaic.grass.triplet.png").is_file() && out.join("textures.bowsight").is_file());
}

/// The model that travels with the project explains a picture that travels with it.
#[test]
fn the_shipped_model_explains_the_cat() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/voc2012.bowsight");
    assert!(std::fs::metadata(&shipped).unwrap().len() <= 6_000_000);
    let cat = sample("chelsea.png");
    let found = json(&succeed(&[
        "explain",
        text(&cat),
        "--model",
        text(&shipped),
        "--category",
        "top",
        "--out",
        text(folder.path()),
        "--format",
        "json",
    ]));
    assert_eq!(found["explanations"][0]["category"], "cat");
    assert!(found["explanations"][0]["ledger"]["score"].as_f64().unwrap() > 0.0);
}
