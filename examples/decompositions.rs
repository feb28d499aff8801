//! Compares ways to split scores over the dimensions on labelled pictures: what is left over, how much of the positive relevance lies in the category's boxes, and
//! what it costs.
//!
//! ```text
//! cargo run --release --example decompositions -- --data VOC2012 --split test --model chi2.bowsight
//! ```

use std::path::PathBuf;
use std::time::Instant;

use bowsight::bow::{Decomposition, Explaining, Roots, model_file};
use bowsight::dataset::{Dataset, voc};
use bowsight::evaluate::localisation::positive_share;
use bowsight::explanation::Query;
use bowsight::ledger::Account;
use bowsight::model::{Keep, Model};
use bowsight::picture::Picture;
use bowsight::picture::Rectangle;
use bowsight::picture::tiles::Tiles;
use clap::Parser;
use ndarray::Array2;

#[derive(Parser)]
struct Arguments {
    /// A PASCAL VOC folder with boxes.
    #[arg(long)]
    data: PathBuf,
    /// The split.
    #[arg(long)]
    split: String,
    /// A model.
    #[arg(long)]
    model: PathBuf,
    /// Explain by tiles.
    #[arg(long)]
    tiles: Option<Tiles>,
    /// Pictures at most.
    #[arg(long, default_value_t = usize::MAX)]
    pictures: usize,
    /// Maximum number of training pictures to search toward for a root.
    #[arg(long, default_value_t = 40)]
    candidates: usize,
}

#[derive(Default)]
struct Sums {
    explanations: usize,
    without_root: usize,
    residual: f64,
    inside: f64,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let model = model_file::load(&arguments.model)?;
    let dataset =
        Dataset::open(&arguments.data, Some(&arguments.split), None)?.align_categories(model.categories()).dataset;
    let mut ways = vec![(Decomposition::Auto, Roots::Nearest)];
    if model.settings.channel.iter().all(|channel| channel.kernel.kind.is_differentiable()) {
        ways.extend(Roots::ALL.iter().map(|roots| (Decomposition::Taylor, *roots)));
    }
    let mut sums: Vec<Sums> = ways.iter().map(|_| Sums::default()).collect();
    let (mut area, mut count) = (0.0, 0);
    for entry in dataset.pictures.iter().take(arguments.pictures) {
        let picture = Picture::open(dataset.file(entry), model.reading())?;
        let objects = voc::annotation(&dataset.root, &entry.id)?.objects;
        for (category, name) in dataset.categories.iter().enumerate().filter(|(c, _)| entry.labels[*c] == 1) {
            let boxes: Vec<Rectangle> =
                objects.iter().filter(|object| object.category == *name).filter_map(|object| object.region).collect();
            let mask = mask(&picture, &boxes);
            area += mask.iter().filter(|inside| **inside).count() as f64 / mask.len() as f64;
            count += 1;
            for ((decomposition, roots), sums) in ways.iter().zip(&mut sums) {
                let method = Explaining {
                    decomposition: *decomposition,
                    roots: *roots,
                    candidates: arguments.candidates,
                    ..Explaining::default()
                };
                let explainer = model.explainer(method)?;
                let seen = explainer.forward(&picture, Keep::Nothing)?;
                let began = Instant::now();
                match seen.explain(&Query { tiles: arguments.tiles, ..Query::new(category) }) {
                    Ok(explanation) => {
                        sums.explanations += 1;
                        let ledgers: Vec<_> = if explanation.windows.is_empty() {
                            vec![&explanation.ledger]
                        } else {
                            explanation.windows.iter().map(|window| &window.ledger).collect()
                        };
                        let relative =
                            |l: &&bowsight::Ledger| l.kept(Account::TaylorResidual).abs() / l.score.abs().max(1e-12);
                        sums.residual += median(ledgers.iter().map(relative).collect());
                        sums.inside +=
                            positive_share(explanation.relevance.view(), |x, y| mask[(y as usize, x as usize)]);
                    }
                    Err(_) => sums.without_root += 1,
                }
                sums.seconds += began.elapsed().as_secs_f64();
            }
        }
    }
    println!("{count} explanations; the boxes cover {:.3} of the pixels in the mean", area / f64::from(count));
    println!(
        "| decomposition | root | without root | median of |residual/f|, mean | positive relevance in boxes | s an explanation |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for ((decomposition, roots), sums) in ways.iter().zip(&sums) {
        let n = sums.explanations as f64;
        let taylor = *decomposition == Decomposition::Taylor;
        println!(
            "| {} | {} | {} | {:.4} | {:.4} | {:.3} |",
            if taylor { "taylor" } else { "exact or Shapley" },
            if taylor { roots.name() } else { "–" },
            sums.without_root,
            sums.residual / n,
            sums.inside / n,
            sums.seconds / (n + sums.without_root as f64),
        );
    }
    Ok(())
}

fn mask(picture: &Picture, boxes: &[Rectangle]) -> Array2<bool> {
    Array2::from_shape_fn((picture.height(), picture.width()), |(y, x)| {
        let pixel = Rectangle { x0: x as u32, y0: y as u32, x1: x as u32 + 1, y1: y as u32 + 1 };
        boxes.iter().any(|region| region.holds(&pixel))
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
