//! `bowsight shapes`.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::arguments::Global;
use super::report::Reporter;
use crate::dataset::shapes::{ShapesOptions, generate};
use crate::error::Error;
use crate::format::number::counted;
use crate::progress::Progress;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight shapes --out shapes --pictures 200
  bowsight train --data shapes --split trainval --model shapes.bowsight

Polygons and circles of random colour, place, size and rotation among clutter, in PASCAL VOC layout with boxes and pixel masks.")]
pub(crate) struct Arguments {
    /// The folder to make; it must be empty or not exist yet
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Number of pictures
    #[arg(long, value_name = "N", default_value_t = ShapesOptions::default().pictures)]
    pictures: usize,
    /// Width of the pictures in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = ShapesOptions::default().width)]
    width: u32,
    /// Height of the pictures in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = ShapesOptions::default().height)]
    height: u32,
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let options = ShapesOptions {
        pictures: arguments.pictures,
        width: arguments.width,
        height: arguments.height,
        seed: global.seed.unwrap_or(0),
    };
    reporter.begin("drawing", arguments.pictures);
    let result = generate(&arguments.out, &options, &mut |_| reporter.step());
    reporter.end();
    let report = result?;
    reporter.text(&format!("{} → {}\n", counted(arguments.pictures, "picture"), arguments.out.display()))?;
    reporter.document(&report)?;
    Ok(Outcome::Done)
}
