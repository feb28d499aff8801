//! Roots of a function of many variables: points near x where it changes its sign.
//!
//! A root is looked for on straight segments from x to candidates where the function is known to have the other sign. On a segment
//! the bracket `[low, high]`, whose ends differ in sign, is cut by the secant (with the Illinois rule, Dowell & Jarratt 1971), and every third time
//! in half, until `|f| ≤ 1e-10·max(1, |f(x)|)` or the bracket's ends are neighbours. Or one descends from x along the gradient, as far as a linear
//! function would need. Knows nothing of the kind of model.

/// Cuts of a bracket at most; halvings alone end between neighbouring numbers after about 1,100, and secants long before.
const MAX_CUTS: usize = 600;
/// `|f|` that counts as 0, relative to max(1, |f(x)|).
const TOLERANCE: f64 = 1e-10;
/// Steps of a descent at most.
const MAX_STEPS: usize = 200;
/// Candidates whose values are asked for together: a function may compute several at less than their single costs.
const BATCH: usize = 8;

/// A real function of many variables.
pub trait Function {
    /// Its values at several points.
    fn values(&self, points: &[Vec<f64>]) -> Vec<f64>;

    /// Its value at one point.
    fn value(&self, point: Vec<f64>) -> f64 {
        self.values(&[point])[0]
    }
}

/// A point where the function vanishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// The point.
    pub point: Vec<f64>,
    /// Its Euclidean distance from x.
    pub distance: f64,
    /// The candidate whose segment it lies on.
    pub candidate: usize,
    /// f there.
    pub value: f64,
}

/// The function changes its sign on no segment.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("no root: the score is {value}, and none of {candidates} points on the other side leads across 0")]
pub struct NoRoot {
    /// The function's value at x.
    pub value: f64,
    /// Segments tried.
    pub candidates: usize,
}

/// A function with a gradient.
pub trait Differentiable: Function {
    /// Its value and its gradient at a point.
    fn value_and_gradient(&self, point: &[f64]) -> (f64, Vec<f64>);
}

/// Why a descent ended without a root.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoDescent {
    /// The gradient vanishes, so no step leads anywhere.
    #[error("no root: the gradient vanishes after {steps} steps, where the score is {value}")]
    Flat {
        /// Number of steps that were made.
        steps: usize,
        /// The function's value there.
        value: f64,
    },
    /// The function is not near enough to 0 after the last step.
    #[error("no root: after {steps} steps along the gradient the score is still {value}")]
    TooFar {
        /// Number of steps that were made.
        steps: usize,
        /// The function's value there.
        value: f64,
    },
}

/// The root that steps `−f ∇f/‖∇f‖²` lead to from `x`, until `|f| ≤ 1e-10·max(1, |f(x)|)`, after 200 at most.
///
/// # Errors
/// [`NoDescent`].
pub fn descend(function: &dyn Differentiable, x: &[f64]) -> Result<Root, NoDescent> {
    let mut point = x.to_vec();
    let mut tolerance = None;
    for steps in 0..=MAX_STEPS {
        let (value, gradient) = function.value_and_gradient(&point);
        let tolerance = *tolerance.get_or_insert(TOLERANCE * value.abs().max(1.0));
        if value.abs() <= tolerance {
            let distance = distance(x, &point);
            return Ok(Root { point, distance, candidate: 0, value });
        }
        let squares: f64 = gradient.iter().map(|g| g * g).sum();
        let step = -value / squares;
        if !step.is_finite() {
            return Err(NoDescent::Flat { steps, value });
        }
        if steps == MAX_STEPS {
            return Err(NoDescent::TooFar { steps, value });
        }
        point.iter_mut().zip(&gradient).for_each(|(point, g)| *point += step * g);
    }
    unreachable!("the last step returns")
}

/// A search for roots about the point x.
pub struct Search<'a> {
    function: &'a dyn Function,
    x: &'a [f64],
    at_x: f64,
}

impl<'a> Search<'a> {
    /// A search about `x`, where the function is `at_x`.
    pub fn new(function: &'a dyn Function, x: &'a [f64], at_x: f64) -> Self {
        Self { function, x, at_x }
    }

