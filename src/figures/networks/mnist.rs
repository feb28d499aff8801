//! Figs 11–13 and 15–17: digits.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;
use ndarray::{Array2, Zip};
use rand::seq::index::sample;
use rayon::prelude::*;

use super::digits::{CLASSES, Common, Digits, INK, category, relevances};
use super::{Context, Figure, as_map, correlation, drawn, explained, explainer, grey, load, text};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::explanation::Target;
use crate::heatmap::Scale;
use crate::heatmap::sheet::{Cell, Sheet};
use crate::ledger::Account;
use crate::model::Model;
use crate::nn::network::{Network, Source};
use crate::nn::train::recipe::Recipe;
use crate::nn::train::{self, Request};
use crate::nn::{Explainer, References, file};
use crate::numeric::random::stream;
use crate::picture::Picture;

/// The recipes of the networks that are trained unless others are given.
const RECIPES: [&str; 2] = ["mnist-tanh-400", "mnist-rect-1296-short"];
/// Side of a digit in pixels.
const SIDE: u32 = 112;
/// Side of a digit with longer captions.
const WIDE: u32 = 168;
/// Side of a digit where many are in a row.
const SMALL: u32 = 56;
/// Digits of Fig 12 and the classes that they are explained as.
const SEVERAL: [(usize, [usize; 4]); 4] = [(2, [2, 6, 3, 8]), (7, [7, 1, 9, 2]), (4, [4, 9, 6, 7]), (3, [3, 8, 5, 2])];
/// Digits of Fig 13 and the other class that they are explained as.
const OTHERS: [(usize, usize); 4] = [(3, 8), (4, 9), (2, 3), (7, 9)];
/// Test digits that the densities are compared on.
const COMPARED: usize = 1000;
/// Digits of Fig 17.
const DRAWN: usize = 16;
/// Digits of a class in Figs 15 and 16.
const SHOWN: usize = 4;
/// A gap is made of pixels where so many digits of the other class have ink, and so few of the own.
const OFTEN: f64 = 0.4;
const SELDOM: f64 = 0.15;
/// A gap of fewer pixels is none.
const SMALLEST_GAP: usize = 3;
/// Time between two checkpoints of a training.
const EVERY: Duration = Duration::from_secs(30);

/// A network of digits.
struct Subject {
    name: String,
    network: Network,
}

pub(super) fn draw(context: &mut Context<'_>, data: &Path, networks: &[PathBuf]) -> Result<(), Error> {
    let subjects = subjects(context, data, networks)?;
    let reading = subjects[0].network.reading().clone();
    if let Some(other) = subjects.iter().find(|subject| *subject.network.reading() != reading) {
        let message = format!("\"{}\" reads digits in another size than \"{}\"", other.name, subjects[0].name);
        return Err(Error::usage(message));
    }
    let test = Digits::open(data, "test", &reading)?;
    let training = Digits::open(data, "train", &reading)?;
    let common = Common::of(&training);
    let explainers: Vec<(&str, Explainer<'_>)> = subjects
        .iter()
        .map(|subject| Ok((subject.name.as_str(), explainer(&subject.network, "zero", References::default())?)))
        .collect::<Result<_, Error>>()?;
    for (name, explainer) in &explainers {
        for class in 0..CLASSES {
            category(explainer, class).map_err(|_| Error::usage(format!("\"{name}\" has no category \"{class}\"")))?;
        }
    }
    if context.wants(Figure::Fig11) {
        taylor(context, &subjects[0], &test, &training)?;
    }
    if context.wants(Figure::Fig12) {
        several_classes(context, &explainers, &test)?;
    }
    if context.wants(Figure::Fig13) {
        densities(context, &explainers, &test, &common)?;
    }
    let fours = Contrast {
        figure: Figure::Fig15,
        own: 4,
        other: 9,
        gap: "the gap: no ink in the 4, above its lowest third, where nines often have ink and fours seldom",
        within: |ink, rows| {
            let end = rows.start + 2 * rows.len() / 3;
            Box::new(move |y, x| y < end && ink[(y, x)] < INK)
        },
    };
    let threes = Contrast {
        figure: Figure::Fig16,
        own: 3,
        other: 8,
        gap: "the gap: no ink in the 3, left of its centre, where eights often have ink and threes seldom",
        within: |ink, _| {
            let centre = centre_of(ink);
            Box::new(move |y, x| (x as f64) < centre && ink[(y, x)] < INK)
        },
    };
    for contrast in [fours, threes] {
        if context.wants(contrast.figure) {
            contrast.draw(context, &explainers, &test, &common)?;
        }
    }
    if context.wants(Figure::Fig17) {
        let (name, explainer) = explainers.last().expect("there is a network");
        all_classes(context, name, explainer, &test)?;
    }
    Ok(())
}

/// The networks that are given, or those of the recipes, trained or found.
fn subjects(context: &mut Context<'_>, data: &Path, networks: &[PathBuf]) -> Result<Vec<Subject>, Error> {
    if !networks.is_empty() {
        let open = |path: &PathBuf| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok(Subject { name, network: load(path)? })
        };
        return networks.iter().map(open).collect();
    }
    let dataset = Dataset::open(data, Some("train"), None)?;
    dataset.require_positives()?;
    RECIPES.iter().map(|name| trained(context, &dataset, name)).collect()
}

