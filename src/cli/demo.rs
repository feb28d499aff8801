//! `bowsight demo`.
use clap::Args;

use super::Outcome;
use super::arguments::Global;
use super::report::Reporter;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments, _global: &Global, _reporter: &Reporter) -> Result<Outcome, Error> {
    Ok(Outcome::Done)
}
