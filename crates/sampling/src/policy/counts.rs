//! What each policy has decided.

use super::{Decision, Facts, Plan, Verdict};

/// Traces, and what was in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Traces.
    pub traces: u64,
    /// Spans in them.
    pub spans: u64,
    /// Wire bytes of the spans, without those of resources and scopes.
    pub bytes: u64,
}

/// What each policy of a plan has said of the traces that were decided. One for each shard; sum them up.
#[derive(Clone, Debug)]
pub struct PolicyCounts(Box<[[Tally; Verdict::ALL.len()]]>);

impl PolicyCounts {
    /// Of nothing.
    pub fn new(plan: &Plan) -> PolicyCounts {
        PolicyCounts(plan.policies.iter().map(|_| Default::default()).collect())
    }

    /// Counts a decision about a trace.
    pub fn record(&mut self, decision: &Decision, facts: &Facts) {
        for (index, tallies) in self.0.iter_mut().enumerate() {
            let Some(tally) = tallies.get_mut(decision.verdict(index) as usize) else {
                continue;
            };
            tally.traces += 1;
            tally.spans += u64::from(facts.spans());
            tally.bytes += facts.bytes();
        }
    }

    /// What the policy of this index has said so often, in the order of the plan. A policy says "yes" and "no" for itself: several may say
    /// "yes" to one trace.
    pub fn of(&self, policy: usize, verdict: Verdict) -> Tally {
        let tallies = self.0.get(policy);
        tallies
            .and_then(|tallies| tallies.get(verdict as usize))
            .copied()
            .unwrap_or_default()
    }
}
