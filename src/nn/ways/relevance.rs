//! Layer-wise relevance propagation: `R_i = Σ_j q_ij R_j` from layer to layer, by a rule each. It starts as f at the category in question, as −f at
//! the one against it.

use super::{Passage, Shares, WayError};
use crate::ledger::{Account, Kept, Ledger, NotConserved};
use crate::nn::real::Real;
use crate::nn::walk::{Backward, Passed};

/// R of every number of the input, with the accounts of the score and of every layer.
pub(super) fn explain<T: Real>(passage: &Passage<'_, T>, how: &Backward<'_, T>) -> Vec<Result<Shares<T>, WayError>> {
    let logits = passage.values.logits();
    let start = passage.chosen.iter().zip(logits).map(|(&chosen, &logit)| T::of(chosen) * logit).collect();
    let relevance = passage.runner.relevance(passage.values, start, how);
    let own = |values: &Option<Vec<T>>, item| values.as_ref().map(|values| passage.of_item(values, item).to_vec());
    let shares = |item: usize| {
        let passed: Vec<Option<Passed>> = relevance.passed.iter().map(|items| items.get(item).copied()).collect();
        let input: Vec<f64> = match &relevance.values[0] {
            Some(reached) => passage.of_item(reached, item).iter().map(|r| r.wide()).collect(),
            None => vec![0.0; passage.input().len() / passage.items()],
        };
        let ledger = account(passage.scores[item], input.iter().sum(), &passed, T::TOLERANCE)?;
        let values = how.keep_all.then(|| relevance.values.iter().map(|values| own(values, item)).collect());
        Ok(Shares { input, norm: false, ledger: Some(ledger), passed, values, root: None })
    };
    (0..passage.items()).map(shares).collect()
}

/// Closes the account of every layer and of the whole; what they may miss is relative to the largest Σ |R| of any layer.
fn account(score: f64, sum: f64, passed: &[Option<Passed>], tolerance: f64) -> Result<Ledger, NotConserved> {
    let layers = || passed.iter().flatten();
    let magnitude = layers().map(|passed| passed.magnitude).fold(score.abs(), f64::max);
    let mut ledger = Ledger::open(score);
    for Passed { received, sent, kept, .. } in layers() {
        let mut own = Ledger::open(*received);
        for (account, amount) in [
            (Account::BiasSink, kept.bias),
            (Account::Stabiliser, kept.stabiliser),
            (Account::Undefined, kept.undefined),
        ] {
            own.book(Kept { account, amount });
            ledger.book(Kept { account, amount });
        }
        own.close_within(*sent, tolerance, magnitude)?;
    }
    ledger.close_within(sum, tolerance, magnitude)
}
