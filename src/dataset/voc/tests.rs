//! The VOC layout: lists, annotations, and what is wrong with them.

use super::*;
use crate::picture::Rectangle;

fn parse(text: &str) -> Result<Annotation, AnnotationError> {
    parse_annotation(text.as_bytes(), Path::new("some.xml"))
}

fn object(name: &str, difficult: u8, bounds: [&str; 4]) -> String {
    let [xmin, ymin, xmax, ymax] = bounds;
    format!(
        "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin>\
         <xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
    )
}

fn document(objects: &str) -> String {
    format!("<annotation><size><width>50</width><height>40</height></size>{objects}</annotation>")
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn boxes_become_half_open_and_parts_do_not_count() {
    let part =
        "<part><name>hand</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>";
    let person = object("person", 0, ["3", "4", "10", "20"]).replace("</object>", &format!("{part}</object>"));
    let found = parse(&document(&person)).unwrap();
    assert_eq!((found.width, found.height), (Some(50), Some(40)));
    assert_eq!(found.objects.len(), 1);
    assert_eq!(found.objects[0].region, Some(Rectangle { x0: 2, y0: 3, x1: 10, y1: 20 }));
    // A part before the object's own box must not stand in for it.
    let first = person.replace(part, "").replace("<bndbox>", &format!("{part}<bndbox>"));
    assert_eq!(parse(&document(&first)).unwrap().objects[0].region.unwrap().x1, 10);
}

#[test]
fn boxes_are_rounded_and_clipped() {
    let cut = Rectangle { x0: 0, y0: 0, x1: 50, y1: 40 };
    let rounded = Rectangle { x0: 1, y0: 3, x1: 10, y1: 21 };
    for (bounds, region, fault) in [
        (["2.4", "3.6", "10.4", "20.6"], Some(rounded), None),
        (["0", "0", "51", "41"], Some(cut), None),
        (["-5", "1", "50", "40"], Some(cut), Some(BoxFault::Beyond)),
        (["1", "1", "60.6", "45.70"], Some(cut), Some(BoxFault::Beyond)),
        (["9", "1", "4", "4"], None, Some(BoxFault::TurnedRound)),
        (["1", "1", "1e300", "-1e300"], None, Some(BoxFault::TurnedRound)),
        (["60", "1", "70", "4"], None, Some(BoxFault::Outside)),
        (["1", "-9", "7", "-4"], None, Some(BoxFault::Outside)),
        (["1", "1", "x", "4"], None, Some(BoxFault::Unreadable)),
        (["1", "1", "NaN", "4"], None, Some(BoxFault::Unreadable)),
        (["1", "1", "", "4"], None, Some(BoxFault::Unreadable)),
    ] {
        let found = parse(&document(&object("cat", 0, bounds))).unwrap();
        assert_eq!((found.objects[0].region, found.objects[0].fault), (region, fault), "{bounds:?}");
    }
}

#[test]
fn an_object_needs_no_box() {
    let found = parse(&document("<object><name>cat</name><polygon><x1>3</x1></polygon></object>")).unwrap();
    assert_eq!((found.objects[0].region, found.objects[0].fault), (None, None));
}

#[test]
fn no_objects_are_no_objects() {
    assert!(parse("<annotation/>").unwrap().objects.is_empty());
}

#[test]
fn what_is_wrong_is_named() {
    let bomb = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><annotation>&y;</annotation>";
    let cases = [
        (bomb.to_string(), "plain XML"),
        ("<annotation><object>".to_string(), "plain XML"),
        (String::new(), "plain XML"),
        (document("<object/>"), "object 1 has no <name>"),
        (document("<object><name>a</name></object><object><name> </name></object>"), "object 2 has no <name>"),
        ("<?xml version='1.0' encoding='klingon'?><annotation/>".to_string(), "can't be decoded"),
    ];
    for (text, part) in cases {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("some.xml"), "{error}");
    }
}

#[test]
fn labels_come_from_the_lists_with_difficult_ones_and_a_category_called_train() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "ImageSets/Main/train.txt", "a\nb\n\nc\n");
    write(root, "ImageSets/Main/val.txt", "d\n");
    write(root, "ImageSets/Main/train_train.txt", "a  1\nb -1\nc  0\n");
    write(root, "ImageSets/Main/train_val.txt", "d -1\n");
    write(root, "ImageSets/Main/cat_train.txt", "c 1\nb 0\na -1\n");
    write(root, "ImageSets/Main/cat_val.txt", "d 1\n");
    write(root, "JPEGImages/b.PNG", "");
    assert_eq!(split_names(root).unwrap(), ["train", "val"]);
    let data = Dataset::open(root, Some("train"), None).unwrap();
    assert_eq!(data.layout, Layout::Voc);
    assert_eq!(data.categories, ["cat", "train"]);
    let labels: Vec<(&str, &[i8])> = data.pictures.iter().map(|e| (e.id.as_str(), e.labels.as_slice())).collect();
    assert_eq!(labels, [("a", &[-1i8, 1][..]), ("b", &[0, -1]), ("c", &[1, 0])]);
    assert_eq!(data.pictures[0].path, "JPEGImages/a.jpg");
    assert_eq!(data.pictures[1].path, "JPEGImages/b.PNG");
}

