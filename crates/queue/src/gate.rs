//! The gate before a queue: it counts what is inside, in items, bytes and batches, and makes senders wait outside.

use forebay_core::settings::OnFull;
use forebay_core::{Batch, Failure, Outcome, Reason};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

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
///
/// Senders that wait stand in line: nobody overtakes, so a large batch does not wait for ever beside small ones, and room
/// that is given back is taken by the first in line and those after it that fit as well. The line is bounded by the memory
/// that those in it have leased.
///
/// Queues that share one bound have a gate each, and one common gate: a batch has a place in both, one [`Place::within`] the
/// other.
#[derive(Debug)]
pub struct Gate {
    inside: Mutex<Inside>,
    emptied: Notify,
}

#[derive(Debug)]
struct Inside {
    limits: Limits,
    fill: Fill,
    line: VecDeque<Ticket>,
    tickets: u64,
}

/// A sender in line.
#[derive(Debug)]
struct Ticket {
    number: u64,
    items: u64,
    bytes: u64,
    admit: oneshot::Sender<Place>,
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
    batches: u64,
    outer: Option<Box<Place>>,
}

impl Place {
    /// The same place, within one in a common gate: they are given back together.
    pub fn within(mut self, outer: Place) -> Place {
        self.outer = Some(Box::new(outer));
        self
    }

    /// The place in the common gate, which this one is no longer within.
    pub fn leave(&mut self) -> Option<Place> {
        self.outer.take().map(|outer| *outer)
    }

    /// Makes one place of two in the same gate.
    pub fn join(&mut self, mut other: Place) {
        self.items += std::mem::take(&mut other.items);
        self.bytes += std::mem::take(&mut other.bytes);
        self.batches += std::mem::take(&mut other.batches);
    }

    /// Makes a place of its own for a part of what is here: so many items and bytes, or what is left of them. Parts are more
    /// batches than the whole was.
    pub fn carve(&mut self, items: u64, bytes: u64) -> Place {
        let (items, bytes) = (items.min(self.items), bytes.min(self.bytes));
        self.items -= items;
        self.bytes -= bytes;
        if self.batches > 1 {
            self.batches -= 1;
        } else {
            self.gate.lock().fill.batches += 1;
        }
        Place {
            gate: Arc::clone(&self.gate),
            items,
            bytes,
            batches: 1,
            outer: None,
        }
    }
}

impl Limits {
    /// Whether a batch of this size may come to what is inside.
    fn allow(&self, fill: &Fill, items: u64, bytes: u64) -> bool {
        let within = fill.items.saturating_add(items) <= self.items
            && fill.bytes.saturating_add(bytes) <= self.bytes
            && fill.batches < self.batches;
        within || fill.batches == 0
    }
}

impl Inside {
    fn has_room_for(&self, items: u64, bytes: u64) -> bool {
        self.limits.allow(&self.fill, items, bytes)
    }
}

