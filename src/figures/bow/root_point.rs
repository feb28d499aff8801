//! Fig 3: why the gradient at a point is no explanation of its score, and what the gradient at the nearest root is.
//!
//! A Gaussian-kernel SVM on points of the plane, the same solver, kernel and Taylor expansion as for pictures. The point that is explained is the one, of a grid,
//! where the way down the gradient and the way to the root differ most.

use std::collections::{BTreeMap, BTreeSet};

use image::{Rgb, RgbImage};
use ndarray::Array2;
use rand::RngExt;
use serde::Serialize;

use super::{Context, Figure};
use crate::bow::score::gram::{gram, sums};
use crate::bow::score::kernel::KernelKind;
use crate::bow::score::svm::{Problem, Solution, solve};
use crate::bow::score::{Channel, Decision, Decomposition, Explaining};
use crate::error::Error;
use crate::figures::canvas::{BLACK, Canvas, Ink, Place};
use crate::heatmap::Palette;
use crate::heatmap::sheet::{Cell, Sheet};
use crate::numeric::random::stream;
use crate::numeric::root::Function;

/// Side of a panel in pixels; the plane is [0, 1]².
const SIDE: u32 = 440;
/// Clouds of points: label, centre, spread and number.
const CLOUDS: [(f64, (f64, f64), f64, usize); 5] = [
    (1.0, (0.40, 0.42), 0.07, 24),
    (1.0, (0.62, 0.52), 0.06, 16),
    (-1.0, (0.20, 0.80), 0.08, 18),
    (-1.0, (0.84, 0.18), 0.08, 18),
    (-1.0, (0.52, 0.84), 0.06, 14),
];
/// Width of the kernel: `exp(−|x − z|²/w)`.
const WIDTH: f64 = 0.05;
/// C.
const COST: f64 = 10.0;
/// Number of grid points in a row.
const GRID: usize = 48;
/// A point is eligible if its gradient has at least this share of the median length among positive points: on a summit the gradient has no direction.
const STEEP: f64 = 0.5;
/// Minimum distance of the root.
const MIN_DISTANCE: f64 = 0.08;
const BLUE: Ink = [40, 70, 200];
const GREEN: Ink = [30, 140, 60];
const RED: Ink = [210, 20, 20];

/// What the figure shows.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The prediction point x.
    pub point: [f64; 2],
    /// f(x).
    pub score: f64,
    /// The nearest root x⁰.
    pub root: [f64; 2],
    /// ∂f at x.
    pub gradient_at_point: [f64; 2],
    /// ∂f at x⁰.
    pub gradient_at_root: [f64; 2],
    /// (x − x⁰)_d ∂f/∂x_d(x⁰).
    pub relevance: [f64; 2],
    /// f(x) − Σ relevance.
    pub residual: f64,
    /// Angle between the way down the gradient at x and the way to x⁰, in degrees.
    pub angle: f64,
}

impl Finding {
    /// The line that is printed.
    pub fn text(&self) -> String {
        format!(
            "fig3: f = {:+.3}; {:.0}° between the way down the gradient and the way to the root; relevance {:+.3}, {:+.3}, residual {:+.3}\n",
            self.score, self.angle, self.relevance[0], self.relevance[1], self.residual
        )
    }
}

/// The points, and a classifier of them.
struct Plane {
    points: Vec<f32>,
    labels: Vec<f64>,
    solution: Solution,
    scores: Vec<f64>,
}

