//! The largest request that a destination takes, as far as it has shown by refusing larger ones.

use super::meter::DeliveryMeter;
use forebay_core::{Clock, Time};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No limit below this is learned: a destination that refuses so little means something else by it.
const LEAST: u64 = 16 << 10;
/// So long a limit holds before it is tried whether a little more is taken.
const HOLD: Duration = Duration::from_secs(30);

/// What has been learned. Costs one load for each request while nothing was.
#[derive(Debug)]
pub(super) struct Sizes {
    clock: Clock,
    /// The limit of the config: what is learned is forgotten once it reaches it.
    configured: u64,
    /// Has the limit.
    meter: Arc<DeliveryMeter>,
    learned: Mutex<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// The largest request that was taken since the limit is known.
    taken: u64,
    /// Since when the limit has been what it is.
    since: Time,
}

impl Sizes {
    /// Nothing learned yet. `configured` is the limit that holds anyway, 0 for none.
    pub(super) fn new(clock: Clock, meter: Arc<DeliveryMeter>, configured: u64) -> Self {
        Sizes {
            clock,
            configured: if configured == 0 { u64::MAX } else { configured },
            meter,
            learned: Mutex::default(),
        }
    }

    /// The most bytes that the destination is taken to accept; 0 for no limit known.
    pub(super) fn limit(&self) -> u64 {
        self.meter.request_limit.load(Ordering::Relaxed)
    }

    /// A request of `bytes` bytes was refused for its size; one item that cannot be split, if `single`.
    pub(super) fn refused(&self, bytes: u64, single: bool) {
        let mut learned = self.lock();
        if learned.taken >= bytes {
            learned.taken = 0;
        }
        let less = if single {
            bytes.saturating_sub(1)
        } else {
            bytes / 2
        };
        let before = match self.limit() {
            0 => u64::MAX,
            limit => limit,
        };
        let limit = before.min(less.max(learned.taken)).max(LEAST);
        learned.since = self.clock.now();
        self.know(limit);
    }

    /// A request of `bytes` bytes was taken.
    pub(super) fn taken(&self, bytes: u64) {
        let limit = self.limit();
        if limit == 0 {
            return;
        }
        let mut learned = self.lock();
        learned.taken = learned.taken.max(bytes);
        let now = self.clock.now();
        if bytes < limit / 2 || now.since(learned.since) < HOLD {
            return;
        }
        learned.since = now;
        let more = limit + limit / 4;
        let forget = more >= self.configured;
        if forget {
            learned.taken = 0;
        }
        self.know(if forget { 0 } else { more });
    }

    fn know(&self, limit: u64) {
        self.meter.request_limit.store(limit, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The smaller of two limits, of which 0 stands for none.
pub(super) fn least(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        (one, other) => one.min(other),
    }
}
