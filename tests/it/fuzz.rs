//! The fuzz targets' harness, run for a moment on mutations of real files, so that it is seen to work without a fuzzer.

use rand::RngExt;

use super::setting::*;

#[path = "../../fuzz/harness.rs"]
mod harness;

fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mutate(seed: &[u8], random: &mut impl rand::Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => bytes.truncate(at),
            _ => {
                let end = (at + random.random_range(0..40usize)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

#[test]
fn the_harness_survives_mutations_of_real_files() {
    let folder = tempfile::tempdir().unwrap();
    let one = picture(1);
    succeed(&[
        "explain",
        text(&one),
        "--model",
        text(model()),
        "--category",
        "circle",
        "--no-heatmap",
        "--trace",
        "--out",
        text(folder.path()),
    ]);
    let trace = std::fs::read(folder.path().join("000001.circle.trace.safetensors")).unwrap();
    let annotation = std::fs::read(shapes().join("Annotations/000001.xml")).unwrap();
    let config = succeed(&["train", "--print-config"]).into_bytes();
    let list = b"path,category,difficult,split\na.png,cat;dog,,train\n\"b, c.png\",,cat,test\n".to_vec();
    // A model's interesting bytes are at its front: the container's and the metadata's.
    let linear = std::fs::read(linear_model()).unwrap();
    let model = std::fs::read(model()).unwrap();
    let network = std::fs::read(root().join("models/digits.bowsight")).unwrap();
    let mut idx = vec![0, 0, 8, 3];
    [3u32, 4, 5].iter().for_each(|length| idx.extend(length.to_be_bytes()));
    idx.extend(0..60);
    let rules = b"[[rules]]\nlayer = \"first\"\nrule = \"z-box:-1 -2,1 2\"\n[[rules]]\nlayer = \"conv\"\nrule = \"alpha-beta:2,-1\"\n".to_vec();
    let recipe = succeed(&["net", "train", "--recipe", "mnist-conv", "--print-recipe"]).into_bytes();
    let seeds = [
        ("model", harness::model as fn(&[u8]), model),
        ("linear model", harness::model, linear),
        ("trace", harness::trace, trace),
        ("annotation", harness::annotation, annotation),
        ("list", harness::list, list),
        ("config", harness::config, config),
        ("network", harness::network, network),
        ("idx", harness::idx, idx),
        ("rules", harness::rules, rules),
        ("recipe", harness::rules, recipe),
    ];
    #[cfg(feature = "onnx")]
    let seeds = {
        let onnx = std::fs::read(root().join("tests/golden/cnn-overlapping-max.onnx")).unwrap();
        seeds.into_iter().chain([("onnx", harness::onnx as fn(&[u8]), onnx)])
    };
    for (name, target, seed) in seeds {
        target(&seed);
        let mut random = bowsight::numeric::random::stream(1, name);
        let front = seed.len().min(6000);
        for _ in 0..300 {
            let mut bytes = mutate(&seed[..front], &mut random);
            bytes.extend_from_slice(&seed[front..]);
            target(&bytes);
        }
    }
}
