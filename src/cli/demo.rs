//! `bowsight demo`: the whole way on three textures that come with the program.

use std::path::{Path, PathBuf};

use clap::Args;
use image::{RgbImage, imageops};
use ndarray::Array2;
use rand::RngExt;
use serde::Serialize;

use super::Outcome;
use super::arguments::Global;
use super::report::{Reporter, table};
use crate::bow::config::Settings;
use crate::bow::model_file;
use crate::bow::train::{TrainingData, train};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::evaluate;
use crate::evaluate::localisation::positive_share;
use crate::explanation::Query;
use crate::export::drawing::{Base, Drawing, FilesError, MapSize, Subject};
use crate::format::batch::Batch;
use crate::format::npy::Dtype;
use crate::format::path_text::to_text;
use crate::format::png::{self, write_png};
use crate::heatmap::Panel;
use crate::model::{Keep, Model};
use crate::numeric::random::stream;
use crate::picture::Rectangle;
use crate::picture::{DecodeOptions, Picture};
use crate::settings::Draft;

/// The textures (CC0, see data/README.md), 512×512 each.
const TEXTURES: [(&str, &[u8]); 3] = [
    ("brick", include_bytes!("../../data/brick.png")),
    ("grass", include_bytes!("../../data/grass.png")),
    ("gravel", include_bytes!("../../data/gravel.png")),
];
/// Half of a texture's side.
const HALF: usize = 256;
/// Side of the tiles, as the windows of B15's Fig 6.
const TILE: usize = 102;
/// Distance of neighbouring tiles.
const STEP: usize = 51;
/// Size of each texture's strip in the mosaic.
const STRIP: (usize, usize) = (160, 360);

#[derive(Debug, Args)]
#[command(after_help = "Example:
  bowsight demo --out demo-output

Trains on tiles of the left halves of brick, grass and gravel, tests on tiles of the right halves, and explains a mosaic \
    of three strips of the right halves: how much of each category's positive relevance lies in its own strip?")]
pub(crate) struct Arguments {
    /// The folder for everything that the demo makes
    #[arg(long, value_name = "DIR", default_value = "demo-output", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
}

/// What the demo found for one category.
#[derive(Debug, Serialize)]
struct Finding {
    category: String,
    average_precision: Option<f64>,
    score: f64,
    share: f64,
    random: f64,
    uniform: f64,
}

pub(crate) fn run(arguments: &Arguments, global: &Global, reporter: &Reporter) -> Result<Outcome, Error> {
    let out = &arguments.out;
    let settings = settings(global.seed)?;
    let textures = textures()?;
    let tiles = out.join("tiles");
    write_tiles(&tiles, &textures)?;
    let (mosaic, strips) = mosaic(&textures)?;
    write_png(&out.join("mosaic.png"), &mosaic.rgb8(), &[]).map_err(FilesError::from)?;

    let split = |name: &str| Dataset::open(&tiles, Some(name), None);
    let data = TrainingData::new(split("train")?, None);
    reporter.note(&format!("training on {} tiles of the textures' left halves", data.split.pictures.len()));
    let (model, _) = train(&settings, &data, reporter)?;
    model_file::save(&model, &out.join("textures.bowsight"))?;
    let test = split("test")?.align_categories(model.categories()).dataset;
    let scores = evaluate::scores(&model, &test, reporter);
    let precisions = evaluate::precisions(&test, &scores);

    let drawing = Drawing {
        panels: vec![Panel::Heatmap, Panel::Overlay, Panel::Triplet],
        palette: settings.explain.palette,
        scale: settings.explain.scale,
        dtype: Dtype::F32,
        windows: false,
        bias_apart: true,
        plain: false,
        size: MapSize::Picture,
    };
    let explain = |source| Error::Explain { path: out.join("mosaic.png"), source };
    let seen = model.forward(&mosaic, Keep::Nothing).map_err(explain)?;
    let mut random = stream(settings.seed, "demo");
    let mut findings = Vec::new();
    for (category, (name, strip)) in model.categories().iter().zip(&strips).enumerate() {
        let explanation = seen.explain(&Query { bias_apart: true, ..Query::new(category) }).map_err(explain)?;
        let subject = Subject::new("mosaic.png", name, None, explanation.score);
        let written = drawing.write(out, &Base::new("mosaic", name, None), &mosaic, &explanation, &subject)?;
        written.batch.sync()?;
        let map = explanation.relevance.view();
        let noise = Array2::from_shape_fn(map.dim(), |_| random.random::<f64>() - 0.5);
        let in_strip = |x, y| strip.has_pixel(x, y);
        findings.push(Finding {
            category: name.clone(),
            average_precision: precisions[category].map(|ap| ap.voc2010),
            score: explanation.score,
            share: positive_share(map, in_strip),
            random: positive_share(noise.view(), in_strip),
            uniform: strip.area() as f64 / map.len() as f64,
        });
    }
    print(reporter, &findings, out)
}

