//! Names of splits.

/// What the folders of a data set's splits are called. Names of one row mean the same split.
pub(super) const SPLITS: [&[&str]; 4] =
    [&["train", "training"], &["val", "valid", "validation"], &["test", "testing"], &["trainval"]];

/// Whether splits are called so.
pub(super) fn is_split_name(name: &str) -> bool {
    let name = name.to_lowercase();
    SPLITS.iter().any(|names| names.contains(&name.as_str()))
}

/// The name among `known` that means the split `asked`: itself, or another name of it, such as `valid` for `val`.
pub fn find_split<'a>(known: &'a [String], asked: &str) -> Option<&'a str> {
    let itself = known.iter().find(|name| *name == asked);
    let asked = asked.to_lowercase();
    let names = SPLITS.iter().find(|names| names.contains(&asked.as_str()));
    let other = || known.iter().find(|name| names.is_some_and(|names| names.contains(&name.to_lowercase().as_str())));
    itself.or_else(other).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_of_a_split_is_found() {
        let known = ["Train", "valid", "fold1"].map(String::from);
        for (asked, found) in [("train", Some("Train")), ("val", Some("valid")), ("validation", Some("valid"))] {
            assert_eq!(find_split(&known, asked), found);
        }
        assert_eq!(find_split(&known, "fold1"), Some("fold1"));
        assert_eq!(find_split(&known, "fold2"), None);
        assert_eq!(find_split(&["val", "valid"].map(String::from), "valid"), Some("valid"));
    }
}
