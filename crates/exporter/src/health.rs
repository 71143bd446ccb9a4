//! Whether a destination is reached, as the node's health says it.

use forebay_core::Health;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the node's health when a destination is lost and when it is back, and nothing in between.
#[derive(Debug)]
pub(crate) struct Reach {
    health: Health,
    lost: AtomicBool,
}

impl Reach {
    /// Working until the first failure.
    pub(crate) fn new(health: Health) -> Self {
        health.working();
        Reach {
            health,
            lost: AtomicBool::new(false),
        }
    }

    /// The destination has answered.
    pub(crate) fn reached(&self) {
        if self.lost.load(Ordering::Relaxed) && self.lost.swap(false, Ordering::Relaxed) {
            self.health.working();
        }
    }

    /// The destination cannot be reached.
    pub(crate) fn lost(&self, why: &str) {
        if !self.lost.swap(true, Ordering::Relaxed) {
            self.health.degraded(why);
        }
    }
}
