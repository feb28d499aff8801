//! Fig 6: polygons among circles, with the settings of `paper-shapes`.
//!
//! Training pictures are tiles of generated pictures, positive with at least 200 pixels of polygons, negative with none (circles or nothing);
//! whole test pictures are explained by windows. What the paper shows, masks can measure: how much of the positive relevance lies inside polygons, for
//! every way to split the score over the dimensions.

use std::path::{Path, PathBuf};
use std::time::Instant;

use image::GrayImage;
use ndarray::ArrayView2;
use serde::Serialize;

use super::{Context, Figure, explaining};
use crate::bow::config::Settings;
use crate::bow::train::TrainingData;
use crate::bow::{BiasMode, Decomposition, Explaining, Roots};
use crate::causes::chain;
use crate::dataset::shapes::{Shape, ShapesOptions, generate};
use crate::dataset::{Dataset, Entry};
use crate::error::Error;
use crate::evaluate::average_precision;
use crate::evaluate::localisation::positive_share;
use crate::explanation::{Explanation, Query};
use crate::export::drawing::FilesError;
use crate::format::atomic::{self, WriteError};
use crate::format::png::write_png;
use crate::heatmap::sheet::{Cell, Sheet, fitted};
use crate::heatmap::{Palette, Panel, largest_magnitude, render};
use crate::ledger::Account;
use crate::model::{Keep, Model, ModelError};
use crate::picture::Rectangle;
use crate::picture::tiles::Tiles;
use crate::picture::{DecodeOptions, Picture};

/// The training tiles.
const TILES: Tiles = Tiles { side: 102, offset: 51 };
/// Minimum number of polygon pixels of a positive tile. Tiles with fewer, but some, are not trained on.
const MIN_POLYGON: usize = 200;
/// Number of pictures in the figure.
const SHOWN: usize = 6;
/// Number of test pictures that the choices of root are compared on. Most choices search for every root, which takes long.
const COMPARED: usize = 10;
/// Size of the sheet's pictures in pixels.
const CELL: (u32, u32) = (320, 240);
/// The category that is explained.
const CATEGORY: &str = "polygon";

/// What Fig 6 shows, measured over all test pictures.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Training tiles by their folders.
    pub tiles: TileCounts,
    /// Number of test pictures that hold polygons. Shares are means over them.
    pub with_polygons: usize,
    /// Number of those that hold circles, too. The circles' shares are means over them.
    pub with_both: usize,
    /// Mean share of the area that polygons cover: what a uniform map would put into them.
    pub area_of_polygons: f64,
    /// Mean share of the area that circles cover.
    pub area_of_circles: f64,
    /// Average precision (area) of the scores of the test pictures' windows, labelled as training tiles are.
    pub average_precision: Option<f64>,
    /// The preset's Taylor expansion and Shapley values, their bias spread and kept apart, over all test pictures.
    pub ways: Vec<Way>,
    /// The three choices of a root, over the first test pictures that hold polygons.
    pub roots: Vec<Way>,
    /// The pictures in the figure.
    pub shown: Vec<String>,
}

/// Numbers of training tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TileCounts {
    /// Tiles with enough polygon pixels.
    pub polygon: usize,
    /// Tiles without any.
    pub other: usize,
    /// Tiles in between, which are not trained on.
    pub left_out: usize,
}

