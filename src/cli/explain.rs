//! `bowsight explain`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use super::Outcome;
use super::arguments::{Explaining, ModelFile, selection};
use super::completions::categories;
use super::evidence::{Evidence, Found, Place, Reader};
use super::pictures::{Named, Pictures, warn_of_sizes};
use super::report::Reporter;
use crate::causes::chain;
use crate::error::Error;
use crate::explanation::{LayerAccount, Query, Selection, Trace};
use crate::export::drawing::{Base, Drawing, Files, FilesError, Subject, WindowAccount, require_different_names};
use crate::format::atomic::write_with;
use crate::format::npy::encode;
use crate::format::path_text::{to_path, to_text};
use crate::heatmap::{Panel, Scale};
use crate::ledger::{Account, Ledger, Note};
use crate::model::{Keep, Model, ModelError};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight explain photo.jpg --model voc.bowsight
  bowsight explain photo.jpg --model voc.bowsight --category horse,person
  bowsight explain photo.jpg --model voc.bowsight --category horse --against cow --heatmap triplet --palette diverging
  bowsight explain photos/ --model voc.bowsight --scale set --out maps
  bowsight explain photo.jpg --model voc.bowsight --category horse --neighbours 4 --words 8 --data VOC2012
  bowsight explain photo.jpg --model chi2.bowsight --category horse --tiles 102/34 --decomposition taylor

For every picture and category it writes PICTURE.CATEGORY.npy, the raw relevance of every pixel, and the drawings asked for. \
    It prints the account of the score: the sum of the pixels, and what went elsewhere.")]
pub(crate) struct Arguments {
    /// Pictures, folders of pictures (with all folders inside), or lists of pictures (.csv, .tsv, .txt)
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelFile,
    /// The categories whose scores are explained: top (the one with the largest score), all, or names
    #[arg(long, value_name = "top|all|NAMES", default_value = "top", add = categories(&["top", "all"]))]
    category: String,
    /// The folder for the files
    #[arg(long, value_name = "DIR", default_value = "explanations", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    #[command(flatten)]
    explaining: Explaining,
    /// Also write every layer's numbers to PICTURE.CATEGORY.trace.safetensors
    #[arg(long)]
    trace: bool,
    /// The same, with the descriptors and the picture
    #[arg(long)]
    trace_descriptors: bool,
    /// Networks: also write the relevance of every layer, the input's by channel, to PICTURE.CATEGORY.layers.safetensors
    #[arg(long, conflicts_with_all = ["trace", "trace_descriptors"])]
    layers: bool,
    #[command(flatten)]
    evidence: Evidence,
}

/// One explanation, as it is printed.
#[derive(Debug, Serialize)]
struct Explained {
    #[serde(serialize_with = "path_text")]
    picture: PathBuf,
    /// What its files are called.
    #[serde(skip)]
    name: String,
    category: String,
    against: Option<String>,
    /// None if the model does not know its training pictures.
    in_training: Option<bool>,
    ledger: Ledger,
    channels: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<LayerAccount>,
    windows: Vec<WindowAccount>,
    largest: f64,
    scale: Option<f64>,
    evidence: Found,
    files: Files,
}

