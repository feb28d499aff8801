//! A CSV list: `path,category,category…`, any number of categories a picture.
//!
//! With a header that names a column of paths the columns are named: `category` (once or more; several categories in a cell are
//! separated by `;`, or by `,` if `;` separates the cells), `difficult` (categories all of whose objects are difficult), `split`,
//! `group`. A header without `category` has one column a category, with 1 and 0. Paths are relative to the list.

mod columns;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Dataset, DatasetError, Entry, Layout, Note, WHOLE, find_split, identity};
use crate::format::text;
use columns::{Column, Columns, reader};

/// The forms of lists that are read, for people.
pub(super) const FORMS: &str = "a list begins with a header such as path,category (for path also file, filename, image or image_path; \
    for category also categories, class, label or labels; or one column a category with 1 and 0), or with a picture such as \
    photos/a.jpg,cat; cells are separated by commas, semicolons or tabs";

struct Row {
    path: String,
    labels: BTreeMap<String, i8>,
    split: Option<String>,
    group: Option<String>,
}

/// The rows of a list, and what its columns are understood to hold, if that is worth telling.
fn rows_of(bytes: &[u8], path: &Path) -> Result<(Vec<Row>, Option<Note>), DatasetError> {
    let text = text::plain(bytes).map_err(|source| DatasetError::Text { path: path.to_path_buf(), source })?;
    let Columns { delimiter, header, note } = Columns::find(&text, path)?;
    let within = if delimiter == b';' { ',' } else { ';' };
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, record) in reader(&text, delimiter).records().enumerate().skip(usize::from(header.is_some())) {
        let record = record.map_err(|error| malformed(&error, index, path))?;
        let line = record.position().map_or(index as u64 + 1, csv::Position::line);
        let fail = |problem: String| DatasetError::Line { path: path.to_path_buf(), line, problem };
        let columns = header.clone().unwrap_or_else(|| {
            let categories = std::iter::repeat_n(Column::Category, record.len().saturating_sub(1));
            std::iter::once(Column::Path).chain(categories).collect()
        });
        if record.len() > columns.len() {
            return Err(fail(format!("{} cells, the header has {}", record.len(), columns.len())));
        }
        let mut row = Row { path: String::new(), labels: BTreeMap::new(), split: None, group: None };
        for (at, column) in columns.iter().enumerate() {
            let cell = record.get(at).unwrap_or_default();
            let words = cell.split(within).map(str::trim).filter(|word| !word.is_empty());
            match column {
                Column::Path => row.path = cell.replace('\\', "/"),
                Column::Category => words.for_each(|word| {
                    row.labels.insert(word.to_string(), 1);
                }),
                Column::Difficult => words.for_each(|word| {
                    row.labels.entry(word.to_string()).or_insert(0);
                }),
                Column::Split => row.split = Some(cell.to_string()),
                Column::Group => row.group = Some(cell.to_string()).filter(|cell| !cell.is_empty()),
                Column::OneHot(category) => {
                    let label = one_or_zero(cell).ok_or_else(|| {
                        fail(format!(
                            "column \"{category}\" must hold 1 or 0, as no column is called category, class or label; got \"{cell}\""
                        ))
                    })?;
                    row.labels.insert(category.clone(), label);
                }
                Column::Ignored => {}
            }
        }
        if row.path.is_empty() {
            return Err(fail("the path is empty".to_string()));
        }
        if !seen.insert((row.path.clone(), row.split.clone())) {
            return Err(fail(format!("\"{}\" occurs twice: a picture has one row, with all its categories", row.path)));
        }
        rows.push(row);
    }
    Ok((rows, note))
}

/// The label of a cell that says whether the picture has a category.
fn one_or_zero(cell: &str) -> Option<i8> {
    match cell.to_lowercase().as_str() {
        "1" | "1.0" | "true" => Some(1),
        "0" | "0.0" | "false" => Some(-1),
        _ => None,
    }
}

