//! Networks from the command line: import, show, predict, explain, export.

use std::path::{Path, PathBuf};

use bowsight::format::container::Reader;
use ndarray_npy::WriteNpyExt;
use serde_json::Value;

use super::setting::*;

fn onnx() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cnn-overlapping-max.onnx")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The network of three categories on grey pictures of 15×15, and such a picture.
fn setting(folder: &Path) -> (PathBuf, PathBuf) {
    let (model, picture) = (folder.join("net.bowsight"), folder.join("picture.png"));
    let labels = folder.join("labels.txt");
    std::fs::write(&labels, "0,one\n1,two\n2,three\n").unwrap();
    succeed(&["net", "import", text(&onnx()), "--labels", text(&labels), "--model", text(&model)]);
    image::GrayImage::from_fn(15, 15, |x, y| image::Luma([((37 * y + 11 * x) % 64 * 4) as u8])).save(&picture).unwrap();
    (model, picture)
}

/// Scores and relevances are those of the independent program that recomputes them from the ONNX file.
#[test]
fn a_network_is_imported_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (model, picture) = setting(folder.path());
    let shown = succeed(&["net", "show", text(&model)]);
    assert!(
        shown.contains("1×15×15 → 3 categories") && shown.contains("flat") && shown.contains("max-pool"),
        "{shown}"
    );
    let found = json(&succeed(&["predict", text(&picture), "--model", text(&model), "--format", "json"]));
    let found = &found["pictures"][0];
    let logits = [-0.028830581992453128, -0.08806080711474096, 0.9997031904850752];
    for (name, logit) in ["one", "two", "three"].iter().zip(logits) {
        assert!((found["scores"][name].as_f64().unwrap() - logit).abs() < 1e-12, "{found}");
    }
    assert_eq!(found["decision"], serde_json::json!(["three"]));

    let explain = |rules: &str| {
        let base = ["explain", text(&picture), "--model", text(&model), "--category", "two", "--rules", rules];
        let more = ["--max-pool", "winner", "--dtype", "f64", "--format", "json", "--out", text(folder.path())];
        json(&succeed(&[&base[..], &more].concat()))["explanations"][0].clone()
    };
    let number = |value: &Value| value.as_f64().unwrap();
    for (rules, sum, bias, stabiliser, pixel) in [
        ("epsilon-plus-flat", 0.3434450744657664, -0.43150488159186284, -9.999886443393253e-07, -0.00123945),
        (
            "epsilon:0.01",
            0.15920279109783161,
            -0.3875054751216663 + 0.14751317567073804,
            -0.008980224587760226 + 0.0017089258261159621,
            -0.06046971,
        ),
    ] {
        let found = explain(rules);
        let ledger = &found["ledger"];
        for (key, expected) in
            [("score", logits[1]), ("sum_relevance", sum), ("bias_sink", bias), ("stabiliser", stabiliser)]
        {
            assert!((number(&ledger[key]) - expected).abs() < 1e-12, "{rules}: {key}: {ledger}");
        }
        let map =
            bowsight::format::npy::read(&folder.path().join(found["files"]["relevance"].as_str().unwrap())).unwrap();
        assert_eq!(map.dim(), (15, 15));
        assert!((map[(7, 7)] - pixel).abs() < 1e-8, "{}", map[(7, 7)]);
        // Every layer's account closes.
        let layers = found["layers"].as_array().unwrap();
        assert!(layers.len() > 3);
        for layer in layers {
            let of = |key: &str| number(&layer[key]);
            let kept = of("bias") + of("stabiliser") + of("undefined");
            assert!((of("received") - of("sent") - kept).abs() < 1e-12, "{layer}");
        }
    }
    let spread = json(&succeed(&[
        "explain",
        text(&picture),
        "--model",
        text(&model),
        "--bias",
        "spread",
        "--format",
        "json",
        "--out",
        text(folder.path()),
    ]));
    assert_eq!(number(&spread["explanations"][0]["ledger"]["bias_sink"]), 0.0);
    let derivatives = explain("guided-backprop");
    assert!(
        number(&derivatives["ledger"]["unexplained"]) != 0.0
            && derivatives["layers"].as_array().is_none_or(Vec::is_empty)
    );
}

