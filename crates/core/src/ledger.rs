//! The memory ledger: one budget for the process, and leases on it.
//!
//! Whoever is about to hold bytes takes a lease first. A lease is freed when the last clone of it goes. What the budget
//! does not cover with leases (code, stacks, tables, fragmentation of the heap) is what the headroom is for: leases may
//! take 70 % of the budget, and connection buffers at most a quarter of that.

use crate::pace::{self, Pace};
use crate::time::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The share of the budget, in percent, that leases may take.
const LEASABLE_PERCENT: u64 = 70;
/// The share of the leasable part, in percent, that connection buffers may take.
const CONNECTIONS_PERCENT: u64 = 25;
/// What is to be given back before those that were refused come again: one part of the leasable part in so many.
const ROOM_SHARE: u64 = 8;
/// What the connection that a request comes over takes at least, where there are connections: nobody can have that as well.
const LEAST_CONNECTION: u64 = 64 << 10;

/// There is no room in the budget for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} bytes asked, {free} bytes free in the memory budget")]
pub struct OverBudget {
    /// Bytes asked for.
    pub asked: u64,
    /// Bytes that were free.
    pub free: u64,
    /// How long the sender should wait: as long as it takes, at the pace of late, until there is room again. Between 100 ms
    /// and 30 s; 1 s while the pace is not known.
    pub after: Duration,
    /// Whether there will never be room, because it is more than all leases together may take, what the asker has already
    /// included. To wait is of no use then.
    pub never: bool,
}

/// What a lease is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The bytes of batches.
    Payload,
    /// Receive and send buffers of connections.
    Connection,
}

#[derive(Debug)]
struct Book {
    budget: u64,
    leasable: u64,
    used: AtomicU64,
    peak: AtomicU64,
    connections: AtomicU64,
    refusals: AtomicU64,
    freed: AtomicU64,
    clock: Option<Clock>,
    pace: Mutex<Pace>,
}

/// The memory budget of one process. Cheap to clone: every clone is the same ledger.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Book>);

/// What the ledger says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerReading {
    /// The budget of the process, in bytes.
    pub budget: u64,
    /// The part of it that leases may take.
    pub leasable: u64,
    /// Bytes leased now.
    pub used: u64,
    /// The most that was ever leased at once.
    pub peak: u64,
    /// The part of `used` that connection buffers take.
    pub connections: u64,
    /// Leases that were refused.
    pub refusals: u64,
    /// Bytes of all leases that were ever given back.
    pub freed: u64,
}

impl Ledger {
    /// A ledger over `budget` bytes.
    pub fn new(budget: u64) -> Self {
        Ledger::open(budget, 0, None)
    }

    /// A ledger that tells those it refuses when to come again, by the pace at which leases are given back. `reserved` bytes of
    /// the budget are others' to keep: leases share the rest.
    pub fn with_clock(budget: u64, reserved: u64, clock: Clock) -> Self {
        Ledger::open(budget, reserved, Some(clock))
    }

    fn open(budget: u64, reserved: u64, clock: Option<Clock>) -> Self {
        Ledger(Arc::new(Book {
            budget,
            leasable: Ledger::leasable(budget.saturating_sub(reserved)),
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            clock,
            pace: Mutex::default(),
        }))
    }

    /// The part of a budget that leases may take.
    pub const fn leasable(budget: u64) -> u64 {
        budget / 100 * LEASABLE_PERCENT
    }

    /// A lease on `bytes` bytes of payload, or word that there is no room.
    pub fn lease(&self, bytes: u64) -> Result<Lease, OverBudget> {
        self.take(bytes, Purpose::Payload)?;
        Ok(self.holding(bytes, Purpose::Payload))
    }

    /// A lease for one connection's buffers, or word that connections have all that they may take.
    pub fn lease_connection(&self, bytes: u64) -> Result<Lease, OverBudget> {
        self.take(bytes, Purpose::Connection)?;
        Ok(self.holding(bytes, Purpose::Connection))
    }

    /// A lease that is given even if there is no room: for bytes that exist already, such as a batch that grew by an
    /// edit. New data is refused until the debt is paid.
    pub fn lease_unchecked(&self, bytes: u64) -> Lease {
        let used = self.0.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.peak.fetch_max(used, Ordering::Relaxed);
        self.holding(bytes, Purpose::Payload)
    }

    /// Bytes free for connection buffers.
    pub fn free_for_connections(&self) -> u64 {
        self.most_for_connections()
            .saturating_sub(self.0.connections.load(Ordering::Relaxed))
    }

    /// How full the ledger is.
    pub fn read(&self) -> LedgerReading {
        LedgerReading {
            budget: self.0.budget,
            leasable: self.0.leasable,
            used: self.0.used.load(Ordering::Relaxed),
            peak: self.0.peak.load(Ordering::Relaxed),
            connections: self.0.connections.load(Ordering::Relaxed),
            refusals: self.0.refusals.load(Ordering::Relaxed),
            freed: self.0.freed.load(Ordering::Relaxed),
        }
    }

