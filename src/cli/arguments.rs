//! Arguments that several commands share, and what they resolve to.

use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;

use super::completions::categories;
use super::report::Reporter;
use crate::any::{AnyModel, Baseline, BiasMode, Decomposition, Method, Precision, References, RootPoint, Ties, Way};
use crate::causes::chain;
use crate::dataset::{Aligned, Dataset, DatasetError, Layout};
use crate::error::Error;
use crate::explanation::{Query, Selection, Target, Trace};
use crate::export::drawing::{Drawing, MapSize};
use crate::format::npy::Dtype;
use crate::heatmap::{Looks, Palette, Panel, Scale};
use crate::model::Model;
use crate::picture::tiles::Tiles;
use crate::picture::{Picture, PictureError};
use crate::progress::Progress;

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Number of threads; 0: one per processor. No result depends on it
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Seed of every random choice
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "N")]
    pub seed: Option<u64>,
    /// Format of standard output
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub format: String,
    /// When to show progress on standard error
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub progress: String,
    /// At the end, print to standard error how long each stage took
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub timings: bool,
    /// Print more about the work
    #[arg(short, long, global = true, help_heading = "Options of every command", conflicts_with = "quiet")]
    pub verbose: bool,
    /// Print nothing but results, warnings and errors
    #[arg(short, long, global = true, help_heading = "Options of every command")]
    pub quiet: bool,
}

/// Labelled pictures.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// A PASCAL VOC folder, a folder of category folders, or a CSV list
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The split, such as trainval or test; a data set without splits is used whole
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// Layout of the data; detected if omitted
    #[arg(long, value_name = "LAYOUT")]
    pub layout: Option<Layout>,
}

impl Data {
    pub fn open(&self, reporter: &Reporter) -> Result<Dataset, Error> {
        let dataset = Dataset::open(&self.data, self.split.as_deref(), self.layout)?;
        reporter.opened(&dataset);
        Ok(dataset)
    }
}

/// How to treat labels that the model doesn't know.
#[derive(Debug, Args)]
pub(crate) struct Labels {
    /// Go on if pictures have labels that the model doesn't know; these labels count for nothing
    #[arg(long)]
    pub ignore_unknown_categories: bool,
}

impl Labels {
    /// Brings the labels into the order of the model's categories.
    ///
    /// # Errors
    /// [`Error::UnknownLabels`], unless they are to be ignored.
    pub fn align(&self, dataset: Dataset, model: &dyn Model, reporter: &Reporter) -> Result<Aligned, Error> {
        let aligned = dataset.align_categories(model.categories());
        if aligned.unknown.is_empty() {
            return Ok(aligned);
        }
        let (data, unknown) = (aligned.dataset.root.clone(), aligned.unknown.clone());
        let error = Error::UnknownLabels { data, unknown };
        if !self.ignore_unknown_categories {
            return Err(error);
        }
        reporter.warn(&error.to_string());
        Ok(aligned)
    }
}

/// A trained model.
#[derive(Debug, Args)]
pub(crate) struct ModelFile {
    /// The model file
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
}

impl ModelFile {
    pub fn open(&self) -> Result<AnyModel, Error> {
        Ok(AnyModel::open(&self.model)?)
    }
}

