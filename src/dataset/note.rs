//! What opening a data set found beside its pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::voc::BoxFault;
use crate::format::number::counted;

/// Something that opening a data set found, and that its user should know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// Another name of the split is used.
    #[error("split \"{asked}\" is called \"{found}\" here")]
    SplitAlias {
        /// The name that was asked for.
        asked: String,
        /// The name that the data have.
        found: String,
    },
    /// The data set is a folder inside the one that was given.
    #[error("the data set is in \"{}\"", folder.display())]
    Inside {
        /// The folder that is used.
        folder: PathBuf,
    },
    /// How the columns of a list are understood.
    #[error("\"{}\": {understood}", path.display())]
    Columns {
        /// The list.
        path: PathBuf,
        /// The delimiter and what each column is taken for.
        understood: String,
    },
    /// A folder can't be entered, so nobody knows what it holds.
    #[error("folder \"{}\" is left out: {reason}", folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A link to a folder is not followed.
    #[error("\"{}\" is left out: links to folders inside a category or a folder of pictures are not followed", folder.display())]
    Link {
        /// The link.
        folder: PathBuf,
    },
    /// A folder is the output of an earlier run.
    #[error("\"{}\" is left out: it holds the output of bowsight", folder.display())]
    Output {
        /// The folder.
        folder: PathBuf,
    },
    /// Folders of pictures beside the splits.
    #[error("left out, because they lie beside the splits: {}", quoted(folders))]
    Stray {
        /// Their names.
        folders: Vec<String>,
    },
    /// Pictures of formats that are not read.
    #[error("{} are left out, because their formats are not read: {}; the first is \"{first}\"", pictures(counts.values().sum()), by_extension(counts))]
    OtherFormats {
        /// Number of files by extension, in lower case.
        counts: BTreeMap<String, usize>,
        /// The first of them.
        first: String,
    },
    /// A category of nothing but formats that are not read.
    #[error("category \"{category}\" is left out: none of its pictures has a format that is read")]
    EmptyCategory {
        /// The category.
        category: String,
    },
    /// The annotation of a picture can't be used, or a list lacks its label, so the picture is left out.
    #[error("picture \"{id}\" is left out: {reason}")]
    Annotation {
        /// The picture.
        id: String,
        /// Why.
        reason: String,
    },
    /// Boxes of objects are not as they should be; the objects' categories count.
    #[error(
        "boxes that are not as they should be ({fault}): {count}, the first in the annotation of \"{first}\"; their objects count all the same"
    )]
    Boxes {
        /// What is wrong with them.
        fault: BoxFault,
        /// Their number.
        count: usize,
        /// The picture of the first of them.
        first: String,
    },
}

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// How the data are understood.
    Information,
    /// Something is not as it should be, or is passed over.
    Warning,
    /// A picture of the data set is left out: the run ends with exit code 3.
    Loss,
}

impl Note {
    /// How much it matters.
    pub fn weight(&self) -> Weight {
        match self {
            Note::SplitAlias { .. } | Note::Inside { .. } | Note::Columns { .. } | Note::Output { .. } => {
                Weight::Information
            }
            Note::Annotation { .. } => Weight::Loss,
            _ => Weight::Warning,
        }
    }
}

/// Names in quotation marks, joined by commas.
pub(crate) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn pictures(count: usize) -> String {
    counted(count, "picture")
}

fn by_extension(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(extension, count)| format!("{count} .{extension}")).collect::<Vec<_>>().join(", ")
}
