//! Decisions in the log: no more than so many in a second.

use super::note::Note;
use forebay_core::Time;
use forebay_sampling::buffer::TraceId;
use forebay_sampling::policy::Facts;
use std::sync::Arc;
use std::time::Duration;

/// Writes decisions of one shard to the log, the first so many of each second.
#[derive(Debug)]
pub(super) struct DecisionLog {
    per_second: u64,
    node: Arc<str>,
    /// The second that is being counted, and how many were written in it.
    second: Duration,
    written: u64,
}

impl DecisionLog {
    pub(super) fn new(per_second: u64, node: Arc<str>) -> Self {
        DecisionLog {
            per_second,
            node,
            second: Duration::ZERO,
            written: 0,
        }
    }

    /// Whether one more may be written, which is then counted.
    pub(super) fn has_room(&mut self, now: Time) -> bool {
        if self.per_second == 0 {
            return false;
        }
        let second = Duration::from_secs(now.0.as_secs());
        if second != self.second {
            (self.second, self.written) = (second, 0);
        }
        self.written += 1;
        self.written <= self.per_second
    }

    /// The target is one whose lines the process does not hold back: they are counted here.
    pub(super) fn write(&self, id: &TraceId, note: Note, policy: Option<String>, facts: &Facts) {
        tracing::info!(
            target: "forebay::sampling",
            node = &*self.node,
            trace_id = format!("{:032x}", u128::from_be_bytes(*id)),
            sampled = note.kept,
            policy = policy.as_deref().unwrap_or("none"),
            cause = note.cause.as_str(),
            spans = facts.spans(),
            duration_ms = facts.duration() / 1_000_000,
            "trace decided"
        );
    }
}
