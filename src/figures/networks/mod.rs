//! The counterparts of the figures of the paper's second half (Bach et al. 2015, Figs 2, 5, 11–17, 25–27), each with what can be measured of its
//! caption.
//!
//! Every figure is a function of data, networks and seed: the same run draws the same bytes. Trained networks are kept in `OUT/models` and used again
//! if recipe, seed and data are the same.

mod diagram;
mod digits;
mod functions;
mod ilsvrc;
mod mnist;

use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::{ArrayD, ArrayView2};
use serde::Serialize;

use crate::any::OpenError;
use crate::error::Error;
use crate::explanation::{Explanation, Query, Target};
use crate::format::atomic::create_folder;
use crate::heatmap::sheet::{Sheet, fitted};
use crate::heatmap::{Palette, Scale};
use crate::nn::network::Network;
use crate::nn::{Explainer, References, file};
use crate::picture::Picture;
use crate::progress::Progress;

crate::closed_set! {
    /// The figures.
    pub enum Figure as "figure" {
        /// A small network forward and back.
        Fig2 = "fig2",
        /// A network of several layers, with its variables.
        Fig5 = "fig5",
        /// Taylor expansions of digits.
        Fig11 = "fig11",
        /// Digits explained as several classes.
        Fig12 = "fig12",
        /// Density ratios beside relevance.
        Fig13 = "fig13",
        /// Activation functions.
        Fig14 = "fig14",
        /// Fours as 4 and as 9.
        Fig15 = "fig15",
        /// Threes as 3 and as 8.
        Fig16 = "fig16",
        /// Digits explained as all classes.
        Fig17 = "fig17",
        /// Photographs by three rules.
        Fig25 = "fig25",
        /// Photographs that are taken for something else.
        Fig26 = "fig26",
        /// Relevance beside edges and gradients.
        Fig27 = "fig27",
    }
}

/// What can be measured of a caption, of one network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// The figure.
    pub figure: Figure,
    /// What is measured.
    pub what: String,
    /// The network, or the picture.
    pub subject: String,
    /// Its value; none if nothing fits the statement.
    pub value: Option<f64>,
    /// Number of pictures that it is of.
    pub count: usize,
}

/// What was made.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Each figure's file.
    pub files: Vec<(Figure, PathBuf)>,
    /// The networks: their files, and whether they were there.
    pub models: Vec<(PathBuf, bool)>,
    /// What was measured.
    pub statements: Vec<Statement>,
}

/// The figures to make, and from what.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder for everything.
    pub out: PathBuf,
    /// The figures; all that the command makes if empty.
    pub only: Vec<Figure>,
    /// What they are made from.
    pub source: Source,
    /// Seed of every random choice.
    pub seed: u64,
}

/// What figures are made from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nothing: Figs 2, 5, 14.
    Own,
    /// Digits: Figs 11–13, 15–17.
    Digits {
        /// Digits with the splits train and test.
        data: PathBuf,
        /// Networks of digits; if empty, those of the recipes are trained.
        networks: Vec<PathBuf>,
    },
    /// Photographs: Figs 25–27.
    Photographs {
        /// The network.
        model: PathBuf,
        /// Photographs that it knows.
        pictures: Vec<PathBuf>,
        /// Photographs that it takes for something else.
        mistaken: Vec<PathBuf>,
    },
}

impl Source {
    /// The figures that can be made from it.
    pub fn figures(&self) -> &'static [Figure] {
        use Figure::{Fig2, Fig5, Fig11, Fig12, Fig13, Fig14, Fig15, Fig16, Fig17, Fig25, Fig26, Fig27};
        match self {
            Source::Own => &[Fig2, Fig5, Fig14],
            Source::Digits { .. } => &[Fig11, Fig12, Fig13, Fig15, Fig16, Fig17],
            Source::Photographs { .. } => &[Fig25, Fig26, Fig27],
        }
    }
}

