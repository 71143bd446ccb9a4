//! What is counted: each shard for itself, summed up when somebody looks.

use super::note::{Cause, Note};
use forebay_sampling::policy::{Decision, Facts, Plan, PolicyCounts, Tally, Verdict};
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::tail_sampling as names;
use forebay_telemetry::{Family, Instruments, Recorder};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The words for whether something was kept, as labels: of `false` and of `true`.
const SAMPLED: [&str; 2] = ["false", "true"];

/// The counts of one shard.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    policies: PolicyCounts,
    /// Decisions by cause, and whether the trace was kept.
    decisions: [[u64; 2]; Cause::ALL.len()],
    /// Traces of which a first item came.
    pub(super) begun: u64,
    /// Traces that were decided without a root.
    rootless: u64,
    /// Items that came after their trace had been decided.
    late: [u64; 2],
    /// What is held now.
    pub(super) traces_held: u64,
    pub(super) bytes_held: u64,
    /// Memory of the buffer.
    pub(super) memory: u64,
    pub(super) memory_max: u64,
}

impl Counts {
    pub(super) fn new(plan: &Plan) -> Self {
        Counts {
            policies: PolicyCounts::new(plan),
            decisions: Default::default(),
            begun: 0,
            rootless: 0,
            late: [0; 2],
            traces_held: 0,
            bytes_held: 0,
            memory: 0,
            memory_max: 0,
        }
    }

    pub(super) fn decided(&mut self, decision: &Decision, facts: &Facts, cause: Cause) {
        self.policies.record(decision, facts);
        if let Some([out, kept]) = self.decisions.get_mut(cause as usize) {
            *(if decision.keeps() { kept } else { out }) += 1;
        }
        self.rootless += u64::from(!facts.root_seen());
    }

    pub(super) fn late(&mut self, note: Note) {
        let [out, kept] = &mut self.late;
        *(if note.kept { kept } else { out }) += 1;
    }
}

/// What all shards of one processor have counted.
#[derive(Debug)]
pub(super) struct Meter {
    plan: Arc<Plan>,
    /// One for each shard, which alone writes to it, at the end of its turns.
    shards: Box<[Mutex<Counts>]>,
    /// How old traces were when they were decided, from their first item on: likewise one for each shard.
    ages: Box<[Recorder]>,
}

impl Meter {
    pub(super) fn new(plan: &Arc<Plan>, shards: usize) -> Self {
        Meter {
            plan: Arc::clone(plan),
            shards: (0..shards).map(|_| Mutex::new(Counts::new(plan))).collect(),
            ages: (0..shards).map(|_| Recorder::default()).collect(),
        }
    }

    pub(super) fn record_age(&self, shard: usize, age: Duration) {
        if let Some(ages) = self.ages.get(shard) {
            ages.record(age);
        }
    }

    pub(super) fn publish(&self, shard: usize, counts: &Counts) {
        if let Some(place) = self.shards.get(shard) {
            place
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(counts);
        }
    }

    fn sum(&self, what: impl Fn(&Counts) -> u64) -> u64 {
        let shards = self.shards.iter();
        shards
            .map(|counts| what(&counts.lock().unwrap_or_else(PoisonError::into_inner)))
            .sum()
    }

    fn write_policies(&self, family: &mut Family<'_>, node: &str, what: fn(Tally) -> u64) {
        for (index, name) in self.plan.names().enumerate() {
            let drops = self.plan.drops(index);
            for verdict in Verdict::ALL {
                let (sampled, decision) = match verdict {
                    Verdict::Yes if drops => ("false", "dropped"),
                    Verdict::Yes => ("true", "sampled"),
                    Verdict::No => ("false", "not_sampled"),
                    Verdict::Unasked => ("false", "not_asked"),
                };
                let count = self.sum(|counts| what(counts.policies.of(index, verdict)));
                family.count(&[node, name, sampled, decision], count);
            }
        }
    }

    fn write_decisions(&self, family: &mut Family<'_>, node: &str) {
        for cause in Cause::ALL {
            for (index, sampled) in SAMPLED.into_iter().enumerate() {
                let of = |counts: &Counts| counts.decisions.get(cause as usize)?.get(index).copied();
                let count = self.sum(|counts| of(counts).unwrap_or_default());
                family.count(&[node, sampled, cause.as_str()], count);
            }
        }
    }
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        names::FAMILIES
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let one: fn(&Counts) -> u64 = match metric.name {
            name if name == names::TRACES_SAMPLED.name => {
                return self.write_policies(family, node, |tally| tally.traces);
            }
            name if name == names::SPANS_SAMPLED.name => {
                return self.write_policies(family, node, |tally| tally.spans);
            }
            name if name == names::BYTES_SAMPLED.name => {
                return self.write_policies(family, node, |tally| tally.bytes);
            }
            name if name == names::DECISIONS.name => return self.write_decisions(family, node),
            name if name == names::AGE_SECONDS.name => {
                return family.sum_of_latencies(&[node], self.ages.iter());
            }
            name if name == names::LATE.name => {
                let [out, kept] = [0, 1].map(|index: usize| {
                    self.sum(|counts| counts.late.get(index).copied().unwrap_or_default())
                });
                family.count(&[node, "false"], out);
                return family.count(&[node, "true"], kept);
            }
            name if name == names::NEW_TRACES.name => |counts| counts.begun,
            name if name == names::ROOTLESS.name => |counts| counts.rootless,
            name if name == names::TRACES_HELD.name => |counts| counts.traces_held,
            name if name == names::ITEM_BYTES.name => |counts| counts.bytes_held,
            name if name == names::MEMORY.name => |counts| counts.memory,
            _ => |counts| counts.memory_max,
        };
        family.count(&[node], self.sum(one));
    }
}
