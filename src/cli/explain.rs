//! `bowsight explain`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use super::Outcome;
use super::arguments::{Explaining, ModelFile, decode_options, selection};
use super::evidence::{Evidence, Found, Place, Reader};
use super::report::Reporter;
use crate::bow::BagOfWords;
use crate::causes::chain;
use crate::error::Error;
use crate::explanation::{Query, Selection};
use crate::export::files::{Drawing, Files, WindowAccount};
use crate::format::names::file_name;
use crate::heatmap::{Panel, Scale, largest_magnitude};
use crate::ledger::Ledger;
use crate::model::{Model, ModelError};
use crate::picture::{DecodeOptions, Picture};
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight explain photo.jpg --model voc.bowsight --category horse
  bowsight explain photo.jpg --model voc.bowsight --category horse --against cow --heatmap triplet --palette diverging
  bowsight explain *.jpg --model voc.bowsight --category top --scale set --out maps
  bowsight explain photo.jpg --model voc.bowsight --category horse --neighbours 4 --words 8 --data VOC2012
  bowsight explain photo.jpg --model chi2.bowsight --category horse --tiles 102/34 --decomposition taylor

For every picture and category: PICTURE.CATEGORY.npy with the raw relevance of every pixel, and the pictures asked for. What
is printed is the account of the score: the pixels' sum, and what went elsewhere.")]
pub(crate) struct Arguments {
    /// The pictures
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelFile,
    /// The category whose score is explained: a name, top (the largest score) or all
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
    /// The same with descriptors and the picture
    #[arg(long)]
    trace_descriptors: bool,
    #[command(flatten)]
    evidence: Evidence,
}

