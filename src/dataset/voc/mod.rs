//! The PASCAL VOC layout: `JPEGImages`, `Annotations`, `ImageSets/Main`.
//!
//! `ImageSets/Main/<split>.txt` lists a split's ids, `<category>_<split>.txt` their labels 1, 0 (all objects difficult), −1. If no
//! category has a list, labels come from the annotations; a picture without a usable one is left out.

mod annotations;

pub use annotations::{Annotation, AnnotationError, BoxFault, Object, annotation, parse_annotation};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::note::Note;
use super::walk::list;
use super::{Dataset, DatasetError, EXTENSIONS, Entry, Layout, find_split};
use crate::causes::chain;
use crate::format::path_text::to_path;
use crate::format::text;

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
    if known.is_empty() {
        return Err(DatasetError::NoLists { path: lists(data) });
    }
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
    let Labelled { categories, pictures, notes } = if by_category.is_empty() {
        labels_from_annotations(data, split, ids)?
    } else {
        labels_from_lists(&by_category, ids)?
    };
    let entry = |(id, labels): (String, _)| Entry { path: picture_of(data, &id), id, labels, group: None };
    Ok(Dataset {
        root: data.to_path_buf(),
        source: data.to_path_buf(),
        layout: Layout::Voc,
        split: split.to_string(),
        categories,
        pictures: pictures.into_iter().map(entry).collect(),
        notes,
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
    let bytes = std::fs::read(path).map_err(DatasetError::io(path))?;
    let text = text::plain(&bytes).map_err(|source| DatasetError::Text { path: path.to_path_buf(), source })?;
    Ok(text.into_owned())
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

/// Pictures with one label a category.
struct Labelled {
    categories: Vec<String>,
    pictures: Vec<(String, Vec<i8>)>,
    notes: Vec<Note>,
}

/// A picture without a label in one of the lists is left out and named; if that is every picture, the lists are of other data.
fn labels_from_lists(lists: &[(String, PathBuf)], ids: Vec<String>) -> Result<Labelled, DatasetError> {
    let mut labels = vec![Vec::with_capacity(lists.len()); ids.len()];
    let mut missing: BTreeMap<usize, &Path> = BTreeMap::new();
    for (_, path) in lists {
        let mut by_id = BTreeMap::new();
        for (index, line) in read(path)?.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let fail = |problem: String| DatasetError::Line { path: path.clone(), line: index as u64 + 1, problem };
            match words[..] {
                // An id alone is a label missing.
                [] | [_] => {}
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
        for (number, (id, labels)) in ids.iter().zip(&mut labels).enumerate() {
            match by_id.get(id) {
                Some(&label) => labels.push(label),
                None => drop(missing.entry(number).or_insert(path)),
            }
        }
    }
    if let (true, Some((&number, &path))) = (missing.len() == ids.len(), missing.first_key_value()) {
        return Err(DatasetError::LabelMissing { path: path.to_path_buf(), id: ids[number].clone() });
    }
    let reason = |path: &Path| format!("\"{}\" has no label for it", path.display());
    let notes =
        missing.iter().map(|(&number, path)| Note::Annotation { id: ids[number].clone(), reason: reason(path) });
    let notes = notes.collect();
    let labelled = ids.into_iter().zip(labels).enumerate().filter(|(number, _)| !missing.contains_key(number));
    let pictures = labelled.map(|(_, picture)| picture).collect();
    let categories = lists.iter().map(|(category, _)| category.clone()).collect();
    Ok(Labelled { categories, pictures, notes })
}

/// A category's label is 1 if the picture has an object of it, 0 if all of these are difficult. No label needs a box.
fn labels_from_annotations(data: &Path, split: &str, ids: Vec<String>) -> Result<Labelled, DatasetError> {
    let mut found: Vec<(String, BTreeMap<String, i8>)> = Vec::with_capacity(ids.len());
    let mut notes = Vec::new();
    let mut faults: BTreeMap<BoxFault, (usize, String)> = BTreeMap::new();
    for id in ids {
        let objects = match annotation(data, &id) {
            Ok(annotation) => annotation.objects,
            Err(error) => {
                notes.push(Note::Annotation { id, reason: chain(&error) });
                continue;
            }
        };
        let mut labels = BTreeMap::new();
        for object in objects {
            if let Some(fault) = object.fault {
                faults.entry(fault).or_insert_with(|| (0, id.clone())).0 += 1;
            }
            let label = labels.entry(object.category).or_insert(0);
            *label = (*label).max(if object.difficult { 0 } else { 1 });
        }
        found.push((id, labels));
    }
    if let (true, Some(Note::Annotation { reason, .. })) = (found.is_empty(), notes.first()) {
        let (path, split, pictures, first) = (lists(data), split.to_string(), notes.len(), reason.clone());
        return Err(DatasetError::Unlabelled { path, split, pictures, first });
    }
    notes.extend(faults.into_iter().map(|(fault, (count, first))| Note::Boxes { fault, count, first }));
    let categories: BTreeSet<String> = found.iter().flat_map(|(_, labels)| labels.keys().cloned()).collect();
    let row = |labels: &BTreeMap<String, i8>| {
        categories.iter().map(|category| labels.get(category).copied().unwrap_or(-1)).collect()
    };
    let pictures = found.into_iter().map(|(id, labels)| (id, row(&labels))).collect();
    Ok(Labelled { categories: categories.into_iter().collect(), pictures, notes })
}

/// Whether a VOC data set lies in the folder.
pub(super) fn is_voc(folder: &Path) -> bool {
    folder.join("ImageSets").is_dir() || folder.join("JPEGImages").is_dir()
}

/// The VOC data sets inside a folder that is none: `VOCdevkit/VOC2012`, or `…/VOCdevkit/VOC2012`.
pub(super) fn inside(folder: &Path) -> Vec<PathBuf> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        list(folder)
            .map(|found| found.folders.iter().map(|name| folder.join(to_path(name))).collect())
            .unwrap_or_default()
    };
    let (data, others): (Vec<PathBuf>, Vec<PathBuf>) = folders(folder).into_iter().partition(|folder| is_voc(folder));
    let kits = others.iter().filter(|folder| folder.ends_with("VOCdevkit"));
    data.into_iter().chain(kits.flat_map(|kit| folders(kit)).filter(|folder| is_voc(folder))).collect()
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
mod tests;
