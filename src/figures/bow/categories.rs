//! Figs 7–10: whole pictures of four categories with the settings of `paper-voc`.
//!
//! The bias is kept apart: if a category is rare and C small, f is close to −1, and b, spread over the dimensions, would drown what the pixels say.

use serde::Serialize;

use super::{Context, Figure, Photographs, explaining};
use crate::bow::train::scores;
use crate::bow::{BagOfWords, BiasMode, Explaining};
use crate::dataset::{Dataset, Entry};
use crate::error::Error;
use crate::explanation::Query;
use crate::export::drawing::FilesError;
use crate::heatmap::sheet::{Cell, Sheet, fitted};
use crate::heatmap::{Palette, Panel, largest_magnitude, render};
use crate::ledger::Account;
use crate::model::{Keep, Model, UnknownCategory};
use crate::picture::Picture;
use crate::settings::ReadError;

/// The categories of the paper's Figs 7, 8, 9 and 10, and what stands in for them.
const PAPER: [&[&str]; 4] = [&["bicycle", "motorbike"], &["person"], &["aeroplane", "train"], &["cat"]];
/// Number of pictures per figure.
const SHOWN: usize = 4;
/// Maximum size of a triplet in pixels.
const TRIPLET: (u32, u32) = (1000, 220);

/// What one of the figures shows.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The figure.
    pub figure: Figure,
    /// Its category.
    pub category: String,
    /// Its pictures, that of the largest score first.
    pub pictures: Vec<Shown>,
}

/// A picture of a figure.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// f.
    pub score: f64,
    /// b, which is not in the map.
    pub bias: f64,
    /// The relevance that the last colour stands for.
    pub scale: f64,
}

/// The test pictures of every shown category, that of the largest score first.
pub(super) struct Ranked {
    pub(super) pictures: Vec<Vec<Entry>>,
}

/// The places, among those `known`, of the categories to show: those `asked` for, or the paper's. If some of the paper's are missing, the first
/// ones not shown yet stand in. At most four.
pub(super) fn choose(known: &[String], asked: &[String]) -> Result<Vec<usize>, Error> {
    let place = |name: &str| known.iter().position(|category| category == name);
    if asked.len() > PAPER.len() {
        return Err(Error::usage(format!("\"--categories\" must name at most {}, got {}", PAPER.len(), asked.len())));
    }
    if !asked.is_empty() {
        let unknown = |name: &String| Error::UnknownCategory {
            flag: "--categories",
            source: UnknownCategory { found: name.clone(), known: known.to_vec() },
        };
        return asked.iter().map(|name| place(name).ok_or_else(|| unknown(name))).collect();
    }
    let papers = PAPER.map(|names| names.iter().find_map(|name| place(name)));
    let mut others = (0..known.len()).filter(|at| !papers.contains(&Some(*at)));
    Ok(papers.into_iter().filter_map(|paper| paper.or_else(|| others.next())).collect())
}

/// Scores the test pictures of the shown categories.
pub(super) fn rank(context: &Context<'_>, model: &BagOfWords, photographs: &Photographs) -> Result<Ranked, Error> {
    let test = &photographs.test;
    let shows = |entry: &Entry| photographs.categories.iter().any(|&category| entry.labels[category] == 1);
    let wanted =
        Dataset { pictures: test.pictures.iter().filter(|entry| shows(entry)).cloned().collect(), ..test.clone() };
    let scores = scores(model, &wanted, context.cache().as_ref(), context.progress);
    for (entry, score) in wanted.pictures.iter().zip(&scores) {
        if let Err(reason) = score {
            context.progress.warn(&format!("picture \"{}\" is left out: {reason}", entry.id));
        }
    }
    let of_category = |&category: &usize| {
        let scored = wanted.pictures.iter().zip(&scores).filter(|(entry, _)| entry.labels[category] == 1);
        let mut scored: Vec<(f64, &Entry)> =
            scored.filter_map(|(entry, scores)| Some((scores.as_ref().ok()?[category], entry))).collect();
        // A stable sort: of equals the first of the data set.
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.into_iter().map(|(_, entry)| entry.clone()).collect()
    };
    let pictures: Vec<Vec<Entry>> = photographs.categories.iter().map(of_category).collect();
    match photographs.categories.iter().zip(&pictures).find(|(_, pictures)| pictures.is_empty()) {
        None => Ok(Ranked { pictures }),
        Some((&category, _)) => {
            let name = &model.categories()[category];
            Err(Error::usage(format!("no picture in split \"test\" that is labelled \"{name}\" can be used")))
        }
    }
}