fn trained(context: &mut Context<'_>, dataset: &Dataset, name: &str) -> Result<Subject, Error> {
    let recipe = Recipe::named(name).map_err(train::TrainError::from)?;
    let folder = context.request.out.join("models");
    crate::format::atomic::create_folder(&folder)?;
    let path = folder.join(format!("{name}.bowsight"));
    let digest = dataset.digest();
    let seed = context.request.seed;
    let kept = file::load(&path).ok().filter(|network| match &network.origin.source {
        Source::Trained { training } => {
            training.recipe == recipe && training.seed == seed && training.data == digest && training.held_out == 0
        }
        Source::Imported { .. } => false,
    });
    let found = kept.is_some();
    let network = match kept {
        Some(network) => network,
        None => {
            let checkpoint = folder.join(format!("{name}.checkpoint"));
            let request = Request {
                data: dataset,
                recipe: &recipe,
                seed,
                held_out: 0,
                checkpoint: Some(&checkpoint),
                every: EVERY,
                stop_after: None,
            };
            match train::train(&request, context.progress)? {
                train::Outcome::Trained(network) => {
                    file::save(&network, &path)?;
                    let _ = std::fs::remove_file(&checkpoint);
                    *network
                }
                train::Outcome::Stopped(_) => unreachable!("it was not asked to stop"),
            }
        }
    };
    context.report.models.push((path, found));
    Ok(Subject { name: name.to_string(), network })
}

/// A digit, its ink dark.
fn digit(digits: &Digits, place: usize, side: u32) -> RgbImage {
    grey(digits.ink[place].view(), 0.0, 1.0, side)
}

/// A map with what it is and what its last colour stands for.
fn map_cell(map: &Array2<f64>, side: u32, caption: String) -> Cell {
    let (image, scale) = drawn(map.view(), Scale::Picture, side);
    Cell::new(image, [caption, format!("±{scale:.1e}")])
}

/// The rows from the first to the last with ink.
fn rows_of(ink: &Array2<f64>) -> Range<usize> {
    let has_ink = |y: &usize| ink.row(*y).iter().any(|&n| n >= INK);
    let first = (0..ink.nrows()).find(has_ink).unwrap_or(0);
    let last = (0..ink.nrows()).rev().find(has_ink).map_or(first, |last| last + 1);
    first..last
}

/// The middle between the first and the last column with ink.
fn centre_of(ink: &Array2<f64>) -> f64 {
    let has_ink = |x: &usize| ink.column(*x).iter().any(|&n| n >= INK);
    let first = (0..ink.ncols()).find(has_ink).unwrap_or(0);
    let last = (0..ink.ncols()).rev().find(has_ink).unwrap_or(first);
    (first + last) as f64 / 2.0
}

/// Σ of a map where `within` holds.
fn sum_where(map: &Array2<f64>, within: impl Fn(usize, usize) -> bool) -> f64 {
    map.indexed_iter().filter(|((y, x), _)| within(*y, *x)).map(|(_, value)| value).sum()
}

