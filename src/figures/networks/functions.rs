//! Fig 14: activation functions.

use super::{Context, Figure};
use crate::error::Error;
use crate::figures::canvas::{BLACK, Canvas, Ink, Place};
use crate::heatmap::sheet::{Cell, Sheet, write_text};

/// Side of a panel in pixels.
const SIDE: u32 = 220;
/// What is drawn of each axis.
const REACH: f64 = 3.0;
const GREY: Ink = [190, 190, 190];
const BLUE: Ink = [40, 70, 200];

/// A function's name, formula and values.
type Named = (&'static str, &'static str, fn(f64) -> f64);

const FUNCTIONS: [Named; 4] = [
    ("hyperbolic tangent", "tanh x", f64::tanh),
    ("rectifier", "max(0, x)", |x| x.max(0.0)),
    ("sigmoid", "1/(1 + exp(−x))", |x| 1.0 / (1.0 + (-x).exp())),
    ("softplus", "log(1 + exp x)", |x| x.exp().ln_1p()),
];

pub(super) fn draw(context: &mut Context<'_>) -> Result<(), Error> {
    if !context.wants(Figure::Fig14) {
        return Ok(());
    }
    let cell = |(name, formula, function): Named| {
        let place = |x: f64, y: f64| -> Place {
            let scale = f64::from(SIDE) / (2.0 * REACH);
            ((x + REACH) * scale, (REACH - y) * scale)
        };
        let mut canvas = Canvas::white(SIDE, SIDE);
        canvas.line(place(-REACH, 0.0), place(REACH, 0.0), 1.0, GREY);
        canvas.line(place(0.0, -REACH), place(0.0, REACH), 1.0, GREY);
        for tick in [-2.0, -1.0, 1.0, 2.0] {
            canvas.line(place(tick, -0.08), place(tick, 0.08), 1.0, GREY);
            canvas.line(place(-0.08, tick), place(0.08, tick), 1.0, GREY);
        }
        let steps = 120;
        let at = |step: i32| -REACH + 2.0 * REACH * f64::from(step) / f64::from(steps);
        for step in 0..steps {
            let (from, to) = (at(step), at(step + 1));
            canvas.line(place(from, function(from)), place(to, function(to)), 2.0, BLUE);
        }
        canvas.frame((0.5, 0.5), (f64::from(SIDE) - 0.5, f64::from(SIDE) - 0.5), 1.0, BLACK);
        let mut image = canvas.finish();
        let one = place(1.0, 0.0);
        write_text(&mut image, one.0 as i32 - 3, one.1 as i32 + 4, 11.0, "1");
        let one = place(0.0, 1.0);
        write_text(&mut image, one.0 as i32 + 6, one.1 as i32 - 6, 11.0, "1");
        Cell::new(image, [name.to_string(), formula.to_string()])
    };
    let rows = vec![(String::new(), FUNCTIONS.map(cell).into_iter().collect())];
    context.write(Figure::Fig14, &Sheet { title: "Activation functions".to_string(), rows })
}
