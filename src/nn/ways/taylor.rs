//! The first-order Taylor expansion of a score about a root point x⁰ (B15, Eqs 49–53): `R = (x − x⁰) ⊙ ∂f/∂x(x⁰)`, and
//! `f(x) = Σ R + f(x⁰) + residual`.

use super::{Others, Roots, Shares, Single, WayError};
use crate::ledger::{Account, Kept, Ledger};
use crate::nn::real::Real;
use crate::numeric::root::{Differentiable, Function, NoRoot, Search, descend};

/// Candidates that are carried forward together.
const BATCH: usize = 64;

/// The expansion about the root point of this choice.
pub(super) fn explain<T: Real>(item: &Single<'_, T>, roots: Roots, others: &Others<'_>) -> Result<Shares<T>, WayError> {
    let x = &item.x;
    let root = match roots {
        Roots::Blank => others.blank.clone(),
        Roots::Descend => descend(item, x)?.point,
        Roots::Nearest => towards_nearest(item, others)?,
    };
    let (at_root, gradient) = item.value_and_gradient(&root);
    let relevance: Vec<f64> =
        gradient.iter().zip(x.iter().zip(&root)).map(|(slope, (x, root))| slope * (x - root)).collect();
    let sum = relevance.iter().sum();
    let mut ledger = Ledger::open(item.score);
    ledger.book(Kept { account: Account::RootValue, amount: at_root });
    ledger.book(Kept { account: Account::TaylorResidual, amount: item.score - at_root - sum });
    let magnitude = relevance.iter().fold(at_root.abs().max(item.score.abs()), |sum, r| sum + r.abs());
    let ledger = ledger.close_within(sum, T::TOLERANCE, magnitude)?;
    Ok(Shares { root: Some(root), ..Shares::of_input(relevance, Some(ledger)) })
}

/// The root on the segment to the nearest candidate whose score has the other sign, the first of equals.
fn towards_nearest<T: Real>(item: &Single<'_, T>, others: &Others<'_>) -> Result<Vec<f64>, NoRoot> {
    let (x, score) = (&item.x, item.score);
    let search = Search::new(item, x, score);
    if score == 0.0 {
        return Ok(x.to_vec());
    }
    let square = |number| -> f64 {
        let candidate = (others.candidate)(number);
        candidate.iter().zip(x).map(|(candidate, x)| (candidate - x) * (candidate - x)).sum()
    };
    let mut order: Vec<(f64, usize)> = (0..others.candidates).map(|number| (square(number), number)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for batch in order.chunks(BATCH) {
        let points: Vec<Vec<f64>> = batch.iter().map(|&(_, number)| (others.candidate)(number)).collect();
        let values = item.values(&points);
        let other_side = values.iter().position(|value| value * score < 0.0);
        if let Some(found) = other_side
            && let Some(root) = search.all(&points[found..=found]).pop()
        {
            return Ok(root.point);
        }
    }
    Err(NoRoot { value: score, candidates: others.candidates })
}
