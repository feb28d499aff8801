//! Errors as a user reads them: one type over all modules, its hint, and its exit code.

use std::path::PathBuf;

use crate::any::{MethodError, OpenError};
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

/// Everything that can end a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something impossible.
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
    /// A network can't be imported.
    #[cfg(feature = "onnx")]
    #[error(transparent)]
    Onnx(#[from] crate::nn::onnx::OnnxError),
    /// The method of explanation doesn't fit the model.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ReadError),
    /// The data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The training of a network.
    #[error(transparent)]
    NetTrain(#[from] crate::nn::train::TrainError),
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
    /// Standard output can't be written.
    #[error("cannot write to standard output")]
    Stdout(#[source] std::io::Error),
}

impl Error {
    /// A usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::Usage { message: message.into(), hint: None }
    }

    /// What a user can do about it, as a line to paste if there is one.
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
            Error::Method(MethodError::Network(crate::nn::MethodError::NoCandidates)) => {
                Some("--towards DATA, such as the training pictures".to_string())
            }
            Error::Dataset(error) => error.hint(),
            Error::Train(error) => error.hint(),
            Error::NetTrain(error) => error.hint(),
            Error::Picture(error) => error.hint(),
            Error::Export(error) => error.hint(),
            Error::Config(ReadError::UnknownKeys { .. }) => {
                Some("bowsight train --print-config lists every key".to_string())
            }
            Error::Shapes(error) => error.hint(),
            Error::Write(error) | Error::Files(FilesError::Write(error)) => error.hint(),
            _ => None,
        }
    }

    /// The exit code: 1 for a failed run, 2 for bad usage or input.
    pub fn exit_code(&self) -> u8 {
        if self.is_failure() { 1 } else { 2 }
    }

    /// Whether the run failed, as opposed to what it was given.
    fn is_failure(&self) -> bool {
        match self {
            Error::Usage { .. } | Error::UnknownCategory { .. } | Error::UnknownLabels { .. } => false,
            Error::Method(_) => false,
            #[cfg(feature = "onnx")]
            Error::Onnx(_) => false,
            Error::Model(error) => error.is_failure(),
            Error::Explain { source, .. } => source.is_failure(),
            Error::Config(error) => error.is_failure(),
            Error::Dataset(error) => error.is_failure(),
            Error::Train(error) => error.is_failure(),
            Error::NetTrain(error) => error.is_failure(),
            Error::Picture(error) => error.is_failure(),
            Error::Export(error) => error.is_failure(),
            Error::Files(error) => error.is_failure(),
            Error::Write(error) => error.is_failure(),
            Error::Shapes(error) => error.is_failure(),
            Error::Stdout(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;

    fn full() -> io::Error {
        io::ErrorKind::StorageFull.into()
    }

    fn unwritten() -> WriteError {
        WriteError::io("out".as_ref())(full())
    }

    /// Every variant, with the exit code that a user's script relies on.
    #[test]
    fn a_full_disk_is_a_failed_run_and_bad_input_is_not() {
        let path = Path::new("a").to_path_buf();
        let unconserved = crate::ledger::Ledger::open(1.0).close(0.0).unwrap_err();
        let store = TrainError::Store { folder: path.clone(), bytes: 1, source: full() };
        let fold = TrainError::Fold { fold: 1, folds: 2, source: Box::new(store) };
        let unknown = UnknownCategory { found: "cta".into(), known: vec!["cat".into()] };
        let missing = crate::any::AnyModel::open("missing.bowsight").err().expect("there is no such file");
        let cases = [
            (Error::usage("no"), 2),
            (Error::UnknownCategory { flag: "--category", source: unknown }, 2),
            (Error::UnknownLabels { data: path.clone(), unknown: Vec::new() }, 2),
            (missing.into(), 2),
            (Error::Explain { path: path.clone(), source: ModelError::Unsupported { what: "a", because: "b" } }, 2),
            (Error::Explain { path: path.clone(), source: unconserved.into() }, 1),
            (ReadError::Assignment { found: "a".into() }.into(), 2),
            (DatasetError::NoLayout { path: path.clone() }.into(), 2),
            (TrainError::NoVariance { channel: 0 }.into(), 2),
            (TrainError::Store { folder: path.clone(), bytes: 1, source: full() }.into(), 1),
            (fold.into(), 1),
            (PictureError::UnknownFormat { path: path.clone(), found: "text".into() }.into(), 2),
            (ExportError::SetScaleOfShard.into(), 2),
            (ExportError::Busy { folder: path.clone(), marker: None }.into(), 1),
            (ExportError::from(unwritten()).into(), 1),
            (ExportError::from(FilesError::from(unwritten())).into(), 1),
            (FilesError::from(unwritten()).into(), 1),
            (unwritten().into(), 1),
            (WriteError::Busy { path: path.clone(), marker: None }.into(), 1),
            (WriteError::NotAFolder { path: path.clone() }.into(), 2),
            (ShapesError::NotEmpty { path }.into(), 2),
            (ShapesError::from(unwritten()).into(), 1),
            (Error::Stdout(full()), 1),
        ];
        for (error, code) in cases {
            assert_eq!(error.exit_code(), code, "{error:?}");
        }
    }
}
