//! What the sampler counts: items by what decided about them, and how.

use super::decision::Policy;
use forebay_core::Signal;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::components::{COUNT_LOGS_SAMPLED, COUNT_TRACES_SAMPLED};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering};

const POLICIES: [Policy; 6] = [
    Policy::TraceId,
    Policy::TraceIdHash,
    Policy::Attribute,
    Policy::Carried,
    Policy::Priority,
    Policy::Missing,
];

// The labels of policies, as the Collector's metrics have them. Attributes have their names, unless that is one of these.
const TRACE_ID: &str = "trace_id_w3c";
const TRACE_ID_HASH: &str = "trace_id_hash";
const CARRIED: &str = "sampling_randomness";
const PRIORITY: &str = "sampling_priority";
const MISSING: &str = "missing_randomness";

/// Counts of one batch: of each policy what was dropped, and what was kept.
#[derive(Debug, Default)]
pub(super) struct Tally([[u64; 2]; POLICIES.len()]);

impl Tally {
    #[inline]
    pub(super) fn count(&mut self, policy: Policy, kept: bool) {
        if let Some(counts) = self.0.get_mut(policy as usize) {
            let [dropped_count, kept_count] = counts;
            *dropped_count += u64::from(!kept);
            *kept_count += u64::from(kept);
        }
    }
}

/// Counts of all batches.
#[derive(Debug)]
pub(super) struct Meter {
    traces: [[AtomicU64; 2]; POLICIES.len()],
    logs: [[AtomicU64; 2]; POLICIES.len()],
    /// The attribute by which log records are sampled: the name of a policy.
    attribute: String,
}

impl Meter {
    pub(super) fn new(attribute: &str) -> Self {
        Meter {
            traces: Default::default(),
            logs: Default::default(),
            attribute: match attribute {
                TRACE_ID | TRACE_ID_HASH | CARRIED | PRIORITY | MISSING => "from_attribute".to_owned(),
                name => name.to_owned(),
            },
        }
    }

    /// Adds the counts of a batch.
    pub(super) fn add(&self, signal: Signal, tally: &Tally) {
        let counts = match signal {
            Signal::Logs => &self.logs,
            _ => &self.traces,
        };
        for (sum, count) in counts.iter().flatten().zip(tally.0.iter().flatten()) {
            if *count > 0 {
                sum.fetch_add(*count, Ordering::Relaxed);
            }
        }
    }

    /// The label of a policy.
    fn label(&self, policy: Policy) -> &str {
        match policy {
            Policy::TraceId => TRACE_ID,
            Policy::TraceIdHash => TRACE_ID_HASH,
            Policy::Attribute => &self.attribute,
            Policy::Carried => CARRIED,
            Policy::Priority => PRIORITY,
            Policy::Missing => MISSING,
        }
    }
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        &[&COUNT_TRACES_SAMPLED, &COUNT_LOGS_SAMPLED]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let counts = if *metric == COUNT_LOGS_SAMPLED {
            &self.logs
        } else {
            &self.traces
        };
        for (policy, counts) in POLICIES.into_iter().zip(counts) {
            for (sampled, count) in ["false", "true"].into_iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    family.count(&[node, self.label(policy), sampled], count);
                }
            }
        }
    }
}
