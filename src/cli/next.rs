//! The commands that come next, ready to paste.

use std::ffi::OsStr;
use std::path::Path;

use crate::dataset::Dataset;

/// Options of `train` that `cross-validate` doesn't have and that take a value.
const OF_TRAIN_ALONE: [&str; 4] = ["--model", "--cache", "--fit-split", "--validate-split"];
/// A flag of `train` alone.
const STRICT: &str = "--strict";

/// What to run after a training, given its own command line; none of what a shell could not take.
pub(super) fn after_train(
    command: &[String],
    data: &Path,
    split: &Dataset,
    splits: &[String],
    model: &Path,
) -> Vec<String> {
    let model = model.as_os_str();
    let word = OsStr::new;
    let cross_validate = || line(cross_validation(command).iter().map(OsStr::new));
    let test = splits.iter().find(|name| *name == "test" && **name != split.split);
    let evaluate = |split: &str| {
        let words = ["bowsight", "evaluate", "--data"].map(word).into_iter();
        line(words.chain([data.as_os_str(), word("--split"), word(split), word("--model"), model]))
    };
    let judge = test.map_or_else(cross_validate, |test| evaluate(test));
    let picture = split.pictures.first().map(|entry| split.file(entry));
    let explain = picture.and_then(|picture| {
        let words = ["bowsight", "explain"].map(word).into_iter();
        line(words.chain([picture.as_os_str(), word("--model"), model]))
    });
    [judge, explain].into_iter().flatten().collect()
}

/// The command line of a training as one of `cross-validate`.
fn cross_validation(command: &[String]) -> Vec<String> {
    let mut words = vec!["bowsight".to_string()];
    let mut rest = command.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "train" if !words.iter().any(|word| word == "cross-validate") => words.push("cross-validate".to_string()),
            STRICT => {}
            option if OF_TRAIN_ALONE.contains(&option) => drop(rest.next()),
            option if OF_TRAIN_ALONE.iter().any(|alone| option.starts_with(&format!("{alone}="))) => {}
            _ => words.push(argument.clone()),
        }
    }
    words
}

/// The words as one line for a shell.
fn line<'a>(words: impl Iterator<Item = &'a OsStr>) -> Option<String> {
    let words: Option<Vec<&str>> = words.map(OsStr::to_str).collect();
    shlex::try_join(words?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_becomes_a_cross_validation() {
        let command = "/bin/bowsight --seed 3 train --data train --strict --model=m --cache c --mapping rank --c 10";
        let command: Vec<String> = command.split(' ').map(String::from).collect();
        assert_eq!(
            cross_validation(&command).join(" "),
            "bowsight --seed 3 cross-validate --data train --mapping rank --c 10"
        );
    }

    #[test]
    fn names_with_spaces_are_quoted() {
        let words = ["bowsight", "explain", "my photo's.jpg"].map(OsStr::new);
        assert_eq!(line(words.into_iter()).unwrap(), "bowsight explain \"my photo's.jpg\"");
    }
}
