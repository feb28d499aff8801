//! What the program says: results to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;
use terminal_size::terminal_size;
use unicode_width::UnicodeWidthStr;

use super::arguments::Global;
use crate::causes::causes;
use crate::dataset::{Dataset, Weight};
use crate::error::Error;
use crate::progress::Progress;
use crate::timings::Timings;

/// Time between two lines of a stage.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// How progress is shown.
enum Style {
    Hidden,
    Bar,
    /// Lines, for logs: when progress is asked for but nobody watches.
    Lines,
}

struct Stage {
    name: String,
    total: usize,
    done: usize,
    began: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
    pictures: usize,
    timings: Timings,
}

/// A stage that is over, as the log has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finished {
    stage: String,
    /// Wall-clock time.
    seconds: f64,
    /// Number of pictures that were timed.
    pictures: usize,
    /// Time by the stages of these pictures, summed over all threads.
    #[serde(serialize_with = "by_name")]
    thread_seconds: Vec<(&'static str, f64)>,
}

fn by_name<S: serde::Serializer>(parts: &[(&'static str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(parts.iter().copied())
}

/// Prints results, warnings and progress of one run.
pub(crate) struct Reporter {
    style: Style,
    json: bool,
    quiet: bool,
    verbose: bool,
    stage: Mutex<Option<Stage>>,
    finished: Mutex<Vec<Finished>>,
    began: Instant,
}

impl Reporter {
    pub fn new(global: &Global) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let style = match (global.progress.as_str(), global.quiet, terminal) {
            ("never", _, _) | (_, true, _) | ("auto", _, false) => Style::Hidden,
            (_, _, true) => Style::Bar,
            (_, _, false) => Style::Lines,
        };
        Self {
            style,
            json: global.format == "json",
            quiet: global.quiet,
            verbose: global.verbose,
            stage: Mutex::new(None),
            finished: Mutex::new(Vec::new()),
            began: Instant::now(),
        }
    }

    /// Whether standard output holds one JSON document.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether nothing but results, warnings and errors is wanted.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a result.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Stdout)
    }

    /// Prints a result for people, unless a document is asked for.
    pub fn text(&self, text: &str) -> Result<(), Error> {
        if self.json { Ok(()) } else { self.print(text) }
    }

    /// Prints the document, if one is asked for.
    pub fn document(&self, value: &impl serde::Serialize) -> Result<(), Error> {
        if !self.json {
            return Ok(());
        }
        let mut text = serde_json::to_string_pretty(value).map_err(|error| Error::Stdout(error.into()))?;
        text.push('\n');
        self.print(&text)
    }

    /// Warns on standard error about what may make a result wrong or incomplete, under `--quiet` too.
    pub fn warn(&self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    /// Prints a remark about the work to standard error, unless `--quiet` is given.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Prints what opening a data set found beside its pictures.
    pub fn opened(&self, dataset: &Dataset) {
        for note in &dataset.notes {
            match note.weight() {
                Weight::Information => self.note(&note.to_string()),
                Weight::Warning | Weight::Loss => self.warn(&note.to_string()),
            }
        }
    }

    /// Prints a remark to standard error if `--verbose` is given.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.line(text);
        }
    }

    /// Prints an error, its causes, and its cure.
    pub fn error(&self, error: &Error) {
        let mut text = format!("error: {error}");
        for cause in causes(error) {
            text = format!("{text}\nbecause: {cause}");
        }
        if let Some(hint) = error.hint() {
            text = format!("{text}\nhint: {hint}");
        }
        self.line(&text);
    }

    /// The stages that are over, in their order.
    pub fn finished(&self) -> Vec<Finished> {
        self.finished.lock().map(|finished| finished.clone()).unwrap_or_default()
    }

    /// Prints what each stage took to standard error.
    pub fn timings(&self) {
        let row = |name: &str, clock: Option<f64>, threads: Option<f64>, pictures: usize| {
            let seconds = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
            let milliseconds = |value: f64| format!("{:.3}", 1000.0 * value / pictures as f64);
            let each = threads.or(clock).filter(|_| pictures > 0).map_or_else(String::new, milliseconds);
            vec![name.to_string(), seconds(clock), seconds(threads), each]
        };
        let mut rows = vec![["stage", "seconds", "of all threads", "ms a picture"].map(String::from).to_vec()];
        for stage in self.finished() {
            rows.push(row(&stage.stage, Some(stage.seconds), None, stage.pictures));
            for (part, seconds) in stage.thread_seconds {
                rows.push(row(&format!("  {part}"), None, Some(seconds), stage.pictures));
            }
        }
        rows.push(row("whole run", Some(self.began.elapsed().as_secs_f64()), None, 0));
        self.line(table(&rows).trim_end());
    }

    /// Prints a line to standard error. If that fails, there is nobody left to tell.
    fn line(&self, text: &str) {
        let bar = self.stage.lock().ok().and_then(|stage| stage.as_ref().and_then(|stage| stage.bar.clone()));
        let say = || {
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }
}

