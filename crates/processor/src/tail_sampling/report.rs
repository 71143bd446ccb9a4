//! What a shard knows of one trace, for people.

use super::note::Note;
use super::state::{State, nanos};
use forebay_core::{Time, TraceReport};
use forebay_sampling::buffer::{TraceId, TraceRef};
use forebay_sampling::policy::{Stage, Verdict};

const NANOS: f64 = 1e9;

impl State {
    /// What is held of a trace, or was decided about it.
    pub(super) fn report(&self, id: &TraceId, now: Time) -> Option<TraceReport> {
        match self.buffer.find(id) {
            Some(trace) => self.waiting(trace, nanos(now)),
            None => self
                .buffer
                .recall(id)
                .map(|decision| self.decided(Note::unpack(decision))),
        }
    }

    fn waiting(&self, trace: TraceRef, now: u64) -> Option<TraceReport> {
        let held = self.buffer.trace(trace)?;
        // Limits of its own: to look at a trace does not use up what may pass.
        let limiters = self.plan.limiters();
        let decision = self.plan.decide(&held.facts, &limiters, Stage::Closed, now)?;
        let policies = self.plan.names().enumerate().map(|(index, name)| {
            let says = match decision.verdict(index) {
                Verdict::Yes if self.plan.drops(index) => "would drop it",
                Verdict::Yes => "would keep it",
                Verdict::No => "no",
                Verdict::Unasked => "would not be asked",
            };
            format!("{name}: {says}")
        });
        Some(TraceReport {
            state: "waiting".to_owned(),
            policy: self.policy_name(decision.policy, decision.part),
            age_seconds: Some(now.saturating_sub(held.arrival()) as f64 / NANOS),
            due_in_seconds: Some(held.due().saturating_sub(now) as f64 / NANOS),
            items: Some(u64::from(held.items())),
            bytes: Some(held.bytes()),
            root: Some(held.facts.root_seen()),
            policies: policies.collect(),
            ..TraceReport::default()
        })
    }

    fn decided(&self, note: Note) -> TraceReport {
        TraceReport {
            state: if note.kept { "sampled" } else { "not_sampled" }.to_owned(),
            policy: self.policy_name(note.policy, note.part),
            cause: Some(note.cause.as_str().to_owned()),
            ..TraceReport::default()
        }
    }

    /// A policy's name, with that of its part.
    pub(super) fn policy_name(&self, policy: Option<u8>, part: Option<u8>) -> Option<String> {
        let policy = policy?;
        let name = self.plan.name(policy)?;
        match part.and_then(|part| self.plan.part_name(policy, part)) {
            Some(part) => Some(format!("{name}/{part}")),
            None => Some(name.to_owned()),
        }
    }
}
