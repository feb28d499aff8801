//! The account of a score: where every part of it went, and what is left over.
//!
//! `f = Σ_q R1_q + Σ_a kept_a + error` over all accounts a, and an explanation is refused unless `|error| ≤ 1e-9·max(1, |f|)`. Each step
//! of the way back returns what it did not pass on as a [`Kept`], which the compiler does not let anyone drop.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

crate::closed_set! {
    /// Where relevance goes that reaches no pixel.
    pub enum Account as "account" {
        /// The bias, if it is not spread over the inputs.
        BiasSink = "bias_sink",
        /// What the first order of a Taylor expansion leaves.
        TaylorResidual = "taylor_residual",
        /// The score at the point from which a change is explained: root point or baseline.
        RootValue = "root_value",
        /// What a quadrature misses of its integral.
        Quadrature = "quadrature",
        /// Relevance that found nothing to go to.
        NoReceiver = "no_features",
        /// The stabilisers' part of denominators.
        Stabiliser = "stabiliser",
        /// Relevance that met a denominator of 0.
        Undefined = "undefined",
        /// The score less the sum, of methods that conserve nothing.
        Unexplained = "unexplained",
    }
}

impl Account {
    /// What the account is called in a printed explanation.
    pub const fn label(self) -> &'static str {
        match self {
            Account::BiasSink => "the bias, kept apart from the pixels",
            Account::TaylorResidual => "the Taylor expansion's residual",
            Account::RootValue => "the score at the root point or baseline",
            Account::Quadrature => "what the integral's 32 nodes miss",
            Account::NoReceiver => "found no local feature to go to",
            Account::Stabiliser => "the rules' stabilisers",
            Account::Undefined => "met a denominator of 0",
            Account::Unexplained => "unexplained: derivatives conserve nothing",
        }
    }
}

crate::closed_set! {
    /// A part of the pixels' sum that is spread evenly, so it says nothing about places.
    pub enum Note as "note" {
        /// Relevance of what the picture lacks: dimensions that no feature fills. It is spread evenly, so it is no evidence.
        Lacking = "through_empty_dimensions",
        /// The bias, if it is spread. Its share in dimensions that no feature fills is in both notes.
        SpreadBias = "spread_bias",
        /// That share.
        LackingBias = "spread_bias_through_empty_dimensions",
    }
}

impl Account {
    /// Whether files have it even if it is empty; younger accounts are written only if they hold something.
    const fn is_always_written(self) -> bool {
        matches!(self, Account::BiasSink | Account::TaylorResidual | Account::NoReceiver)
    }
}

/// Relevance that a step did not pass on.
#[must_use = "relevance that is not booked is lost"]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    /// The account that it belongs to.
    pub account: Account,
    /// The amount, in the unit of the score.
    pub amount: f64,
}

/// The conservation error is too large: the explanation is wrong and must not be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("relevance is not conserved: score {score} but {accounted} accounted for, error {error:e}")]
pub struct NotConserved {
    /// f.
    pub score: f64,
    /// The sum of pixels and accounts.
    pub accounted: f64,
    /// The difference of the two.
    pub error: f64,
}

/// Largest conservation error allowed, relative to max(1, |f|).
pub const TOLERANCE: f64 = 1e-9;

/// The account of one explanation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// f, or f_a − f_b.
    pub score: f64,
    /// Σ_q R1_q.
    pub sum_relevance: f64,
    /// The score less the pixels' sum and all accounts.
    pub error: f64,
    kept: [f64; Account::ALL.len()],
    noted: [f64; Note::ALL.len()],
}

impl Ledger {
    /// Opens the account of `score`.
    pub fn open(score: f64) -> Self {
        Self { score, ..Self::default() }
    }

    /// Summarises a picture that was explained by windows, each with a balanced account of its own.
    ///
    /// Holds the picture's `score`, the averaged map's sum as it is, and the windows' largest error relative to max(1, |f|). There is no
    /// account between score and sum.
    pub fn for_windows<'a>(score: f64, sum_relevance: f64, windows: impl IntoIterator<Item = &'a Ledger>) -> Self {
        let relative = |ledger: &Ledger| ledger.error / ledger.score.abs().max(1.0);
        let larger = |a: f64, b: f64| if b.abs() > a.abs() { b } else { a };
        let error = windows.into_iter().map(relative).fold(0.0, larger);
        Self { score, sum_relevance, error, ..Self::default() }
    }

    /// Averages two accounts and closes the mean with the sum of the mean map.
    ///
    /// # Errors
    /// Those of [`Ledger::close`].
    pub fn mean(&self, other: &Ledger, sum_relevance: f64) -> Result<Self, NotConserved> {
        let mean = |a: f64, b: f64| (a + b) / 2.0;
        Self {
            score: mean(self.score, other.score),
            kept: std::array::from_fn(|i| mean(self.kept[i], other.kept[i])),
            noted: std::array::from_fn(|i| mean(self.noted[i], other.noted[i])),
            ..Self::default()
        }
        .close(sum_relevance)
    }

    /// Books what a step did not pass on.
    pub fn book(&mut self, kept: Kept) {
        self.kept[kept.account as usize] += kept.amount;
    }

    /// Adds to a part of the pixels' sum that is no evidence.
    pub fn note(&mut self, note: Note, amount: f64) {
        self.noted[note as usize] += amount;
    }

    /// Relevance in `account`, in the unit of the score.
    pub fn kept(&self, account: Account) -> f64 {
        self.kept[account as usize]
    }

    /// The part of the pixels' sum that `note` stands for.
    pub fn noted(&self, note: Note) -> f64 {
        self.noted[note as usize]
    }

    /// The part of the pixels' sum that the picture's places decide: without the spread bias, and without what the picture lacks.
    pub fn places(&self) -> f64 {
        self.sum_relevance - self.lacking() - self.noted(Note::SpreadBias)
    }

    /// The part of the pixels' sum that stands for what the picture lacks, without the spread bias.
    pub fn lacking(&self) -> f64 {
        self.noted(Note::Lacking) - self.noted(Note::LackingBias)
    }

    /// Closes the account with the pixels' sum.
    ///
    /// # Errors
    /// [`NotConserved`] if more than [`TOLERANCE`]`·max(1, |f|)` is missing, or anything is not finite.
    pub fn close(self, sum_relevance: f64) -> Result<Self, NotConserved> {
        let magnitude = self.score.abs();
        self.close_within(sum_relevance, TOLERANCE, magnitude)
    }

    /// The same where relevance grew beyond the score on its way: `magnitude` is the largest sum of magnitudes of any layer.
    ///
    /// # Errors
    /// [`NotConserved`] if more than `tolerance · max(1, magnitude)` is missing, or anything is not finite.
    pub fn close_within(mut self, sum_relevance: f64, tolerance: f64, magnitude: f64) -> Result<Self, NotConserved> {
        self.sum_relevance = sum_relevance;
        let accounted = self.kept.iter().fold(sum_relevance, |sum, kept| sum + kept);
        self.error = self.score - accounted;
        // Written so that NaN fails.
        if self.error.abs() <= tolerance * magnitude.max(1.0) {
            Ok(self)
        } else {
            Err(NotConserved { score: self.score, accounted, error: self.error })
        }
    }
}

