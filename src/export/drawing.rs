//! The files of one explanation: its map, and the pictures of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::ArrayView2;

use serde::Serialize;

use crate::explanation::{Explanation, Window};
use crate::format::atomic::WriteError;
use crate::format::batch::Batch;
use crate::format::json;
use crate::format::names::{file_name, relative_path, shortened};
use crate::format::npy::{self, Dtype};
use crate::format::number::signed;
use crate::format::png;
#[cfg(feature = "draw")]
use crate::heatmap::Bar;
use crate::heatmap::{self, HeatmapError, Palette, Panel, Scale};
use crate::ledger::{Account, Note};
use crate::picture::{DecodeOptions, Picture, PictureError, Rectangle, tiles};

crate::closed_set! {
    /// The size of maps and drawings, where a model shrinks pictures before it sees them.
    pub enum MapSize as "map size" {
        /// That of the picture's file: a pixel's relevance is spread evenly over the pixels that it was made of.
        Picture = "picture",
        /// That in which the model sees the picture.
        Model = "model",
    }
}

/// How maps become files.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The pictures to draw of each map.
    pub panels: Vec<Panel>,
    /// Their colours.
    pub palette: Palette,
    /// What the ends of the colour scale stand for.
    pub scale: Scale,
    /// The numbers' type in the map's file.
    pub dtype: Dtype,
    /// Whether there are windows, to be written and drawn as well.
    pub windows: bool,
    /// Whether drawings leave out the spread bias. A map that is drawn from its file keeps it.
    pub bias_apart: bool,
    /// The size of maps and drawings of pictures that were shrunk.
    pub size: MapSize,
    /// Whether drawings come without colour bar and caption; as they do without the feature `draw`, and bare heatmaps always.
    pub plain: bool,
}

/// What drawings show, for their captions.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    picture: String,
    score: String,
}

impl Subject {
    /// The explanation of the `score` of a category, or of the difference of two.
    pub fn new(picture: &str, category: &str, against: Option<&str>, score: f64) -> Self {
        let against = against.map_or_else(String::new, |other| format!(" − {other}"));
        Self { picture: picture.to_string(), score: format!("{category}{against} {}", signed(score)) }
    }
}

/// A map as it is drawn.
#[cfg_attr(not(feature = "draw"), expect(dead_code, reason = "without a font there are no captions"))]
struct Drawn<'a> {
    map: ArrayView2<'a, f64>,
    scale: f64,
    /// What the values of the map are.
    unit: &'static str,
    /// What the caption says of it.
    remark: Option<String>,
}

/// A window of a tiled explanation, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowAccount {
    /// Left end, upper end, right end, lower end, half-open.
    pub rectangle: [u32; 4],
    /// f of the window.
    pub score: f64,
    /// Σ of its map.
    pub sum_relevance: f64,
    /// Conservation error: what the ledger can't account for.
    pub conservation_error: f64,
}

impl From<&Window> for WindowAccount {
    fn from(window: &Window) -> Self {
        let r = window.rectangle;
        Self {
            rectangle: [r.x0, r.y0, r.x1, r.y1],
            score: window.ledger.score,
            sum_relevance: window.ledger.sum_relevance,
            conservation_error: window.ledger.error,
        }
    }
}

/// Why an explanation's files could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Heatmap(#[from] HeatmapError),
}

impl FilesError {
    /// Whether the run failed, as opposed to what it was given.
    pub fn is_failure(&self) -> bool {
        match self {
            FilesError::Write(error) => error.is_failure(),
            FilesError::Heatmap(_) => true,
        }
    }
}

/// Files by kind, relative to the output folder.
pub type Files = BTreeMap<String, String>;

/// Maximum length of a name before its extensions, in bytes. The longest extension, that of a window's trace, still fits into the 255
/// bytes that file systems allow.
const LONGEST_BASE: usize = 220;

