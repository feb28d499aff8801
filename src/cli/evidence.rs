//! `bowsight explain --neighbours K --words K`: training pictures and visual words for and against a score, as numbers and contact sheets.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::Args;
use image::{RgbImage, imageops};
use ndarray::Array2;
use serde::Serialize;

use crate::any::AnyModel;
use crate::bow::BagOfWords;
use crate::bow::config::Twins;
use crate::bow::words::examples;
use crate::causes::chain;
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::explanation::{Query, Target};
use crate::export::drawing::{Base, Drawing, Files, FilesError};
use crate::format::png::write_png;
use crate::heatmap::sheet::{Cell, Sheet, fitted, for_and_against};
use crate::heatmap::{Palette, Panel, largest_magnitude, render};
use crate::model::evidence::{Element, Evidence as OfModel, Example, PartMap};
use crate::model::{Model, Seen};
use crate::picture::{Picture, sha256_of_picture};

/// Size of the sheets' pictures in pixels.
const CELL: (u32, u32) = (260, 180);
/// Side of an example patch in pixels.
const PATCH: u32 = 64;

/// Which evidence to report besides the map.
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// Also show the K training pictures that speak most for the score and the K that speak most against it, with the pixels of both that match
    #[arg(long, value_name = "K")]
    neighbours: Option<usize>,
    /// Also show the K visual words with the largest relevance, and where they lie
    #[arg(long, value_name = "K")]
    words: Option<usize>,
    /// The training data, for the contact sheets
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Layout of the data; detected if omitted
    #[arg(long, value_name = "LAYOUT", requires = "data")]
    layout: Option<Layout>,
}

/// The evidence of one explanation, as it is printed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Found {
    neighbours: Option<FoundNeighbours>,
    words: Option<FoundWords>,
}

#[derive(Debug, Serialize)]
struct FoundNeighbours {
    speaking_for: Vec<FoundNeighbour>,
    speaking_against: Vec<FoundNeighbour>,
    rest: f64,
    others: usize,
    bias: f64,
    score: f64,
}

#[derive(Debug, Serialize)]
struct FoundNeighbour {
    picture: String,
    label: i8,
    contribution: f64,
    /// Whether it is the explained picture itself, which was in training.
    is_itself: bool,
}

#[derive(Debug, Serialize)]
struct FoundWords {
    words: Vec<FoundWord>,
    rest: f64,
    others: usize,
    sum: f64,
}

#[derive(Debug, Serialize)]
struct FoundWord {
    channel: usize,
    word: usize,
    relevance: f64,
    /// Its part of what all words of its sign say.
    share: f64,
    /// The part of all words of its sign that are at least as large.
    cumulative: f64,
    present: bool,
}

/// Evidence made ready once for all pictures of a run.
pub(crate) struct Reader<'a> {
    neighbours: Option<usize>,
    words: Option<usize>,
    /// None for a network, of which nothing can be asked here.
    model: Option<&'a BagOfWords>,
    /// The training pictures' files by id; none without training data.
    files: Option<HashMap<String, PathBuf>>,
    /// The digests of these files when the model was trained, by id, if the model has them.
    digests: HashMap<&'a str, &'a str>,
    /// Training pictures that are not shown, and why.
    refused: Mutex<BTreeMap<String, String>>,
    draw: bool,
    palette: Palette,
}

/// The explanation that evidence is gathered for.
pub(crate) struct Place<'a> {
    pub path: &'a Path,
    pub picture: &'a Picture,
    pub target: Target,
    pub out: &'a Path,
    pub base: &'a Base,
    pub title: String,
}

