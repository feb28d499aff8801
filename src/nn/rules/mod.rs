//! Rules of layer-wise relevance propagation: how a linear layer shares what arrives at its outputs among its inputs.
//!
//! `R_i = Σ_j q_ij R_j`. What `1 − Σ_i q_ij` leaves is kept and booked, in closed form from bias and stabiliser. Symbols: `z_ij = x_i w_ij`,
//! `z_j = Σ_i z_ij + b_j`, `( )⁺ = max(0, ·)`, `( )⁻ = min(0, ·)`; sign z is +1 for z ≥ 0, else −1. Every rule is one file with its formula above it, and
//! works on any `Linear` layer.

mod alpha_beta;
mod epsilon;
mod flat;
mod gamma;
#[cfg(test)]
pub(in crate::nn) mod scalar;
mod z_box;

use std::fmt;
use std::str::FromStr;

use super::layers::{Linear, Part};
use super::real::Real;
use crate::settings::text::serde_as_text;

/// A rule with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// `z_ij/z_j` (B15, Eqs 56–57).
    Zero,
    /// `z_ij/(z_j + ε sign z_j)` (B15, Eqs 58–59).
    Epsilon(f64),
    /// `α z_ij⁺/z_j⁺ + β z_ij⁻/z_j⁻` (B15, Eqs 60–61).
    AlphaBeta {
        /// α; α + β = 1.
        alpha: f64,
        /// β.
        beta: f64,
        /// Whether one part gets what the other one can't share.
        redistribute: bool,
    },
    /// `z_ij⁺/z_j⁺`.
    ZPlus {
        /// Whether the bias is left out of z_j⁺.
        ignore_bias: bool,
    },
    /// `(z_ij + γ z_ij⁺)/(z_j + γ z_j⁺)` for z_j ≥ 0, and likewise with ⁻ below 0 (Montavon et al. 2019).
    Gamma(f64),
    /// `(x_i w_ij − l_i w_ij⁺ − h_i w_ij⁻)/Σ_i (same)` (Montavon et al. 2017).
    ZBox(Option<Bounds>),
    /// `w_ij²/Σ_i w_ij²` (Montavon et al. 2017).
    WSquare,
    /// `1/n_j`, n_j being the number of inputs (Lapuschkin et al. 2017).
    Flat,
    /// `R_i = R_j`, for layers with one output for each input.
    Pass,
}

/// The bounds of a layer's inputs, l ≤ x ≤ h: one for all, or one for each channel of the network's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// l.
    pub low: Vec<f64>,
    /// h.
    pub high: Vec<f64>,
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no rule: {why}")]
pub struct RuleError {
    /// The text.
    pub found: String,
    /// What is wrong with it.
    pub why: String,
}

