//! How long work tells that it is alive; the library speaks through this, the program decides how it looks.

use crate::timings::Timings;

/// A listener to long work.
pub trait Progress: Sync {
    /// A stage of `total` steps begins.
    fn begin(&self, stage: &str, total: usize);

    /// One step of the stage is done.
    fn step(&self);

    /// How far the stage is between two steps, where these are far apart.
    fn say(&self, state: &str);

    /// So many pictures of the stage took so long together.
    fn took(&self, pictures: usize, timings: &Timings);

    /// The stage is over.
    fn end(&self);

    /// Something the user should know, though the work goes on.
    fn warn(&self, message: &str);
}

/// A listener that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn step(&self) {}
    fn say(&self, _state: &str) {}
    fn took(&self, _pictures: usize, _timings: &Timings) {}
    fn end(&self) {}
    fn warn(&self, _message: &str) {}
}
