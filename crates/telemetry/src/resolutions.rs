//! What is counted of the search for destinations.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often the destinations of one exporter were looked for.
#[derive(Debug, Default)]
pub struct ResolutionMeter {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl ResolutionMeter {
    /// Counts a search that found them.
    pub fn succeed(&self) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a search that did not: those that are known stay.
    pub fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Searches that found them.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Searches that did not.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