fn malformed(error: &csv::Error, index: usize, path: &Path) -> DatasetError {
    let line = error.position().map_or(index as u64 + 1, csv::Position::line);
    DatasetError::Line { path: path.to_path_buf(), line, problem: error.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    std::fs::read(path).map_err(DatasetError::io(path))
}

fn splits_of(rows: &[Row]) -> Vec<String> {
    rows.iter().filter_map(|row| row.split.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

pub(super) fn split_names(path: &Path) -> Result<Vec<String>, DatasetError> {
    Ok(splits_of(&rows_of(&read(path)?, path)?.0))
}

pub(super) fn open(path: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    read_bytes(&read(path)?, path, split)
}

/// Reads the `split` of a list's bytes; `path` is where the list lies.
///
/// # Errors
/// [`DatasetError`], naming the line.
pub fn read_bytes(bytes: &[u8], path: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    let (rows, note) = rows_of(bytes, path)?;
    let known = splits_of(&rows);
    let split = match split {
        None | Some(WHOLE) => None,
        Some(asked) => Some(find_split(&known, asked).map(str::to_string).ok_or_else(|| {
            DatasetError::MissingSplit { split: asked.to_string(), path: path.to_path_buf(), known: known.clone() }
        })?),
    };
    // Categories and ids are those of the whole list, so that all its splits agree.
    let categories: Vec<String> =
        rows.iter().flat_map(|row| row.labels.keys().cloned()).collect::<BTreeSet<_>>().into_iter().collect();
    let ids = identity::ids(&rows.iter().map(|row| row.path.as_str()).collect::<Vec<_>>());
    let chosen = rows.into_iter().zip(ids).filter(|(row, _)| split.is_none() || row.split == split);
    let pictures = chosen
        .map(|(row, id)| Entry {
            id,
            labels: categories.iter().map(|category| row.labels.get(category).copied().unwrap_or(-1)).collect(),
            path: row.path,
            group: row.group,
        })
        .collect();
    let root = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let split = split.unwrap_or_else(|| WHOLE.to_string());
    let (source, notes) = (path.to_path_buf(), note.into_iter().collect());
    Ok(Dataset { root, source, layout: Layout::List, split, categories, pictures, notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::chain;

    fn list(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_plain_list_has_a_path_and_any_number_of_categories() {
        let (_folder, path) = list(b"\xef\xbb\xbfx/a.png,cat,dog\n\"b, c.jpg\"\r\nd.jpg, dog \n");
        let data = Dataset::open(&path, None, None).unwrap();
        assert_eq!(data.categories, ["cat", "dog"]);
        let found: Vec<(&str, &[i8])> = data.pictures.iter().map(|e| (e.id.as_str(), e.labels.as_slice())).collect();
        assert_eq!(found, [("x/a", &[1i8, 1][..]), ("b, c", &[-1, -1]), ("d", &[-1, 1])]);
        assert_eq!(data.file(&data.pictures[0]), path.parent().unwrap().join("x/a.png"));
    }

    #[test]
    fn a_header_names_the_columns() {
        let text =
            b"path,category,difficult,split,group\na.png,cat;dog,,train,p1\nb.png,,cat,train,\nc.png,cat,cat,test,p2\n";
        let (_folder, path) = list(text);
        assert_eq!(Dataset::split_names(&path, None).unwrap(), ["test", "train"]);
        let data = Dataset::open(&path, Some("train"), None).unwrap();
        assert_eq!(data.pictures.len(), 2);
        assert_eq!(data.pictures[0].labels, [1, 1]);
        assert_eq!(data.pictures[1].labels, [0, -1]);
        assert_eq!(data.pictures[0].group.as_deref(), Some("p1"));
        assert_eq!(data.pictures[1].group, None);
        // A category with an easy object too is no difficult one.
        assert_eq!(Dataset::open(&path, Some("test"), None).unwrap().pictures[0].labels, [1, -1]);
        assert!(Dataset::open(&path, Some("val"), None).unwrap_err().to_string().contains("test, train"));
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, line, part) in [
            (&b"a.png,x\n,y\n"[..], 2, "empty"),
            (b"a.png\nb.png\na.png\n", 3, "\"a.png\" occurs twice"),
            (b"path,colour\na.png,red\n", 2, "\"colour\" must hold 1 or 0"),
            (b"path,x,y\na.png,1,0\nb.png,1,-1\n", 3, "\"y\" must hold 1 or 0"),
            (b"path,image,class\na.png,b.png,c\n", 1, "\"path\", \"image\" have the same meaning"),
            (b"path,category\na.png,b,c\n", 2, "3 cells, the header has 2"),
            (b"a.png,x\nb.png,\xff\xfe\n", 2, "UTF-8"),
        ] {
            let (_folder, path) = list(text);
            let error = chain(&Dataset::open(&path, None, None).unwrap_err());
            assert!(
                error.contains("list.csv") && error.contains(&format!("line {line}")) && error.contains(part),
                "{error}"
            );
        }
        let (_folder, path) = list(b"");
        assert!(matches!(Dataset::open(&path, None, None), Err(DatasetError::NoPictures { .. })));
    }

    /// Whatever the delimiter and the header are called, the same data set is understood, and said.
    #[test]
    fn lists_are_understood_as_people_write_them() {
        for (text, note) in [
            ("path,category\na.png,cat\nb.png,dog\n", None),
            ("a.png,cat\nb.png,dog\n", None),
            ("a.png;cat\nb.png;dog\n", Some("separated by semicolons")),
            ("a.png\tcat\nb.png\tdog\n", Some("separated by tabs")),
            ("path;category\na.png;cat\nb.png;dog\n", Some("semicolons")),
            ("\u{feff}path\tcategory\r\na.png\tcat\r\nb.png\tdog\r\n", Some("tabs")),
            ("filename,label\na.png,cat\nb.png,dog\n", Some("paths in \"filename\", categories in \"label\"; ")),
            ("class,Image Path\ncat,a.png\ndog,b.png\n", Some("categories in \"class\", paths in \"Image Path\"; ")),
            (",image,labels\n0,a.png,cat\n1,b.png,dog\n", Some("ignored \"\"")),
            ("file,width,class\na.png,640,cat\nb.png,480,dog\n", Some("ignored \"width\"")),
            ("filename, cat, dog\na.png, 1, 0\nb.png, 0, 1\n", Some("one column each for \"cat\", \"dog\"; ")),
            ("Unnamed: 0,image,cat,dog\n0,a.png,True,False\n1,b.png,0.0,1.0\n", Some("ignored \"Unnamed: 0\"")),
        ] {
            let (_folder, path) = list(text.as_bytes());
            let data = Dataset::open(&path, None, None).unwrap();
            assert_eq!(data.categories, ["cat", "dog"], "{text}");
            let found: Vec<(&str, &[i8])> =
                data.pictures.iter().map(|e| (e.path.as_str(), e.labels.as_slice())).collect();
            assert_eq!(found, [("a.png", &[1i8, -1][..]), ("b.png", &[-1, 1])], "{text}");
            let said: Vec<String> = data.notes.iter().map(ToString::to_string).collect();
            assert_eq!(said.len(), usize::from(note.is_some()), "{said:?}");
            assert!(said.iter().zip(note).all(|(said, note)| said.contains(note)), "{said:?}");
        }
        let (_folder, path) = list(b"path;category\na.png;cat,dog\n");
        assert_eq!(Dataset::open(&path, None, None).unwrap().pictures[0].labels, [1, 1]);
    }

    #[test]
    fn a_first_line_that_is_not_understood_is_shown() {
        let (folder, path) = list(b"img;klasse\na.png;cat\n");
        let error = Dataset::open(&path, None, None).unwrap_err();
        assert!(error.to_string().contains("list.csv") && error.to_string().contains("\"img;klasse\""), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("path") && hint.contains("filename") && hint.contains("class"), "{hint}");
        // A picture may be called anything, if it is there.
        std::fs::write(&path, "scan0,cat\nscan1,dog\n").unwrap();
        assert!(matches!(Dataset::open(&path, None, None), Err(DatasetError::Header { .. })));
        std::fs::write(folder.path().join("scan0"), "").unwrap();
        assert_eq!(Dataset::open(&path, None, None).unwrap().pictures.len(), 2);
    }

    #[test]
    fn a_list_without_categories_is_named() {
        let (_folder, path) = list(b"a.png\nb.png\n");
        let error = Dataset::open(&path, None, None).unwrap().require_positives().unwrap_err().to_string();
        assert!(error.contains("list.csv"), "{error}");
    }
}