/// One way to split a score over the dimensions, measured.
#[derive(Debug, Clone, Serialize)]
pub struct Way {
    /// The decomposition.
    pub decomposition: Decomposition,
    /// The choice of root, if it has one.
    pub roots: Option<Roots>,
    /// Where the bias goes. None for a Taylor expansion, which has no bias.
    pub bias: Option<BiasMode>,
    /// Mean share of the positive relevance inside polygons.
    pub in_polygons: f64,
    /// Mean share of the positive relevance inside circles.
    pub in_circles: f64,
    /// Number of pictures explained.
    pub pictures: usize,
    /// Number of windows explained.
    pub windows: usize,
    /// Mean of |residual|/|f| over windows.
    pub mean_residual: f64,
    /// Median of |residual|/|f| over windows.
    pub median_residual: f64,
    /// Σ |residual| / Σ |f|.
    pub total_residual: f64,
    /// Number of pictures that could not be explained this way.
    pub failed: usize,
    /// Time for these pictures in seconds. Not in the file, whose bytes are the same on every machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl Finding {
    /// The lines that are printed; `table` lays out rows of cells.
    pub fn text(&self, table: impl Fn(&[Vec<String>]) -> String) -> String {
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        let head = [
            "fig6: way",
            "pictures",
            "in polygons (%)",
            "in circles (%)",
            "|residual|/|f| mean",
            "median",
            "Σ|residual|/Σ|f|",
            "failed",
            "seconds",
        ];
        let mut rows = vec![head.map(String::from).to_vec()];
        for way in self.ways.iter().chain(&self.roots) {
            rows.push(vec![
                How { decomposition: way.decomposition, roots: way.roots, bias: way.bias }.name(),
                way.pictures.to_string(),
                percent(way.in_polygons),
                percent(way.in_circles),
                format!("{:.3}", way.mean_residual),
                format!("{:.3}", way.median_residual),
                format!("{:.3}", way.total_residual),
                way.failed.to_string(),
                way.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}")),
            ]);
        }
        let area = [self.area_of_polygons, self.area_of_circles].map(percent);
        rows.push(["uniform map (area)".to_string(), String::new()].into_iter().chain(area).collect());
        let TileCounts { polygon, other, left_out } = self.tiles;
        format!(
            "fig6: {polygon} training tiles with polygons, {other} without, {left_out} in between; average precision on test windows {} %\n\
             {}shares of the positive relevance: means over {} test pictures with polygons, for circles over the {} with both\n",
            self.average_precision.map_or_else(|| "–".to_string(), percent),
            table(&rows),
            self.with_polygons,
            self.with_both
        )
    }
}

/// A test picture with its mask.
struct Example {
    id: String,
    picture: Picture,
    mask: GrayImage,
}

pub(super) fn draw(context: &mut Context<'_>, settings: &Settings) -> Result<(), Error> {
    let shapes = shapes(context)?;
    let (tiles, counts) = tiles(context, &shapes)?;
    let data = TrainingData::new(Dataset::open(&tiles, None, None)?, None);
    let model = context.model("paper-shapes", settings, &data)?;
    let category =
        model.categories().iter().position(|name| name == CATEGORY).expect("one of the folders that were made");
    let test = Dataset::open(&shapes, Some("test"), None)?;
    let mut examples = Vec::new();
    for entry in &test.pictures {
        let picture = Picture::open(test.file(entry), model.reading())?;
        examples.push(Example { id: entry.id.clone(), picture, mask: mask(&shapes, entry)? });
    }

    let own = model.settings.explain.clone();
    let mut finding = finding(counts, &examples);
    let all: Vec<usize> = (0..examples.len()).collect();
    let compared =
        all.iter().copied().filter(|&at| examples[at].holds(Shape::Polygon)).take(COMPARED).collect::<Vec<_>>();
    let title = |how: &str| {
        let tiles = own.tiles.map_or_else(|| "none".to_string(), |tiles| tiles.to_string());
        format!("{CATEGORY}, exponential χ² kernels, tiles {tiles}: {how}, then layer-wise relevance propagation")
    };
    let judge = |how: How, at: &[usize]| {
        let method = Explaining {
            decomposition: how.decomposition,
            roots: how.roots.unwrap_or(own.roots),
            bias: how.bias.unwrap_or(own.bias),
            candidates: own.candidates,
        };
        let explainer = model.explainer(method).map_err(crate::settings::ReadError::from)?;
        let query = Query { tiles: own.tiles, ..Query::new(category) };
        explain_all(context, &Asked { model: &explainer, query, name: how.name() }, &test, &examples, at)
    };
    let by_taylor = judge(How::taylor(own.roots), &all)?;
    let by_shapley = judge(How::shapley(BiasMode::Spread), &all)?;
    let unbiased = judge(How::shapley(BiasMode::Sink), &all)?;
    finding.ways.push(measure(How::taylor(own.roots), &examples, &by_taylor));
    finding.ways.push(measure(How::shapley(BiasMode::Spread), &examples, &by_shapley));
    finding.ways.push(measure(How::shapley(BiasMode::Sink), &examples, &unbiased));
    for &roots in Roots::ALL {
        let found = if roots == own.roots {
            by_taylor.iter().filter(|found| compared.contains(&found.example)).cloned().collect()
        } else {
            judge(How::taylor(roots), &compared)?
        };
        finding.roots.push(measure(How::taylor(roots), &examples, &found));
    }
    finding.average_precision = precision(&examples, &by_shapley);
    finding.shown = shown(&examples, &by_taylor).map(|(example, _)| example.id.clone()).collect();
    for (file, how, found) in
        [("fig6.png", "Taylor expansion", &by_taylor), ("fig6-shapley.png", "Shapley values", &by_shapley)]
    {
        let file = context.request.out.join(file);
        context.write_as(&file, &sheet(title(how), &examples, found)?)?;
        context.report.files.push((Figure::Fig6, file));
    }
    let mut lasting = finding.clone();
    lasting.ways.iter_mut().chain(&mut lasting.roots).for_each(|way| way.seconds = None);
    let text = serde_json::to_string_pretty(&lasting).expect("own types serialize") + "\n";
    atomic::write(&context.request.out.join("polygons.json"), text.as_bytes())?;
    context.report.polygons = Some(finding);
    Ok(())
}