impl Evidence {
    /// Checks what is asked for before any picture is explained.
    pub fn reader<'a>(&self, model: &'a AnyModel, query: &Query, drawing: &Drawing) -> Result<Reader<'a>, Error> {
        let draw = !drawing.panels.is_empty();
        let AnyModel::BagOfWords(model) = model else {
            let asked = [("--neighbours", self.neighbours), ("--words", self.words)]
                .into_iter()
                .find(|(_, count)| count.is_some());
            return match asked {
                Some((flag, _)) => Err(Error::usage(format!(
                    "\"{flag}\" is for Bag-of-Words classifiers: a network keeps no training pictures"
                ))),
                None => Ok(Reader::none(drawing)),
            };
        };
        for (flag, count) in [("--neighbours", self.neighbours), ("--words", self.words)] {
            if count == Some(0) {
                return Err(Error::usage(format!("\"{flag}\" must be at least 1, got 0")));
            }
        }
        let asked = self.neighbours.is_some() || self.words.is_some();
        if asked && query.tiles.is_some() {
            return Err(Error::Usage {
                message: "\"--neighbours\" and \"--words\" speak of the whole picture, not of tiles".to_string(),
                hint: Some("--tiles none".to_string()),
            });
        }
        if asked && model.settings.picture.twins == Twins::Test {
            return Err(Error::usage(
                "\"--neighbours\" and \"--words\" are not available for models that average over mirrored pictures",
            ));
        }
        if self.neighbours.is_some() && model.kernel_machine().is_none() {
            return Err(Error::Usage {
                message: "\"--neighbours\" needs the training pictures' coefficients, and of this model's linear classifiers only weights are left"
                    .to_string(),
                hint: Some("a model trained with --solver smo; --words works with this one".to_string()),
            });
        }
        if self.neighbours.is_some() && draw && self.data.is_none() {
            return Err(Error::Usage {
                message: "the contact sheet of \"--neighbours\" needs the training pictures".to_string(),
                hint: Some(
                    "--data DIR, the data that the model was trained on; or --no-heatmap for the numbers alone"
                        .to_string(),
                ),
            });
        }
        let files = match &self.data {
            Some(data) if asked => Some(self.training_files(model, data)?),
            _ => None,
        };
        let training = &model.training;
        let digests = training.pictures.iter().map(String::as_str).zip(training.digests.iter().map(String::as_str));
        Ok(Reader {
            neighbours: self.neighbours,
            words: self.words,
            model: Some(model),
            files,
            digests: digests.collect(),
            refused: Mutex::default(),
            draw,
            palette: drawing.palette,
        })
    }

    /// The training pictures' files by id.
    fn training_files(&self, model: &BagOfWords, data: &Path) -> Result<HashMap<String, PathBuf>, Error> {
        let known = Dataset::split_names(data, self.layout)?;
        let split = known.contains(&model.training.split).then_some(model.training.split.as_str());
        let dataset = Dataset::open(data, split, self.layout)?;
        let files: HashMap<String, PathBuf> =
            dataset.pictures.iter().map(|entry| (entry.id.clone(), dataset.file(entry))).collect();
        match model.training.pictures.iter().find(|id| !files.contains_key(*id)) {
            None => Ok(files),
            Some(id) => Err(Error::Usage {
                message: format!("\"{}\" does not hold the training picture \"{id}\"", data.display()),
                hint: Some("--data must be the data that the model was trained on".to_string()),
            }),
        }
    }
}

