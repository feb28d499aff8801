//! The counterparts of the paper's figures (Bach et al. 2015, Bag-of-Words half: Figs 1, 3, 4, 6, 7–10) from the data at hand.
//!
//! Every figure is a function of data, settings and seed: the same run draws the same bytes. Trained models are kept in `OUT/models` and used again
//! if settings and data are the same.

pub mod categories;
pub mod pipeline;
pub mod polygons;
pub mod root_point;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::bow::Preset;
use crate::bow::config::Settings;
use crate::bow::train::cache::Cache;
use crate::bow::train::{TrainingData, train_with};
use crate::bow::{BagOfWords, model_file};
use crate::dataset::{Dataset, DatasetError, Entry, Layout};
use crate::error::Error;
use crate::format::atomic::create_folder;
use crate::heatmap::sheet::Sheet;
use crate::progress::Progress;
use crate::settings::Draft;

crate::closed_set! {
    /// The figures.
    pub enum Figure as "figure" {
        /// The whole way there and back on one picture.
        Fig1 = "fig1",
        /// Gradient at the point against gradient at the nearest root.
        Fig3 = "fig3",
        /// The whole picture's way beside that of one window.
        Fig4 = "fig4",
        /// Polygons among circles.
        Fig6 = "fig6",
        /// The first category.
        Fig7 = "fig7",
        /// The second category.
        Fig8 = "fig8",
        /// The third category.
        Fig9 = "fig9",
        /// The fourth category.
        Fig10 = "fig10",
    }
}

impl Figure {
    /// Its place among the figures of categories, Figs 7–10.
    pub fn category_place(self) -> Option<usize> {
        [Figure::Fig7, Figure::Fig8, Figure::Fig9, Figure::Fig10].iter().position(|figure| *figure == self)
    }

    /// Whether it shows pictures of the user's data.
    fn needs_data(self) -> bool {
        !matches!(self, Figure::Fig3 | Figure::Fig6)
    }
}

/// The figures to make, and from what.
#[derive(Debug, Clone)]
pub struct Request {
    /// Labelled pictures with the split `test` and `trainval` or `train`; Figs 3 and 6 need none.
    pub data: Option<PathBuf>,
    /// Layout of the data; detected if omitted.
    pub layout: Option<Layout>,
    /// The folder for everything.
    pub out: PathBuf,
    /// The figures; all of them if empty.
    pub only: Vec<Figure>,
    /// The categories of Figs 7–10; the paper's if empty.
    pub categories: Vec<String>,
    /// Number of pictures of shapes to generate for Fig 6.
    pub shapes: usize,
    /// Number of visual words of every channel, instead of the paper's.
    pub words: Option<usize>,
    /// Seed of every random choice.
    pub seed: u64,
    /// A folder that keeps the finished steps of trainings.
    pub cache: Option<PathBuf>,
}

/// What was made.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Each figure's file.
    pub files: Vec<(Figure, PathBuf)>,
    /// The models that were trained or found.
    pub models: Vec<UsedModel>,
    /// What Fig 3 shows.
    pub root_point: Option<root_point::Finding>,
    /// What Fig 6 shows.
    pub polygons: Option<polygons::Finding>,
    /// What Figs 7–10 show.
    pub categories: Vec<categories::Finding>,
    /// What Figs 1 and 4 show.
    pub pipeline: Vec<pipeline::Finding>,
}

/// A model behind figures.
#[derive(Debug, Serialize)]
pub struct UsedModel {
    /// Its file.
    pub file: PathBuf,
    /// Whether it was found, trained with the same settings and data.
    pub reused: bool,
}

/// Makes the figures that are requested. Everything that can be checked is checked before the first training.
///
/// # Errors
/// [`Error`]: data without the splits or categories needed, settings out of range, whatever training and drawing run into.
pub fn make(request: &Request, progress: &dyn Progress) -> Result<Report, Error> {
    let mut context = Context { request, progress, report: Report::default() };
    let photographs = context.photographs()?;
    let voc = photographs.as_ref().map(|_| context.settings(Preset::PaperVoc, photographs.as_ref())).transpose()?;
    let shapes = context.settings(Preset::PaperShapes, None)?;
    create_folder(&request.out)?;
    if context.wants(Figure::Fig3) {
        root_point::draw(&mut context)?;
    }
    if context.wants(Figure::Fig6) {
        polygons::draw(&mut context, &shapes)?;
    }
    if let (Some(photographs), Some(settings)) = (&photographs, &voc) {
        let model = context.model("paper-voc", settings, &photographs.training)?;
        let ranked = categories::rank(&context, &model, photographs)?;
        categories::draw(&mut context, &model, photographs, &ranked)?;
        pipeline::draw(&mut context, &model, photographs, &ranked)?;
    }
    Ok(context.report)
}

/// The user's pictures and what is shown of them.
struct Photographs {
    training: TrainingData,
    test: Dataset,
    /// Places of the shown categories, those of Figs 7–10 in turn.
    categories: Vec<usize>,
}

/// Where figures are made.
struct Context<'a> {
    request: &'a Request,
    progress: &'a dyn Progress,
    report: Report,
}