/// The generated pictures; those of an earlier run with the same number and seed are used again.
fn shapes(context: &Context<'_>) -> Result<PathBuf, Error> {
    let options =
        ShapesOptions { pictures: context.request.shapes, seed: context.request.seed, ..ShapesOptions::default() };
    let name = format!("pictures{}-seed{}", options.pictures, options.seed);
    whole_folder(&context.request.out.join("shapes"), &name, |folder| {
        context.progress.begin("drawing shapes", options.pictures);
        let made = generate(folder, &options, &mut |_| context.progress.step());
        context.progress.end();
        made?;
        Ok(())
    })
}

/// `parent/name`, made by `fill` unless it is there; it appears whole or not at all.
fn whole_folder(parent: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<PathBuf, Error> {
    let target = parent.join(name);
    if target.is_dir() {
        return Ok(target);
    }
    atomic::create_folder(parent)?;
    let part = tempfile::Builder::new().prefix(".part-").tempdir_in(parent).map_err(WriteError::io(parent))?;
    let filled = part.path().join(name);
    fill(&filled)?;
    std::fs::rename(&filled, &target).map_err(WriteError::io(&target))?;
    Ok(target)
}

fn mask(shapes: &Path, entry: &Entry) -> Result<GrayImage, Error> {
    let path = shapes.join("SegmentationClass").join(format!("{}.png", entry.id));
    // The numbers are small: as grey values they survive the way through RGB.
    let picture = Picture::open(&path, &DecodeOptions::default())?.rgb8();
    Ok(GrayImage::from_fn(picture.width(), picture.height(), |x, y| image::Luma([picture.get_pixel(x, y).0[0]])))
}

/// The folder of a tile with so many polygon pixels.
fn folder_of(polygon_pixels: usize) -> Option<&'static str> {
    match polygon_pixels {
        0 => Some("other"),
        1..MIN_POLYGON => None,
        _ => Some(CATEGORY),
    }
}

fn pixels_of(mask: &GrayImage, region: Rectangle, shape: Shape) -> usize {
    let rows = region.y0..region.y1;
    rows.map(|y| (region.x0..region.x1).filter(|&x| mask.get_pixel(x, y).0[0] == shape.class()).count()).sum()
}

