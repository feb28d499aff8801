//! The vocabulary: K visual words by k-means on a sample of descriptors.
//!
//! Lloyd's iteration from a seeded start: assign every descriptor to its exact nearest word, move every word to the mean
//! of its descriptors, until the mean squared distance drops by less than 1e-4 of itself or `max_iter` is reached. A
//! cluster that loses all its descriptors takes the one farthest from its word. Sums run in the order of the descriptors, so the
//! result depends on data, configuration and seed only. With `engine = "linfa"` linfa-clustering does the work, from the
//! same start, if the program was built with the feature `linfa`.

use ndarray::{Array2, ArrayView2, s};
use rand::RngExt;
use rayon::prelude::*;

use super::nearest::NearestWords;
use crate::numeric::lanes::squared_distance;
use crate::numeric::random::stream;

crate::closed_set! {
    /// Which implementation of k-means runs.
    pub enum Engine as "vocabulary engine" {
        /// Lloyd's iteration on matrix products, exact and independent of threads.
        Lloyd = "lloyd",
        /// linfa-clustering's k-means, a second opinion; slower.
        Linfa = "linfa",
    }
}

crate::closed_set! {
    /// How the first words are chosen.
    pub enum Start as "vocabulary start" {
        /// Distinct descriptors drawn at random.
        Random = "random",
        /// k-means++ (Arthur & Vassilvitskii 2007).
        PlusPlus = "k-means++",
    }
}

/// Relative drop of the mean squared distance below which the iteration has converged.
const CONVERGED: f64 = 1e-4;

/// Why no vocabulary could be learnt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// A parameter is out of range.
    #[error("\"{name}\" must be {allowed}, got {found}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it may be.
        allowed: &'static str,
        /// What it is.
        found: usize,
    },
    /// There are fewer different descriptors than words.
    #[error("{words} words need at least as many different descriptors, got {found}")]
    TooFewDescriptors {
        /// Words asked for.
        words: usize,
        /// Different descriptors given.
        found: usize,
    },
    /// The program was built without this engine.
    #[error("this program was built without the vocabulary engine \"{engine}\"")]
    EngineMissing {
        /// The engine asked for.
        engine: Engine,
    },
    /// linfa-clustering could not learn the words.
    #[cfg(feature = "linfa")]
    #[error("linfa-clustering failed")]
    Linfa(#[from] linfa_clustering::KMeansError),
    /// linfa refused its input.
    #[cfg(feature = "linfa")]
    #[error("linfa failed")]
    Framework(#[from] linfa::Error),
}

impl VocabularyError {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            VocabularyError::EngineMissing { engine } => {
                Some(format!("--set channel.vocabulary.engine=lloyd, or cargo install bowsight --features {engine}"))
            }
            _ => None,
        }
    }
}

impl Engine {
    /// Makes sure that this program has the engine.
    ///
    /// # Errors
    /// [`VocabularyError::EngineMissing`] for linfa's in a program built without the feature `linfa`.
    pub fn require(self) -> Result<(), VocabularyError> {
        match self {
            Engine::Lloyd => Ok(()),
            Engine::Linfa if cfg!(feature = "linfa") => Ok(()),
            Engine::Linfa => Err(VocabularyError::EngineMissing { engine: self }),
        }
    }
}

/// How a vocabulary is learnt.
#[derive(Debug, Clone)]
pub struct KMeans {
    words: usize,
    max_iter: usize,
    seed: u64,
    engine: Engine,
    start: Start,
}

/// One pass of the iteration.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Iteration {
    /// Mean squared distance of the descriptors to their words, before the words moved.
    pub mean_squared_distance: f64,
    /// Clusters that had lost all their descriptors.
    pub emptied: usize,
}

/// A learnt vocabulary and how the learning went.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    nearest: NearestWords,
    /// Mean squared distance of the training descriptors to their nearest word: the σ² of soft mapping.
    pub mean_squared_distance: f64,
    /// Every pass; empty where linfa did the work.
    pub iterations: Vec<Iteration>,
    /// Whether the relative drop ended the iteration, not the limit.
    pub converged: bool,
}

