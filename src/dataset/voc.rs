//! The PASCAL VOC layout: `JPEGImages`, `Annotations`, `ImageSets/Main`.
//!
//! `ImageSets/Main/<split>.txt` lists a split's ids, `<category>_<split>.txt` their labels 1, 0 (all objects difficult), −1. Where no
//! category has a list, labels come from the annotations. Boxes are 1-based and inclusive there, half-open here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::walk::list;
use super::{Dataset, DatasetError, EXTENSIONS, Entry, Layout, find_split};
use crate::format::path_text::to_path;
use crate::picture::Rectangle;

/// An annotation larger than this is none.
const LARGEST_ANNOTATION: u64 = 16 << 20;

/// What an annotation says of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Width in pixels, where it is said.
    pub width: Option<u32>,
    /// Height in pixels, where it is said.
    pub height: Option<u32>,
    /// The objects, without their parts.
    pub objects: Vec<Object>,
}

/// An annotated object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its category.
    pub category: String,
    /// Whether it is marked difficult.
    pub difficult: bool,
    /// Its box, within the picture where the size is known.
    pub region: Rectangle,
}

/// Why an annotation can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// The file can't be read.
    #[error("annotation \"{}\" can't be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no XML, or has a document type, which is not read because it can define entities that grow without bound.
    #[error("annotation \"{}\" is no plain XML", path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: roxmltree::Error,
    },
    /// An object lacks something.
    #[error("annotation \"{}\": object {object} has no <{element}>", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        object: usize,
        /// The element.
        element: &'static str,
    },
    /// A number is none.
    #[error("annotation \"{}\": <{element}> of object {object} must be a number, got \"{found}\"", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        object: usize,
        /// The element.
        element: &'static str,
        /// Its text.
        found: String,
    },
    /// A box has no pixels, at least none in the picture.
    #[error("annotation \"{}\": the box of object {object}, x {xmin} to {xmax} and y {ymin} to {ymax}, holds no pixel of the picture", path.display())]
    EmptyBox {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        object: usize,
        /// As written.
        xmin: f64,
        /// As written.
        xmax: f64,
        /// As written.
        ymin: f64,
        /// As written.
        ymax: f64,
    },
}

/// Reads the annotation of the picture `id`.
///
/// # Errors
/// [`AnnotationError`].
pub fn annotation(root: &Path, id: &str) -> Result<Annotation, AnnotationError> {
    let path = root.join("Annotations").join(format!("{id}.xml"));
    let io = |source| AnnotationError::Io { path: path.clone(), source };
    let size = std::fs::metadata(&path).map_err(io)?.len();
    if size > LARGEST_ANNOTATION {
        let reason = format!("{size} bytes, at most {LARGEST_ANNOTATION} are allowed");
        return Err(io(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason)));
    }
    let bytes = std::fs::read(&path).map_err(io)?;
    parse_annotation(&String::from_utf8_lossy(&bytes), &path)
}

/// Reads an annotation's text; `path` names it in messages.
///
/// # Errors
/// [`AnnotationError`].
pub fn parse_annotation(text: &str, path: &Path) -> Result<Annotation, AnnotationError> {
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: 1_000_000, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text.trim_start_matches('\u{feff}'), options)
        .map_err(|source| AnnotationError::Xml { path: path.to_path_buf(), source })?;
    let root = document.root_element();
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .find(|child| child.has_tag_name(name))
            .and_then(|child| child.text())
            .map(|t| t.trim().to_string())
    };
    let size = root.children().find(|child| child.has_tag_name("size"));
    let side = |name: &str| size.and_then(|size| child(size, name)?.parse::<u32>().ok()).filter(|&side| side > 0);
    let (width, height) = (side("width"), side("height"));
    let mut objects = Vec::new();
    // Only direct children: the parts of a person (hands, feet) have boxes too.
    for (index, node) in root.children().filter(|child| child.has_tag_name("object")).enumerate() {
        let object = index + 1;
        let missing = |element| AnnotationError::Missing { path: path.to_path_buf(), object, element };
        let category = child(node, "name").filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?;
        let bounds = node.children().find(|child| child.has_tag_name("bndbox")).ok_or_else(|| missing("bndbox"))?;
        let number = |element: &'static str| {
            let found = child(bounds, element).ok_or_else(|| missing(element))?;
            // Some years write fractions.
            found.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| AnnotationError::Number {
                path: path.to_path_buf(),
                object,
                element,
                found: found.clone(),
            })
        };
        let (xmin, ymin, xmax, ymax) = (number("xmin")?, number("ymin")?, number("xmax")?, number("ymax")?);
        let clip =
            |value: f64, limit: Option<u32>| value.round().clamp(0.0, f64::from(limit.unwrap_or(1 << 30))) as u32;
        let region = Rectangle {
            x0: clip(xmin - 1.0, width),
            y0: clip(ymin - 1.0, height),
            x1: clip(xmax, width),
            y1: clip(ymax, height),
        };
        if region.x0 >= region.x1 || region.y0 >= region.y1 {
            return Err(AnnotationError::EmptyBox { path: path.to_path_buf(), object, xmin, xmax, ymin, ymax });
        }
        let difficult = child(node, "difficult").is_some_and(|text| text == "1");
        objects.push(Object { category, difficult, region });
    }
    Ok(Annotation { width, height, objects })
}

fn lists(data: &Path) -> PathBuf {
    data.join("ImageSets").join("Main")
}