/// Pictures of any size come to the network's; an export is the same bytes on one and two threads.
#[test]
fn networks_are_exported_like_any_model() {
    let folder = tempfile::tempdir().unwrap();
    let (model, picture) = setting(folder.path());
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let own = image::open(&picture).unwrap();
    for (number, (width, height)) in [(15, 15), (40, 20), (9, 33)].into_iter().enumerate() {
        let name = pictures.join(format!("{number}.png"));
        own.resize_exact(width, height, image::imageops::FilterType::Nearest).save(name).unwrap();
    }
    let export = |out: &Path, threads: &str| {
        let base = ["export", text(&pictures), "--model", text(&model), "--out", text(out), "--category", "all"];
        succeed(&[&base[..], &["--threads", threads, "--heatmap", "overlay"]].concat());
    };
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    export(&first, "1");
    export(&second, "2");
    assert_same_files(&first, &second);
    let manifest = std::fs::read_to_string(first.join("manifest.jsonl")).unwrap();
    assert_eq!(manifest.lines().count(), 9);
    assert!(manifest.lines().all(|line| json(line)["conservation_error"].as_f64().unwrap().abs() < 1e-9), "{manifest}");
    let run = json(&std::fs::read_to_string(first.join("run.json")).unwrap());
    assert_eq!(run["rules"], "epsilon-plus-flat");
    assert!(
        run["rules_by_layer"].as_str().unwrap().starts_with("first flat; dense epsilon:0.000001; conv z-plus"),
        "{run}"
    );
}

#[test]
fn rules_come_from_files_and_bad_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (model, picture) = setting(folder.path());
    let rules = folder.path().join("mine.toml");
    let with = |content: &str, code: i32| {
        std::fs::write(&rules, content).unwrap();
        let base = ["explain", text(&picture), "--model", text(&model), "--out", text(folder.path())];
        let arguments = [&base[..], &["--rules", text(&rules), "--no-heatmap"]].concat();
        if code == 0 { succeed(&arguments) } else { fail(code, &arguments) }
    };
    let entry = |layer: &str, rule: &str| format!("[[rules]]\nlayer = \"{layer}\"\nrule = \"{rule}\"\n");
    let rest = ["dense", "conv", "average-pool", "add", "diagonal"].map(|kind| entry(kind, "epsilon:0.1")).concat();
    with(&format!("{}{rest}", entry("first", "z-box:0,1")), 0);
    with(&format!("{}{rest}", entry("name:0", "flat")), 0);
    for (content, words) in [
        (entry("conv", "alpha-beta:2,1"), "the same rule here is alpha-beta:2,-1"),
        (entry("conv", "epsilon:0.1"), "no entry has a rule for"),
        (entry("name:nowhere", "flat"), "\"name:nowhere\" fits no layer of the network; layers with rules are"),
        (entry("max-pool", "flat"), "\"max-pool\" names no layers"),
        (format!("{}{rest}", entry("dense", "z-box")), "only the first layers' inputs have known bounds"),
        (
            format!("{}{rest}", entry("first", "z-box:0 0,1 1")),
            "z-box must have 1 or 1 lower and upper bounds, found 2",
        ),
        ("rules = 3".to_string(), "can't be used"),
    ] {
        let errors = with(&content, 2);
        assert!(errors.contains(words), "{words}: {errors}");
    }
    let explain = |more: &[&str]| {
        fail(2, &[&["explain", text(&picture), "--model", text(&model), "--out", text(folder.path())], more].concat())
    };
    assert!(explain(&["--rules", "epsilon-pluss"]).contains("did you mean \"epsilon-plus\"?"));
    assert!(explain(&["--decomposition", "taylor"]).contains("\"--decomposition\" is for Bag-of-Words classifiers"));
    assert!(explain(&["--words", "3"]).contains("\"--words\" is for Bag-of-Words classifiers"));
    assert!(explain(&["--tiles", "8/4"]).contains("unsupported: explanation by tiles"));
    let of_words = fail(2, &["explain", text(&picture), "--model", text(super::setting::model()), "--rules", "zero"]);
    assert!(of_words.contains("\"--rules\" is for neural networks"), "{of_words}");
    let show = fail(2, &["model", "show", text(&model)]);
    assert!(show.contains("bowsight net show"), "{show}");
    let twice = folder.path().join("twice.txt");
    std::fs::write(&twice, "0 crane\n1 cat\n2 crane\n").unwrap();
    let cranes = folder.path().join("cranes.bowsight");
    succeed(&["net", "import", text(&onnx()), "--labels", text(&twice), "--model", text(&cranes)]);
    let network = bowsight::nn::file::load(&cranes).unwrap();
    assert_eq!(network.categories, ["crane (0)", "cat", "crane (2)"]);
    let labels = folder.path().join("few.txt");
    std::fs::write(&labels, "a\nb\n").unwrap();
    let import = |more: &[&str]| {
        let out = folder.path().join("never.bowsight");
        fail(2, &[&["net", "import", text(&onnx()), "--model", text(&out)], more].concat())
    };
    assert!(import(&["--labels", text(&labels)]).contains("the network has 3 logits, and there are 2 category names"));
    assert!(import(&["--channels", "bgr"]).contains("the network has 1 channels"));
    assert!(import(&["--deviation", "0"]).contains("deviation not 0"));
    assert!(import(&["--output", "nowhere"]).contains("it has no output \"nowhere\""));
    assert!(!folder.path().join("never.bowsight").exists());
}

