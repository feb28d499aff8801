//! Finds pictures in folders. Names are texts without loss ([`path_text`]), so that every name that the system allows works.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::note::Note;
use super::{DatasetError, EXTENSIONS};
use crate::format::path_text::{to_path, to_text};

/// Extensions of pictures and videos' frames in formats that are not read.
const OTHER_FORMATS: [&str; 27] = [
    "heic", "heif", "avif", "gif", "jxl", "jp2", "j2k", "jpx", "svg", "psd", "cr2", "cr3", "nef", "arw", "dng", "raw",
    "orf", "rw2", "tga", "ico", "pnm", "ppm", "pgm", "pbm", "exr", "hdr", "dcm",
];

/// Kinds of the drawings that are written beside maps.
const DRAWINGS: [&str; 8] = ["heatmap", "overlay", "edges", "binarised", "triplet", "windows", "neighbours", "words"];

/// What a folder holds itself: names, sorted, without hidden ones.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) folders: Vec<String>,
    pub(super) files: Vec<String>,
}

/// Collects the notes of a walk.
#[derive(Debug, Default)]
pub(super) struct Findings {
    notes: Vec<Note>,
    other_formats: BTreeMap<String, usize>,
    first_other: Option<String>,
}

impl Findings {
    pub(super) fn add(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Counts a file if it is a picture of a format that is not read.
    fn count(&mut self, path: &str) {
        if let Some(extension) = extension(path).filter(|found| OTHER_FORMATS.contains(&found.as_str())) {
            *self.other_formats.entry(extension).or_insert(0) += 1;
            self.first_other.get_or_insert_with(|| path.to_string());
        }
    }

    /// Number of pictures so far that are not read.
    pub(super) fn others(&self) -> usize {
        self.other_formats.values().sum()
    }

    /// The notes, in the order in which they were found.
    pub(super) fn into_notes(self) -> Vec<Note> {
        let others = self.first_other.map(|first| Note::OtherFormats { counts: self.other_formats, first });
        self.notes.into_iter().chain(others).collect()
    }
}

/// Lists what is in the folder.
///
/// # Errors
/// [`DatasetError::Io`] if it can't be read.
pub(super) fn list(folder: &Path) -> Result<Listing, DatasetError> {
    let (mut folders, mut files) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).map_err(DatasetError::io(folder))? {
        let entry = entry.map_err(DatasetError::io(folder))?;
        let name = to_text(Path::new(&entry.file_name()));
        if name.starts_with('.') {
            continue;
        }
        // Links count as what they lead to.
        let is_folder = match entry.file_type() {
            Ok(kind) if !kind.is_symlink() => kind.is_dir(),
            _ => entry.path().is_dir(),
        };
        if is_folder {
            folders.insert(name)
        } else {
            files.insert(name)
        };
    }
    Ok(Listing { folders: folders.into_iter().collect(), files: files.into_iter().collect() })
}

/// Lists the folder `prefix` of `root`; one that can't be read is noted, and counts as empty.
fn list_or_note(root: &Path, prefix: &str, findings: &mut Findings) -> Listing {
    let folder = root.join(to_path(prefix));
    list(&folder).unwrap_or_else(|error| {
        let reason = match &error {
            DatasetError::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        findings.add(Note::Unreadable { folder, reason });
        Listing::default()
    })
}

/// The pictures at any depth below the folder `prefix` (empty, or with `/` at its end) of `root`: sorted paths relative to `root`.
///
/// Links to folders are not followed, and output of earlier runs is no picture; both are noted.
pub(super) fn pictures_below(root: &Path, prefix: &str, findings: &mut Findings) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![prefix.to_string()];
    while let Some(here) = open.pop() {
        let listing = list_or_note(root, &here, findings);
        let (pictures, ours) = pictures_of(&listing);
        if ours {
            findings.add(Note::Output { folder: root.join(to_path(&here)) });
        }
        listing.files.iter().for_each(|name| findings.count(&format!("{here}{name}")));
        found.extend(pictures.into_iter().map(|name| format!("{here}{name}")));
        for name in listing.folders {
            let folder = root.join(to_path(&format!("{here}{name}")));
            if folder.is_symlink() {
                findings.add(Note::Link { folder });
            } else if is_output(&folder) {
                findings.add(Note::Output { folder });
            } else {
                open.push(format!("{here}{name}/"));
            }
        }
    }
    found.sort();
    found
}

/// Whether a picture lies at any depth below the folder.
pub(super) fn holds_pictures(folder: &Path) -> bool {
    if is_output(folder) {
        return false;
    }
    let Ok(listing) = list(folder) else { return false };
    !pictures_of(&listing).0.is_empty()
        || listing.folders.iter().map(|name| folder.join(to_path(name))).any(|folder| {
            // A link may lead up.
            !folder.is_symlink() && holds_pictures(&folder)
        })
}

/// Whether a folder in it holds pictures, at any depth.
pub(super) fn holds_categories(folder: &Path) -> bool {
    list(folder).is_ok_and(|listing| listing.folders.iter().any(|name| holds_pictures(&folder.join(to_path(name)))))
}

/// Whether the folder is that of an export.
pub(super) fn is_output(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("run.json")).is_ok_and(|text| text.contains("\"bowsight-export\""))
}

/// The names of pictures, and whether there are drawings of ours, which are none.
fn pictures_of(listing: &Listing) -> (Vec<String>, bool) {
    let (ours, pictures): (Vec<&String>, Vec<&String>) =
        listing.files.iter().filter(|name| is_picture(name)).partition(|name| is_drawing(name, listing));
    (pictures.into_iter().cloned().collect(), !ours.is_empty())
}

/// Whether the file is drawn beside a map: `NAME.KIND.png` beside `NAME.npy`.
fn is_drawing(name: &str, listing: &Listing) -> bool {
    let Some((base, kind)) = name.strip_suffix(".png").and_then(|stem| stem.rsplit_once('.')) else { return false };
    DRAWINGS.contains(&kind) && listing.files.binary_search(&format!("{base}.npy")).is_ok()
}

/// The extension of a path in lower case.
fn extension(path: &str) -> Option<String> {
    let (stem, extension) = path.rsplit_once('.')?;
    (!stem.is_empty() && !stem.ends_with('/') && !extension.contains('/')).then(|| extension.to_lowercase())
}

/// Whether a file's name is that of a picture of a format that is read.
pub(super) fn is_picture(name: &str) -> bool {
    extension(name).is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// The path without the extension of its last part.
pub(super) fn stem(path: &str) -> &str {
    match path.rfind('.') {
        Some(dot) if dot > path.rfind('/').map_or(0, |slash| slash + 1) => &path[..dot],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_cut_from_the_last_part_only() {
        for (path, expected) in [("a.b/c", "a.b/c"), ("a/c.d.png", "a/c.d"), (".hidden", ".hidden"), ("a/.x", "a/.x")] {
            assert_eq!(stem(path), expected);
        }
        assert!(is_picture("a.JFIF") && is_picture("a.b.Png") && !is_picture("png") && !is_picture("a.heic"));
    }

    #[test]
    fn a_drawing_has_a_map_beside_it() {
        let files =
            ["a.cat.heatmap.png", "a.cat.npy", "b.cat.heatmap.png", "c.png", "c.npy"].map(String::from).to_vec();
        let listing = Listing { folders: Vec::new(), files };
        let expected = ["b.cat.heatmap.png", "c.png"].map(String::from).to_vec();
        assert_eq!(pictures_of(&listing), (expected, true));
    }
}
