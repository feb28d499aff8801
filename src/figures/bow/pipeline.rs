//! Figs 1 and 4: a picture through every stage and back, with the numbers of its own explanation.
//!
//! Everything is read from the trace that an explanation leaves, so what is drawn is what was computed. Of several channels the first is drawn; scores and maps
//! are those of all. The bias is kept apart, as in Figs 7–10.

use std::collections::BTreeSet;

use image::RgbImage;
use ndarray::ArrayView2;
use serde::Serialize;

use super::categories::Ranked;
use super::{Context, Figure, Photographs, explaining};
use crate::bow::{BagOfWords, BiasMode, Explaining};
use crate::dataset::Entry;
use crate::error::Error;
use crate::explanation::{Explanation, Query, Trace};
use crate::export::drawing::FilesError;
use crate::figures::canvas::{BLACK, Canvas, Ink, Place};
use crate::format::container::{Container, Values};
use crate::heatmap::sheet::{Cell, Sheet, fitted, text_width, write_text};
use crate::heatmap::{Palette, Panel, largest_magnitude, render};
use crate::ledger::Account;
use crate::model::{Keep, Model};
use crate::picture::Picture;
use crate::picture::Rectangle;
use crate::settings::ReadError;

/// Size of the stages' pictures in pixels.
const CELL: (u32, u32) = (250, 190);
/// Number of words whose bars are drawn.
const BARS: usize = 40;
/// Share of a picture's brightness that remains under the dots.
const PALE: f64 = 0.45;

/// What one of the two figures shows.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The figure.
    pub figure: Figure,
    /// The category.
    pub category: String,
    /// The picture's id.
    pub picture: String,
    /// f of the picture.
    pub score: f64,
    /// Local features of the first channel.
    pub features: usize,
    /// The window [x0, y0, x1, y1] beside the whole picture, and its f.
    pub window: Option<([u32; 4], f64)>,
}

impl Finding {
    /// The line that is printed.
    pub fn text(&self) -> String {
        let window = self.window.map_or_else(String::new, |(_, score)| format!(", its best window {score:+.3}"));
        format!("{}: {}: {} {:+.3}{window}\n", self.figure, self.category, self.picture, self.score)
    }
}

pub(super) fn draw(
    context: &mut Context<'_>,
    model: &BagOfWords,
    photographs: &Photographs,
    ranked: &Ranked,
) -> Result<(), Error> {
    // As in the paper: the cat, the last category, in Fig 1; the aeroplane, the one before, in Fig 4.
    let last = photographs.categories.len() - 1;
    for (figure, place) in [(Figure::Fig1, last), (Figure::Fig4, last.saturating_sub(1))] {
        if context.wants(figure) {
            draw_one(context, model, photographs, figure, photographs.categories[place], &ranked.pictures[place][0])?;
        }
    }
    Ok(())
}

