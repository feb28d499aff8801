//! Image classifiers whose every decision can be read off the pixels, exactly.
//!
//! A picture is carried forward to a score. The score is carried back through the same layers until each pixel holds its share. The
//! shares add up to the score, and a [`Ledger`] accounts for the rest to nine digits. The method is layer-wise relevance propagation:
//! Bach, Binder, Montavon, Klauschen, Müller, Samek, *On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise
//! Relevance Propagation*, PLOS ONE 10(7), 2015 (cited as B15).
//!
//! # Use
//!
//! Open a model, open a picture the way the model reads pictures, and ask for an explanation:
//!
//! ```
//! # if !std::path::Path::new("models/voc2012.bowsight").exists() { return Ok(()); } // the package leaves it out
//! use bowsight::{Keep, Model, Picture, Query};
//!
//! let model = bowsight::open("models/voc2012.bowsight")?;
//! let picture = Picture::open("data/chelsea.png", model.reading())?;
//! let cat = model.category("cat")?;
//!
//! let seen = model.forward(&picture, Keep::Nothing)?;
//! let explanation = seen.explain(&Query::new(cat))?;
//!
//! assert_eq!(explanation.relevance.dim(), (300, 451));
//! assert!((explanation.relevance.sum() - seen.scores()[cat]).abs() < 1e-9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One forward pass serves any number of explanations. Models are immutable: [`AnyModel::explainer`] explains by another method.
//! [`bow::train::train`] trains a model, [`evaluate`] measures it, and [`export`] explains pictures by the batch.
//!
//! # The picture of both ways
//!
//! ```text
//!             bow::features           bow::words                    bow::score
//!             descriptors on a grid   nearest words, mapping,       kernel with the support
//!                                     pooling in cells, L1          pictures, dual coefficients
//!
//!  pixels ──────────────────▶ local features ────────────────▶ histogram ────────────────▶ score f
//!  (layer 1)                  (layer 2)                         (layer 3)
//!
//!  R1 per pixel ◀──────────── R2 per feature ◀──────────────── R3 per dimension ◀───────── f
//!             each feature's          each dimension's share        the kernel is a sum over
//!             share, evenly on        by what the features          dimensions, and so is f, or
//!             its support             put into it                   a product: Shapley values
//!             features::support       words::pooling                score::{exact, shapley, taylor}
//!
//!                    what a step does not pass on is Kept, and booked in the ledger:
//!                    f = Σ R1 + bias_sink + taylor_residual + no_features + error
//! ```
//!
//! Neural networks ([`nn`]) take the same two ways, layer by layer:
//!
//! ```text
//!  pixels ───▶ input ───▶ layer ───▶ … ───▶ layer ───▶ logits f
//!           preparation   nn::layers: both directions of a kind in one file
//!
//!  R per pixel ◀────────── R ◀────── … ◀────── R ◀──── f
//!                          nn::rules: how a linear layer shares R_j among its inputs; other layers say it themselves
//!
//!                    f = Σ R + bias_sink + stabiliser + undefined + error, and the same for every layer
//! ```
//!
//! # The rooms
//!
//! | room | what it holds |
//! | --- | --- |
//! | `cli`, `figures`, `error` | the program, the paper's figures from the data at hand, errors as a user reads them |
//! | [`AnyModel`] | a model of any family, from a file that says which one it is |
//! | [`bow`] | the Bag-of-Words family: `features`, `words` and `score`, each with both directions; training; model and trace files |
//! | [`nn`] | the family of neural networks: `layers`, `rules`, `composite`s; training; ONNX files; their own file |
//! | — the seam — | nothing below knows which families of models there are |
//! | [`export`] | explanations by the batch: resumable, divisible, always the same bytes |
//! | [`evaluate`] | average precision, ROC AUC, accuracy, over folds too |
//! | [`model`] | what any family offers: scores, explanations, evidence |
//! | [`explanation`], [`ledger`] | the query, the explanation, and the account of every part of the score |
//! | [`heatmap`] | maps as pictures; contact sheets |
//! | [`dataset`] | VOC folders, category folders, CSV lists, idx files (MNIST), generated shapes |
//! | [`picture`] | decoding with limits, orientation, planes, tiles |
//! | [`progress`], [`timings`] | progress of long work, and the times of its stages |
//! | `format`, `numeric`, `settings`, `causes` | files whole or not at all; sums and random streams in a fixed order; closed sets and drafts; errors as text |
//!
//! # Features
//!
//! - `cli` (default): the program `bowsight`. Needs `draw`.
//! - `draw` (default, by way of `cli`): edges and captions in drawings, contact sheets, generated shapes.
//! - `onnx` (default): networks from ONNX files.
//! - `linfa` (default): k-means of the crate linfa as a second engine for vocabularies (`engine = "linfa"`).
//!
//! `default-features = false` leaves the library: training, scores, explanations, maps.

mod any;
pub mod bow;
#[doc(hidden)]
pub mod causes;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod dataset;
#[cfg(feature = "cli")]
mod error;
pub mod evaluate;
pub mod explanation;
pub mod export;
#[cfg(feature = "cli")]
mod figures;
#[doc(hidden)]
pub mod format;
pub mod heatmap;
pub mod ledger;
pub mod model;
pub mod nn;
#[doc(hidden)]
pub mod numeric;
pub mod picture;
pub mod progress;
#[doc(hidden)]
pub mod settings;
#[cfg(test)]
mod shared_data;
pub mod timings;

pub use any::{AnyModel, Baseline, Method, MethodError, OpenError, OpenFailure, References, RootPoint};
pub use bow::BagOfWords;
pub use dataset::Dataset;
pub use explanation::{Explanation, Query, Selection, Target};
pub use ledger::Ledger;
pub use model::{Keep, Model, Seen};
pub use picture::Picture;
use settings::closed_set::closed_set;

/// Opens a model file of any family.
///
/// # Errors
/// [`OpenError`] for anything that is not a whole, consistent model.
pub fn open(path: impl AsRef<std::path::Path>) -> Result<AnyModel, OpenError> {
    AnyModel::open(path)
}
