//! Idx files, as MNIST and its kin have them: `SPLIT-images-idx3-ubyte` and `SPLIT-labels-idx1-ubyte`, compressed by gzip or not.
//!
//! The categories are the labels as numbers. MNIST calls its test digits `t10k`; the split is `test` here.

use std::path::{Path, PathBuf};

use super::splits::find_split;
use super::{Dataset, DatasetError, Entry, Layout};
use crate::format::idx::Idx;
use crate::format::path_text::to_text;
use crate::picture::idx::{is_idx, pictures};

/// What MNIST calls its test digits.
const MNIST_TEST: &str = "t10k";

/// The two files of a split.
struct Split {
    name: String,
    /// File name of the pictures.
    pictures: String,
    /// Where the labels are.
    labels: PathBuf,
}

/// Whether the folder holds idx files with pictures.
pub(super) fn is_idx_folder(folder: &Path) -> bool {
    splits(folder).is_ok_and(|splits| !splits.is_empty())
}

fn splits(folder: &Path) -> Result<Vec<Split>, DatasetError> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DatasetError::io(folder))? {
        let name = entry.map_err(DatasetError::io(folder))?.file_name();
        names.extend(name.to_str().filter(|name| is_idx(name)).map(String::from));
    }
    // An uncompressed file comes before its compressed twin.
    names.sort();
    let mut splits: Vec<Split> = Vec::new();
    for pictures in names {
        let Some((prefix, rest)) = pictures.split_once("-images") else { continue };
        let plain = rest.strip_suffix(".gz").unwrap_or(rest).replace("idx3", "idx1");
        let labels = [plain.clone(), format!("{plain}.gz")].map(|rest| folder.join(format!("{prefix}-labels{rest}")));
        // The first is named where neither exists.
        let labels = labels.iter().find(|path| path.exists()).unwrap_or(&labels[0]).clone();
        let name = if prefix == MNIST_TEST { "test" } else { prefix };
        if splits.iter().all(|split| split.name != name) {
            splits.push(Split { name: name.to_string(), pictures, labels });
        }
    }
    splits.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(splits)
}

pub(super) fn split_names(folder: &Path) -> Result<Vec<String>, DatasetError> {
    Ok(splits(folder)?.into_iter().map(|split| split.name).collect())
}

pub(super) fn open(folder: &Path, asked: Option<&str>) -> Result<Dataset, DatasetError> {
    let splits = splits(folder)?;
    let known: Vec<String> = splits.iter().map(|split| split.name.clone()).collect();
    let path = folder.to_path_buf();
    let Some(asked) = asked else { return Err(DatasetError::SplitNeeded { path, known }) };
    let found = find_split(&known, if asked == MNIST_TEST { "test" } else { asked });
    let Some(split) = splits.iter().find(|split| Some(split.name.as_str()) == found) else {
        return Err(DatasetError::MissingSplit { split: asked.to_string(), path, known });
    };
    let idx = |path: &Path| {
        let path = path.to_path_buf();
        move |source: Box<dyn std::error::Error + Send + Sync>| DatasetError::Idx { path, source }
    };
    let images = folder.join(&split.pictures);
    let count = pictures(&images).map_err(|error| idx(&images)(error.into()))?.len();
    let labels = Idx::open(&split.labels, 1, "labels").map_err(|error| idx(&split.labels)(error.into()))?;
    if labels.len() != count {
        return Err(DatasetError::LabelCount { path: split.labels.clone(), labels: labels.len(), pictures: count });
    }
    let mut numbers = labels.values.clone();
    numbers.sort_unstable();
    numbers.dedup();
    let digits = count.saturating_sub(1).to_string().len();
    let entry = |(number, label): (usize, &u8)| Entry {
        id: format!("{}-{number:0digits$}", split.name),
        path: to_text(Path::new(&format!("{}#{number}", split.pictures))),
        labels: numbers.iter().map(|other| if other == label { 1 } else { -1 }).collect(),
        group: None,
    };
    Ok(Dataset {
        root: folder.to_path_buf(),
        source: folder.to_path_buf(),
        layout: Layout::Idx,
        split: split.name.clone(),
        categories: numbers.iter().map(ToString::to_string).collect(),
        pictures: labels.values.iter().enumerate().map(entry).collect(),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;

    fn write(folder: &Path, name: &str, axes: &[u32], values: &[u8]) {
        let mut bytes = vec![0, 0, 8, axes.len() as u8];
        axes.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
        bytes.extend(values);
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    #[test]
    fn splits_labels_and_pictures_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for prefix in ["train", "t10k"] {
            write(folder.path(), &format!("{prefix}-images-idx3-ubyte"), &[3, 1, 2], &[1, 2, 3, 4, 5, 6]);
            write(folder.path(), &format!("{prefix}-labels-idx1-ubyte"), &[3], &[7, 1, 7]);
        }
        assert_eq!(Dataset::split_names(folder.path(), None).unwrap(), ["test", "train"]);
        let data = Dataset::open(folder.path(), Some("t10k"), None).unwrap();
        assert_eq!((data.layout, data.split.as_str()), (Layout::Idx, "test"));
        assert_eq!(data.categories, ["1", "7"]);
        let labels: Vec<&[i8]> = data.pictures.iter().map(|entry| &entry.labels[..]).collect();
        assert_eq!(labels, [[-1, 1], [1, -1], [-1, 1]]);
        assert_eq!(data.pictures[2].id, "test-2");
        let picture = Picture::open(data.file(&data.pictures[2]), &Default::default()).unwrap();
        assert_eq!(picture.rgb8().as_raw()[..], [5, 5, 5, 6, 6, 6]);
        assert_eq!(data.file_digests().len(), 3);
        assert!(matches!(Dataset::open(folder.path(), None, None), Err(DatasetError::SplitNeeded { .. })));
        assert!(matches!(Dataset::open(folder.path(), Some("val"), None), Err(DatasetError::MissingSplit { .. })));
    }

    #[test]
    fn files_that_do_not_match_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "train-images-idx3-ubyte", &[2, 1, 1], &[1, 2]);
        let fails = |part: &str| {
            let error = crate::causes::chain(&Dataset::open(folder.path(), Some("train"), None).unwrap_err());
            assert!(error.contains(part), "{error}");
        };
        fails("train-labels-idx1-ubyte");
        write(folder.path(), "train-labels-idx1-ubyte", &[3], &[1, 2, 3]);
        fails("3 labels, and there are 2 pictures");
        write(folder.path(), "train-labels-idx1-ubyte", &[2, 1], &[1, 2]);
        fails("1 axes (labels), found 2");
    }
}
