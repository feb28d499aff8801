//! Training of small networks: mini-batches, soft-max and cross-entropy, stochastic gradient descent.
//!
//! Everything is in single precision. A batch is a function of seed and step, sums have one order, and so a run gives the same bytes on any number of
//! threads, and also where it was interrupted.

mod checkpoint;
mod examples;
mod normal;
pub mod optimizer;
pub mod recipe;
pub mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::checkpoint::CheckpointError;
use self::checkpoint::{Run, State};
use self::examples::{Batch, Examples};
use self::optimizer::{Constants, Step};
use self::recipe::{Recipe, RecipeError};
use self::record::Training;
use super::array::Array;
use super::composite::CompositeError;
use super::ending::Ending;
use super::graph::Graph;
use super::network::{Explaining, Network, NetworkError, Origin, Source};
use super::walk::Runner;
use crate::dataset::Dataset;
use crate::format::atomic::WriteError;
use crate::progress::Progress;

/// What a training is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The training pictures.
    pub data: &'a Dataset,
    /// How the network is made and trained.
    pub recipe: &'a Recipe,
    /// Of all random choices.
    pub seed: u64,
    /// Number of the last pictures that are not trained on, but judged at the end.
    pub held_out: usize,
    /// Where an interrupted run is kept, and found again; it is removed at the end.
    pub checkpoint: Option<&'a Path>,
    /// How often it is written.
    pub every: Duration,
    /// Stops there, with a checkpoint.
    pub stop_after: Option<usize>,
}

/// What a training came to.
pub enum Outcome {
    /// The network.
    Trained(Box<Network>),
    /// It stopped after so many steps, as it was asked to.
    Stopped(usize),
}

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe can't be used.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A picture has none or several categories.
    #[error(
        "picture \"{picture}\" has {found} categories: a network's categories exclude each other, so each picture must have one"
    )]
    Categories {
        /// The picture.
        picture: String,
        /// Number of its categories.
        found: usize,
    },
    /// Nothing is left to train on.
    #[error("{held_out} of {pictures} pictures can't be held out: nothing is left to train on")]
    HeldOut {
        /// Number of pictures to be held out.
        held_out: usize,
        /// Number of all.
        pictures: usize,
    },
    /// No picture could be read.
    #[error("none of the pictures to train on can be read")]
    NoPictures,
    /// All pixels are equal.
    #[error("all pixels of all training pictures are equal")]
    Uniform,
    /// The loss grew beyond all numbers.
    #[error("the loss is no number any more after {steps} steps: the training diverged")]
    Diverged {
        /// Number of steps.
        steps: usize,
    },
    /// The checkpoint can't be used.
    #[error("the checkpoint \"{}\" can't be used", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// The checkpoint can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The result is no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The recipe's rules are none.
    #[error(transparent)]
    Rules(#[from] CompositeError),
}

impl TrainError {
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        matches!(self, TrainError::Write(error) if error.is_failure())
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            TrainError::Recipe(error) => error.hint(),
            TrainError::Diverged { .. } => Some("a smaller learning rate: --set rate=0.01".to_string()),
            TrainError::Checkpoint { source: CheckpointError::OtherRun { .. }, .. } => {
                Some("--restart begins anew; or ask for the same run as before".to_string())
            }
            TrainError::Checkpoint { .. } => Some("--restart begins anew".to_string()),
            _ => None,
        }
    }
}

/// The weight of the past in the running mean of the loss.
const PAST: f64 = 0.999;
/// Pictures that are judged together.
const BLOCK: usize = 500;
/// Steps between two reports.
const REPORT: usize = 100;

