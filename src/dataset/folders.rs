//! One folder per category: `DIR/<category>/**/*.jpg`, or `DIR/<split>/<category>/**/*.jpg`.
//!
//! Pictures in sub-folders of a category belong to it. Folders are splits if one of them is called as splits are
//! ([`SPLITS`](super::splits::SPLITS)) and holds category folders.

use std::path::Path;

use super::note::Note;
use super::splits::{find_split, is_split_name};
use super::walk::{Findings, holds_categories, holds_pictures, is_output, list, pictures_below};
use super::{Dataset, DatasetError, Entry, Layout, WHOLE, identity};
use crate::format::path_text::to_path;

/// The folders that hold category folders, if the data have splits.
pub(super) fn split_names(data: &Path) -> Result<Vec<String>, DatasetError> {
    let mut folders = list(data)?.folders;
    let with_categories = |name: &String| {
        let folder = data.join(to_path(name));
        !is_output(&folder) && holds_categories(&folder)
    };
    if !folders.iter().any(|name| is_split_name(name) && with_categories(name)) {
        return Ok(Vec::new());
    }
    folders.retain(with_categories);
    Ok(folders)
}

pub(super) fn open(data: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    let known = split_names(data)?;
    let found = split.and_then(|split| find_split(&known, split));
    let mut findings = Findings::default();
    let prefix = match (found, split) {
        (Some(name), _) => {
            note_strays(data, &known, &mut findings)?;
            format!("{name}/")
        }
        (None, Some(WHOLE) | None) if known.is_empty() => String::new(),
        (None, Some(split)) => {
            return Err(DatasetError::MissingSplit { split: split.to_string(), path: data.to_path_buf(), known });
        }
        (None, None) => return Err(DatasetError::SplitNeeded { path: data.to_path_buf(), known }),
    };
    let categories = categories(data, &prefix, &mut findings)?;
    let count = categories.len();
    let paths: Vec<&str> = categories.iter().flat_map(|(_, paths)| paths).map(String::as_str).collect();
    let mut ids = identity::ids(&paths).into_iter();
    let mut pictures = Vec::with_capacity(paths.len());
    for (category, (_, paths)) in categories.iter().enumerate() {
        for (path, id) in paths.iter().zip(&mut ids) {
            let mut labels = vec![-1; count];
            labels[category] = 1;
            pictures.push(Entry { id, path: path.clone(), labels, group: None });
        }
    }
    Ok(Dataset {
        root: data.to_path_buf(),
        source: data.to_path_buf(),
        layout: Layout::Folders,
        split: found.unwrap_or(WHOLE).to_string(),
        categories: categories.into_iter().map(|(name, _)| name).collect(),
        pictures,
        notes: findings.into_notes(),
    })
}

/// The category folders below `prefix`, with their pictures.
fn categories(data: &Path, prefix: &str, findings: &mut Findings) -> Result<Vec<(String, Vec<String>)>, DatasetError> {
    let mut categories = Vec::new();
    for name in list(&data.join(to_path(prefix)))?.folders {
        let folder = data.join(to_path(&format!("{prefix}{name}")));
        if is_output(&folder) {
            findings.add(Note::Output { folder });
            continue;
        }
        let others = findings.others();
        let pictures = pictures_below(data, &format!("{prefix}{name}/"), findings);
        if !pictures.is_empty() {
            categories.push((name, pictures));
        } else if findings.others() > others {
            findings.add(Note::EmptyCategory { category: name });
        }
    }
    Ok(categories)
}

