//! The attributes of a node: each has to be asked for, so that none is ignored by mistake.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::constant::{self, Constant, Number};
use super::error::OnnxFault;
use super::messages::{Attribute, Node};

/// A node with its attributes.
pub(super) struct Reading<'a> {
    pub node: &'a Node,
    attributes: BTreeMap<&'a str, &'a Attribute>,
    read: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Reading<'a> {
    pub fn new(node: &'a Node) -> Self {
        let attributes = node.attribute.iter().map(|attribute| (attribute.name.as_str(), attribute)).collect();
        Self { node, attributes, read: RefCell::default() }
    }

    /// The node's name, or that of what it makes.
    pub fn name(&self) -> &'a str {
        if self.node.name.is_empty() { self.node.output.first().map_or("", String::as_str) } else { &self.node.name }
    }

    /// An error that names the node.
    pub fn fault(&self, why: impl Into<String>) -> OnnxFault {
        OnnxFault::Node { node: self.name().to_string(), operator: self.node.op_type.clone(), why: why.into() }
    }

    fn get(&self, name: &'a str) -> Option<&'a Attribute> {
        self.read.borrow_mut().insert(name);
        self.attributes.get(name).copied()
    }

    pub fn has(&self, name: &'a str) -> bool {
        self.get(name).is_some()
    }

    fn wrong(&self, name: &str, expected: &str) -> OnnxFault {
        self.fault(format!("the attribute \"{name}\" must be {expected}"))
    }

    pub fn integer(&self, name: &'a str) -> Result<Option<i64>, OnnxFault> {
        let Some(attribute) = self.get(name) else { return Ok(None) };
        attribute.i.map(Some).ok_or_else(|| self.wrong(name, "an integer"))
    }

    /// An integer that is 0 or 1.
    pub fn flag(&self, name: &'a str, default: bool) -> Result<bool, OnnxFault> {
        match self.integer(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(_) => Err(self.wrong(name, "0 or 1")),
        }
    }

    pub fn real(&self, name: &'a str, default: f64) -> Result<f64, OnnxFault> {
        let Some(attribute) = self.get(name) else { return Ok(default) };
        let value = attribute.f.map(f64::from).filter(|value| value.is_finite());
        value.ok_or_else(|| self.wrong(name, "a finite number"))
    }

    pub fn text(&self, name: &'a str, default: &'static str) -> Result<String, OnnxFault> {
        let Some(attribute) = self.get(name) else { return Ok(default.to_string()) };
        let text = attribute.s.as_ref().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        text.ok_or_else(|| self.wrong(name, "a text"))
    }

    pub fn integers(&self, name: &'a str) -> Option<Vec<i64>> {
        self.get(name).map(|attribute| attribute.ints.clone())
    }

    /// Lengths or steps along each of `axes`: from `least` on.
    pub fn lengths(&self, name: &'a str, axes: usize, least: i64, default: usize) -> Result<Vec<usize>, OnnxFault> {
        let Some(found) = self.integers(name) else { return Ok(vec![default; axes]) };
        let fits = |value: &i64| (least..=1 << 24).contains(value);
        if found.len() != axes || !found.iter().all(fits) {
            let expected = format!("{axes} numbers from {least} to {}", 1 << 24);
            return Err(self.fault(format!("the attribute \"{name}\" must be {expected}, found {found:?}")));
        }
        Ok(found.into_iter().map(|value| value as usize).collect())
    }

    /// The value of a Constant node.
    pub fn constant(&self, folder: &Path) -> Result<Constant, OnnxFault> {
        let real = |shape: Vec<usize>, values: Vec<f64>| Constant { shape, values, kind: Number::Real };
        let integer = |shape: Vec<usize>, values: Vec<f64>| Constant { shape, values, kind: Number::Integer };
        if let Some(tensor) = self.get("value").and_then(|attribute| attribute.t.as_ref()) {
            return constant::read(tensor, folder);
        }
        if let Some(value) = self.get("value_float").and_then(|attribute| attribute.f) {
            return Ok(real(Vec::new(), vec![f64::from(value)]));
        }
        if let Some(value) = self.get("value_int").and_then(|attribute| attribute.i) {
            return Ok(integer(Vec::new(), vec![value as f64]));
        }
        if let Some(attribute) = self.get("value_floats") {
            let values: Vec<f64> = attribute.floats.iter().map(|&value| f64::from(value)).collect();
            return Ok(real(vec![values.len()], values));
        }
        if let Some(attribute) = self.get("value_ints") {
            return Ok(Constant::integers(attribute.ints.clone()));
        }
        Err(self.fault("it has no value that is read"))
    }

    /// The tensor of an attribute.
    pub fn tensor(&self, name: &'a str, folder: &Path) -> Result<Option<Constant>, OnnxFault> {
        let tensor = self.get(name).and_then(|attribute| attribute.t.as_ref());
        tensor.map(|tensor| constant::read(tensor, folder)).transpose()
    }

    /// Reads attributes that have no effect here.
    pub fn ignore(&self, names: &[&'a str]) {
        self.read.borrow_mut().extend(names);
    }

    /// Requires every attribute to have been read.
    pub fn finish(&self) -> Result<(), OnnxFault> {
        let read = self.read.borrow();
        match self.attributes.keys().find(|name| !read.contains(*name)) {
            Some(name) => Err(self.fault(format!("the attribute \"{name}\" is not supported"))),
            None => Ok(()),
        }
    }
}
