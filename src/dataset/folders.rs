//! One folder a category: `DIR/<category>/*.jpg`, or `DIR/<split>/<category>/*.jpg`.

use std::path::Path;

use super::{Dataset, DatasetError, Entry, Layout, WHOLE, is_picture, names_in, without_ending};

/// The sub-folders, sorted, without hidden ones.
fn folders_in(folder: &Path) -> Result<Vec<String>, DatasetError> {
    let names = names_in(folder)?;
    Ok(names
        .into_iter()
        .filter(|(name, is_folder)| *is_folder && !name.starts_with('.'))
        .map(|(name, _)| name)
        .collect())
}

fn pictures_in(folder: &Path) -> Result<Vec<String>, DatasetError> {
    let names = names_in(folder)?;
    Ok(names
        .into_iter()
        .filter(|(name, is_folder)| !is_folder && is_picture(Path::new(name)))
        .map(|(name, _)| name)
        .collect())
}

/// Whether a folder in it holds pictures directly.
pub(super) fn has_categories(data: &Path) -> Result<bool, DatasetError> {
    for name in folders_in(data)? {
        if !pictures_in(&data.join(name))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folders that hold category folders.
pub(super) fn split_names(data: &Path) -> Result<Vec<String>, DatasetError> {
    let mut splits = Vec::new();
    for name in folders_in(data)? {
        if has_categories(&data.join(&name))? {
            splits.push(name);
        }
    }
    Ok(splits)
}

pub(super) fn open(data: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    let known = split_names(data)?;
    let prefix = match split {
        Some(split) if known.iter().any(|name| name == split) => format!("{split}/"),
        Some(WHOLE) | None if has_categories(data)? => String::new(),
        Some(split) => {
            return Err(DatasetError::MissingSplit { split: split.to_string(), path: data.to_path_buf(), known });
        }
        None => return Err(DatasetError::SplitNeeded { path: data.to_path_buf(), known }),
    };
    let base = data.join(&prefix);
    let mut categories = Vec::new();
    for name in folders_in(&base)? {
        let pictures = pictures_in(&base.join(&name))?;
        if !pictures.is_empty() {
            categories.push((name, pictures));
        }
    }
    let count = categories.len();
    let mut pictures = Vec::new();
    for (category, (name, files)) in categories.iter().enumerate() {
        for file in files {
            let path = format!("{prefix}{name}/{file}");
            let mut labels = vec![-1; count];
            labels[category] = 1;
            pictures.push(Entry { id: without_ending(&path).to_string(), path, labels, group: None });
        }
    }
    Ok(Dataset {
        root: data.to_path_buf(),
        layout: Layout::Folders,
        split: split.unwrap_or(WHOLE).to_string(),
        categories: categories.into_iter().map(|(name, _)| name).collect(),
        pictures,
    })
}

/// The pictures at any depth below `folder`, as sorted relative paths; links to folders are not followed.
pub(super) fn pictures_below(folder: &Path) -> Result<Vec<String>, DatasetError> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(prefix) = open.pop() {
        let here = folder.join(&prefix);
        found.extend(pictures_in(&here)?.into_iter().map(|name| format!("{prefix}{name}")));
        for name in folders_in(&here)? {
            if !here.join(&name).is_symlink() {
                open.push(format!("{prefix}{name}/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, paths: &[&str]) {
        for path in paths {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn folders_are_categories() {
        let folder = tempfile::tempdir().unwrap();
        touch(
            folder.path(),
            &["dog/b.jpg", "dog/a.PNG", "cat/x.jpeg", "cat/notes.txt", "dog/.hidden.jpg", "empty/n.txt"],
        );
        let data = Dataset::open(folder.path(), None, None).unwrap();
        assert_eq!((data.layout, data.split.as_str()), (Layout::Folders, "all"));
        assert_eq!(data.categories, ["cat", "dog"]);
        let ids: Vec<&str> = data.pictures.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["cat/x", "dog/a", "dog/b"]);
        assert_eq!(data.pictures[1].labels, [-1, 1]);
        let error = Dataset::open(folder.path(), Some("test"), None).unwrap_err().to_string();
        assert!(error.contains("\"test\"") && error.contains("there is none"), "{error}");
    }

    #[test]
    fn splits_are_folders_of_folders() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["train/dog/b.jpg", "train/cat/a.jpg", "test/dog/c.jpg"]);
        assert_eq!(Dataset::split_names(folder.path(), None).unwrap(), ["test", "train"]);
        let data = Dataset::open(folder.path(), Some("train"), None).unwrap();
        assert_eq!(data.pictures[0].path, "train/cat/a.jpg");
        assert!(matches!(Dataset::open(folder.path(), None, None), Err(DatasetError::SplitNeeded { .. })));
    }

    #[test]
    fn nothing_that_fits_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Dataset::open(folder.path(), None, None), Err(DatasetError::NoLayout { .. })));
        touch(folder.path(), &["a/deep/er/x.png", "y.png"]);
        let plain = Dataset::unlabelled(folder.path()).unwrap();
        let paths: Vec<&str> = plain.pictures.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a/deep/er/x.png", "y.png"]);
    }
}