/// Makes the figures that are requested.
///
/// # Errors
/// [`Error`]: figures that the command does not make, data or networks that don't fit, whatever drawing runs into.
pub fn make(request: &Request, progress: &dyn Progress) -> Result<Report, Error> {
    let known = request.source.figures();
    if let Some(other) = request.only.iter().find(|figure| !known.contains(figure)) {
        let known: Vec<&str> = known.iter().map(|figure| figure.name()).collect();
        return Err(Error::usage(format!("\"--only {other}\" is none of this command: it makes {}", known.join(", "))));
    }
    create_folder(&request.out)?;
    let mut context = Context { request, progress, report: Report::default() };
    match &request.source {
        Source::Own => {
            diagram::draw(&mut context)?;
            functions::draw(&mut context)?;
        }
        Source::Digits { data, networks } => mnist::draw(&mut context, data, networks)?,
        Source::Photographs { model, pictures, mistaken } => ilsvrc::draw(&mut context, model, pictures, mistaken)?,
    }
    Ok(context.report)
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

    /// Writes a figure.
    fn write(&mut self, figure: Figure, sheet: &Sheet) -> Result<(), Error> {
        let file = self.request.out.join(format!("{figure}.png"));
        super::write(&file, sheet)?;
        self.report.files.push((figure, file));
        Ok(())
    }

    /// Notes what was measured.
    fn state(&mut self, figure: Figure, what: &str, subject: &str, value: Option<f64>, count: usize) {
        let (what, subject) = (what.to_string(), subject.to_string());
        self.report.statements.push(Statement { figure, what, subject, value, count });
    }
}

/// The network in a file.
fn load(path: &Path) -> Result<Network, Error> {
    let found = file::load(path).map_err(|source| OpenError { path: path.to_path_buf(), source: source.into() });
    Ok(found?)
}

/// A network of the program's own, in double precision, explained by these rules; ties of max pooling and biases as everywhere.
fn explainer<'n>(network: &'n Network, rules: &str, references: References) -> Result<Explainer<'n>, Error> {
    let way = rules.parse().map_err(crate::any::MethodError::from)?;
    let explaining = crate::nn::network::Explaining { name: rules.to_string(), way, ..Default::default() };
    Ok(network.explainer(explaining, references).map_err(crate::any::MethodError::from)?)
}

/// The explanation of one picture's score.
fn explained(explainer: &Explainer<'_>, picture: &Picture, target: Target, file: &Path) -> Result<Explanation, Error> {
    let fail = |source| Error::Explain { path: file.to_path_buf(), source };
    let seen = explainer.together(&[picture]).map_err(fail)?;
    let query = Query { target, ..Query::new(0) };
    seen.explain(&[query]).pop().expect("one explanation for each query").map_err(fail)
}

/// A map in the paper's colours, and the relevance of the last one.
fn drawn(map: ArrayView2<'_, f64>, scale: Scale, side: u32) -> (RgbImage, f64) {
    let scale = scale.of(map).expect("the map alone tells its scale");
    let at = |value: f64| if scale > 0.0 { value / scale } else { 0.0 };
    let (height, width) = map.dim();
    let image = RgbImage::from_fn(width as u32, height as u32, |x, y| {
        image::Rgb(Palette::Jet.colour(at(map[(y as usize, x as usize)])))
    });
    (fitted(&image, side, side), scale)
}

/// A grey picture of numbers from `low` to `high`, ink dark.
fn grey(map: ArrayView2<'_, f64>, low: f64, high: f64, side: u32) -> RgbImage {
    let (height, width) = map.dim();
    let image = RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let part = ((map[(y as usize, x as usize)] - low) / (high - low)).clamp(0.0, 1.0);
        image::Rgb([(255.0 * (1.0 - part)).round() as u8; 3])
    });
    fitted(&image, side, side)
}

/// An array of the shape of a network's input, as a map of one channel.
fn as_map(array: &ArrayD<f64>, side: (usize, usize)) -> Option<ndarray::Array2<f64>> {
    let values: Vec<f64> = array.iter().copied().collect();
    ndarray::Array2::from_shape_vec(side, values).ok()
}

/// A number of a caption.
fn text(value: f64) -> String {
    let small = value != 0.0 && value.abs() < 0.005;
    if small { format!("{value:.0e}") } else { format!("{value:.2}") }.replace('-', "−")
}

/// Pearson's correlation of pairs of numbers; none if one side does not vary.
fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let count = pairs.clone().count() as f64;
    let (sum_a, sum_b) = pairs.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_a, mean_b) = (sum_a / count, sum_b / count);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (x, y) = (x - mean_a, y - mean_b);
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_pearsons() {
        let of = |pairs: &[(f64, f64)]| correlation(pairs.iter().copied());
        assert_eq!(of(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(1.0));
        assert!((of(&[(0.0, 1.0), (1.0, 0.0), (2.0, 0.5)]).unwrap() + 0.5).abs() < 1e-12);
        assert_eq!(of(&[(0.0, 1.0), (1.0, 1.0)]), None);
    }
}