impl Plane {
    fn new(seed: u64) -> Self {
        let mut random = stream(seed, "root-point");
        let (mut points, mut labels) = (Vec::new(), Vec::new());
        for (label, (x, y), spread, count) in CLOUDS {
            for _ in 0..count {
                // Sums of four uniform numbers are round enough.
                let mut shift = || spread * ((0..4).map(|_| random.random::<f64>() - 0.5).sum::<f64>() * 1.7);
                points.extend([(x + shift()) as f32, (y + shift()) as f32]);
                labels.push(label);
            }
        }
        let kernel = KernelKind::Gaussian.with_width(WIDTH);
        let rows = Array2::from_shape_fn((labels.len(), 2), |(i, d)| points[2 * i + d]);
        let sums = sums(kernel.terms(), rows.view());
        let matrix = gram(kernel, sums.view());
        let bounds = vec![COST; labels.len()];
        let problem = Problem { gram: matrix.view(), labels: &labels, bounds: &bounds, tolerance: 1e-6, start: None };
        let solution = solve(&problem);
        let scores = matrix.rows().into_iter().map(|row| solution.score(row)).collect();
        Self { points, labels, solution, scores }
    }

    /// The decision about the point `x`.
    fn decision<'a>(&'a self, x: &'a [f32]) -> Decision<'a> {
        let kernel = KernelKind::Gaussian.with_width(WIDTH);
        Decision {
            channels: vec![Channel { kernel, factor: 1.0, train: &self.points, histogram: x }],
            dual: self.solution.dual.clone(),
            bias: self.solution.bias,
            train_scores: self.scores.clone(),
        }
    }

    /// f at (x, y).
    fn value(&self, place: Place) -> f64 {
        self.decision(&[0.0; 2]).value(vec![place.0, place.1])
    }

    /// The expansion of the score at `x`; none without a root.
    fn expand(&self, x: [f32; 2]) -> Option<Finding> {
        let decision = self.decision(&x);
        let found = decision
            .decompose(&Explaining {
                decomposition: Decomposition::Taylor,
                candidates: usize::MAX,
                ..Explaining::default()
            })
            .ok()?;
        let root: [f64; 2] = found.root?.concat().try_into().ok()?;
        let point = x.map(f64::from);
        let gradient: [f64; 2] = decision.gradient(&point).try_into().ok()?;
        let way = [root[0] - point[0], root[1] - point[1]];
        let cosine = -(gradient[0] * way[0] + gradient[1] * way[1]) / (length(gradient) * length(way));
        Some(Finding {
            point,
            score: decision.value(point.to_vec()),
            root,
            gradient_at_point: gradient,
            gradient_at_root: decision.gradient(&root).try_into().ok()?,
            relevance: found.r3.concat().try_into().ok()?,
            residual: found.kept.amount,
            angle: cosine.clamp(-1.0, 1.0).acos().to_degrees(),
        })
    }

    /// The positive grid point where the way down the gradient and the way to the root differ most.
    fn most_misleading(&self) -> Option<Finding> {
        let at = |i: usize| (i as f32 + 0.5) / GRID as f32;
        let places = (0..GRID * GRID).map(|i| [at(i % GRID), at(i / GRID)]);
        let found: Vec<Finding> = places.filter_map(|x| self.expand(x)).filter(|found| found.score > 0.0).collect();
        let mut slopes: Vec<f64> = found.iter().map(|found| length(found.gradient_at_point)).collect();
        slopes.sort_by(f64::total_cmp);
        let steep = STEEP * slopes.get(slopes.len() / 2)?;
        let eligible = found.into_iter().filter(|found| {
            let way = [found.root[0] - found.point[0], found.root[1] - found.point[1]];
            length(found.gradient_at_point) >= steep && length(way) >= MIN_DISTANCE
        });
        eligible.reduce(|best, next| if next.angle > best.angle { next } else { best })
    }
}

fn length(v: [f64; 2]) -> f64 {
    v[0].hypot(v[1])
}

