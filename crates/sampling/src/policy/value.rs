//! What is known about a formula, and what that says about the probability of being kept.
//!
//! Truth has three values, after Kleene: a trace that may still grow leaves some questions open. Beside it stands a [`Chance`]: for which
//! other values of chance (the trace's randomness, a salted hash, how much of a limit is used up) the answer would have been the
//! same. Only what is known here may be written into a span's `th`.
//!
//! For given spans, a formula of thresholds, `and` and `or` is true exactly where R >= some T: `and` takes the higher T, `or` the lower.
//! A negated threshold has no such T, nor has a hash of another kind. Where an `or` has members of both sorts, the T of those that have
//! one stands for all R >= T, whatever the others say; so spans that leave with a `th` are by themselves a sample without bias, and what
//! is kept for another reason leaves without one.

use crate::probability::Threshold;

/// For which values of chance an answer would be the same, the spans of the trace being what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chance {
    /// For all.
    Certain,
    /// For every R from this threshold on, if the answer is true. The threshold is above 0.
    AtLeast(Threshold),
    /// For a part of unknown size.
    Unknown,
    /// This depends on what spans the trace will still get.
    Open,
}

/// The value of a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// True, whatever spans the trace will still get.
    True(Chance),
    /// False, whatever spans the trace will still get. Never with [`Chance::AtLeast`].
    False(Chance),
    /// It depends on what spans the trace will still get.
    Open,
}

use Chance::{AtLeast, Certain, Unknown};
use Value::{False, True};

impl Value {
    /// The value of something that only the spans decide.
    pub(super) const fn certain(truth: bool) -> Value {
        if truth { True(Certain) } else { False(Certain) }
    }

    /// The value of something that depends on chance in a way that `th` cannot express.
    pub(super) const fn by_chance(truth: bool) -> Value {
        if truth { True(Unknown) } else { False(Unknown) }
    }

    /// The value of something that, once true, stays true whatever spans come.
    pub(super) const fn once(truth: bool, open: bool) -> Value {
        match (truth, open) {
            (true, _) => True(Certain),
            (false, true) => Value::Open,
            (false, false) => False(Certain),
        }
    }

    /// Whether it is true for sure.
    pub(super) const fn is_true(self) -> bool {
        matches!(self, True(_))
    }

    pub(super) const fn not(self) -> Value {
        match self {
            Value::Open => Value::Open,
            False(chance) => True(chance),
            True(Certain) => False(Certain),
            True(Chance::Open) => False(Chance::Open),
            True(AtLeast(_) | Unknown) => False(Unknown),
        }
    }

    pub(super) fn and(self, other: Value) -> Value {
        match (self, other) {
            (True(one), True(two)) => True(one.both(two)),
            (False(one), False(two)) => False(one.either(two)),
            (False(chance), Value::Open) | (Value::Open, False(chance)) => False(chance.either(Chance::Open)),
            (False(chance), True(_)) | (True(_), False(chance)) => False(chance),
            (Value::Open, _) | (_, Value::Open) => Value::Open,
        }
    }

    pub(super) fn or(self, other: Value) -> Value {
        match (self, other) {
            (True(one), True(two)) => True(one.either(two)),
            (False(one), False(two)) => False(one.both(two)),
            (True(chance), Value::Open) | (Value::Open, True(chance)) => True(chance.either(Chance::Open)),
            (True(chance), False(_)) | (False(_), True(chance)) => True(chance),
            (Value::Open, _) | (_, Value::Open) => Value::Open,
        }
    }
}

impl Chance {
    /// Where both of two answers are as they are.
    fn both(self, other: Chance) -> Chance {
        match (self, other) {
            (Certain, chance) | (chance, Certain) => chance,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Chance::Open, _) | (_, Chance::Open) => Chance::Open,
            (AtLeast(one), AtLeast(two)) => AtLeast(one.max(two)),
        }
    }

    /// Where one of two answers, or the other, is as it is.
    fn either(self, other: Chance) -> Chance {
        match (self, other) {
            (Certain, _) | (_, Certain) => Certain,
            (Chance::Open, _) | (_, Chance::Open) => Chance::Open,
            (Unknown, chance) | (chance, Unknown) => chance,
            (AtLeast(one), AtLeast(two)) => AtLeast(one.min(two)),
        }
    }
}