impl Reader<'_> {
    /// A reader that reads nothing.
    fn none(drawing: &Drawing) -> Self {
        Self {
            neighbours: None,
            words: None,
            model: None,
            files: None,
            digests: HashMap::new(),
            refused: Mutex::default(),
            draw: false,
            palette: drawing.palette,
        }
    }

    fn model(&self) -> &BagOfWords {
        self.model.expect("a network's evidence is refused before the work")
    }

    /// Gathers what was asked for and writes its contact sheets; their names go to `files`.
    pub fn read(&self, seen: &dyn Seen, place: &Place<'_>, files: &mut Files) -> Result<Found, Error> {
        if self.neighbours.is_none() && self.words.is_none() {
            return Ok(Found::default());
        }
        let evidence = seen.evidence().expect("models without evidence are refused before the work");
        let neighbours =
            self.neighbours.map(|count| self.read_neighbours(evidence, place, count, files)).transpose()?;
        let words = self.words.map(|count| self.read_words(evidence, place, count, files)).transpose()?;
        Ok(Found { neighbours, words })
    }

    fn read_neighbours(
        &self,
        evidence: &dyn OfModel,
        place: &Place<'_>,
        count: usize,
        files: &mut Files,
    ) -> Result<FoundNeighbours, Error> {
        let neighbours = evidence.examples(place.target, count);
        let training = &self.model().training;
        let found = |neighbour: &Example| FoundNeighbour {
            picture: training.support_pictures[neighbour.row].to_string(),
            is_itself: self.is_itself(place, neighbour),
            label: self.label(place.target, neighbour),
            contribution: neighbour.contribution,
        };
        if self.draw
            && let Some(files_of_training) = &self.files
        {
            let total = neighbours.score() - neighbours.bias;
            let mut rows =
                vec![self.own_row(
                    place,
                    format!("score {:+.4}, of which bias {:+.4}", neighbours.score(), neighbours.bias),
                )?];
            let column = |list: &[Example]| -> Result<Vec<Cell>, Error> {
                let cell = |neighbour: &Example| {
                    let cells = self.neighbour_cells(evidence, place, neighbour, files_of_training, total)?;
                    let row = Sheet { title: String::new(), rows: vec![(String::new(), cells)] };
                    Ok(Cell::new(row.render(), []))
                };
                list.iter().map(cell).collect()
            };
            rows.extend(for_and_against(column(&neighbours.supporting)?, column(&neighbours.opposing)?));
            let shown = neighbours.supporting.len() + neighbours.opposing.len();
            let rest = format!("{shown} shown; the other {} together {:+.4}", neighbours.others, neighbours.rest);
            rows.push((rest, Vec::new()));
            self.write(place, "neighbours", Sheet { title: place.title.clone(), rows }, files)?;
        }
        Ok(FoundNeighbours {
            speaking_for: neighbours.supporting.iter().map(found).collect(),
            speaking_against: neighbours.opposing.iter().map(found).collect(),
            rest: neighbours.rest,
            others: neighbours.others,
            bias: neighbours.bias,
            score: neighbours.score(),
        })
    }

    /// The label of a training picture: +1, −1, or 0 for difficult ones.
    fn label(&self, target: Target, neighbour: &Example) -> i8 {
        let machine = self.model().kernel_machine().expect("linear models are refused before the work");
        machine.labels[(target.category, neighbour.row)]
    }

    /// Whether the training picture is the explained one.
    fn is_itself(&self, place: &Place<'_>, neighbour: &Example) -> bool {
        let trained = self.digests.get(self.model().training.support_pictures[neighbour.row].id());
        trained.is_some_and(|trained| sha256_of_picture(place.path).is_ok_and(|own| own == *trained))
    }

    /// The explained picture alone.
    fn own_row(&self, place: &Place<'_>, caption: String) -> Result<(String, Vec<Cell>), Error> {
        let picture = fitted(&place.picture.rgb8(), CELL.0, CELL.1);
        Ok((String::new(), vec![Cell::new(picture, [caption])]))
    }

    /// The training picture and, if the kernels are sums, the pixels of both pictures that match.
    fn neighbour_cells(
        &self,
        evidence: &dyn OfModel,
        place: &Place<'_>,
        neighbour: &Example,
        training_files: &HashMap<String, PathBuf>,
        total: f64,
    ) -> Result<Vec<Cell>, Error> {
        let name = &self.model().training.support_pictures[neighbour.row];
        let file = &training_files[name.id()];
        let percent = 100.0 * neighbour.contribution / total;
        let kind = match self.label(place.target, neighbour) {
            1 => "of the category",
            -1 => "not of the category",
            _ => "difficult",
        };
        let share = format!("{:+.4}, {percent:+.1} % of score − bias", neighbour.contribution);
        let Some(training) = self.training_picture(name.id(), file) else {
            let blank = RgbImage::from_pixel(CELL.0, CELL.1, image::Rgb([224; 3]));
            return Ok(vec![Cell::new(blank, [format!("{name} ({kind}): not shown, its file has changed"), share])]);
        };
        let training = if name.is_mirrored() { training.mirrored() } else { training };
        let itself = if self.is_itself(place, neighbour) { ", this picture itself" } else { "" };
        let captions = [format!("{name} ({kind}{itself})"), share];
        let mut cells = vec![Cell::new(fitted(&training.rgb8(), CELL.0, CELL.1), captions)];
        let failed = |source| Error::Explain { path: file.to_path_buf(), source };
        if let Some(found) = evidence.match_example(place.target, neighbour.row, &training).map_err(failed)? {
            cells.push(Cell::new(self.overlay(&training, &found.answering)?, ["its pixels that answer".to_string()]));
            let way = if neighbour.contribution > 0.0 { "for" } else { "against" };
            cells
                .push(Cell::new(self.overlay(place.picture, &found.claimed)?, [format!("the pixels it speaks {way}")]));
        }
        Ok(cells)
    }

    fn read_words(
        &self,
        evidence: &dyn OfModel,
        place: &Place<'_>,
        count: usize,
        files: &mut Files,
    ) -> Result<FoundWords, Error> {
        let failed = |source| Error::Explain { path: place.path.to_path_buf(), source };
        let elements = evidence.elements(place.target).map_err(failed)?;
        let words = elements.ranked();
        let sum: f64 = words.iter().map(|word| word.relevance).sum();
        let shown = &words[..count.min(words.len())];
        let shares = shares(&words);
        if self.draw {
            let mut rows = vec![self.own_row(place, format!("sum over all {} words {sum:+.4}", words.len()))?];
            let cell = |at: usize| -> Result<Cell, Error> {
                let word = &words[at];
                let map = elements.map(word);
                let name = if self.model().channels.len() > 1 {
                    format!("channel {}, word {}", word.group, word.number)
                } else {
                    format!("word {}", word.number)
                };
                let note = if word.present { String::new() } else { ", not in the picture".to_string() };
                let mut image = self.overlay(place.picture, &map)?;
                let patches = self.patches(word.group, word.number)?;
                if !patches.is_empty() {
                    image = stacked(&image, &patches);
                }
                let way = if word.relevance > 0.0 { "for" } else { "against" };
                let (share, cumulative) = shares[at];
                let amount = format!("{:+.5}{note}: {share:.1} % of all that speaks {way}", word.relevance);
                Ok(Cell::new(image, [name, amount, format!("{cumulative:.1} % so far")]))
            };
            let (speaking_for, against): (Vec<usize>, Vec<usize>) =
                (0..shown.len()).partition(|&at| words[at].relevance > 0.0);
            let column = |words: Vec<usize>| words.into_iter().map(cell).collect::<Result<Vec<Cell>, Error>>();
            rows.extend(for_and_against(column(speaking_for)?, column(against)?));
            self.write(place, "words", Sheet { title: place.title.clone(), rows }, files)?;
        }
        let found = |(word, &(share, cumulative)): (&Element, &(f64, f64))| FoundWord {
            channel: word.group,
            word: word.number,
            relevance: word.relevance,
            share: share / 100.0,
            cumulative: cumulative / 100.0,
            present: word.present,
        };
        let rest = words.iter().skip(count).map(|word| word.relevance).sum();
        let found = shown.iter().zip(&shares).map(found).collect();
        Ok(FoundWords { words: found, rest, others: words.len() - shown.len(), sum })
    }

    /// Opens a training picture, unless its file is no longer what the model was trained on.
    fn training_picture(&self, id: &str, file: &Path) -> Option<Picture> {
        let found = match self.digests.get(id) {
            Some(digest) => match sha256_of_picture(file) {
                Ok(found) if found == *digest => Ok(()),
                Ok(_) => Err(format!("\"{}\" is not the file that the model was trained on", file.display())),
                Err(error) => Err(format!("\"{}\" can't be read: {error}", file.display())),
            },
            None => Ok(()),
        };
        let opened = found.and_then(|()| Picture::open(file, self.model().reading()).map_err(|error| chain(&error)));
        opened
            .map_err(|reason| {
                let mut refused = self.refused.lock().expect("the lock is never held across a panic");
                refused.insert(id.to_string(), reason);
            })
            .ok()
    }

    /// The training pictures that were not shown, with the reasons.
    pub fn refused(&self) -> BTreeMap<String, String> {
        self.refused.lock().expect("the lock is never held across a panic").clone()
    }

    /// A word's example patches: from the model, or cut from the training pictures, or none.
    fn patches(&self, channel: usize, word: usize) -> Result<Vec<RgbImage>, Error> {
        let Some(examples) = &self.model().channels[channel].examples else { return Ok(Vec::new()) };
        if let Some(patches) = &examples.patches {
            let side = examples::PATCH as u32;
            return Ok(patches[word]
                .iter()
                .filter_map(|patch| RgbImage::from_raw(side, side, patch.clone()))
                .collect());
        }
        let Some(files) = &self.files else { return Ok(Vec::new()) };
        let mut patches = Vec::new();
        for example in &examples.places[word] {
            let id = &self.model().training.pictures[example.picture as usize];
            if let Some(picture) = self.training_picture(id, &files[id]) {
                patches.extend(examples::cut(&picture, example.rectangle));
            }
        }
        Ok(patches)
    }

    /// A part's map over its picture, at its own scale.
    fn overlay(&self, picture: &Picture, part: &PartMap) -> Result<RgbImage, Error> {
        let map: &Array2<f64> = &part.relevance;
        let scale = largest_magnitude(map.view());
        let image = render(Panel::Overlay, picture, map.view(), scale, self.palette).map_err(FilesError::from)?;
        Ok(fitted(&image, CELL.0, CELL.1))
    }

    fn write(&self, place: &Place<'_>, kind: &str, sheet: Sheet, files: &mut Files) -> Result<(), Error> {
        let file = place.base.file(&format!("{kind}.png"));
        let notes = [("bowsight:scale", "each map's own largest magnitude".to_string())];
        write_png(&place.out.join(&file), &sheet.render(), &notes).map_err(FilesError::from)?;
        files.insert(kind.to_string(), file);
        Ok(())
    }
}