pub(super) fn draw(context: &mut Context<'_>) -> Result<(), Error> {
    let plane = Plane::new(context.request.seed);
    let Some(finding) = plane.most_misleading() else {
        return Err(Error::usage(format!(
            "\"fig3\": with seed {} no point of the plane has a root to expand about; another --seed has",
            context.request.seed
        )));
    };
    let Finding { point, root, gradient_at_point, gradient_at_root, relevance, .. } = finding;
    let place = |v: [f64; 2]| on_canvas((v[0], v[1]));
    // Gradients as arrows of one length: only their directions are compared.
    let tip = |from: [f64; 2], slope: [f64; 2]| {
        let scale = 0.16 / length(slope).max(f64::MIN_POSITIVE);
        place([from[0] + scale * slope[0], from[1] + scale * slope[1]])
    };
    let background = background(&plane);

    let mut left = Canvas::of(&background);
    left.arrow(place(point), tip(point, gradient_at_point), 2.5, BLACK);
    square(&mut left, place(point));
    let left_caption = [
        format!("square: x, f(x) = {:+.3}", finding.score),
        "black: the gradient at x".to_string(),
        format!("{:.0}° between the way down it and the way to the root", finding.angle),
    ];

    let mut right = Canvas::of(&background);
    right.dashed(&[place(root), place(point)], 2.5, 6.0, RED);
    right.arrow(place(root), tip(root, gradient_at_root), 2.5, BLACK);
    // The relevance in units of the plane, as long as x − x⁰.
    let scale = length([point[0] - root[0], point[1] - root[1]]) / length(relevance).max(f64::MIN_POSITIVE);
    let end = [root[0] + scale * relevance[0], root[1] + scale * relevance[1]];
    right.arrow(place(root), place(end), 2.5, RED);
    square(&mut right, place(point));
    right.triangle(place(root), 9.0, BLACK);
    let right_caption = [
        "triangle: the nearest root x⁰; black: the gradient there".to_string(),
        "dashed red: x − x⁰; red: their product by dimension, the relevance".to_string(),
        format!("{:+.3} (across), {:+.3} (up); residual {:+.3}", relevance[0], relevance[1], finding.residual),
    ];

    let cells = vec![Cell::new(left.finish(), left_caption), Cell::new(right.finish(), right_caption)];
    let title = "A classifier in the plane: gradient at the point, gradient at the nearest root".to_string();
    context.write(Figure::Fig3, &Sheet { title, rows: vec![(String::new(), cells)] })?;
    context.report.root_point = Some(finding);
    Ok(())
}

/// Where a point of the plane lies on the panel; the second coordinate grows upwards.
fn on_canvas((x, y): Place) -> Place {
    (x * f64::from(SIDE), (1.0 - y) * f64::from(SIDE))
}

fn square(canvas: &mut Canvas, (x, y): Place) {
    canvas.bar((x - 6.0, y - 6.0), (x + 6.0, y + 6.0), BLACK);
}

/// f in pale colours, the boundary, and the points.
fn background(plane: &Plane) -> RgbImage {
    let side = f64::from(SIDE);
    let place = |x: u32, y: u32| (f64::from(x) / side, 1.0 - f64::from(y) / side);
    let values =
        Array2::from_shape_fn((SIDE as usize + 1, SIDE as usize + 1), |(y, x)| plane.value(place(x as u32, y as u32)));
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let field = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let colour = Palette::Diverging.colour(0.7 * values[(y as usize, x as usize)] / largest);
        Rgb(colour.map(|part| 255 - (255 - part) / 2))
    });
    let mut canvas = Canvas::of(&field);
    for line in boundaries(&values) {
        canvas.dashed(&line, 2.0, 7.0, BLACK);
    }
    for (point, label) in plane.points.chunks_exact(2).zip(&plane.labels) {
        let ink = if *label > 0.0 { GREEN } else { BLUE };
        canvas.disc(on_canvas((f64::from(point[0]), f64::from(point[1]))), 3.5, ink);
    }
    canvas.finish()
}

/// A side of a grid cell: its corner and whether it goes down from it (else to the right).
type Side = (usize, usize, bool);