/// How decisions are explained and drawn. The model's configuration says what the flags leave open.
#[derive(Debug, Args)]
pub(crate) struct Explaining {
    /// Explain the difference to this category's score
    #[arg(long, value_name = "NAME", add = categories(&[]))]
    pub against: Option<String>,
    /// Where the bias goes: spread over the dimensions, or sink, kept in the account only. Unless given, numbers have it spread, as in the
    /// paper, and drawings leave it out, since it says nothing about places
    #[arg(long, value_name = "MODE")]
    pub bias: Option<BiasMode>,
    /// Explain windows of SIDE pixels, one every OFFSET pixels, and average their maps, for example 102/34; "none": the whole picture
    #[arg(long, value_name = "SIDE/OFFSET|none")]
    pub tiles: Option<String>,
    /// How scores are split over the dimensions (auto: sums exactly, products by Shapley values)
    #[arg(long, value_name = "KIND")]
    pub decomposition: Option<Decomposition>,
    /// The root of a Taylor expansion: nearest, least-residual or mean; of networks nearest (needs --towards), blank or descend
    #[arg(long, value_name = "CHOICE", hide_possible_values = true)]
    pub roots: Option<RootPoint>,
    /// Maximum number of training pictures to search toward for a root
    #[arg(long, value_name = "N")]
    pub candidates: Option<usize>,
    /// Networks: the rules by layer, as a composite's name (epsilon-plus-flat, epsilon:0.01, alpha-beta:2,-1, gradient …) or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    pub rules: Option<String>,
    /// Networks: where relevance goes whose largest input is not the only one
    #[arg(long, value_name = "WAY")]
    pub max_pool: Option<Ties>,
    /// Networks: what they are computed in. Single is faster, and its account closes to four digits
    #[arg(long, value_name = "WHICH")]
    pub precision: Option<Precision>,
    /// Networks: from where integrated gradients begin: zero, mean (of each channel of the picture), or a picture's file
    #[arg(long, value_name = "zero|mean|FILE")]
    pub baseline: Option<PathBuf>,
    /// Networks: pictures towards which the root taylor:nearest is looked for: a folder, or a data set as train takes it (of its
    /// splits train)
    #[arg(long, value_name = "DATA")]
    pub towards: Option<PathBuf>,
    /// What to draw of each map
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub heatmap: Option<Vec<Panel>>,
    /// Write the maps only, and draw nothing
    #[arg(long, conflicts_with = "heatmap")]
    pub no_heatmap: bool,
    /// The colours
    #[arg(long, value_name = "PALETTE")]
    pub palette: Option<Palette>,
    /// The size of maps and drawings, where the model shrinks pictures before it sees them: that of the picture, or that in which the model sees it
    #[arg(long, value_name = "WHOSE", default_value = "picture")]
    pub map_size: MapSize,
    /// Draw without colour bar and caption
    #[arg(long)]
    pub plain: bool,
    /// What the ends of the colour scale stand for: the picture's largest magnitude, that of the whole set, a number, or the magnitude that so
    /// many percent of the picture's pixels don't exceed, such as 99.5% (the default of networks)
    #[arg(long, value_name = "picture|set|VALUE|P%")]
    pub scale: Option<Scale>,
    /// Type of the numbers in the maps' files
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    pub dtype: Dtype,
}

impl Explaining {
    /// The model with the method that the flags ask for; what they leave out is as its configuration has it.
    pub fn explainer<'a>(&self, model: &'a AnyModel, reporter: &Reporter) -> Result<Box<dyn Model + 'a>, Error> {
        let Self { bias, decomposition, roots, candidates, max_pool, precision, .. } = *self;
        let rules = self.rules.as_deref().map(way).transpose()?;
        let references = self.references(model, reporter)?;
        let method = Method { bias, decomposition, roots, candidates, rules, max_pool, precision, references };
        Ok(model.explainer(method)?)
    }

    /// The other pictures that a way needs, read as the model reads pictures.
    fn references(&self, model: &AnyModel, reporter: &Reporter) -> Result<Option<References>, Error> {
        if self.baseline.is_none() && self.towards.is_none() {
            return Ok(None);
        }
        let baseline = match self.baseline.as_deref() {
            None => Baseline::Zero,
            Some(path) if path == Path::new("zero") => Baseline::Zero,
            Some(path) if path == Path::new("mean") => Baseline::Mean,
            Some(path) => Baseline::Picture(Box::new(Picture::open(path, model.reading())?)),
        };
        let candidates = self.towards.as_deref().map(|data| pictures_of(data, model, reporter)).transpose()?;
        Ok(Some(References { baseline, candidates: candidates.unwrap_or_default() }))
    }

    /// The query of every explanation, except for its category and its trace.
    pub fn query(&self, model: &dyn Model) -> Result<Query, Error> {
        let tiles = match self.tiles.as_deref() {
            None => model.presentation().tiles,
            Some("none" | "") => None,
            Some(text) => Some(text.parse::<Tiles>().map_err(|error| Error::usage(error.to_string()))?),
        };
        if let Some(tiles) = tiles.filter(|tiles| tiles.side < model.smallest_side()) {
            let smallest = model.smallest_side();
            return Err(Error::Usage {
                message: format!("\"--tiles\" must be at least {smallest} pixels wide for this model, got {tiles}"),
                hint: Some(format!("--tiles {smallest}/{}", smallest.div_ceil(3))),
            });
        }
        let against = self.against.as_deref().map(|name| category(model, "--against", name)).transpose()?;
        Ok(Query { target: Target { category: 0, against }, tiles, trace: Trace::Nothing, bias_apart: false })
    }

    /// How maps become files; `panels` are drawn unless the flags say otherwise.
    pub fn drawing(&self, model: &dyn Model, query: &Query, panels: &[Panel]) -> Drawing {
        let Looks { palette, scale } = model.presentation().looks;
        let panels = match (&self.heatmap, self.no_heatmap) {
            (_, true) => Vec::new(),
            (Some(panels), _) => panels.clone(),
            (None, _) => panels.to_vec(),
        };
        let scale = self.scale.unwrap_or(scale);
        // At the scale of the set maps are drawn from their files, which have the bias where the method puts it.
        let can_tell = self.bias.is_none() && !panels.is_empty() && scale != Scale::Set;
        Drawing {
            bias_apart: can_tell && model.presentation().bias_apart,
            plain: self.plain,
            size: self.map_size,
            panels,
            palette: self.palette.unwrap_or(palette),
            scale,
            dtype: self.dtype,
            windows: query.tiles.is_some(),
        }
    }
}