/// Each word's share of all words of its sign, and that of all up to it, in per cent; `words` are in falling order of magnitude.
fn shares(words: &[Element]) -> Vec<(f64, f64)> {
    let side = |word: &Element| usize::from(word.relevance > 0.0);
    let mut all = [0.0; 2];
    words.iter().for_each(|word| all[side(word)] += word.relevance);
    let mut so_far = [0.0; 2];
    let share = |word: &Element| {
        so_far[side(word)] += word.relevance;
        let percent = |part: f64| if part == 0.0 { 0.0 } else { 100.0 * part / all[side(word)] };
        (percent(word.relevance), percent(so_far[side(word)]))
    };
    words.iter().map(share).collect()
}

/// A picture with a row of patches below it.
fn stacked(image: &RgbImage, patches: &[RgbImage]) -> RgbImage {
    const GAP: u32 = 4;
    let side = PATCH;
    let width = image.width().max(patches.len() as u32 * (side + GAP));
    let mut whole = RgbImage::from_pixel(width, image.height() + GAP + side, image::Rgb([255; 3]));
    imageops::replace(&mut whole, image, 0, 0);
    for (number, patch) in patches.iter().enumerate() {
        let x = number as u32 * (side + GAP);
        let patch = fitted(patch, side, side);
        imageops::replace(&mut whole, &patch, i64::from(x), i64::from(image.height() + GAP));
    }
    whole
}

