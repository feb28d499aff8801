//! Figs 2 and 5: small networks forward and back, with the numbers of a real pass.

use image::RgbImage;

use super::{Context, Figure, explainer};
use crate::error::Error;
use crate::explanation::{Explanation, Query, Target, Trace};
use crate::figures::canvas::{BLACK, Canvas, Ink, Place};
use crate::format::container::{Container, Values};
use crate::heatmap::Palette;
use crate::heatmap::sheet::{Cell, Sheet, text_width, write_text};
use crate::nn::graph::{Graph, Node};
use crate::nn::layers::{Activation, Dense, Description, Function};
use crate::nn::network::{Explaining, Network, Origin, Source};
use crate::nn::{Array, Ending, References};
use crate::picture::Picture;

/// Width and height of one half in pixels.
const PANEL: (u32, u32) = (520, 380);
const RADIUS: f64 = 26.0;
/// Height of the letters at connections and in neurons, in pixels.
const CONNECTION: f32 = 11.0;
const NEURON: f32 = 13.0;
const GREY: Ink = [120, 120, 120];

/// Weights of a layer, a row for each output, and its biases.
type Weights = (&'static [&'static [f64]], &'static [f64]);

/// What is drawn: the input, the layers, and the output that is explained.
struct Example {
    figure: Figure,
    title: &'static str,
    input: &'static [f64],
    layers: &'static [Weights],
    target: usize,
}

/// Fig 2: three inputs, three rectifiers, one output; weights of 0 are no connections, as in the paper's drawing.
const FIG_2: Example = Example {
    figure: Figure::Fig2,
    title: "A network forward (left) and back (right)",
    input: &[1.0, 0.5, 2.0],
    layers: &[
        (&[&[0.6, 1.0, 0.0], &[0.0, 0.8, 0.4], &[0.0, -1.0, 0.7]], &[0.1, 0.0, -0.2]),
        (&[&[1.0, -0.6, 0.9]], &[0.05]),
    ],
    target: 0,
};

/// Fig 5: several layers.
const FIG_5: Example = Example {
    figure: Figure::Fig5,
    title: "A multilayer network forward (left) and back (right)",
    input: &[0.8, -0.4, 1.2],
    layers: &[
        (&[&[0.9, 0.5, -0.3], &[-0.4, 0.7, 0.8], &[0.6, -0.9, 0.2]], &[0.0, 0.1, -0.1]),
        (&[&[0.7, -0.5, 0.4], &[0.3, 0.8, 0.6]], &[0.2, 0.0]),
        (&[&[1.1, -0.4], &[-0.6, 0.9]], &[0.0, 0.1]),
    ],
    target: 1,
};

pub(super) fn draw(context: &mut Context<'_>) -> Result<(), Error> {
    for example in [FIG_2, FIG_5] {
        if context.wants(example.figure) {
            draw_one(context, &example)?;
        }
    }
    Ok(())
}

fn network(example: &Example) -> Network {
    let mut nodes: Vec<Node> = Vec::new();
    let count = example.layers.len();
    for (number, (weights, biases)) in example.layers.iter().enumerate() {
        let weight = Array::new(vec![weights.len(), weights[0].len()], weights.concat());
        let dense = Dense { weight, bias: Some(Array::new(vec![biases.len()], biases.to_vec())) };
        let mut push = |name: String, layer| {
            let reads = nodes.len();
            nodes.push(Node { name, layer, inputs: vec![reads] });
        };
        push(format!("dense{}", number + 1), Description::Dense(dense));
        if number + 1 < count {
            push(format!("relu{}", number + 1), Description::Activation(Activation::new(Function::Relu)));
        }
    }
    let graph = Graph::new(vec![example.input.len()], nodes).expect("the example's layers fit");
    let logits = example.layers[count - 1].0.len();
    let categories = (1..=logits).map(|number| number.to_string()).collect();
    let file = "an example".to_string();
    let source = Source::Imported { file, sha256: String::new(), opset: 0 };
    let origin = Origin { version: env!("CARGO_PKG_VERSION").to_string(), ending: Ending::Logits, source };
    Network::new(graph, categories, None, origin, Explaining::default()).expect("the example is a network")
}

fn draw_one(context: &mut Context<'_>, example: &Example) -> Result<(), Error> {
    let network = network(example);
    let explainer = explainer(&network, "zero", References::default())?;
    let picture = Picture::of_array(vec![example.input.len()], example.input.to_vec())?;
    let fail = |source| Error::Explain { path: example.figure.name().into(), source };
    let query = Query { target: Target::new(example.target), trace: Trace::Everything, ..Query::new(0) };
    let seen = explainer.together(&[&picture]).map_err(fail)?;
    let explanation = seen.explain(&[query]).pop().expect("one explanation for each query").map_err(fail)?;
    let pass = Pass::of(example, &explanation);
    let error = pass.largest_error(example);
    let what = "largest |Σ_i R_ij + kept − R_j| of any neuron";
    context.state(example.figure, what, "the drawn network", Some(error), 1);
    let caption = |text: &str| vec![text.to_string()];
    let forward = Cell::new(pass.drawing(example, false), caption("activations; numbers at connections are weights"));
    let kept = explanation.ledger.score - explanation.ledger.sum_relevance;
    let back = Cell::new(
        pass.drawing(example, true),
        caption(&format!(
            "relevance R_j; numbers at connections are messages R_ij. f = {}; at the inputs {}, kept by biases {}",
            signed(explanation.ledger.score),
            signed(explanation.ledger.sum_relevance),
            signed(kept)
        )),
    );
    let rows = vec![(String::new(), vec![forward, back])];
    context.write(example.figure, &Sheet { title: example.title.to_string(), rows })
}

