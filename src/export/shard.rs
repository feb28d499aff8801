//! Shards: which pictures of a list one of several machines takes.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::settings::TextError;

/// Shard `index` of `count`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u64,
    /// At least 1.
    pub count: u64,
}

impl FromStr for Shard {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let shard = text
            .split_once('/')
            .and_then(|(index, count)| Some(Self { index: index.parse().ok()?, count: count.parse().ok()? }));
        shard.filter(|shard| shard.index < shard.count && shard.count <= 100_000).ok_or_else(|| TextError {
            what: "shard",
            expected: "I/N with I from 0 to N − 1 and N at most 100000, such as \"0/4\"",
            found: text.to_string(),
        })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-of-{}", self.index, self.count)
    }
}

impl Shard {
    /// Whether the picture at this path, relative to the data, belongs to the shard. The path's hash decides, so adding a picture moves no
    /// other.
    pub fn takes(self, path: &str) -> bool {
        let digest = Sha256::digest(path.as_bytes());
        let hash = digest.iter().take(8).fold(0u64, |hash, byte| (hash << 8) | u64::from(*byte));
        hash % self.count == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_falls_to_just_one_shard() {
        for n in 0..200 {
            let path = format!("JPEGImages/{n}.jpg");
            let taking = (0..7).filter(|&index| Shard { index, count: 7 }.takes(&path)).count();
            assert_eq!(taking, 1);
        }
    }

    #[test]
    fn shards_are_read_and_bad_ones_named() {
        assert_eq!("2/5".parse(), Ok(Shard { index: 2, count: 5 }));
        for text in ["5/5", "1", "a/b", "-1/3", "1/0", ""] {
            assert!(text.parse::<Shard>().unwrap_err().to_string().contains(&format!("got \"{text}\"")));
        }
    }
}