/// Notes the folders of pictures beside the splits.
fn note_strays(data: &Path, splits: &[String], findings: &mut Findings) -> Result<(), DatasetError> {
    let mut folders = list(data)?.folders;
    folders.retain(|name| !splits.contains(name) && holds_pictures(&data.join(to_path(name))));
    if !folders.is_empty() {
        findings.add(Note::Stray { folders });
    }
    Ok(())
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
    fn pictures_in_sub_folders_belong_to_their_category() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["cat/2019/a.jpg", "cat/2020/b.jpg", "dog/2019/c.jpg", "dog/d.jpg"]);
        let data = Dataset::open(folder.path(), None, None).unwrap();
        assert_eq!((data.categories, data.split.as_str()), (vec!["cat".into(), "dog".into()], "all"));
        let paths: Vec<&str> = data.pictures.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["cat/2019/a.jpg", "cat/2020/b.jpg", "dog/2019/c.jpg", "dog/d.jpg"]);
        assert!(data.notes.is_empty(), "{:?}", data.notes);
        // A category is no split.
        assert!(matches!(
            Dataset::open(folder.path(), Some("dog"), None),
            Err(DatasetError::MissingSplit { known, .. }) if known.is_empty()
        ));
    }

    #[test]
    fn stray_folders_do_not_win_over_splits() {
        let folder = tempfile::tempdir().unwrap();
        let splits = ["train/dog/b.jpg", "train/cat/a.jpg", "valid/dog/c.jpg", "valid/cat/d.jpg"];
        touch(folder.path(), &splits);
        touch(folder.path(), &["figures/e.jpg", "samples/f.jpg", "notes/n.txt"]);
        let error = Dataset::open(folder.path(), None, None).unwrap_err();
        assert!(error.to_string().contains("there is train, valid"), "{error}");
        assert_eq!(error.hint().unwrap(), "--split train");
        let data = Dataset::open(folder.path(), Some("train"), None).unwrap();
        assert_eq!(data.categories, ["cat", "dog"]);
        let strays = Note::Stray { folders: vec!["figures".into(), "samples".into()] };
        assert_eq!(data.notes, std::slice::from_ref(&strays));
        // "valid" is what some tools call "val".
        let data = Dataset::open(folder.path(), Some("val"), None).unwrap();
        assert_eq!((data.split.as_str(), data.pictures.len()), ("valid", 2));
        assert_eq!(data.notes, [Note::SplitAlias { asked: "val".into(), found: "valid".into() }, strays]);
    }

    #[test]
    fn formats_that_are_not_read_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["cat/a.jfif", "cat/b.HEIC", "dog/c.jpg", "dog/d.gif", "owl/e.heic", "owl/notes.txt"]);
        let data = Dataset::open(folder.path(), None, None).unwrap();
        assert_eq!(data.categories, ["cat", "dog"]);
        let notes: Vec<String> = data.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "category \"owl\" is left out: none of its pictures has a format that is read",
                "3 pictures are left out, because their formats are not read: 1 .gif, 2 .heic; the first is \"cat/b.HEIC\"",
            ]
        );
    }

    #[test]
    fn output_is_never_data() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["cat/a.jpg", "dog/b.jpg", "maps/cat/a.cat.heatmap.png", "heat/a.cat.npy"]);
        touch(folder.path(), &["heat/a.cat.overlay.png", "dog/b.dog.triplet.png", "dog/b.dog.npy"]);
        std::fs::write(folder.path().join("maps/run.json"), "{\n  \"format\": \"bowsight-export\"}\n").unwrap();
        let data = Dataset::open(folder.path(), None, None).unwrap();
        assert_eq!(data.categories, ["cat", "dog"]);
        let plain = Dataset::unlabelled(folder.path()).unwrap();
        for data in [data, plain] {
            let ids: Vec<&str> = data.pictures.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, ["cat/a", "dog/b"]);
            let noted = |name: &str| {
                data.notes
                    .iter()
                    .any(|note| matches!(note, Note::Output { folder: found } if found.file_name().unwrap() == name))
            };
            assert!(noted("maps") && noted("heat") && noted("dog"), "{:?}", data.notes);
        }
    }

    #[cfg(unix)]
    #[test]
    fn every_name_that_the_system_allows_works() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"ch\xe2ton"));
        touch(folder.path(), &["dog/b.jpg"]);
        touch(&odd, &["a.jpg"]);
        touch(&folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), &["notes.txt"]);
        let data = Dataset::open(folder.path(), None, None).unwrap();
        assert_eq!(data.categories, ["ch\\xE2ton", "dog"]);
        assert_eq!(data.pictures[0].id, "ch\\xE2ton/a");
        assert!(data.file(&data.pictures[0]).is_file() && data.notes.is_empty());
        assert_eq!(Dataset::unlabelled(folder.path()).unwrap().pictures.len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn what_can_not_be_entered_is_noted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["cat/a.jpg", "dog/b.jpg", "lost+found/x.jpg"]);
        let lost = folder.path().join("lost+found");
        std::fs::set_permissions(&lost, std::fs::Permissions::from_mode(0o000)).unwrap();
        if std::fs::read_dir(&lost).is_ok() {
            return; // Nothing is locked for the superuser.
        }
        let data = Dataset::open(folder.path(), None, None).unwrap();
        assert_eq!((data.pictures.len(), data.categories.len()), (2, 2));
        assert!(matches!(&data.notes[..], [Note::Unreadable { folder, .. }] if *folder == lost), "{:?}", data.notes);
        std::fs::set_permissions(&lost, std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn ids_are_unique() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), &["cat/x.jpg", "cat/x.png", "dog/x.png"]);
        for data in [Dataset::open(folder.path(), None, None).unwrap(), Dataset::unlabelled(folder.path()).unwrap()] {
            let ids: Vec<&str> = data.pictures.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, ["cat/x.jpg", "cat/x.png", "dog/x"]);
        }
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