/// The common beginning of an explanation's file names, relative to the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// The beginning for a picture's `name` (an id, with `/` between folders) and a category, or the difference of two.
    pub fn new(name: &str, category: &str, against: Option<&str>) -> Self {
        let against = against.map_or_else(String::new, |other| format!("-{}", file_name(other, false)));
        let path = relative_path(name);
        let (folders, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folders, name)| (folders, name));
        let rest = format!(".{}{against}", file_name(category, false));
        // The picture's name gives way first, so that the category stays readable.
        let name = shortened(name, LONGEST_BASE.saturating_sub(rest.len()).max(LONGEST_BASE / 4));
        let name = shortened(&format!("{name}{rest}"), LONGEST_BASE);
        Self(if folders.is_empty() { name } else { format!("{folders}/{name}") })
    }

    /// The base of a map's file.
    pub fn of_map(map: &str) -> Self {
        Self(map.strip_suffix(".npy").unwrap_or(map).to_string())
    }

    /// The file of this kind, relative to the output folder.
    pub fn file(&self, ending: &str) -> String {
        format!("{}.{ending}", self.0)
    }
}

/// What was written for an explanation.
#[derive(Debug)]
pub struct Written {
    /// The files by kind.
    pub files: Files,
    /// The map's largest magnitude.
    pub largest: f64,
    /// The relevance that the last colour stands for; none if the whole set decides it, and nothing is drawn yet.
    pub scale: Option<f64>,
    /// Size of the map's file in bytes.
    pub bytes: u64,
    /// The files that were written, not yet synced.
    pub batch: Batch,
}

impl Drawing {
    /// The picture as it is drawn on, if it is not the one that the model sees: read from its file in its own size.
    ///
    /// # Errors
    /// Those of [`Picture::open`].
    pub fn original(
        &self,
        seen: &Picture,
        file: &Path,
        reading: &DecodeOptions,
    ) -> Result<Option<Picture>, PictureError> {
        let differs = self.size == MapSize::Picture && seen.shrunk_from().is_some();
        differs.then(|| Picture::open(file, &self.reading(reading))).transpose()
    }

    /// How pictures are read to be drawn on.
    pub fn reading(&self, of_model: &DecodeOptions) -> DecodeOptions {
        match self.size {
            MapSize::Picture => DecodeOptions { max_side: 0, ..of_model.clone() },
            MapSize::Model => of_model.clone(),
        }
    }

