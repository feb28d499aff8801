//! The account of a score: where every part of it went, and what is left over.
//!
//! `f = Σ_q R1_q + bias_sink + taylor_residual + no_features + error`, and the explanation is refused unless
//! `|error| ≤ 1e-9·max(1, |f|)`. Each step of the way back returns what it did not pass on as a [`Kept`], which the
//! compiler does not let anyone drop.

use serde::{Deserialize, Serialize};

crate::closed_set! {
    /// Where relevance goes that reaches no pixel.
    pub enum Account as "account" {
        /// The bias, where it is not spread over the dimensions.
        BiasSink = "bias_sink",
        /// What a Taylor decomposition's first order leaves.
        TaylorResidual = "taylor_residual",
        /// What found no local feature to go to.
        NoFeatures = "no_features",
    }
}

/// Relevance that a step did not pass on.
#[must_use = "relevance that is not booked is lost"]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    /// Where it goes.
    pub account: Account,
    /// How much.
    pub amount: f64,
}

/// The conservation error is too large: the explanation is wrong and must not be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("relevance is not conserved: score {score} but {accounted} accounted for, error {error:e}")]
pub struct NotConserved {
    /// f.
    pub score: f64,
    /// Pixels and accounts together.
    pub accounted: f64,
    /// The difference.
    pub error: f64,
}

/// Largest conservation error allowed, relative to max(1, |f|).
pub const TOLERANCE: f64 = 1e-9;

/// The account of one explanation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// f, or f_a − f_b.
    pub score: f64,
    /// Σ_q R1_q.
    pub sum_relevance: f64,
    /// The bias, where it is not spread.
    pub bias_sink: f64,
    /// What a Taylor decomposition leaves.
    pub taylor_residual: f64,
    /// What found no local feature.
    pub no_features: f64,
    /// `score − sum_relevance − bias_sink − taylor_residual − no_features`.
    pub error: f64,
    /// Of Σ R1: what came by way of dimensions without mass (the set Z); uniform, no evidence.
    pub through_empty_dimensions: f64,
    /// Of Σ R1: the bias, where it is spread; no evidence either. Its part in Z is counted in both.
    pub spread_bias: f64,
}

impl Ledger {
    /// Opens the account of `score`.
    pub fn open(score: f64) -> Self {
        Self { score, ..Self::default() }
    }

    /// The summary of a picture that was explained by windows, each with a balanced account of its own: the picture's `score`, the averaged map's
    /// sum as it is, and the windows' largest error relative to max(1, |f|). There is no account between score and sum.
    pub fn of_windows<'a>(score: f64, sum_relevance: f64, windows: impl IntoIterator<Item = &'a Ledger>) -> Self {
        let relative = |ledger: &Ledger| ledger.error / ledger.score.abs().max(1.0);
        let larger = |a: f64, b: f64| if b.abs() > a.abs() { b } else { a };
        let error = windows.into_iter().map(relative).fold(0.0, larger);
        Self { score, sum_relevance, error, ..Self::default() }
    }

    /// Books what a step kept.
    pub fn book(&mut self, kept: Kept) {
        *match kept.account {
            Account::BiasSink => &mut self.bias_sink,
            Account::TaylorResidual => &mut self.taylor_residual,
            Account::NoFeatures => &mut self.no_features,
        } += kept.amount;
    }

    /// Closes the account with the pixels' sum.
    ///
    /// # Errors
    /// [`NotConserved`] when more than [`TOLERANCE`]`·max(1, |f|)` is missing, or anything is not finite.
    pub fn close(mut self, sum_relevance: f64) -> Result<Self, NotConserved> {
        self.sum_relevance = sum_relevance;
        let accounted = sum_relevance + self.bias_sink + self.taylor_residual + self.no_features;
        self.error = self.score - accounted;
        // Written so that NaN fails.
        if self.error.abs() <= TOLERANCE * self.score.abs().max(1.0) {
            Ok(self)
        } else {
            Err(NotConserved { score: self.score, accounted, error: self.error })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_noticed() {
        let mut ledger = Ledger::open(3.0);
        ledger.book(Kept { account: Account::BiasSink, amount: 0.5 });
        ledger.book(Kept { account: Account::NoFeatures, amount: 0.25 });
        assert!(ledger.clone().close(2.25).is_ok());
        assert!(ledger.clone().close(2.25 + 2e-9).is_ok());
        assert!(ledger.clone().close(2.25 + 4e-9).is_err());
        assert!(ledger.clone().close(2.25 - 4e-9).is_err());
        assert!(ledger.close(f64::NAN).is_err());
    }
}
