//! Parts of a data set that share its categories evenly: folds for cross-validation, and two halves.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use super::{Dataset, Entry};
use crate::numeric::random::stream;

/// Why a data set can't be cut into so many folds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldsError {
    /// One fold leaves nothing to learn from.
    #[error("the number of folds must be at least 2, got {found}")]
    TooFew {
        /// What was asked for.
        found: usize,
    },
    /// A group is in one fold, and some folds would be empty.
    #[error("{folds} folds need at least {folds} pictures or groups of pictures, split \"{split}\" has {groups}")]
    TooFewGroups {
        /// What was asked for.
        folds: usize,
        /// The split.
        split: String,
        /// Its groups; a picture without a group is one of its own.
        groups: usize,
        /// The largest smaller number of folds that is possible.
        max_folds: Option<usize>,
    },
    /// A fold has no positives of a category.
    #[error(
        "category \"{category}\" has {}, and {folds} folds {}",
        held(*positives, "positive", *groups, names),
        if groups < folds { format!("need at least {folds}") } else { "can't each be given some".to_string() }
    )]
    NoPositives {
        /// The category.
        category: String,
        /// Its positives.
        positives: usize,
        /// Groups that hold them; a picture without a group is one of its own.
        groups: usize,
        /// Those of them that have a name.
        names: Vec<String>,
        /// What was asked for.
        folds: usize,
        /// The largest smaller number of folds that is possible.
        max_folds: Option<usize>,
    },
    /// All negatives of a category are in one fold.
    #[error(
        "category \"{category}\" has {}, all in one fold: the other folds have none to learn from",
        held(*negatives, "negative", *groups, names)
    )]
    NoNegatives {
        /// The category.
        category: String,
        /// Its negatives.
        negatives: usize,
        /// Groups that hold them.
        groups: usize,
        /// Those of them that have a name.
        names: Vec<String>,
        /// The largest smaller number of folds that is possible.
        max_folds: Option<usize>,
    },
}

/// `3 positive pictures in 2 groups ("a", "b")`, or without the groups where none has a name.
fn held(pictures: usize, sign: &str, groups: usize, names: &[String]) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let text = format!("{pictures} {sign} picture{}", plural(pictures));
    if names.is_empty() {
        return text;
    }
    let first: Vec<String> = names.iter().take(3).map(|name| format!("\"{name}\"")).collect();
    let more = if groups > first.len() { ", …" } else { "" };
    format!("{text} in {groups} group{} ({}{more})", plural(groups), first.join(", "))
}

impl FoldsError {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        let max_folds = match self {
            FoldsError::TooFew { .. } => Some(5),
            FoldsError::TooFewGroups { max_folds, .. }
            | FoldsError::NoPositives { max_folds, .. }
            | FoldsError::NoNegatives { max_folds, .. } => *max_folds,
        };
        Some(max_folds.map_or_else(
            || {
                "no number of folds works: every category needs positives and negatives in at least 2 groups"
                    .to_string()
            },
            |folds| format!("--folds {folds}"),
        ))
    }
}

/// From this number of pictures on, one pair of halves is enough to choose a setting by.
pub const MANY: usize = 400;
/// Number of random pairs of halves with fewer pictures.
pub const REPEATS: usize = 5;

impl Dataset {
    /// The fold, 0 … `folds` − 1, of every picture; a function of the seed. Pictures of one group share a fold.
    ///
    /// Every fold has positives of every category, and the rest of the folds has positives and negatives. Where each picture has one
    /// category and no group, folds differ by at most one picture of a category, and by at most one picture in all; else they differ as little
    /// as a greedy assignment can make them.
    ///
    /// # Errors
    /// [`FoldsError`], with the largest number of folds that works.
    pub fn folds(&self, folds: usize, seed: u64) -> Result<Vec<usize>, FoldsError> {
        if folds < 2 {
            return Err(FoldsError::TooFew { found: folds });
        }
        let groups = self.groups().len();
        if groups < folds {
            let max_folds = self.max_folds(groups + 1, seed);
            return Err(FoldsError::TooFewGroups { folds, split: self.split.clone(), groups, max_folds });
        }
        let assigned = self.assign(folds, &mut stream(seed, "folds"));
        let Some((category, sign)) = self.missing(&assigned, folds) else { return Ok(assigned) };
        let max_folds = self.max_folds(folds, seed);
        let holders = self.holders(category, sign);
        let (category, groups, count) = (self.categories[category].clone(), holders.len(), self.count(category, sign));
        let names = holders.into_iter().flatten().map(String::from).collect();
        Err(match sign {
            1 => FoldsError::NoPositives { category, positives: count, groups, names, folds, max_folds },
            _ => FoldsError::NoNegatives { category, negatives: count, groups, names, max_folds },
        })
    }