/// What a file of a network says is checked before it is used.
#[test]
fn every_mutation_of_a_network_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (model, _) = setting(folder.path());
    let whole = std::fs::read(&model).unwrap();
    for part in 0..100 {
        assert!(bowsight::nn::file::from_bytes(&whole[..whole.len() * part / 100]).is_err());
    }
    let network = bowsight::nn::file::load(&model).unwrap();
    let container = bowsight::nn::file::to_container(&network);
    let with = |key: &str, from: &str, to: &str| {
        let mut container = container.clone();
        let text = container.metadata.get_mut(key).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replacen(from, to, 1);
        let mut bytes = Vec::new();
        container.write_to(&mut bytes).unwrap();
        bowsight::causes::chain(&bowsight::nn::file::from_bytes(&bytes).err().expect("it was changed"))
    };
    for (key, from, to, words) in [
        ("format", "bowsight-network", "other", "\"format\" must be"),
        ("version", "1", "2", "written by a newer program"),
        ("layers", "\"conv\"", "\"nothing\"", "metadata \"layers\" is malformed"),
        ("layers", "\"strides\":[", "\"strides\":[0,", "the number of axes of the kernel"),
        ("layers", "\"inputs\":[0]", "\"inputs\":[5]", "reads a value that no layer before it makes"),
        ("layers", "\"input\":[1,15,15]", "\"input\":[2,15,15]", "the number of input channels"),
        ("network", "\"one\"", "\"two\"", "category \"two\" is named twice"),
        ("network", "\"width\":15", "\"width\":16", "the network's input is 1×15×15, and a picture becomes 1×15×16"),
        ("network", "\"scale\":", "\"nonsense\":", "metadata \"network\" is malformed"),
    ] {
        let found = with(key, from, to);
        assert!(found.contains(words), "{words}: {found}");
    }
    let mut missing = container.clone();
    let name = missing.tensors.keys().next().unwrap().clone();
    missing.tensors.remove(&name);
    let mut bytes = Vec::new();
    missing.write_to(&mut bytes).unwrap();
    let found = bowsight::causes::chain(&bowsight::nn::file::from_bytes(&bytes).err().unwrap());
    assert!(found.contains(&format!("tensor \"{name}\" is missing")), "{found}");
}

