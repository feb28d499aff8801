//! A person's first hour: a folder of photographs, a training without settings, and what is said about it.

use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::setting::*;

const NAMES: [&str; 4] = ["bark", "cloth", "sand", "water"];

/// Waves of a period that is typical of the category, at any angle, under noise: the categories overlap.
fn photograph(kind: usize, random: &mut rand_chacha::ChaCha8Rng) -> image::RgbImage {
    let period = [4.5, 6.0, 8.0, 11.0][kind] * random.random_range(0.8..1.25);
    let angle: f64 = random.random_range(0.0..std::f64::consts::PI);
    let (shift, light) = (random.random_range(0.0..9.0), random.random_range(60.0..150.0));
    image::RgbImage::from_fn(96, 72, |x, y| {
        let along = f64::from(x) * angle.cos() + f64::from(y) * angle.sin() + shift;
        let wave = (along * std::f64::consts::TAU / period).sin();
        let value = light + 40.0 * wave + random.random_range(-45.0..45.0);
        image::Rgb([value, 0.9 * value, 0.8 * value].map(|value| value.clamp(0.0, 255.0) as u8))
    })
}

/// Writes `count` pictures of each of the first `kinds` categories into `root/NAME/`, and returns their paths.
fn photographs(root: &Path, kinds: usize, count: usize, seed: u64) -> Vec<(PathBuf, &'static str)> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut written = Vec::new();
    for (kind, &name) in NAMES[..kinds].iter().enumerate() {
        std::fs::create_dir_all(root.join(name)).unwrap();
        for number in 0..count {
            let path = root.join(name).join(format!("{name}{number}.png"));
            photograph(kind, &mut random).save(&path).unwrap();
            written.push((path, name));
        }
    }
    written
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Balanced accuracy on others, and the largest share: decisions for a category over its pictures.
fn judged(data: &Path, others: &Path, folder: &Path, more: &[&str]) -> (f64, f64) {
    let (model, cache) = (folder.join("model.bowsight"), folder.join("cache"));
    let train = ["train", "--data", text(data), "--model", text(&model), "--cache", text(&cache), "--words", "60"];
    succeed(&[&train[..], more].concat());
    let found = json(&succeed(&["evaluate", "--data", text(others), "--model", text(&model), "--format", "json"]));
    assert_eq!(found["in_training"], 0);
    let confusion: Vec<Vec<f64>> = serde_json::from_value(found["one_label"]["confusion"]["pictures"].clone()).unwrap();
    let share = |k: usize| confusion.iter().map(|row| row[k]).sum::<f64>() / confusion[k].iter().sum::<f64>();
    let most = (0..confusion.len()).map(share).fold(0.0, f64::max);
    (found["one_label"]["balanced_accuracy"].as_f64().unwrap(), most)
}

/// Decisions are balanced, and about as good as with the best C of the grid, which nobody knows beforehand.
fn c_is_chosen_well(data: &Path, kinds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let others = folder.path().join("others");
    photographs(&others, kinds, 60 / kinds, 99);
    let (accuracy, share) = judged(data, &others, folder.path(), &[]);
    let grid = (-4..=6).map(|half| format!("{}", 10f64.powf(f64::from(half) / 2.0)));
    let best = grid.map(|c| judged(data, &others, folder.path(), &["--c", &c]).0).fold(0.0, f64::max);
    // Two standard errors of a share of 60.
    let uncertainty = 2.0 * (best * (1.0 - best) / 60.0).sqrt();
    assert!(accuracy >= best - uncertainty, "{accuracy}, where the best C has {best} ± {uncertainty}");
    assert!(share <= 2.0, "a category is decided for {share} times as often as it is there");
}

#[test]
fn two_categories_of_twelve() {
    let folder = tempfile::tempdir().unwrap();
    photographs(folder.path(), 2, 12, 1);
    c_is_chosen_well(folder.path(), 2);
}

#[test]
fn four_categories_of_fifty() {
    let folder = tempfile::tempdir().unwrap();
    photographs(folder.path(), 4, 50, 2);
    c_is_chosen_well(folder.path(), 4);
}

#[test]
fn ten_pictures() {
    let folder = tempfile::tempdir().unwrap();
    photographs(folder.path(), 2, 5, 3);
    c_is_chosen_well(folder.path(), 2);
}

#[test]
fn forty_pictures_in_groups() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = photographs(folder.path(), 2, 20, 4);
    let line =
        |(number, (path, name)): (usize, &(PathBuf, &str))| format!("{},{name},g{}\n", text(path), number % 20 / 4);
    let lines: String = pictures.iter().enumerate().map(line).collect();
    let list = folder.path().join("list.csv");
    std::fs::write(&list, format!("path,category,group\n{lines}")).unwrap();
    c_is_chosen_well(&list, 2);
}

