//! The gate before a queue: it counts what is inside, in items, bytes and batches, and makes senders wait outside.

use forebay_core::settings::OnFull;
use forebay_core::{Batch, Failure, Outcome, Reason};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a refused sender is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The most that may be inside at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items.
    pub items: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// Batches, whatever their size.
    pub batches: u64,
}

/// What is inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Items.
    pub items: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// Batches.
    pub batches: u64,
    /// Senders that wait outside.
    pub waiting: u64,
}

/// A bound on items, bytes and batches. One batch that is larger than the whole bound may be inside alone.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Limits,
    fill: Mutex<Fill>,
    room: Notify,
}

/// What the gate decided about a batch.
pub(crate) enum Decision {
    /// It may go in, to this place.
    Enter(Batch, Place),
    /// Its sender has to wait.
    Wait(Batch),
    /// It was refused or dropped, and that is booked.
    Settled,
}

/// A batch's place inside; given back when dropped.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Gate>,
    items: u64,
    bytes: u64,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Gate {
            limits,
            fill: Mutex::default(),
            room: Notify::new(),
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn fill(&self) -> Fill {
        *self.lock()
    }

    /// A place for a batch of `items` items in `bytes` bytes, if there is room now.
    pub(crate) fn try_enter(self: &Arc<Self>, items: u64, bytes: u64) -> Option<Place> {
        let mut fill = self.lock();
        let fits = fill.items + items <= self.limits.items
            && fill.bytes + bytes <= self.limits.bytes
            && fill.batches < self.limits.batches;
        if !fits && fill.batches > 0 {
            return None;
        }
        fill.items += items;
        fill.bytes += bytes;
        fill.batches += 1;
        Some(Place {
            gate: Arc::clone(self),
            items,
            bytes,
        })
    }

    /// Decides about `batch` at once, by `on_full` if there is no room. `oldest` takes out what has waited longest.
    pub(crate) fn decide(
        self: &Arc<Self>,
        batch: Batch,
        on_full: OnFull,
        mut oldest: impl FnMut() -> Option<Batch>,
    ) -> Decision {
        loop {
            if let Some(place) = self.try_enter(batch.items(), batch.bytes()) {
                return Decision::Enter(batch, place);
            }
            match on_full {
                OnFull::Wait => return Decision::Wait(batch),
                OnFull::Refuse => {
                    batch.fail(Failure::retryable(Reason::QueueFull, "a queue is full").after(RETRY_AFTER));
                }
                OnFull::DropNewest => batch.discard(Outcome::Dropped(Reason::QueueFull)),
                OnFull::DropOldest => match oldest() {
                    Some(oldest) => {
                        oldest.discard(Outcome::Dropped(Reason::QueueOverflow));
                        continue;
                    }
                    // All that is inside is in a taker's hands.
                    None => batch.discard(Outcome::Dropped(Reason::QueueOverflow)),
                },
            }
            return Decision::Settled;
        }
    }

    /// A place, once there is room.
    pub(crate) async fn enter(self: &Arc<Self>, items: u64, bytes: u64) -> Place {
        let _waiting = Waiting::new(self);
        loop {
            let room = self.room.notified();
            let mut room = std::pin::pin!(room);
            // Listen before looking, so that room made in between is not missed.
            room.as_mut().enable();
            if let Some(place) = self.try_enter(items, bytes) {
                // There may be room for the next one too: places are given back one at a time, of any size.
                self.room.notify_one();
                return place;
            }
            room.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Fill> {
        self.fill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let waiting = {
            let mut fill = self.gate.lock();
            fill.items -= self.items;
            fill.bytes -= self.bytes;
            fill.batches -= 1;
            fill.waiting > 0
        };
        if waiting {
            self.gate.room.notify_one();
        }
    }
}

/// Counts a sender as waiting while it exists. One that is cancelled hands its wake-up on.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.lock().waiting += 1;
        Waiting(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

#[cfg(test)]
mod tests;
