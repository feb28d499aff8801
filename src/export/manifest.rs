//! The manifest: one JSON object per line, one line per picture and category, in the order of the list.
//!
//! While an export runs, finished pictures go to a journal in the order of the work. A killed run leaves it behind, and the
//! next run takes from it what is whole. At the end the lines are written in the order of the list, all at once.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::drawing::Files;
use crate::format::atomic::{self, WriteError};
use crate::format::batch;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The picture's id.
    pub picture: String,
    /// Its path relative to the data.
    pub path: String,
    /// The category explained; empty if a failed picture's category is not known.
    pub category: String,
    /// The category subtracted, or empty.
    pub against: String,
    /// The picture's label for the category; null if the data have no labels.
    pub label: Option<i8>,
    /// Whether the model was trained on this very file; null if it does not know its training pictures.
    #[serde(default)]
    pub in_training: Option<bool>,
    /// f, or f_a − f_b.
    pub score: Option<f64>,
    /// Σ of the map.
    pub sum_relevance: Option<f64>,
    /// Conservation error: what the ledger can't account for.
    pub conservation_error: Option<f64>,
    /// The method of explanation, such as where the bias goes: name and value.
    #[serde(flatten)]
    pub method: BTreeMap<String, String>,
    /// The map's width in pixels.
    pub width: Option<usize>,
    /// The map's height in pixels.
    pub height: Option<usize>,
    /// The map's largest magnitude.
    pub largest: Option<f64>,
    /// The relevance that the ends of the colour scale stand for; null if the whole set decides (each drawing notes it in its PNG text).
    pub scale: Option<f64>,
    /// Number of windows that the picture was cut into, if tiles were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<usize>,
    /// Size of the map's file in bytes; lines of earlier versions don't have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Files by kind, relative to the folder.
    pub files: Files,
    /// Why there is no explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The lines of earlier work: where each picture's lines lie in which file.
#[derive(Debug, Default)]
pub struct Index {
    places: HashMap<String, Vec<Place>>,
}

#[derive(Debug, Clone)]
struct Place {
    category: String,
    file: PathBuf,
    offset: u64,
    length: usize,
}

impl Index {
    /// Adds the whole lines of the file at `path` that `keep` accepts; later lines replace earlier ones of the same picture and category. A missing
    /// file adds nothing.
    ///
    /// # Errors
    /// Those of reading.
    pub fn add(&mut self, path: &Path, mut keep: impl FnMut(&Line) -> bool) -> std::io::Result<()> {
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let mut reader = BufReader::new(file);
        let mut offset = 0;
        let mut text = String::new();
        loop {
            text.clear();
            let length = match reader.read_line(&mut text) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                // A cut line can end inside a character.
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(()),
                Err(error) => return Err(error),
            };
            if text.ends_with('\n')
                && let Ok(line) = serde_json::from_str::<Line>(&text)
            {
                let places = self.places.entry(line.picture.clone()).or_default();
                // A failed picture whose category was not known yet has an empty one; any later line settles it.
                places.retain(|place| place.category != line.category && !place.category.is_empty());
                if keep(&line) {
                    let file = path.to_path_buf();
                    places.push(Place { category: line.category, file, offset, length });
                }
            }
            offset += length as u64;
        }
    }

    /// The categories of a picture that have lines.
    pub fn categories(&self, picture: &str) -> Vec<&str> {
        self.places
            .get(picture)
            .map_or_else(Vec::new, |places| places.iter().map(|place| place.category.as_str()).collect())
    }

    /// Copies the lines of `picture`, ordered by `rank` of their category, to `out`, and shows each to `see`.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn copy(
        &self,
        picture: &str,
        rank: impl Fn(&str) -> usize,
        out: &mut dyn Write,
        see: &mut dyn FnMut(&str),
    ) -> std::io::Result<()> {
        let mut places: Vec<&Place> = self.places.get(picture).map_or_else(Vec::new, |places| places.iter().collect());
        places.sort_by_key(|place| rank(&place.category));
        for place in places {
            let mut file = File::open(&place.file)?;
            file.seek(SeekFrom::Start(place.offset))?;
            let mut bytes = vec![0; place.length];
            file.read_exact(&mut bytes)?;
            out.write_all(&bytes)?;
            see(&String::from_utf8_lossy(&bytes));
        }
        Ok(())
    }
}