    /// The largest number of folds below `folds` that is possible.
    fn max_folds(&self, folds: usize, seed: u64) -> Option<usize> {
        let holders = (0..self.categories.len()).map(|category| self.holders(category, 1).len());
        let most = holders.min().unwrap_or(folds).min(folds - 1);
        (2..=most).rev().find(|&fewer| {
            let assigned = self.assign(fewer, &mut stream(seed, "folds"));
            self.missing(&assigned, fewer).is_none()
        })
    }

    /// Two halves, each with half of every category's positives as nearly as may be; a function of the seed. Pictures keep their order, and
    /// those of one group share a half.
    pub fn halves(&self, seed: u64) -> (Self, Self) {
        let sides = self.assign(2, &mut stream(seed, "halves"));
        let half = |side: usize, name: &str| self.part(&format!("{name} half"), |i| sides[i] == side);
        (half(0, "first"), half(1, "second"))
    }

    /// Pairs of halves to choose a setting by, fitted on the first and scored on the second; a function of the seed.
    ///
    /// With fewer than [`MANY`] pictures one pair would say too little: then they are [`REPEATS`] random pairs, each taken both ways.
    pub fn validation_rounds(&self, seed: u64) -> Vec<(Self, Self)> {
        if self.pictures.len() >= MANY {
            return vec![self.halves(seed)];
        }
        let mut random = stream(seed, "halves");
        let both_ways = |_| {
            let sides = self.assign(2, &mut random);
            let half = |side: usize, name: &str| self.part(&format!("{name} half"), |i| sides[i] == side);
            [(half(0, "one"), half(1, "other")), (half(1, "one"), half(0, "other"))]
        };
        (0..REPEATS).flat_map(both_ways).collect()
    }

    /// The pictures whose place `keep` takes, in their order; the split's name gets `name` in brackets.
    pub fn part(&self, name: &str, keep: impl Fn(usize) -> bool) -> Self {
        let kept = self.pictures.iter().enumerate().filter(|(i, _)| keep(*i));
        let pictures = kept.map(|(_, entry)| entry.clone()).collect();
        Self {
            notes: Vec::new(),
            root: self.root.clone(),
            source: self.source.clone(),
            layout: self.layout,
            split: format!("{} ({name})", self.split),
            categories: self.categories.clone(),
            pictures,
        }
    }