/// Share of what holds; none of nothing.
fn share(count: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

/// Fig 11: about a blank picture a 7 as 7 and a 5 as 3; about the root towards the nearest 6 a 2 as 2.
fn taylor(context: &mut Context<'_>, subject: &Subject, test: &Digits, training: &Digits) -> Result<(), Error> {
    let sixes = training.of_class(6).into_iter().map(|at| training.pictures[at].clone()).collect();
    let blank = explainer(&subject.network, "taylor:blank", References::default())?;
    let nearest =
        explainer(&subject.network, "taylor:nearest", References { candidates: sixes, ..References::default() })?;
    let gradient = explainer(&subject.network, "gradient", References::default())?;
    let mut rows = Vec::new();
    for (digit_class, class, way, root_name) in
        [(7, 7, &blank, "blank"), (5, 3, &blank, "blank"), (2, 2, &nearest, "towards the nearest 6")]
    {
        let Some(&place) = test.of_class(digit_class).first() else { continue };
        let picture = &test.pictures[place];
        let target = Target::new(category(way, class)?);
        let file = PathBuf::from(format!("test digit {place}"));
        let found = explained(way, picture, target, &file)?;
        let root = found.root.as_ref().expect("a Taylor expansion has a root point");
        let values: Vec<f64> = root.iter().copied().collect();
        let side = (picture.height(), picture.width());
        let at_root = Picture::of_array(subject.network.graph.input().to_vec(), values)?;
        let slopes = explained(&gradient, &at_root, target, &file)?;
        let (at, residual) = (found.ledger.kept(Account::RootValue), found.ledger.kept(Account::TaylorResidual));
        let what = format!("a {digit_class} as {class}, root {root_name}");
        for (part, value) in [("f", found.score), ("f at the root", at), ("residual", residual)] {
            context.state(Figure::Fig11, &format!("{part} ({what})"), &subject.name, Some(value), 1);
        }
        let root = as_map(root, side).map(|root| root_image(&root));
        let cells = vec![
            Cell::new(digit(test, place, WIDE), [format!("a {digit_class}")]),
            Cell::new(
                root.unwrap_or_else(|| RgbImage::new(WIDE, WIDE)),
                [format!("root: {root_name}"), format!("f{class} there = {}", text(at))],
            ),
            map_cell(&slopes.relevance, WIDE, format!("gradient of f{class} there")),
            {
                let (image, scale) = drawn(found.relevance.view(), Scale::Picture, WIDE);
                let account = format!("f{class} = {}, residual {}", text(found.score), text(residual));
                Cell::new(image, [account, format!("R, ±{scale:.1e}")])
            },
        ];
        rows.push((String::new(), cells));
    }
    // The seven's top bar: ink in the upper third of its rows.
    let sevens = test.of_class(7);
    let found = relevances(&blank, test, &sevens, 7)?;
    let for_it = sevens.iter().zip(&found).filter(|&(&place, (_, map))| {
        let rows = rows_of(&test.ink[place]);
        let end = rows.start + rows.len() / 3;
        sum_where(map, |y, x| y < end && test.ink[place][(y, x)] >= INK) > 0.0
    });
    let count = for_it.count();
    let what = "Σ R over the top bar of a 7 as 7, root blank, is above 0 (share)";
    context.state(Figure::Fig11, what, &subject.name, share(count, sevens.len()), sevens.len());
    let title = format!("Taylor expansions about root points, {}", subject.name);
    context.write(Figure::Fig11, &Sheet { title, rows })
}

/// A root point: constant ones are blank.
fn root_image(root: &Array2<f64>) -> RgbImage {
    let (low, high) = root.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    grey(root.view(), low, if high > low { high } else { low + 1.0 }, WIDE)
}

/// Fig 12: digits as several classes.
fn several_classes(
    context: &mut Context<'_>,
    explainers: &[(&str, Explainer<'_>)],
    test: &Digits,
) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (name, explainer) in explainers {
        for (number, (own, classes)) in SEVERAL.iter().enumerate() {
            let Some(&place) = test.of_class(*own).first() else { continue };
            let mut cells = vec![Cell::new(digit(test, place, SIDE), [])];
            for &class in classes {
                let (score, map) = relevances(explainer, test, &[place], class)?.remove(0);
                cells.push(map_cell(&map, SIDE, format!("as {class}, f = {}", text(score))));
            }
            rows.push((if number == 0 { (*name).to_string() } else { String::new() }, cells));
        }
        let twos = test.of_class(2);
        let [as_two, as_six] = [2, 6].map(|class| relevances(explainer, test, &twos, class));
        let (as_two, as_six) = (as_two?, as_six?);
        let lower = |place: usize, map: &Array2<f64>| {
            let rows = rows_of(&test.ink[place]);
            sum_where(map, |y, _| rows.contains(&y) && y >= rows.end - rows.len() / 3)
        };
        let upper = |place: usize, map: &Array2<f64>| {
            let rows = rows_of(&test.ink[place]);
            sum_where(map, |y, _| rows.contains(&y) && y < rows.start + rows.len() / 3)
        };
        let count = |holds: &dyn Fn(usize) -> bool| (0..twos.len()).filter(|&at| holds(at)).count();
        for (what, found) in [
            ("Σ R over the lower third of a 2 as 2 is above 0", count(&|at| lower(twos[at], &as_two[at].1) > 0.0)),
            ("Σ R over the lower third of a 2 as 6 is above 0", count(&|at| lower(twos[at], &as_six[at].1) > 0.0)),
            ("f of a 2 as 6 is below 0", count(&|at| as_six[at].0 < 0.0)),
            ("Σ R over the upper third of a 2 as 6 is below 0", count(&|at| upper(twos[at], &as_six[at].1) < 0.0)),
        ] {
            context.state(Figure::Fig12, &format!("{what} (share)"), name, share(found, twos.len()), twos.len());
        }
    }
    context.write(Figure::Fig12, &Sheet { title: "Eq 56 for several classes".to_string(), rows })
}

/// How relevance and density ratios of one digit and one other class go together.
struct Agreement {
    over_ink: Option<f64>,
    over_all: Option<f64>,
    /// Whether Σ R over the fifth of the ink where d_k is largest is above 0.
    dense_for: bool,
}

fn agreement(ink: &Array2<f64>, density: &Array2<f64>, map: &Array2<f64>) -> Agreement {
    let known = || ink.iter().zip(density).zip(map).filter(|((_, d), _)| !d.is_nan());
    let inked = || known().filter(|((n, _), _)| **n >= INK).map(|((_, &d), &r)| (d, r));
    let mut densest: Vec<(f64, f64)> = inked().collect();
    densest.sort_by(|a, b| b.0.total_cmp(&a.0));
    densest.truncate(densest.len().div_ceil(5));
    Agreement {
        over_ink: correlation(inked()),
        over_all: correlation(known().map(|((_, &d), &r)| (d, r))),
        dense_for: densest.iter().map(|(_, r)| r).sum::<f64>() > 0.0,
    }
}

/// Fig 13: digits of one class as another, beside the density ratios of that class.
fn densities(
    context: &mut Context<'_>,
    explainers: &[(&str, Explainer<'_>)],
    test: &Digits,
    common: &Common,
) -> Result<(), Error> {
    let ratios: Vec<Array2<f64>> = (0..CLASSES).map(|class| common.densities(class)).collect();
    let mut rows = Vec::new();
    let compared: Vec<usize> = (0..test.classes.len().min(COMPARED)).collect();
    for (name, explainer) in explainers {
        for (number, &(own, class)) in OTHERS.iter().enumerate() {
            let Some(&place) = test.of_class(own).first() else { continue };
            let (score, map) = relevances(explainer, test, &[place], class)?.remove(0);
            let panel = products(&ratios[class], &map);
            let r = correlation(ratios[class].iter().zip(&map).filter(|(d, _)| !d.is_nan()).map(|(&d, &r)| (d, r)));
            let ratio = ratios[class].mapv(|d| if d.is_nan() { 0.0 } else { d });
            // Where few digits have ink, ratios are large by chance.
            let largest = Scale::Percentile(95.0).of(ratio.view()).expect("the map alone tells its scale");
            rows.push((
                if number == 0 { (*name).to_string() } else { String::new() },
                vec![
                    Cell::new(digit(test, place, SIDE), [format!("a {own}")]),
                    Cell::new(
                        grey(ratio.view(), 0.0, largest, SIDE),
                        [format!("density ratios of {class}"), format!("0 to {largest:.2} and more")],
                    ),
                    map_cell(&map, SIDE, format!("R as {class}, f = {}", text(score))),
                    map_cell(&panel, SIDE, format!("product, r = {}", r.map_or("–".to_string(), text))),
                ],
            ));
        }
        let mut agreements: Vec<Agreement> = Vec::new();
        context.progress.begin(&format!("fig13: {name}"), CLASSES);
        for (class, ratios) in ratios.iter().enumerate() {
            let others: Vec<usize> = compared.iter().copied().filter(|&at| test.classes[at] != class).collect();
            let found = relevances(explainer, test, &others, class)?;
            agreements.par_extend(
                others.par_iter().zip(&found).map(|(&place, (_, map))| agreement(&test.ink[place], ratios, map)),
            );
            context.progress.step();
        }
        context.progress.end();
        let of = |part: fn(&Agreement) -> Option<f64>| agreements.iter().filter_map(part).collect::<Vec<f64>>();
        let (ink, all) = (of(|found| found.over_ink), of(|found| found.over_all));
        let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let above = share(ink.iter().filter(|r| **r > 0.0).count(), ink.len());
        let dense = share(agreements.iter().filter(|found| found.dense_for).count(), agreements.len());
        for (what, value, count) in [
            ("r of density ratios and R over the ink, as another class (mean)", mean(&ink), ink.len()),
            ("the same r is above 0 (share)", above, ink.len()),
            (
                "Σ R over the fifth of the ink with the largest density ratios is above 0 (share)",
                dense,
                agreements.len(),
            ),
            ("r of density ratios and R over the whole picture, as another class (mean)", mean(&all), all.len()),
        ] {
            context.state(Figure::Fig13, what, name, value, count);
        }
    }
    context.write(Figure::Fig13, &Sheet { title: "Density ratios (Eq 65) and Eq 56".to_string(), rows })
}

/// `(d − mean d)(R − mean R)/(sd d · sd R)` where d is known: its mean is Pearson's r. 0 elsewhere.
fn products(density: &Array2<f64>, map: &Array2<f64>) -> Array2<f64> {
    let known = || density.iter().zip(map).filter(|(d, _)| !d.is_nan());
    let count = known().count() as f64;
    let (mean_d, mean_r) = known().fold((0.0, 0.0), |(a, b), (d, r)| (a + d / count, b + r / count));
    let (var_d, var_r) = known().fold((0.0, 0.0), |(a, b), (d, r)| {
        (a + (d - mean_d) * (d - mean_d) / count, b + (r - mean_r) * (r - mean_r) / count)
    });
    let deviations = (var_d * var_r).sqrt();
    let mut panel = Array2::zeros(map.dim());
    Zip::from(&mut panel).and(density).and(map).for_each(|panel, &d, &r| {
        if !d.is_nan() && deviations > 0.0 {
            *panel = (d - mean_d) * (r - mean_r) / deviations;
        }
    });
    panel
}

/// Whether a pixel (row, column) belongs to a region.
type Region<'a> = Box<dyn Fn(usize, usize) -> bool + 'a>;

/// Digits of one class as themselves and as another class, and the gap that tells the two apart.
struct Contrast {
    figure: Figure,
    own: usize,
    other: usize,
    gap: &'static str,
    /// Where the gap can lie, from the ink and its rows.
    within: for<'a> fn(&'a Array2<f64>, Range<usize>) -> Region<'a>,
}

impl Contrast {
    fn draw(
        &self,
        context: &mut Context<'_>,
        explainers: &[(&str, Explainer<'_>)],
        test: &Digits,
        common: &Common,
    ) -> Result<(), Error> {
        let digits = test.of_class(self.own);
        let (own, other) = (self.own, self.other);
        let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
        let drawn: Vec<Cell> =
            digits.iter().take(SHOWN).flat_map(|&at| [Cell::new(digit(test, at, SIDE), []), blank()]).collect();
        rows.push((String::new(), drawn));
        for (name, explainer) in explainers {
            let (for_own, for_other) =
                (relevances(explainer, test, &digits, own)?, relevances(explainer, test, &digits, other)?);
            let cells = (0..digits.len().min(SHOWN)).flat_map(|at| {
                let cell = |(score, map): &(f64, Array2<f64>), class| {
                    map_cell(map, SIDE, format!("as {class}, f = {}", text(*score)))
                };
                [cell(&for_own[at], own), cell(&for_other[at], other)]
            });
            rows.push(((*name).to_string(), cells.collect()));
            let (mut gaps, mut speaks_for, mut speaks_against) = (0, 0, 0);
            let (mut strokes, mut stroke_for_own, mut stroke_for_other) = (0, 0, 0);
            for (at, &place) in digits.iter().enumerate() {
                let ink = &test.ink[place];
                let extent = rows_of(ink);
                let region = (self.within)(ink, extent.clone());
                let in_gap = |y: usize, x: usize| {
                    region(y, x)
                        && common.frequencies[other][(y, x)] >= OFTEN
                        && common.frequencies[own][(y, x)] <= SELDOM
                };
                let size = sum_where(&Array2::ones(ink.dim()), in_gap) as usize;
                if size >= SMALLEST_GAP {
                    gaps += 1;
                    speaks_for += usize::from(sum_where(&for_own[at].1, in_gap) > 0.0);
                    speaks_against += usize::from(sum_where(&for_other[at].1, in_gap) < 0.0);
                }
                let fifth = extent.len() as f64 / 5.0;
                let middle = extent.start as f64 + 2.0 * fifth..extent.start as f64 + 3.0 * fifth;
                let in_stroke = |y: usize, x: usize| middle.contains(&(y as f64)) && ink[(y, x)] >= INK;
                strokes += 1;
                stroke_for_own += usize::from(sum_where(&for_own[at].1, in_stroke) > 0.0);
                stroke_for_other += usize::from(sum_where(&for_other[at].1, in_stroke) > 0.0);
            }
            let gap = self.gap;
            let mut state = |what: String, count, of| context.state(self.figure, &what, name, share(count, of), of);
            state(format!("Σ R over {gap}, is above 0 as {own} (share)"), speaks_for, gaps);
            state(format!("the same Σ R is below 0 as {other} (share)"), speaks_against, gaps);
            if self.figure == Figure::Fig16 {
                state(format!("Σ R over the middle stroke is above 0 as {own} (share)"), stroke_for_own, strokes);
                state(format!("the same Σ R is above 0 as {other} (share)"), stroke_for_other, strokes);
            }
        }
        let title = format!("{own}s as {own} and as {other}");
        context.write(self.figure, &Sheet { title, rows })
    }
}

fn blank() -> Cell {
    Cell::new(RgbImage::from_pixel(SIDE, SIDE, image::Rgb([255; 3])), [])
}

/// Fig 17: digits drawn at random as all classes.
fn all_classes(context: &mut Context<'_>, name: &str, explainer: &Explainer<'_>, test: &Digits) -> Result<(), Error> {
    let mut random = stream(context.request.seed, "digits of fig17");
    let count = test.classes.len().min(DRAWN);
    let places: Vec<usize> = sample(&mut random, test.classes.len(), count).into_vec();
    let mut columns: Vec<Vec<(f64, Array2<f64>)>> = Vec::new();
    for class in 0..CLASSES {
        columns.push(relevances(explainer, test, &places, class)?);
    }
    let row = |(at, &place): (usize, &usize)| {
        let mut cells = vec![Cell::new(digit(test, place, SMALL), [])];
        for (class, column) in columns.iter().enumerate() {
            let (score, map) = &column[at];
            let (image, _) = drawn(map.view(), Scale::Picture, SMALL);
            cells.push(Cell::new(image, [format!("{class}: {score:.1}").replace('-', "−")]));
        }
        (String::new(), cells)
    };
    let rows = places.iter().enumerate().map(row).collect();
    let title = format!("{count} test digits as all classes, {name}: class and score below each");
    context.write(Figure::Fig17, &Sheet { title, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_have_the_correlation_as_their_mean() {
        let density = ndarray::array![[0.1, 0.4, f64::NAN], [0.9, 0.2, 0.3]];
        let map = ndarray::array![[1.0, -2.0, 100.0], [4.0, 0.5, 0.0]];
        let panel = products(&density, &map);
        let pairs = density.iter().zip(&map).filter(|(d, _)| !d.is_nan()).map(|(&d, &r)| (d, r));
        assert!((panel.sum() / 5.0 - correlation(pairs).unwrap()).abs() < 1e-12);
        assert_eq!(panel[(0, 2)], 0.0);
    }

    #[test]
    fn rows_and_centre_are_those_of_the_ink() {
        let mut ink = Array2::zeros((9, 9));
        (2..8).for_each(|y| ink[(y, 3)] = 1.0);
        ink[(5, 6)] = 0.7;
        ink[(8, 8)] = 0.4;
        assert_eq!((rows_of(&ink), centre_of(&ink)), (2..8, 4.5));
        assert_eq!(sum_where(&ink, |y, _| y == 5), 1.7);
    }
}
