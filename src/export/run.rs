//! An export: every picture explained, its files written, its lines kept.

use std::path::Path;
use std::sync::Mutex;

use rayon::prelude::*;

use super::drawing::{self, Base, FilesError, require_different_names};
use super::error::ExportError;
use super::lock::RunLock;
use super::manifest::{self, Index, Journal, Line};
use super::plan::{Plan, claim_folder};
use super::report::Report;
use crate::causes::chain;
use crate::dataset::Entry;
use crate::explanation::Explanation;
use crate::format::atomic::WriteError;
use crate::heatmap::Scale;
use crate::model::{Keep, Model};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::timings::{Stage, Timings};

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
    std::fs::create_dir_all(out).map_err(WriteError::io(out))?;
    let manifest_name = plan.manifest_name();
    let _lock = RunLock::take(out, &format!(".{manifest_name}.lock"))?;
    claim_folder(out, &plan.run(model)?)?;

    let export = Export { model, plan, progress };
    let manifest = out.join(&manifest_name);
    let journal = out.join(format!(".{manifest_name}.journal"));
    let mine = |entry: &&Entry| plan.shard.is_none_or(|shard| shard.takes(&entry.path));
    let list: Vec<&Entry> = plan.dataset.pictures.iter().filter(mine).collect();
    let todo = export.not_done(&list, &[&manifest, &journal])?;
    let mut report = Report { pictures: list.len(), taken_over: list.len() - todo.len(), ..Report::default() };
    if !todo.is_empty() || !manifest.is_file() || journal.exists() || plan.drawing.scale == Scale::Set {
        export.explain(&todo, Journal::open(&journal)?)?;
        let index = read_lines(&[&manifest, &journal], |_| true)?;
        if plan.drawing.scale == Scale::Set {
            report.set_scale = Some(export.draw_set(&index, &list)?);
        }
        let names = model.categories();
        let rank = |category: &str| names.iter().position(|name| name == category).unwrap_or(names.len());
        let pictures = list.iter().map(|entry| entry.id.as_str());
        manifest::write_ordered(&manifest, &index, pictures, rank, &mut |_| {})?;
        std::fs::remove_file(&journal).map_err(WriteError::io(&journal))?;
    }
    report.count(&manifest)?;
    Ok(report)
}

/// Reads the lines of all `files` that `keep` accepts; a missing file has none.
fn read_lines(files: &[&Path], keep: impl Fn(&Line) -> bool) -> Result<Index, ExportError> {
    let mut index = Index::default();
    for file in files {
        index.add(file, &keep).map_err(|source| ExportError::Read { path: file.to_path_buf(), source })?;
    }
    Ok(index)
}

/// A run at work.
struct Export<'a> {
    model: &'a dyn Model,
    plan: &'a Plan,
    progress: &'a dyn Progress,
}

