//! The counterparts of the paper's figures (Bach et al. 2015), from the data at hand: one room for each half.

pub mod bow;
mod canvas;
pub mod networks;

use std::path::Path;

use crate::error::Error;
use crate::export::drawing::FilesError;
use crate::format::png::write_png;
use crate::heatmap::sheet::Sheet;

/// Writes a sheet as a PNG file.
fn write(file: &Path, sheet: &Sheet) -> Result<(), Error> {
    Ok(write_png(file, &sheet.render(), &[]).map_err(FilesError::from)?)
}