/// The training tiles as a folder of the folders `polygon` and `other`, and how many there are of each.
fn tiles(context: &Context<'_>, shapes: &Path) -> Result<(PathBuf, TileCounts), Error> {
    let name = shapes.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}-side{}-offset{}-least{MIN_POLYGON}", TILES.side, TILES.offset);
    let split = Dataset::open(shapes, Some("trainval"), None)?;
    let mut counts = TileCounts::default();
    let mut kept: Vec<(&Entry, Rectangle, &str)> = Vec::new();
    for entry in &split.pictures {
        let mask = mask(shapes, entry)?;
        for tile in TILES.windows(mask.width() as usize, mask.height() as usize) {
            let folder = folder_of(pixels_of(&mask, tile, Shape::Polygon));
            *match folder {
                Some(CATEGORY) => &mut counts.polygon,
                Some(_) => &mut counts.other,
                None => &mut counts.left_out,
            } += 1;
            kept.extend(folder.map(|folder| (entry, tile, folder)));
        }
    }
    let folder = whole_folder(&context.request.out.join("tiles"), &name, |folder| {
        context.progress.begin("cutting tiles", kept.len());
        let mut open: Option<(&str, Picture)> = None;
        for (entry, tile, kind) in &kept {
            if open.as_ref().is_none_or(|(id, _)| *id != entry.id) {
                open = Some((&entry.id, Picture::open(split.file(entry), &DecodeOptions::default())?));
            }
            if let Some((id, picture)) = &open {
                let (width, height) = ((tile.x1 - tile.x0) as usize, (tile.y1 - tile.y0) as usize);
                let part = picture.crop(tile.x0 as usize, tile.y0 as usize, width, height)?;
                let path = folder.join(kind).join(format!("{id}.x{:03}y{:03}.png", tile.x0, tile.y0));
                write_png(&path, &part.rgb8(), &[]).map_err(FilesError::from)?;
            }
            context.progress.step();
        }
        context.progress.end();
        Ok(())
    })?;
    Ok((folder, counts))
}

/// A test picture that was explained.
#[derive(Clone)]
struct Explained {
    /// Its place among the test pictures.
    example: usize,
    /// None if a window has no root.
    explanation: Option<Explanation>,
    seconds: f64,
}

/// A way to split a score.
#[derive(Clone, Copy)]
struct How {
    decomposition: Decomposition,
    roots: Option<Roots>,
    bias: Option<BiasMode>,
}

impl How {
    fn taylor(roots: Roots) -> Self {
        Self { decomposition: Decomposition::Taylor, roots: Some(roots), bias: None }
    }

    fn shapley(bias: BiasMode) -> Self {
        Self { decomposition: Decomposition::Shapley, roots: None, bias: Some(bias) }
    }

    fn name(self) -> String {
        let roots = self.roots.map_or_else(String::new, |roots| format!(" {roots}"));
        let bias = self.bias.map_or_else(String::new, |bias| format!(", bias {bias}"));
        format!("{}{roots}{bias}", self.decomposition)
    }
}

/// The query to every picture, and its name.
struct Asked<'a> {
    model: &'a dyn Model,
    query: Query,
    name: String,
}

fn explain_all(
    context: &Context<'_>,
    asked: &Asked<'_>,
    test: &Dataset,
    examples: &[Example],
    at: &[usize],
) -> Result<Vec<Explained>, Error> {
    let Asked { model, query, name } = asked;
    context.progress.begin(name, at.len());
    let explained = at.iter().map(|&example| {
        let fail = explaining(test, &test.pictures[example]);
        let began = Instant::now();
        let seen = model.forward(&examples[example].picture, Keep::Nothing);
        let explanation = seen.and_then(|seen| seen.explain(query));
        let seconds = began.elapsed().as_secs_f64();
        context.progress.step();
        match explanation {
            Ok(explanation) => Ok(Explained { example, explanation: Some(explanation), seconds }),
            Err(error @ ModelError::NotExplained { .. }) => {
                context.progress.warn(&format!("{name}: {}", chain(&fail(error))));
                Ok(Explained { example, explanation: None, seconds })
            }
            Err(error) => Err(fail(error)),
        }
    });
    let explained = explained.collect();
    context.progress.end();
    explained
}

/// The pictures that could be explained, with their explanations.
fn explained<'a>(
    examples: &'a [Example],
    found: &'a [Explained],
) -> impl Iterator<Item = (&'a Example, &'a Explanation)> {
    found.iter().filter_map(|found| Some((&examples[found.example], found.explanation.as_ref()?)))
}