/// An array of the input's shape in the place of a picture: its relevance has the array's own shape.
#[test]
fn arrays_take_the_place_of_pictures() {
    use ndarray::Dimension;
    use ndarray_npy::{ReadNpyExt, WriteNpyExt};
    let folder = tempfile::tempdir().unwrap();
    let (model, picture) = setting(folder.path());
    let write = |name: &str, shape: &[usize]| {
        let path = folder.path().join(name);
        let value = |y: usize, x: usize| ((37 * y + 11 * x) % 64 * 4) as f64 / 255.0;
        let array = ndarray::ArrayD::from_shape_fn(shape, |place| {
            let axes = place.slice();
            value(axes[axes.len() - 2], axes[axes.len() - 1])
        });
        array.write_npy(std::fs::File::create(&path).unwrap()).unwrap();
        path
    };
    let array = write("array.npy", &[1, 15, 15]);
    let explain = |input: &Path| {
        let base = ["explain", text(input), "--model", text(&model), "--category", "two", "--dtype", "f64"];
        let found = json(&succeed(&[&base[..], &["--format", "json", "--out", text(folder.path())]].concat()));
        let file = folder.path().join(found["explanations"][0]["files"]["relevance"].as_str().unwrap());
        ndarray::ArrayD::<f64>::read_npy(std::fs::File::open(file).unwrap()).unwrap()
    };
    let (of_picture, of_array) = (explain(&picture), explain(&array));
    assert_eq!((of_picture.shape(), of_array.shape()), (&[15, 15][..], &[1, 15, 15][..]));
    assert!(of_picture.iter().zip(&of_array).all(|(one, other)| (one - other).abs() < 1e-12));
    let scores = |input: &Path| json(&succeed(&["predict", text(input), "--model", text(&model), "--format", "json"]));
    assert_eq!(scores(&array)["pictures"][0]["decision"], scores(&picture)["pictures"][0]["decision"]);
    let wrong = write("wrong.npy", &[1, 15, 16]);
    let errors = fail(2, &["explain", text(&wrong), "--model", text(&model), "--out", text(folder.path())]);
    assert!(errors.contains("the array has the shape 1×15×16, and the model's input is 1×15×15"), "{errors}");
    // A network whose input is no picture's reads arrays alone.
    let bare = folder.path().join("bare.bowsight");
    succeed(&["net", "import", text(&onnx()), "--preparation", "none", "--model", text(&bare)]);
    let with = |input: &Path, rules: &'static str| {
        let base = ["explain", text(input), "--model", text(&bare), "--category", "1", "--rules", rules];
        run(&[&base[..], &["--out", text(folder.path()), "--no-heatmap"]].concat())
    };
    assert!(with(&array, "epsilon-plus-flat").status.success() && with(&array, "epsilon:0.1").status.success());
    let said = |done: std::process::Output| String::from_utf8(done.stderr).unwrap();
    assert!(said(with(&picture, "zero")).contains("imported without a preparation, for arrays (.npy) alone"));
    assert!(said(with(&array, "epsilon-gamma-box")).contains("z-box needs bounds, z-box:l,h"));
    let of_words = ["explain", text(&array), "--model", text(super::setting::model()), "--out", text(folder.path())];
    assert!(fail(2, &of_words).contains("unsupported: an array in the place of a picture"));
}

