//! `bowsight completions SHELL` and `bowsight man`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Outcome;
use super::report::Reporter;
use crate::error::Error;
use crate::format::atomic;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bowsight completions bash > ~/.local/share/bash-completion/completions/bowsight")]
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

pub(crate) fn completions(arguments: &Completions, reporter: &Reporter) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::command(), "bowsight", &mut script);
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
