//! What the stages of the way forward and back took: results carry it, and [`crate::progress::Progress`] hears of it.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

crate::closed_set! {
    /// A stage of the way forward or back.
    pub enum Stage as "stage" {
        /// File → picture.
        Decode = "decode",
        /// Picture → local features.
        Features = "features",
        /// Local features → words and their weights.
        Words = "words",
        /// Words → histogram.
        Pool = "pool",
        /// Histogram → scores.
        Scores = "scores",
        /// Score → pixels.
        Back = "back",
        /// Pixels → files: maps, pictures, traces, evidence.
        Write = "write",
    }
}

/// Time by stage, of one thread or summed over several. No result depends on it.
///
/// ```
/// use bowsight::timings::{Stage, Timings};
/// let mut timings = Timings::default();
/// assert_eq!(timings.time(Stage::Pool, || 2 + 2), 4);
/// assert_eq!(timings.total(), timings.of(Stage::Pool));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings([Duration; Stage::ALL.len()]);

impl Timings {
    /// Does `work` and adds what it takes to `stage`.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.add(stage, began.elapsed());
        done
    }

    /// Adds to `stage`.
    pub fn add(&mut self, stage: Stage, took: Duration) {
        self.0[stage as usize] += took;
    }

    /// What `stage` took.
    pub fn of(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }

    /// All stages together.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }
}

impl AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, others)| *mine += others);
    }
}

impl std::iter::Sum for Timings {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}