/// Biases by Expand to the shape of a constant, as PyTorch's exporter writes them unoptimised; the outputs are onnxruntime's.
/// Ways that are no rules, by their accounts; and what each of them lacks is said.
#[test]
fn scores_are_explained_by_taylor_expansions_and_integrals() {
    let folder = tempfile::tempdir().unwrap();
    let out = text(folder.path());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (model, seven) = (root.join("models/digits.bowsight"), root.join("data/digits/7.png"));
    let digits = root.join("data/digits");
    let base = ["explain", text(&seven), "--model", text(&model), "--category", "7", "--no-heatmap", "--out", out];
    let ledger = |more: &[&str]| {
        let found = json(&succeed(&[&base[..], &["--format", "json", "--dtype", "f64"], more].concat()));
        found["explanations"][0]["ledger"].clone()
    };
    let number = |ledger: &Value, key: &str| ledger[key].as_f64().unwrap_or(0.0);
    let score = number(&ledger(&[]), "score");
    for (more, at_root) in [
        (&["--rules", "taylor:blank"][..], None),
        (&["--roots", "descend"], Some(0.0)),
        (&["--rules", "taylor:nearest", "--towards", text(&digits)], Some(0.0)),
        (&["--rules", "integrated-gradients"], None),
        (&["--rules", "integrated-gradients", "--baseline", text(&seven)], Some(score)),
    ] {
        let found = ledger(more);
        let parts = ["sum_relevance", "root_value", "taylor_residual", "quadrature"];
        let whole: f64 = parts.iter().map(|key| number(&found, key)).sum();
        assert!((whole - score).abs() < 1e-9 * score.abs() && number(&found, "score") == score, "{found}");
        if let Some(at_root) = at_root {
            assert!((number(&found, "root_value") - at_root).abs() < 1e-8 * score, "{found}");
        }
        // The integral is almost exact.
        assert!(number(&found, "quadrature").abs() < 1e-3 * score, "{found}");
    }
    assert!(folder.path().join("7.7.root.npy").is_file());
    assert!(number(&ledger(&["--rules", "gradient-norm"]), "sum_relevance") > 0.0);
    let single = ledger(&["--precision", "single"]);
    let double = ledger(&[]);
    let relative = number(&single, "sum_relevance") / number(&double, "sum_relevance") - 1.0;
    assert!(relative != 0.0 && relative.abs() < 1e-4, "{relative:e}");

    let refused = |more: &[&str]| fail(2, &[&base[..], more].concat());
    let none = refused(&["--roots", "nearest"]);
    assert!(none.contains("needs pictures towards which") && none.contains("hint: --towards"), "{none}");
    assert!(refused(&["--roots", "mean"]).contains("there is blank, nearest, descend"));
    assert!(refused(&["--roots", "blank", "--rules", "zero"]).contains("and not for \"zero\""));
    assert!(refused(&["--roots", "blank", "--precision", "single"]).contains("double precision"));
    assert!(refused(&["--rules", "taylor:blank", "--layers"]).contains("does not go from layer to layer"));
}

/// The relevance of every layer, beside its account; a trace has the activations, too.
#[test]
fn layers_are_written_with_their_relevance() {
    let folder = tempfile::tempdir().unwrap();
    let (model, picture) = setting(folder.path());
    let base = ["explain", text(&picture), "--model", text(&model), "--category", "two", "--no-heatmap"];
    let explain = |more: &[&str]| {
        let found = succeed(&[&base[..], &["--out", text(folder.path()), "--format", "json"], more].concat());
        json(&found)["explanations"][0].clone()
    };
    let (layers, trace) = (explain(&["--layers"]), explain(&["--trace"]));
    let read =
        |found: &Value, kind: &str| std::fs::read(folder.path().join(found["files"][kind].as_str().unwrap())).unwrap();
    let (layers_file, trace_file) = (read(&layers, "layers"), read(&trace, "trace"));
    let layers_file = Reader::new(&layers_file).unwrap();
    let trace_file = Reader::new(&trace_file).unwrap();
    let sum =
        |reader: &Reader, name: &str| -> f64 { reader.f64s(name, &reader.shape(name).unwrap()).unwrap().iter().sum() };
    assert_eq!(layers_file.metadata("format").unwrap(), "bowsight-network-trace");
    let accounts = layers["layers"].as_array().unwrap();
    for (at, account) in accounts.iter().enumerate() {
        let name = format!("relevance.{}", at + 1);
        assert!((sum(&layers_file, &name) - account["received"].as_f64().unwrap()).abs() < 1e-12, "{account}");
        assert_eq!(sum(&layers_file, &name), sum(&trace_file, &name));
    }
    assert!((sum(&layers_file, "relevance.0") - layers["ledger"]["sum_relevance"].as_f64().unwrap()).abs() < 1e-12);
    assert_eq!(layers_file.shape("relevance.0").unwrap(), [1, 15, 15]);
    assert!(layers_file.names().iter().all(|name| name.starts_with("relevance.")));
    let logits = trace_file.f64s(&format!("value.{}", accounts.len()), &[3]).unwrap();
    assert!((logits[1] + 0.08806080711474096).abs() < 1e-12);
}