/// Trains a network.
///
/// # Errors
/// [`TrainError`].
pub fn train(request: &Request<'_>, progress: &dyn Progress) -> Result<Outcome, TrainError> {
    let Request { data, recipe, seed, held_out, .. } = *request;
    recipe.check()?;
    let way = recipe.rules.parse()?;
    let graph = recipe.network(data.categories.len(), seed)?;
    let (training, others, preparation) = examples::read(data, recipe, held_out, progress)?;
    let run = Run { recipe: recipe.clone(), seed, data: data.digest(), held_out };
    let mut trainer = Trainer::new(graph, recipe);
    if let Some(path) = request.checkpoint.filter(|path| path.exists()) {
        let broken = |source| TrainError::Checkpoint { path: path.to_path_buf(), source };
        let fresh = trainer.state();
        trainer.restore(checkpoint::load(&run, fresh, path).map_err(broken)?);
        progress.warn(&format!(
            "going on after step {} of {}, from \"{}\"",
            trainer.iteration,
            recipe.iterations,
            path.display()
        ));
    }
    if let Some(stopped) = trainer.run(request, &run, &training, progress)? {
        return Ok(Outcome::Stopped(stopped));
    }
    let accuracy = (!others.labels.is_empty()).then(|| trainer.accuracy(&others));
    let record = Training {
        recipe: recipe.clone(),
        seed,
        split: data.split.clone(),
        data: run.data,
        pictures: training.labels.len(),
        held_out: others.labels.len(),
        accuracy,
        loss: trainer.loss,
    };
    let origin = Origin {
        version: env!("CARGO_PKG_VERSION").to_string(),
        ending: Ending::Softmax,
        source: Source::Trained { training: Box::new(record) },
    };
    let explaining = Explaining { name: recipe.rules.clone(), way, ..Explaining::default() };
    let network = Network::new(trainer.into_graph(), data.categories.clone(), Some(preparation), origin, explaining)?;
    Ok(Outcome::Trained(Box::new(network)))
}

/// A network that learns.
struct Trainer<'a> {
    graph: Arc<Graph>,
    runner: Runner<f32>,
    recipe: &'a Recipe,
    /// The optimizer's memories, by layer.
    memories: Vec<Vec<Constants>>,
    /// Number of steps done.
    iteration: usize,
    /// The running mean of the loss.
    loss: f64,
}

impl<'a> Trainer<'a> {
    fn new(graph: Graph, recipe: &'a Recipe) -> Self {
        let graph = Arc::new(graph);
        let mut runner = Runner::<f32>::new(graph.clone());
        let mut memories = vec![Vec::new(); graph.nodes().len()];
        for (place, layer) in runner.learning() {
            let zeros: Constants = layer.constants().iter().map(|values| vec![0.0; values.len()]).collect();
            memories[place] = vec![zeros; recipe.optimizer.memories()];
        }
        // The loss of a network that knows nothing.
        let loss = graph.categories().map_or(0.0, |categories| (categories as f64).ln());
        Self { graph, runner, recipe, memories, iteration: 0, loss }
    }

    fn state(&mut self) -> State {
        let mut constants = vec![Vec::new(); self.graph.nodes().len()];
        for (place, layer) in self.runner.learning() {
            constants[place] = layer.constants().into_iter().map(|values| values.clone()).collect();
        }
        State { iteration: self.iteration, loss: self.loss, constants, memories: self.memories.clone() }
    }

    fn restore(&mut self, state: State) {
        (self.iteration, self.loss, self.memories) = (state.iteration, state.loss, state.memories);
        let mut constants = state.constants;
        for (place, layer) in self.runner.learning() {
            layer
                .constants()
                .into_iter()
                .zip(std::mem::take(&mut constants[place]))
                .for_each(|(own, kept)| *own = kept);
        }
    }