impl Vocabulary {
    /// A vocabulary whose words are known.
    pub fn from_words(words: Array2<f32>, mean_squared_distance: f64) -> Self {
        Self { nearest: NearestWords::new(words), mean_squared_distance, iterations: Vec::new(), converged: true }
    }

    /// The words, K×P.
    pub fn words(&self) -> &Array2<f32> {
        self.nearest.words()
    }

    /// The search for nearest words.
    pub fn nearest(&self) -> &NearestWords {
        &self.nearest
    }
}

impl KMeans {
    /// Learns `words` words from `seed`, with at most 25 iterations of Lloyd's from a random start.
    pub fn new(words: usize, seed: u64) -> Self {
        Self { words, max_iter: 25, seed, engine: Engine::Lloyd, start: Start::Random }
    }

    /// Sets the maximum number of iterations.
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets which implementation runs.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Sets how the first words are chosen.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Learns the words of `descriptors` (n×P).
    ///
    /// # Errors
    /// [`VocabularyError`] if a parameter is out of range, if there are fewer different descriptors than words, if the
    /// engine is not part of this program, or if it fails.
    pub fn fit(&self, descriptors: ArrayView2<'_, f32>) -> Result<Vocabulary, VocabularyError> {
        self.fit_telling(descriptors, &|| {})
    }

    /// The same; calls `pass` after each pass over the descriptors.
    ///
    /// # Errors
    /// Those of [`KMeans::fit`].
    pub fn fit_telling(
        &self,
        descriptors: ArrayView2<'_, f32>,
        pass: &dyn Fn(),
    ) -> Result<Vocabulary, VocabularyError> {
        for (name, found) in [("words", self.words), ("max_iter", self.max_iter)] {
            if found == 0 {
                return Err(VocabularyError::Parameter { name, allowed: "at least 1", found });
            }
        }
        self.engine.require()?;
        let descriptors = descriptors.as_standard_layout();
        let descriptors = descriptors.view();
        let start = match self.start {
            Start::Random => self.random_start(descriptors)?,
            Start::PlusPlus => self.plus_plus_start(descriptors)?,
        };
        match self.engine {
            Engine::Lloyd => Ok(self.lloyd(descriptors, start, pass)),
            #[cfg(feature = "linfa")]
            Engine::Linfa => {
                let words = super::linfa::k_means(descriptors, start, self.max_iter, CONVERGED)?;
                let vocabulary = Vocabulary::from_words(words, 0.0);
                let (_, distances) = assign(&vocabulary.nearest, descriptors);
                Ok(Vocabulary { mean_squared_distance: mean(&distances), ..vocabulary })
            }
            #[cfg(not(feature = "linfa"))]
            Engine::Linfa => unreachable!("an engine that is missing was refused above"),
        }
    }

    /// `words` rows with different values, in the order of a random permutation.
    fn random_start(&self, descriptors: ArrayView2<'_, f32>) -> Result<Array2<f32>, VocabularyError> {
        let mut random = stream(self.seed, "vocabulary");
        let mut order: Vec<usize> = (0..descriptors.nrows()).collect();
        let mut seen = std::collections::HashSet::new();
        let mut chosen = Vec::with_capacity(self.words);
        // Fisher–Yates, drawn only as far as needed.
        for i in 0..order.len() {
            let j = random.random_range(i..order.len());
            order.swap(i, j);
            let bits: Vec<u32> = descriptors.row(order[i]).iter().map(|value| value.to_bits()).collect();
            if seen.insert(bits) {
                chosen.push(order[i]);
                if chosen.len() == self.words {
                    return Ok(descriptors.select(ndarray::Axis(0), &chosen));
                }
            }
        }
        Err(VocabularyError::TooFewDescriptors { words: self.words, found: chosen.len() })
    }

