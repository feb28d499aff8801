//! What comes in from outside and is odd: names that are no UTF-8, cut pictures, equal scores, too many threads.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use super::setting::*;

fn noisy() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(96, 80, |x, y| {
        Rgb([(x * x + 7 * y) as u8, (x * y) as u8, (11 * (x ^ y)) as u8])
    }))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    noisy().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_utf8_are_shown_and_escaped_and_never_a_panic() {
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"m\xE9"));
    let train = ["train", "--data", text(shapes()), "--split", "trainval", "--c", "1", "--format", "json", "--model"];
    let output = bowsight().args(train).arg(&odd).args(SMALL).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["model"].as_str().unwrap().ends_with(r"m\xE9"), "{}", document["model"]);
    let log = std::fs::read(odd.with_extension("log.json")).unwrap();
    let log: Value = serde_json::from_slice(&log).unwrap();
    let command: Vec<&str> = log["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(command.iter().any(|argument| argument.ends_with(r"m\xE9")), "{command:?}");
    let out = folder.path().join(std::ffi::OsStr::from_bytes(b"x\xE9"));
    let output = bowsight().args(["model", "export"]).arg(&odd).arg("--out").arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.is_dir());
}

#[test]
fn a_jpeg_that_lost_its_rest_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let whole = encoded(ImageFormat::Jpeg);
    let middle = whole.len() / 2;
    let mut zeros = whole.clone();
    zeros[middle..whole.len() - 2].fill(0);
    let half = [&whole[..middle], &[0xFF, 0xD9]].concat();
    let path = |name: &str| folder.path().join(name);
    for (name, bytes) in [("whole.jpg", &whole), ("half.jpg", &half), ("zeros.jpg", &zeros)] {
        std::fs::write(path(name), bytes).unwrap();
    }
    let (a, b, c) = (path("whole.jpg"), path("half.jpg"), path("zeros.jpg"));
    let output = run(&["predict", text(&a), text(&b), text(&c), "--model", text(model()), "--quiet"]);
    assert_eq!(output.status.code(), Some(3));
    let (out, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.contains("whole.jpg") && !out.contains("half.jpg") && !out.contains("zeros.jpg"), "{out}");
    // Under --quiet, too.
    assert!(errors.contains("half.jpg\" is damaged: the picture's data end after row "), "{errors}");
    assert!(errors.contains("zeros.jpg\" is damaged: the picture's data are zeros after row "), "{errors}");
    assert!(errors.contains(" of 80"), "{errors}");
}

#[test]
fn formats_that_are_not_read_are_named_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let arithmetic = {
        let mut bytes = encoded(ImageFormat::Jpeg);
        let frame = bytes.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        bytes[frame + 1] = 0xC9;
        bytes
    };
    let path = folder.path().join("picture.jpg");
    for (bytes, name) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "is a HEIC: only"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf", "is an AVIF: only"),
        (b"GIF89a\x01\0\x01\0", "is a GIF: only"),
        (&arithmetic, "is an arithmetic-coded JPEG: this is not supported"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50\0\x20\x02", "CgBI"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let output = run(&["predict", text(&path), "--model", text(model())]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{errors}");
        assert!(errors.contains(name) && !errors.contains("damaged"), "{errors}");
    }
}

#[test]
fn big_tiffs_are_read() {
    let Some(cases) = shared("data/cases") else { return };
    let found = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path().join("t_big.tif"));
    let big = found.into_iter().find(|path| path.is_file()).unwrap();
    assert!(succeed(&["predict", text(&big), "--model", text(model())]).contains("t_big.tif"));
}

#[test]
fn pictures_of_equal_scores_have_the_share_of_positives_as_ap_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["circle", "polygon"];
    for name in names {
        blank(&folder.path().join(name).join("0.png"));
        blank(&folder.path().join(name).join("1.png"));
    }
    let document = succeed(&["evaluate", "--data", text(folder.path()), "--model", text(model()), "--format", "json"]);
    let document: Value = document.parse().unwrap();
    for category in document["categories"].as_object().unwrap().values() {
        let ap = category["voc2010"].as_f64().unwrap();
        assert!((ap - 1.0 / names.len() as f64).abs() < 1e-12, "{category}");
    }
}

fn blank(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::new(64, 64).save(path).unwrap();
}

#[test]
fn too_many_threads_are_clamped_with_a_note() {
    let output = run(&["predict", text(&picture(1)), "--model", text(model()), "--threads", "1000000"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("--threads 1000000 is too many for this machine"), "{errors}");
}

#[test]
fn the_account_of_a_blank_picture_speaks_of_no_spread_bias() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blank.png");
    blank(&path);
    let arguments = [
        "--model",
        text(model()),
        "--category",
        "all",
        "--no-heatmap",
        "--format",
        "json",
        "--out",
        text(folder.path()),
    ];
    let document = succeed(&[&["explain", text(&path)], &arguments[..]].concat());
    let document: Value = document.parse().unwrap();
    for explained in document["explanations"].as_array().unwrap() {
        let ledger = &explained["ledger"];
        assert_eq!(
            (ledger["spread_bias"].as_f64(), ledger["sum_relevance"].as_f64()),
            (Some(0.0), Some(0.0)),
            "{ledger}"
        );
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (file, model) = (folder.path().join("file"), folder.path().join("m.bowsight"));
    std::fs::write(&file, "x").unwrap();
    let train = ["train", "--data", text(shapes()), "--split", "trainval", "--c", "1", "--model", text(&model)];
    let output = run(&[&train[..], &SMALL, &["--cache", text(&file), "--quiet"]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("warning: steps could not be kept in"), "{errors}");
}
