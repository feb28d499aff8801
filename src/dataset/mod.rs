//! Labelled pictures: PASCAL VOC folders, folders of category folders, CSV lists, idx files (MNIST), and generated shapes.

pub mod categories;
mod folders;
pub mod folds;
mod identity;
mod idx;
pub mod list;
pub mod note;
#[cfg(feature = "draw")]
pub mod shapes;
mod splits;
pub mod voc;
mod walk;

pub use categories::Aligned;
pub use note::{Note, Weight};
pub use splits::find_split;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::format::hexadecimal;
use crate::format::path_text::to_path;
use crate::format::text::DecodeError;
use crate::picture::sha256_of_picture;
use crate::settings::closed_set::nearest;

crate::closed_set! {
    /// How pictures and labels lie on the disk.
    pub enum Layout as "layout" {
        /// `JPEGImages`, `Annotations`, `ImageSets/Main`.
        Voc = "voc",
        /// One folder a category.
        Folders = "folders",
        /// A CSV file of paths and categories.
        List = "list",
        /// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and so on, compressed or not: MNIST.
        Idx = "idx",
    }
}

/// Extensions of pictures of formats that are read.
const EXTENSIONS: [&str; 11] = ["jpg", "jpeg", "png", "tif", "tiff", "webp", "bmp", "jpe", "jfif", "pjpeg", "pjp"];

/// One picture of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the data set calls it.
    pub id: String,
    /// Its file relative to the root, with `/`, as text without loss ([`crate::format::path_text`]).
    pub path: String,
    /// One label a category: +1, −1, or 0 where all its objects are difficult.
    pub labels: Vec<i8>,
    /// Pictures that belong together (a patient, a photographer), where the data say so.
    pub group: Option<String>,
}

/// Labelled pictures of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The folder that the pictures' paths are relative to.
    pub root: PathBuf,
    /// What lists the pictures: a CSV file, or the root itself.
    pub source: PathBuf,
    /// How it is laid out.
    pub layout: Layout,
    /// The split's name; `all` for a data set without splits.
    pub split: String,
    /// The categories, sorted, or in the order of a model.
    pub categories: Vec<String>,
    /// The pictures, in the order of the data set.
    pub pictures: Vec<Entry>,
    /// What opening it found beside the pictures.
    pub notes: Vec<Note>,
}

/// The name of the split of a data set without splits.
pub const WHOLE: &str = "all";