    /// Each next word is a descriptor drawn with probability ∝ its squared distance to the nearest word so far.
    fn plus_plus_start(&self, descriptors: ArrayView2<'_, f32>) -> Result<Array2<f32>, VocabularyError> {
        let rows = descriptors.nrows();
        if rows == 0 {
            return Err(VocabularyError::TooFewDescriptors { words: self.words, found: 0 });
        }
        let mut random = stream(self.seed, "vocabulary");
        let mut chosen = vec![random.random_range(0..rows)];
        let mut distances = vec![f32::INFINITY; rows];
        while chosen.len() < self.words {
            let word = descriptors.row(chosen[chosen.len() - 1]).to_vec();
            distances.par_iter_mut().zip(descriptors.axis_iter(ndarray::Axis(0)).into_par_iter()).for_each(
                |(distance, row)| {
                    let row = row.to_slice().expect("descriptors are stored row by row");
                    *distance = distance.min(squared_distance(row, &word));
                },
            );
            let total: f64 = distances.iter().map(|&distance| f64::from(distance)).sum();
            if total <= 0.0 {
                return Err(VocabularyError::TooFewDescriptors { words: self.words, found: chosen.len() });
            }
            let target = random.random::<f64>() * total;
            let mut sum = 0.0;
            let mut next = rows - 1;
            for (row, &distance) in distances.iter().enumerate() {
                sum += f64::from(distance);
                if sum > target && distance > 0.0 {
                    next = row;
                    break;
                }
            }
            chosen.push(next);
        }
        Ok(descriptors.select(ndarray::Axis(0), &chosen))
    }

    fn lloyd(&self, descriptors: ArrayView2<'_, f32>, mut words: Array2<f32>, pass: &dyn Fn()) -> Vocabulary {
        let mut iterations: Vec<Iteration> = Vec::new();
        let mut converged = false;
        loop {
            let nearest = NearestWords::new(words);
            let (owners, distances) = assign(&nearest, descriptors);
            let mean = mean(&distances);
            let drop = iterations.last().map(|last: &Iteration| (last.mean_squared_distance, last.emptied));
            if let Some((before, 0)) = drop
                && before - mean < CONVERGED * before
            {
                converged = true;
            }
            if converged || iterations.len() == self.max_iter {
                return Vocabulary { nearest, mean_squared_distance: mean, iterations, converged };
            }
            let (moved, emptied) = move_words(nearest.words().view(), descriptors, &owners, &distances);
            iterations.push(Iteration { mean_squared_distance: mean, emptied });
            pass();
            words = moved;
        }
    }
}

/// The mean in f64; 0 of no distance.
fn mean(distances: &[f32]) -> f64 {
    distances.iter().map(|&distance| f64::from(distance)).sum::<f64>() / distances.len().max(1) as f64
}

/// Every descriptor's nearest word and its squared distance, in parallel over blocks of rows.
pub fn assign(nearest: &NearestWords, descriptors: ArrayView2<'_, f32>) -> (Vec<u32>, Vec<f32>) {
    const ROWS: usize = 2048;
    let mut owners = vec![0u32; descriptors.nrows()];
    let mut distances = vec![0f32; descriptors.nrows()];
    owners.par_chunks_mut(ROWS).zip(distances.par_chunks_mut(ROWS)).enumerate().for_each(
        |(block, (owners, distances))| {
            let start = block * ROWS;
            let rows = descriptors.slice(s![start..start + owners.len(), ..]);
            nearest.search(rows, 1, |row, words, found| {
                owners[row] = words[0];
                distances[row] = found[0];
            });
        },
    );
    (owners, distances)
}