fn draw_one(
    context: &mut Context<'_>,
    model: &BagOfWords,
    photographs: &Photographs,
    figure: Figure,
    category: usize,
    entry: &Entry,
) -> Result<(), Error> {
    let test = &photographs.test;
    let fail = explaining(test, entry);
    let picture = Picture::open(test.file(entry), model.reading())?;
    let method = Explaining { bias: BiasMode::Sink, ..model.settings.explain.method() };
    let explainer = model.explainer(method).map_err(ReadError::from)?;
    let seen = explainer.forward(&picture, Keep::Nothing).map_err(&fail)?;
    let query = Query { trace: Trace::Everything, ..Query::new(category) };
    let whole = seen.explain(&query).map_err(&fail)?;
    let words = model.channels[0].encoder.config.vocabulary.words;
    let channels = model.channels.len();
    let name = &model.categories()[category];

    let region = Rectangle::of_size(picture.width(), picture.height());
    let way = Way {
        picture: &picture,
        region,
        trace: &whole.traces[0],
        map: whole.relevance.view(),
        bias: whole.ledger.kept(Account::BiasSink),
        words,
        channels,
    };
    let prefix = if figure == Figure::Fig4 { "Global, " } else { "" };
    let mut rows = vec![
        (heading(prefix, "classification: picture → local features → histogram → score"), way.forward_row(name)?),
        (heading(prefix, "decomposition: score → R⁽³⁾ → R⁽²⁾ → R⁽¹⁾"), way.backward_row(name)?),
    ];
    let mut window = None;
    if figure == Figure::Fig4 {
        let tiles = model.settings.explain.tiles.unwrap_or_default();
        let local = seen.explain(&Query { tiles: Some(tiles), ..query }).map_err(&fail)?;
        let best = best_window(&local);
        let region = local.windows[best].rectangle;
        let trace = &local.traces[best];
        let shape = ((region.y1 - region.y0) as usize, (region.x1 - region.x0) as usize);
        let map = crate::numeric::matrix(shape, f64s(trace, "relevance"));
        let bias = local.windows[best].ledger.kept(Account::BiasSink);
        let way = Way { picture: &picture, region, trace, map: map.view(), bias, words, channels };
        let (width, height) = (region.x1 - region.x0, region.y1 - region.y0);
        let local_prefix = format!("Local, a window of {width}×{height}, ");
        let mut back = way.backward_row(name)?;
        back.extend([arrow(), whole_map(&picture, local.relevance.view(), "mean of all windows' R⁽¹⁾")?]);
        rows.push((heading(&local_prefix, "classification"), way.forward_row(name)?));
        rows.push((heading(&local_prefix, "decomposition"), back));
        window = Some(([region.x0, region.y0, region.x1, region.y1], local.windows[best].ledger.score));
    }
    let title = if channels > 1 {
        format!("{}: {name}; drawn is the first of {channels} channels, scores and maps are of all", entry.id)
    } else {
        format!("{}: {name}", entry.id)
    };
    context.write(figure, &Sheet { title, rows })?;
    context.report.pipeline.push(Finding {
        figure,
        category: name.clone(),
        picture: entry.id.clone(),
        score: whole.score,
        features: way_features(&whole),
        window,
    });
    Ok(())
}

fn way_features(explanation: &Explanation) -> usize {
    explanation.traces[0].tensors["channels.0.centres"].shape[0]
}

/// The window of the largest score, the first of equals.
fn best_window(local: &Explanation) -> usize {
    let score = |at: usize| local.windows[at].ledger.score;
    (0..local.windows.len()).reduce(|best, next| if score(next) > score(best) { next } else { best }).unwrap_or(0)
}

fn heading(prefix: &str, text: &str) -> String {
    let mut heading = format!("{prefix}{text}");
    heading[..1].make_ascii_uppercase();
    heading
}

/// One view's way there and back.
struct Way<'a> {
    picture: &'a Picture,
    region: Rectangle,
    trace: &'a Container,
    map: ArrayView2<'a, f64>,
    bias: f64,
    words: usize,
    channels: usize,
}

fn f64s(trace: &Container, name: &str) -> Vec<f64> {
    match trace.tensors.get(name).map(|tensor| &tensor.values) {
        Some(Values::F64(values)) => values.clone(),
        Some(Values::F32(values)) => values.iter().map(|&value| f64::from(value)).collect(),
        _ => Vec::new(),
    }
}

