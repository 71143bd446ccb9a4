//! From what is known of a trace to what becomes of it.

use super::formula::{Compiled, Limit, Part};
use super::limit::{Bucket, Window};
use super::value::{Chance, Value};
use super::{Decision, Facts, Inclusion, Outcome, Plan, Stage};

/// What has passed by policies that limit rates. One for all shards: it is changed without locks.
#[derive(Debug)]
pub struct Limiters {
    windows: Box<[Window]>,
    buckets: Box<[Bucket]>,
}

/// The answers of all policies, as far as they are certain.
struct Answers {
    /// Whether a policy drops the trace.
    dropped: Value,
    /// Whether a policy without limits keeps it.
    kept: Value,
    /// The drop policy that says so.
    dropped_by: Option<u8>,
    /// The policy that keeps it with the highest probability, the first of several.
    kept_by: Option<(u8, Chance)>,
    /// The policies that have said yes, and those that have said no: a bit each.
    yes: u64,
    no: u64,
    /// The policies that keep the trace if they have room for it, or may come to that.
    waiting: u64,
}

impl Plan {
    /// Limits of which nothing is used up.
    pub fn limiters(&self) -> Limiters {
        Limiters {
            windows: (0..self.windows).map(|_| Window::default()).collect(),
            buckets: (0..self.buckets).map(|_| Bucket::default()).collect(),
        }
    }

    /// Decides about a trace; gives nothing if it is [`Stage::Open`] and spans that it may still get could change the decision, or the
    /// probability with which it was kept. In [`Stage::Closed`] there is always a decision.
    ///
    /// `now` is in nanoseconds since any moment that is the same for all calls with these `limiters`.
    pub fn decide(&self, facts: &Facts, limiters: &Limiters, stage: Stage, now: u64) -> Option<Decision> {
        let open = stage == Stage::Open;
        let answers = self.answers(facts, open);
        if answers.dropped.is_true() {
            return Some(answers.decision(Outcome::Drop, answers.dropped_by));
        }
        match answers.dropped.not().and(answers.kept) {
            Value::True(Chance::Open) | Value::Open => None,
            Value::True(chance) => {
                let kept_by = answers.kept_by.map(|(policy, _)| policy);
                Some(answers.decision(Outcome::Keep(Inclusion::of(chance)), kept_by))
            }
            Value::False(_) if answers.waiting == 0 => Some(answers.decision(Outcome::Drop, None)),
            Value::False(_) if open => None,
            Value::False(_) => Some(self.ask_limits(answers, facts, limiters, now)),
        }
    }

    fn answers(&self, facts: &Facts, open: bool) -> Answers {
        let mut answers = Answers {
            dropped: Value::certain(false),
            kept: Value::certain(false),
            dropped_by: None,
            kept_by: None,
            yes: 0,
            no: 0,
            waiting: 0,
        };
        for (index, policy) in (0_u8..).zip(&self.policies) {
            answers.take(index, policy, policy.formula.value(facts, open));
        }
        answers
    }

    /// Asks the policies with limits whose formulas have said yes, in order, until one has room.
    fn ask_limits(&self, mut answers: Answers, facts: &Facts, limiters: &Limiters, now: u64) -> Decision {
        for (index, policy) in (0_u8..).zip(&self.policies) {
            let bit = 1_u64 << index;
            if answers.waiting & bit == 0 {
                continue;
            }
            if let Some(part) = limiters.take_all(&policy.limits, facts, now) {
                answers.yes |= bit;
                let mut decision = answers.decision(Outcome::Keep(Inclusion::Unknown), Some(index));
                decision.part = part;
                return decision;
            }
            answers.no |= bit;
        }
        answers.decision(Outcome::Drop, None)
    }
}

