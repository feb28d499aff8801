//! Evidence for and against a score besides pixels: training examples, and elements of what the model has learnt.
//!
//! Examples: `f(x) − b = Σ_i c_i`, one contribution c_i per training picture. Elements: each has a share of the score and a map of
//! its own, and all elements' maps add up to the whole map.

use ndarray::Array2;

use super::ModelError;
use crate::explanation::Target;
use crate::picture::Picture;

/// A training picture and what it contributes to a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    /// Its row among the training pictures that the model keeps.
    pub row: usize,
    /// c_i, in the unit of the score.
    pub contribution: f64,
}

/// The training pictures that contribute most.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// Those with the largest positive contributions, the largest first.
    pub supporting: Vec<Example>,
    /// Those with the largest negative contributions, the most negative first.
    pub opposing: Vec<Example>,
    /// Sum of all other contributions.
    pub rest: f64,
    /// Number of the others.
    pub others: usize,
    /// b.
    pub bias: f64,
}

impl Examples {
    /// Ranks `contributions`, one per row, and shows `count` on each side.
    pub fn new(contributions: &[f64], bias: f64, count: usize) -> Self {
        let mut order: Vec<usize> = (0..contributions.len()).filter(|&row| contributions[row] != 0.0).collect();
        order.sort_by(|&a, &b| contributions[b].total_cmp(&contributions[a]).then(a.cmp(&b)));
        let example = |&row: &usize| Example { row, contribution: contributions[row] };
        let has = |sign: f64| move |example: &Example| example.contribution * sign > 0.0;
        let supporting: Vec<Example> = order.iter().map(example).filter(has(1.0)).take(count).collect();
        let opposing: Vec<Example> = order.iter().rev().map(example).filter(has(-1.0)).take(count).collect();
        let shown = |row: usize| supporting.iter().chain(&opposing).any(|example| example.row == row);
        let others: Vec<f64> = order.iter().filter(|&&row| !shown(row)).map(|&row| contributions[row]).collect();
        Self { rest: others.iter().sum(), others: others.len(), bias, supporting, opposing }
    }

    /// f: the bias and all contributions.
    pub fn score(&self) -> f64 {
        let shown = self.supporting.iter().chain(&self.opposing);
        shown.map(|example| example.contribution).sum::<f64>() + self.rest + self.bias
    }
}

/// Something that the model has learnt to see, and its share of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Element {
    /// The part of the model that it belongs to.
    pub group: usize,
    /// Its number in the group.
    pub number: usize,
    /// Its share of the score.
    pub relevance: f64,
    /// Whether the picture holds it; if not, its map is uniform.
    pub present: bool,
}

/// A partial map, and the relevance that reached no pixel.
#[derive(Debug, Clone)]
pub struct PartMap {
    /// Relevance per pixel, H×W.
    pub relevance: Array2<f64>,
    /// Relevance that no pixel received.
    pub without_receiver: f64,
}

/// A contribution on the pixels of both pictures; each map sums to it.
#[derive(Debug, Clone)]
pub struct Match {
    /// The pixels of the explained picture that the training picture speaks for.
    pub claimed: PartMap,
    /// The matching pixels of the training picture.
    pub answering: PartMap,
}

/// Evidence for and against the scores of one picture.
pub trait Evidence {
    /// c_i of every training picture that the model keeps; with the bias they sum to the score.
    fn contributions(&self, target: Target) -> Vec<f64>;

    /// The `count` training pictures that contribute most for the score, and the `count` that contribute most against it.
    fn examples(&self, target: Target, count: usize) -> Examples;

    /// Shares the contribution of `row` among the pixels of the explained picture and of `example`, the training picture of that row; `None` if the
    /// contribution is no sum over inputs.
    ///
    /// # Errors
    /// Those of carrying `example` forward.
    fn match_example(&self, target: Target, row: usize, example: &Picture) -> Result<Option<Match>, ModelError>;

    /// Splits the score into its elements.
    ///
    /// # Errors
    /// [`ModelError::NotExplained`] if the method does not work for this picture.
    fn elements(&self, target: Target) -> Result<Box<dyn Elements + '_>, ModelError>;
}

/// A score split into its elements.
pub trait Elements {
    /// Every element, the largest |relevance| first.
    fn ranked(&self) -> Vec<Element>;

    /// The map of one element alone.
    fn map(&self, element: &Element) -> PartMap;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_on_each_side_are_shown_and_the_rest_is_summed() {
        let found = Examples::new(&[0.5, 0.0, -1.0, 0.25, 0.5, -0.125], 2.0, 1);
        assert_eq!(found.supporting, [Example { row: 0, contribution: 0.5 }]);
        assert_eq!(found.opposing, [Example { row: 2, contribution: -1.0 }]);
        assert_eq!((found.others, found.rest, found.score()), (3, 0.625, 2.125));
    }
}