fn settings(seed: Option<u64>) -> Result<Settings, Error> {
    let mut draft = Draft::default();
    draft.set("channel.vocabulary.words", 100);
    draft.set("channel.vocabulary.sample", 50_000);
    draft.set("channel.mapping.kind", "hard");
    draft.set("channel.kernel.kind", "hik");
    draft.set("channel.pooling.cells", "1x1");
    draft.set("svm.c", 10.0);
    if let Some(seed) = seed.and_then(|seed| i64::try_from(seed).ok()) {
        draft.set("seed", seed);
    }
    Ok(draft.resolve()?)
}

fn textures() -> Result<Vec<(&'static str, Picture)>, Error> {
    TEXTURES
        .iter()
        .map(|(name, bytes)| {
            let path = format!("data/{name}.png");
            Ok((*name, Picture::decode(bytes, Path::new(&path), &DecodeOptions::default())?))
        })
        .collect()
}

/// `tiles/train/<texture>/*.png` from the left halves, `tiles/test/…` from the right ones.
fn write_tiles(folder: &Path, textures: &[(&str, Picture)]) -> Result<(), Error> {
    let mut files = Batch::default();
    for (name, texture) in textures {
        for (split, left) in [("train", 0), ("test", HALF)] {
            let steps = |length: usize| (0..=(length - TILE) / STEP).map(|i| i * STEP);
            for y in steps(texture.height()) {
                for x in steps(HALF) {
                    let tile = texture.crop(left + x, y, TILE, TILE)?;
                    let path = folder.join(split).join(name).join(format!("x{x:03}y{y:03}.png"));
                    files.write(&path, |out| png::encode(&tile.rgb8(), &[], out))?;
                }
            }
        }
    }
    Ok(files.sync()?)
}

/// The mosaic, and each category's strip in the order of the textures (which is the categories': both are sorted by name).
fn mosaic(textures: &[(&str, Picture)]) -> Result<(Picture, Vec<Rectangle>), Error> {
    let (width, height) = STRIP;
    let mut image = RgbImage::new((textures.len() * width) as u32, height as u32);
    let mut strips = Vec::new();
    for (at, (_, texture)) in textures.iter().enumerate() {
        let part = texture.crop(HALF + (HALF - width) / 2, (texture.height() - height) / 2, width, height)?;
        imageops::replace(&mut image, &part.rgb8(), (at * width) as i64, 0);
        strips.push(Rectangle { x0: (at * width) as u32, y0: 0, x1: ((at + 1) * width) as u32, y1: height as u32 });
    }
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok((Picture::from_rgb8(width, height, image.into_raw())?, strips))
}

fn print(reporter: &Reporter, findings: &[Finding], out: &Path) -> Result<Outcome, Error> {
    let mut rows = vec![
        [
            "category",
            "AP on test tiles (%)",
            "score of the mosaic",
            "positive relevance in its own strip",
            "random map",
            "uniform map",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for finding in findings {
        rows.push(vec![
            finding.category.clone(),
            finding.average_precision.map_or_else(|| "–".to_string(), |ap| format!("{:.1}", 100.0 * ap)),
            format!("{:+.3}", finding.score),
            format!("{:.2}", finding.share),
            format!("{:.2}", finding.random),
            format!("{:.2}", finding.uniform),
        ]);
    }
    reporter.text(&table(&rows))?;
    reporter.text(&format!("the maps: {}\n", out.join("mosaic.*.png").display()))?;
    reporter.document(&serde_json::json!({ "out": to_text(out), "categories": findings }))?;
    Ok(Outcome::Done)
}