#[test]
fn labels_come_from_the_annotations_where_lists_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "ImageSets/Main/all.txt", "a\nb\n");
    let bounds = ["1", "1", "5", "5"];
    write(root, "Annotations/a.xml", &document(&(object("cat", 1, bounds) + &object("dog", 0, bounds))));
    write(root, "Annotations/b.xml", &document(&(object("dog", 1, bounds) + &object("dog", 0, bounds))));
    let data = Dataset::open(root, Some("all"), None).unwrap();
    assert_eq!(data.categories, ["cat", "dog"]);
    assert_eq!(data.pictures[0].labels, [0, 1]);
    assert_eq!(data.pictures[1].labels, [-1, 1]);
}

#[test]
fn an_annotation_that_can_not_be_used_costs_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "ImageSets/Main/all.txt", "a\nb\nc\nd\n");
    write(root, "Annotations/a.xml", &document(&object("cat", 0, ["9", "1", "4", "4"])));
    write(root, "Annotations/b.xml", &document(&object("dog", 0, ["8", "1", "4", "4"])));
    write(root, "Annotations/c.xml", "");
    let data = Dataset::open(root, Some("all"), None).unwrap();
    let found: Vec<(&str, &[i8])> = data.pictures.iter().map(|e| (e.id.as_str(), e.labels.as_slice())).collect();
    assert_eq!(found, [("a", &[1i8, -1][..]), ("b", &[-1, 1])]);
    assert!(data.is_incomplete());
    let notes: Vec<String> = data.notes.iter().map(ToString::to_string).collect();
    assert!(notes[0].contains("\"c\"") && notes[0].contains("c.xml") && notes[0].contains("XML"), "{notes:?}");
    assert!(notes[1].contains("\"d\"") && notes[1].contains("can't be read"), "{notes:?}");
    assert!(notes[2].contains("left out): 2,") && notes[2].contains("\"a\""), "{notes:?}");
    assert_eq!(notes.len(), 3);
    write(root, "ImageSets/Main/all.txt", "c\nd\n");
    let error = Dataset::open(root, Some("all"), None).unwrap_err().to_string();
    assert!(error.contains("none of the 2 pictures") && error.contains("c.xml"), "{error}");
}

#[test]
fn lists_and_annotations_are_read_in_the_encodings_that_tools_write() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "ImageSets/Main/all.txt", "\u{feff}a\r\nb\r\n");
    let xml = |encoding: &str, name: &str| {
        format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{}", document(&object(name, 0, ["1", "1", "5", "5"])))
    };
    let latin: Vec<u8> = xml("ISO-8859-1", "ch\u{e2}ton").chars().map(|sign| sign as u8).collect();
    let wide: Vec<u8> = xml("utf-16", "h\u{e9}ron").encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(root, "Annotations/a.xml", "");
    std::fs::write(root.join("Annotations/a.xml"), latin).unwrap();
    std::fs::write(root.join("Annotations/b.xml"), wide).unwrap();
    let data = Dataset::open(root, Some("all"), None).unwrap();
    assert_eq!(data.categories, ["ch\u{e2}ton", "h\u{e9}ron"]);
    assert_eq!((data.pictures[0].id.as_str(), data.notes.len()), ("a", 0));
    std::fs::write(root.join("ImageSets/Main/x_all.txt"), "\u{feff}b 1\r\na -1\r\n").unwrap();
    let data = Dataset::open(root, Some("all"), None).unwrap();
    assert_eq!((data.pictures[0].labels[0], data.pictures[1].labels[0]), (-1, 1));
    std::fs::write(root.join("ImageSets/Main/all.txt"), b"a\nh\xe9ron\n").unwrap();
    let error = chain(&Dataset::open(root, Some("all"), None).unwrap_err());
    assert!(error.contains("all.txt") && error.contains("line 2 is not in UTF-8"), "{error}");
}

