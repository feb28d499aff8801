//! An export: every picture explained, its files written, its lines kept.

use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use rayon::prelude::*;

use super::drawing::{self, Base, FilesError, Subject, Written, require_different_names};
use super::error::ExportError;
use super::lock::RunLock;
use super::manifest::{self, Header, Index, Journal, Line};
use super::plan::{Plan, claim_folder};
use super::report::Report;
use crate::causes::chain;
use crate::dataset::Entry;
use crate::explanation::Explanation;
use crate::format::atomic::{self, WriteError};
use crate::format::batch::Batch;
use crate::heatmap::Scale;
use crate::model::{Keep, Model};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

/// Maximum number of pictures that wait to be put on disk; explaining waits for the others.
const MAX_UNCOMMITTED: usize = 64;

/// Explains every picture of the plan and writes its files; a picture that fails costs only itself.
///
/// # Errors
/// [`ExportError`] if the export as a whole can't go on; what is done stays, and the next run resumes it.
pub fn run(model: &dyn Model, plan: &Plan, progress: &dyn Progress) -> Result<Report, ExportError> {
    if plan.shard.is_some() && plan.drawing.scale == Scale::Set {
        return Err(ExportError::SetScaleOfShard);
    }
    require_different_names(plan.dataset.pictures.iter().map(|entry| (entry.id.as_str(), entry.path.clone())))?;
    let out = &plan.out;
    atomic::create_folder(out)?;
    let manifest_name = plan.manifest_name();
    let _lock = RunLock::take(out, &format!(".{manifest_name}.lock"))?;
    let run = claim_folder(out, &plan.run(model))?;

    let export = Export { model, plan, progress };
    let manifest = out.join(&manifest_name);
    let journal = out.join(format!(".{manifest_name}.journal"));
    let header = plan.shard.map(|_| Header { run });
    refuse_other_shard(&manifest, header.as_ref())?;
    let mine = |entry: &&Entry| plan.shard.is_none_or(|shard| shard.takes(&entry.path));
    let list: Vec<&Entry> = plan.dataset.pictures.iter().filter(mine).collect();
    let (todo, resumed) = export.divide(&list, &[&manifest, &journal])?;
    let mut report = Report { pictures: list.len(), resumed, ..Report::default() };
    if !todo.is_empty() || !manifest.is_file() || journal.exists() || plan.drawing.scale == Scale::Set {
        export.explain(&todo, Journal::open(&journal)?)?;
        let index = read_lines(&[&manifest, &journal], |_| true)?;
        if plan.drawing.scale == Scale::Set {
            report.set_scale = Some(export.draw_set(&index, &list)?);
        }
        let names = model.categories();
        let rank = |category: &str| names.iter().position(|name| name == category).unwrap_or(names.len());
        let pictures = list.iter().map(|entry| entry.id.as_str());
        manifest::write_ordered(&manifest, header.as_ref(), &index, pictures, rank)?;
        std::fs::remove_file(&journal).map_err(WriteError::io(&journal))?;
    }
    report.count(&manifest)?;
    Ok(report)
}

/// Refuses to resume a shard's manifest that was copied here from another export.
fn refuse_other_shard(manifest: &Path, wanted: Option<&Header>) -> Result<(), ExportError> {
    let read = |source| ExportError::Read { path: manifest.to_path_buf(), source };
    match (Header::read(manifest).map_err(read)?, wanted) {
        (Some(found), Some(wanted)) if found != *wanted => {
            Err(ExportError::OtherShard { manifest: manifest.to_path_buf() })
        }
        _ => Ok(()),
    }
}

/// Reads the lines of all `files` that `keep` accepts; a missing file has none.
fn read_lines(files: &[&Path], keep: impl Fn(&Line) -> bool) -> Result<Index, ExportError> {
    let mut index = Index::default();
    for file in files {
        index.add(file, &keep).map_err(|source| ExportError::Read { path: file.to_path_buf(), source })?;
    }
    Ok(index)
}

/// A picture that is explained: its lines, and its files, which are not yet synced.
#[derive(Debug, Default)]
struct Done {
    lines: Vec<Line>,
    batch: Batch,
}

/// Why a thread stops explaining pictures.
enum Stop {
    Failed(ExportError),
    /// Its error says why.
    CommitterGone,
}

