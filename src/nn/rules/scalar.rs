//! The rules number by number, as their formulas stand in the specification: the slow twins of the fast ones.

use super::{Bounds, Kept, Rule};

/// A dense layer in scalars: weights by output, then by input; none where there is no connection.
pub(in crate::nn) struct Scalar {
    pub weights: Vec<Vec<Option<f64>>>,
    pub biases: Vec<f64>,
}

impl Scalar {
    /// R of the inputs, and what was kept.
    pub fn share(&self, rule: &Rule, x: &[f64], relevance: &[f64], spread: bool) -> (Vec<f64>, Kept) {
        let mut out = vec![0.0; x.len()];
        let mut kept = Kept::default();
        for ((weights, &b), &r) in self.weights.iter().zip(&self.biases).zip(relevance) {
            let connected: Vec<usize> = (0..x.len()).filter(|&i| weights[i].is_some()).collect();
            let w = |i: usize| weights[i].unwrap();
            let z = |i: usize| x[i] * w(i);
            let sum = |f: &dyn Fn(usize) -> f64| connected.iter().map(|&i| f(i)).sum::<f64>();
            let total = sum(&z) + b;
            let sign = if total >= 0.0 { 1.0 } else { -1.0 };
            // Every part: coefficient, numerator, denominator, the bias in it, the stabiliser in it.
            type Part<'a> = (f64, Box<dyn Fn(usize) -> f64 + 'a>, f64, f64, f64);
            let mut parts: Vec<Part<'_>> = Vec::new();
            match rule {
                Rule::Zero => parts.push((1.0, Box::new(z), total, b, 0.0)),
                Rule::Epsilon(e) => parts.push((1.0, Box::new(z), total + e * sign, b, e * sign)),
                Rule::AlphaBeta { .. } | Rule::ZPlus { .. } => {
                    let (alpha, beta, redistribute, b) = match rule {
                        Rule::AlphaBeta { alpha, beta, redistribute } => (*alpha, *beta, *redistribute, b),
                        Rule::ZPlus { ignore_bias } => (1.0, 0.0, false, if *ignore_bias { 0.0 } else { b }),
                        _ => unreachable!(),
                    };
                    let above = sum(&|i| z(i).max(0.0)) + b.max(0.0);
                    let below = sum(&|i| z(i).min(0.0)) + b.min(0.0);
                    let (mut alpha, mut beta) = (alpha, beta);
                    if redistribute && above == 0.0 && below != 0.0 {
                        (alpha, beta) = (0.0, 1.0);
                    } else if redistribute && below == 0.0 && above != 0.0 {
                        (alpha, beta) = (1.0, 0.0);
                    }
                    parts.push((alpha, Box::new(move |i| z(i).max(0.0)), above, b.max(0.0), 0.0));
                    parts.push((beta, Box::new(move |i| z(i).min(0.0)), below, b.min(0.0), 0.0));
                }
                Rule::Gamma(gamma) => {
                    let side = move |v: f64| v + gamma * if sign > 0.0 { v.max(0.0) } else { v.min(0.0) };
                    parts.push((1.0, Box::new(move |i| side(z(i))), sum(&|i| side(z(i))) + side(b), side(b), 0.0));
                }
                Rule::ZBox(bounds) => {
                    let Bounds { low, high } = bounds.clone().unwrap();
                    let term = move |i: usize| z(i) - low[0] * w(i).max(0.0) - high[0] * w(i).min(0.0);
                    parts.push((1.0, Box::new(term.clone()), sum(&term), 0.0, 0.0));
                }
                Rule::WSquare => parts.push((1.0, Box::new(move |i| w(i) * w(i)), sum(&|i| w(i) * w(i)), 0.0, 0.0)),
                Rule::Flat => parts.push((1.0, Box::new(|_| 1.0), connected.len() as f64, 0.0, 0.0)),
                Rule::Pass => unreachable!("it is for diagonal layers"),
            }
            let mut undefined = false;
            for (coefficient, numerator, denominator, bias, stabiliser) in parts {
                let part = coefficient * r;
                if part == 0.0 {
                    continue;
                }
                if denominator == 0.0 {
                    kept.undefined += part;
                    undefined = true;
                    continue;
                }
                connected.iter().for_each(|&i| out[i] += part * numerator(i) / denominator);
                kept.stabiliser += part * stabiliser / denominator;
                let amount = part * bias / denominator;
                if spread && !connected.is_empty() {
                    connected.iter().for_each(|&i| out[i] += amount / connected.len() as f64);
                } else {
                    kept.bias += amount;
                }
            }
            kept.undefined_outputs += usize::from(undefined);
        }
        (out, kept)
    }
}