impl Example {
    fn holds(&self, shape: Shape) -> bool {
        self.area(shape) > 0.0
    }

    /// Share of the picture that the shapes of this kind cover.
    fn area(&self, shape: Shape) -> f64 {
        let whole = Rectangle::of_size(self.picture.width(), self.picture.height());
        pixels_of(&self.mask, whole, shape) as f64 / whole.area() as f64
    }

    /// Share of the map's positive relevance inside the shapes of this kind; 0 if nothing is positive.
    fn share(&self, map: ArrayView2<'_, f64>, shape: Shape) -> f64 {
        positive_share(map, |x, y| self.mask.get_pixel(x, y).0[0] == shape.class())
    }
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    if count > 0 { sum / count as f64 } else { 0.0 }
}

/// Counts the test pictures before any is explained.
fn finding(tiles: TileCounts, examples: &[Example]) -> Finding {
    let with: Vec<&Example> = examples.iter().filter(|example| example.holds(Shape::Polygon)).collect();
    let both: Vec<&Example> = with.iter().copied().filter(|example| example.holds(Shape::Circle)).collect();
    Finding {
        tiles,
        with_polygons: with.len(),
        with_both: both.len(),
        area_of_polygons: mean(with.iter().map(|example| example.area(Shape::Polygon))),
        area_of_circles: mean(both.iter().map(|example| example.area(Shape::Circle))),
        average_precision: None,
        ways: Vec::new(),
        roots: Vec::new(),
        shown: Vec::new(),
    }
}

fn measure(how: How, examples: &[Example], found: &[Explained]) -> Way {
    let explained = || explained(examples, found);
    let share = |shape: Shape| {
        let with = explained().filter(|(example, _)| example.holds(Shape::Polygon) && example.holds(shape));
        mean(with.map(|(example, found)| example.share(found.relevance.view(), shape)))
    };
    let ledgers: Vec<_> = explained().flat_map(|(_, found)| found.windows.iter().map(|w| &w.ledger)).collect();
    let mut relative: Vec<f64> =
        ledgers.iter().filter(|l| l.score != 0.0).map(|l| (l.kept(Account::TaylorResidual) / l.score).abs()).collect();
    relative.sort_by(f64::total_cmp);
    let total = |value: fn(&crate::ledger::Ledger) -> f64| ledgers.iter().map(|l| value(l).abs()).sum::<f64>();
    Way {
        decomposition: how.decomposition,
        roots: how.roots,
        bias: how.bias,
        in_polygons: share(Shape::Polygon),
        in_circles: share(Shape::Circle),
        pictures: found.len(),
        windows: ledgers.len(),
        mean_residual: mean(relative.iter().copied()),
        median_residual: relative.get(relative.len() / 2).copied().unwrap_or(0.0),
        total_residual: total(|l| l.kept(Account::TaylorResidual)) / total(|l| l.score).max(f64::MIN_POSITIVE),
        failed: found.iter().filter(|found| found.explanation.is_none()).count(),
        seconds: Some(found.iter().map(|found| found.seconds).sum()),
    }
}

/// Average precision of the windows' scores.
fn precision(examples: &[Example], found: &[Explained]) -> Option<f64> {
    let (mut scores, mut labels) = (Vec::new(), Vec::new());
    for (example, found) in explained(examples, found) {
        for window in &found.windows {
            if let Some(folder) = folder_of(pixels_of(&example.mask, window.rectangle, Shape::Polygon)) {
                scores.push(window.ledger.score);
                labels.push(if folder == CATEGORY { 1 } else { -1 });
            }
        }
    }
    average_precision(&scores, &labels).map(|ap| ap.voc2010)
}

/// The first pictures that hold both kinds of shapes; if there are none, those that hold polygons.
fn shown<'a>(examples: &'a [Example], found: &'a [Explained]) -> impl Iterator<Item = (&'a Example, &'a Explanation)> {
    let any = examples.iter().any(|example| example.holds(Shape::Polygon) && example.holds(Shape::Circle));
    let fits = move |example: &Example| example.holds(Shape::Polygon) && (!any || example.holds(Shape::Circle));
    explained(examples, found).filter(move |(example, _)| fits(example)).take(SHOWN)
}

