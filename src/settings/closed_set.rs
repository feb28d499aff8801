//! One table for a closed set of variants: the enum, `ALL`, `name()`, `FromStr` and serde all come from it,
//! so that command line, configuration, documentation and tests can never disagree about what exists.

/// A name that no variant of a closed set has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {set} \"{found}\": must be one of {allowed}{}", nearest_clause(.nearest))]
pub struct UnknownName {
    /// What kind of thing was asked for, such as "layout".
    pub set: &'static str,
    /// The name that was given.
    pub found: String,
    /// All names that exist.
    pub allowed: String,
    /// The existing name nearest to the one given, if one is near.
    pub nearest: Option<String>,
}

fn nearest_clause(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean \"{name}\"?)"))
}

/// The candidate nearest to `name` by Damerau–Levenshtein similarity, if it is near enough to be a slip of the pen.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_string())
}

/// Declares an enum as a closed set: `ALL`, `name()`, `FromStr`, `Display`, serde by name.
macro_rules! closed_set {
    ($(#[$outer:meta])* $visibility:vis enum $type:ident as $set:literal { $($(#[$inner:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $type { $($(#[$inner])* $variant),+ }

        impl $type {
            /// Every variant, in the order of the table.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// Lists all names for people: `a, b, c`.
            #[allow(dead_code, reason = "not every set is listed")]
            pub fn names() -> String {
                Self::ALL.iter().map(|variant| variant.name()).collect::<Vec<_>>().join(", ")
            }

            /// The name on the command line, in configurations and in files.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::settings::closed_set::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|variant| variant.name() == text).ok_or_else(|| {
                    $crate::settings::closed_set::UnknownName {
                        set: $set,
                        found: text.to_string(),
                        allowed: Self::ALL.iter().map(|v| format!("\"{}\"", v.name())).collect::<Vec<_>>().join(", "),
                        nearest: $crate::settings::closed_set::nearest(text, Self::ALL.iter().map(|v| v.name())),
                    }
                })
            }
        }

        /// On the command line, the names are completed and listed in the help.
        #[cfg(feature = "cli")]
        impl clap::builder::ValueParserFactory for $type {
            type Parser = clap::builder::ValueParser;

            fn value_parser() -> Self::Parser {
                use clap::builder::TypedValueParser;
                let names = clap::builder::PossibleValuesParser::new(Self::ALL.iter().map(|variant| variant.name()));
                clap::builder::ValueParser::new(names.try_map(|name| name.parse::<Self>()))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use closed_set;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_slip_of_the_pen_is_near() {
        assert_eq!(nearest("hoerse", ["horse", "sheep"]), Some("horse".to_string()));
        assert_eq!(nearest("qqq", ["horse", "sheep"]), None);
    }
}