/// All pictures of a data set, or of its split "train", or of a folder; those that can't be read are named and left out.
fn pictures_of(data: &Path, model: &AnyModel, reporter: &Reporter) -> Result<Vec<Picture>, Error> {
    let dataset = match Dataset::split_names(data, None) {
        Err(DatasetError::NoLayout { .. }) if data.is_dir() => Dataset::unlabelled(data)?,
        splits => {
            let splits = splits?;
            let split = splits.iter().find(|split| *split == "train").map(String::as_str);
            Dataset::open(data, split, None)?
        }
    };
    reporter.begin("reading", dataset.pictures.len());
    let open = |entry| {
        let picture = Picture::open(dataset.file(entry), model.reading());
        reporter.step();
        picture
    };
    let read: Vec<Result<Picture, PictureError>> = dataset.pictures.par_iter().map(open).collect();
    reporter.end();
    for error in read.iter().filter_map(|read| read.as_ref().err()) {
        reporter.warn(&format!("a picture of --towards is left out: {}", chain(error)));
    }
    Ok(read.into_iter().flatten().collect())
}

/// The rules or derivatives of this name, or the rules in this file.
fn way(text: &str) -> Result<(String, Way), Error> {
    let path = Path::new(text);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let found = text.parse::<Way>().map_err(|error| Error::Method(error.into()))?;
        return Ok((text.to_string(), found));
    }
    let wrong = |what: String| Error::usage(format!("the rules in \"{text}\" can't be used: {what}"));
    let content = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let found = toml::from_str(&content).map_err(|error| wrong(error.to_string()))?;
    Ok((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), Way::Rules(found)))
}

/// The index of the category `name`, which `flag` asked for.
pub(crate) fn category(model: &dyn Model, flag: &'static str, name: &str) -> Result<usize, Error> {
    model.category(name).map_err(|source| Error::UnknownCategory { flag, source })
}

/// The categories that `--category` means. A category that is really called "top", "all", "true" or has a comma in its name is meant by its
/// name.
pub(crate) fn selection(model: &dyn Model, text: &str) -> Result<Selection, Error> {
    if let Ok(category) = model.category(text) {
        return Ok(Selection::Named(vec![category]));
    }
    match text {
        "top" => Ok(Selection::Top),
        "all" => Ok(Selection::All),
        "true" => Ok(Selection::True),
        names => {
            let mut categories = Vec::new();
            for name in names.split(',') {
                let category = category(model, "--category", name.trim())?;
                if !categories.contains(&category) {
                    categories.push(category);
                }
            }
            Ok(Selection::Named(categories))
        }
    }
}
