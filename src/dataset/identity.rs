//! Ids of pictures: paths without their extensions, but with them where two files would share an id.

use std::collections::HashMap;

use super::walk::stem;

/// The ids of the pictures at these paths, in their order. Different paths have different ids.
pub(super) fn ids(paths: &[&str]) -> Vec<String> {
    let mut ids: Vec<&str> = paths.iter().map(|path| stem(path)).collect();
    loop {
        let mut owners: HashMap<&str, Vec<usize>> = HashMap::new();
        ids.iter().enumerate().for_each(|(at, &id)| owners.entry(id).or_default().push(at));
        let mut changed = false;
        for sharing in owners.into_values().filter(|sharing| sharing.iter().any(|&at| paths[at] != paths[sharing[0]])) {
            for at in sharing {
                changed |= ids[at] != paths[at];
                ids[at] = paths[at];
            }
        }
        // A whole path may be what another picture is called without its extension: go on until nothing is shared.
        if !changed {
            return ids.into_iter().map(String::from).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_extensions_where_two_files_share_a_stem() {
        assert_eq!(ids(&["a/x.jpg", "a/x.png", "b/x.png"]), ["a/x.jpg", "a/x.png", "b/x"]);
        assert_eq!(ids(&["x.jpg", "x.png", "x.png.jpg"]), ["x.jpg", "x.png", "x.png.jpg"]);
        // One file in two splits of a list is one picture.
        assert_eq!(ids(&["x.jpg", "x.jpg"]), ["x", "x"]);
        assert_eq!(ids(&["x.jpg", "x.jpg", "x.png"]), ["x.jpg", "x.jpg", "x.png"]);
        assert!(ids(&[]).is_empty());
    }
}