/// Why a data set can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder can't be read.
    #[error("\"{}\" can't be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing there looks like a data set.
    #[error("\"{}\" is no data set: neither a VOC folder (JPEGImages, ImageSets/Main), nor a folder of category folders or of idx files, nor a CSV file", path.display())]
    NoLayout {
        /// The folder.
        path: PathBuf,
    },
    /// The split does not exist.
    #[error("split \"{split}\" is missing in \"{}\": there is {}", path.display(), list_of(known))]
    MissingSplit {
        /// The split.
        split: String,
        /// The data.
        path: PathBuf,
        /// The splits that exist.
        known: Vec<String>,
    },
    /// A VOC folder needs a split's name.
    #[error("\"{}\" has splits, and none is named: there is {}", path.display(), list_of(known))]
    SplitNeeded {
        /// The data.
        path: PathBuf,
        /// The splits that exist.
        known: Vec<String>,
    },
    /// The first line of a list is not understood.
    #[error("\"{}\" begins with \"{header}\", which is neither a picture and its categories nor a header that is understood", path.display())]
    Header {
        /// The list.
        path: PathBuf,
        /// Its first line.
        header: String,
    },
    /// A line of a list is malformed.
    #[error("\"{}\", line {line}: {problem}", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A list can't be decoded.
    #[error("\"{}\" is no text that can be read", path.display())]
    Text {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        source: DecodeError,
    },
    /// No picture has a label in every category's list.
    #[error("\"{}\" has no label for picture \"{id}\"", path.display())]
    LabelMissing {
        /// The category's list.
        path: PathBuf,
        /// The picture.
        id: String,
    },
    /// A VOC folder has no lists.
    #[error("\"{}\" must hold a VOC data set's lists, one file SPLIT.txt a split with one id a line: there is none", path.display())]
    NoLists {
        /// Where they should be.
        path: PathBuf,
    },
    /// An idx file can't be used.
    #[error("\"{}\" can't be used", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There are more or fewer labels than pictures.
    #[error("\"{}\" holds {labels} labels, and there are {pictures} pictures", path.display())]
    LabelCount {
        /// The file of the labels.
        path: PathBuf,
        /// Number of labels.
        labels: usize,
        /// Number of pictures.
        pictures: usize,
    },
    /// A folder holds several data sets.
    #[error("\"{}\" holds several data sets: {}", path.display(), list_of(known))]
    Several {
        /// The folder.
        path: PathBuf,
        /// The folders of the data sets.
        known: Vec<String>,
    },
    /// No picture has a usable annotation.
    #[error("none of the {pictures} pictures of split \"{split}\" in \"{}\" has labels: no category has a list, and no annotation can be used; the first: {first}", path.display())]
    Unlabelled {
        /// The folder of the lists.
        path: PathBuf,
        /// The split.
        split: String,
        /// Number of pictures.
        pictures: usize,
        /// What is wrong with the first annotation.
        first: String,
    },
    /// There are no pictures.
    #[error("split \"{split}\" of \"{}\" holds no pictures", path.display())]
    NoPictures {
        /// The split.
        split: String,
        /// The data.
        path: PathBuf,
    },
    /// There are no categories.
    #[error("split \"{split}\" of \"{}\" has no categories", path.display())]
    NoCategories {
        /// The split.
        split: String,
        /// The data.
        path: PathBuf,
    },
    /// A category can't be learnt.
    #[error(
        "category \"{category}\" has {positives} positive and {negatives} negative pictures in split \"{split}\", both must be at least 1"
    )]
    OneClass {
        /// The category.
        category: String,
        /// The split.
        split: String,
        /// Its positives.
        positives: usize,
        /// Its negatives.
        negatives: usize,
    },
}

fn list_of(names: &[String]) -> String {
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}

impl DatasetError {
    /// Whether the run failed, as opposed to what it was given: never, since a data set is input.
    pub fn is_failure(&self) -> bool {
        false
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            DatasetError::MissingSplit { split, known, .. } => {
                nearest(split, known.iter().map(String::as_str)).map(|name| format!("--split {name}"))
            }
            DatasetError::SplitNeeded { known, .. } => {
                let usual = ["trainval", "train"].iter().find_map(|name| find_split(known, name));
                usual.or(known.first().map(String::as_str)).map(|name| format!("--split {name}"))
            }
            DatasetError::Several { known, .. } => {
                known.last().map(|folder| format!("name one of them, such as --data \"{folder}\""))
            }
            DatasetError::Header { .. } => Some(list::FORMS.to_string()),
            DatasetError::NoLayout { .. } => Some("--layout voc, folders, list or idx forces one".to_string()),
            _ => None,
        }
    }

    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| DatasetError::Io { path, source }
    }
}

/// The layout of what lies at `data`, if it is not given, and the folder or file that is meant: `VOCdevkit/VOC2012` by `VOCdevkit`.
fn find(data: &Path, layout: Option<Layout>) -> Result<(Layout, PathBuf), DatasetError> {
    let metadata = std::fs::metadata(data).map_err(DatasetError::io(data))?;
    let here = |layout| Ok((layout, data.to_path_buf()));
    match layout {
        None if metadata.is_file() => return here(Layout::List),
        None | Some(Layout::Voc) if voc::is_voc(data) => return here(Layout::Voc),
        Some(layout @ (Layout::Folders | Layout::List | Layout::Idx)) => return here(layout),
        None if metadata.is_dir() && idx::is_idx_folder(data) => return here(Layout::Idx),
        None | Some(Layout::Voc) => {}
    }
    let inside = if metadata.is_dir() { voc::inside(data) } else { Vec::new() };
    match &inside[..] {
        [] if layout.is_some() => here(Layout::Voc),
        [] if walk::holds_categories(data) => here(Layout::Folders),
        [] => Err(DatasetError::NoLayout { path: data.to_path_buf() }),
        [folder] => Ok((Layout::Voc, folder.clone())),
        several => {
            let known = several.iter().map(|folder| folder.display().to_string()).collect();
            Err(DatasetError::Several { path: data.to_path_buf(), known })
        }
    }
}