impl Export<'_> {
    /// The pictures of `list` that have no usable lines for all of their categories in `files`.
    fn not_done<'l>(&self, list: &[&'l Entry], files: &[&Path]) -> Result<Vec<&'l Entry>, ExportError> {
        let plan = self.plan;
        let usable =
            |line: &Line| line.error.is_none() && drawing::are_there(&plan.out, &line.files, plan.drawing.scale);
        let done = read_lines(files, usable)?;
        let names = self.model.categories();
        let is_open = |entry: &&Entry| {
            let have = done.categories(&entry.id);
            match plan.selection.planned(&entry.labels, names.len()) {
                Some(planned) => planned.iter().any(|&category| !have.contains(&names[category].as_str())),
                None => have.is_empty(),
            }
        };
        Ok(list.iter().copied().filter(is_open).collect())
    }

    fn explain(&self, todo: &[&Entry], journal: Journal) -> Result<(), ExportError> {
        let journal = Mutex::new(journal);
        self.progress.begin("explaining", todo.len());
        todo.par_iter().try_for_each(|entry| -> Result<(), ExportError> {
            let mut timings = Timings::default();
            let lines = self.explain_picture(entry, &mut timings)?;
            self.progress.took(1, &timings);
            if let Some(reason) = lines.iter().find_map(|line| line.error.as_ref()) {
                self.progress.warn(&format!("picture \"{}\" failed: {reason}", entry.id));
            }
            // A poisoned lock means that another thread panicked; the journal itself is whole lines.
            journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&lines)?;
            self.progress.step();
            Ok(())
        })?;
        self.progress.end();
        Ok(())
    }

    /// Explains one picture and gives its lines; what fails in it is in the lines, what fails in writing ends the run.
    fn explain_picture(&self, entry: &Entry, timings: &mut Timings) -> Result<Vec<Line>, ExportError> {
        let plan = self.plan;
        if plan
            .selection
            .planned(&entry.labels, self.model.categories().len())
            .is_some_and(|planned| planned.is_empty())
        {
            return Ok(Vec::new());
        }
        let picture =
            match timings.time(Stage::Decode, || Picture::open(plan.dataset.file(entry), self.model.reading())) {
                Ok(picture) => picture,
                Err(error) => return Ok(self.failed(entry, &chain(&error))),
            };
        let seen = match self.model.forward(&picture, Keep::Nothing) {
            Ok(seen) => seen,
            Err(error) => return Ok(self.failed(entry, &chain(&error))),
        };
        *timings += seen.timings();
        let mut lines = Vec::new();
        for category in plan.selection.of(&entry.labels, seen.scores()) {
            let blank = self.blank(entry, category);
            match seen.explain(&plan.query.about(category)) {
                Ok(explanation) => {
                    *timings += explanation.timings;
                    lines.push(timings.time(Stage::Write, || self.write(entry, &picture, &explanation, blank))?);
                }
                Err(error) => lines.push(Line { error: Some(chain(&error)), ..blank }),
            }
        }
        Ok(lines)
    }

    /// Writes the files of one explanation, and completes its line.
    fn write(
        &self,
        entry: &Entry,
        picture: &Picture,
        explanation: &Explanation,
        blank: Line,
    ) -> Result<Line, FilesError> {
        let plan = self.plan;
        let against = plan.query.target.against.map(|category| self.model.categories()[category].as_str());
        let base = Base::new(&entry.id, &blank.category, against);
        let written = plan.drawing.write(&plan.out, &base, picture, explanation)?;
        Ok(Line {
            score: Some(explanation.score),
            sum_relevance: Some(explanation.ledger.sum_relevance),
            conservation_error: Some(explanation.ledger.error),
            width: Some(picture.width()),
            height: Some(picture.height()),
            largest: Some(written.largest),
            scale: written.scale,
            windows: plan.query.tiles.map(|_| explanation.windows.len()),
            files: written.files,
            ..blank
        })
    }

    fn blank(&self, entry: &Entry, category: usize) -> Line {
        let label = self.plan.labelled.then(|| entry.labels[category]);
        self.plan.blank(self.model, entry, &self.model.categories()[category], label)
    }

    /// The lines of a picture that failed before it had scores: one per planned category, or one without a category.
    fn failed(&self, entry: &Entry, reason: &str) -> Vec<Line> {
        let with_reason = |line: Line| Line { error: Some(reason.to_string()), ..line };
        match self.plan.selection.planned(&entry.labels, self.model.categories().len()) {
            Some(planned) => planned.iter().map(|&category| with_reason(self.blank(entry, category))).collect(),
            None => vec![with_reason(self.plan.blank(self.model, entry, "", None))],
        }
    }

    /// The second pass: draws all stored maps at the scale of the set, and returns it.
    fn draw_set(&self, index: &Index, list: &[&Entry]) -> Result<f64, ExportError> {
        let plan = self.plan;
        let mut largest = 0.0f64;
        let mut jobs: Vec<(&Entry, Base)> = Vec::new();
        for entry in list {
            let mut see = |text: &str| {
                if let Ok(line) = serde_json::from_str::<Line>(text)
                    && let (Some(magnitude), Some(map)) = (line.largest, line.files.get("relevance"))
                {
                    largest = largest.max(magnitude);
                    jobs.push((entry, Base::of_map(map)));
                }
            };
            index
                .copy(&entry.id, |_| 0, &mut std::io::sink(), &mut see)
                .map_err(|source| ExportError::Read { path: plan.out.clone(), source })?;
        }
        self.progress.begin("drawing", jobs.len());
        jobs.par_iter().try_for_each(|(entry, base)| -> Result<(), ExportError> {
            let file = plan.dataset.file(entry);
            let picture = Picture::open(&file, self.model.reading())
                .map_err(|error| ExportError::Read { path: file, source: std::io::Error::other(chain(&error)) })?;
            plan.drawing.redraw(&plan.out, base, &picture, largest)?;
            self.progress.step();
            Ok(())
        })?;
        self.progress.end();
        Ok(largest)
    }
}
