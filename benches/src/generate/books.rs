//! The generator's books: what was sent, acknowledged and refused, and how long it took.

use super::answer::Refusal;
use super::lock;
use crate::itemset::{Inserted, ItemSet};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Latencies above a minute count as a minute.
const LATENCY_MAX_US: u64 = 60_000_000;

/// Books that all slots write to.
pub struct Books {
    items_per_request: u64,
    requests: AtomicU64,
    bytes: AtomicU64,
    acknowledged: AtomicU64,
    rejected: AtomicU64,
    given_up: AtomicU64,
    untracked: AtomicU64,
    refusals: Mutex<BTreeMap<String, Refusals>>,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    window: AtomicBool,
    latency: Mutex<Option<Histogram<u64>>>,
    pub(super) acknowledged_requests: Mutex<ItemSet>,
}

/// Refusals with one code; each attempt counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// Attempts refused.
    pub attempts: u64,
    /// Of these, how many may be sent again.
    pub retryable: u64,
    /// Of the retryable ones, how many came with a delay.
    pub with_delay: u64,
}

/// Latency of acknowledged requests, from due to acknowledged, retries included; in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the requests took at most this.
    pub p50_us: u64,
    /// 99 in 100.
    pub p99_us: u64,
    /// 999 in 1,000.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// The closed books.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Requests sent, each counted once however often it was tried.
    pub requests_sent: u64,
    /// Their items.
    pub items_sent: u64,
    /// Their bytes, as framed and compressed.
    pub bytes_sent: u64,
    /// Requests acknowledged.
    pub requests_acknowledged: u64,
    /// Items acknowledged: without those that a partial success rejected.
    pub items_acknowledged: u64,
    /// Items that a partial success rejected.
    pub items_rejected: u64,
    /// Requests given up after a refusal or failure.
    pub requests_given_up: u64,
    /// Acknowledged requests beyond the bound of the set that remembers them.
    pub requests_untracked: u64,
    /// Refused attempts by code (`grpc 14`, `http 503`).
    pub refusals: BTreeMap<String, Refusals>,
    /// Attempts without an answer, by reason.
    pub failures: BTreeMap<String, u64>,
    /// Latencies of the measured window.
    pub latency: Latency,
    /// From the start to the last answer.
    pub seconds: f64,
    /// CPU time of the generator itself.
    pub cpu_seconds: f64,
}

impl Books {
    pub(super) fn new(items_per_request: u64) -> Books {
        Books {
            items_per_request,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            untracked: AtomicU64::new(0),
            refusals: Mutex::default(),
            failures: Mutex::default(),
            window: AtomicBool::new(false),
            latency: Mutex::new(Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).ok()),
            acknowledged_requests: Mutex::default(),
        }
    }

    /// Starts to record latencies.
    pub fn open_window(&self) {
        self.window.store(true, Ordering::Relaxed);
    }

    /// Stops recording latencies.
    pub fn close_window(&self) {
        self.window.store(false, Ordering::Relaxed);
    }

    /// Items acknowledged so far.
    pub fn items_acknowledged(&self) -> u64 {
        let items = self.acknowledged.load(Ordering::Relaxed) * self.items_per_request;
        items.saturating_sub(self.rejected.load(Ordering::Relaxed))
    }

    /// Attempts without an answer so far.
    pub fn attempts_failed(&self) -> u64 {
        lock(&self.failures).values().sum()
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self, sequence: u64, rejected: u64, latency: Duration) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
        if lock(&self.acknowledged_requests).insert(sequence) == Inserted::Untracked {
            self.untracked.fetch_add(1, Ordering::Relaxed);
        }
        if self.window.load(Ordering::Relaxed)
            && let Some(histogram) = lock(&self.latency).as_mut()
        {
            histogram.saturating_record((latency.as_micros() as u64).clamp(1, LATENCY_MAX_US));
        }
    }

    pub(super) fn refused(&self, refusal: &Refusal) {
        let mut refusals = lock(&self.refusals);
        let entry = match refusals.get_mut(&refusal.code) {
            Some(entry) => entry,
            // Bounded: the codes of gRPC and HTTP.
            None => refusals.entry(refusal.code.clone()).or_default(),
        };
        entry.attempts += 1;
        entry.retryable += u64::from(refusal.retryable);
        entry.with_delay += u64::from(refusal.retryable && refusal.delay.is_some());
    }

    pub(super) fn failed(&self, why: &'static str) {
        *lock(&self.failures).entry(why).or_default() += 1;
    }

    pub(super) fn given_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self, elapsed: Duration, cpu: Duration) -> Report {
        let requests = self.requests.load(Ordering::Relaxed);
        Report {
            requests_sent: requests,
            items_sent: requests * self.items_per_request,
            bytes_sent: self.bytes.load(Ordering::Relaxed),
            requests_acknowledged: self.acknowledged.load(Ordering::Relaxed),
            items_acknowledged: self.items_acknowledged(),
            items_rejected: self.rejected.load(Ordering::Relaxed),
            requests_given_up: self.given_up.load(Ordering::Relaxed),
            requests_untracked: self.untracked.load(Ordering::Relaxed),
            refusals: lock(&self.refusals).clone(),
            failures: lock(&self.failures)
                .iter()
                .map(|(why, count)| ((*why).to_owned(), *count))
                .collect(),
            latency: lock(&self.latency).as_ref().map(Latency::of).unwrap_or_default(),
            seconds: elapsed.as_secs_f64(),
            cpu_seconds: cpu.as_secs_f64(),
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Latency {
        Latency {
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}
