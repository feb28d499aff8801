//! What every parser must survive: any bytes, without a panic. Used by the fuzz targets and by a short seeded test.

use std::path::Path;

/// A model file.
pub fn model(bytes: &[u8]) {
    if let Ok(model) = bowsight::bow::model_file::from_bytes(bytes) {
        // What was accepted can be written again.
        bowsight::bow::model_file::to_container(&model);
    }
}

/// A trace.
pub fn trace(bytes: &[u8]) {
    if let Ok(trace) = bowsight::bow::trace_file::read(bytes) {
        assert!(trace.relevance.iter().all(|value| value.is_finite()));
    }
}

/// A VOC annotation.
pub fn annotation(bytes: &[u8]) {
    if let Ok(annotation) = bowsight::dataset::voc::parse_annotation(bytes, Path::new("fuzz.xml")) {
        for object in annotation.objects {
            assert!(!object.category.is_empty() && object.region.is_none_or(|region| region.area() > 0));
        }
    }
}

/// A CSV list.
pub fn list(bytes: &[u8]) {
    if let Ok(dataset) = bowsight::dataset::list::read_bytes(bytes, Path::new("fuzz.csv"), None) {
        for entry in &dataset.pictures {
            assert!(!entry.path.is_empty() && entry.labels.len() == dataset.categories.len());
        }
    }
}

/// A configuration file.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(settings) = bowsight::settings::Draft::parse(&text, "fuzz.toml")
        .and_then(bowsight::settings::Draft::resolve::<bowsight::bow::config::Settings>)
    {
        let again = bowsight::settings::to_toml(&settings);
        assert!(
            bowsight::settings::Draft::parse(&again, "again")
                .and_then(bowsight::settings::Draft::resolve::<bowsight::bow::config::Settings>)
                .is_ok()
        );
    }
}

/// An ONNX file.
#[cfg(feature = "onnx")]
pub fn onnx(bytes: &[u8]) {
    let options = bowsight::nn::onnx::Options::default();
    if let Ok(import) = bowsight::nn::onnx::from_bytes(bytes.to_vec(), Path::new("."), &options) {
        assert!(!import.graph.nodes().is_empty() && !import.graph.input().contains(&0));
    }
}

/// The file of a network.
pub fn network(bytes: &[u8]) {
    if let Ok(network) = bowsight::nn::file::from_bytes(bytes) {
        bowsight::nn::file::to_container(&network);
    }
}

/// An idx file of pictures.
pub fn idx(bytes: &[u8]) {
    if let Ok(idx) = bowsight::format::idx::Idx::read(bytes, 3, "pictures, rows, columns") {
        assert_eq!(idx.values.len(), idx.shape.iter().product::<usize>());
    }
}

/// Rules by layer, as TOML or by name, and a recipe.
pub fn rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(rules) = toml::from_str::<bowsight::nn::composite::Composite>(&text) {
        let again = toml::to_string(&rules).expect("rules are a table of texts");
        assert_eq!(toml::from_str::<bowsight::nn::composite::Composite>(&again).ok(), Some(rules));
    }
    if let Ok(rule) = text.parse::<bowsight::nn::rules::Rule>() {
        assert_eq!(rule.to_string().parse().ok(), Some(rule));
    }
    if let Ok(recipe) = bowsight::nn::train::recipe::Recipe::from_toml(&text) {
        assert!(recipe.check().is_ok());
    }
}
