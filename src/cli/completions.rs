//! `bowsight completions SHELL` and `bowsight man`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use super::Outcome;
use super::report::Reporter;
use crate::any::AnyModel;
use crate::error::Error;
use crate::format::atomic;

/// The variable by which a shell's script asks the program for completions.
const ASKED: &str = "BOWSIGHT_COMPLETE";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight completions bash > ~/.local/share/bash-completion/completions/bowsight
  bowsight completions zsh > ~/.zsh/completions/_bowsight     a folder of $fpath
  bowsight completions fish > ~/.config/fish/completions/bowsight.fish

The script asks bowsight itself, so it knows the categories of the model that the line names.")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowsight man | man -l -
  bowsight man --out ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for every command into this folder, for man(1), instead of printing one page of all
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// Answers a shell that asks for completions, and ends the process; returns if none does.
pub(super) fn answer() {
    CompleteEnv::with_factory(super::command).var(ASKED).bin("bowsight").completer("bowsight").complete();
}

/// Completes categories of the model that the command line names, after a comma too, and these `words` besides.
pub(super) fn categories(words: &'static [&'static str]) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| candidates(typed, words, std::env::args_os()))
}

fn candidates(typed: &OsStr, words: &[&str], line: impl Iterator<Item = OsString>) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    // Without a model that can be read there is nothing to offer; a shell shows no errors while one types.
    let known = model_of(line).and_then(|path| AnyModel::open(path).ok());
    let known = known.iter().flat_map(|model| model.categories()).map(String::as_str);
    let before = typed.rfind(',').map_or("", |comma| &typed[..=comma]);
    let words = words.iter().copied().filter(|_| before.is_empty());
    let is_new = |name: &&str| !before.split(',').any(|given| given == *name);
    let whole = words.chain(known.filter(is_new)).map(|name| format!("{before}{name}"));
    whole.filter(|whole| whole.starts_with(typed)).map(CompletionCandidate::new).collect()
}

/// The value of `--model` on a command line.
fn model_of(mut line: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    while let Some(word) = line.next() {
        if word == "--model" {
            return line.next().map(|path| from_home(Path::new(&path)));
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--model=")) {
            return Some(from_home(Path::new(path)));
        }
    }
    None
}

/// What a shell makes of `~/…`, which is not done yet while one types.
fn from_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_path_buf(),
    }
}

pub(crate) fn completions(arguments: &Completions, reporter: &Reporter) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    let shell = arguments.shell.to_string();
    let shells = Shells::builtins();
    let shell = shells.completer(&shell).ok_or_else(|| Error::usage(format!("no completions for {shell}")))?;
    shell.write_registration(ASKED, "bowsight", "bowsight", "bowsight", &mut script).map_err(Error::Stdout)?;
    reporter.print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

pub(crate) fn man(arguments: &Man, reporter: &Reporter) -> Result<Outcome, Error> {
    let mut command = super::command();
    command.build();
    match &arguments.out {
        Some(folder) => {
            // Named only when all are there: a reader that stops listening must not stop the writing.
            let files = write_pages(&command, "bowsight", folder)?;
            let names = files.iter().map(|file| format!("{}\n", file.display()));
            reporter.text(&names.collect::<String>())?;
        }
        None => reporter.print(&one_page(&command).map_err(Error::Stdout)?)?,
    }
    Ok(Outcome::Done)
}

/// Writes the pages of a command and, as NAME-SUB.1, of those below it.
fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone().name(name.to_string()));
    man.render(&mut page).map_err(Error::Stdout)?;
    let file = folder.join(format!("{name}.1"));
    atomic::write(&file, &page)?;
    let mut files = vec![file];
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        files.extend(write_pages(sub, &format!("{name}-{}", sub.get_name()), folder)?);
    }
    Ok(files)
}

/// The page of the program and, below it, those of its commands.
fn one_page(command: &clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("bowsight-{}", sub.get_name());
        let man = clap_mangen::Man::new(sub.clone().name(name));
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_those_of_the_model_on_the_line() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/voc2012.bowsight");
        if !model.exists() {
            eprintln!("skipped: the package leaves the model out");
            return;
        }
        let line = |option: &str| format!("bowsight explain a.jpg {option}").split(' ').map(OsString::from).collect();
        let offered = |typed: &str, line: Vec<OsString>| -> Vec<String> {
            let found = candidates(typed.as_ref(), &["top", "all"], line.into_iter());
            found.iter().map(|candidate| candidate.get_value().to_str().unwrap().to_string()).collect()
        };
        let model = model.to_str().unwrap();
        for option in [format!("--model {model}"), format!("--model={model}")] {
            assert_eq!(offered("b", line(&option)), ["bicycle", "bird", "boat", "bottle", "bus"]);
            assert_eq!(offered("cat,b", line(&option))[0], "cat,bicycle");
            assert_eq!(offered("bird,bi", line(&option)), ["bird,bicycle"]);
            assert_eq!(offered("t", line(&option)), ["top", "train"]);
            assert_eq!(offered("cat,to", line(&option)), [""; 0]);
        }
        for option in ["", "--model", "--model missing.bowsight"] {
            assert_eq!(offered("", line(option)), ["top", "all"]);
        }
    }
}
