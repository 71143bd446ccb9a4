//! Policies of tail sampling: what they ask of a trace, and how the answers become a decision.
//!
//! A [`Plan`] is made of policies once. Each span is looked at once, when it arrives ([`Plan::observe_span`]), and leaves its mark on the
//! [`Facts`] of its trace: a bit for each thing that policies ask of single spans, and a few numbers. A decision ([`Plan::decide`]) reads the
//! facts and never the spans.
//!
//! # Decisions
//!
//! 1. A `drop` policy that says yes drops the trace.
//! 2. Otherwise any other policy that says yes keeps it.
//! 3. Policies that limit rates are asked only about traces that nothing else keeps, one after the other until one has room: what they let
//!    pass is not spent on traces that are kept anyway. In an `and` the other rules must hold first. The Collector asks every policy about
//!    every trace.
//!
//! A negated rule (`not`, `invert_match`) is a rule like any other. In the Collector a match of a rule with `invert_match` also overrules
//! the policies that keep the trace; here only `drop` does.
//!
//! While a trace may still get spans, a decision is given only if no span can change it ([`Stage`]).
//!
//! # Probability
//!
//! What is kept must say how much it stands for. A decision says with which probability a trace like this one, that is one with such
//! spans, would have been kept ([`Inclusion`]):
//!
//! | kept by | `th` of its spans |
//! |---|---|
//! | a policy that only the spans decide | stays as it came: such traces are all kept |
//! | a share (`probabilistic`), alone or in `and` and `or` with other rules | the higher of the one that came and the share's. In `and` the highest counts, over several policies the lowest, for all shares use the same randomness |
//! | a limit of rate, a share with a `hash_salt`, a negated share | is erased: the probability is not known |
//!
//! Where policies of several rows say yes, the upper row counts: all that come with such spans and so much randomness are kept, whatever
//! the other policies say. So the spans that leave with a `th` are a sample without bias of all that came with one; what leaves without one
//! is beside it. If a `drop` policy has a share in it, then no more is known of what it spares, and `th` is erased.

mod compile;
mod counts;
mod decide;
mod facts;
mod formula;
mod keys;
mod limit;
mod lot;
mod observe;
mod predicates;
mod rule;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use compile::{MOST, PolicyFault};
pub use counts::{PolicyCounts, Tally};
pub use decide::Limiters;
pub use facts::Facts;
pub use rule::{
    AttributeRule, AttributeTest, Composite, CompositePolicy, Places, Policy, Rule, Share, StatusSet,
};
pub use text::{RegexError, TextTest};

use crate::probability::Threshold;
use formula::{Compiled, Limit};
use predicates::Asked;

/// Policies, compiled.
#[derive(Clone, Debug)]
pub struct Plan {
    policies: Box<[Compiled]>,
    asked: Asked,
    /// Every threshold that a decision can name, rising.
    thresholds: Box<[Threshold]>,
    windows: usize,
    buckets: usize,
}

/// What a resource and a scope have answered: a bit for each predicate of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeBits(u64);

/// Whether a trace may still get spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It may: only a decision that no further span can change is wanted.
    Open,
    /// It is decided on what is there.
    Closed,
}

/// What becomes of a trace, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub outcome: Outcome,
    /// The index of the policy that decided: the drop policy; or of those that keep it the one with the highest probability, the first of
    /// several. Nothing where no policy keeps it.
    pub policy: Option<u8>,
    /// If that is a composite policy, the index of the rule in it.
    pub part: Option<u8>,
    yes: u64,
    no: u64,
}

/// What becomes of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its spans go on.
    Keep(Inclusion),
    /// They do not.
    Drop,
}

/// With which probability a trace with such spans was to be kept, and so what becomes of the `th` of its spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// With certainty: `th` stays as it is, also where there is none.
    Certain,
    /// If its randomness is at least this: `th` becomes the higher of this and the one that it has.
    AtLeast(Threshold),
    /// Nobody knows: `th` is erased.
    Unknown,
}

/// What one policy has said of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes. Of a drop policy, this is to drop the trace.
    Yes,
    /// No.
    No,
    /// Nothing: it limits rates, and another policy keeps the trace; or the decision was made before it could be sure.
    Unasked,
}

impl Verdict {
    /// All of them, in their order.
    pub const ALL: [Verdict; 3] = [Verdict::Yes, Verdict::No, Verdict::Unasked];
}

impl Decision {
    /// Whether the trace is kept.
    pub const fn keeps(&self) -> bool {
        matches!(self.outcome, Outcome::Keep(_))
    }

    /// What the policy of this index has said.
    pub const fn verdict(&self, policy: usize) -> Verdict {
        let bit = if policy < MOST { 1 << policy } else { 0 };
        if self.yes & bit != 0 {
            Verdict::Yes
        } else if self.no & bit != 0 {
            Verdict::No
        } else {
            Verdict::Unasked
        }
    }
}

/// Why there can be no plan of these policies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// One policy is wrong in itself.
    #[error("policy `{name}`: {fault}")]
    Policy {
        /// Which.
        name: String,
        /// What is wrong.
        fault: PolicyFault,
    },
    /// There are more than [`MOST`] policies.
    #[error("there are more policies than {MOST}")]
    TooManyPolicies,
    /// The policies ask more than [`MOST`] different things of spans, resources and scopes.
    #[error("the policies ask more than {MOST} different things of spans, resources and scopes")]
    TooManyPredicates,
    /// The policies have more than [`MOST`] different percentages.
    #[error("the policies have more than {MOST} different percentages")]
    TooManyShares,
}

impl Plan {
    /// The names of the policies, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.policies.iter().map(|policy| &*policy.name)
    }

    /// The name of the policy of this index, as in [`Decision::policy`].
    pub fn name(&self, policy: u8) -> Option<&str> {
        self.policies.get(usize::from(policy)).map(|policy| &*policy.name)
    }

    /// Whether the policy of this index drops traces instead of keeping them.
    pub fn drops(&self, policy: usize) -> bool {
        self.policies.get(policy).is_some_and(|policy| policy.drops)
    }

    /// The name of a rule of a composite policy, as in [`Decision::part`].
    pub fn part_name(&self, policy: u8, part: u8) -> Option<&str> {
        let limits = &self.policies.get(usize::from(policy))?.limits;
        limits.iter().rev().find_map(|limit| match limit {
            Limit::Composite { parts, .. } => parts.get(usize::from(part)).map(|part| &*part.name),
            _ => None,
        })
    }

    /// An [`Inclusion`] of this plan in one byte, for caches of decisions.
    pub fn pack(&self, inclusion: Inclusion) -> u8 {
        match inclusion {
            Inclusion::Certain => 0,
            Inclusion::Unknown => 1,
            Inclusion::AtLeast(threshold) => match self.thresholds.binary_search(&threshold) {
                Ok(index) => u8::try_from(index + 2).unwrap_or(1),
                Err(_) => 1,
            },
        }
    }

    /// What [`Plan::pack`] of this plan made a byte of.
    pub fn unpack(&self, byte: u8) -> Inclusion {
        match byte.checked_sub(2).map(usize::from) {
            Some(index) => match self.thresholds.get(index) {
                Some(threshold) => Inclusion::AtLeast(*threshold),
                None => Inclusion::Unknown,
            },
            None if byte == 0 => Inclusion::Certain,
            None => Inclusion::Unknown,
        }
    }
}