/// One explanation, as it is printed.
#[derive(Debug, Serialize)]
struct Explained {
    picture: String,
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
    model: &'a BagOfWords,
    model_name: String,
    drawing: &'a Drawing,
    decode: DecodeOptions,
    selection: Selection,
    query: Query,
    descriptors: bool,
    out: &'a Path,
    evidence: Reader<'a>,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<Outcome, Error> {
    let mut model = arguments.model.load()?;
    arguments.explaining.apply(&mut model)?;
    let selection = selection(&model, &arguments.category)?;
    if selection == Selection::True {
        return Err(Error::usage("\"--category true\" needs labelled data: see bowsight export"));
    }
    refuse_same_names(&arguments.pictures)?;
    let drawing = arguments.explaining.drawing(&model, &[Panel::Heatmap, Panel::Overlay, Panel::Triplet]);
    let job = Job {
        model: &model,
        model_name: name_of(&arguments.model.model),
        drawing: &drawing,
        decode: decode_options(&model.settings),
        selection,
        query: Query { trace: arguments.trace || arguments.trace_descriptors, ..arguments.explaining.query(&model)? },
        descriptors: arguments.trace_descriptors,
        out: &arguments.out,
        evidence: arguments.evidence.reader(&model, !drawing.panels.is_empty())?,
    };
    reporter.begin("explaining", arguments.pictures.len());
    let explain = |path: &PathBuf| {
        let mut timings = Timings::default();
        let explained = job.explain(path, &mut timings);
        reporter.took(1, &timings);
        reporter.step();
        explained
    };
    let results: Vec<Result<Vec<Explained>, Error>> = arguments.pictures.par_iter().map(explain).collect();
    reporter.end();
    let mut done = Vec::new();
    let mut failures = Vec::new();
    for (path, result) in arguments.pictures.iter().zip(results) {
        match result {
            Ok(explained) => done.extend(explained.into_iter().map(|explained| (path, explained))),
            // With one picture its error is the command's; a full disk is everybody's, and so is what the model can't do.
            Err(error)
                if arguments.pictures.len() == 1
                    || matches!(error, Error::Write(_) | Error::Files(_))
                    || matches!(error, Error::Explain { source: ModelError::Unsupported { .. }, .. }) =>
            {
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
        reporter.note(&format!("warning: picture \"{}\" failed: {reason}", path.display()));
    }
    Ok(if failures.is_empty() { Outcome::Done } else { Outcome::SomeFailed })
}

impl Job<'_> {
    fn base(&self, path: &Path, category: &str) -> String {
        let against = self
            .query
            .against
            .map_or_else(String::new, |other| format!("-{}", file_name(&self.model.categories()[other], false)));
        format!("{}.{}{against}", file_name(&stem_of(path), true), file_name(category, false))
    }

    fn explain(&self, path: &Path, timings: &mut Timings) -> Result<Vec<Explained>, Error> {
        let picture = timings.time(Stage::Decode, || Picture::open(path, &self.decode))?;
        let fail = |source| Error::Explain { path: path.to_path_buf(), source };
        let seen = self.model.forward(&picture, self.descriptors).map_err(fail)?;
        *timings += seen.timings();
        let mut explained = Vec::new();
        for category in self.selection.of(&[], seen.scores()) {
            let explanation = seen.explain(&Query { category, ..self.query }).map_err(fail)?;
            *timings += explanation.timings;
            let writing = Instant::now();
            let name = &self.model.categories()[category];
            let base = self.base(path, name);
            let map = explanation.relevance.view();
            let largest = largest_magnitude(map);
            let scale = self.drawing.scale_of(largest);
            let mut files = self.drawing.files(&base);
            self.drawing.write_map(self.out, &base, map)?;
            if let Some(scale) = scale {
                self.drawing.draw(self.out, &base, &picture, map, scale)?;
            }
            self.drawing.write_windows(self.out, &base, &picture, &explanation.windows)?;
            for (number, mut trace) in explanation.traces.into_iter().enumerate() {
                trace.metadata.insert("picture".to_string(), name_of(path));
                trace.metadata.insert("model".to_string(), self.model_name.clone());
                let window = explanation.windows.get(number).map(|window| window.rectangle);
                let place = window.map_or_else(String::new, |window| format!(".x{}y{}", window.x0, window.y0));
                let file = format!("{base}{place}.trace.safetensors");
                trace.write(&self.out.join(&file))?;
                files.insert(format!("trace{place}"), file);
            }
            let query = Query { category, ..self.query };
            let title = format!("{}: {name}", name_of(path));
            let place = Place { path, picture: &picture, query: &query, out: self.out, base: &base, title };
            let evidence = self.evidence.read(&place, &mut files)?;
            timings.add(Stage::Write, writing.elapsed());
            explained.push(Explained {
                picture: path.display().to_string(),
                category: name.clone(),
                against: self.query.against.map(|other| self.model.categories()[other].clone()),
                ledger: explanation.ledger,
                channels: explanation.channels,
                windows: explanation.windows.iter().map(WindowAccount::from).collect(),
                largest,
                scale,
                evidence,
                files,
            });
        }
        Ok(explained)
    }

    /// Draws all maps at the largest magnitude of all.
    fn draw_set(&self, done: &mut [(&PathBuf, Explained)]) -> Result<(), Error> {
        let scale = done.iter().map(|(_, explained)| explained.largest).fold(0.0, f64::max);
        for (path, explained) in done {
            let base = self.base(path, &explained.category);
            let file = self.out.join(format!("{base}.npy"));
            let map = crate::format::npy::read(&file)
                .map_err(|error| crate::format::atomic::WriteError::io(&file)(std::io::Error::other(error.reason)))?;
            let picture = Picture::open(path, &self.decode)?;
            self.drawing.draw(self.out, &base, &picture, map.view(), scale)?;
            explained.scale = Some(scale);
        }
        Ok(())
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn refuse_same_names(pictures: &[PathBuf]) -> Result<(), Error> {
    let mut seen = std::collections::HashMap::new();
    for path in pictures {
        if let Some(first) = seen.insert(stem_of(path), path) {
            return Err(Error::Usage {
                message: format!(
                    "\"{}\" and \"{}\" would be written to the same files",
                    first.display(),
                    path.display()
                ),
                hint: Some("explain them in two runs with different --out folders, or export their folder".to_string()),
            });
        }
    }
    Ok(())
}

fn print(
    reporter: &Reporter,
    done: &[(&PathBuf, Explained)],
    failures: &[(&PathBuf, String)],
    scale: Scale,
) -> Result<(), Error> {
    let mut text = String::new();
    for (_, explained) in done {
        let ledger = &explained.ledger;
        let against = explained.against.as_ref().map_or_else(String::new, |other| format!(" − {other}"));
        text.push_str(&format!("{}  {}{against}\n", explained.picture, explained.category));
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
        for (name, amount) in [
            ("bias, kept apart", ledger.bias_sink),
            ("Taylor residual", ledger.taylor_residual),
            ("no local features", ledger.no_features),
        ] {
            if amount != 0.0 {
                text.push_str(&format!("  {name:<19} {amount:+.6}\n"));
            }
        }
        text.push_str(&format!("  conservation error  {:+.1e}\n", ledger.error));
        if explained.windows.is_empty() {
            text.push_str(&format!(
                "  of the pixels' sum, no evidence: {:+.6} by way of words that the picture lacks, {:+.6} spread bias\n",
                ledger.through_empty_dimensions, ledger.spread_bias
            ));
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
    let explanations: Vec<&Explained> = done.iter().map(|(_, explained)| explained).collect();
    let failures: Vec<serde_json::Value> = failures
        .iter()
        .map(|(path, reason)| serde_json::json!({"picture": path.display().to_string(), "error": reason}))
        .collect();
    reporter.document(&serde_json::json!({ "explanations": explanations, "failed": failures }))
}
