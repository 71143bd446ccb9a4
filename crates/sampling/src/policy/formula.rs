//! Rules, compiled: predicates are bits of [`Facts`], the rest is arithmetic on its numbers.

use super::facts::Facts;
use super::limit::Flow;
use super::value::{Chance, Value};
use crate::probability::Threshold;

/// A question about [`Facts`].
#[derive(Clone, Debug)]
pub(super) enum Formula {
    /// The answer is always this.
    Constant(bool),
    /// The predicate of this bit, which some span makes true.
    Bit(u64),
    /// The predicate of this bit, which is known from the first span on and has nothing to do with what the spans are.
    Lot(u64),
    /// Whether the trace takes longer than this, in nanoseconds.
    LongerThan(u64),
    /// Whether there are more spans than this.
    MoreThan(u32),
    /// Whether R >= T. T is above 0.
    Keeps(Threshold),
    Not(Box<Formula>),
    And(Box<[Formula]>),
    Or(Box<[Formula]>),
}

impl Formula {
    /// The answer for a trace that may still grow (`open`) or will not.
    pub(super) fn value(&self, facts: &Facts, open: bool) -> Value {
        match self {
            Formula::Constant(truth) => Value::certain(*truth),
            Formula::Bit(bit) => Value::once(facts.bits & bit != 0, open),
            Formula::Lot(bit) => Value::by_chance(facts.bits & bit != 0),
            Formula::LongerThan(most) => Value::once(facts.duration() > *most, open),
            Formula::MoreThan(most) => Value::once(facts.spans > *most, open),
            Formula::Keeps(threshold) if threshold.keeps(facts.randomness()) => {
                Value::True(Chance::AtLeast(*threshold))
            }
            Formula::Keeps(_) => Value::by_chance(false),
            Formula::Not(inner) => inner.value(facts, open).not(),
            Formula::And(parts) => Value::all(parts, |part| part.value(facts, open)),
            Formula::Or(parts) => Value::any(parts, |part| part.value(facts, open)),
        }
    }
}

impl Value {
    /// The conjunction of many; true of none.
    pub(super) fn all<'a, T: 'a>(
        parts: impl IntoIterator<Item = &'a T>,
        value: impl Fn(&'a T) -> Value,
    ) -> Value {
        parts
            .into_iter()
            .fold(Value::certain(true), |all, part| all.and(value(part)))
    }

    /// The disjunction of many; false of none.
    pub(super) fn any<'a, T: 'a>(
        parts: impl IntoIterator<Item = &'a T>,
        value: impl Fn(&'a T) -> Value,
    ) -> Value {
        parts
            .into_iter()
            .fold(Value::certain(false), |any, part| any.or(value(part)))
    }
}

/// A limit that a trace must fit into after the formula of its policy has said yes.
#[derive(Clone, Debug)]
pub(super) enum Limit {
    /// The window of this index, and how many spans pass in it.
    Spans { window: usize, most: u32 },
    /// The bucket of this index, and how it fills.
    Bytes { bucket: usize, flow: Flow },
    /// The first part that says yes must have room, and then all of them together.
    Composite {
        window: usize,
        most: u32,
        parts: Box<[Part]>,
    },
}

/// A rule of a composite policy.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: Box<str>,
    pub(super) formula: Formula,
    pub(super) window: usize,
    pub(super) most: u32,
}

/// A policy, compiled.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) name: Box<str>,
    pub(super) formula: Formula,
    pub(super) limits: Box<[Limit]>,
    /// Whether a yes drops the trace.
    pub(super) drops: bool,
}