impl Dataset {
    /// Opens the `split` of what lies at `data`; the layout is found out where it is not given.
    ///
    /// # Errors
    /// [`DatasetError`], naming the culprit.
    pub fn open(data: &Path, split: Option<&str>, layout: Option<Layout>) -> Result<Self, DatasetError> {
        let (layout, meant) = find(data, layout)?;
        let mut dataset = match layout {
            Layout::Voc => voc::open(&meant, split)?,
            Layout::Folders => folders::open(&meant, split)?,
            Layout::List => list::open(&meant, split)?,
            Layout::Idx => idx::open(&meant, split)?,
        };
        if dataset.pictures.is_empty() {
            return Err(DatasetError::NoPictures { split: dataset.split, path: data.to_path_buf() });
        }
        if let Some(asked) = split.filter(|asked| *asked != dataset.split) {
            let (asked, found) = (asked.to_string(), dataset.split.clone());
            dataset.notes.insert(0, Note::SplitAlias { asked, found });
        }
        if meant != data {
            dataset.notes.insert(0, Note::Inside { folder: meant });
        }
        Ok(dataset)
    }

    /// The splits of what lies at `data`, sorted; none for a data set without splits.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn split_names(data: &Path, layout: Option<Layout>) -> Result<Vec<String>, DatasetError> {
        match find(data, layout)? {
            (Layout::Voc, meant) => voc::split_names(&meant),
            (Layout::Folders, meant) => folders::split_names(&meant),
            (Layout::List, meant) => list::split_names(&meant),
            (Layout::Idx, meant) => idx::split_names(&meant),
        }
    }

    /// All pictures below `folder`, without labels or categories.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn unlabelled(folder: &Path) -> Result<Self, DatasetError> {
        walk::list(folder)?;
        let mut findings = walk::Findings::default();
        let paths = walk::pictures_below(folder, "", &mut findings);
        if paths.is_empty() {
            return Err(DatasetError::NoPictures { split: WHOLE.to_string(), path: folder.to_path_buf() });
        }
        let ids = identity::ids(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let entry = |(id, path)| Entry { id, path, labels: Vec::new(), group: None };
        Ok(Self {
            root: folder.to_path_buf(),
            source: folder.to_path_buf(),
            layout: Layout::Folders,
            split: WHOLE.to_string(),
            categories: Vec::new(),
            pictures: ids.into_iter().zip(paths).map(entry).collect(),
            notes: findings.into_notes(),
        })
    }

    /// The picture's file.
    pub fn file(&self, entry: &Entry) -> PathBuf {
        self.root.join(to_path(&entry.path))
    }

    /// Pictures labelled +1 with the category.
    pub fn positives(&self, category: usize) -> usize {
        self.count(category, 1)
    }

    fn count(&self, category: usize, label: i8) -> usize {
        self.pictures.iter().filter(|entry| entry.labels.get(category) == Some(&label)).count()
    }

    /// Makes sure that every category can be learnt.
    ///
    /// # Errors
    /// [`DatasetError::OneClass`] or [`DatasetError::NoCategories`].
    pub fn require_positives(&self) -> Result<(), DatasetError> {
        if self.categories.is_empty() {
            return Err(DatasetError::NoCategories { split: self.split.clone(), path: self.source.clone() });
        }
        for (category, name) in self.categories.iter().enumerate() {
            let (positives, negatives) = (self.count(category, 1), self.count(category, -1));
            if positives == 0 || negatives == 0 {
                let (category, split) = (name.clone(), self.split.clone());
                return Err(DatasetError::OneClass { category, split, positives, negatives });
            }
        }
        Ok(())
    }

    /// Whether opening it left a picture out.
    pub fn is_incomplete(&self) -> bool {
        self.notes.iter().any(|note| note.weight() == Weight::Loss)
    }

    /// SHA-256 over the pictures sorted by id: id, labels by category, and the file's own SHA-256 as [`Dataset::file_digests`] has it.
    pub fn digest(&self) -> String {
        self.digest_of(&self.file_digests())
    }

    /// SHA-256 of every picture's file. A file that can't be read has the word "unreadable": it costs itself, not the batch.
    pub fn file_digests(&self) -> Vec<String> {
        let digest = |entry| sha256_of_picture(&self.file(entry)).unwrap_or_else(|_| "unreadable".to_string());
        self.pictures.iter().map(digest).collect()
    }

    /// [`Dataset::digest`] from the digests of the files.
    pub fn digest_of(&self, files: &[String]) -> String {
        let mut entries: Vec<(&Entry, &String)> = self.pictures.iter().zip(files).collect();
        entries.sort_by(|(a, _), (b, _)| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
        let mut hash = Sha256::new();
        for (entry, file) in entries {
            let labels = self.categories.iter().zip(&entry.labels);
            let labels: Vec<String> = labels.map(|(category, label)| format!("{category}={label}")).collect();
            hash.update(format!("{}\0{}\0{file}\n", entry.id, labels.join("\0")));
        }
        hexadecimal(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(labels: &[&[i8]]) -> Dataset {
        let pictures = labels
            .iter()
            .enumerate()
            .map(|(i, labels)| Entry {
                id: format!("{i:03}"),
                path: format!("{i:03}.png"),
                labels: labels.to_vec(),
                group: None,
            })
            .collect();
        let categories = ["a", "b"].map(String::from).to_vec();
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

    #[test]
    fn labels_follow_the_models_categories() {
        let aligned = dataset(&[&[1, 0]]).align_categories(&["b".into(), "x".into(), "a".into()]);
        assert_eq!(aligned.dataset.pictures[0].labels, [0, -1, 1]);
        assert_eq!((aligned.unknown, aligned.absent), (vec![], vec!["x".to_string()]));
        let aligned = dataset(&[&[1, 0], &[1, -1], &[-1, -1]]).align_categories(&["A".into(), "c".into()]);
        let unknown: Vec<String> = aligned.unknown.iter().map(ToString::to_string).collect();
        assert_eq!(unknown, ["\"a\" (2 pictures)", "\"b\" (1 picture)"]);
        assert_eq!(aligned.unknown[0].nearest.as_deref(), Some("A"));
    }

    #[test]
    fn a_category_of_one_class_is_named() {
        let error = dataset(&[&[1, -1], &[1, 1]]).require_positives().unwrap_err().to_string();
        assert!(
            error.contains("\"a\"") && error.contains("2 positive and 0 negative") && error.contains("\"s\""),
            "{error}"
        );
        assert!(dataset(&[&[1, -1], &[-1, 1]]).require_positives().is_ok());
    }

    #[test]
    fn the_digest_sees_ids_labels_and_files_but_not_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut data = Dataset { root: folder.path().to_path_buf(), ..dataset(&[&[1, -1], &[-1, 1]]) };
        std::fs::write(folder.path().join("000.png"), b"x").unwrap();
        let digest = data.digest();
        data.pictures.reverse();
        assert_eq!(data.digest(), digest);
        std::fs::write(folder.path().join("000.png"), b"y").unwrap();
        assert_ne!(data.digest(), digest);
        std::fs::write(folder.path().join("000.png"), b"x").unwrap();
        data.pictures[0].labels = vec![0, 1];
        assert_ne!(data.digest(), digest);
    }
}