    /// Writes an explanation: its map, its windows if there are any, and the drawings, unless the whole set decides their scale.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn write(
        &self,
        out: &Path,
        base: &Base,
        picture: &Picture,
        explanation: &Explanation,
        subject: &Subject,
    ) -> Result<Written, FilesError> {
        let map = explanation.relevance.view();
        let largest = heatmap::largest_magnitude(map);
        let bias = explanation.spread_bias.as_ref().filter(|_| self.bias_apart);
        let without_bias = bias.map(|bias| &explanation.relevance - bias);
        let shown = without_bias.as_ref().map_or(map, |map| map.view());
        let mut batch = Batch::default();
        let file = path(out, &base.file("npy"));
        batch.write(&file, |out| match &explanation.array {
            Some(array) => npy::encode(array.view(), self.dtype, out),
            None => npy::encode(map, self.dtype, out),
        })?;
        let bytes = std::fs::metadata(&file).map_err(WriteError::io(&file))?.len();
        batch.append(self.write_windows(out, base, picture, &explanation.windows, subject)?);
        let scale = self.scale.of(shown);
        if let Some(scale) = scale {
            let remark = remark(explanation, without_bias.is_some());
            batch.append(self.draw(
                out,
                base,
                picture,
                &Drawn { map: shown, scale, unit: A_PIXEL, remark },
                subject,
            )?);
        }
        Ok(Written { files: self.files(base), largest, scale, bytes, batch })
    }

    /// Draws a stored map at the scale of the set.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn redraw(
        &self,
        out: &Path,
        base: &Base,
        picture: &Picture,
        scale: f64,
        subject: &Subject,
    ) -> Result<Batch, FilesError> {
        let file = path(out, &base.file("npy"));
        let map = npy::read(&file).map_err(|error| WriteError::io(&file)(std::io::Error::other(error.reason)))?;
        let drawn = Drawn { map: map.view(), scale, unit: A_PIXEL, remark: Some("one scale for all".to_string()) };
        self.draw(out, base, picture, &drawn, subject)
    }

    /// The drawing with its colour bar and its caption, unless it is to be plain.
    #[cfg(feature = "draw")]
    fn framed(&self, panel: Panel, image: RgbImage, drawn: &Drawn<'_>, subject: &Subject) -> RgbImage {
        if self.plain || panel == Panel::Heatmap {
            return image;
        }
        let bar = Bar { palette: self.palette, scale: drawn.scale, unit: drawn.unit };
        let binarised = (panel == Panel::Binarised).then(|| "in colours: the pixels for it".to_string());
        let caption = [subject.picture.clone(), subject.score.clone()].into_iter();
        let caption: Vec<String> = caption.chain(binarised).chain(drawn.remark.clone()).collect();
        heatmap::framed(&image, (panel != Panel::Binarised).then_some(&bar), &caption)
    }

    #[cfg(not(feature = "draw"))]
    fn framed(&self, _: Panel, image: RgbImage, _: &Drawn<'_>, _: &Subject) -> RgbImage {
        image
    }

    /// The files that an explanation has when all is drawn.
    fn files(&self, base: &Base) -> Files {
        let map = ("relevance".to_string(), base.file("npy"));
        let panels = self.panels.iter().map(|panel| (panel.name().to_string(), base.file(&format!("{panel}.png"))));
        let windows = self.windows.then(|| ("windows".to_string(), base.file("windows.json")));
        let coarse = (self.windows && !self.panels.is_empty())
            .then(|| ("windows-heatmap".to_string(), base.file("windows.png")));
        std::iter::once(map).chain(panels).chain(windows).chain(coarse).collect()
    }

    /// Writes the windows of a tiled explanation, and draws their scores as a coarse map; nothing without windows.
    fn write_windows(
        &self,
        out: &Path,
        base: &Base,
        picture: &Picture,
        windows: &[Window],
        subject: &Subject,
    ) -> Result<Batch, FilesError> {
        let mut batch = Batch::default();
        if windows.is_empty() {
            return Ok(batch);
        }
        let accounts: Vec<WindowAccount> = windows.iter().map(WindowAccount::from).collect();
        batch.write(&path(out, &base.file("windows.json")), |out| out.write_all(json::text(&accounts).as_bytes()))?;
        if !self.panels.is_empty() {
            let scores: Vec<(Rectangle, f64)> =
                windows.iter().map(|window| (window.rectangle, window.ledger.score)).collect();
            let map = tiles::coarse(picture.width(), picture.height(), &scores);
            let scale = heatmap::largest_magnitude(map.view());
            let image = heatmap::render(Panel::Overlay, picture, map.view(), scale, self.palette)?;
            let remark = format!("the scores of {} windows", windows.len());
            let drawn = Drawn { map: map.view(), scale, unit: "score of a window", remark: Some(remark) };
            let image = self.framed(Panel::Overlay, image, &drawn, subject);
            let notes = [("bowsight:scale", format!("{scale} (windows' scores)"))];
            batch.write(&path(out, &base.file("windows.png")), |out| png::encode(&image, &notes, out))?;
        }
        Ok(batch)
    }

    /// Draws a map.
    fn draw(
        &self,
        out: &Path,
        base: &Base,
        picture: &Picture,
        drawn: &Drawn<'_>,
        subject: &Subject,
    ) -> Result<Batch, FilesError> {
        let scale = drawn.scale;
        let mut batch = Batch::default();
        let notes =
            [("bowsight:scale", format!("{scale} ({})", self.scale)), ("bowsight:palette", self.palette.to_string())];
        for &panel in &self.panels {
            let image = heatmap::render(panel, picture, drawn.map, scale, self.palette)?;
            let image = self.framed(panel, image, drawn, subject);
            let file = path(out, &base.file(&format!("{panel}.png")));
            batch.write(&file, |out| png::encode(&image, &notes, out))?;
        }
        Ok(batch)
    }
}