impl Context<'_> {
    fn wants(&self, figure: Figure) -> bool {
        self.request.only.is_empty() || self.request.only.contains(&figure)
    }

    fn cache(&self) -> Option<Cache> {
        self.request.cache.as_ref().map(Cache::new)
    }

    /// Opens the data and checks what can be checked without opening a picture; none if no figure needs them.
    fn photographs(&self) -> Result<Option<Photographs>, Error> {
        let Some(first) = Figure::ALL.iter().find(|figure| figure.needs_data() && self.wants(**figure)) else {
            return Ok(None);
        };
        let Some(data) = &self.request.data else {
            return Err(Error::Usage {
                message: format!("\"{first}\" needs labelled pictures"),
                hint: Some("--data DIR; or --only fig3,fig6, which need none".to_string()),
            });
        };
        let open = |split: &str| Dataset::open(data, Some(split), self.request.layout);
        let known = Dataset::split_names(data, self.request.layout)?;
        let has = |name: &str| known.iter().any(|split| split == name);
        if known.is_empty() {
            return self.halved(data).map(Some);
        }
        let whole = ["trainval", "train"].into_iter().find(|name| has(name)).ok_or_else(|| {
            DatasetError::MissingSplit { split: "trainval".to_string(), path: data.clone(), known: known.clone() }
        })?;
        let split = open(whole)?;
        split.require_positives()?;
        let test = open("test")?.align_categories(&split.categories).dataset;
        let validation = if whole == "trainval" && has("train") && has("val") {
            let aligned = |name: &str| open(name).map(|data| data.align_categories(&split.categories).dataset);
            Some((aligned("train")?, aligned("val")?))
        } else {
            None
        };
        self.photographs_of(TrainingData::new(split, validation), test).map(Some)
    }

    /// Of data without splits one half is for training, where C is chosen as `train` does, and the other for the figures.
    fn halved(&self, data: &Path) -> Result<Photographs, Error> {
        let whole = Dataset::open(data, None, self.request.layout)?;
        let (training, test) = whole.halves(self.request.seed);
        training.require_positives()?;
        self.progress.warn(&format!(
            "the data have no splits: trained on one random half ({}), shown from the other ({})",
            training.pictures.len(),
            test.pictures.len()
        ));
        let rounds = training.validation_rounds(self.request.seed);
        self.photographs_of(TrainingData::new(training, rounds), test)
    }

    /// Checks that the figures asked for have something to show.
    fn photographs_of(&self, training: TrainingData, test: Dataset) -> Result<Photographs, Error> {
        let names = &training.split.categories;
        let categories = categories::choose(names, &self.request.categories)?;
        for figure in &self.request.only {
            if let Some(place) = figure.category_place().filter(|place| *place >= categories.len()) {
                return Err(Error::usage(format!(
                    "\"{figure}\" shows category {} of those chosen, and there are {}",
                    place + 1,
                    categories.len()
                )));
            }
        }
        for &category in &categories {
            if test.positives(category) == 0 {
                let name = &names[category];
                return Err(Error::usage(format!("no picture in split \"test\" is labelled \"{name}\"")));
            }
        }
        Ok(Photographs { training, test, categories })
    }

    /// A preset's settings; C is validated if the data have splits for it.
    fn settings(&self, preset: Preset, photographs: Option<&Photographs>) -> Result<Settings, Error> {
        let whole = |name: &str, value: u64| {
            i64::try_from(value)
                .map_err(|_| Error::usage(format!("\"{name}\" must be at most {}, got {value}", i64::MAX)))
        };
        let mut draft: Draft = preset.draft();
        draft.set("seed", whole("--seed", self.request.seed)?);
        if let Some(words) = self.request.words {
            draft.set("channel.vocabulary.words", whole("--words", words as u64)?);
        }
        if photographs.is_none_or(|photographs| photographs.training.validation.is_empty()) {
            draft.set("svm.c", FIXED_COST);
        }
        Ok(draft.resolve()?)
    }

    /// The model of these settings and data: that in `OUT/models`, or a new one, which is kept there.
    fn model(&mut self, name: &str, settings: &Settings, data: &TrainingData) -> Result<BagOfWords, Error> {
        let file = self.request.out.join("models").join(format!("{name}.bowsight"));
        let digest = data.split.digest();
        let kept = model_file::load(&file).ok().filter(|model| {
            let training = &model.training;
            model.settings == *settings
                && training.data_digest == digest
                && training.split == data.split.split
                && training.version == env!("CARGO_PKG_VERSION")
        });
        let reused = kept.is_some();
        let model = match kept {
            Some(model) => model,
            None => {
                let (model, left_out) = train_with(settings, data, self.cache().as_ref(), self.progress)?;
                for picture in left_out {
                    self.progress.warn(&format!(
                        "picture \"{}\" is left out: {}",
                        picture.id,
                        picture.failure.reason()
                    ));
                }
                model_file::save(&model, &file)?;
                model
            }
        };
        self.report.models.push(UsedModel { file, reused });
        Ok(model)
    }

    /// Writes a figure.
    fn write(&mut self, figure: Figure, sheet: &Sheet) -> Result<(), Error> {
        let file = self.request.out.join(format!("{figure}.png"));
        self.write_as(&file, sheet)?;
        self.report.files.push((figure, file));
        Ok(())
    }

    fn write_as(&self, file: &Path, sheet: &Sheet) -> Result<(), Error> {
        super::write(file, sheet)
    }
}

/// C if there is nothing to validate it on.
const FIXED_COST: f64 = 10.0;

/// The error of a picture of a data set.
fn explaining<'a>(dataset: &'a Dataset, entry: &'a Entry) -> impl Fn(crate::model::ModelError) -> Error + 'a {
    |source| Error::Explain { path: dataset.file(entry), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_categories_have_their_places() {
        let places: Vec<Option<usize>> = Figure::ALL.iter().map(|figure| figure.category_place()).collect();
        assert_eq!(places, [None, None, None, None, Some(0), Some(1), Some(2), Some(3)]);
    }
}