/// The names of all rules, with their parameters.
pub const NAMES: &str =
    "zero, epsilon:ε, alpha-beta:α,β[,redistribute], z-plus[:ignore-bias], gamma:γ, z-box[:l,h], w-square, flat, pass";

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Zero => f.write_str("zero"),
            Rule::Epsilon(epsilon) => write!(f, "epsilon:{epsilon}"),
            Rule::AlphaBeta { alpha, beta, redistribute } => {
                write!(f, "alpha-beta:{alpha},{beta}{}", if *redistribute { ",redistribute" } else { "" })
            }
            Rule::ZPlus { ignore_bias } => write!(f, "z-plus{}", if *ignore_bias { ":ignore-bias" } else { "" }),
            Rule::Gamma(gamma) => write!(f, "gamma:{gamma}"),
            Rule::ZBox(None) => f.write_str("z-box"),
            Rule::ZBox(Some(Bounds { low, high })) if low.len() == 1 && high.len() == 1 => {
                write!(f, "z-box:{},{}", low[0], high[0])
            }
            Rule::ZBox(Some(Bounds { low, high })) => {
                let list = |values: &[f64]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                write!(f, "z-box:{},{}", list(low), list(high))
            }
            Rule::WSquare => f.write_str("w-square"),
            Rule::Flat => f.write_str("flat"),
            Rule::Pass => f.write_str("pass"),
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let wrong = |why: String| RuleError { found: text.to_string(), why };
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let parameters: Vec<&str> = rest.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        let number = |one: &str| {
            let number = one.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| wrong(format!("\"{one}\" must be a finite number")))
        };
        let numbers = |expected: usize| -> Result<Vec<f64>, RuleError> {
            if parameters.len() != expected {
                return Err(wrong(format!("{name} has {expected} parameters, found {}", parameters.len())));
            }
            parameters.iter().map(|one| number(one)).collect()
        };
        let at_least_zero = |what: &str, value: f64| match value >= 0.0 {
            true => Ok(value),
            false => Err(wrong(format!("{what} must be at least 0, found {value}"))),
        };
        match name {
            "zero" => numbers(0).map(|_| Rule::Zero),
            "epsilon" => Ok(Rule::Epsilon(at_least_zero("ε", numbers(1)?[0])?)),
            "gamma" => Ok(Rule::Gamma(at_least_zero("γ", numbers(1)?[0])?)),
            "w-square" => numbers(0).map(|_| Rule::WSquare),
            "flat" => numbers(0).map(|_| Rule::Flat),
            "pass" => numbers(0).map(|_| Rule::Pass),
            "z-plus" => match parameters[..] {
                [] => Ok(Rule::ZPlus { ignore_bias: false }),
                ["ignore-bias"] => Ok(Rule::ZPlus { ignore_bias: true }),
                _ => Err(wrong("z-plus has no parameter but ignore-bias".to_string())),
            },
            "alpha-beta" => {
                let redistribute = parameters.last() == Some(&"redistribute");
                let &[alpha, beta] = &parameters[..parameters.len() - usize::from(redistribute)] else {
                    return Err(wrong("alpha-beta has two parameters, α and β".to_string()));
                };
                let (alpha, beta) = (number(alpha)?, number(beta)?);
                if (alpha + beta - 1.0).abs() > 1e-9 {
                    let other_sign = (alpha - beta - 1.0).abs() <= 1e-9 && beta > 0.0;
                    let hint = if other_sign {
                        format!("; the same rule here is alpha-beta:{alpha},{}", -beta)
                    } else {
                        String::new()
                    };
                    return Err(wrong(format!("α + β must be 1, found {alpha} and {beta}{hint}")));
                }
                Ok(Rule::AlphaBeta { alpha, beta, redistribute })
            }
            "z-box" if parameters.is_empty() => Ok(Rule::ZBox(None)),
            "z-box" => {
                let &[low, high] = &parameters[..] else {
                    return Err(wrong("z-box has two parameters, l and h, or none".to_string()));
                };
                let list = |text: &str| text.split_whitespace().map(number).collect::<Result<Vec<f64>, _>>();
                let (low, high) = (list(low)?, list(high)?);
                if low.len() != high.len() || low.iter().zip(&high).any(|(low, high)| low > high) {
                    return Err(wrong("z-box needs as many h as l, none of them smaller".to_string()));
                }
                Ok(Rule::ZBox(Some(Bounds { low, high })))
            }
            _ => Err(wrong(format!("must be one of {NAMES}"))),
        }
    }
}

serde_as_text!(Rule);

/// Where the part of the relevance goes that belongs to the bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BiasPart {
    /// It is kept.
    Kept,
    /// It is spread evenly over the inputs of each output.
    Spread,
}

/// What a linear layer keeps of the relevance of an item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Kept {
    /// The bias' part.
    pub bias: f64,
    /// The stabiliser's part.
    pub stabiliser: f64,
    /// What met a denominator of 0.
    pub undefined: f64,
    /// Number of outputs whose relevance did.
    pub undefined_outputs: usize,
}

/// The way back through a linear layer.
#[must_use = "relevance that is not booked is lost"]
pub(super) struct Shared<T> {
    /// Relevance of the inputs.
    pub relevance: Vec<T>,
    /// What was kept, by item.
    pub kept: Vec<Kept>,
}

/// What a rule is given.
pub(super) struct Given<'a, T: Real> {
    pub layer: &'a dyn Linear<T>,
    pub batch: usize,
    /// x; several inputs one after the other.
    pub input: &'a [T],
    /// z_j, what the layer made of them.
    pub output: &'a [T],
    /// R of the outputs.
    pub relevance: &'a [T],
    pub bias: BiasPart,
    /// l and h of every input of an item, for z-box.
    pub bounds: Option<(&'a [T], &'a [T])>,
}

/// Shares relevance by a rule.
pub(super) fn share<T: Real>(rule: &Rule, given: &Given<'_, T>) -> Shared<T> {
    let mut sharing = Sharing::new(given);
    match rule {
        Rule::Zero => epsilon::share(&mut sharing, 0.0),
        Rule::Epsilon(stabiliser) => epsilon::share(&mut sharing, *stabiliser),
        Rule::AlphaBeta { alpha, beta, redistribute } => alpha_beta::share(&mut sharing, *alpha, *beta, *redistribute),
        Rule::ZPlus { ignore_bias } => alpha_beta::share_positive(&mut sharing, *ignore_bias),
        Rule::Gamma(gamma) => gamma::share(&mut sharing, *gamma),
        Rule::ZBox(_) => z_box::share(&mut sharing),
        Rule::WSquare => flat::share(&mut sharing, Part::Square),
        Rule::Flat => flat::share(&mut sharing, Part::Ones),
        Rule::Pass => sharing.relevance = given.relevance.to_vec(),
    }
    sharing.finish()
}

