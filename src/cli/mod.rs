//! The command line: one file a sub-command.

mod arguments;
mod completions;
mod configuring;
mod cross_validate;
mod demo;
mod evaluate;
mod evidence;
mod explain;
mod export;
mod figures;
mod model;
mod net;
mod next;
mod pictures;
mod predict;
mod report;
mod shapes;
mod train;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error::Error;
use report::Reporter;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything worked.
    Done,
    /// A batch finished, but some of its pictures failed.
    SomeFailed,
}

impl Outcome {
    /// Returns the outcome of a batch.
    pub(crate) fn after(left_out: bool) -> Self {
        if left_out { Outcome::SomeFailed } else { Outcome::Done }
    }
}

/// Train Bag-of-Words image classifiers and explain every decision on the pixels, exactly.
#[derive(Debug, Parser)]
#[command(name = "bowsight", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  bowsight demo
  bowsight train --data VOC2012 --split trainval --model voc.bowsight
  bowsight evaluate --data VOC2012 --split test --model voc.bowsight
  bowsight predict photo.jpg --model voc.bowsight
  bowsight explain photo.jpg --model voc.bowsight
  bowsight export --data VOC2012 --split test --model voc.bowsight --out maps

Exit codes: 0 done, 1 the run failed, 2 bad usage or input, 3 done but some pictures failed.")]
struct Cli {
    #[command(flatten)]
    global: arguments::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train, test and explain on textures that are included
    Demo(demo::Arguments),
    /// Learn a classifier from labelled pictures
    Train(Box<train::Arguments>),
    /// Measure a classifier on labelled pictures
    Evaluate(evaluate::Arguments),
    /// Measure how well settings work, by training and testing in folds
    CrossValidate(Box<cross_validate::Arguments>),
    /// Decide which categories pictures show
    Predict(predict::Arguments),
    /// Explain scores on the pixels of single pictures
    Explain(explain::Arguments),
    /// Explain a whole split, folder or list; can be resumed and split into shards
    Export(export::Arguments),
    /// Draw counterparts of the paper's figures
    Figures(figures::Arguments),
    /// Show and export what a model file holds
    Model(model::Arguments),
    /// Import and train neural networks, and show what they are
    Net(net::Arguments),
    /// Generate pictures of geometric shapes, with boxes and masks
    Shapes(shapes::Arguments),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual, or write one page a command
    Man(completions::Man),
}

/// Runs the program on the process's arguments and gives its exit code.
pub fn main() -> ExitCode {
    completions::answer();
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are errors to clap, but not failures; a closed pipe is none either.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(2);
        }
    };
    let reporter = Reporter::new(&cli.global);
    let timings = cli.global.timings;
    let threads = allowed_threads(cli.global.threads);
    if threads < cli.global.threads {
        reporter.note(&format!("--threads {} is too many for this machine: {threads} are used", cli.global.threads));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    let result = match pool {
        Ok(()) => run(cli, &reporter),
        Err(error) => Err(Error::usage(format!("cannot start {threads} threads: {error}"))),
    };
    if timings && result.is_ok() {
        reporter.timings();
    }
    if crate::format::lock::met_none() {
        reporter.warn("the file system has no locks; lock files (NAME.held) are used instead");
    }
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(3),
        // The reader closed the pipe; not an error.
        Err(Error::Stdout(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            reporter.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Limits the number of threads to four per processor: thousands of waiting threads would keep all processors busy.
fn allowed_threads(wanted: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    wanted.min(4 * processors)
}

fn run(cli: Cli, reporter: &Reporter) -> Result<Outcome, Error> {
    match cli.command {
        Command::Demo(arguments) => demo::run(&arguments, &cli.global, reporter),
        Command::Train(arguments) => train::run(&arguments, &cli.global, reporter),
        Command::Evaluate(arguments) => evaluate::run(&arguments, &cli.global, reporter),
        Command::CrossValidate(arguments) => cross_validate::run(&arguments, &cli.global, reporter),
        Command::Predict(arguments) => predict::run(&arguments, reporter),
        Command::Explain(arguments) => explain::run(&arguments, reporter),
        Command::Export(arguments) => export::run(&arguments, reporter),
        Command::Figures(arguments) => figures::run(&arguments, &cli.global, reporter),
        Command::Model(arguments) => model::run(&arguments, reporter),
        Command::Net(arguments) => net::run(&arguments, &cli.global, reporter),
        Command::Shapes(arguments) => shapes::run(&arguments, &cli.global, reporter),
        Command::Completions(arguments) => completions::completions(&arguments, reporter),
        Command::Man(arguments) => completions::man(&arguments, reporter),
    }
}

/// The whole command line, for completions and the manual.
fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn threads_are_limited_by_the_processors_and_zero_stays() {
        let most = super::allowed_threads(usize::MAX);
        assert!(most >= 4 && most.is_multiple_of(4));
        assert_eq!((super::allowed_threads(most - 1), super::allowed_threads(0)), (most - 1, 0));
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
