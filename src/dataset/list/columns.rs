//! What the columns of a list hold: found out from its first line.

use std::path::Path;

use super::super::note::quoted;
use super::super::walk::is_picture;
use super::super::{DatasetError, Note};
use crate::format::path_text::to_path;

/// What may separate cells. A comma wins if the first line does not tell.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Path,
    Category,
    Difficult,
    Split,
    Group,
    /// 1 if the picture has this category, else 0.
    OneHot(String),
    Ignored,
}

impl Column {
    /// What the column is taken for, before its name.
    fn role(&self) -> &'static str {
        match self {
            Column::Path => "paths in",
            Column::Category => "categories in",
            Column::Difficult => "difficult categories in",
            Column::Split => "splits in",
            Column::Group => "groups in",
            Column::OneHot(_) => "one column each for",
            Column::Ignored => "ignored",
        }
    }
}

/// Names of columns, without capitals, spaces, `_` and `-`. The first is the one that our own documents use.
const NAMES: [(Column, &[&str]); 5] = [
    (
        Column::Path,
        &["path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "picture"],
    ),
    (Column::Category, &["category", "categories", "class", "classes", "label", "labels"]),
    (Column::Difficult, &["difficult"]),
    (Column::Split, &["split"]),
    (Column::Group, &["group"]),
];

/// Names of columns that number the rows, as tables are written by pandas and R.
const INDICES: [&str; 4] = ["", "index", "id", "rownames"];

/// How a list is to be read.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) delimiter: u8,
    /// None for a list without a header: a path and any number of categories.
    pub(super) header: Option<Vec<Column>>,
    /// What is worth telling: nothing if the list is as our own documents show it.
    pub(super) note: Option<Note>,
}

impl Columns {
    /// Finds out the delimiter and the columns from the first line.
    pub(super) fn find(text: &str, path: &Path) -> Result<Self, DatasetError> {
        let mut first_lines = Vec::with_capacity(DELIMITERS.len());
        for delimiter in DELIMITERS {
            let record = reader(text, delimiter).records().next();
            let record = record.transpose().map_err(|error| super::malformed(&error, 0, path))?;
            let Some(record) = record else { return Ok(Self { delimiter, header: None, note: None }) };
            first_lines.push((delimiter, record));
        }
        let named = first_lines.iter().find(|(_, record)| record.iter().any(|name| kind(name) == Some(Column::Path)));
        if let Some((delimiter, record)) = named {
            return Self::named(*delimiter, record, path);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let begins_with_picture = |record: &csv::StringRecord| {
            record
                .get(0)
                .is_some_and(|cell| is_picture(cell) || (!cell.is_empty() && folder.join(to_path(cell)).is_file()))
        };
        let Some((delimiter, _)) = first_lines.iter().find(|(_, record)| begins_with_picture(record)) else {
            let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_string();
            return Err(DatasetError::Header { path: path.to_path_buf(), header });
        };
        let understood = format!("cells are separated by {}", delimiter_name(*delimiter));
        let note = (*delimiter != b',').then(|| Note::Columns { path: path.to_path_buf(), understood });
        Ok(Self { delimiter: *delimiter, header: None, note })
    }

    fn named(delimiter: u8, record: &csv::StringRecord, path: &Path) -> Result<Self, DatasetError> {
        let kinds: Vec<Option<Column>> = record.iter().map(kind).collect();
        let has_categories = kinds.contains(&Some(Column::Category));
        let columns: Vec<Column> = kinds
            .into_iter()
            .zip(record)
            .map(|(kind, name)| match kind {
                Some(kind) => kind,
                None if has_categories => Column::Ignored,
                None => Column::OneHot(name.to_string()),
            })
            .collect();
        // Names by what they are taken for, in the order of the header.
        let mut roles: Vec<(&str, Vec<String>)> = Vec::new();
        for (name, column) in record.iter().zip(&columns) {
            match roles.iter_mut().find(|(role, _)| *role == column.role()) {
                Some((_, names)) => names.push(name.to_string()),
                None => roles.push((column.role(), vec![name.to_string()])),
            }
        }
        for column in [Column::Path, Column::Split, Column::Group] {
            if let Some((_, names)) = roles.iter().find(|(role, names)| *role == column.role() && names.len() > 1) {
                let problem = format!("the columns {} have the same meaning", quoted(names));
                return Err(DatasetError::Line { path: path.to_path_buf(), line: 1, problem });
            }
        }
        let is_ours = |(name, column): (&str, &Column)| {
            NAMES.iter().any(|(kind, names)| kind == column && names[0] == name.to_lowercase())
        };
        let note = (delimiter != b',' || !record.iter().zip(&columns).all(is_ours)).then(|| {
            let roles: Vec<String> = roles.iter().map(|(role, names)| format!("{role} {}", quoted(names))).collect();
            let understood = format!("{}; cells are separated by {}", roles.join(", "), delimiter_name(delimiter));
            Note::Columns { path: path.to_path_buf(), understood }
        });
        Ok(Self { delimiter, header: Some(columns), note })
    }
}

/// Reads the records of a list.
pub(super) fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(csv::Trim::All).delimiter(delimiter).from_reader(text.as_bytes())
}

/// What a column of this name holds, if the name tells.
fn kind(name: &str) -> Option<Column> {
    let name: String = name.to_lowercase().chars().filter(|sign| !matches!(sign, ' ' | '_' | '-')).collect();
    let known = NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(column, _)| column.clone());
    let is_index = INDICES.contains(&name.as_str()) || name.starts_with("unnamed:");
    known.or(is_index.then_some(Column::Ignored))
}

fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "semicolons",
        b'\t' => "tabs",
        _ => "commas",
    }
}