/// The common part of all rules: dividing what arrives, booking what is kept, sending the rest.
struct Sharing<'a, T: Real> {
    given: &'a Given<'a, T>,
    outputs: usize,
    /// b_j, if the layer has any.
    biases: Option<Vec<T>>,
    /// What the inputs got so far; empty before they got anything.
    relevance: Vec<T>,
    kept: Vec<Kept>,
    /// Whether a part of an output's relevance met a denominator of 0; empty until one did.
    undefined: Vec<bool>,
}

/// An output of a batch.
#[derive(Clone, Copy)]
struct Output<T> {
    /// Its place, counted over all items.
    at: usize,
    /// b_j.
    bias: T,
    /// The denominator.
    z: T,
}

impl<'a, T: Real> Sharing<'a, T> {
    fn new(given: &'a Given<'a, T>) -> Self {
        Self {
            given,
            outputs: given.layer.outputs(),
            biases: given.layer.bias(),
            relevance: Vec::new(),
            kept: vec![Kept::default(); given.batch],
            undefined: Vec::new(),
        }
    }

    /// `Σ_i x_i v_ij`.
    fn up(&self, part: Part, x: &[T]) -> Vec<T> {
        self.given.layer.up(part, self.given.batch, x)
    }

    /// Adds `f(b_j)` to every output.
    fn add_bias(&self, z: &mut [T], f: impl Fn(T) -> T) {
        if let Some(biases) = &self.biases {
            for item in z.chunks_exact_mut(self.outputs) {
                item.iter_mut().zip(biases).for_each(|(z, &b)| *z += f(b));
            }
        }
    }

    /// `s_j = R_j a_j/z_j`, a_j being the coefficient of this part. Where z_j is 0 the part is undefined; the bias' part `b'_j` and the
    /// stabiliser `e_j` of z_j are kept.
    #[inline]
    fn divide(
        &mut self,
        z: &[T],
        coefficient: impl Fn(usize) -> T,
        bias: impl Fn(Output<T>) -> T,
        stabiliser: impl Fn(Output<T>) -> T,
    ) -> Vec<T> {
        let outputs = self.outputs.max(1);
        let mut s = vec![T::ZERO; z.len()];
        let none = vec![T::ZERO; if self.biases.is_some() { 0 } else { outputs }];
        let biases = self.biases.as_ref().unwrap_or(&none);
        let is_kept = self.given.bias == BiasPart::Kept;
        let items = z.chunks_exact(outputs).zip(self.given.relevance.chunks_exact(outputs));
        for (item, ((z, relevance), s)) in items.zip(s.chunks_exact_mut(outputs)).enumerate() {
            // Several sums side by side, in an order that is always the same.
            let (mut of_bias, mut of_stabiliser) = ([0.0; LANES], [0.0; LANES]);
            let mut is_undefined = false;
            let mut one = |number: usize, lane: usize, z: T, relevance: T, b: T| {
                let output = Output { at: item * outputs + number, bias: b, z };
                let part = coefficient(output.at) * relevance;
                let is_zero = z == T::ZERO;
                is_undefined |= is_zero & (part != T::ZERO);
                let share = if is_zero { T::ZERO } else { part / z };
                of_stabiliser[lane] += (share * stabiliser(output)).wide();
                of_bias[lane] += (share * bias(output)).wide();
                share
            };
            let whole = outputs / LANES * LANES;
            let ((chunks_z, _), (chunks_r, _)) = (z.as_chunks::<LANES>(), relevance.as_chunks::<LANES>());
            let ((chunks_s, rest), (chunks_b, _)) = (s.as_chunks_mut::<LANES>(), biases.as_chunks::<LANES>());
            let chunks = chunks_s.iter_mut().zip(chunks_z.iter().zip(chunks_r).zip(chunks_b));
            for (first, (s, ((z, relevance), biases))) in chunks.enumerate() {
                for lane in 0..LANES {
                    s[lane] = one(first * LANES + lane, lane, z[lane], relevance[lane], biases[lane]);
                }
            }
            for (lane, s) in rest.iter_mut().enumerate() {
                let number = whole + lane;
                *s = one(number, lane, z[number], relevance[number], biases[number]);
            }
            if is_kept {
                self.kept[item].bias += of_bias.iter().sum::<f64>();
            }
            self.kept[item].stabiliser += of_stabiliser.iter().sum::<f64>();
            if is_undefined {
                if self.undefined.is_empty() {
                    self.undefined = vec![false; self.given.relevance.len()];
                }
                for (number, (&z, &relevance)) in z.iter().zip(relevance).enumerate() {
                    let at = item * outputs + number;
                    let part = coefficient(at) * relevance;
                    if z == T::ZERO && part != T::ZERO {
                        self.kept[item].undefined += part.wide();
                        self.undefined[at] = true;
                    }
                }
            }
        }
        if !is_kept && self.biases.is_some() {
            self.spread_bias(z, &s, bias);
        }
        s
    }

