//! How uncertain measures are: bootstrap intervals (Efron & Tibshirani 1993, chapter 13).

use rayon::prelude::*;
use serde::Serialize;

use super::resamples::Resamples;
use super::{Measures, OneLabel, PictureScores, Sample};
use crate::dataset::Dataset;
use crate::numeric::random::stream;
use crate::progress::Progress;

/// Number of resamples.
const RESAMPLES: usize = 1000;
/// Share of the resamples' values below an interval, and the same above it.
const TAIL: f64 = 0.025;

/// The ends of a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// 2.5 % of the resamples' values lie below.
    pub low: f64,
    /// 2.5 % of the resamples' values lie above.
    pub high: f64,
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

impl Interval {
    /// The percentile interval of the values; none if they are all the same, since then they tell nothing.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let outside = (values.len() as f64 * TAIL) as usize;
        let (low, high) = (*values.get(outside)?, *values.iter().nth_back(outside)?);
        // Sums in another order differ by rounding.
        (values.last()? - values.first()? > 1e-9).then_some(Self { low, high })
    }
}

/// 95 % intervals of all measures, from 1,000 bootstrap resamples of the pictures; of the groups, where pictures belong to groups, since
/// pictures of one group tell less than as many others.
///
/// A measure that a resample doesn't have, for lack of positives, counts with the others. An interval is none where all resamples agree:
/// if every picture is ranked rightly, for instance, the pictures are too few or too easy to tell how wrong the measure could be.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// AP at eleven points, AP as the area, and ROC AUC of every category.
    pub categories: Vec<[Option<Interval>; 3]>,
    /// Of the means over the categories.
    pub mean: [Option<Interval>; 3],
    /// Of the share of pictures decided rightly.
    pub accuracy: Option<Interval>,
    /// Of the balanced accuracy.
    pub balanced_accuracy: Option<Interval>,
    /// What was drawn: `pictures` or `groups`.
    pub units: &'static str,
    /// How many of them there are.
    pub count: usize,
}

impl Intervals {
    /// The intervals of what [`super::measure`] measures, from the random stream of `seed`.
    pub fn of(dataset: &Dataset, scores: &[PictureScores], seed: u64, progress: &dyn Progress) -> Self {
        let sample = Sample::of(dataset, scores);
        let (unit, count) = units(dataset, scores);
        progress.begin("intervals", RESAMPLES);
        // One at a time: a thousand resamples of very many pictures would fill the memory.
        let measure = |number: usize| {
            let resample = Resamples::draw(count, 1, &mut stream(seed, &format!("intervals {number}")));
            let times = resample.times().last().expect("one was drawn");
            progress.step();
            // Pictures without scores belong to no unit, and count for nothing.
            sample.measures(|place| unit[place].map_or(0, |unit| times.of(unit)))
        };
        let measured: Vec<Measures> = (0..RESAMPLES).into_par_iter().map(measure).collect();
        progress.end();
        let interval =
            |value: &dyn Fn(&Measures) -> Option<f64>| Interval::of(measured.iter().filter_map(value).collect());
        let row = |of: &dyn Fn(&Measures) -> [Option<f64>; 3]| [0, 1, 2].map(|column| interval(&|m| of(m)[column]));
        let decided = |value: fn(&OneLabel) -> f64| interval(&|m| m.one_label.as_ref().map(value));
        Self {
            categories: (0..dataset.categories.len()).map(|category| row(&|m| m.of_category(category))).collect(),
            mean: row(&Measures::mean),
            accuracy: decided(|decisions| decisions.accuracy),
            balanced_accuracy: decided(|decisions| decisions.balanced_accuracy),
            units: if dataset.pictures.iter().any(|entry| entry.group.is_some()) { "groups" } else { "pictures" },
            count,
        }
    }
}

/// The unit of every picture that has scores, and the number of units. A picture without a group is one of its own.
fn units(dataset: &Dataset, scores: &[PictureScores]) -> (Vec<Option<usize>>, usize) {
    let mut groups = std::collections::HashMap::new();
    let mut count = 0;
    let mut next = || {
        count += 1;
        count - 1
    };
    let units = dataset
        .pictures
        .iter()
        .zip(scores)
        .map(|(entry, scores)| {
            scores.as_ref().ok()?;
            Some(match &entry.group {
                Some(group) => *groups.entry(group).or_insert_with(&mut next),
                None => next(),
            })
        })
        .collect();
    (units, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Entry, Layout};
    use crate::progress::Silent;
    use rand::RngExt;

    /// Pictures of two categories in turns.
    fn data(count: usize, group: impl Fn(usize) -> Option<String>) -> Dataset {
        let entry = |i: usize| Entry {
            id: i.to_string(),
            path: i.to_string(),
            labels: if i.is_multiple_of(2) { vec![1, -1] } else { vec![-1, 1] },
            group: group(i),
        };
        Dataset {
            root: "nowhere".into(),
            source: "nowhere".into(),
            layout: Layout::List,
            split: "s".into(),
            categories: vec!["a".into(), "b".into()],
            pictures: (0..count).map(entry).collect(),
            notes: Vec::new(),
        }
    }

    /// Scores that are right with a probability.
    fn scores(count: usize, right: f64, seed: u64) -> Vec<PictureScores> {
        let mut random = stream(seed, "decisions");
        let score = |i: usize| {
            let first = i.is_multiple_of(2) == random.random_bool(right);
            Ok(if first { vec![1.0, 0.0] } else { vec![0.0, 1.0] })
        };
        (0..count).map(score).collect()
    }

    /// Nineteen of twenty 95 % intervals hold the true share; a little fewer with this few pictures.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let data = data(60, |_| None);
        let holds = |seed| {
            let found = Intervals::of(&data, &scores(60, 0.7, seed), seed, &Silent).accuracy.unwrap();
            (found.low..=found.high).contains(&0.7)
        };
        let share = (0..200).filter(|&seed| holds(seed)).count() as f64 / 200.0;
        assert!((0.88..=0.99).contains(&share), "{share}");
    }

    #[test]
    fn pictures_of_a_group_count_as_one() {
        // Ten pictures each of the same six: no more is known than from six.
        let of_six: Vec<PictureScores> =
            (0..60).map(|i| Ok(if i < 40 { vec![1.0, 0.0] } else { vec![0.0, 1.0] })).collect();
        let mut alike = data(60, |i| Some((i / 10).to_string()));
        alike.pictures.iter_mut().for_each(|entry| entry.labels = vec![1, -1]);
        let grouped = Intervals::of(&alike, &of_six, 0, &Silent);
        assert_eq!((grouped.units, grouped.count), ("groups", 6));
        alike.pictures.iter_mut().for_each(|entry| entry.group = None);
        let single = Intervals::of(&alike, &of_six, 0, &Silent);
        assert_eq!((single.units, single.count), ("pictures", 60));
        let width = |found: &Intervals| found.accuracy.map(|found| found.high - found.low).unwrap();
        assert!(width(&grouped) > 2.0 * width(&single), "{} {}", width(&grouped), width(&single));
    }

    #[test]
    fn what_never_varies_has_no_interval() {
        let found = Intervals::of(&data(20, |_| None), &scores(20, 1.0, 0), 0, &Silent);
        assert_eq!((found.accuracy, found.mean), (None, [None; 3]));
        assert_eq!(Interval::of(Vec::new()), None);
        let hundred: Vec<f64> = (0..1000).map(f64::from).rev().collect();
        assert_eq!(Interval::of(hundred), Some(Interval { low: 25.0, high: 974.0 }));
    }
}
