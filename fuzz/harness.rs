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
