//! What is counted: items by what became of them, and groups.

use forebay_core::Signal;
use forebay_otlp::edit::GroupedItems;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::grouping::{GROUPED_ITEMS, GROUPS};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of all batches, by signal.
#[derive(Debug, Default)]
pub(super) struct Meter([Counts; Signal::ALL.len()]);

#[derive(Debug, Default)]
struct Counts {
    grouped: AtomicU64,
    without: AtomicU64,
    beyond: AtomicU64,
    groups: AtomicU64,
}

impl Meter {
    /// Adds those of a batch.
    pub(super) fn add(&self, signal: Signal, items: &GroupedItems) {
        let Some(counts) = self.0.get(signal as usize) else {
            return;
        };
        for (sum, count) in [
            (&counts.grouped, items.grouped),
            (&counts.without, items.without),
            (&counts.beyond, items.beyond),
            (&counts.groups, items.groups),
        ] {
            if count > 0 {
                sum.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        &[&GROUPED_ITEMS, &GROUPS]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        for signal in Signal::ALL {
            let Some(counts) = self.0.get(signal as usize) else {
                continue;
            };
            let signal = signal.as_str();
            if *metric == GROUPS {
                let groups = read(&counts.groups);
                if groups > 0 {
                    family.count(&[node, signal], groups);
                }
                continue;
            }
            for (outcome, count) in [
                ("grouped", read(&counts.grouped)),
                ("without", read(&counts.without)),
                ("beyond", read(&counts.beyond)),
            ] {
                if count > 0 {
                    family.count(&[node, signal, outcome], count);
                }
            }
        }
    }
}