    /// All steps that are left, or those up to where it is asked to stop; then their number.
    fn run(
        &mut self,
        request: &Request<'_>,
        run: &Run,
        examples: &Examples,
        progress: &dyn Progress,
    ) -> Result<Option<usize>, TrainError> {
        let end = request.stop_after.unwrap_or(usize::MAX).min(self.recipe.iterations);
        let mut written = Instant::now();
        progress.begin("steps", self.recipe.iterations);
        (0..self.iteration.min(end)).for_each(|_| progress.step());
        let mut batch = examples.batch(self.recipe, request.seed, self.iteration);
        while self.iteration < end {
            // The next batch is drawn while this one is learnt.
            let next = self.iteration + 1;
            let draw = || examples.batch(self.recipe, request.seed, next);
            let (recipe, iteration) = (self.recipe, self.iteration);
            let (runner, memories) = (&mut self.runner, &mut self.memories);
            let (loss, drawn) = rayon::join(|| step(runner, memories, recipe, iteration, &batch), draw);
            batch = drawn;
            self.loss = PAST * self.loss + (1.0 - PAST) * loss;
            self.iteration = next;
            if !self.loss.is_finite() {
                return Err(TrainError::Diverged { steps: self.iteration });
            }
            progress.step();
            if self.iteration.is_multiple_of(REPORT) {
                progress.say(&format!("loss {:.4}", self.loss));
            }
            if let Some(path) = request.checkpoint
                && (written.elapsed() >= request.every || (self.iteration == end && end < self.recipe.iterations))
            {
                checkpoint::save(run, &self.state(), path)?;
                written = Instant::now();
            }
        }
        progress.end();
        Ok((self.iteration < self.recipe.iterations).then_some(self.iteration))
    }

    /// The share of pictures whose largest logit is their category's.
    fn accuracy(&self, examples: &Examples) -> f64 {
        let mut right = 0;
        for (inputs, labels) in examples.blocks(BLOCK) {
            let logits = self.runner.logits(inputs.to_vec());
            let count = logits.len() / labels.len();
            for (logits, &label) in logits.chunks(count).zip(labels) {
                let best = (0..count).fold(0, |best, other| if logits[other] > logits[best] { other } else { best });
                right += usize::from(best == label);
            }
        }
        right as f64 / examples.labels.len() as f64
    }

    /// The network with what it learnt.
    fn into_graph(mut self) -> Graph {
        let (input, mut nodes) = (self.graph.input().to_vec(), self.graph.nodes().to_vec());
        for (place, layer) in self.runner.learning() {
            for ((_, array), learnt) in nodes[place].layer.arrays().into_iter().zip(layer.constants()) {
                *array = Array::new(array.shape.clone(), learnt.iter().map(|&value| f64::from(value)).collect());
            }
        }
        Graph::new(input, nodes).expect("learning changes no shape")
    }
}

/// A step: the network changes, and the batch's mean loss before is returned.
fn step(
    runner: &mut Runner<f32>,
    memories: &mut [Vec<Constants>],
    recipe: &Recipe,
    iteration: usize,
    batch: &Batch,
) -> f64 {
    let values = runner.forward(batch.inputs.clone());
    let (loss, start) = cross_entropy(values.logits(), &batch.labels);
    let rate = recipe.rate_at(iteration) as f32;
    runner.learn(&values, start, |place, layer, x, arriving| {
        let given = Step { batch: batch.labels.len(), x, arriving, rate, iteration };
        recipe.optimizer.step(layer, &mut memories[place], &given);
    });
    loss
}

/// The mean of `−ln p_c` over a batch, p being the soft-max of the logits and c the categories, and its derivatives by the logits, `(p − [c])/n`.
fn cross_entropy(logits: &[f32], labels: &[usize]) -> (f64, Vec<f32>) {
    let (count, items) = (logits.len() / labels.len(), labels.len() as f64);
    let mut loss = 0.0;
    let mut start = Vec::with_capacity(logits.len());
    for (logits, &label) in logits.chunks_exact(count).zip(labels) {
        let logits: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        loss += sum.ln() + largest - logits[label];
        start.extend(powers.iter().enumerate().map(|(category, power)| {
            let own = if category == label { 1.0 } else { 0.0 };
            ((power / sum - own) / items) as f32
        }));
    }
    (loss / items, start)
}

#[cfg(test)]
mod tests;
