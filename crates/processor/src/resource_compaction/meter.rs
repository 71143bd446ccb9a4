//! What is counted: envelopes that became one with another.

use forebay_core::Signal;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::grouping::COMPACTED;
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of all batches, by signal.
#[derive(Debug, Default)]
pub(super) struct Meter([AtomicU64; Signal::ALL.len()]);

impl Meter {
    /// Adds those of a batch.
    pub(super) fn add(&self, signal: Signal, joined: usize) {
        if let Some(count) = self.0.get(signal as usize) {
            count.fetch_add(joined as u64, Ordering::Relaxed);
        }
    }
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        &[&COMPACTED]
    }

    fn write(&self, _: &'static Metric, node: &str, family: &mut Family<'_>) {
        for signal in Signal::ALL {
            let count = self
                .0
                .get(signal as usize)
                .map_or(0, |count| count.load(Ordering::Relaxed));
            if count > 0 {
                family.count(&[node, signal.as_str()], count);
            }
        }
    }
}