    /// The root nearest to x on the segments to the `candidates`, the first of equals; none if the function changes its sign on none of them.
    ///
    /// A segment is searched only if the function has changed its sign where the best root so far is as far away, so most
    /// candidates cost one value. (A segment with several sign changes before that place can hide a nearer root.)
    pub fn nearest(&self, candidates: &[Vec<f64>]) -> Option<Root> {
        if self.at_x == 0.0 {
            return Some(self.own());
        }
        let lengths: Vec<f64> = candidates.iter().map(|end| distance(self.x, end)).collect();
        let mut best: Option<Root> = None;
        let numbers: Vec<usize> = (0..candidates.len()).collect();
        for batch in numbers.chunks(BATCH) {
            let reach = |best: &Option<Root>, candidate: usize| {
                best.as_ref().map_or(1.0, |root| (root.distance / lengths[candidate]).min(1.0))
            };
            let known = best.as_ref().map(|root| root.candidate);
            let places: Vec<f64> = batch.iter().map(|&candidate| reach(&best, candidate)).collect();
            let points: Vec<Vec<f64>> =
                batch.iter().zip(&places).map(|(&candidate, &t)| self.point(&candidates[candidate], t)).collect();
            for ((&candidate, &place), value) in batch.iter().zip(&places).zip(self.function.values(&points)) {
                if !self.changed(value) {
                    continue;
                }
                let (mut place, mut value) = (place, value);
                if best.as_ref().map(|root| root.candidate) != known {
                    // A root of this very batch has come nearer.
                    place = reach(&best, candidate);
                    value = self.function.value(self.point(&candidates[candidate], place));
                    if !self.changed(value) {
                        continue;
                    }
                }
                let root = self.between(candidates, candidate, place, value, lengths[candidate]);
                if best.as_ref().is_none_or(|best| root.distance < best.distance) {
                    best = Some(root);
                }
            }
        }
        best
    }

    /// A root on every segment on which the function changes its sign between the ends.
    pub fn all(&self, candidates: &[Vec<f64>]) -> Vec<Root> {
        if self.at_x == 0.0 {
            return vec![self.own()];
        }
        let mut roots = Vec::new();
        for (batch, ends) in candidates.chunks(BATCH).enumerate() {
            for (within, value) in self.function.values(ends).into_iter().enumerate() {
                if self.changed(value) {
                    let candidate = batch * BATCH + within;
                    let length = distance(self.x, &candidates[candidate]);
                    roots.push(self.between(candidates, candidate, 1.0, value, length));
                }
            }
        }
        roots
    }

    /// x itself.
    fn own(&self) -> Root {
        Root { point: self.x.to_vec(), distance: 0.0, candidate: 0, value: 0.0 }
    }

    fn changed(&self, value: f64) -> bool {
        value == 0.0 || (value > 0.0) != (self.at_x > 0.0)
    }

    fn point(&self, end: &[f64], t: f64) -> Vec<f64> {
        self.x.iter().zip(end).map(|(x, end)| x + t * (end - x)).collect()
    }

