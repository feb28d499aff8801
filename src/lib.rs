//! Bag-of-Words image classifiers whose every decision can be read off the pixels.
//!
//! A picture is carried forward to a score, and the score back through the same rooms until each pixel holds its share; the
//! shares add up to the score, and a [`ledger`] accounts for the rest to nine digits. The method is Bach, Binder, Montavon, Klauschen,
//! Müller, Samek: *On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation*, PLOS ONE 10(7), 2015
//! (cited as B15).
//!
//! # The picture of both ways
//!
//! ```text
//!             bow::features           bow::words                    bow::score
//!             descriptors on a grid   nearest words, mapping,       kernel with the support
//!                                     pooling in cells, L1          pictures, dual coefficients
//!
//!  Picture ─────────────────▶ local features ────────────────▶ histogram ────────────────▶ score f
//!  (layer 0)                  (layer 2)                         (layer 3)
//!
//!  R1 a pixel ◀────────────── R2 a feature ◀───────────────── R3 a dimension ◀──────────── f
//!             each feature's          each dimension's share        the kernel is a sum over
//!             share, evenly on        by what the features          dimensions, and so is f, or
//!             its support             put into it                   a product: Shapley values
//!             features::support       words::pooling                score::{exact, shapley, taylor}
//!
//!                    what a step does not pass on is Kept, and booked in the ledger:
//!                    f = Σ R1 + bias_sink + taylor_residual + no_features + error
//! ```
//!
//! # The rooms
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`picture`] | layer 0: decoding with limits, orientation, planes; tiles: cut windows, average their maps |
//! | [`bow`] | the Bag-of-Words family: `features`, `words`, `score`, each with both directions; `evidence`: training pictures and words that speak; training; model and trace files |
//! | — the seam — | nothing below knows which family of models there is |
//! | [`model`], [`explanation`], [`ledger`] | what any family offers: scores, explanations, the account of relevance |
//! | [`heatmap`] | map → picture; contact sheets |
//! | [`evaluate`] | average precision, ROC AUC, accuracy; over folds |
//! | [`export`] | batches: resumable, divisible, the same bytes always |
//! | [`dataset`] | VOC folders, category folders, CSV lists, generated shapes |
//! | [`mod@format`], [`numeric`] | files whole or not at all; sums and random streams in a fixed order; logarithm and exponential; products of bytes; roots on segments |
//! | [`settings`], [`causes`] | closed sets of names, drafts from file and flags, faults reported together; errors as text |
//! | [`progress`], [`timings`] | how long work tells that it is alive, and what its stages took |
//! | [`figures`] | the paper's figures from the data at hand; above the seam |
//! | [`cli`], [`error`] | the program |
//!
//! # Example
//!
//! ```
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

mod any;
pub mod bow;
pub mod causes;
pub mod cli;
pub mod dataset;
pub mod error;
pub mod evaluate;
pub mod evidence;
pub mod explanation;
pub mod export;
pub mod figures;
pub mod format;
pub mod heatmap;
pub mod ledger;
pub mod model;
pub mod numeric;
pub mod picture;
pub mod progress;
pub mod settings;
#[cfg(test)]
mod shared_data;
pub mod timings;

pub use any::{AnyModel, Method, OpenError, OpenFailure};
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