struct Job<'a> {
    model: &'a dyn Model,
    model_name: String,
    drawing: &'a Drawing,
    selection: Selection,
    query: Query,
    keep: Keep,
    out: &'a Path,
    evidence: Reader<'a>,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let file = arguments.model.open()?;
    let explainer = arguments.explaining.explainer(&file, reporter)?;
    let model = explainer.as_ref();
    let selection = selection(model, &arguments.category)?;
    if selection == Selection::True {
        return Err(Error::usage("\"--category true\" needs labelled data: see bowsight export"));
    }
    let Pictures { named: pictures, incomplete } = Pictures::of(&arguments.pictures, reporter)?;
    let names = pictures.iter().map(|picture| (picture.name.as_str(), picture.path.display().to_string()));
    require_different_names(names).map_err(|error| Error::Usage {
        message: error.to_string(),
        hint: Some("explain them in two runs with different --out folders, or give their folder".to_string()),
    })?;
    let query = arguments.explaining.query(model)?;
    let drawing = arguments.explaining.drawing(model, &query, &[Panel::Heatmap, Panel::Overlay, Panel::Triplet]);
    let trace = match (arguments.trace || arguments.trace_descriptors, arguments.layers) {
        (true, _) => Trace::Everything,
        (_, true) => Trace::Relevance,
        _ => Trace::Nothing,
    };
    let job = Job {
        model,
        model_name: name_of(&arguments.model.model),
        drawing: &drawing,
        selection,
        query: Query { trace, bias_apart: drawing.bias_apart, ..query },
        keep: if arguments.trace_descriptors { Keep::Everything } else { Keep::Nothing },
        out: &arguments.out,
        evidence: arguments.evidence.reader(&file, &query, &drawing)?,
    };
    warn_of_sizes(model, pictures.iter().map(|picture| picture.path.clone()), reporter);
    reporter.begin("explaining", pictures.len());
    let explain = |picture: &Named| {
        let mut timings = Timings::default();
        let explained = job.explain(picture, &mut timings);
        reporter.record_time(1, &timings);
        reporter.step();
        explained
    };
    let results: Vec<Result<Vec<Explained>, Error>> = pictures.par_iter().map(explain).collect();
    reporter.end();
    let mut done = Vec::new();
    let mut failures = Vec::new();
    for (Named { path, .. }, result) in pictures.iter().zip(results) {
        match result {
            Ok(explained) => done.extend(explained),
            // With one picture its error is the command's.
            Err(error) if pictures.len() == 1 || is_of_all(&error) => {
                return Err(error);
            }
            Err(error) => failures.push((path, chain(&error))),
        }
    }
    if drawing.scale == Scale::Set {
        job.draw_set(&mut done)?;
    }
    print(reporter, &done, &failures, drawing.scale, &arguments.out)?;
    for (path, reason) in &failures {
        reporter.warn(&format!("picture \"{}\" failed: {reason}", path.display()));
    }
    let refused = job.evidence.refused();
    for (id, reason) in &refused {
        reporter.warn(&format!("training picture \"{id}\" is not shown: {reason}"));
    }
    Ok(Outcome::after(incomplete || !failures.is_empty() || !refused.is_empty()))
}

impl Job<'_> {
    fn subject(&self, path: &Path, category: &str, score: f64) -> Subject {
        let against = self.query.target.against.map(|other| self.model.categories()[other].as_str());
        Subject::new(&name_of(path), category, against, score)
    }

    fn base(&self, name: &str, category: &str) -> Base {
        let against = self.query.target.against.map(|other| self.model.categories()[other].as_str());
        Base::new(name, category, against)
    }

    fn explain(&self, named: &Named, timings: &mut Timings) -> Result<Vec<Explained>, Error> {
        let path = named.path.as_path();
        let picture = timings.time(Stage::DECODE, || Picture::open(path, self.model.reading()))?;
        let fail = |source| Error::Explain { path: path.to_path_buf(), source };
        let seen = self.model.forward(&picture, self.keep).map_err(fail)?;
        let original = timings.time(Stage::DECODE, || self.drawing.original(&picture, path, self.model.reading()))?;
        let shown = original.as_ref().unwrap_or(&picture);
        let in_training = self.model.was_trained_on_file(path);
        *timings += &seen.timings();
        let mut explained = Vec::new();
        for category in self.selection.of(&[], seen.scores()) {
            let query = self.query.about(category);
            let mut explanation = seen.explain(&query).map_err(fail)?;
            if let Some(original) = &original {
                explanation = explanation.enlarged(original.width(), original.height());
            }
            *timings += &explanation.timings;
            let writing = Instant::now();
            let name = &self.model.categories()[category];
            let base = self.base(&named.name, name);
            let subject = self.subject(path, name, explanation.score);
            let mut written = self.drawing.write(self.out, &base, shown, &explanation, &subject)?;
            if let Some(root) = &explanation.root {
                let file = base.file("root.npy");
                write_with(&self.out.join(&file), |out| encode(root.view(), self.drawing.dtype, out))?;
                written.files.insert("root".to_string(), file);
            }
            for (number, mut trace) in explanation.traces.into_iter().enumerate() {
                trace.metadata.insert("picture".to_string(), name_of(path));
                trace.metadata.insert("model".to_string(), self.model_name.clone());
                let window = explanation.windows.get(number).map(|window| window.rectangle);
                let place = window.map_or_else(String::new, |window| format!("x{}y{}.", window.x0, window.y0));
                let what = if query.trace == Trace::Relevance { "layers" } else { "trace" };
                let file = base.file(&format!("{place}{what}.safetensors"));
                trace.write(&self.out.join(&file))?;
                let kind =
                    if place.is_empty() { what.to_string() } else { format!("{what}.{}", place.trim_end_matches('.')) };
                written.files.insert(kind, file);
            }
            let title = format!("{}: {name}", name_of(path));
            let place = Place { path, picture: &picture, target: query.target, out: self.out, base: &base, title };
            let evidence = self.evidence.read(seen.as_ref(), &place, &mut written.files)?;
            written.batch.sync()?;
            timings.add(Stage::WRITE, writing.elapsed());
            explained.push(Explained {
                picture: path.to_path_buf(),
                name: named.name.clone(),
                category: name.clone(),
                against: query.target.against.map(|other| self.model.categories()[other].clone()),
                in_training,
                ledger: explanation.ledger,
                channels: explanation.parts,
                layers: explanation.layers,
                windows: explanation.windows.iter().map(WindowAccount::from).collect(),
                largest: written.largest,
                scale: written.scale,
                evidence,
                files: written.files,
            });
        }
        Ok(explained)
    }

    /// Draws all maps at the largest magnitude of all.
    fn draw_set(&self, done: &mut [Explained]) -> Result<(), Error> {
        let scale = done.iter().map(|explained| explained.largest).fold(0.0, f64::max);
        for explained in done {
            let base = self.base(&explained.name, &explained.category);
            let subject = self.subject(&explained.picture, &explained.category, explained.ledger.score);
            let picture = Picture::open(&explained.picture, &self.drawing.reading(self.model.reading()))?;
            self.drawing.redraw(self.out, &base, &picture, scale, &subject)?.sync()?;
            explained.scale = Some(scale);
        }
        Ok(())
    }
}