/// The splits that have a list of ids: a file whose name is no other split's list of a category.
pub(super) fn split_names(data: &Path) -> Result<Vec<String>, DatasetError> {
    if !lists(data).is_dir() {
        return Ok(Vec::new());
    }
    let files = list(&lists(data))?.files;
    let stems: Vec<String> = files.iter().filter_map(|name| name.strip_suffix(".txt").map(str::to_string)).collect();
    let is_category_list = |stem: &str| {
        stems
            .iter()
            .any(|split| stem.strip_suffix(split.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_')))
    };
    Ok(stems.iter().filter(|stem| !is_category_list(stem)).cloned().collect())
}

pub(super) fn open(data: &Path, split: Option<&str>) -> Result<Dataset, DatasetError> {
    let known = split_names(data)?;
    let Some(split) = split else {
        return Err(DatasetError::SplitNeeded { path: data.to_path_buf(), known });
    };
    let split = find_split(&known, split).unwrap_or(split);
    let by_category = category_lists(data, split)?;
    let ids = if known.iter().any(|name| name == split) {
        ids_of(&lists(data).join(format!("{split}.txt")))?
    } else if let Some((_, path)) = by_category.first() {
        ids_of(path)?
    } else {
        return Err(DatasetError::MissingSplit { split: split.to_string(), path: data.to_path_buf(), known });
    };
    let (categories, labels) = if by_category.is_empty() {
        labels_from_annotations(data, &ids)?
    } else {
        labels_from_lists(&by_category, &ids)?
    };
    let pictures = ids
        .into_iter()
        .zip(labels)
        .map(|(id, labels)| Entry { path: picture_of(data, &id), id, labels, group: None })
        .collect();
    Ok(Dataset {
        root: data.to_path_buf(),
        layout: Layout::Voc,
        split: split.to_string(),
        categories,
        pictures,
        notes: Vec::new(),
    })
}

/// The categories that have a list for the split, sorted, with their lists.
fn category_lists(data: &Path, split: &str) -> Result<Vec<(String, PathBuf)>, DatasetError> {
    let folder = lists(data);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let ending = format!("_{split}.txt");
    Ok(list(&folder)?
        .files
        .into_iter()
        .filter_map(|name| {
            let category = name.strip_suffix(&ending).filter(|category| !category.is_empty())?;
            Some((category.to_string(), folder.join(to_path(&name))))
        })
        .collect())
}

fn read(path: &Path) -> Result<String, DatasetError> {
    std::fs::read_to_string(path).map_err(DatasetError::io(path))
}

/// The first word of every line that is not empty; an id may occur once and may not climb out of the folder.
fn ids_of(path: &Path) -> Result<Vec<String>, DatasetError> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    for (index, line) in read(path)?.lines().enumerate() {
        let Some(id) = line.split_whitespace().next() else { continue };
        let fail = |problem: String| DatasetError::Line { path: path.to_path_buf(), line: index as u64 + 1, problem };
        if id.split(['/', '\\']).any(|part| part == "..") || Path::new(id).is_absolute() {
            return Err(fail(format!("id \"{id}\" leads out of the folder")));
        }
        if !seen.insert(id.to_string()) {
            return Err(fail(format!("id \"{id}\" occurs twice")));
        }
        ids.push(id.to_string());
    }
    Ok(ids)
}

type Labels = (Vec<String>, Vec<Vec<i8>>);

fn labels_from_lists(lists: &[(String, PathBuf)], ids: &[String]) -> Result<Labels, DatasetError> {
    let mut labels = vec![Vec::with_capacity(lists.len()); ids.len()];
    for (category, path) in lists {
        let mut by_id = BTreeMap::new();
        for (index, line) in read(path)?.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let fail = |problem: String| DatasetError::Line { path: path.clone(), line: index as u64 + 1, problem };
            match words[..] {
                [] => {}
                [id, label] => {
                    let label = match label {
                        "1" | "+1" => 1,
                        "0" => 0,
                        "-1" => -1,
                        _ => return Err(fail(format!("the label must be 1, 0 or -1, got \"{label}\""))),
                    };
                    by_id.insert(id.to_string(), label);
                }
                _ => return Err(fail(format!("must be an id and a label, got \"{line}\""))),
            }
        }
        for (id, labels) in ids.iter().zip(&mut labels) {
            let label = by_id.get(id).copied().ok_or_else(|| DatasetError::Line {
                path: path.clone(),
                line: 0,
                problem: format!("no label of category \"{category}\" for \"{id}\""),
            })?;
            labels.push(label);
        }
    }
    Ok((lists.iter().map(|(category, _)| category.clone()).collect(), labels))
}

fn labels_from_annotations(data: &Path, ids: &[String]) -> Result<Labels, DatasetError> {
    let mut found: Vec<BTreeMap<String, i8>> = Vec::with_capacity(ids.len());
    for id in ids {
        let mut labels = BTreeMap::new();
        for object in annotation(data, id)?.objects {
            let label = labels.entry(object.category).or_insert(0);
            *label = (*label).max(if object.difficult { 0 } else { 1 });
        }
        found.push(labels);
    }
    let categories: BTreeSet<&String> = found.iter().flat_map(BTreeMap::keys).collect();
    let labels = found
        .iter()
        .map(|labels| categories.iter().map(|category| labels.get(*category).copied().unwrap_or(-1)).collect())
        .collect();
    Ok((categories.into_iter().cloned().collect(), labels))
}

/// The picture's path; a missing one keeps its usual name, and costs only itself when it is opened.
fn picture_of(data: &Path, id: &str) -> String {
    EXTENSIONS
        .iter()
        .flat_map(|ending| [ending.to_string(), ending.to_uppercase()])
        .map(|ending| format!("JPEGImages/{id}.{ending}"))
        .find(|path| data.join(path).is_file())
        .unwrap_or_else(|| format!("JPEGImages/{id}.jpg"))
}

#[cfg(test)]
#[path = "voc_tests.rs"]
mod tests;