/// The unit of a map's values.
const A_PIXEL: &str = "a pixel";

/// What a caption says of an explanation's map.
fn remark(explanation: &Explanation, bias_apart: bool) -> Option<String> {
    let (ledger, windows) = (&explanation.ledger, explanation.windows.len());
    let windows = (windows > 1).then(|| format!("mean of {windows} windows"));
    let (spread, sunk) = (ledger.noted(Note::SpreadBias), ledger.kept(Account::BiasSink));
    let bias = match (bias_apart, spread + sunk) {
        (true, 0.0) if windows.is_some() => Some("without the bias".to_string()),
        (_, 0.0) => None,
        (apart, bias) if apart || sunk != 0.0 => Some(format!("without the bias {}", signed(bias))),
        (_, bias) => Some(format!("with the bias {}, spread evenly", signed(bias))),
    };
    let remarks: Vec<String> = windows.into_iter().chain(bias).collect();
    (!remarks.is_empty()).then(|| remarks.join(", "))
}

/// The file at a relative path with `/`, in the output folder.
pub fn path(out: &Path, relative: &str) -> PathBuf {
    relative.split('/').fold(out.to_path_buf(), |path, part| path.join(part))
}

/// Finds two pictures whose files would have the same names.
///
/// # Errors
/// [`SameName`].
pub fn require_different_names<'a>(pictures: impl Iterator<Item = (&'a str, String)>) -> Result<(), SameName> {
    let mut seen = std::collections::HashMap::new();
    for (id, path) in pictures {
        let name = relative_path(id);
        if let Some(first) = seen.insert(name.clone(), path.clone()) {
            return Err(SameName { first, second: path, name });
        }
    }
    Ok(())
}

/// Two pictures would have the same files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pictures \"{first}\" and \"{second}\" would both be written as \"{name}\"")]
pub struct SameName {
    /// One path.
    pub first: String,
    /// The other path.
    pub second: String,
    /// The name of both.
    pub name: String,
}

/// Whether all of `files` that belong to the first pass exist and seem whole without reading them: the map has the `bytes` that were
/// written, and nothing is empty.
pub(super) fn are_there(out: &Path, files: &Files, bytes: Option<u64>, scale: Scale) -> bool {
    files
        .iter()
        .filter(|(kind, _)| scale != Scale::Set || *kind == "relevance" || kind.starts_with("windows"))
        .all(|(kind, file)| is_whole(out, file, bytes.filter(|_| kind == "relevance")))
}

/// Whether the file exists with its `bytes`, or with any if these are not known.
pub(super) fn is_whole(out: &Path, file: &str, bytes: Option<u64>) -> bool {
    std::fs::metadata(path(out, file))
        .is_ok_and(|found| found.is_file() && bytes.map_or(found.len() > 0, |bytes| found.len() == bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_unless_they_are_too_long_and_then_differ_as_the_pictures_do() {
        let base = |name: &str, category: &str| Base::new(name, category, None).file("npy");
        assert_eq!(base("a/b.c", "tv/monitor"), "a/b.c.tv%2Fmonitor.npy");
        let long = "鳥".repeat(80);
        let (one, other) = (base(&format!("{long}1"), "cat"), base(&format!("{long}2"), "cat"));
        assert_ne!(one, other);
        assert_eq!(one, base(&format!("{long}1"), "cat"));
        for name in [&one, &other, &base(&long, &long), &Base::new(&long, &long, Some(&long)).file("npy")] {
            assert!(name.len() <= LONGEST_BASE + ".npy".len(), "{name}");
        }
        assert!(one.ends_with(".cat.npy") && base(&format!("folder/{long}"), "cat").starts_with("folder/鳥"));
    }
}
