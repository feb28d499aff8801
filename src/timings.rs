//! Times of the stages of the way forward and back: results carry them, and [`crate::progress::Progress`] hears of them.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// A stage of the way forward or back. Families add their own between those that all share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stage {
    /// Place in the list of stages.
    order: u8,
    name: &'static str,
}

impl Stage {
    /// File → picture.
    pub const DECODE: Self = Self { order: 0, name: "decode" };
    /// Score → pixels.
    pub const BACK: Self = Self { order: u8::MAX - 1, name: "back" };
    /// Pixels → files: maps, pictures, traces, evidence.
    pub const WRITE: Self = Self { order: u8::MAX, name: "write" };

    /// A family's own stage: the `number`-th of its way forward, counted from 0.
    pub const fn forward(number: u8, name: &'static str) -> Self {
        Self { order: 1 + number, name }
    }

    /// The name that reports list the stage under.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// Time by stage, of one thread or summed over several. No result depends on it.
///
/// ```
/// use bowsight::timings::{Stage, Timings};
/// let mut timings = Timings::default();
/// assert_eq!(timings.time(Stage::BACK, || 2 + 2), 4);
/// assert_eq!(timings.total(), timings.get(Stage::BACK));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timings(Vec<(Stage, Duration)>);

impl Timings {
    /// Does `work` and adds its time to `stage`.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.add(stage, began.elapsed());
        done
    }

    /// Adds a time to `stage`.
    pub fn add(&mut self, stage: Stage, duration: Duration) {
        match self.0.binary_search_by_key(&stage, |(known, _)| *known) {
            Ok(at) => self.0[at].1 += duration,
            Err(at) => self.0.insert(at, (stage, duration)),
        }
    }

    /// Time of `stage`.
    pub fn get(&self, stage: Stage) -> Duration {
        self.iter().find(|(known, _)| *known == stage).map_or(Duration::ZERO, |(_, duration)| duration)
    }

    /// Every stage that took any time, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> + '_ {
        self.0.iter().copied()
    }

    /// Time of all stages together.
    pub fn total(&self) -> Duration {
        self.0.iter().map(|(_, duration)| duration).sum()
    }
}

impl AddAssign<&Timings> for Timings {
    fn add_assign(&mut self, other: &Timings) {
        other.iter().for_each(|(stage, duration)| self.add(stage, duration));
    }
}

impl<'a> std::iter::Sum<&'a Timings> for Timings {
    fn sum<I: Iterator<Item = &'a Self>>(parts: I) -> Self {
        let mut sum = Self::default();
        parts.for_each(|part| sum += part);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_listed_in_their_order_whatever_came_first() {
        let own = Stage::forward(0, "features");
        let mut first = Timings::default();
        first.add(Stage::WRITE, Duration::from_secs(1));
        first.add(own, Duration::from_secs(2));
        let mut second = Timings::default();
        second.add(Stage::DECODE, Duration::from_secs(4));
        second.add(own, Duration::from_secs(8));
        let sum: Timings = [&first, &second].into_iter().sum();
        let names: Vec<&str> = sum.iter().map(|(stage, _)| stage.name()).collect();
        assert_eq!(names, ["decode", "features", "write"]);
        assert_eq!((sum.get(own), sum.total()), (Duration::from_secs(10), Duration::from_secs(15)));
    }
}
