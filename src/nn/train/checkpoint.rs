//! A training that was interrupted, on disk: constants, the optimizer's memories, and which run it is.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::optimizer::Constants;
use super::recipe::Recipe;
use crate::format::atomic::WriteError;
use crate::format::container::{self, Container, ContainerError, Reader, Values};

const FORMAT: &str = "bowsight-checkpoint";
const VERSION: &str = "1";

/// What makes a run: two runs of which all of it is equal end with the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub recipe: Recipe,
    pub seed: u64,
    /// SHA-256 of the data ([`crate::dataset::Dataset::digest`]).
    pub data: String,
    pub held_out: usize,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// Number of steps done.
    pub iteration: usize,
    /// The running mean of the loss.
    pub loss: f64,
    /// The constants, by layer.
    pub constants: Vec<Constants>,
    /// The optimizer's memories of them.
    pub memories: Vec<Vec<Constants>>,
}

/// Why a checkpoint can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file could not be read.
    #[error("it can't be read")]
    Io(#[from] std::io::Error),
    /// It is damaged, or no checkpoint.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It is something else, or of another version.
    #[error("it is no checkpoint of this version")]
    Format,
    /// A part is malformed.
    #[error("its \"{key}\" is malformed")]
    Metadata {
        /// The part.
        key: &'static str,
    },
    /// It belongs to another run.
    #[error("it belongs to another run: its {differs} differs")]
    OtherRun {
        /// What differs first.
        differs: &'static str,
    },
}

fn constant(place: usize, number: usize) -> String {
    format!("constants.{place}.{number}")
}

fn memory(place: usize, memory: usize, number: usize) -> String {
    format!("memories.{place}.{memory}.{number}")
}

pub(super) fn save(run: &Run, state: &State, path: &Path) -> Result<(), WriteError> {
    let mut container = Container::default();
    let mut insert =
        |name: String, values: &Vec<f32>| container.insert(name, &[values.len()], Values::F32(values.clone()));
    for (place, constants) in state.constants.iter().enumerate() {
        constants.iter().enumerate().for_each(|(number, values)| insert(constant(place, number), values));
    }
    for (place, memories) in state.memories.iter().enumerate() {
        for (own, values) in memories.iter().enumerate() {
            values.iter().enumerate().for_each(|(number, values)| insert(memory(place, own, number), values));
        }
    }
    for (key, value) in [
        ("format", FORMAT.to_string()),
        ("version", VERSION.to_string()),
        ("run", serde_json::to_string(run).expect("own types serialize")),
        ("iteration", state.iteration.to_string()),
        ("loss", state.loss.to_string()),
    ] {
        container.metadata.insert(key.to_string(), value);
    }
    container.write(path)
}

/// Reads the checkpoint of this run; `fresh` is the run's state before its first step.
pub(super) fn load(run: &Run, fresh: State, path: &Path) -> Result<State, CheckpointError> {
    let bytes = container::map(path)?;
    let reader = Reader::new(&bytes)?;
    if reader.metadata("format")? != FORMAT || reader.metadata("version")? != VERSION {
        return Err(CheckpointError::Format);
    }
    let found: Run =
        serde_json::from_str(reader.metadata("run")?).map_err(|_| CheckpointError::Metadata { key: "run" })?;
    let differences = [
        ("recipe", found.recipe != run.recipe),
        ("seed", found.seed != run.seed),
        ("data", found.data != run.data),
        ("number of held-out pictures", found.held_out != run.held_out),
    ];
    if let Some((differs, _)) = differences.into_iter().find(|(_, differs)| *differs) {
        return Err(CheckpointError::OtherRun { differs });
    }
    let mut state = fresh;
    let iteration = reader.metadata("iteration")?.parse().ok();
    state.iteration = iteration
        .filter(|done| *done <= run.recipe.iterations)
        .ok_or(CheckpointError::Metadata { key: "iteration" })?;
    state.loss = reader.metadata("loss")?.parse().map_err(|_| CheckpointError::Metadata { key: "loss" })?;
    let take = |name: String, values: &mut Vec<f32>| -> Result<(), ContainerError> {
        *values = reader.finite_f32s(&name, &[values.len()])?;
        Ok(())
    };
    for (place, constants) in state.constants.iter_mut().enumerate() {
        for (number, values) in constants.iter_mut().enumerate() {
            take(constant(place, number), values)?;
        }
    }
    for (place, memories) in state.memories.iter_mut().enumerate() {
        for (own, values) in memories.iter_mut().enumerate() {
            for (number, values) in values.iter_mut().enumerate() {
                take(memory(place, own, number), values)?;
            }
        }
    }
    Ok(state)
}