/// Train on a folder, judge, decide and explain, with nothing but what the help texts show.
#[test]
fn a_folder_of_photographs() {
    let folder = tempfile::tempdir().unwrap();
    let (data, others) = (folder.path().join("photos"), folder.path().join("others"));
    photographs(&data, 3, 9, 5);
    photographs(&others, 3, 4, 6);
    let model = folder.path().join("mine.bowsight");
    let trained = succeed(&["train", "--data", text(&data), "--model", text(&model), "--words", "60"]);
    assert!(trained.contains("these figures are optimistic") && trained.contains("next:"), "{trained}");
    let next: Vec<&str> = trained.split("next:\n").nth(1).unwrap().lines().map(str::trim).collect();
    assert!(next[0].starts_with("bowsight cross-validate") && next[1].starts_with("bowsight explain"), "{next:?}");

    // What was in training is said, and every figure has its interval.
    let own = run(&["evaluate", "--data", text(&data), "--model", text(&model)]);
    let errors = String::from_utf8_lossy(&own.stderr);
    assert!(own.status.success(), "{errors}");
    assert!(errors.contains("27 of 27 pictures were in training: these figures say nothing about others"), "{errors}");
    let found = json(&succeed(&["evaluate", "--data", text(&others), "--model", text(&model), "--format", "json"]));
    assert_eq!((found["in_training"].as_u64(), found["intervals"]["count"].as_u64()), (Some(0), Some(12)));
    let [low, high] = [0, 1].map(|end| found["intervals"]["mean"]["roc_auc"][end].as_f64().unwrap());
    assert!(low <= found["mean"]["roc_auc"].as_f64().unwrap() && found["mean"]["roc_auc"].as_f64().unwrap() <= high);
    let printed = run(&["evaluate", "--data", text(&others), "--model", text(&model)]);
    assert!(!String::from_utf8_lossy(&printed.stderr).contains("in training"));
    assert!(String::from_utf8_lossy(&printed.stdout).contains("by resampling the 12 pictures"));

    // Decisions of a folder, of a list and of single pictures are the same.
    let decisions = |arguments: &[&str]| {
        let found = json(&succeed(&[&["predict"], arguments, &["--model", text(&model), "--format", "json"]].concat()));
        let of =
            |picture: &Value| (picture["nearest"].clone(), picture["scores"].clone(), picture["in_training"].clone());
        found["pictures"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let by_folder = decisions(&[text(&others)]);
    assert_eq!(by_folder.len(), 12);
    assert!(by_folder.iter().all(|(_, _, in_training)| *in_training == false));
    let list = folder.path().join("list.txt");
    let mut names: Vec<PathBuf> = Vec::new();
    for name in &NAMES[..3] {
        names.extend((0..4).map(|number| others.join(name).join(format!("{name}{number}.png"))));
    }
    std::fs::write(&list, names.iter().map(|path| format!("{}\n", text(path))).collect::<String>()).unwrap();
    assert_eq!(decisions(&[text(&list)]), by_folder);
    assert_eq!(decisions(&names.iter().map(|path| text(path)).collect::<Vec<_>>()), by_folder);
    let printed = succeed(&["predict", text(&others), "--model", text(&model), "--top", "all"]);
    for name in &NAMES[..3] {
        assert_eq!(printed.matches(&format!("{name} (")).count(), 12, "{printed}");
    }
    assert!(printed.lines().skip(1).all(|line| line.contains(" (+") || line.contains("none above 0; nearest ")));

    // Explanations go to a folder of their own, which a later run does not take for photographs.
    let explain = |picture: &Path, more: &[&str]| {
        let done = bowsight()
            .current_dir(folder.path())
            .args(["explain", text(picture), "--model", text(&model)])
            .args(more)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let printed = explain(&data.join("sand/sand1.png"), &[]);
    assert!(printed.contains("this picture was in training") && printed.contains("the score: their sum"), "{printed}");
    let written = std::fs::read_dir(folder.path().join("explanations")).unwrap().count();
    assert_eq!(written, 4);
    explain(Path::new("others"), &["--category", "sand,bark", "--no-heatmap"]);
    let maps = contents(&folder.path().join("explanations"));
    let both =
        |name: &str| ["sand", "bark"].map(|category| maps.contains_key(&format!("{name}/{name}3.{category}.npy")));
    assert_eq!([both("bark"), both("cloth"), both("sand")], [[true; 2]; 3], "{:?}", maps.keys());
    let photographs_of = |folder: &Path| decisions(&[text(folder)]).len();
    std::fs::rename(folder.path().join("explanations"), others.join("explanations")).unwrap();
    assert_eq!(photographs_of(&others), 12);
}

/// Probabilities are those of the curve in the model, and refused where nothing calibrated them.
#[test]
fn probabilities_are_calibrated_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("photos");
    photographs(&data, 2, 20, 8);
    let (model, fixed) = (folder.path().join("mine.bowsight"), folder.path().join("fixed.bowsight"));
    let train = ["train", "--data", text(&data), "--words", "60"];
    succeed(&[&train[..], &["--model", text(&model)]].concat());
    succeed(&[&train[..], &["--model", text(&fixed), "--c", "10"]].concat());
    let errors = fail(2, &["predict", text(&data), "--model", text(&fixed), "--probabilities"]);
    assert!(errors.contains("C was given") && errors.contains("train again without --c"), "{errors}");

    let record = json(&succeed(&["model", "show", text(&model), "--format", "json"]));
    let calibration = &record["training"]["validation"]["calibration"];
    let number = |value: &Value| value.as_f64().unwrap();
    let found = succeed(&["predict", text(&data), "--model", text(&model), "--probabilities", "--format", "json"]);
    let mut seen = 0;
    for picture in json(&found)["pictures"].as_array().unwrap() {
        for (at, name) in NAMES[..2].iter().enumerate() {
            let curve = &calibration[at]["curve"];
            let z = number(&curve["slope"]) * number(&picture["scores"][name]) + number(&curve["intercept"]);
            assert!((number(&picture["probabilities"][name]) - 1.0 / (1.0 + (-z).exp())).abs() < 1e-12);
            seen += 1;
        }
    }
    assert_eq!(seen, 80);
    for category in calibration.as_array().unwrap() {
        assert_eq!((category["positives"].as_u64(), category["negatives"].as_u64()), (Some(20), Some(20)));
        let reliability = &category["reliability"];
        assert!(number(&reliability["brier"]) < number(&reliability["brier_of_share"]), "{category}");
    }
    assert!(succeed(&["model", "show", text(&model)]).contains("Brier score"));
    let printed = succeed(&["predict", text(&data), "--model", text(&model), "--probabilities"]);
    assert!(printed.lines().skip(1).all(|line| line.contains(" %)")), "{printed}");
}

/// A picture much larger than those of the training is shrunk before it is seen; its map comes back in its own size.
#[test]
fn maps_have_the_size_of_their_pictures() {
    let folder = tempfile::tempdir().unwrap();
    photographs(folder.path(), 2, 6, 7);
    let model = folder.path().join("small.bowsight");
    succeed(&["train", "--data", text(folder.path()), "--model", text(&model), "--words", "40", "--max-side", "96"]);
    let (small, large) = (folder.path().join("bark/bark1.png"), folder.path().join("large.png"));
    let picture = image::open(&small).unwrap();
    picture.resize_exact(300, 225, image::imageops::FilterType::Nearest).save(&large).unwrap();
    let explain = |picture: &Path, more: &[&str]| {
        let base = ["explain", text(picture), "--model", text(&model), "--out", text(folder.path()), "--dtype", "f64"];
        let found = json(&succeed(&[&base[..], &["--category", "bark", "--format", "json"], more].concat()));
        let found = &found["explanations"][0];
        let file = |kind: &str| folder.path().join(found["files"][kind].as_str().unwrap());
        let map = bowsight::format::npy::read(&file("relevance")).unwrap();
        let drawn = image::image_dimensions(file("heatmap")).unwrap();
        assert_eq!((drawn.0 as usize, drawn.1 as usize), (map.ncols(), map.nrows()));
        let windows =
            found["windows"].as_array().unwrap().iter().map(|window| window["rectangle"].clone()).collect::<Vec<_>>();
        (map, found["ledger"]["sum_relevance"].as_f64().unwrap(), windows)
    };
    for bias in [&[][..], &["--bias", "sink"], &["--scale", "set"]] {
        let (map, sum, _) = explain(&large, bias);
        assert_eq!(map.dim(), (225, 300));
        assert!((map.sum() - sum).abs() < 1e-9);
        let (seen, same, _) = explain(&large, &[bias, &["--map-size", "model"]].concat());
        assert_eq!((seen.dim(), same), ((72, 96), sum));
    }
    let (map, _, windows) = explain(&large, &["--tiles", "60/30"]);
    assert_eq!(map.dim(), (225, 300));
    let (_, _, of_model) = explain(&large, &["--tiles", "60/30", "--map-size", "model"]);
    assert_eq!(windows.len(), of_model.len());
    assert_eq!(windows.last().unwrap()[2], 300);
    assert_eq!(of_model.last().unwrap()[2], 96);

    // Far from the training's size, which the model knows, a warning says so.
    let errors = |picture: &Path| {
        let done = run(&["predict", text(picture), "--model", text(&model)]);
        assert!(done.status.success());
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    assert!(!errors(&large).contains("more than twice"), "it is shrunk to the usual size");
    let tiny = folder.path().join("tiny.png");
    picture.resize_exact(40, 30, image::imageops::FilterType::Nearest).save(&tiny).unwrap();
    let said = errors(&tiny);
    assert!(
        said.contains("(40 pixels) is more than twice as large or small as the training pictures (median 96)"),
        "{said}"
    );
}

#[test]
fn slips_are_named_as_what_they_are() {
    let photo = picture(1);
    let errors = fail(2, &["predict", text(&photo), "--model", text(&photo)]);
    assert!(errors.contains("it is a picture (PNG), no model"), "{errors}");
    let folder = tempfile::tempdir().unwrap();
    let pages = succeed(&["man", "--out", text(folder.path())]);
    for page in ["bowsight.1", "bowsight-explain.1", "bowsight-export-merge.1"] {
        assert!(pages.contains(page) && std::fs::read_to_string(folder.path().join(page)).unwrap().contains(".TH"));
    }
}

/// A shell's script asks the program, which knows the closed sets and the categories of the model on the line.
#[test]
fn completions_know_what_can_follow() {
    let after = |line: &[&str]| {
        let asked = bowsight()
            .args([&["--", "bowsight"], line].concat())
            .env("BOWSIGHT_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", line.len().to_string())
            .env("_CLAP_IFS", "\n")
            .output()
            .unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8(asked.stdout).unwrap().lines().map(String::from).collect::<Vec<_>>()
    };
    assert!(after(&["train", "--kernel", "addi"]).contains(&"additive-chi2".to_string()));
    assert!(after(&["explain", "--palette", "d"]).contains(&"diverging".to_string()));
    let offered = after(&["explain", "a.png", "--model", text(model()), "--category", ""]);
    let known = bowsight::open(model()).unwrap();
    assert_eq!(offered, [&["top".to_string(), "all".to_string()], known.categories()].concat());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(succeed(&["completions", shell]).contains("BOWSIGHT_COMPLETE"), "{shell}");
    }
}
