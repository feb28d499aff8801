//! What tests/golden/make_descriptors.py says of a part of chelsea.png, for the families' tests.

use crate::picture::Picture;

/// The file, and what it was made from.
pub struct Golden {
    pub json: serde_json::Value,
    pub picture: Picture,
    pub sizes: Vec<usize>,
    pub step: usize,
    pub features: usize,
}

/// Reads it.
pub fn read() -> Golden {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/golden/descriptors.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let [x, y, width, height]: [usize; 4] = serde_json::from_value(json["crop"].clone()).unwrap();
    let picture = Picture::open(root.join("data/chelsea.png"), &Default::default()).unwrap();
    let (sizes, step) = (&json["sizes"], &json["step"]);
    let sizes: Vec<usize> = serde_json::from_value(sizes.clone()).unwrap();
    let step = serde_json::from_value(step.clone()).unwrap();
    let features = serde_json::from_value(json["features"].clone()).unwrap();
    Golden { picture: picture.crop(x, y, width, height).unwrap(), sizes, step, features, json }
}
