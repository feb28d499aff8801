//! VOC's annotations: `Annotations/<id>.xml`.

use std::path::{Path, PathBuf};

use roxmltree::Node;

use crate::format::text::{self, DecodeError};
use crate::picture::Rectangle;

/// Larger annotations, in bytes, are rejected.
const LARGEST: u64 = 16 << 20;

/// What an annotation says of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Width in pixels, if it is said.
    pub width: Option<u32>,
    /// Height in pixels, if it is said.
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
    /// Its box, cut to the picture if the size is known. None if it has no box (a polygon, say), or one that holds no pixel.
    pub region: Option<Rectangle>,
    /// What is wrong with its box.
    pub fault: Option<BoxFault>,
}

/// What is wrong with the box of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BoxFault {
    /// A side is missing or is no number.
    Unreadable,
    /// Its right end lies left of its left end, or its lower end above its upper end.
    TurnedRound,
    /// It lies outside the picture.
    Outside,
    /// It reaches more than one pixel beyond the picture.
    Beyond,
}

impl std::fmt::Display for BoxFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            BoxFault::Unreadable => "a side is missing or no number, so the box is left out",
            BoxFault::TurnedRound => "turned round, so the box is left out",
            BoxFault::Outside => "outside the picture, so the box is left out",
            BoxFault::Beyond => "reaching beyond the picture, so the box is cut",
        })
    }
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
    /// The file's encoding is unknown or broken.
    #[error("annotation \"{}\" can't be decoded", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: DecodeError,
    },
    /// The file is no XML, or has a document type, which is not read because it can define entities that grow without bound.
    #[error("annotation \"{}\" is no plain XML", path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: roxmltree::Error,
    },
    /// An object has no category.
    #[error("annotation \"{}\": object {object} has no <name>", path.display())]
    Nameless {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        object: usize,
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
    if size > LARGEST {
        let reason = format!("{size} bytes, at most {LARGEST} are allowed");
        return Err(io(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason)));
    }
    parse_annotation(&std::fs::read(&path).map_err(io)?, &path)
}

/// Reads an annotation from its bytes, in any encoding that [`text::xml`] knows; `path` names it in messages.
///
/// # Errors
/// [`AnnotationError`]. A box that can't be used is no error: see [`Object::fault`].
pub fn parse_annotation(bytes: &[u8], path: &Path) -> Result<Annotation, AnnotationError> {
    let text = text::xml(bytes).map_err(|source| AnnotationError::Text { path: path.to_path_buf(), source })?;
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: 1_000_000, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&text, options)
        .map_err(|source| AnnotationError::Xml { path: path.to_path_buf(), source })?;
    let root = document.root_element();
    let size = child(root, "size");
    let side = |name| text_of(size?, name)?.parse::<u32>().ok().filter(|&side| side > 0);
    let (width, height) = (side("width"), side("height"));
    let mut objects = Vec::new();
    // Only direct children: the parts of a person (hands, feet) have boxes too.
    for (index, node) in root.children().filter(|child| child.has_tag_name("object")).enumerate() {
        let category = text_of(node, "name")
            .ok_or_else(|| AnnotationError::Nameless { path: path.to_path_buf(), object: index + 1 })?;
        let (region, fault) = match child(node, "bndbox") {
            Some(bounds) => region(bounds, width, height),
            None => (None, None),
        };
        let difficult = text_of(node, "difficult").is_some_and(|text| text == "1");
        objects.push(Object { category: category.to_string(), difficult, region, fault });
    }
    Ok(Annotation { width, height, objects })
}

/// The box, 1-based and inclusive in the file, half-open here, and what is wrong with it.
fn region(bounds: Node<'_, '_>, width: Option<u32>, height: Option<u32>) -> (Option<Rectangle>, Option<BoxFault>) {
    // Some years write fractions.
    let number = |name| text_of(bounds, name)?.parse::<f64>().ok().filter(|value| value.is_finite());
    let (Some(xmin), Some(ymin), Some(xmax), Some(ymax)) =
        (number("xmin"), number("ymin"), number("xmax"), number("ymax"))
    else {
        return (None, Some(BoxFault::Unreadable));
    };
    let limit = |side: Option<u32>| f64::from(side.unwrap_or(1 << 30));
    let (width, height) = (limit(width), limit(height));
    let clip = |value: f64, limit: f64| value.round().clamp(0.0, limit) as u32;
    let region = Rectangle {
        x0: clip(xmin - 1.0, width),
        y0: clip(ymin - 1.0, height),
        x1: clip(xmax, width),
        y1: clip(ymax, height),
    };
    if xmin > xmax || ymin > ymax {
        (None, Some(BoxFault::TurnedRound))
    } else if region.area() == 0 {
        (None, Some(BoxFault::Outside))
    } else {
        // Tools count from 0 as well as from 1: a pixel is no fault.
        let beyond = xmin.min(ymin) < 0.0 || xmax > width + 1.0 || ymax > height + 1.0;
        (Some(region), beyond.then_some(BoxFault::Beyond))
    }
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The text of the child called `name`, unless it is empty.
fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim).filter(|text| !text.is_empty())
}