/// Puts all pictures that are finished on disk together: first their files, then the lines that vouch for them.
fn commit(finished: &Receiver<Done>, mut journal: Journal) -> Result<(), ExportError> {
    while let Ok(mut group) = finished.recv() {
        for done in finished.try_iter().take(MAX_UNCOMMITTED) {
            group.lines.extend(done.lines);
            group.batch.append(done.batch);
        }
        group.batch.sync()?;
        journal.append(&group.lines)?;
    }
    Ok(())
}

/// A run at work.
struct Export<'a> {
    model: &'a dyn Model,
    plan: &'a Plan,
    progress: &'a dyn Progress,
}

impl Export<'_> {
    /// The pictures of `list` that lack usable lines in `files`, and the number of those that an earlier run explained.
    fn divide<'l>(&self, list: &[&'l Entry], files: &[&Path]) -> Result<(Vec<&'l Entry>, usize), ExportError> {
        let plan = self.plan;
        let usable = |line: &Line| {
            line.error.is_none() && drawing::are_there(&plan.out, &line.files, line.bytes, plan.drawing.scale)
        };
        let done = read_lines(files, usable)?;
        let names = self.model.categories();
        let (mut todo, mut resumed) = (Vec::new(), 0);
        for entry in list {
            let have = done.categories(&entry.id);
            let is_open = match plan.selection.planned(&entry.labels, names.len()) {
                Some(planned) => planned.iter().any(|&category| !have.contains(&names[category].as_str())),
                None => have.is_empty(),
            };
            if is_open {
                todo.push(*entry);
            } else {
                resumed += usize::from(!have.is_empty());
            }
        }
        Ok((todo, resumed))
    }

    /// Explains the pictures on all threads, while one more thread commits what they wrote.
    fn explain(&self, todo: &[&Entry], journal: Journal) -> Result<(), ExportError> {
        self.progress.begin("explaining", todo.len());
        std::thread::scope(|scope| {
            let (sender, finished) = mpsc::sync_channel(MAX_UNCOMMITTED);
            let committer = scope.spawn(move || commit(&finished, journal));
            let explained = todo.par_iter().try_for_each_with(sender, |sender, entry| -> Result<(), Stop> {
                let mut timings = Timings::default();
                let done = self.explain_picture(entry, &mut timings).map_err(Stop::Failed)?;
                self.progress.record_time(1, &timings);
                if let Some(reason) = done.lines.iter().find_map(|line| line.error.as_ref()) {
                    self.progress.warn(&format!("picture \"{}\" failed: {reason}", entry.id));
                }
                sender.send(done).map_err(|_| Stop::CommitterGone)?;
                self.progress.step();
                Ok(())
            });
            let committed = committer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match explained {
                Err(Stop::Failed(error)) => Err(error),
                Ok(()) | Err(Stop::CommitterGone) => committed,
            }
        })?;
        self.progress.end();
        Ok(())
    }

    /// Explains one picture. A failure of the picture goes into its lines; a failure that concerns all pictures ends the run.
    fn explain_picture(&self, entry: &Entry, timings: &mut Timings) -> Result<Done, ExportError> {
        let plan = self.plan;
        let mut done = Done::default();
        if plan
            .selection
            .planned(&entry.labels, self.model.categories().len())
            .is_some_and(|planned| planned.is_empty())
        {
            return Ok(done);
        }
        let picture =
            match timings.time(Stage::DECODE, || Picture::open(plan.dataset.file(entry), self.model.reading())) {
                Ok(picture) => picture,
                Err(error) => return Ok(self.failed(entry, &chain(&error))),
            };
        let seen = match self.model.forward(&picture, Keep::Nothing) {
            Ok(seen) => seen,
            Err(error) => return Ok(self.failed(entry, &chain(&error))),
        };
        *timings += &seen.timings();
        let file = plan.dataset.file(entry);
        let original = timings.time(Stage::DECODE, || plan.drawing.original(&picture, &file, self.model.reading()));
        let original = match original {
            Ok(original) => original,
            Err(error) => return Ok(self.failed(entry, &chain(&error))),
        };
        let shown = original.as_ref().unwrap_or(&picture);
        let in_training = self.model.was_trained_on_file(&file);
        for category in plan.selection.of(&entry.labels, seen.scores()) {
            let blank = Line { in_training, ..self.blank(entry, category) };
            let explanation = match seen.explain(&plan.query.about(category)) {
                Ok(explanation) => match &original {
                    Some(original) => explanation.enlarged(original.width(), original.height()),
                    None => explanation,
                },
                Err(error) => {
                    done.lines.push(Line { error: Some(chain(&error)), ..blank });
                    continue;
                }
            };
            *timings += &explanation.timings;
            let against = plan.query.target.against.map(|category| self.model.categories()[category].as_str());
            let base = Base::new(&entry.id, &blank.category, against);
            let subject = Subject::new(&entry.id, &blank.category, against, explanation.score);
            match timings.time(Stage::WRITE, || plan.drawing.write(&plan.out, &base, shown, &explanation, &subject)) {
                Ok(written) => {
                    done.batch.append(written.batch.clone());
                    done.lines.push(self.line(&explanation, written, blank));
                }
                Err(FilesError::Write(error)) if error.is_of_its_name() => {
                    done.lines.push(Line { error: Some(chain(&error)), ..blank });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    /// The line of an explanation whose files are written.
    fn line(&self, explanation: &Explanation, written: Written, blank: Line) -> Line {
        Line {
            score: Some(explanation.score),
            sum_relevance: Some(explanation.ledger.sum_relevance),
            conservation_error: Some(explanation.ledger.error),
            width: Some(explanation.relevance.ncols()),
            height: Some(explanation.relevance.nrows()),
            largest: Some(written.largest),
            scale: written.scale,
            windows: self.plan.query.tiles.map(|_| explanation.windows.len()),
            bytes: Some(written.bytes),
            files: written.files,
            ..blank
        }
    }

    fn blank(&self, entry: &Entry, category: usize) -> Line {
        let label = self.plan.labelled.then(|| entry.labels[category]);
        self.plan.blank(self.model, entry, &self.model.categories()[category], label)
    }

    /// The lines of a picture that failed before it had scores: one per planned category, or one without a category.
    fn failed(&self, entry: &Entry, reason: &str) -> Done {
        let with_reason = |line: Line| Line { error: Some(reason.to_string()), ..line };
        let lines = match self.plan.selection.planned(&entry.labels, self.model.categories().len()) {
            Some(planned) => planned.iter().map(|&category| with_reason(self.blank(entry, category))).collect(),
            None => vec![with_reason(self.plan.blank(self.model, entry, "", None))],
        };
        Done { lines, batch: Batch::default() }
    }

    /// The second pass: draws all stored maps at the scale of the set, and returns it.
    fn draw_set(&self, index: &Index, list: &[&Entry]) -> Result<f64, ExportError> {
        let plan = self.plan;
        let mut largest = 0.0f64;
        let mut jobs: Vec<(&Entry, Base, Subject)> = Vec::new();
        for entry in list {
            let mut see = |text: &str| {
                if let Ok(line) = serde_json::from_str::<Line>(text)
                    && let (Some(magnitude), Some(map)) = (line.largest, line.files.get("relevance"))
                {
                    let against = (!line.against.is_empty()).then_some(line.against.as_str());
                    let score = line.score.expect("a line with a map has a score");
                    let subject = Subject::new(&entry.id, &line.category, against, score);
                    largest = largest.max(magnitude);
                    jobs.push((entry, Base::of_map(map), subject));
                }
            };
            index
                .copy(&entry.id, |_| 0, &mut std::io::sink(), &mut see)
                .map_err(|source| ExportError::Read { path: plan.out.clone(), source })?;
        }
        self.progress.begin("drawing", jobs.len());
        jobs.par_iter().try_for_each(|(entry, base, subject)| -> Result<(), ExportError> {
            let file = plan.dataset.file(entry);
            let picture = Picture::open(&file, &plan.drawing.reading(self.model.reading()))
                .map_err(|error| ExportError::Read { path: file, source: std::io::Error::other(chain(&error)) })?;
            plan.drawing.redraw(&plan.out, base, &picture, largest, subject)?.sync().map_err(FilesError::from)?;
            self.progress.step();
            Ok(())
        })?;
        self.progress.end();
        Ok(largest)
    }
}
