//! Figs 25–27: photographs by three rules, photographs that are taken for something else, and relevance beside edges.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::{Context, Figure, correlation, drawn, explained, explainer, load, text};
use crate::error::Error;
use crate::explanation::Target;
use crate::heatmap::Scale;
use crate::heatmap::sheet::{Cell, Sheet, fitted};
use crate::model::Model;
use crate::nn::network::Network;
use crate::nn::{Explainer, References};
use crate::picture::Picture;

/// The columns, by their rules.
const COLUMNS: [(&str, &str); 3] =
    [("epsilon:0.01", "ε = 0.01"), ("epsilon:100", "ε = 100"), ("alpha-beta:2,-1", "α = 2, β = −1")];
/// Side of a picture in pixels.
const SIDE: u32 = 224;
/// The largest half percent of the pixels have the last colours: a few are many times larger than the rest.
const SCALE: Scale = Scale::Percentile(99.5);

pub(super) fn draw(
    context: &mut Context<'_>,
    model: &Path,
    pictures: &[PathBuf],
    mistaken: &[PathBuf],
) -> Result<(), Error> {
    let network = load(model)?;
    let with = |rules: &str| explainer(&network, rules, References::default());
    let columns: Vec<(Explainer<'_>, &str)> =
        COLUMNS.iter().map(|(rules, name)| Ok((with(rules)?, *name))).collect::<Result<_, Error>>()?;
    let norm = with("gradient-norm")?;
    let of = |files: &[PathBuf]| -> Result<Vec<(PathBuf, Picture)>, Error> {
        files.iter().map(|file| Ok((file.clone(), Picture::open(file, network.reading())?))).collect()
    };
    let (pictures, mistaken) = (of(pictures)?, of(mistaken)?);
    for (figure, shown, title) in [
        (Figure::Fig25, &pictures, "Decisions by three rules"),
        (Figure::Fig26, &mistaken, "Wrong decisions by three rules"),
        (Figure::Fig27, &pictures, "Relevance is no edge detector: edges left, gradient norms in the last column"),
    ] {
        if !context.wants(figure) {
            continue;
        }
        if shown.is_empty() {
            if context.request.only.contains(&figure) {
                return Err(Error::usage(format!("\"{figure}\" needs pictures: --mistaken PICTURE")));
            }
            continue;
        }
        context.progress.begin(figure.name(), shown.len());
        let mut rows = Vec::new();
        for (file, picture) in shown {
            let row = match figure {
                Figure::Fig27 => beside_edges(context, &network, &columns, &norm, file, picture)?,
                _ => by_rules(context, figure, &network, &columns, file, picture)?,
            };
            rows.push((String::new(), row));
            context.progress.step();
        }
        context.progress.end();
        context.write(figure, &Sheet { title: title.to_string(), rows })?;
    }
    Ok(())
}

/// The category that a picture is decided for.
fn decision(explainer: &Explainer<'_>, file: &Path, picture: &Picture) -> Result<usize, Error> {
    let fail = |source| Error::Explain { path: file.to_path_buf(), source };
    let seen = explainer.together(&[picture]).map_err(fail)?;
    let scores = &seen.scores()[0];
    Ok((0..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best }))
}

