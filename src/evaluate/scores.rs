//! Scores of many pictures.

use rayon::prelude::*;

use crate::dataset::Dataset;
use crate::model::{Model, PictureFailure};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

/// The scores of one picture in every category of the model, or why there are none.
pub type PictureScores = Result<Vec<f64>, PictureFailure>;

/// Maximum number of pictures that a model is given together.
const TOGETHER: usize = 32;

/// Scores every picture of `dataset`, in its order.
pub fn scores(model: &dyn Model, dataset: &Dataset, progress: &dyn Progress) -> Vec<PictureScores> {
    progress.begin("scoring", dataset.pictures.len());
    let enough_for_all = dataset.pictures.len().div_ceil(4 * rayon::current_num_threads());
    let scores = dataset
        .pictures
        .par_chunks(enough_for_all.clamp(1, TOGETHER))
        .flat_map_iter(|entries| {
            let mut opened = Vec::with_capacity(entries.len());
            let (mut decoding, mut timings) = (Timings::default(), Timings::default());
            // Decoded one after the other, as the model asks for them: a picture may be large.
            let mut pictures = entries.iter().filter_map(|entry| {
                let picture = decoding.time(Stage::DECODE, || Picture::open(dataset.file(entry), model.reading()));
                progress.step();
                match picture {
                    Ok(picture) => {
                        opened.push(Ok(()));
                        Some(picture)
                    }
                    Err(error) => {
                        opened.push(Err(error));
                        None
                    }
                }
            });
            let scored = model.scores(&mut pictures);
            assert_eq!(opened.len(), entries.len(), "a model scores every picture that it is given");
            timings += &scored.timings;
            timings += &decoding;
            progress.record_time(entries.len(), &timings);
            let mut found = scored.scores.into_iter();
            opened.into_iter().map(move |opened| {
                opened?;
                Ok(found.next().expect("a model scores every picture that it is given")?)
            })
        })
        .collect();
    progress.end();
    scores
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dataset::{Entry, Layout};
    use crate::explanation::{Explanation, Query};
    use crate::heatmap::{Looks, Palette, Scale};
    use crate::model::{Keep, ModelError, NoProbabilities, Presentation, Seen};
    use crate::picture::DecodeOptions;
    use crate::progress::Silent;

    /// Scores a picture by its width, and refuses narrow ones.
    struct Width(DecodeOptions);

    impl Model for Width {
        fn categories(&self) -> &[String] {
            &[]
        }

        fn reading(&self) -> &DecodeOptions {
            &self.0
        }

        fn was_trained_on(&self, _: &str) -> Option<bool> {
            None
        }

        fn usual_side(&self) -> Option<usize> {
            None
        }

        fn is_exclusive(&self) -> bool {
            false
        }

        fn probabilities(&self, _: &[f64]) -> Result<Vec<Option<f64>>, NoProbabilities> {
            Err(NoProbabilities { because: "it is a test", hint: "none" })
        }

        fn description(&self) -> serde_json::Value {
            serde_json::Value::Null
        }

        fn method(&self) -> BTreeMap<String, String> {
            BTreeMap::new()
        }

        fn presentation(&self) -> Presentation {
            let looks = Looks { palette: Palette::Jet, scale: Scale::Picture };
            Presentation { tiles: None, looks, bias_apart: false }
        }

        fn smallest_side(&self) -> usize {
            3
        }

        fn forward<'a>(&'a self, picture: &Picture, _: Keep) -> Result<Box<dyn Seen + 'a>, ModelError> {
            let (width, height) = (picture.width(), picture.height());
            if width < 3 {
                return Err(ModelError::TooSmall { what: "a width", width, height, smallest: 3 });
            }
            Ok(Box::new(Widths([width as f64])))
        }
    }

    struct Widths([f64; 1]);

    impl Seen for Widths {
        fn scores(&self) -> &[f64] {
            &self.0
        }

        fn timings(&self) -> Timings {
            Timings::default()
        }

        fn explain(&self, _: &Query) -> Result<Explanation, ModelError> {
            Err(ModelError::Unsupported { what: "an explanation", because: "score is a width" })
        }
    }

    /// A failure in between costs its own picture, and shifts no other's scores.
    #[test]
    fn every_picture_has_its_own_scores_or_its_own_failure() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |width: u32| {
            let path = format!("{width}.png");
            match width {
                0 => std::fs::write(folder.path().join(&path), "no picture").unwrap(),
                _ => image::RgbImage::new(width, 4).save(folder.path().join(&path)).unwrap(),
            }
            Entry { id: width.to_string(), path, labels: Vec::new(), group: None }
        };
        let widths = [5, 0, 7, 2, 0, 9, 1, 4];
        let dataset = Dataset {
            root: folder.path().to_path_buf(),
            source: folder.path().to_path_buf(),
            layout: Layout::List,
            split: "all".into(),
            categories: Vec::new(),
            pictures: widths.iter().map(|&width| entry(width)).collect(),
            notes: Vec::new(),
        };
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| scores(&Width(DecodeOptions::default()), &dataset, &Silent));
            assert_eq!(found.len(), widths.len());
            for (found, width) in found.iter().zip(widths) {
                match (found, width) {
                    (Err(PictureFailure::Picture(_)), 0) | (Err(PictureFailure::Model(_)), 1..3) => {}
                    (Ok(found), 3..) => assert_eq!(*found, [f64::from(width)]),
                    _ => panic!("width {width}: {found:?}"),
                }
            }
        }
    }
}