/// The lines on which `values`, given at whole places (x, y), change their sign.
fn boundaries(values: &Array2<f64>) -> Vec<Vec<Place>> {
    let (rows, columns) = values.dim();
    let sign = |y: usize, x: usize| values[(y, x)] > 0.0;
    let crossing = |(y, x, down): Side| {
        let (a, b) = (values[(y, x)], if down { values[(y + 1, x)] } else { values[(y, x + 1)] });
        let t = a / (a - b);
        if down { (x as f64, y as f64 + t) } else { (x as f64 + t, y as f64) }
    };
    // The crossings of a cell's sides are linked in pairs.
    let mut links: BTreeMap<Side, Vec<Side>> = BTreeMap::new();
    for y in 0..rows - 1 {
        for x in 0..columns - 1 {
            let around = [(y, x, false), (y, x + 1, true), (y + 1, x, false), (y, x, true)];
            let crossed = around
                .into_iter()
                .filter(|&(y, x, down)| sign(y, x) != if down { sign(y + 1, x) } else { sign(y, x + 1) });
            let crossed: Vec<Side> = crossed.collect();
            for pair in crossed.chunks_exact(2) {
                links.entry(pair[0]).or_default().push(pair[1]);
                links.entry(pair[1]).or_default().push(pair[0]);
            }
        }
    }
    let mut seen: BTreeSet<Side> = BTreeSet::new();
    let mut lines = Vec::new();
    // Open lines from their ends first, then closed ones from anywhere.
    let ends = links.iter().filter(|(_, next)| next.len() == 1).map(|(side, _)| *side);
    let starts: Vec<Side> = ends.chain(links.keys().copied()).collect();
    for start in starts {
        if seen.contains(&start) {
            continue;
        }
        let mut line = vec![crossing(start)];
        let mut here = start;
        seen.insert(here);
        while let Some(&next) = links[&here].iter().find(|next| !seen.contains(*next)) {
            line.push(crossing(next));
            seen.insert(next);
            here = next;
        }
        if links[&here].contains(&start) {
            line.push(crossing(start));
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_is_positive_and_its_expansion_is_about_a_root() {
        let plane = Plane::new(0);
        assert!(plane.solution.report.converged);
        let right = plane.labels.iter().zip(&plane.scores).filter(|(label, score)| *label * *score > 0.0).count();
        assert!(right * 10 > plane.labels.len() * 9, "{right} of {}", plane.labels.len());
        let found = plane.most_misleading().unwrap();
        assert!(found.score > 0.0 && found.angle > 30.0, "{found:?}");
        assert!(plane.value((found.root[0], found.root[1])).abs() < 1e-9);
        let sum: f64 = found.relevance.iter().sum();
        assert!((sum + found.residual - found.score).abs() < 1e-12);
        for d in 0..2 {
            assert_eq!(found.relevance[d], (found.point[d] - found.root[d]) * found.gradient_at_root[d]);
        }
    }

    /// A circle is one closed line of its length, and a straight boundary one open line.
    #[test]
    fn boundaries_are_found_whole() {
        let walk = |line: &[Place]| line.windows(2).map(|p| (p[0].0 - p[1].0).hypot(p[0].1 - p[1].1)).sum::<f64>();
        let circle = Array2::from_shape_fn((60, 70), |(y, x)| 20.0 - (x as f64 - 33.3).hypot(y as f64 - 29.6));
        let lines = boundaries(&circle);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        assert!((walk(&lines[0]) - 40.0 * std::f64::consts::PI).abs() < 1.0, "{}", walk(&lines[0]));
        let half = Array2::from_shape_fn((20, 30), |(_, x)| x as f64 - 11.25);
        let lines = boundaries(&half);
        assert_eq!(lines.len(), 1);
        assert!((walk(&lines[0]) - 19.0).abs() < 1e-9 && lines[0].iter().all(|place| place.0 == 11.25));
        assert!(boundaries(&Array2::zeros((5, 5))).is_empty());
    }
}