pub(super) fn draw(
    context: &mut Context<'_>,
    model: &BagOfWords,
    photographs: &Photographs,
    ranked: &Ranked,
) -> Result<(), Error> {
    for &figure in Figure::ALL {
        let Some(place) = figure.category_place().filter(|&place| place < photographs.categories.len()) else {
            continue;
        };
        if context.wants(figure) {
            draw_category(context, model, photographs, figure, place, &ranked.pictures[place])?;
        }
    }
    Ok(())
}

fn draw_category(
    context: &mut Context<'_>,
    model: &BagOfWords,
    photographs: &Photographs,
    figure: Figure,
    place: usize,
    ranked: &[Entry],
) -> Result<(), Error> {
    let category = photographs.categories[place];
    let name = model.categories()[category].clone();
    let test = &photographs.test;
    let method = Explaining { bias: BiasMode::Sink, ..model.settings.explain.method() };
    let explainer = model.explainer(method).map_err(ReadError::from)?;
    let mut finding = Finding { figure, category: name.clone(), pictures: Vec::new() };
    let mut rows = Vec::new();
    context.progress.begin(figure.name(), ranked.len().min(SHOWN));
    for entry in ranked.iter().take(SHOWN) {
        let picture = Picture::open(test.file(entry), model.reading())?;
        let fail = explaining(test, entry);
        let seen = explainer.forward(&picture, Keep::Nothing).map_err(&fail)?;
        let explanation = seen.explain(&Query::new(category)).map_err(&fail)?;
        let map = explanation.relevance.view();
        let scale = largest_magnitude(map);
        let image = render(Panel::Triplet, &picture, map, scale, Palette::Jet).map_err(FilesError::from)?;
        let bias = explanation.ledger.kept(Account::BiasSink);
        let caption = format!(
            "{}: score {:+.3}, of which bias {bias:+.3} apart and {:+.3} on the pixels, colours ±{scale:.2e} a pixel",
            entry.id, explanation.score, explanation.ledger.sum_relevance
        );
        rows.push((String::new(), vec![Cell::new(fitted(&image, TRIPLET.0, TRIPLET.1), [caption])]));
        finding.pictures.push(Shown {
            id: entry.id.clone(),
            score: explanation.score,
            bias: explanation.ledger.kept(Account::BiasSink),
            scale,
        });
        context.progress.step();
    }
    context.progress.end();
    let title = format!("{name}: histogram intersection, rank mapping, whole pictures");
    context.write(figure, &Sheet { title, rows })?;
    context.report.categories.push(finding);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_categories_come_first_and_others_fill_up() {
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let chosen = |known: &[&str], asked: &[&str]| {
            let known = names(known);
            choose(&known, &names(asked))
                .map(|places| places.into_iter().map(|at| known[at].clone()).collect::<Vec<_>>())
        };
        let all = ["aeroplane", "bicycle", "bird", "cat", "motorbike", "person", "train"];
        assert_eq!(chosen(&all, &[]).unwrap(), ["bicycle", "person", "aeroplane", "cat"]);
        assert_eq!(
            chosen(&["bird", "cat", "dog", "motorbike", "train"], &[]).unwrap(),
            ["motorbike", "bird", "train", "cat"]
        );
        assert_eq!(chosen(&["circle", "polygon"], &[]).unwrap(), ["circle", "polygon"]);
        assert_eq!(chosen(&all, &["cat", "bird"]).unwrap(), ["cat", "bird"]);
        let error = chosen(&all, &["cat", "brid"]).unwrap_err();
        assert_eq!(error.hint().unwrap(), "--categories bird");
        assert!(chosen(&all, &["cat"; 5]).unwrap_err().to_string().contains("at most 4"));
    }
}
