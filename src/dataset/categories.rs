//! The categories of a data set beside those of a model.

use super::Dataset;
use crate::settings::closed_set::nearest;

/// A data set whose labels are in the order of given categories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aligned {
    /// The data set; its labels of other categories are gone.
    pub dataset: Dataset,
    /// Labels that are none of the given categories.
    pub unknown: Vec<UnknownLabel>,
    /// Given categories that no picture is labelled with.
    pub absent: Vec<String>,
}

/// A label that is none of the given categories.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnknownLabel {
    /// The label.
    pub label: String,
    /// Number of pictures that have it.
    pub pictures: usize,
    /// The given category whose name is nearest.
    pub nearest: Option<String>,
}

impl std::fmt::Display for UnknownLabel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.pictures == 1 { "" } else { "s" };
        write!(formatter, "\"{}\" ({} picture{plural})", self.label, self.pictures)
    }
}

/// Unknown labels in one line.
pub fn joined(unknown: &[UnknownLabel]) -> String {
    unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Dataset {
    /// Brings the labels into the order of `categories`. A category that the data don't know is −1 everywhere.
    pub fn align_categories(mut self, categories: &[String]) -> Aligned {
        let count = |at: usize| self.pictures.iter().filter(|entry| entry.labels[at] >= 0).count();
        let unknown = self.categories.iter().enumerate().filter(|(_, own)| !categories.contains(own));
        let unknown: Vec<UnknownLabel> = unknown
            .map(|(at, own)| UnknownLabel {
                label: own.clone(),
                pictures: count(at),
                nearest: nearest(own, categories.iter().map(String::as_str)),
            })
            .filter(|unknown| unknown.pictures > 0)
            .collect();
        let places: Vec<Option<usize>> =
            categories.iter().map(|name| self.categories.iter().position(|own| own == name)).collect();
        let absent = categories.iter().zip(&places).filter(|(_, place)| place.is_none_or(|at| count(at) == 0));
        let absent = absent.map(|(name, _)| name.clone()).collect();
        for entry in &mut self.pictures {
            entry.labels = places.iter().map(|place| place.map_or(-1, |at| entry.labels[at])).collect();
        }
        self.categories = categories.to_vec();
        Aligned { dataset: self, unknown, absent }
    }
}