/// Each word at the mean of its descriptors; also how many clusters were empty.
fn move_words(
    words: ArrayView2<'_, f32>,
    descriptors: ArrayView2<'_, f32>,
    owners: &[u32],
    distances: &[f32],
) -> (Array2<f32>, usize) {
    let (count, width) = words.dim();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (row, &owner) in owners.iter().enumerate() {
        members[owner as usize].push(row);
    }
    let mut moved = words.to_owned();
    moved.axis_iter_mut(ndarray::Axis(0)).into_par_iter().zip(&members).for_each(|(mut word, rows)| {
        if rows.is_empty() {
            return;
        }
        let mut sum = vec![0.0f64; width];
        for &row in rows {
            for (sum, &value) in sum.iter_mut().zip(descriptors.row(row)) {
                *sum += f64::from(value);
            }
        }
        for (value, sum) in word.iter_mut().zip(sum) {
            *value = (sum / rows.len() as f64) as f32;
        }
    });
    let empty: Vec<usize> = (0..count).filter(|&word| members[word].is_empty()).collect();
    if !empty.is_empty() {
        let mut farthest: Vec<usize> = (0..distances.len()).collect();
        farthest.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
        for (&word, &row) in empty.iter().zip(&farthest) {
            moved.row_mut(word).assign(&descriptors.row(row));
        }
    }
    (moved, empty.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clouds(seed: u64, rows: usize, width: usize, centres: usize) -> Array2<f32> {
        let mut random = stream(seed, "clouds");
        let middle = Array2::from_shape_fn((centres, width), |_| 4.0 * random.random::<f32>());
        Array2::from_shape_fn((rows, width), |(row, column)| {
            middle[(row % centres, column)] + 0.3 * random.random::<f32>()
        })
    }

    fn fit(k_means: KMeans, data: &Array2<f32>) -> Vocabulary {
        k_means.fit(data.view()).unwrap()
    }

    #[test]
    fn the_distance_falls_and_the_words_are_means() {
        let data = clouds(1, 600, 7, 9);
        for start in Start::ALL {
            let vocabulary = fit(KMeans::new(9, 3).start(*start).max_iter(100), &data);
            let distances: Vec<f64> = vocabulary.iterations.iter().map(|i| i.mean_squared_distance).collect();
            assert!(distances.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-6)), "{distances:?}");
            assert!(vocabulary.converged);
            let (owners, _) = assign(vocabulary.nearest(), data.view());
            for (word, values) in vocabulary.words().rows().into_iter().enumerate() {
                let rows: Vec<usize> = (0..600).filter(|&row| owners[row] as usize == word).collect();
                for (column, value) in values.iter().enumerate() {
                    let mean = rows.iter().map(|&row| f64::from(data[(row, column)])).sum::<f64>() / rows.len() as f64;
                    assert!((mean - f64::from(*value)).abs() < 0.02, "word {word}: {value} instead of {mean}");
                }
            }
        }
    }

    #[cfg(feature = "linfa")]
    #[test]
    fn linfa_from_the_same_start_finds_the_same_words() {
        let data = clouds(2, 400, 5, 6);
        let ours = fit(KMeans::new(6, 1).max_iter(200), &data);
        let theirs = fit(KMeans::new(6, 1).max_iter(200).engine(Engine::Linfa), &data);
        let difference = (ours.words() - theirs.words()).mapv(f32::abs).fold(0.0, |a: f32, &b| a.max(b));
        assert!(difference < 1e-3, "words differ by {difference}");
        assert!((ours.mean_squared_distance - theirs.mean_squared_distance).abs() < 1e-4);
    }

    #[cfg(not(feature = "linfa"))]
    #[test]
    fn a_missing_engine_is_an_error_that_says_how_to_get_it() {
        let error = KMeans::new(2, 0).engine(Engine::Linfa).fit(clouds(2, 40, 5, 6).view()).unwrap_err();
        assert!(matches!(error, VocabularyError::EngineMissing { engine: Engine::Linfa }), "{error}");
        assert!(error.hint().unwrap().contains("--features linfa"));
    }

    #[test]
    fn an_emptied_cluster_takes_the_farthest_descriptor() {
        let data = ndarray::array![[0.0f32], [0.1], [10.0], [10.1], [20.0]];
        let words = ndarray::array![[0.0f32], [10.0], [100.0]];
        let nearest = NearestWords::new(words.clone());
        let (owners, distances) = assign(&nearest, data.view());
        let (moved, emptied) = move_words(words.view(), data.view(), &owners, &distances);
        assert_eq!(emptied, 1);
        assert_eq!(moved[(2, 0)], 20.0);
    }

    #[test]
    fn one_thread_and_three_give_the_same_bits() {
        let data = clouds(4, 5000, 16, 30);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(KMeans::new(40, 9).start(Start::PlusPlus), &data)).words().clone()
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn too_few_different_descriptors_are_an_error() {
        let data = Array2::from_elem((50, 3), 0.5f32);
        for start in Start::ALL {
            let error = KMeans::new(2, 0).start(*start).fit(data.view()).unwrap_err();
            assert!(matches!(error, VocabularyError::TooFewDescriptors { words: 2, found: 1 }), "{error}");
        }
        for k_means in [KMeans::new(0, 0), KMeans::new(1, 0).max_iter(0)] {
            assert!(matches!(k_means.fit(data.view()), Err(VocabularyError::Parameter { found: 0, .. })));
        }
    }
}
