//! Pictures that a command line names: files, folders and lists.

use std::path::{Path, PathBuf};

use super::report::Reporter;
use crate::dataset::{Dataset, Layout};
use crate::error::Error;
use crate::format::number::counted;
use crate::format::path_text::to_text;
use crate::model::Model;
use crate::picture::header_size;

/// Extensions of lists, in lower case.
const LISTS: [&str; 3] = ["csv", "tsv", "txt"];

/// One picture that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Its file.
    pub path: PathBuf,
    /// What its results are called: the file's name without its extension, or its id in the folder or list.
    pub name: String,
}

/// The pictures that arguments name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pictures {
    /// In the order of the arguments.
    pub named: Vec<Named>,
    /// Whether a folder or list holds pictures that are left out.
    pub incomplete: bool,
}

impl Pictures {
    /// Takes each argument as a picture, as a folder whose pictures are taken at any depth, or as a list of pictures.
    ///
    /// # Errors
    /// [`Error::Dataset`] if a folder holds no pictures or a list is not understood.
    pub fn of(arguments: &[PathBuf], reporter: &Reporter) -> Result<Self, Error> {
        let mut pictures = Self::default();
        for argument in arguments {
            let dataset = if argument.is_dir() {
                Dataset::unlabelled(argument)?
            } else if is_list(argument) {
                Dataset::open(argument, None, Some(Layout::List))?
            } else {
                let name = to_text(Path::new(argument.file_stem().unwrap_or_default()));
                pictures.named.push(Named { path: argument.clone(), name });
                continue;
            };
            reporter.opened(&dataset);
            pictures.incomplete |= dataset.is_incomplete();
            let named = |entry| Named { path: dataset.file(entry), name: entry.id.clone() };
            pictures.named.extend(dataset.pictures.iter().map(named));
        }
        Ok(pictures)
    }
}

/// Warns of pictures whose longer side, as the model reads them, is more than twice the training pictures' or less than half of it: local
/// features of a few pixels see other things there.
pub(super) fn warn_of_sizes(model: &dyn Model, files: impl Iterator<Item = PathBuf>, reporter: &Reporter) {
    let Some(usual) = model.usual_side() else { return };
    let limit = match model.reading().max_side {
        0 => usize::MAX,
        limit => limit,
    };
    let longer_side = |file: &Path| header_size(file).map(|(width, height)| limit.min(width.max(height) as usize));
    let off: Vec<(PathBuf, usize)> = files
        .filter_map(|file| longer_side(&file).map(|side| (file, side)))
        .filter(|(_, side)| *side > 2 * usual || 2 * side < usual)
        .collect();
    let Some((first, side)) = off.first() else { return };
    let others = match off.len() {
        1 => "is".to_string(),
        2 => "and another one are".to_string(),
        count => format!("and {} others are", count - 1),
    };
    reporter.warn(&format!(
        "\"{}\" ({side} pixels) {others} more than twice as large or small as the training pictures (median {usual}): scores may mean little",
        first.display()
    ));
}

/// Number of pictures that were in training; none if that can't be told of any.
pub(super) fn trained_on(in_training: &[Option<bool>]) -> Option<usize> {
    let known: Vec<bool> = in_training.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.into_iter().filter(|&known| known).count())
}

/// How many pictures were in training.
pub(super) fn in_training_text(count: usize, all: usize) -> String {
    let were = if count == 1 { "was" } else { "were" };
    format!("{count} of {} {were} in training", counted(all, "picture"))
}

fn is_list(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| LISTS.contains(&extension.to_lowercase().as_str()))
}