/// The lines as they come.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal at `path` to append. A line that a killed run left unfinished is closed off.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn open(path: &Path) -> Result<Self, WriteError> {
        let mut file = File::options().create(true).append(true).read(true).open(path).map_err(WriteError::io(path))?;
        let length = file.seek(SeekFrom::End(0)).map_err(WriteError::io(path))?;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).map_err(WriteError::io(path))?;
            file.read_exact(&mut last).map_err(WriteError::io(path))?;
            if last != *b"\n" {
                file.write_all(b"\n").map_err(WriteError::io(path))?;
            }
        }
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Appends the lines of some pictures at once, and puts them on disk.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn append(&mut self, lines: &[Line]) -> Result<(), WriteError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).expect("own types serialize");
            text.push(b'\n');
        }
        self.file.write_all(&text).and_then(|()| batch::sync_file(&self.file)).map_err(WriteError::io(&self.path))
    }
}

/// The first line of a shard's manifest, which names its export. The manifest of a whole run has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// SHA-256 of the export's `run.json`.
    pub run: String,
}

impl Header {
    /// Reads the header of the manifest at `path`; none if there is no file, or if an earlier version wrote it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(path: &Path) -> std::io::Result<Option<Self>> {
        let mut line = Vec::new();
        match File::open(path) {
            Ok(file) => BufReader::new(file).read_until(b'\n', &mut line)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&line).ok())
    }
}

/// Writes the manifest at `path`: the header of a shard, then the lines of `pictures`, in their order.
///
/// # Errors
/// [`WriteError`].
pub fn write_ordered<'a>(
    path: &Path,
    header: Option<&Header>,
    index: &Index,
    mut pictures: impl Iterator<Item = &'a str>,
    rank: impl Fn(&str) -> usize,
) -> Result<(), WriteError> {
    atomic::write_with(path, |out| {
        if let Some(header) = header {
            serde_json::to_writer(&mut *out, header)?;
            out.write_all(b"\n")?;
        }
        pictures.try_for_each(|picture| index.copy(picture, &rank, out, &mut |_| {}))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(picture: &str, category: &str, score: f64) -> Line {
        Line {
            picture: picture.into(),
            path: format!("{picture}.png"),
            category: category.into(),
            against: String::new(),
            in_training: None,
            label: None,
            score: Some(score),
            sum_relevance: None,
            conservation_error: None,
            method: [("bias".to_string(), "spread".to_string())].into(),
            width: None,
            height: None,
            largest: None,
            scale: None,
            windows: None,
            bytes: None,
            files: Files::new(),
            error: None,
        }
    }

    #[test]
    fn a_cut_line_is_ignored_and_a_later_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&[line("b", "cat", 1.0), line("b", "dog", 2.0)]).unwrap();
        journal.append(&[line("a", "cat", 3.0)]).unwrap();
        drop(journal);
        // Cut at every place: never an error, never a half line.
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            journal.append(&[line("b", "cat", 4.0)]).unwrap();
            let mut index = Index::default();
            index.add(&path, |_| true).unwrap();
            assert!(index.categories("b").contains(&"cat"));
            let out = folder.path().join("manifest");
            let rank = |category: &str| usize::from(category == "dog");
            write_ordered(&out, None, &index, ["a", "b"].into_iter(), rank).unwrap();
            let lines: Vec<Line> =
                std::fs::read_to_string(&out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            let cat = lines.iter().find(|l| l.picture == "b" && l.category == "cat").unwrap();
            assert_eq!(cat.score, Some(4.0));
            assert!(
                lines
                    .windows(2)
                    .all(|pair| (&pair[0].picture, &pair[0].category) < (&pair[1].picture, &pair[1].category))
            );
        }
    }
}