fn name_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn by_rules(
    context: &mut Context<'_>,
    figure: Figure,
    network: &Network,
    columns: &[(Explainer<'_>, &str)],
    file: &Path,
    picture: &Picture,
) -> Result<Vec<Cell>, Error> {
    let category = decision(&columns[0].0, file, picture)?;
    let name = network.categories[category].clone();
    let subject = format!("{}: {name}", name_of(file));
    let mut cells = vec![Cell::new(fitted(&picture.rgb8(), SIDE, SIDE), [name])];
    for (explainer, column) in columns {
        let found = explained(explainer, picture, Target::new(category), file)?;
        let map = &found.relevance;
        let magnitude: f64 = map.iter().map(|r| r.abs()).sum();
        let negative = map.iter().map(|r| r.min(0.0)).sum::<f64>().abs() / magnitude;
        let reaching = found.ledger.sum_relevance / found.score;
        let neighbours = neighbour_correlation(map);
        for (what, value) in [
            ("share of negative relevance", Some(negative)),
            ("correlation of neighbouring pixels", neighbours),
            ("share of f that reaches the pixels", Some(reaching)),
        ] {
            context.state(figure, &format!("{what}, {column}"), &subject, value, 1);
        }
        let (image, scale) = drawn(map.view(), SCALE, SIDE);
        cells.push(Cell::new(
            image,
            [
                format!("{column}, ±{scale:.1e}"),
                format!("f = {}, at the pixels {}", text(found.score), text(found.ledger.sum_relevance)),
            ],
        ));
    }
    Ok(cells)
}

fn beside_edges(
    context: &mut Context<'_>,
    network: &Network,
    columns: &[(Explainer<'_>, &str)],
    norm: &Explainer<'_>,
    file: &Path,
    picture: &Picture,
) -> Result<Vec<Cell>, Error> {
    let category = decision(norm, file, picture)?;
    let name = network.categories[category].clone();
    let subject = format!("{}: {name}", name_of(file));
    let edges = sobel(picture);
    let (image, _) = drawn(edges.view(), Scale::Picture, SIDE);
    let mut cells = vec![
        Cell::new(fitted(&picture.rgb8(), SIDE, SIDE), [name]),
        Cell::new(image, ["edge strength (Sobel)".to_string()]),
    ];
    for (explainer, column) in
        columns.iter().map(|(explainer, name)| (explainer, *name)).chain([(norm, "gradient norm")])
    {
        let found = explained(explainer, picture, Target::new(category), file)?;
        let pairs = edges.iter().zip(&found.relevance).map(|(&edge, r)| (edge, r.abs()));
        let r = correlation(pairs);
        context.state(Figure::Fig27, &format!("correlation of |R| with edge strength, {column}"), &subject, r, 1);
        let (image, scale) = drawn(found.relevance.view(), SCALE, SIDE);
        cells.push(Cell::new(
            image,
            [format!("{column}, ±{scale:.1e}"), format!("r with edges {}", r.map_or("–".to_string(), text))],
        ));
    }
    Ok(cells)
}

/// Pearson's correlation of every pixel with its right and its lower neighbour: how smooth a map is.
fn neighbour_correlation(map: &Array2<f64>) -> Option<f64> {
    let (height, width) = map.dim();
    let pairs = (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).flat_map(|(y, x)| {
        let right = (x + 1 < width).then(|| (map[(y, x)], map[(y, x + 1)]));
        let below = (y + 1 < height).then(|| (map[(y, x)], map[(y + 1, x)]));
        right.into_iter().chain(below)
    });
    correlation(pairs)
}

/// The length of Sobel's gradient of the grey picture; 0 on the border.
fn sobel(picture: &Picture) -> Array2<f64> {
    let grey = picture.grey();
    let (height, width) = grey.dim();
    let at = |y: usize, x: usize| f64::from(grey[(y, x)]);
    Array2::from_shape_fn((height, width), |(y, x)| {
        if y == 0 || x == 0 || y + 1 >= height || x + 1 >= width {
            return 0.0;
        }
        let across = at(y - 1, x + 1) + 2.0 * at(y, x + 1) + at(y + 1, x + 1)
            - at(y - 1, x - 1)
            - 2.0 * at(y, x - 1)
            - at(y + 1, x - 1);
        let down = at(y + 1, x - 1) + 2.0 * at(y + 1, x) + at(y + 1, x + 1)
            - at(y - 1, x - 1)
            - 2.0 * at(y - 1, x)
            - at(y - 1, x + 1);
        across.hypot(down)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_where_grey_changes() {
        let samples = (0..5).flat_map(|_| [0u8, 0, 255, 255, 255]).flat_map(|v| [v; 3]).collect();
        let edges = sobel(&Picture::from_rgb8(5, 5, samples).unwrap());
        assert!(edges[(2, 1)] > 3.9 && edges[(2, 2)] > 3.9 && edges[(2, 3)] == 0.0 && edges[(0, 1)] == 0.0);
    }

    #[test]
    fn smooth_maps_have_neighbours_alike() {
        let smooth = Array2::from_shape_fn((20, 20), |(y, x)| (y + x) as f64);
        let rough = Array2::from_shape_fn((20, 20), |(y, x)| if (y + x) % 2 == 0 { 1.0 } else { -1.0 });
        assert!(neighbour_correlation(&smooth).unwrap() > 0.98);
        assert!(neighbour_correlation(&rough).unwrap() < -0.98);
    }
}