impl Way<'_> {
    fn forward_row(&self, category: &str) -> Result<Vec<Cell>, Error> {
        let score = f64s(self.trace, "score")[0];
        let centres = self.centres();
        let nearest = self.nearest_words();
        let dots = centres.iter().zip(&nearest).map(|(centre, word)| (*centre, colour_of(*word)));
        let used = nearest.iter().collect::<BTreeSet<_>>().len();
        let histogram = f64s(self.trace, "channels.0.histogram");
        let shown = self.shown_words();
        let bars = bars(&shown, &|word| (self.by_word(&histogram)[word], colour_of(word)));
        Ok(vec![
            Cell::new(self.fitted_picture(), [if self.is_whole() { "picture" } else { "window" }.to_string()]),
            arrow(),
            Cell::new(
                self.dots(dots),
                [format!("{} local features,", centres.len()), format!("coloured by their nearest words ({used})")],
            ),
            arrow(),
            Cell::new(
                bars,
                [format!("histogram: the {} words of the", shown.len()), format!("largest |R⁽³⁾| of {}", self.words)],
            ),
            arrow(),
            Cell::new(number(&format!("f = {score:+.3}")), [format!("score of \"{category}\"")]),
        ])
    }

    fn backward_row(&self, category: &str) -> Result<Vec<Cell>, Error> {
        let score = f64s(self.trace, "score")[0];
        let r3 = self.by_word(&f64s(self.trace, "channels.0.r3"));
        let r2 = f64s(self.trace, "channels.0.r2");
        let largest = r2.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let colour = |value: f64| Palette::Jet.colour(if largest > 0.0 { value / largest } else { 0.0 });
        let mut order: Vec<usize> = (0..r2.len()).collect();
        // The strongest on top.
        order.sort_by(|&a, &b| r2[a].abs().total_cmp(&r2[b].abs()));
        let centres = self.centres();
        let dots = order.into_iter().map(|l| (centres[l], colour(r2[l])));
        let shown = self.shown_words();
        let sign = |value: f64| Palette::Jet.colour(if value > 0.0 { 0.75 } else { -0.75 });
        let bars = bars(&shown, &|word| (r3[word], sign(r3[word])));
        let share: f64 = r3.iter().sum();
        let of = if self.channels > 1 { format!(", here {share:+.3}") } else { String::new() };
        Ok(vec![
            Cell::new(number(&format!("f = {score:+.3}")), [format!("score of \"{category}\"")]),
            arrow(),
            Cell::new(
                bars,
                ["R⁽³⁾ of the same words,".to_string(), format!("Σ = f − b = {:+.3}{of}", score - self.bias)],
            ),
            arrow(),
            Cell::new(self.dots(dots), ["R⁽²⁾ of the local features".to_string(), format!("colours: ±{largest:.2e}")]),
            arrow(),
            self.heatmap()?,
        ])
    }

    fn is_whole(&self) -> bool {
        self.region == Rectangle::of_size(self.picture.width(), self.picture.height())
    }

    fn region_picture(&self) -> Option<Picture> {
        let (x, y) = (self.region.x0 as usize, self.region.y0 as usize);
        self.picture.crop(x, y, (self.region.x1 as usize) - x, (self.region.y1 as usize) - y).ok()
    }

    fn fitted_picture(&self) -> RgbImage {
        let image = self.region_picture().map_or_else(|| self.picture.rgb8(), |picture| picture.rgb8());
        fitted(&image, CELL.0, CELL.1)
    }

    fn heatmap(&self) -> Result<Cell, Error> {
        let part = self.region_picture();
        whole_map(part.as_ref().unwrap_or(self.picture), self.map, "R⁽¹⁾ of the pixels")
    }

    /// The picture, pale, with dots at places of it.
    fn dots(&self, dots: impl ExactSizeIterator<Item = (Place, Ink)>) -> RgbImage {
        let mut image = self.fitted_picture();
        for pixel in image.pixels_mut() {
            pixel.0 = pixel.0.map(|part| (255.0 - PALE * (255.0 - f64::from(part))) as u8);
        }
        let scale = f64::from(image.width()) / f64::from(self.region.x1 - self.region.x0);
        let room = f64::from(image.width() * image.height()) / dots.len().max(1) as f64;
        let radius = (0.4 * room.sqrt()).clamp(0.7, 2.5);
        let mut canvas = Canvas::of(&image);
        for ((x, y), ink) in dots {
            let place = ((x - f64::from(self.region.x0) + 0.5) * scale, (y - f64::from(self.region.y0) + 0.5) * scale);
            canvas.disc(place, radius, ink);
        }
        canvas.finish()
    }

    fn centres(&self) -> Vec<Place> {
        f64s(self.trace, "channels.0.centres").chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }

    fn nearest_words(&self) -> Vec<usize> {
        let tensor = &self.trace.tensors["channels.0.words"];
        match &tensor.values {
            Values::U32(words) => words.chunks_exact(tensor.shape[1].max(1)).map(|row| row[0] as usize).collect(),
            _ => Vec::new(),
        }
    }

    /// A number for each word: the sum over its dimensions in all cells.
    fn by_word(&self, dimensions: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.words];
        dimensions.iter().enumerate().for_each(|(d, value)| sums[d % self.words] += value);
        sums
    }

    /// The numbers of the words with the largest |R3|.
    fn shown_words(&self) -> Vec<usize> {
        let r3 = self.by_word(&f64s(self.trace, "channels.0.r3"));
        let mut order: Vec<usize> = (0..self.words).collect();
        order.sort_by(|&a, &b| r3[b].abs().total_cmp(&r3[a].abs()));
        order.truncate(BARS);
        order.sort_unstable();
        order
    }
}