impl Gate {
    /// A gate with nothing inside.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Gate {
            inside: Mutex::new(Inside {
                limits,
                fill: Fill::default(),
                line: VecDeque::new(),
                tickets: 0,
            }),
            emptied: Notify::new(),
        })
    }

    /// Ready once nothing is inside.
    pub async fn empty(&self) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.lock().fill.batches == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// The most that may be inside.
    pub fn limits(&self) -> Limits {
        self.lock().limits
    }

    /// Changes how much may be inside. What is inside stays, also where it is more than that.
    pub(crate) fn resize(self: &Arc<Self>, limits: Limits) {
        self.lock().limits = limits;
        self.admit();
    }

    /// What is inside, and who waits outside.
    pub fn fill(&self) -> Fill {
        let inside = self.lock();
        Fill {
            waiting: inside.line.len() as u64,
            ..inside.fill
        }
    }

    /// Whether a batch would fit if `out` were gone.
    pub(crate) fn fits_without(&self, out: &Fill, items: u64, bytes: u64) -> bool {
        let inside = self.lock();
        let fill = inside.fill;
        let rest = Fill {
            items: fill.items.saturating_sub(out.items),
            bytes: fill.bytes.saturating_sub(out.bytes),
            batches: fill.batches.saturating_sub(out.batches),
            waiting: 0,
        };
        inside.limits.allow(&rest, items, bytes)
    }

    /// A place for a batch of `items` items in `bytes` bytes, if there is room now and nobody stands in line for it.
    pub fn try_enter(self: &Arc<Self>, items: u64, bytes: u64) -> Option<Place> {
        let mut inside = self.lock();
        let free = inside.line.is_empty() && inside.has_room_for(items, bytes);
        free.then(|| self.place(&mut inside.fill, items, bytes))
    }

    /// A place for what has been inside of the common gate before and cannot wait, whether there is room or not.
    pub(crate) fn force(self: &Arc<Self>, items: u64, bytes: u64) -> Place {
        self.place(&mut self.lock().fill, items, bytes)
    }

    fn place(self: &Arc<Self>, fill: &mut Fill, items: u64, bytes: u64) -> Place {
        fill.items += items;
        fill.bytes += bytes;
        fill.batches += 1;
        Place {
            gate: Arc::clone(self),
            items,
            bytes,
            batches: 1,
            outer: None,
        }
    }

    /// Decides about `batch` at once, by `on_full` if there is no room. `oldest` takes out what has
    /// waited longest, if that can make room.
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
                    // It would not fit even if nothing waited: what is in takers' hands stays.
                    None => batch.discard(Outcome::Dropped(Reason::QueueOverflow)),
                },
            }
            return Decision::Settled;
        }
    }

    /// A place, once there is room.
    pub async fn enter(self: &Arc<Self>, items: u64, bytes: u64) -> Place {
        loop {
            let (number, mut admitted) = match self.stand_in_line(items, bytes) {
                Ok(place) => return place,
                Err(ticket) => ticket,
            };
            // Dropped before `admitted`: who gives up leaves the line first, and a place that came meanwhile is given back.
            let _in_line = InLine { gate: self, number };
            if let Ok(place) = (&mut admitted).await {
                return place;
            }
        }
    }

    fn stand_in_line(
        self: &Arc<Self>,
        items: u64,
        bytes: u64,
    ) -> Result<Place, (u64, oneshot::Receiver<Place>)> {
        let mut inside = self.lock();
        if inside.line.is_empty() && inside.has_room_for(items, bytes) {
            return Ok(self.place(&mut inside.fill, items, bytes));
        }
        let (admit, admitted) = oneshot::channel();
        inside.tickets += 1;
        let number = inside.tickets;
        inside.line.push_back(Ticket {
            number,
            items,
            bytes,
            admit,
        });
        Err((number, admitted))
    }

    /// Lets in from the front of the line whoever fits.
    fn admit(self: &Arc<Self>) {
        while let Some((admit, place)) = self.admit_first() {
            // Outside the lock: a place that nobody is there to take is given back at once.
            drop(admit.send(place));
        }
    }

    fn admit_first(self: &Arc<Self>) -> Option<(oneshot::Sender<Place>, Place)> {
        let mut inside = self.lock();
        let Ticket { items, bytes, .. } = *inside.line.front()?;
        if !inside.has_room_for(items, bytes) {
            return None;
        }
        let ticket = inside.line.pop_front()?;
        let place = self.place(&mut inside.fill, items, bytes);
        Some((ticket.admit, place))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (waiting, empty) = {
            let mut inside = self.gate.lock();
            inside.fill.items -= self.items;
            inside.fill.bytes -= self.bytes;
            inside.fill.batches -= self.batches;
            (!inside.line.is_empty(), inside.fill.batches == 0)
        };
        if waiting {
            self.gate.admit();
        }
        if empty {
            self.gate.emptied.notify_waiters();
        }
    }
}

/// Takes a sender out of the line when it gives up: the next one may fit where it did not.
struct InLine<'a> {
    gate: &'a Arc<Gate>,
    number: u64,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let left = {
            let mut inside = self.gate.lock();
            let place = inside.line.iter().position(|ticket| ticket.number == self.number);
            place.and_then(|place| inside.line.remove(place))
        };
        if left.is_some() {
            self.gate.admit();
        }
    }
}

#[cfg(test)]
mod tests;
