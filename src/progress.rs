//! Progress of long work: the library reports it here, and the program decides how it looks.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::timings::Timings;

/// A listener to long work.
pub trait Progress: Sync {
    /// A stage of `total` steps begins.
    fn begin(&self, stage: &str, total: usize);

    /// One step of the stage is done.
    fn step(&self);

    /// Says how far the stage is, between two steps that are far apart.
    fn say(&self, state: &str);

    /// Adds the times that some pictures of the stage took together.
    fn record_time(&self, pictures: usize, timings: &Timings);

    /// The stage is over.
    fn end(&self);

    /// Says something that the user should know, though the work goes on.
    fn warn(&self, message: &str);
}

/// A listener that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn step(&self) {}
    fn say(&self, _state: &str) {}
    fn record_time(&self, _pictures: usize, _timings: &Timings) {}
    fn end(&self) {}
    fn warn(&self, _message: &str) {}
}

/// Passes on every warning once, though several stages meet the same fault.
pub(crate) struct WarnOnce<'a> {
    inner: &'a dyn Progress,
    said: Mutex<BTreeSet<String>>,
}

impl<'a> WarnOnce<'a> {
    pub(crate) fn new(inner: &'a dyn Progress) -> Self {
        Self { inner, said: Mutex::default() }
    }
}

impl Progress for WarnOnce<'_> {
    fn begin(&self, stage: &str, total: usize) {
        self.inner.begin(stage, total);
    }

    fn step(&self) {
        self.inner.step();
    }

    fn say(&self, state: &str) {
        self.inner.say(state);
    }

    fn record_time(&self, pictures: usize, timings: &Timings) {
        self.inner.record_time(pictures, timings);
    }

    fn end(&self) {
        self.inner.end();
    }

    fn warn(&self, message: &str) {
        if self.said.lock().is_ok_and(|mut said| said.insert(message.to_string())) {
            self.inner.warn(message);
        }
    }
}