fn whole_map(picture: &Picture, map: ArrayView2<'_, f64>, caption: &str) -> Result<Cell, Error> {
    let scale = largest_magnitude(map);
    let image = render(Panel::Heatmap, picture, map, scale, Palette::Jet).map_err(FilesError::from)?;
    Ok(Cell::new(fitted(&image, CELL.0, CELL.1), [caption.to_string(), format!("colours: ±{scale:.2e}")]))
}

/// A colour for a word; neighbouring numbers have colours far apart.
fn colour_of(word: usize) -> Ink {
    let hue = (word as f64 * 0.618_033_988_75).fract() * 6.0;
    let light = [0.55, 0.75, 0.95][word % 3];
    [5.0, 3.0, 1.0].map(|shift: f64| {
        let k = (shift + hue) % 6.0;
        (255.0 * light * (1.0 - 0.85 * k.min(4.0 - k).clamp(0.0, 1.0))) as u8
    })
}

/// An arrow between two stages.
fn arrow() -> Cell {
    let (width, height) = (36, CELL.1);
    let middle = f64::from(height) / 2.0;
    let mut canvas = Canvas::white(width, height);
    canvas.arrow((3.0, middle), (f64::from(width) - 3.0, middle), 3.0, BLACK);
    Cell::new(canvas.finish(), [])
}

/// A number on white, as tall as the pictures beside it.
fn number(text: &str) -> RgbImage {
    let size = 20.0;
    let mut image = RgbImage::from_pixel(text_width(size, text) + 10, CELL.1, image::Rgb([255; 3]));
    write_text(&mut image, 5, CELL.1 as i32 / 2 - 12, size, text);
    image
}

/// Bars of the `shown` words from the line of 0, to the scale of the largest.
fn bars(shown: &[usize], value: &dyn Fn(usize) -> (f64, Ink)) -> RgbImage {
    let (width, height) = (f64::from(CELL.0), f64::from(CELL.1));
    let values: Vec<(f64, Ink)> = shown.iter().map(|&word| value(word)).collect();
    let high = values.iter().fold(0.0f64, |high, (value, _)| high.max(*value));
    let low = values.iter().fold(0.0f64, |low, (value, _)| low.min(*value));
    let scale = (height - 12.0) / (high - low).max(f64::MIN_POSITIVE);
    let zero = 6.0 + high * scale;
    let mut canvas = Canvas::white(CELL.0, CELL.1);
    let step = width / values.len().max(1) as f64;
    for (number, (value, ink)) in values.into_iter().enumerate() {
        let left = number as f64 * step;
        canvas.bar((left + 0.12 * step, zero), (left + 0.88 * step, zero - value * scale), ink);
    }
    canvas.line((0.0, zero), (width, zero), 1.0, BLACK);
    canvas.frame((0.5, 0.5), (width - 0.5, height - 0.5), 1.0, [170; 3]);
    canvas.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_words_have_different_colours() {
        let colours: Vec<Ink> = (0..60).map(colour_of).collect();
        for (a, b) in colours.iter().zip(&colours[1..]) {
            let far: i32 = a.iter().zip(b).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).sum();
            assert!(far > 100, "{a:?} {b:?}");
        }
        assert_eq!(colours.iter().collect::<BTreeSet<_>>().len(), 60);
    }

    /// Positive bars stand on the line of 0 and negative ones hang from it, the largest over the whole height.
    #[test]
    fn bars_have_signs_and_lengths() {
        let (red, blue) = ([255, 0, 0], [0, 0, 255]);
        let image = bars(&[4, 9], &|word| if word == 4 { (3.0, red) } else { (-1.0, blue) });
        let count = |ink: Ink| image.pixels().filter(|pixel| pixel.0 == ink).count() as f64;
        assert!((count(red) / count(blue) - 3.0).abs() < 0.15, "{} {}", count(red), count(blue));
        let row_of = |ink: Ink| image.enumerate_pixels().filter(|(_, _, p)| p.0 == ink).map(|(_, y, _)| y).max();
        assert!(row_of(red) < row_of(blue));
        assert_eq!(bars(&[], &|_| (0.0, red)).dimensions(), CELL);
    }
}
