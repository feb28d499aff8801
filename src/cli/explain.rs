//! `bowsight explain`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use super::Outcome;
use super::arguments::{Explaining, ModelFile, selection};
use super::evidence::{Evidence, Found, Place, Reader};
use super::report::Reporter;
use crate::causes::chain;
use crate::error::Error;
use crate::explanation::{Query, Selection};
use crate::export::drawing::{Base, Drawing, Files, FilesError, WindowAccount, require_different_names};
use crate::format::path_text::to_text;
use crate::heatmap::{Panel, Scale};
use crate::ledger::{Account, Ledger, Note};
use crate::model::{Keep, Model, ModelError};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight explain photo.jpg --model voc.bowsight --category horse
  bowsight explain photo.jpg --model voc.bowsight --category horse --against cow --heatmap triplet --palette diverging
  bowsight explain *.jpg --model voc.bowsight --category top --scale set --out maps
  bowsight explain photo.jpg --model voc.bowsight --category horse --neighbours 4 --words 8 --data VOC2012
  bowsight explain photo.jpg --model chi2.bowsight --category horse --tiles 102/34 --decomposition taylor

For every picture and category it writes PICTURE.CATEGORY.npy, the raw relevance of every pixel, and the drawings asked for.
It prints the account of the score: the sum of the pixels, and what went elsewhere.")]
pub(crate) struct Arguments {
    /// The pictures
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelFile,
    /// The category whose score is explained: a name, top (the one with the largest score) or all
    #[arg(long, value_name = "NAME|top|all")]
    category: String,
    /// The folder for the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    explaining: Explaining,
    /// Also write every layer's numbers to PICTURE.CATEGORY.trace.safetensors
    #[arg(long)]
    trace: bool,
    /// The same, with the descriptors and the picture
    #[arg(long)]
    trace_descriptors: bool,
    #[command(flatten)]
    evidence: Evidence,
}

/// One explanation, as it is printed.
#[derive(Debug, Serialize)]
struct Explained {
    #[serde(serialize_with = "path_text")]
    picture: PathBuf,
    category: String,
    against: Option<String>,
    ledger: Ledger,
    channels: Vec<f64>,
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
    let explainer = arguments.explaining.explainer(&file)?;
    let model = explainer.as_ref();
    let selection = selection(model, &arguments.category)?;
    if selection == Selection::True {
        return Err(Error::usage("\"--category true\" needs labelled data: see bowsight export"));
    }
    let stems: Vec<String> = arguments.pictures.iter().map(|path| stem_of(path)).collect();
    let names = stems.iter().map(String::as_str).zip(arguments.pictures.iter().map(|path| path.display().to_string()));
    require_different_names(names).map_err(|error| Error::Usage {
        message: error.to_string(),
        hint: Some("explain them in two runs with different --out folders, or export their folder".to_string()),
    })?;
    let query = arguments.explaining.query(model)?;
    let drawing = arguments.explaining.drawing(model, &query, &[Panel::Heatmap, Panel::Overlay, Panel::Triplet]);
    let job = Job {
        model,
        model_name: name_of(&arguments.model.model),
        drawing: &drawing,
        selection,
        query: Query { trace: arguments.trace || arguments.trace_descriptors, ..query },
        keep: if arguments.trace_descriptors { Keep::Everything } else { Keep::Nothing },
        out: &arguments.out,
        evidence: arguments.evidence.reader(&file, &query, &drawing)?,
    };
    reporter.begin("explaining", arguments.pictures.len());
    let explain = |path: &PathBuf| {
        let mut timings = Timings::default();
        let explained = job.explain(path, &mut timings);
        reporter.record_time(1, &timings);
        reporter.step();
        explained
    };
    let results: Vec<Result<Vec<Explained>, Error>> = arguments.pictures.par_iter().map(explain).collect();
    reporter.end();
    let mut done = Vec::new();
    let mut failures = Vec::new();
    for (path, result) in arguments.pictures.iter().zip(results) {
        match result {
            Ok(explained) => done.extend(explained),
            // With one picture its error is the command's.
            Err(error) if arguments.pictures.len() == 1 || is_of_all(&error) => {
                return Err(error);
            }
            Err(error) => failures.push((path, chain(&error))),
        }
    }
    if drawing.scale == Scale::Set {
        job.draw_set(&mut done)?;
    }
    print(reporter, &done, &failures, drawing.scale)?;
    for (path, reason) in &failures {
        reporter.warn(&format!("picture \"{}\" failed: {reason}", path.display()));
    }
    let refused = job.evidence.refused();
    for (id, reason) in &refused {
        reporter.warn(&format!("training picture \"{id}\" is not shown: {reason}"));
    }
    Ok(Outcome::after(!failures.is_empty() || !refused.is_empty()))
}

