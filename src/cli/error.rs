//! Errors as a user reads them: one type over all modules, its hint, and its exit code.

use std::path::PathBuf;

use crate::any::OpenError;
use crate::bow::train::TrainError;
use crate::dataset::DatasetError;
use crate::dataset::categories::{self, UnknownLabel};
use crate::dataset::shapes::ShapesError;
use crate::export::ExportError;
use crate::export::drawing::FilesError;
use crate::format::atomic::WriteError;
use crate::model::{ModelError, UnknownCategory};
use crate::picture::PictureError;
use crate::settings::ReadError;

/// Whatever can end a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that can't be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A category that the model does not have.
    #[error("{source}")]
    UnknownCategory {
        /// The flag that named it.
        flag: &'static str,
        /// The name given, and the names that exist.
        source: UnknownCategory,
    },
    /// Pictures have labels that the model does not have.
    #[error("the model doesn't know these labels of \"{}\": {}", data.display(), categories::joined(unknown))]
    UnknownLabels {
        /// The data.
        data: PathBuf,
        /// The labels.
        unknown: Vec<UnknownLabel>,
    },
    /// A model file can't be used.
    #[error(transparent)]
    Model(#[from] OpenError),
    /// A picture can't be scored or explained.
    #[error("picture \"{}\" can't be explained", path.display())]
    Explain {
        /// The picture.
        path: PathBuf,
        /// Why.
        source: ModelError,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ReadError),
    /// The data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The export.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The files of an explanation.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// An output.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The generated shapes.
    #[error(transparent)]
    Shapes(#[from] ShapesError),
    /// Standard output is gone or full.
    #[error("cannot write to standard output")]
    Stdout(#[source] std::io::Error),
}

impl Error {
    /// A usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::Usage { message: message.into(), hint: None }
    }

    /// What a user can do about it, as a line to paste where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Usage { hint, .. } => hint.clone(),
            Error::UnknownCategory { flag, source } => source.nearest().map(|name| format!("{flag} {name}")),
            Error::UnknownLabels { unknown, .. } => {
                let renamed = unknown.iter().find_map(|label| Some((&label.label, label.nearest.as_ref()?)));
                let rename = renamed.map(|(label, nearest)| format!("did you mean \"{nearest}\" by \"{label}\"? Or "));
                let ignore = "--ignore-unknown-categories goes on as if these labels were not there";
                Some(format!("{}{ignore}", rename.unwrap_or_default()))
            }
            Error::Explain { source, .. } => source.hint(),
            Error::Dataset(error) => error.hint(),
            Error::Train(error) => error.hint(),
            Error::Picture(error) => error.hint(),
            Error::Export(error) => error.hint(),
            Error::Config(ReadError::UnknownKeys { .. }) => {
                Some("bowsight train --print-config lists every key".to_string())
            }
            Error::Shapes(error) => error.hint(),
            _ => None,
        }
    }

    /// 2 for bad usage or input, 1 for a failed run.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Write(_)
            | Error::Stdout(_)
            | Error::Explain { source: ModelError::NotConserved(_), .. }
            | Error::Export(ExportError::Write(_) | ExportError::Files(_) | ExportError::Busy { .. })
            | Error::Files(_) => 1,
            _ => 2,
        }
    }
}
