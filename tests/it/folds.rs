//! Cross-validation as a user sees it, and the measures of data whose pictures have one category each.

use std::collections::BTreeSet;
use std::path::Path;

use bowsight::bow::config::{Configuration, Cost, Twins};
use bowsight::bow::train::folds::cross_validate;
use bowsight::bow::train::{MAX_UNREADABLE, TrainingData, train};
use bowsight::dataset::Dataset;
use bowsight::evaluate;
use bowsight::progress::Silent;
use serde_json::Value;

use super::setting::*;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A CSV list of three kinds of stripes by `photographers`, each with one picture of every kind, in a row.
fn stripes(root: &Path, photographers: u32) -> std::path::PathBuf {
    let mut list = String::from("path,category,group\n");
    for photographer in 0..photographers {
        for (kind, name) in ["fine", "coarse", "slanted"].iter().enumerate() {
            let image = image::RgbImage::from_fn(56, 48, |x, y| {
                // Every third photographer takes fine for coarse, so that no classifier is perfect.
                let at = match (kind, photographer % 3) {
                    (0, 1 | 2) | (1, 0) => x / 3,
                    (0 | 1, _) => x / 8,
                    _ => (x + y) / 4,
                };
                // The photographer shows in the pictures: who learns from one knows the other.
                let noise = (x * 7 + y * 13 * (photographer + 1)) % 23;
                image::Rgb([(at % 2 * 120 + noise * 3) as u8, (y * 2) as u8, (40 + noise) as u8])
            });
            let file = format!("{name}{photographer}.png");
            image.save(root.join(&file)).unwrap();
            list.push_str(&format!("{file},{name},p{photographer}\n"));
        }
    }
    let path = root.join("list.csv");
    std::fs::write(&path, list).unwrap();
    path
}

fn small() -> Configuration {
    let mut configuration = Configuration::default();
    let channel = &mut configuration.channel[0];
    channel.vocabulary.words = 12;
    channel.vocabulary.sample = 1500;
    channel.vocabulary.max_iter = 4;
    channel.descriptor.sizes = vec![4, 6];
    channel.pooling.cells = "1x1".parse().unwrap();
    configuration
}

