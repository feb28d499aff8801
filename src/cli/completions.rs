//! `bowsight completions SHELL` and `bowsight man`.

use clap::Args;

use super::Outcome;
use super::report::Reporter;
use crate::error::Error;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bowsight completions bash > ~/.local/share/bash-completion/completions/bowsight")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bowsight man > ~/.local/share/man/man1/bowsight.1")]
pub(crate) struct Man {}

pub(crate) fn completions(arguments: &Completions, reporter: &Reporter) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::command(), "bowsight", &mut script);
    reporter.print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

/// The page of the program and, below it, those of its commands.
pub(crate) fn man(reporter: &Reporter) -> Result<Outcome, Error> {
    let mut command = super::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(Error::Stdout)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("bowsight-{}", sub.get_name());
        let man = clap_mangen::Man::new(sub.clone().name(name));
        man.render_name_section(&mut page)
            .and_then(|()| man.render_synopsis_section(&mut page))
            .and_then(|()| man.render_description_section(&mut page))
            .and_then(|()| man.render_options_section(&mut page))
            .map_err(Error::Stdout)?;
    }
    reporter.print(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Done)
}
