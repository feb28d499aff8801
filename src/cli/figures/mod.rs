//! `bowsight figures`: one file for each half of the paper.

mod bow;
mod networks;

use clap::{Args, Subcommand};

use super::Outcome;
use super::arguments::Global;
use super::report::Reporter;
use crate::error::Error;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  bowsight figures bow --data VOC2012 --out figures
  bowsight figures mnist --data MNIST --out figures
  bowsight figures ilsvrc --model squeezenet.bowsight --out figures cat.jpg rocket.jpg")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Part,
}

/// The parts of the paper.
#[derive(Debug, Subcommand)]
enum Part {
    /// Figs 1, 3, 4, 6, 7–10: Bag-of-Words classifiers
    Bow(bow::Bow),
    /// Figs 2, 5, 14: small networks and activation functions, drawn
    Networks(networks::Own),
    /// Figs 11–13, 15–17: networks on digits
    Mnist(networks::Digits),
    /// Figs 25–27: a network on photographs
    Ilsvrc(networks::Photographs),
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    match &arguments.part {
        Part::Bow(bow) => bow::run(bow, global, reporter),
        Part::Networks(own) => networks::run(own.request(), global, reporter),
        Part::Mnist(digits) => networks::run(digits.request(), global, reporter),
        Part::Ilsvrc(photographs) => networks::run(photographs.request(), global, reporter),
    }
}