/// In files: one number per name, accounts and notes beside score, sum and error.
impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("score", &self.score)?;
        map.serialize_entry("sum_relevance", &self.sum_relevance)?;
        for account in Account::ALL {
            if account.is_always_written() || self.kept(*account) != 0.0 {
                map.serialize_entry(account, &self.kept(*account))?;
            }
        }
        map.serialize_entry("error", &self.error)?;
        for note in Note::ALL {
            map.serialize_entry(note, &self.noted(*note))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = BTreeMap::<String, f64>::deserialize(deserializer)?;
        let needed =
            |name: &'static str| numbers.get(name).copied().ok_or_else(|| serde::de::Error::missing_field(name));
        let mut ledger = Self {
            score: needed("score")?,
            sum_relevance: needed("sum_relevance")?,
            error: needed("error")?,
            ..Self::default()
        };
        // An account that is younger than the file held nothing.
        let amount = |name: &str| numbers.get(name).copied().unwrap_or(0.0);
        Account::ALL.iter().for_each(|&account| ledger.kept[account as usize] = amount(account.name()));
        Note::ALL.iter().for_each(|&note| ledger.noted[note as usize] = amount(note.name()));
        Ok(ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_relevance_in_any_account_is_noticed() {
        for &account in Account::ALL {
            let mut ledger = Ledger::open(3.0);
            ledger.book(Kept { account, amount: 0.5 });
            ledger.book(Kept { account, amount: 0.25 });
            assert_eq!(ledger.kept(account), 0.75);
            assert!(ledger.clone().close(2.25).is_ok());
            assert!(ledger.clone().close(2.25 + 2e-9).is_ok());
            assert!(ledger.clone().close(2.25 + 4e-9).is_err());
            assert!(ledger.clone().close(2.25 - 4e-9).is_err());
            assert!(ledger.close(f64::NAN).is_err());
        }
    }

    #[test]
    fn files_hold_one_number_per_name() {
        let mut ledger = Ledger::open(3.0);
        ledger.book(Kept { account: Account::BiasSink, amount: 0.5 });
        ledger.note(Note::SpreadBias, 0.25);
        let ledger = ledger.close(2.5).unwrap();
        assert_eq!((ledger.places(), ledger.lacking()), (2.25, 0.0));
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(
            text,
            "{\"score\":3.0,\"sum_relevance\":2.5,\"bias_sink\":0.5,\"taylor_residual\":0.0,\"no_features\":0.0,\"error\":0.0,\
             \"through_empty_dimensions\":0.0,\"spread_bias\":0.25,\"spread_bias_through_empty_dimensions\":0.0}"
        );
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
        let old = "{\"score\":1.0,\"sum_relevance\":1.0,\"error\":0.0}";
        assert_eq!(serde_json::from_str::<Ledger>(old).unwrap().kept(Account::NoReceiver), 0.0);
        assert!(serde_json::from_str::<Ledger>("{\"score\":1.0,\"error\":0.0}").is_err());
    }

    #[test]
    fn a_mean_account_must_balance_too() {
        let open = |score: f64, amount: f64| {
            let mut ledger = Ledger::open(score);
            ledger.book(Kept { account: Account::BiasSink, amount });
            ledger.note(Note::SpreadBias, 0.5);
            ledger
        };
        let (a, b) = (open(3.0, 1.0).close(2.0).unwrap(), open(-1.0, 2.0).close(-3.0).unwrap());
        let mean = a.mean(&b, -0.5).unwrap();
        assert_eq!((mean.score, mean.kept(Account::BiasSink), mean.sum_relevance), (1.0, 1.5, -0.5));
        assert_eq!(mean.noted(Note::SpreadBias), 0.5);
        assert!(a.mean(&b, -0.5 + 1e-8).is_err());
    }
}