    /// Spreads `s_j b'_j` over the inputs of j.
    fn spread_bias(&mut self, z: &[T], s: &[T], bias: impl Fn(Output<T>) -> T) {
        let counts = self.counts();
        let biases = self.biases.take().unwrap_or_default();
        let mut even = vec![T::ZERO; s.len()];
        for (at, (even, (&s, &z))) in even.iter_mut().zip(s.iter().zip(z)).enumerate() {
            let number = at % self.outputs;
            let (amount, inputs) = (s * bias(Output { at, bias: biases[number], z }), counts[number]);
            // An output without inputs can't spread anything.
            if inputs == T::ZERO {
                self.kept[at / self.outputs].bias += amount.wide();
            } else {
                *even = amount / inputs;
            }
        }
        self.biases = Some(biases);
        self.send(None, Part::Ones, &even);
    }

    /// Number of inputs of every output of an item.
    fn counts(&self) -> Vec<T> {
        self.of_ones(Part::Ones)
    }

    /// `Σ_i v_ij` of every output of an item.
    fn of_ones(&self, part: Part) -> Vec<T> {
        self.given.layer.up(part, 1, &vec![T::ONE; self.given.layer.inputs()])
    }

    /// Adds `x_i Σ_j v_ij s_j` to the relevance of every input; x is 1 if none is given.
    fn send(&mut self, x: Option<&[T]>, part: Part, s: &[T]) {
        let mut down = self.given.layer.down(part, self.given.batch, s);
        if let Some(x) = x {
            down.iter_mut().zip(x).for_each(|(down, &x)| *down = x * *down);
        }
        if self.relevance.is_empty() {
            self.relevance = down;
        } else {
            self.relevance.iter_mut().zip(down).for_each(|(r, down)| *r += down);
        }
    }

    fn finish(mut self) -> Shared<T> {
        for (item, undefined) in self.undefined.chunks_exact(self.outputs.max(1)).enumerate() {
            self.kept[item].undefined_outputs = undefined.iter().filter(|undefined| **undefined).count();
        }
        if self.relevance.is_empty() {
            self.relevance = vec![T::ZERO; self.given.input.len()];
        }
        Shared { relevance: self.relevance, kept: self.kept }
    }
}

/// Sums that are kept side by side.
const LANES: usize = 8;

/// What is not kept.
fn nothing<T: Real>(_: Output<T>) -> T {
    T::ZERO
}

/// The positive and the negative part of an input; none where there is nothing.
fn parts<T: Real>(input: &[T]) -> (Vec<T>, Option<Vec<T>>) {
    let positive = input.iter().map(|&x| x.positive()).collect();
    let negative = input.iter().any(|&x| x < T::ZERO).then(|| input.iter().map(|&x| x.negative()).collect());
    (positive, negative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written_alike() {
        for text in [
            "zero",
            "epsilon:0.01",
            "alpha-beta:2,-1",
            "alpha-beta:2,-1,redistribute",
            "z-plus",
            "z-plus:ignore-bias",
            "gamma:0.25",
            "z-box",
            "z-box:-1,1",
            "z-box:-1 -2 -3,1 2 3",
            "w-square",
            "flat",
            "pass",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let why = |text: &str| text.parse::<Rule>().unwrap_err().to_string();
        assert!(
            why("alpha-beta:2,1").contains("α + β must be 1, found 2 and 1; the same rule here is alpha-beta:2,-1")
        );
        assert!(why("alpha-beta:2,2").ends_with("found 2 and 2"));
        assert!(why("epsilon:-1").contains("ε must be at least 0"));
        assert!(why("epsilon").contains("epsilon has 1 parameters, found 0"));
        assert!(why("gamma:nan").contains("must be a finite number"));
        assert!(why("z-box:1,-1").contains("none of them smaller"));
        assert!(why("epsilonn").contains("must be one of zero, epsilon:ε"));
    }
}