    fn take(&self, bytes: u64, purpose: Purpose) -> Result<(), OverBudget> {
        if purpose == Purpose::Connection {
            let most = self.most_for_connections();
            add_below(&self.0.connections, bytes, most).map_err(|free| OverBudget {
                never: bytes > most,
                ..self.refused(bytes, free)
            })?;
        }
        match add_below(&self.0.used, bytes, self.0.leasable) {
            Ok(used) => {
                self.0.peak.fetch_max(used, Ordering::Relaxed);
                Ok(())
            }
            Err(free) => {
                if purpose == Purpose::Connection {
                    self.0.connections.fetch_sub(bytes, Ordering::Relaxed);
                }
                Err(self.refused(bytes, free))
            }
        }
    }

    fn give_back(&self, bytes: u64, purpose: Purpose) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
        self.0.freed.fetch_add(bytes, Ordering::Relaxed);
        if purpose == Purpose::Connection {
            self.0.connections.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Bytes that connection buffers may take in all.
    pub fn most_for_connections(&self) -> u64 {
        self.0.leasable / 100 * CONNECTIONS_PERCENT
    }

    fn refused(&self, asked: u64, free: u64) -> OverBudget {
        self.0.refusals.fetch_add(1, Ordering::Relaxed);
        OverBudget {
            asked,
            free,
            after: self.delay(asked),
            never: self.is_too_much(asked),
        }
    }

    /// Whether one lease can never have `bytes` bytes.
    fn is_too_much(&self, bytes: u64) -> bool {
        let connections = self.0.connections.load(Ordering::Relaxed);
        bytes > self.0.leasable.saturating_sub(connections.min(LEAST_CONNECTION))
    }

    /// When to come again with `asked` bytes. Others were refused too and come again as well: room is what they share.
    fn delay(&self, asked: u64) -> Duration {
        let Some(clock) = &self.0.clock else {
            return pace::DEFAULT;
        };
        let freed = self.0.freed.load(Ordering::Relaxed);
        let wanted = asked.max(self.0.leasable / ROOM_SHARE);
        let mut pace = self.0.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.delay(clock.now(), freed, wanted)
    }

    fn holding(&self, bytes: u64, purpose: Purpose) -> Lease {
        Lease(Some(Arc::new(Hold {
            ledger: self.clone(),
            bytes: AtomicU64::new(bytes),
            purpose,
            _beneath: Lease(None),
        })))
    }
}

/// Adds `bytes` unless the sum would pass `limit`; the new sum, or what is free.
fn add_below(sum: &AtomicU64, bytes: u64, limit: u64) -> Result<u64, u64> {
    let mut current = sum.load(Ordering::Relaxed);
    loop {
        let next = current.saturating_add(bytes);
        if next > limit {
            return Err(limit.saturating_sub(current));
        }
        match sum.compare_exchange_weak(current, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Ok(next),
            Err(now) => current = now,
        }
    }
}

#[derive(Debug)]
struct Hold {
    ledger: Ledger,
    bytes: AtomicU64,
    purpose: Purpose,
    /// Kept until this hold goes: the memory that this one's bytes still point into.
    _beneath: Lease,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.ledger
            .give_back(self.bytes.load(Ordering::Relaxed), self.purpose);
    }
}

/// A share of the budget in use. Clones share it; it is given back when the last one goes.
#[derive(Clone, Debug)]
pub struct Lease(Option<Arc<Hold>>);

impl Lease {
    /// A lease on nothing: for bytes that no ledger counts, such as static ones.
    pub const fn none() -> Lease {
        Lease(None)
    }

    /// Bytes of this lease, without what lies beneath it.
    pub fn bytes(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |hold| hold.bytes.load(Ordering::Relaxed))
    }

    /// Takes `bytes` more into the same lease, or says that there is no room.
    pub fn grow(&self, bytes: u64) -> Result<(), OverBudget> {
        let Some(hold) = &self.0 else { return Ok(()) };
        match hold.ledger.take(bytes, hold.purpose) {
            Ok(()) => {
                hold.bytes.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let whole = hold.bytes.load(Ordering::Relaxed).saturating_add(bytes);
                let never = error.never || hold.ledger.is_too_much(whole);
                Err(OverBudget { never, ..error })
            }
        }
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&self, bytes: u64) {
        let Some(hold) = &self.0 else { return };
        let before = hold.bytes.fetch_min(bytes, Ordering::Relaxed);
        hold.ledger.give_back(before.saturating_sub(bytes), hold.purpose);
    }

    /// A lease for `fresh` new bytes that stand beside bytes of this one: this one is kept as long as the new one.
    /// Given even if there is no room, as the bytes exist already.
    pub fn beside(&self, fresh: u64) -> Lease {
        match &self.0 {
            Some(hold) if fresh > 0 => {
                let lease = hold.ledger.lease_unchecked(fresh);
                lease.on(self.clone())
            }
            _ => self.clone(),
        }
    }

    /// A lease for `bytes` bytes that replace those of this one. Given even if there is no room.
    pub fn instead(&self, bytes: u64) -> Lease {
        self.0
            .as_ref()
            .map_or(Lease(None), |hold| hold.ledger.lease_unchecked(bytes))
    }

    fn on(mut self, beneath: Lease) -> Lease {
        if let Some(hold) = self.0.as_mut().and_then(Arc::get_mut) {
            hold._beneath = beneath;
        }
        self
    }
}

#[cfg(test)]
mod tests;
