//! What operators scrape.

use super::association::Missed;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::k8s_attributes::{CONTAINERS, IP_LOOKUP_MISS, RESOURCES};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of the resources of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// The rule of this number, from 0, has found the pod.
    Found(usize),
    /// No rule has found one.
    Missed(Missed),
    /// No rule had anything to look for.
    Unidentified,
}

/// Whether it could be told which container of a pod a resource came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContainerLookup {
    /// It could.
    Found,
    /// The resource names one that the pod does not have.
    Missed,
    /// The pod has several, and the resource names none.
    Ambiguous,
}

/// Counts lookups.
#[derive(Debug)]
pub(super) struct Meter {
    found: Box<[AtomicU64]>,
    missed: AtomicU64,
    missed_by_address: AtomicU64,
    unidentified: AtomicU64,
    containers: [AtomicU64; 3],
}

impl Meter {
    /// Counts by so many rules.
    pub(super) fn new(rules: usize) -> Self {
        Meter {
            found: std::iter::repeat_with(AtomicU64::default).take(rules).collect(),
            missed: AtomicU64::default(),
            missed_by_address: AtomicU64::default(),
            unidentified: AtomicU64::default(),
            containers: Default::default(),
        }
    }

    pub(super) fn count(&self, lookup: Lookup) {
        match lookup {
            Lookup::Found(rule) => {
                if let Some(counter) = self.found.get(rule) {
                    add(counter);
                }
            }
            Lookup::Missed(missed) => {
                add(&self.missed);
                if missed.by_address {
                    add(&self.missed_by_address);
                }
            }
            Lookup::Unidentified => add(&self.unidentified),
        }
    }

    pub(super) fn count_container(&self, lookup: ContainerLookup) {
        let [found, missed, ambiguous] = &self.containers;
        add(match lookup {
            ContainerLookup::Found => found,
            ContainerLookup::Missed => missed,
            ContainerLookup::Ambiguous => ambiguous,
        });
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        &[&RESOURCES, &CONTAINERS, &IP_LOOKUP_MISS]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        match metric {
            metric if *metric == RESOURCES => {
                for (rule, counter) in self.found.iter().enumerate() {
                    family.count(&[node, "found", &(rule + 1).to_string()], read(counter));
                }
                family.count(&[node, "missed", ""], read(&self.missed));
                family.count(&[node, "unidentified", ""], read(&self.unidentified));
            }
            metric if *metric == CONTAINERS => {
                for (word, counter) in ["found", "missed", "ambiguous"].iter().zip(&self.containers) {
                    family.count(&[node, word], read(counter));
                }
            }
            _ => family.count(&[node], read(&self.missed_by_address)),
        }
    }
}