impl Found {
    /// The lines that are printed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(neighbours) = &self.neighbours {
            let total = neighbours.score - neighbours.bias;
            text.push_str("  training pictures that speak\n");
            for neighbour in neighbours.speaking_for.iter().chain(&neighbours.speaking_against) {
                text.push_str(&format!(
                    "    {:+.6}  {:+6.1} %  {} ({:+}){}\n",
                    neighbour.contribution,
                    100.0 * neighbour.contribution / total,
                    neighbour.picture,
                    neighbour.label,
                    if neighbour.is_itself { ", this picture itself" } else { "" }
                ));
            }
            text.push_str(&format!(
                "    {:+.6}  {:+6.1} %  the other {}\n    {:+.6}            bias\n    {:+.6}            the score: their sum\n",
                neighbours.rest,
                100.0 * neighbours.rest / total,
                neighbours.others,
                neighbours.bias,
                neighbours.score
            ));
        }
        if let Some(words) = &self.words {
            text.push_str("  words that speak\n");
            for word in &words.words {
                let note = if word.present { "" } else { ", not in the picture: everywhere alike" };
                let way = if word.relevance > 0.0 { "for" } else { "against" };
                text.push_str(&format!(
                    "    {:+.6}  {:4.1} % of all that speaks {way}, {:5.1} % so far  channel {}, word {}{note}\n",
                    word.relevance,
                    100.0 * word.share,
                    100.0 * word.cumulative,
                    word.channel,
                    word.word
                ));
            }
            text.push_str(&format!(
                "    {:+.6}  the other {}\n    {:+.6}  all words\n",
                words.rest, words.others, words.sum
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_same_sign() {
        let word = |relevance| Element { group: 0, number: 0, relevance, present: true };
        let found = shares(&[3.0, -2.0, 1.0, -2.0, 0.0].map(word));
        assert_eq!(found, [(75.0, 75.0), (50.0, 50.0), (25.0, 100.0), (50.0, 100.0), (0.0, 100.0)]);
        assert_eq!(shares(&[0.0].map(word)), [(0.0, 0.0)]);
    }
}
