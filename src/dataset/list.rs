//! A CSV list: `path,category,category…`, any number of categories a picture.
//!
//! With a header whose first cell is `path` the columns are named: `category` (once or more; several categories in a cell are
//! separated by `;`), `difficult` (categories all of whose objects are difficult), `split`, `group`. Paths are relative to the list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Dataset, DatasetError, Entry, Layout, WHOLE, find_split, identity};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Path,
    Category,
    Difficult,
    Split,
    Group,
}

struct Row {
    path: String,
    labels: BTreeMap<String, i8>,
    split: Option<String>,
    group: Option<String>,
}

fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Row>, DatasetError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut columns: Option<Vec<Column>> = None;
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(index as u64 + 1, csv::Position::line);
            DatasetError::Line { path: path.to_path_buf(), line, problem: error.to_string() }
        })?;
        let line = record.position().map_or(index as u64 + 1, csv::Position::line);
        let fail = |problem: String| DatasetError::Line { path: path.to_path_buf(), line, problem };
        if index == 0 && record.get(0).is_some_and(|first| first.eq_ignore_ascii_case("path")) {
            columns = Some(
                record
                    .iter()
                    .map(|name| column(name).ok_or_else(|| fail(unknown_column(name))))
                    .collect::<Result<_, _>>()?,
            );
            continue;
        }
        let mut row = Row { path: String::new(), labels: BTreeMap::new(), split: None, group: None };
        for (at, cell) in record.iter().enumerate() {
            let kind = match &columns {
                Some(columns) => *columns
                    .get(at)
                    .ok_or_else(|| fail(format!("{} cells, the header has {}", record.len(), columns.len())))?,
                None if at == 0 => Column::Path,
                None => Column::Category,
            };
            let words = cell.split(';').map(str::trim).filter(|word| !word.is_empty());
            match kind {
                Column::Path => row.path = cell.replace('\\', "/"),
                Column::Category => words.for_each(|word| {
                    row.labels.insert(word.to_string(), 1);
                }),
                Column::Difficult => words.for_each(|word| {
                    row.labels.entry(word.to_string()).or_insert(0);
                }),
                Column::Split => row.split = Some(cell.to_string()),
                Column::Group => row.group = Some(cell.to_string()).filter(|cell| !cell.is_empty()),
            }
        }
        if row.path.is_empty() {
            return Err(fail("the path is empty".to_string()));
        }
        if !seen.insert((row.path.clone(), row.split.clone())) {
            return Err(fail(format!("\"{}\" occurs twice", row.path)));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn column(name: &str) -> Option<Column> {
    match name.to_lowercase().as_str() {
        "path" => Some(Column::Path),
        "category" | "categories" => Some(Column::Category),
        "difficult" => Some(Column::Difficult),
        "split" => Some(Column::Split),
        "group" => Some(Column::Group),
        _ => None,
    }
}

fn unknown_column(name: &str) -> String {
    format!("unknown column \"{name}\": must be path, category, difficult, split or group")
}

fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    std::fs::read(path).map_err(DatasetError::io(path))
}

fn rows_of(bytes: &[u8], path: &Path) -> Result<Vec<Row>, DatasetError> {
    parse(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), path)
}

fn splits_of(rows: &[Row]) -> Vec<String> {
    rows.iter().filter_map(|row| row.split.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

pub(super) fn split_names(path: &Path) -> Result<Vec<String>, DatasetError> {
    Ok(splits_of(&rows_of(&read(path)?, path)?))
}

pub(super) fn open(path: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    read_bytes(&read(path)?, path, split)
}

/// Reads the `split` of a list's bytes; `path` is where the list lies.
///
/// # Errors
/// [`DatasetError`], naming the line.
pub fn read_bytes(bytes: &[u8], path: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    let rows = rows_of(bytes, path)?;
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
    Ok(Dataset { root, layout: Layout::List, split, categories, pictures, notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (b"path,colour\n", 1, "\"colour\""),
            (b"path,category\na.png,b,c\n", 2, "3 cells, the header has 2"),
            (b"a.png,\xff\xfe\n", 1, "UTF-8"),
        ] {
            let (_folder, path) = list(text);
            let error = Dataset::open(&path, None, None).unwrap_err().to_string();
            assert!(
                error.contains("list.csv") && error.contains(&format!("line {line}")) && error.contains(part),
                "{error}"
            );
        }
        let (_folder, path) = list(b"");
        assert!(matches!(Dataset::open(&path, None, None), Err(DatasetError::NoPictures { .. })));
    }
}