#[test]
fn the_data_set_inside_voc_devkit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let year = root.join("VOCdevkit/VOC2012");
    write(&year, "ImageSets/Main/train.txt", "a\n");
    write(&year, "ImageSets/Main/cat_train.txt", "a 1\n");
    write(&year, "JPEGImages/a.jpg", "");
    for layout in [None, Some(Layout::Voc)] {
        for data in [root.to_path_buf(), root.join("VOCdevkit"), year.clone()] {
            let found = Dataset::open(&data, Some("train"), layout).unwrap();
            assert_eq!((&found.root, found.layout), (&year, Layout::Voc));
            let note = Note::Inside { folder: year.clone() };
            assert_eq!(found.notes, if data == year { vec![] } else { vec![note] });
            assert_eq!(Dataset::split_names(&data, layout).unwrap(), ["train"]);
        }
    }
    std::fs::create_dir_all(root.join("VOCdevkit/VOC2007/JPEGImages")).unwrap();
    let error = Dataset::open(root, Some("train"), None).unwrap_err();
    assert!(error.to_string().contains("VOC2007") && error.to_string().contains("VOC2012"), "{error}");
    assert!(error.hint().unwrap().contains("VOC2012"));
}

#[test]
fn a_picture_without_a_label_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "ImageSets/Main/train.txt", "a\nb\nc\nd\n");
    write(root, "ImageSets/Main/cat_train.txt", "a 1\nb\nc -1\nd 1\n");
    write(root, "ImageSets/Main/dog_train.txt", "a -1\nb 1\nc 1\n");
    let data = Dataset::open(root, Some("train"), None).unwrap();
    let pictures: Vec<(&str, &[i8])> =
        data.pictures.iter().map(|entry| (entry.id.as_str(), &entry.labels[..])).collect();
    assert_eq!(pictures, [("a", &[1, -1][..]), ("c", &[-1, 1])]);
    assert!(data.is_incomplete());
    let said: Vec<String> = data.notes.iter().map(ToString::to_string).collect();
    assert!(said[0].contains("\"b\" is left out") && said[0].contains("cat_train.txt\" has no label"), "{said:?}");
    assert!(said[1].contains("\"d\" is left out") && said[1].contains("dog_train.txt\" has no label"), "{said:?}");
}

#[test]
fn missing_splits_and_bad_lines_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "ImageSets/Main/trainval.txt", "a\n");
    write(root, "ImageSets/Main/cat_trainval.txt", "a maybe\n");
    let error = Dataset::open(root, Some("trainvall"), None).unwrap_err();
    assert!(error.to_string().contains("\"trainvall\"") && error.to_string().contains("there is trainval"), "{error}");
    assert_eq!(error.hint().unwrap(), "--split trainval");
    assert!(matches!(Dataset::open(root, None, None), Err(DatasetError::SplitNeeded { .. })));
    let error = Dataset::open(root, Some("trainval"), None).unwrap_err().to_string();
    assert!(error.contains("cat_trainval.txt") && error.contains("line 1") && error.contains("\"maybe\""), "{error}");
    write(root, "ImageSets/Main/cat_trainval.txt", "b 1\n");
    let error = Dataset::open(root, Some("trainval"), None).unwrap_err().to_string();
    assert!(error.contains("cat_trainval.txt\" has no label for picture \"a\""), "{error}");
    for layout in [None, Some(Layout::Voc)] {
        let empty = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(empty.path().join("JPEGImages")).unwrap();
        let error = Dataset::open(empty.path(), None, layout).unwrap_err().to_string();
        assert!(error.contains("Main\" must hold"), "{error}");
    }
    write(root, "ImageSets/Main/trainval.txt", "../../etc/passwd\n");
    assert!(Dataset::open(root, Some("trainval"), None).unwrap_err().to_string().contains("leads out"));
    write(root, "ImageSets/Main/trainval.txt", "a\na\n");
    assert!(Dataset::open(root, Some("trainval"), None).unwrap_err().to_string().contains("twice"));
}

/// The sample of VOC 2012 beside the project, where it is.
#[test]
fn the_voc_sample_has_its_counts() {
    let Some(root) = crate::shared_data::find("data/voc2012") else { return };
    for (split, pictures, horse, person) in
        [("train", 290, 13, 75), ("val", 289, 12, 90), ("trainval", 579, 25, 165), ("test", 400, 23, 120)]
    {
        let data = Dataset::open(&root, Some(split), None).unwrap();
        assert_eq!((data.pictures.len(), data.categories.len()), (pictures, 15));
        let count = |name: &str| data.positives(data.categories.iter().position(|c| c == name).unwrap());
        assert_eq!((count("horse"), count("person")), (horse, person), "{split}");
        for entry in &data.pictures {
            let objects = annotation(&root, &entry.id).unwrap().objects;
            for (category, label) in data.categories.iter().zip(&entry.labels) {
                assert_eq!(objects.iter().any(|object| object.category == *category), *label == 1, "{}", entry.id);
            }
        }
    }
}