impl Explained {
    /// Where the score comes from, in lines that add up to it.
    fn account(&self) -> String {
        let ledger = &self.ledger;
        let against = self.against.as_ref().map_or_else(String::new, |other| format!(" − {other}"));
        let mut text = format!("{}  {}{against}\n", self.picture.display(), self.category);
        if self.in_training == Some(true) {
            text.push_str("  this picture was in training: its score says nothing about others\n");
        }
        let mut line = |amount: f64, what: &str| text.push_str(&format!("  {}  {what}\n", amount_of(amount)));
        if self.windows.is_empty() {
            line(ledger.places(), "places in the picture");
            let spread = ledger.noted(Note::SpreadBias);
            let lines =
                [(ledger.lacking(), "what the picture lacks, spread evenly"), (spread, "the bias, spread evenly")];
            let kept = Account::ALL.iter().map(|account| (ledger.kept(*account), account.label()));
            // A bias spread over dimensions differs from zero by more than rounding, or not at all.
            for (amount, what) in lines.into_iter().chain(kept).filter(|(amount, _)| amount.abs() > 1e-12) {
                line(amount, what);
            }
            line(ledger.score, &format!("the score: their sum, to {:.0e}", ledger.error.abs()));
        } else {
            let scores: Vec<f64> = self.windows.iter().map(|window| window.score).collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            let (low, high) = scores.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &f| (l.min(f), h.max(f)));
            let windows = match scores.len() {
                1 => "the score of the one window, the whole picture".to_string(),
                count => {
                    format!(
                        "mean of the scores of {count} windows, from {} to {}",
                        amount_of(low).trim(),
                        amount_of(high).trim()
                    )
                }
            };
            line(mean, &windows);
            line(ledger.sum_relevance, "sum of the map, the mean of the windows' maps; it is no score");
            line(ledger.score, "the score of the whole picture");
        }
        if self.channels.len() > 1 {
            let sums: Vec<String> = self.channels.iter().map(|&sum| amount_of(sum).trim().to_string()).collect();
            text.push_str(&format!("  by channel: {}\n", sums.join(", ")));
        }
        text
    }
}

/// An amount of score, in a column.
fn amount_of(amount: f64) -> String {
    format!("{amount:+10.4}").replace('-', "−")
}

/// Whether the error stops the whole command: a full disk, or a request that the model can't meet. A refused file name stops only its
/// own picture.
fn is_of_all(error: &Error) -> bool {
    match error {
        Error::Write(error) | Error::Files(FilesError::Write(error)) => !error.is_of_its_name(),
        Error::Files(_) | Error::Explain { source: ModelError::Unsupported { .. }, .. } => true,
        _ => false,
    }
}

/// The path as JSON has it.
fn path_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_text(path))
}

fn name_of(path: &Path) -> String {
    to_text(Path::new(path.file_name().unwrap_or_default()))
}

fn print(
    reporter: &Reporter,
    done: &[Explained],
    failures: &[(&PathBuf, String)],
    scale: Scale,
    out: &Path,
) -> Result<(), Error> {
    let mut text = String::new();
    for explained in done {
        text.push_str(&explained.account());
        text.push_str(&explained.evidence.text());
        if let Some(value) = explained.scale {
            text.push_str(&format!("  colours: ±{value:.1e} a pixel (--scale {scale})\n"));
        }
        for (kind, file) in &explained.files {
            text.push_str(&format!("  {kind:<19} {}\n", out.join(to_path(file)).display()));
        }
    }
    reporter.text(&text)?;
    let failures: Vec<serde_json::Value> =
        failures.iter().map(|(path, reason)| serde_json::json!({"picture": to_text(path), "error": reason})).collect();
    reporter.document(&serde_json::json!({ "explanations": done, "failed": failures }))
}
