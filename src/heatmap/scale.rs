//! What the ends of the colour scale stand for.

use std::fmt;
use std::str::FromStr;

use ndarray::ArrayView2;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::largest_magnitude;
use crate::settings::TextError;
use crate::settings::text::NumberOrText;

/// The relevance of a pixel that the last colour stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// The largest magnitude of the picture's own map.
    Picture,
    /// The largest magnitude of all maps of the run.
    Set,
    /// The magnitude that so many percent of the picture's pixels don't exceed, so that a few of them don't leave the rest without colour.
    Percentile(f64),
    /// This one.
    Value(f64),
}

impl Scale {
    /// The relevance that the last colour stands for in `map`; none if only the whole set can tell.
    pub fn of(self, map: ArrayView2<'_, f64>) -> Option<f64> {
        match self {
            Scale::Picture => Some(largest_magnitude(map)),
            Scale::Set => None,
            Scale::Percentile(percent) => Some(percentile(map, percent)),
            Scale::Value(value) => Some(value),
        }
    }
}

/// The magnitude that `percent` of the pixels don't exceed; the largest if that one is 0.
fn percentile(map: ArrayView2<'_, f64>, percent: f64) -> f64 {
    let mut magnitudes: Vec<f64> = map.iter().map(|value| value.abs()).collect();
    magnitudes.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * magnitudes.len() as f64).ceil() as usize;
    let found = magnitudes.get(rank.clamp(1, magnitudes.len().max(1)) - 1).copied().unwrap_or(0.0);
    if found > 0.0 { found } else { largest_magnitude(map) }
}

impl FromStr for Scale {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text {
            "picture" => Ok(Scale::Picture),
            "set" => Ok(Scale::Set),
            _ => {
                let wrong = || TextError {
                    what: "scale",
                    expected: "\"picture\", \"set\", a positive number, or a percentage of pixels such as 99.5%",
                    found: text.to_string(),
                };
                let positive = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
                match text.strip_suffix('%') {
                    Some(percent) => {
                        positive(percent).filter(|&percent| percent <= 100.0).map(Scale::Percentile).ok_or_else(wrong)
                    }
                    None => positive(text).map(Scale::Value).ok_or_else(wrong),
                }
            }
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scale::Picture => formatter.write_str("picture"),
            Scale::Set => formatter.write_str("set"),
            Scale::Percentile(percent) => write!(formatter, "{percent}%"),
            Scale::Value(value) => write!(formatter, "{value}"),
        }
    }
}

impl Serialize for Scale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scale::Value(value) => serializer.serialize_f64(*value),
            word => serializer.collect_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NumberOrText::deserialize(deserializer)?.into_text().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_words_or_positive_numbers() {
        for (text, scale) in [
            ("picture", Scale::Picture),
            ("set", Scale::Set),
            ("0.25", Scale::Value(0.25)),
            ("99.5%", Scale::Percentile(99.5)),
        ] {
            assert_eq!(text.parse::<Scale>().unwrap(), scale);
            let json = serde_json::to_string(&scale).unwrap();
            assert_eq!(serde_json::from_str::<Scale>(&json).unwrap(), scale);
        }
        for text in ["0", "-1", "inf", "NaN", "pictures", "", "0%", "101%", "%"] {
            assert!(text.parse::<Scale>().unwrap_err().to_string().contains(&format!("got \"{text}\"")));
        }
    }

    #[test]
    fn a_percentile_leaves_out_the_largest_pixels() {
        let map = ndarray::Array2::from_shape_fn(
            (10, 20),
            |(y, x)| if (y + x) % 2 == 0 { 1.0 } else { -1.0 } * (20 * y + x) as f64,
        );
        let of = |scale: Scale| scale.of(map.view());
        assert_eq!(of(Scale::Percentile(99.5)), Some(198.0));
        assert_eq!(of(Scale::Percentile(100.0)), of(Scale::Picture));
        assert_eq!((of(Scale::Picture), of(Scale::Value(3.0)), of(Scale::Set)), (Some(199.0), Some(3.0), None));
        // One pixel that has anything.
        let mut lone = ndarray::Array2::zeros((10, 10));
        lone[(3, 4)] = -2.0;
        assert_eq!(Scale::Percentile(99.0).of(lone.view()), Some(2.0));
        assert_eq!(Scale::Percentile(99.0).of(ndarray::Array2::zeros((0, 3)).view()), Some(0.0));
    }
}