#[test]
fn shapes_of_constants_are_those_that_are_asked_for() {
    use ndarray_npy::WriteNpyExt;
    let folder = tempfile::tempdir().unwrap();
    let onnx = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/shapes-of-constants.onnx");
    let (model, array) = (folder.path().join("net.bowsight"), folder.path().join("x.npy"));
    succeed(&["net", "import", text(&onnx), "--preparation", "none", "--model", text(&model)]);
    ndarray::array![3.0, 6.0, 9.0].write_npy(std::fs::File::create(&array).unwrap()).unwrap();
    let found = json(&succeed(&["predict", text(&array), "--model", text(&model), "--format", "json"]));
    let scores = &found["pictures"][0]["scores"];
    assert_eq!((scores["0"].as_f64(), scores["1"].as_f64()), (Some(14.5), Some(24.5)), "{found}");
}

/// Two of three kinds of tiny digits in idx files: trained in two parts as in one, evaluated, and single ones explained by their numbers.
#[test]
fn a_network_is_trained_on_idx_files() {
    let folder = tempfile::tempdir().unwrap();
    for (prefix, count) in [("train", 90), ("t10k", 30)] {
        let (mut pictures, mut labels) = (vec![0, 0, 8, 3], vec![0, 0, 8, 1]);
        [count, 6, 6].iter().for_each(|length: &u32| pictures.extend(length.to_be_bytes()));
        labels.extend(count.to_be_bytes());
        for number in 0..count as usize {
            labels.push([3, 8, 5][number % 3]);
            pictures.extend((0..36).map(|place| {
                let ink = [place % 6 == 1, place % 6 == 4, place / 6 == 3][number % 3];
                if ink { 255 } else { (number * 36 + place) as u8 % 50 }
            }));
        }
        std::fs::write(folder.path().join(format!("{prefix}-images-idx3-ubyte")), pictures).unwrap();
        std::fs::write(folder.path().join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
    let (one, other) = (folder.path().join("one.bowsight"), folder.path().join("other.bowsight"));
    let train = |model: &Path, more: &[&str]| {
        let base =
            ["net", "train", "--recipe", "mnist-tanh-400", "--data", text(folder.path()), "--model", text(model)];
        let small = ["--set", "side=6", "--set", "hidden=[20]", "--set", "iterations=200", "--hold-out", "15"];
        succeed(&[&base[..], &small, more].concat())
    };
    let said = train(&one, &[]);
    assert!(said.contains("200 steps on 75 pictures") && said.contains("100.00 % of 15 held-out pictures"), "{said}");
    assert!(train(&other, &["--stop-after", "70"]).contains("stopped after step 70 of 200"));
    assert!(!other.exists());
    train(&other, &[]);
    assert!(std::fs::read(&one).unwrap() == std::fs::read(&other).unwrap());
    assert!(!folder.path().join("other.bowsight.checkpoint").exists());
    assert!(succeed(&["net", "show", text(&one)]).contains("mnist-tanh-400 with seed 0: 200 steps on 75 pictures"));
    let evaluated = succeed(&["evaluate", "--data", text(folder.path()), "--split", "test", "--model", text(&one)]);
    assert!(evaluated.contains("accuracy 100.00"), "{evaluated}");
    let digit = folder.path().join("t10k-images-idx3-ubyte#1");
    let explained = succeed(&["explain", text(&digit), "--model", text(&one), "--out", text(folder.path())]);
    assert!(explained.contains("idx3-ubyte#1  8"), "{explained}");
    let missing = folder.path().join("t10k-images-idx3-ubyte#30");
    let errors = run(&["explain", text(&missing), "--model", text(&one), "--out", text(folder.path())]);
    let errors = String::from_utf8(errors.stderr).unwrap();
    assert!(errors.contains("the file holds 30 pictures, counted from 0"), "{errors}");
    // A place that can't be written is found before the work.
    let nowhere = one.join("x.bowsight");
    let refused =
        run(&["net", "train", "--recipe", "mnist-conv", "--data", text(folder.path()), "--model", text(&nowhere)]);
    let refused = (refused.status.success(), String::from_utf8(refused.stderr).unwrap());
    assert!(
        !refused.0 && refused.1.contains("it is a file, not a folder") && !refused.1.contains("steps"),
        "{}",
        refused.1
    );
    let unknown = fail(2, &["net", "train", "--recipe", "mnist-tanh", "--data", "x", "--model", text(&one)]);
    assert!(unknown.contains("is no recipe: there is mnist-tanh-400"), "{unknown}");
}

/// The network that travels with the program knows the digits that travel with it.
#[test]
fn the_included_network_reads_the_included_digits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = root.join("models/digits.bowsight");
    if !model.exists() {
        eprintln!("skipped: the package leaves models out");
        return;
    }
    let digits = root.join("data/digits");
    let found = json(&succeed(&["predict", text(&digits), "--model", text(&model), "--format", "json"]));
    let pictures = found["pictures"].as_array().unwrap();
    let decisions: Vec<&str> = pictures.iter().map(|picture| picture["decision"][0].as_str().unwrap()).collect();
    assert_eq!(decisions, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

/// Networks that random ones, compared with an independent program, brought up.
#[test]
fn gates_paddings_and_bounds_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("net.bowsight");
    let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.onnx"));
    let import =
        |name: &str| run(&["net", "import", text(&file(name)), "--preparation", "none", "--model", text(&model)]);
    // A rectifier with a bound is no gate, whether there is another one or not.
    assert!(import("relu6-se").status.success());
    assert!(succeed(&["net", "show", text(&model)]).contains("gate"));
    let refused = import("relu6-times-conv");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("one of them is a gate (a sigmoid), and neither is"));
    // Zeros around a convolution whose padding follows from its input's size stay, since they change what it counts.
    assert!(import("pad-same").status.success());
    let kept = succeed(&["net", "show", text(&model)]);
    assert!(kept.lines().any(|line| line.split_whitespace().nth(1) == Some("d")), "{kept}");
    // A first layer beside which the input goes on has inputs without bounds.
    assert!(import("skip-around-first").status.success());
    let (rules, x) = (folder.path().join("box.toml"), folder.path().join("x.npy"));
    let entries = [("first", "z-box:-1,1"), ("dense", "zero"), ("add", "zero")];
    let entries = entries.map(|(layer, rule)| format!("[[rules]]\nlayer = \"{layer}\"\nrule = \"{rule}\"\n"));
    std::fs::write(&rules, entries.concat()).unwrap();
    ndarray::Array1::from(vec![0.5; 2]).write_npy(std::fs::File::create(&x).unwrap()).unwrap();
    let out = text(folder.path());
    let boxed = fail(2, &["explain", text(&x), "--model", text(&model), "--rules", text(&rules), "--out", out]);
    assert!(boxed.contains("can't have the rule z-box") && boxed.contains("has no bounds"), "{boxed}");
}
