//! What operators see of how the cluster is followed.

use crate::known::Known;
use crate::wanted::Kind;
use crate::watch::Cause;
use forebay_core::{Clock, Time};
use forebay_telemetry::catalog::{Metric, kubernetes as names};
use forebay_telemetry::{Family, Instruments};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What can happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    /// What an event of a watch says has happened. Nothing: it says something else.
    pub(crate) fn of(event: &str) -> Option<Change> {
        match event {
            "ADDED" => Some(Change::Added),
            "MODIFIED" => Some(Change::Modified),
            "DELETED" => Some(Change::Deleted),
            _ => None,
        }
    }
}

/// The words for what can happen, in the order of their numbers.
const CHANGES: [&str; 3] = ["added", "modified", "deleted"];

/// What is counted of one kind.
#[derive(Debug)]
pub(crate) struct KindMeter {
    kind: Kind,
    about: Arc<str>,
    up: AtomicBool,
    complaining: AtomicBool,
    /// Nanoseconds on the clock, and one more; 0: never.
    heard: AtomicU64,
    lists: AtomicU64,
    restarts: [AtomicU64; Cause::ALL.len()],
    events: [AtomicU64; CHANGES.len()],
}

impl KindMeter {
    fn new(kind: Kind) -> KindMeter {
        KindMeter {
            kind,
            about: format!("kubernetes {}", kind.plural()).into(),
            up: AtomicBool::new(false),
            complaining: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            restarts: Default::default(),
            events: Default::default(),
        }
    }

    /// Under which the node's health has what is wrong with it.
    pub(crate) const fn about(&self) -> &Arc<str> {
        &self.about
    }

    /// A watch stands, or does not any more.
    pub(crate) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// Notes whether there is something to complain about; whether that is news.
    pub(crate) fn complain(&self, now: bool) -> bool {
        self.complaining.swap(now, Ordering::Relaxed) != now
    }

    /// Something came.
    pub(crate) fn heard(&self, now: Time) {
        let nanos = u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX - 1);
        self.heard.store(nanos + 1, Ordering::Relaxed);
    }

    /// A list came to its end.
    pub(crate) fn listed(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    /// A list or a watch failed.
    pub(crate) fn restarted(&self, cause: Cause) {
        count(&self.restarts, cause as usize);
    }

    /// A watch told of a change.
    pub(crate) fn changed(&self, change: Change) {
        count(&self.events, change as usize);
    }

    fn age(&self, now: Time) -> Option<Duration> {
        let heard = self.heard.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.since(Time(Duration::from_nanos(heard))))
    }
}

fn count(counters: &[AtomicU64], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is counted of a cluster.
pub(crate) struct Meter {
    clock: Clock,
    known: Arc<Known>,
    kinds: Vec<Arc<KindMeter>>,
}

impl Meter {
    /// A meter of these kinds.
    pub(crate) fn new(known: Arc<Known>, clock: Clock, kinds: &[Kind]) -> Meter {
        Meter {
            clock,
            known,
            kinds: kinds.iter().map(|kind| Arc::new(KindMeter::new(*kind))).collect(),
        }
    }

    /// One for each kind.
    pub(crate) fn kinds(&self) -> &[Arc<KindMeter>] {
        &self.kinds
    }

    fn write_kind(&self, of: &KindMeter, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let kind = of.kind.plural();
        let labels = [node, kind];
        if *metric == names::WATCH_UP {
            family.sample(&labels, f64::from(u8::from(of.up.load(Ordering::Relaxed))));
        } else if *metric == names::LAST_HEARD {
            let age = of.age(self.clock.now());
            age.into_iter()
                .for_each(|age| family.sample(&labels, age.as_secs_f64()));
        } else if *metric == names::LISTS {
            family.sample(&labels, number(of.lists.load(Ordering::Relaxed)));
        } else if *metric == names::RESTARTS {
            for (cause, counter) in Cause::ALL.iter().zip(&of.restarts) {
                family.sample(
                    &[node, kind, cause.as_str()],
                    number(counter.load(Ordering::Relaxed)),
                );
            }
        } else if *metric == names::EVENTS {
            for (change, counter) in CHANGES.iter().zip(&of.events) {
                family.sample(&[node, kind, change], number(counter.load(Ordering::Relaxed)));
            }
        } else if *metric == names::OBJECTS {
            family.sample(&labels, number(self.known.count(of.kind) as u64));
        }
    }
}

/// As a sample. Counts above 2^53 are rounded.
const fn number(count: u64) -> f64 {
    count as f64
}

impl Instruments for Meter {
    fn families(&self) -> &'static [&'static Metric] {
        &[
            &names::WATCH_UP,
            &names::LAST_HEARD,
            &names::RESTARTS,
            &names::LISTS,
            &names::EVENTS,
            &names::OBJECTS,
            &names::ENDED_PODS,
            &names::REJECTED,
            &names::MEMORY,
            &names::MEMORY_MAX,
        ]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let holding = || self.known.holding();
        let whole = if *metric == names::ENDED_PODS {
            Some(holding().ended as u64)
        } else if *metric == names::REJECTED {
            Some(holding().rejected)
        } else if *metric == names::MEMORY {
            Some(holding().bytes as u64)
        } else if *metric == names::MEMORY_MAX {
            Some(holding().max_bytes as u64)
        } else {
            None
        };
        match whole {
            Some(value) => family.sample(&[node], number(value)),
            None => {
                for of in &self.kinds {
                    self.write_kind(of, metric, node, family);
                }
            }
        }
    }
}