    /// The root between x and the place `high` of a candidate's segment, where the function has another sign.
    fn between(&self, candidates: &[Vec<f64>], candidate: usize, high: f64, at_high: f64, length: f64) -> Root {
        let end = &candidates[candidate];
        let tolerance = TOLERANCE * self.at_x.abs().max(1.0);
        // The bracket's ends: place and value.
        let (mut low, mut high) = ((0.0, self.at_x), (high, at_high));
        // What the secant takes for the values: an end that stays twice counts half (the Illinois rule).
        let (mut weight_low, mut weight_high) = (self.at_x, at_high);
        let mut moved = std::cmp::Ordering::Equal;
        for cut in 0..MAX_CUTS {
            if low.1.abs().min(high.1.abs()) <= tolerance {
                break;
            }
            let secant = (low.0 * weight_high - high.0 * weight_low) / (weight_high - weight_low);
            let halving = low.0 + (high.0 - low.0) / 2.0;
            let t = if cut % 3 < 2 && secant > low.0 && secant < high.0 { secant } else { halving };
            if t <= low.0 || t >= high.0 {
                break;
            }
            let value = self.function.value(self.point(end, t));
            if self.changed(value) {
                (high, weight_high) = ((t, value), value);
                weight_low = if moved == std::cmp::Ordering::Less { weight_low / 2.0 } else { weight_low };
                moved = std::cmp::Ordering::Less;
            } else {
                (low, weight_low) = ((t, value), value);
                weight_high = if moved == std::cmp::Ordering::Greater { weight_high / 2.0 } else { weight_high };
                moved = std::cmp::Ordering::Greater;
            }
        }
        let (t, value) = if low.1.abs() < high.1.abs() { low } else { high };
        Root { point: self.point(end, t), distance: t * length, candidate, value }
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A quartic bowl, less a constant, with a kink.
    struct Bowl(f64);

    impl Function for Bowl {
        fn values(&self, points: &[Vec<f64>]) -> Vec<f64> {
            let value = |p: &Vec<f64>| p.iter().map(|v| v.powi(4) + 0.3 * v.abs()).sum::<f64>() - self.0;
            points.iter().map(value).collect()
        }
    }

    /// Bisection, two hundred times, on every segment.
    fn by_bisection(function: &dyn Function, x: &[f64], end: &[f64]) -> f64 {
        let at = |t: f64| function.value(x.iter().zip(end).map(|(x, e)| x + t * (e - x)).collect());
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..200 {
            let middle = (low + high) / 2.0;
            if (at(middle) > 0.0) == (at(0.0) > 0.0) { low = middle } else { high = middle }
        }
        high * distance(x, end)
    }

    proptest! {
        #[test]
        fn the_nearest_root_is_the_nearest_of_all_bisections(
            x in proptest::collection::vec(-0.4f64..0.4, 3),
            ends in proptest::collection::vec(proptest::collection::vec(-3.0f64..3.0, 3), 0..30), level in 1.0f64..9.0,
        ) {
            let bowl = Bowl(level);
            let at_x = bowl.value(x.clone());
            prop_assert!(at_x < 0.0);
            let search = Search::new(&bowl, &x, at_x);
            let crossing: Vec<&Vec<f64>> = ends.iter().filter(|end| bowl.value((*end).clone()) >= 0.0).collect();
            let slow = crossing.iter().map(|end| by_bisection(&bowl, &x, end)).fold(f64::INFINITY, f64::min);
            match search.nearest(&ends) {
                None => prop_assert!(crossing.is_empty()),
                Some(root) => {
                    prop_assert!(root.value.abs() <= 1e-10 * at_x.abs().max(1.0));
                    prop_assert!((root.distance - slow).abs() < 1e-8 * slow.max(1.0), "{} instead of {}", root.distance, slow);
                    prop_assert!((distance(&x, &root.point) - root.distance).abs() < 1e-12 * root.distance.max(1.0));
                }
            }
            let all = search.all(&ends);
            prop_assert_eq!(all.len(), crossing.len());
            for root in all {
                let slow = by_bisection(&bowl, &x, &ends[root.candidate]);
                prop_assert!((root.distance - slow).abs() < 1e-8 * slow.max(1.0));
            }
        }
    }

    /// A step has no value near 0: the search ends between neighbouring numbers.
    #[test]
    fn a_jump_ends_the_search_at_its_place() {
        struct Step;
        impl Function for Step {
            fn values(&self, points: &[Vec<f64>]) -> Vec<f64> {
                points.iter().map(|p| if p[0] < 0.7 { -3.0 } else { 5.0 }).collect()
            }
        }
        let root = Search::new(&Step, &[0.0], -3.0).nearest(&[vec![1.0]]).unwrap();
        assert!((root.point[0] - 0.7).abs() < 1e-9, "{root:?}");
    }

    #[test]
    fn where_the_function_vanishes_already_x_is_its_own_root() {
        let root = Search::new(&Bowl(0.0), &[0.0, 0.0], 0.0).nearest(&[]).unwrap();
        assert_eq!((root.distance, root.point), (0.0, vec![0.0, 0.0]));
    }
}
