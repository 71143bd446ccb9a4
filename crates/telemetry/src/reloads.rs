//! What a node counts of the files that it reads again when they change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Files read again, by outcome, and when the certificates in use expire.
#[derive(Debug, Default)]
pub struct ReloadMeter {
    taken: AtomicU64,
    failed: AtomicU64,
    expiries: Mutex<BTreeMap<Arc<str>, u64>>,
}

impl ReloadMeter {
    /// Counts a change that was taken into use.
    pub fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a change that cannot be used: the last good content stays.
    pub fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the certificate in `file` that is in use is valid until `not_after`, in seconds since the Unix epoch.
    /// `file` is one of the few that the config names.
    pub fn expires(&self, file: &Arc<str>, not_after: u64) {
        let mut expiries = self.expiries.lock().unwrap_or_else(PoisonError::into_inner);
        expiries.insert(Arc::clone(file), not_after);
    }

    /// Changes that were taken into use.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Changes that cannot be used.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// The certificates in use, by file, and until when they are valid, in seconds since the Unix epoch.
    pub fn expiries(&self) -> BTreeMap<Arc<str>, u64> {
        self.expiries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