impl Job<'_> {
    fn base(&self, path: &Path, category: &str) -> Base {
        let against = self.query.target.against.map(|other| self.model.categories()[other].as_str());
        Base::new(&stem_of(path), category, against)
    }

    fn explain(&self, path: &Path, timings: &mut Timings) -> Result<Vec<Explained>, Error> {
        let picture = timings.time(Stage::DECODE, || Picture::open(path, self.model.reading()))?;
        let fail = |source| Error::Explain { path: path.to_path_buf(), source };
        let seen = self.model.forward(&picture, self.keep).map_err(fail)?;
        *timings += &seen.timings();
        let mut explained = Vec::new();
        for category in self.selection.of(&[], seen.scores()) {
            let query = self.query.about(category);
            let explanation = seen.explain(&query).map_err(fail)?;
            *timings += &explanation.timings;
            let writing = Instant::now();
            let name = &self.model.categories()[category];
            let base = self.base(path, name);
            let mut written = self.drawing.write(self.out, &base, &picture, &explanation)?;
            for (number, mut trace) in explanation.traces.into_iter().enumerate() {
                trace.metadata.insert("picture".to_string(), name_of(path));
                trace.metadata.insert("model".to_string(), self.model_name.clone());
                let window = explanation.windows.get(number).map(|window| window.rectangle);
                let place = window.map_or_else(String::new, |window| format!("x{}y{}.", window.x0, window.y0));
                let file = base.file(&format!("{place}trace.safetensors"));
                trace.write(&self.out.join(&file))?;
                let kind = if place.is_empty() {
                    "trace".to_string()
                } else {
                    format!("trace.{}", place.trim_end_matches('.'))
                };
                written.files.insert(kind, file);
            }
            let title = format!("{}: {name}", name_of(path));
            let place = Place { path, picture: &picture, target: query.target, out: self.out, base: &base, title };
            let evidence = self.evidence.read(seen.as_ref(), &place, &mut written.files)?;
            written.batch.sync()?;
            timings.add(Stage::WRITE, writing.elapsed());
            explained.push(Explained {
                picture: path.to_path_buf(),
                category: name.clone(),
                against: query.target.against.map(|other| self.model.categories()[other].clone()),
                ledger: explanation.ledger,
                channels: explanation.parts,
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
            let base = self.base(&explained.picture, &explained.category);
            let picture = Picture::open(&explained.picture, self.model.reading())?;
            self.drawing.redraw(self.out, &base, &picture, scale)?.sync()?;
            explained.scale = Some(scale);
        }
        Ok(())
    }
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

fn stem_of(path: &Path) -> String {
    to_text(Path::new(path.file_stem().unwrap_or_default()))
}

fn print(reporter: &Reporter, done: &[Explained], failures: &[(&PathBuf, String)], scale: Scale) -> Result<(), Error> {
    let mut text = String::new();
    for explained in done {
        let ledger = &explained.ledger;
        let against = explained.against.as_ref().map_or_else(String::new, |other| format!(" − {other}"));
        text.push_str(&format!("{}  {}{against}\n", explained.picture.display(), explained.category));
        text.push_str(&format!("  score               {:+.6}\n", ledger.score));
        if !explained.windows.is_empty() {
            let scores = explained.windows.iter().map(|window| window.score);
            let (low, high) = scores.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), f| (l.min(f), h.max(f)));
            let count = explained.windows.len();
            let windows = if count == 1 { "window, the whole picture" } else { "windows" };
            text.push_str(&format!(
                "  {count} {windows}, scores {low:+.6} to {high:+.6}; the map is the mean of their maps\n"
            ));
        }
        text.push_str(&format!("  sum of the pixels   {:+.6}\n", ledger.sum_relevance));
        if explained.channels.len() > 1 {
            let sums: Vec<String> = explained.channels.iter().map(|sum| format!("{sum:+.6}")).collect();
            text.push_str(&format!("  by channel          {}\n", sums.join("  ")));
        }
        for account in Account::ALL {
            let amount = ledger.kept(*account);
            if amount != 0.0 {
                text.push_str(&format!("  {:<19} {amount:+.6}\n", account.label()));
            }
        }
        text.push_str(&format!("  conservation error  {:+.1e}\n", ledger.error));
        if explained.windows.is_empty() {
            let parts = Note::ALL.iter().map(|note| format!("{:+.6} {}", ledger.noted(*note), note.label()));
            let parts = parts.collect::<Vec<String>>().join(", ");
            text.push_str(&format!("  of the pixels' sum, no evidence: {parts}\n"));
        }
        text.push_str(&explained.evidence.text());
        if let Some(value) = explained.scale {
            text.push_str(&format!("  colours: ±{value:.4e} a pixel (--scale {scale})\n"));
        }
        for (kind, file) in &explained.files {
            text.push_str(&format!("  {kind:<19} {file}\n"));
        }
    }
    reporter.text(&text)?;
    let failures: Vec<serde_json::Value> =
        failures.iter().map(|(path, reason)| serde_json::json!({"picture": to_text(path), "error": reason})).collect();
    reporter.document(&serde_json::json!({ "explanations": done, "failed": failures }))
}