/// Activations and relevances of all neurons, layer by layer, the inputs first.
struct Pass {
    activations: Vec<Vec<f64>>,
    relevances: Vec<Vec<f64>>,
    /// z_j of the layers behind the inputs.
    sums: Vec<Vec<f64>>,
}

impl Pass {
    fn of(example: &Example, explanation: &Explanation) -> Self {
        let trace = &explanation.traces[0];
        let (mut activations, mut relevances, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let count = example.layers.len();
        for number in 0..=count {
            // Behind every dense layer but the last stands a rectifier.
            let value = if number == count { 2 * count - 1 } else { 2 * number };
            activations.push(numbers(trace, &format!("value.{value}")));
            relevances.push(numbers(trace, &format!("relevance.{value}")));
            if number > 0 {
                sums.push(numbers(trace, &format!("value.{}", 2 * number - 1)));
            }
        }
        Self { activations, relevances, sums }
    }

    /// R_ij of Eq 56: from neuron j of a layer to neuron i of the one before.
    fn message(&self, example: &Example, layer: usize, j: usize, i: usize) -> f64 {
        let weight = example.layers[layer].0[j][i];
        self.activations[layer][i] * weight / self.sums[layer][j] * self.relevances[layer + 1][j]
    }

    fn largest_error(&self, example: &Example) -> f64 {
        let mut largest = 0.0f64;
        for (layer, (weights, biases)) in example.layers.iter().enumerate() {
            for (j, row) in weights.iter().enumerate() {
                let sent: f64 = (0..row.len()).map(|i| self.message(example, layer, j, i)).sum();
                let kept = biases[j] / self.sums[layer][j] * self.relevances[layer + 1][j];
                largest = largest.max((sent + kept - self.relevances[layer + 1][j]).abs());
            }
        }
        largest
    }

    fn drawing(&self, example: &Example, back: bool) -> RgbImage {
        let columns = self.activations.len();
        let place = |column: usize, number: usize| -> Place {
            let count = self.activations[column].len();
            let step = |at: f64, of: f64, length: u32| (at + 0.5) / of * f64::from(length);
            let x = RADIUS + 8.0 + (f64::from(PANEL.0) - 2.0 * RADIUS - 16.0) * column as f64 / (columns - 1) as f64;
            (x, step(number as f64, count as f64, PANEL.1))
        };
        let mut canvas = Canvas::white(PANEL.0, PANEL.1);
        let mut labels: Vec<(Place, f32, String)> = Vec::new();
        for (layer, (weights, _)) in example.layers.iter().enumerate() {
            for (j, row) in weights.iter().enumerate() {
                for (i, &weight) in row.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                    let (from, to) = (place(layer, i), place(layer + 1, j));
                    let ends = |part: f64| (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
                    let length = ((to.0 - from.0).powi(2) + (to.1 - from.1).powi(2)).sqrt();
                    let (near, far) = (ends(RADIUS / length), ends(1.0 - RADIUS / length));
                    let (value, tail, head) =
                        if back { (self.message(example, layer, j, i), far, near) } else { (weight, near, far) };
                    canvas.arrow(tail, head, 1.4, GREY);
                    // Near the neuron that the connections part from, so that numbers don't meet.
                    labels.push((ends(0.3), CONNECTION, signed(value)));
                }
            }
        }
        let values = if back { &self.relevances } else { &self.activations };
        let largest = values.iter().flatten().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        for (column, values) in values.iter().enumerate() {
            for (number, &value) in values.iter().enumerate() {
                let centre = place(column, number);
                canvas.disc(centre, RADIUS, BLACK);
                let ink = if back { Palette::Diverging.colour(0.6 * value / largest) } else { [255; 3] };
                canvas.disc(centre, RADIUS - 1.5, ink);
                labels.push((centre, NEURON, signed(value)));
            }
        }
        for ((x, y), size, text) in labels.iter().filter(|(_, size, _)| *size == CONNECTION) {
            let (across, down) = (f64::from(text_width(*size, text)) / 2.0 + 1.0, f64::from(*size) / 2.0 + 1.0);
            canvas.bar((x - across, y - down), (x + across, y + down), [255; 3]);
        }
        let mut image = canvas.finish();
        for ((x, y), size, text) in labels {
            let left = x - f64::from(text_width(size, &text)) / 2.0;
            write_text(&mut image, left as i32, (y - f64::from(size) / 2.0) as i32, size, &text);
        }
        image
    }
}

fn signed(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_string() } else { text.replace('-', "−") }
}

fn numbers(trace: &Container, name: &str) -> Vec<f64> {
    match trace.tensors.get(name).map(|tensor| &tensor.values) {
        Some(Values::F64(values)) => values.clone(),
        _ => unreachable!("a trace of a network has {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_what_is_kept_are_the_relevance() {
        for example in [FIG_2, FIG_5] {
            let network = network(&example);
            let explainer = explainer(&network, "zero", References::default()).unwrap();
            let picture = Picture::of_array(vec![example.input.len()], example.input.to_vec()).unwrap();
            let query = Query { target: Target::new(example.target), trace: Trace::Everything, ..Query::new(0) };
            let explanation = explainer.together(&[&picture]).unwrap().explain(&[query]).pop().unwrap().unwrap();
            let pass = Pass::of(&example, &explanation);
            assert!(pass.largest_error(&example) < 1e-12);
            // What the inputs get is what is sent to them.
            let received: f64 = pass.relevances[0].iter().sum();
            assert!((received - explanation.ledger.sum_relevance).abs() < 1e-12 && explanation.score != 0.0);
        }
    }
}