impl Answers {
    fn take(&mut self, index: u8, policy: &Compiled, value: Value) {
        let bit = 1_u64 << index;
        match value {
            Value::False(_) => self.no |= bit,
            _ if !policy.limits.is_empty() => self.waiting |= bit,
            Value::True(_) => self.yes |= bit,
            Value::Open => {}
        }
        if policy.drops {
            self.dropped = self.dropped.or(value);
            if value.is_true() {
                self.dropped_by = self.dropped_by.or(Some(index));
            }
        } else if policy.limits.is_empty() {
            self.kept = self.kept.or(value);
            if let Value::True(chance) = value
                && self.kept_by.is_none_or(|(_, best)| chance.rank() < best.rank())
            {
                self.kept_by = Some((index, chance));
            }
        }
    }

    const fn decision(&self, outcome: Outcome, policy: Option<u8>) -> Decision {
        Decision {
            outcome,
            policy,
            part: None,
            yes: self.yes,
            no: self.no,
        }
    }
}

impl Chance {
    /// The lower, the more is kept.
    const fn rank(self) -> u64 {
        match self {
            Chance::Certain => 0,
            Chance::AtLeast(threshold) => threshold.value(),
            Chance::Unknown | Chance::Open => u64::MAX,
        }
    }
}

impl Inclusion {
    const fn of(chance: Chance) -> Inclusion {
        match chance {
            Chance::Certain => Inclusion::Certain,
            Chance::AtLeast(threshold) => Inclusion::AtLeast(threshold),
            Chance::Unknown | Chance::Open => Inclusion::Unknown,
        }
    }
}

impl Limiters {
    /// Takes from all limits, or from none: then nothing is given. Otherwise the part of the last composite policy among them, if there
    /// is one.
    fn take_all(&self, limits: &[Limit], facts: &Facts, now: u64) -> Option<Option<u8>> {
        let mut last = None;
        for (index, limit) in limits.iter().enumerate() {
            match self.take(limit, facts, now) {
                Some(part) => last = part.or(last),
                None => {
                    let taken = limits.iter().take(index);
                    taken.for_each(|limit| self.give_back(limit, facts, now));
                    return None;
                }
            }
        }
        Some(last)
    }

    fn take(&self, limit: &Limit, facts: &Facts, now: u64) -> Option<Option<u8>> {
        match limit {
            Limit::Spans { window, most } => self.window(*window, facts, *most, now).then_some(None),
            Limit::Bytes { bucket, flow } => {
                let bucket = self.buckets.get(*bucket)?;
                bucket.take(facts.bytes(), *flow, now).then_some(None)
            }
            Limit::Composite { window, most, parts } => {
                let (index, part) = first_that_says_yes(parts, facts)?;
                if !self.window(part.window, facts, part.most, now) {
                    return None;
                }
                if !self.window(*window, facts, *most, now) {
                    self.window_back(part.window, facts, now);
                    return None;
                }
                Some(Some(index))
            }
        }
    }

    fn give_back(&self, limit: &Limit, facts: &Facts, now: u64) {
        match limit {
            Limit::Spans { window, .. } => self.window_back(*window, facts, now),
            Limit::Bytes { bucket, flow } => {
                if let Some(bucket) = self.buckets.get(*bucket) {
                    bucket.give_back(facts.bytes(), *flow);
                }
            }
            Limit::Composite { window, parts, .. } => {
                self.window_back(*window, facts, now);
                if let Some((_, part)) = first_that_says_yes(parts, facts) {
                    self.window_back(part.window, facts, now);
                }
            }
        }
    }

    fn window(&self, index: usize, facts: &Facts, most: u32, now: u64) -> bool {
        let window = self.windows.get(index);
        window.is_some_and(|window| window.take(facts.spans(), most, now))
    }

    fn window_back(&self, index: usize, facts: &Facts, now: u64) {
        if let Some(window) = self.windows.get(index) {
            window.give_back(facts.spans(), now);
        }
    }
}

fn first_that_says_yes<'a>(parts: &'a [Part], facts: &Facts) -> Option<(u8, &'a Part)> {
    (0_u8..)
        .zip(parts)
        .find(|(_, part)| part.formula.value(facts, false).is_true())
}
