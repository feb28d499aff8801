//! What the ends of the colour scale stand for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::settings::TextError;
use crate::settings::text::NumberOrText;

/// The relevance of a pixel that the last colour stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// The largest magnitude of the picture's own map.
    Picture,
    /// The largest magnitude of all maps of the run.
    Set,
    /// This one.
    Value(f64),
}

impl FromStr for Scale {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text {
            "picture" => Ok(Scale::Picture),
            "set" => Ok(Scale::Set),
            _ => match text.parse::<f64>() {
                Ok(value) if value.is_finite() && value > 0.0 => Ok(Scale::Value(value)),
                _ => Err(TextError {
                    what: "scale",
                    expected: "\"picture\", \"set\" or a positive number",
                    found: text.to_string(),
                }),
            },
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scale::Picture => formatter.write_str("picture"),
            Scale::Set => formatter.write_str("set"),
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
        for (text, scale) in [("picture", Scale::Picture), ("set", Scale::Set), ("0.25", Scale::Value(0.25))] {
            assert_eq!(text.parse::<Scale>().unwrap(), scale);
            let json = serde_json::to_string(&scale).unwrap();
            assert_eq!(serde_json::from_str::<Scale>(&json).unwrap(), scale);
        }
        for text in ["0", "-1", "inf", "NaN", "pictures", ""] {
            assert!(text.parse::<Scale>().unwrap_err().to_string().contains(&format!("got \"{text}\"")));
        }
    }
}
