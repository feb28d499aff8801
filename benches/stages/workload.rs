//! The stages that are timed, as functions of plain data: the benches feed them generated data, the example `stages` feeds them files.

use std::error::Error;
use std::path::Path;

use bowsight::bow::channel::Encoder;
use bowsight::bow::config::{ChannelConfig, Configuration, DescriptorConfig, PoolingConfig, VocabularyConfig};
use bowsight::bow::features::dense_sift::Window;
use bowsight::bow::features::{ZeroRule, family};
use bowsight::bow::score::gram::{gram, sums, width};
use bowsight::bow::score::kernel::KernelKind;
use bowsight::bow::score::svm::{self, Problem, Solution};
use bowsight::bow::score::{Classifier, KernelChannel, KernelMachine};
use bowsight::bow::words::coding::Coding;
use bowsight::bow::words::mapping::mapping;
use bowsight::bow::words::nearest::NearestWords;
use bowsight::bow::words::vocabulary::{KMeans, Vocabulary, VocabularyError};
use bowsight::bow::{BagOfWords, FittedChannel, TrainingRecord};
use bowsight::picture::PictureError;
use bowsight::{Keep, Model, Picture, Query};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Plain descriptors, as the tools that bowsight is compared with make them: no RootSIFT, features without contrast kept as zeros.
fn plain(window: Window) -> DescriptorConfig {
    DescriptorConfig { window, rootsift: false, zero: ZeroRule::Keep, ..DescriptorConfig::default() }
}

/// The picture in `bytes`, of which no message will have to tell the name.
pub fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
    Picture::decode(bytes, Path::new("picture"), &Default::default())
}

/// All plain descriptors of a picture, stored in `descriptors`.
pub fn describe(picture: &Picture, window: Window, descriptors: &mut Vec<f32>) {
    let family = family(&plain(window));
    let grid = family.grid(picture.width(), picture.height());
    descriptors.clear();
    descriptors.reserve(grid.len() * family.width());
    family.extract(picture, &grid, &mut |strip| {
        descriptors.extend_from_slice(strip.descriptors.as_slice().expect("strips are stored row by row"));
    });
}

/// The `k` nearest words of every row (rows × k), blocks of rows in parallel.
pub fn nearest_words(words: &NearestWords, rows: ArrayView2<'_, f32>, k: usize, found: &mut [u32]) {
    const BLOCK: usize = 2048;
    found.par_chunks_mut(BLOCK * k).enumerate().for_each(|(block, found)| {
        let first = block * BLOCK;
        let rows = rows.slice(s![first..first + found.len() / k, ..]);
        words.search(rows, k, |row, nearest, _| found[row * k..(row + 1) * k].copy_from_slice(nearest));
    });
}

/// At most `passes` passes of k-means from a random start.
pub fn learn_words(rows: ArrayView2<'_, f32>, words: usize, passes: usize) -> Result<Vocabulary, VocabularyError> {
    KMeans::new(words, 0).max_iter(passes).fit(rows)
}

/// The Gram matrix of histograms, with the mean distance as width where the kernel has one.
pub fn gram_matrix(kind: KernelKind, histograms: ArrayView2<'_, f32>) -> Array2<f32> {
    let sums = sums(kind.with_width(1.0).terms(), histograms);
    if !kind.has_width() {
        return sums;
    }
    let rows: Vec<usize> = (0..histograms.nrows()).collect();
    gram(kind.with_width(width(sums.view(), &rows)), sums.view()).into_owned()
}

/// One machine for each row of `labels` (categories × pictures, ±1), in parallel.
pub fn solve(gram: ArrayView2<'_, f32>, labels: ArrayView2<'_, f64>, c: f64) -> Vec<Solution> {
    let bounds = vec![c; gram.nrows()];
    let one = |category: usize| {
        let labels = labels.row(category).to_vec();
        svm::solve(&Problem { gram: gram.view(), labels: &labels, bounds: &bounds, tolerance: 1e-3, start: None })
    };
    (0..labels.nrows()).into_par_iter().map(one).collect()
}

/// A classifier with hard mapping to `words`, over the whole pyramid where the `histograms` of the support pictures are so long, and with the dual coefficients
/// `dual` (categories × support pictures).
///
/// # Panics
/// Where the histograms' length fits neither one cell nor the pyramid.
pub fn classifier(words: Array2<f32>, histograms: Array2<f32>, dual: Array2<f64>) -> BagOfWords {
    let (count, dimensions) = (words.nrows(), histograms.ncols());
    let cells = if dimensions == count { "1x1" } else { "1x1+2x2+3x1" };
    let config = ChannelConfig {
        descriptor: plain(Window::Flat),
        vocabulary: VocabularyConfig { words: count, ..VocabularyConfig::default() },
        pooling: PoolingConfig { cells: cells.parse().expect("a layout"), ..PoolingConfig::default() },
        power: 1.0,
        ..ChannelConfig::default()
    };
    assert_eq!(config.dimensions(), dimensions, "{count} words in the cells {cells}");
    let settings = Configuration { channel: vec![config.clone()], ..Configuration::default() };
    let mapping = mapping(&config.mapping).expect("hard mapping weighs words");
    let coding = Coding::Words { nearest: NearestWords::new(words), variance: 1.0, mapping };
    let encoder = Encoder::new(config, coding);
    let (categories, pictures) = dual.dim();
    let names = (0..categories).map(|category| format!("category {category}")).collect();
    let kernel = KernelKind::Hik.with_width(1.0);
    let machine = KernelMachine {
        channels: vec![KernelChannel::new(kernel, histograms, 1.0, 1.0)],
        bias: vec![0.0; categories],
        train_scores: Array2::zeros((categories, pictures)),
        labels: Array2::ones((categories, pictures)),
        dual,
    };
    let settings = settings.check().expect("the settings are sound");
    let channel = FittedChannel { encoder, examples: None };
    BagOfWords::new(settings, TrainingRecord::new(names, 0), vec![channel], Classifier::Kernel(machine))
}

/// The scores of every row of `histograms` in all categories.
pub fn scores(model: &BagOfWords, histograms: ArrayView2<'_, f32>) -> Vec<Vec<f64>> {
    let pictures = histograms.rows().into_iter().map(|row| vec![row.to_slice().expect("row by row")]);
    model.classifier.scores_of_many(&pictures.collect::<Vec<_>>())
}

/// The whole way forward from a picture's file to its scores.
///
/// # Errors
/// Where the file is no picture or the picture too small.
pub fn predict(model: &BagOfWords, bytes: &[u8]) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
    Ok(model.forward(&decode(bytes)?, Keep::Nothing)?.scores().to_vec())
}

/// The same and the way back of one score: the scores, and every pixel's share in the first.
///
/// # Errors
/// Those of [`predict`], and where the explanation does not conserve the score.
pub fn explain(model: &BagOfWords, bytes: &[u8]) -> Result<(Vec<f64>, Array2<f64>), Box<dyn Error + Send + Sync>> {
    let picture = decode(bytes)?;
    let seen = model.forward(&picture, Keep::Nothing)?;
    let explanation = seen.explain(&Query::new(0))?;
    Ok((seen.scores().to_vec(), explanation.relevance))
}