fn sheet(title: String, examples: &[Example], found: &[Explained]) -> Result<Sheet, Error> {
    let mut rows = Vec::new();
    for (example, found) in shown(examples, found) {
        let map = found.relevance.view();
        let scale = largest_magnitude(map);
        let panel = |panel| -> Result<image::RgbImage, Error> {
            let image = render(panel, &example.picture, map, scale, Palette::Jet).map_err(FilesError::from)?;
            Ok(fitted(&image, CELL.0, CELL.1))
        };
        let scores = || found.windows.iter().map(|window| window.ledger.score);
        let (low, high) = (scores().fold(f64::INFINITY, f64::min), scores().fold(f64::NEG_INFINITY, f64::max));
        let share = example.share(map, Shape::Polygon);
        let area = example.area(Shape::Polygon);
        let cells = vec![
            Cell::new(
                fitted(&example.picture.rgb8(), CELL.0, CELL.1),
                [format!("{}: scores of its windows {low:+.2} to {high:+.2}", example.id)],
            ),
            Cell::new(panel(Panel::Heatmap)?, [format!("colours: ±{scale:.2e} a pixel")]),
            Cell::new(
                panel(Panel::Overlay)?,
                [format!("{:.0} % of what is positive in polygons (area {:.0} %)", 100.0 * share, 100.0 * area)],
            ),
        ];
        rows.push((String::new(), cells));
    }
    Ok(Sheet { title, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_tile_is_what_its_pixels_of_polygons_make_it() {
        assert_eq!(
            [0, 1, 199, 200, 10_404].map(folder_of),
            [Some("other"), None, None, Some("polygon"), Some("polygon")]
        );
        let mask = GrayImage::from_fn(40, 30, |x, y| image::Luma([if x >= 20 { 2 } else { u8::from(y < 10) }]));
        let region = Rectangle { x0: 10, y0: 5, x1: 25, y1: 15 };
        assert_eq!(pixels_of(&mask, region, Shape::Polygon), 50);
        assert_eq!(pixels_of(&mask, region, Shape::Circle), 50);
    }

    /// A uniform map has the shapes' areas as shares, and negative relevance does not count.
    #[test]
    fn shares_are_those_of_the_positive_relevance() {
        let mask = GrayImage::from_fn(10, 10, |x, y| image::Luma([if x < 2 { 2 } else { u8::from(y < 5) }]));
        let picture = Picture::from_rgb8(10, 10, vec![0; 300]).unwrap();
        let example = Example { id: String::new(), picture, mask };
        let shares = |map: &Array2<f64>| [Shape::Polygon, Shape::Circle].map(|shape| example.share(map.view(), shape));
        assert_eq!(
            shares(&Array2::from_elem((10, 10), 0.25)),
            [Shape::Polygon, Shape::Circle].map(|s| example.area(s))
        );
        assert_eq!(shares(&Array2::from_elem((10, 10), -1.0)), [0.0, 0.0]);
        let map = Array2::from_shape_fn((10, 10), |(_, x)| if x < 2 { 1.0 } else { -5.0 });
        assert_eq!(shares(&map), [1.0, 0.0]);
    }

    #[test]
    fn a_folder_that_could_not_be_filled_does_not_appear() {
        let place = tempfile::tempdir().unwrap();
        let parent = place.path().join("deep");
        let half = whole_folder(&parent, "a", |folder| {
            std::fs::create_dir(folder).unwrap();
            Err(Error::usage("no more"))
        });
        assert!(half.is_err());
        assert_eq!(std::fs::read_dir(&parent).unwrap().count(), 0);
        let whole = whole_folder(&parent, "a", |folder| {
            std::fs::create_dir(folder).unwrap();
            Ok(())
        })
        .unwrap();
        assert!(whole.is_dir());
        assert_eq!(whole_folder(&parent, "a", |_| Err(Error::usage("made again"))).unwrap(), whole);
    }
}
