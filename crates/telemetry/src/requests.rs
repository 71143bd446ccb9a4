//! What a receiver counts of requests, beside the items that the books count.

use crate::{Reason, Recorder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests by outcome. A request that is refused before its body is read has no items that anybody could count: here is
/// where it shows.
#[derive(Debug, Default)]
pub struct RequestMeter {
    succeeded: AtomicU64,
    refused: [AtomicU64; Reason::COUNT],
    /// From the first byte of the body to the answer.
    pub latency: Recorder,
}

impl RequestMeter {
    /// Counts a request that was answered with success.
    pub fn succeed(&self, took: Duration) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        self.latency.record(took);
    }

    /// Counts a request that was answered with a refusal.
    pub fn refuse(&self, reason: Reason) {
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests answered with success.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Requests refused, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL
            .into_iter()
            .zip(&self.refused)
            .map(|(reason, n)| (reason, n.load(Ordering::Relaxed)))
    }
}
