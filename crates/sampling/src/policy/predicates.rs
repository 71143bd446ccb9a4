//! The questions that single spans, and what they stand in, can answer: each has a bit.

use super::MOST;
use super::keys::KeyTable;
use super::lot::Salted;
use super::rule::{AttributeRule, Places, StatusSet};
use super::text::TextTest;

/// A question that is answered once and for all by the first thing that says yes.
#[derive(Clone, Debug, PartialEq)]
enum Predicate {
    Attribute(AttributeRule),
    Status(StatusSet),
    TraceState(Box<[u8]>, TextTest),
    SampledFlag,
    Salted(Salted),
}

/// The predicates found so far, each once.
#[derive(Debug, Default)]
pub(super) struct Predicates(Vec<Predicate>);

impl Predicates {
    pub(super) fn attribute(&mut self, rule: &AttributeRule) -> u64 {
        self.bit(Predicate::Attribute(rule.clone()))
    }

    pub(super) fn status(&mut self, statuses: StatusSet) -> u64 {
        self.bit(Predicate::Status(statuses))
    }

    pub(super) fn trace_state(&mut self, key: &str, values: &[String]) -> u64 {
        self.bit(Predicate::TraceState(
            key.as_bytes().into(),
            TextTest::one_of(values),
        ))
    }

    pub(super) fn sampled_flag(&mut self) -> u64 {
        self.bit(Predicate::SampledFlag)
    }

    pub(super) fn salted(&mut self, salted: Salted) -> u64 {
        self.bit(Predicate::Salted(salted))
    }

    /// The bit of a predicate: 0 beyond the last there is, which [`Predicates::finish`] refuses.
    fn bit(&mut self, predicate: Predicate) -> u64 {
        let known = self.0.iter().position(|known| *known == predicate);
        let index = known.unwrap_or_else(|| {
            self.0.push(predicate);
            self.0.len() - 1
        });
        bit(index)
    }

    /// The predicates by where they are answered; nothing if there are too many.
    pub(super) fn finish(self) -> Option<Asked> {
        if self.0.len() > MOST {
            return None;
        }
        let attributes: Vec<(u64, &AttributeRule)> = bits(&self.0)
            .filter_map(|(bit, predicate)| match predicate {
                Predicate::Attribute(rule) => Some((bit, rule)),
                _ => None,
            })
            .collect();
        let keys = |place| KeyTable::new(attributes.iter().filter(|(_, rule)| rule.places.includes(place)));
        let mut asked = Asked {
            resource: keys(Places::RESOURCE),
            scope: keys(Places::SCOPE),
            span: keys(Places::SPAN),
            event: keys(Places::EVENT),
            statuses: Vec::new(),
            trace_states: Vec::new(),
            lots: Vec::new(),
            sampled_flag: 0,
        };
        for (bit, predicate) in bits(&self.0) {
            match predicate {
                Predicate::Attribute(_) => {}
                Predicate::Status(statuses) => asked.statuses.push((bit, *statuses)),
                Predicate::TraceState(key, values) => {
                    asked.trace_states.push((bit, key.clone(), values.clone()))
                }
                Predicate::SampledFlag => asked.sampled_flag = bit,
                Predicate::Salted(salted) => asked.lots.push((bit, *salted)),
            }
        }
        Some(asked)
    }
}

fn bit(index: usize) -> u64 {
    u32::try_from(index)
        .ok()
        .and_then(|index| 1_u64.checked_shl(index))
        .unwrap_or(0)
}

fn bits(predicates: &[Predicate]) -> impl Iterator<Item = (u64, &Predicate)> {
    predicates
        .iter()
        .enumerate()
        .map(|(index, predicate)| (bit(index), predicate))
}

/// All predicates of a plan, by where they are answered.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) resource: KeyTable,
    pub(super) scope: KeyTable,
    pub(super) span: KeyTable,
    pub(super) event: KeyTable,
    statuses: Vec<(u64, StatusSet)>,
    trace_states: Vec<(u64, Box<[u8]>, TextTest)>,
    lots: Vec<(u64, Salted)>,
    sampled_flag: u64,
}

impl Asked {
    /// What a status of this code answers.
    pub(super) fn status(&self, code: u64) -> u64 {
        self.statuses
            .iter()
            .filter(|(_, statuses)| statuses.includes(code))
            .fold(0, |bits, (bit, _)| bits | bit)
    }

    /// Whether a status can still answer something that `known` does not.
    pub(super) fn asks_status(&self, known: u64) -> bool {
        self.statuses.iter().any(|(bit, _)| bit & !known != 0)
    }

    /// What these flags answer (`trace.v1.SpanFlags`).
    pub(super) const fn flags(&self, flags: u32) -> u64 {
        if flags & 1 != 0 { self.sampled_flag } else { 0 }
    }

    /// What a `tracestate` answers that `known` does not. White space around members counts for nothing.
    pub(super) fn trace_state(&self, text: &[u8], known: u64) -> u64 {
        let pending = self.trace_states.iter().filter(|(bit, ..)| bit & !known != 0);
        pending.fold(0, |bits, (bit, key, values)| {
            let found = text.split(|byte| *byte == b',').any(|member| {
                member
                    .trim_ascii()
                    .strip_prefix(&**key)
                    .and_then(|rest| rest.strip_prefix(b"="))
                    .is_some_and(|value| values.passes(value))
            });
            if found { bits | bit } else { bits }
        })
    }

    /// Which of the lots that are drawn by a salt keep this trace.
    pub(super) fn lots(&self, trace_id: &[u8]) -> u64 {
        self.lots
            .iter()
            .filter(|(_, salted)| salted.keeps(trace_id))
            .fold(0, |bits, (bit, _)| bits | bit)
    }
}
