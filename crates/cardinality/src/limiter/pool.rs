//! What the partitions of a limiter share: memory and the number of live series, each with a bound.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that many take from and never passes its bound.
#[derive(Debug)]
struct Bounded {
    used: AtomicU64,
    most: AtomicU64,
}

impl Bounded {
    fn new(most: u64) -> Self {
        Bounded {
            used: AtomicU64::new(0),
            most: AtomicU64::new(most),
        }
    }

    fn take(&self, amount: u64) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        let room = |used: u64| used.checked_add(amount).filter(|sum| *sum <= most);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
        taken.is_ok()
    }

    fn give(&self, amount: u64) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// Memory and places. Whoever takes gives back.
#[derive(Debug)]
pub(super) struct Pool {
    memory: Bounded,
    places: Bounded,
}

impl Pool {
    pub(super) fn new(max_bytes: u64, total_limit: u64) -> Self {
        Pool {
            memory: Bounded::new(max_bytes),
            places: Bounded::new(total_limit),
        }
    }

    /// Takes so many bytes, if they are there.
    pub(super) fn take(&self, bytes: usize) -> bool {
        self.memory.take(bytes as u64)
    }

    pub(super) fn give(&self, bytes: usize) {
        self.memory.give(bytes as u64);
    }

    /// Bytes taken.
    pub(super) fn used(&self) -> u64 {
        self.memory.used()
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.memory.most.load(Ordering::Relaxed)
    }

    /// Whether less than an eighth of the memory is left.
    pub(super) fn is_short(&self) -> bool {
        let most = self.max_bytes();
        self.used() > most - most / 8
    }

    /// Takes a place for a series, if there is one in all.
    pub(super) fn take_place(&self) -> bool {
        self.places.take(1)
    }

    pub(super) fn give_place(&self) {
        self.places.give(1);
    }

    /// Series that have a place.
    pub(super) fn live(&self) -> u64 {
        self.places.used()
    }

    pub(super) fn set_total_limit(&self, most: u64) {
        self.places.most.store(most, Ordering::Relaxed);
    }
}