impl Progress for Reporter {
    fn begin(&self, name: &str, total: usize) {
        let bar = matches!(self.style, Style::Bar).then(|| {
            let bar = ProgressBar::new(total as u64);
            // The name gives way first; the bar comes only where there is room for it.
            let columns = terminal_size().map_or(80, |(columns, _)| columns.0);
            let template =
                if columns < 60 { "{wide_msg} {pos}/{len}{left}" } else { "{msg:30!} {wide_bar} {pos}/{len}{left}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.with_key("left", time_left));
            }
            bar.set_message(name.to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        if let Ok(mut stage) = self.stage.lock() {
            *stage = Some(Stage {
                name: name.to_string(),
                total,
                done: 0,
                began: now,
                said: now,
                bar,
                pictures: 0,
                timings: Timings::default(),
            });
        }
        if matches!(self.style, Style::Lines) {
            self.line(&format!("{name}: {total} to do"));
        }
    }

    fn step(&self) {
        let mut message = None;
        if let Ok(mut stage) = self.stage.lock()
            && let Some(stage) = stage.as_mut()
        {
            stage.done += 1;
            if let Some(bar) = &stage.bar {
                bar.inc(1);
            } else if matches!(self.style, Style::Lines) && stage.said.elapsed() >= BETWEEN_LINES {
                stage.said = Instant::now();
                let left = stage.began.elapsed().as_secs_f64() / stage.done as f64
                    * stage.total.saturating_sub(stage.done) as f64;
                message = Some(format!("{}: {}/{}, about {left:.0} s left", stage.name, stage.done, stage.total));
            }
        }
        if let Some(message) = message {
            self.line(&message);
        }
    }

    fn say(&self, state: &str) {
        let mut message = None;
        if let Ok(mut stage) = self.stage.lock()
            && let Some(stage) = stage.as_mut()
        {
            let text = format!("{}: {state}", stage.name);
            if let Some(bar) = &stage.bar {
                bar.set_message(text);
            } else if matches!(self.style, Style::Lines) && stage.said.elapsed() >= BETWEEN_LINES {
                stage.said = Instant::now();
                message = Some(text);
            }
        }
        if let Some(message) = message {
            self.line(&message);
        }
    }

    fn record_time(&self, pictures: usize, timings: &Timings) {
        if let Ok(mut stage) = self.stage.lock()
            && let Some(stage) = stage.as_mut()
        {
            stage.pictures += pictures;
            stage.timings += timings;
        }
    }

    fn end(&self) {
        let Some(stage) = self.stage.lock().ok().and_then(|mut stage| stage.take()) else { return };
        if let Some(bar) = &stage.bar {
            bar.finish_and_clear();
        }
        let seconds = stage.began.elapsed().as_secs_f64();
        self.detail(&format!("{}: {seconds:.2} s", stage.name));
        let thread_seconds =
            stage.timings.iter().map(|(part, duration)| (part.name(), duration.as_secs_f64())).collect();
        if let Ok(mut finished) = self.finished.lock() {
            finished.push(Finished { stage: stage.name, seconds, pictures: stage.pictures, thread_seconds });
        }
    }

    fn warn(&self, message: &str) {
        Reporter::warn(self, message);
    }
}

/// The time that is left, as soon as it can be told.
fn time_left(state: &ProgressState, text: &mut dyn std::fmt::Write) {
    if state.pos() > 0 && state.elapsed() > Duration::from_secs(2) {
        // If it fails, there is no time.
        let _ = write!(text, "  {:#} left", HumanDuration(state.eta()));
    }
}

/// A positive number with three decimals, or by powers of ten if it is very large or small.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) { format!("{value:.3}") } else { format!("{value:.3e}") }
}

/// A table of columns, the first aligned to the left, the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    aligned(rows, |column| column == 0)
}

/// A table of columns that are aligned to the left.
pub(crate) fn left_table(rows: &[Vec<String>]) -> String {
    aligned(rows, |_| true)
}

fn aligned(rows: &[Vec<String>], is_left: impl Fn(usize) -> bool) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            // Not the formatter's own padding, which counts characters: an East Asian one takes two columns.
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if is_left(column) { format!("{cell}{padding}") } else { format!("{padding}{cell}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_the_width_of_what_is_shown() {
        let rows = [["馬", "1.0"], ["cat", "10.0"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows), "馬    1.0\ncat  10.0\n");
    }

    #[test]
    fn very_large_and_small_numbers_are_powers_of_ten() {
        assert_eq!(
            [1.0, 0.0, 999_999.0, 1e300, 1e-9].map(number),
            ["1.000", "0.000", "999999.000", "1.000e300", "1.000e-9"]
        );
    }
}