    /// The places of the pictures that stay together: those of a group, or one; in the order of their first.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (i, entry) in self.pictures.iter().enumerate() {
            let next = groups.len();
            let at = entry.group.as_deref().map_or(next, |name| *known.entry(name).or_insert(next));
            if at == next {
                groups.push(Vec::new());
            }
            groups[at].push(i);
        }
        groups
    }

    /// Assigns the groups to parts (Sechidis et al. 2011, for groups): category by category, the rarest first, its groups that have no part
    /// yet, those with the most of the category first and equal ones in random order, each to the part that has fewest of the category, of
    /// such parts to the smallest. Pictures of no category come last.
    fn assign(&self, parts: usize, random: &mut impl Rng) -> Vec<usize> {
        let groups = self.groups();
        let mut part_of: Vec<Option<usize>> = vec![None; groups.len()];
        let mut sizes = vec![0; parts];
        let mut order: Vec<usize> = (0..self.categories.len()).collect();
        order.sort_by_key(|&category| self.positives(category));
        for category in order.into_iter().map(Some).chain([None]) {
            let belongs = |entry: &Entry| category.is_none_or(|category| entry.labels.get(category) == Some(&1));
            let weight = |group: usize| groups[group].iter().filter(|&&i| belongs(&self.pictures[i])).count();
            let weights: Vec<usize> = (0..groups.len()).map(weight).collect();
            let mut open: Vec<usize> =
                (0..groups.len()).filter(|&group| part_of[group].is_none() && weights[group] > 0).collect();
            for i in (1..open.len()).rev() {
                open.swap(i, random.random_range(0..=i));
            }
            open.sort_by_key(|&group| std::cmp::Reverse(weights[group]));
            let mut have = vec![0; parts];
            for (group, part) in part_of.iter().enumerate() {
                if let Some(part) = part {
                    have[*part] += weights[group];
                }
            }
            for group in open {
                let part = (0..parts).min_by_key(|&part| (have[part], sizes[part])).unwrap_or(0);
                part_of[group] = Some(part);
                have[part] += weights[group];
                sizes[part] += groups[group].len();
            }
        }
        let mut assigned = vec![0; self.pictures.len()];
        for (members, part) in groups.iter().zip(part_of) {
            for &i in members {
                assigned[i] = part.unwrap_or(0);
            }
        }
        assigned
    }

    /// A category of which a fold has no positives (1), or of which all negatives are in one fold (−1).
    fn missing(&self, assigned: &[usize], folds: usize) -> Option<(usize, i8)> {
        (0..self.categories.len()).find_map(|category| {
            let count = |fold: usize, sign: i8| {
                let places = self.pictures.iter().zip(assigned);
                places.filter(|(entry, at)| **at == fold && entry.labels[category] == sign).count()
            };
            if (0..folds).any(|fold| count(fold, 1) == 0) {
                Some((category, 1))
            } else {
                ((0..folds).filter(|&fold| count(fold, -1) > 0).count() < 2).then_some((category, -1))
            }
        })
    }

    /// The groups that hold pictures with this label, by name; none for a picture without a group.
    fn holders(&self, category: usize, sign: i8) -> Vec<Option<&str>> {
        let holds = |group: &Vec<usize>| group.iter().any(|&i| self.pictures[i].labels[category] == sign);
        self.groups()
            .iter()
            .filter(|group| holds(group))
            .map(|group| self.pictures[group[0]].group.as_deref())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    /// Pictures of (labels, group).
    fn dataset(pictures: impl IntoIterator<Item = (Vec<i8>, Option<String>)>) -> Dataset {
        let pictures: Vec<Entry> = pictures
            .into_iter()
            .enumerate()
            .map(|(i, (labels, group))| Entry { id: format!("{i:03}"), path: format!("{i:03}.png"), labels, group })
            .collect();
        let count = pictures.first().map_or(0, |entry| entry.labels.len());
        let categories = (0..count).map(|category| format!("c{category}")).collect();
        Dataset {
            root: PathBuf::from("nowhere"),
            source: PathBuf::from("nowhere"),
            layout: Layout::List,
            split: "s".into(),
            categories,
            pictures,
            notes: Vec::new(),
        }
    }

    fn one_label(category: usize, categories: usize) -> Vec<i8> {
        (0..categories).map(|c| if c == category { 1 } else { -1 }).collect()
    }

    #[test]
    fn halves_share_every_category_and_lose_no_picture() {
        let label = |holds: bool| if holds { 1 } else { -1 };
        let whole = dataset((0..41).map(|i| (vec![label(i % 4 == 0), label(i % 7 < 2)], None)));
        let (first, second) = whole.halves(3);
        let mut ids: Vec<&String> = first.pictures.iter().chain(&second.pictures).map(|entry| &entry.id).collect();
        ids.sort();
        assert_eq!(ids.len(), 41);
        ids.dedup();
        assert_eq!(ids.len(), 41);
        for category in 0..2 {
            assert!(first.positives(category).abs_diff(second.positives(category)) <= 1);
        }
        assert!(first.pictures.len().abs_diff(second.pictures.len()) <= 3);
        assert!(first.pictures.is_sorted_by_key(|entry| &entry.id));
        assert_eq!(first.split, "s (first half)");
        assert_eq!(whole.halves(3), (first, second));
        assert_ne!(whole.halves(3).0, whole.halves(4).0);
    }

    #[test]
    fn groups_stay_in_one_half() {
        let whole = dataset((0..40).map(|i| (one_label(i % 2, 2), Some(format!("g{}", i / 5)))));
        let (first, second) = whole.halves(1);
        let groups = |half: &Dataset| -> std::collections::BTreeSet<Option<String>> {
            half.pictures.iter().map(|entry| entry.group.clone()).collect()
        };
        assert!(groups(&first).is_disjoint(&groups(&second)));
        assert_eq!(first.pictures.len(), 20);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// One category a picture and no groups: folds differ by at most one picture of a category, and by one in all.
        #[test]
        fn folds_are_stratified(counts in proptest::collection::vec(6usize..30, 2..5), folds in 2usize..7, seed in 0u64..1000) {
            let categories = counts.len();
            let labels = counts.iter().enumerate().flat_map(|(c, &count)| std::iter::repeat_n(one_label(c, categories), count));
            let data = dataset(labels.map(|labels| (labels, None)));
            let assigned = data.folds(folds, seed).unwrap();
            prop_assert_eq!(assigned.len(), data.pictures.len());
            let even = |counts: &[usize]| counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1;
            let size = |fold: usize| assigned.iter().filter(|at| **at == fold).count();
            let sizes: Vec<usize> = (0..folds).map(size).collect();
            prop_assert!(even(&sizes), "{:?}", sizes);
            for category in 0..categories {
                let part = |fold: usize| data.part("", |i| assigned[i] == fold).positives(category);
                let positives: Vec<usize> = (0..folds).map(part).collect();
                prop_assert!(even(&positives), "{:?}", positives);
            }
            prop_assert_eq!(data.folds(folds, seed).unwrap(), assigned);
        }

        /// Any labels and groups: every picture has a fold, groups stay together, and the promises to learning and testing are kept; or the
        /// error's cure works.
        #[test]
        fn folds_keep_groups_together_and_can_be_learnt(
            pictures in proptest::collection::vec((proptest::collection::vec(-1i8..=1, 3), proptest::option::of(0u8..12)), 8..70),
            folds in 2usize..7,
            seed in 0u64..1000,
        ) {
            let data = dataset(pictures.into_iter().map(|(labels, group)| (labels, group.map(|group| format!("g{group}")))));
            let check = |folds: usize, assigned: &[usize]| {
                let places = || data.pictures.iter().zip(assigned);
                places().all(|(_, at)| *at < folds)
                    && places().all(|(a, i)| places().all(|(b, j)| a.group.is_none() || a.group != b.group || i == j))
                    && (0..folds).all(|fold| {
                        let (test, rest) = (data.part("", |i| assigned[i] == fold), data.part("", |i| assigned[i] != fold));
                        rest.require_positives().is_ok() && (0..3).all(|category| test.positives(category) > 0)
                    })
            };
            match data.folds(folds, seed) {
                Ok(assigned) => prop_assert!(check(folds, &assigned)),
                Err(
                    FoldsError::TooFewGroups { max_folds, .. }
                    | FoldsError::NoPositives { max_folds, .. }
                    | FoldsError::NoNegatives { max_folds, .. },
                ) => {
                    for fewer in 2..folds {
                        match data.folds(fewer, seed) {
                            Ok(assigned) => prop_assert!(max_folds >= Some(fewer) && check(fewer, &assigned)),
                            Err(_) => prop_assert!(max_folds != Some(fewer)),
                        }
                    }
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }

    #[test]
    fn what_folds_cannot_hold_is_named_with_its_cure() {
        let fault = |data: &Dataset, folds: usize| {
            let error = data.folds(folds, 0).unwrap_err();
            (error.to_string(), error.hint().unwrap())
        };
        let grouped = |groups: &[(usize, &str)]| {
            dataset(groups.iter().map(|(category, group)| (one_label(*category, 2), Some(group.to_string()))))
        };
        let data = grouped(&[(0, "p1"), (0, "p1"), (0, "p1"), (1, "p2"), (1, "p3"), (1, "p4"), (1, "p5")]);
        let (text, hint) = fault(&data, 5);
        assert!(
            text.contains("\"c0\" has 3 positive pictures in 1 group (\"p1\"), and 5 folds need at least 5"),
            "{text}"
        );
        assert!(hint.contains("at least 2 groups"), "{hint}");
        let data = grouped(&[(0, "a"), (0, "b"), (0, "c"), (1, "d"), (1, "e"), (1, "f"), (1, "g")]);
        let (text, hint) = fault(&data, 4);
        assert!(
            text.contains("3 positive pictures in 3 groups (\"a\", \"b\", \"c\"), and 4 folds need at least 4"),
            "{text}"
        );
        assert_eq!(hint, "--folds 3");
        assert_eq!(fault(&data, 8).0, "8 folds need at least 8 pictures or groups of pictures, split \"s\" has 7");
        assert_eq!(fault(&data, 8).1, "--folds 3");
        assert_eq!(fault(&data, 1), ("the number of folds must be at least 2, got 1".into(), "--folds 5".into()));
        let plain = dataset((0..9).map(|i| (one_label(usize::from(i > 1), 2), None)));
        assert!(fault(&plain, 3).0.contains("\"c0\" has 2 positive pictures, and 3 folds need at least 3"));
        let everywhere = dataset((0..6).map(|i| (vec![if i == 0 { -1 } else { 1 }], None)));
        assert!(fault(&everywhere, 2).0.contains("\"c0\" has 1 negative picture, all in one fold"));
    }
}