#[test]
fn cross_validation_is_printed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let list = stripes(folder.path(), 6);
    let scores = folder.path().join("scores.csv");
    let base = [&["cross-validate", "--data", text(&list), "--folds", "3"][..], &SMALL].concat();
    let found = json(&succeed(&[&base[..], &["--format", "json", "--scores", text(&scores)]].concat()));
    assert_eq!((found["pictures"].as_u64(), found["failed"].as_u64()), (Some(18), Some(0)));
    let folds = found["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 3);
    for fold in folds {
        assert_eq!((fold["pictures"].as_u64(), fold["trained_on"].as_u64()), (Some(6), Some(12)));
        assert!(fold["c"]["fine"].as_f64().unwrap() > 0.0 && fold["validated"].as_f64().is_some());
    }
    // Mean, deviation and pooled are those of the written scores.
    let table = std::fs::read_to_string(&scores).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["picture", "fold", "coarse", "fine", "slanted"]);
    assert_eq!(lines.len(), 19);
    let area = |fold: Option<&str>| {
        let kept = || lines[1..].iter().filter(|line| fold.is_none_or(|fold| line[1] == fold));
        let scores: Vec<f64> = kept().map(|line| line[2].parse().unwrap()).collect();
        let labels: Vec<i8> = kept().map(|line| if line[0].starts_with("coarse") { 1 } else { -1 }).collect();
        evaluate::roc_auc(&scores, &labels).unwrap()
    };
    let each = ["1", "2", "3"].map(|fold| area(Some(fold)));
    let mean = each.iter().sum::<f64>() / 3.0;
    let deviation = (each.iter().map(|area| (area - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let auc = &found["categories"]["coarse"]["roc_auc"];
    assert!(area(None) < 1.0 && deviation > 0.0, "too easy to say anything: {auc}");
    for (key, expected) in [("mean", mean), ("deviation", deviation), ("pooled", area(None))] {
        assert!((auc[key].as_f64().unwrap() - expected).abs() < 1e-12, "{key}: {auc}");
    }
    assert_eq!(auc["folds"].as_array().unwrap().len(), 3);
    let confusion = &found["one_label"]["confusion"];
    let pictures = |row: &Value| row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(confusion["pictures"].as_array().unwrap().iter().map(pictures).collect::<Vec<_>>(), [6, 6, 6]);
    let right: u64 = (0..3).map(|i| confusion["pictures"][i][i].as_u64().unwrap()).sum();
    assert!((found["one_label"]["accuracy"]["pooled"].as_f64().unwrap() - right as f64 / 18.0).abs() < 1e-12);
    // Those of a photographer are in one fold.
    let places: BTreeSet<(char, &str)> =
        lines[1..].iter().map(|line| (line[0].chars().last().unwrap(), line[1])).collect();
    assert_eq!(places.len(), 6);
    // And count once in the intervals.
    let intervals = &found["pooled_intervals"];
    assert_eq!((intervals["units"].as_str(), intervals["count"].as_u64()), (Some("groups"), Some(6)));
    let [low, high] = [0, 1].map(|end| intervals["categories"]["coarse"]["roc_auc"][end].as_f64().unwrap());
    assert!(low < area(None) && area(None) < high, "{low} … {high}");
    let printed = succeed(&base);
    for part in [
        "±",
        "pooled",
        "resampling the 6 groups: mean AP 2007 [",
        "balanced accuracy",
        "truth \\ decision",
        "3 folds, 18 pictures",
    ] {
        assert!(printed.contains(part), "{part} is missing in: {printed}");
    }
    for threads in ["1", "2"] {
        assert_eq!(succeed(&[&base[..], &["--threads", threads]].concat()), printed);
    }
    assert_ne!(succeed(&[&base[..], &["--seed", "5"]].concat()), printed);
}

/// Nothing of a fold is known to its classifier: it is the one that a training on the other pictures gives.
#[test]
fn out_of_fold_scores_are_those_of_a_training_on_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let data = Dataset::open(&stripes(folder.path(), 6), None, None).unwrap();
    let mut configuration = small();
    configuration.picture.twins = Twins::Train;
    configuration.svm.c = Cost::Fixed(10.0);
    let settings = configuration.check().unwrap();
    let found = cross_validate(&settings, &data, 3, MAX_UNREADABLE, &Silent).unwrap();
    for (number, training) in found.trainings.iter().enumerate() {
        let rest = data.part("rest", |i| found.fold[i] != number);
        let own = data.part("own", |i| found.fold[i] == number);
        let groups = |part: &Dataset| part.pictures.iter().map(|entry| entry.group.clone()).collect::<BTreeSet<_>>();
        assert!(groups(&rest).is_disjoint(&groups(&own)));
        let known: BTreeSet<&str> = rest.pictures.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(training.pictures.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
        assert!(training.support_pictures.iter().any(|picture| picture.is_mirrored()));
        assert!(training.support_pictures.iter().all(|picture| known.contains(picture.id())));
        let (model, _) = train(&settings, &TrainingData::new(rest, None), &Silent).unwrap();
        let expected = evaluate::scores(&model, &own, &Silent);
        let places = (0..found.fold.len()).filter(|&i| found.fold[i] == number);
        for (place, expected) in places.zip(expected) {
            assert_eq!(found.scores[place].as_ref().unwrap(), &expected.unwrap());
        }
    }
}

#[test]
fn data_that_cannot_be_cut_are_refused_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let list = stripes(folder.path(), 4);
    let validate = |list: &Path, folds: &str| {
        let base = ["cross-validate", "--data", text(list), "--folds", folds, "--scores", "never.csv"];
        fail(2, &[&base[..], &SMALL].concat())
    };
    let errors = validate(&list, "7");
    assert!(errors.contains("7 folds need at least 7") && errors.contains("hint: --folds 4"), "{errors}");
    assert!(validate(&list, "1").contains("at least 2, got 1"));
    // All of a kind by one photographer.
    let table = std::fs::read_to_string(&list).unwrap();
    let lines: Vec<String> = table
        .lines()
        .map(
            |line| {
                if line.starts_with("fine") { format!("{}p0", line.split_at(line.len() - 2).0) } else { line.into() }
            },
        )
        .collect();
    let odd = folder.path().join("odd.csv");
    std::fs::write(&odd, lines.join("\n")).unwrap();
    let errors = validate(&odd, "3");
    assert!(errors.contains("\"fine\" has 4 positive pictures in 1 group (\"p0\")"), "{errors}");
    assert!(errors.contains("hint: no number of folds works"), "{errors}");
    let errors = fail(2, &["cross-validate", "--data", text(&list), "--folds", "4", "--words", "0"]);
    assert!(errors.contains("vocabulary.words"), "{errors}");
    assert!(!Path::new("never.csv").exists());
}

#[test]
fn a_bad_picture_costs_only_itself_in_every_fold() {
    let folder = tempfile::tempdir().unwrap();
    let list = stripes(folder.path(), 4);
    std::fs::write(folder.path().join("fine2.png"), b"not a picture").unwrap();
    let output =
        run(&[&["cross-validate", "--data", text(&list), "--folds", "2", "--format", "json"][..], &SMALL].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert_eq!(errors.lines().filter(|line| line.contains("\"fine2\" is left out")).count(), 1, "{errors}");
    let found = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!((found["pictures"].as_u64(), found["failed"].as_u64()), (Some(11), Some(1)));
}

/// The halves that C is chosen on keep groups together; with one group there is nothing to choose by, which is said before any picture is opened.
#[test]
fn random_halves_need_two_groups() {
    let folder = tempfile::tempdir().unwrap();
    let list = stripes(folder.path(), 1);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path != list {
            std::fs::remove_file(path).unwrap();
        }
    }
    let model = folder.path().join("never.bowsight");
    let errors = fail(2, &[&["train", "--data", text(&list), "--model", text(&model)][..], &SMALL].concat());
    assert!(errors.contains("(one half)") && errors.contains("hint: --c 10"), "{errors}");
    assert!(!errors.contains("is left out") && !model.exists(), "{errors}");
}

#[test]
fn one_label_data_are_evaluated_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let list = stripes(folder.path(), 4);
    let model = folder.path().join("stripes.bowsight");
    succeed(&[&["train", "--data", text(&list), "--model", text(&model)][..], &SMALL].concat());
    let arguments = ["evaluate", "--data", text(&list), "--model", text(&model)];
    let found = json(&succeed(&[&arguments[..], &["--format", "json"]].concat()));
    // A decision is the category of the largest score.
    let predicted = json(&succeed(&["predict", "--data", text(&list), "--model", text(&model), "--format", "json"]));
    let names = ["coarse", "fine", "slanted"];
    let mut confusion = [[0; 3]; 3];
    for picture in predicted["pictures"].as_array().unwrap() {
        let truth = names.iter().position(|name| picture["picture"].as_str().unwrap().starts_with(name)).unwrap();
        let scores = names.map(|name| picture["scores"][name].as_f64().unwrap());
        let decision = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        confusion[truth][decision] += 1;
    }
    assert_eq!(found["one_label"]["confusion"]["pictures"], serde_json::json!(confusion));
    assert_eq!(found["one_label"]["confusion"]["categories"], serde_json::json!(names));
    let right = (0..3).map(|i| confusion[i][i]).sum::<usize>() as f64 / 12.0;
    assert!((found["one_label"]["accuracy"].as_f64().unwrap() - right).abs() < 1e-12);
    assert!((found["one_label"]["balanced_accuracy"].as_f64().unwrap() - right).abs() < 1e-12);
    assert!(found["categories"]["fine"]["roc_auc"].as_f64().unwrap() > 0.5);
    let printed = succeed(&arguments);
    assert!(printed.contains("balanced accuracy") && printed.contains("ROC AUC"), "{printed}");
    // Pictures of several categories have areas, but no decisions.
    let found = json(&succeed(&[
        "evaluate",
        "--data",
        text(shapes()),
        "--split",
        "test",
        "--model",
        text(super::setting::model()),
        "--format",
        "json",
    ]));
    assert!(found["one_label"].is_null() && found["mean"]["roc_auc"].as_f64().is_some());
}
