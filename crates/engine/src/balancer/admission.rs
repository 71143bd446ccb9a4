//! The way in: a batch's parts go into their queues together, once there is room for all of them.
//!
//! Nothing of a batch is delivered while another part of it may still be refused for lack of room: its sender would send all
//! of it again.

use super::{Balancer, Outlet, in_common, stopping, take_custody};
use forebay_core::settings::OnFull;
use forebay_core::{Batch, Failure, Outcome, Reason};
use forebay_queue::{Entering, Place, Taken};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a refused sender is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What of a batch goes to one destination.
pub(crate) struct Part {
    pub(super) outlet: Arc<Outlet>,
    pub(super) batch: Batch,
    pub(super) entering: Entering,
}

/// A batch, by destination.
pub(crate) type Parts = SmallVec<[Part; 1]>;

type Places = SmallVec<[Place; 1]>;

impl Balancer {
    /// Puts a batch in if that can be done, or decided, at once; gives its parts back if its sender has to wait.
    pub(crate) fn try_push(&self, batch: Batch) -> Option<Parts> {
        if self.closed.load(Ordering::SeqCst) {
            batch.fail(stopping());
            return None;
        }
        let parts = self.route(batch);
        match self.to.settings.queue.on_full {
            OnFull::Wait => match self.places(&parts) {
                Some((places, outer)) => self.admit(parts, places, outer),
                None if parts.is_empty() => {}
                None => return Some(parts),
            },
            OnFull::Refuse => match self.places(&parts) {
                Some((places, outer)) => self.admit(parts, places, outer),
                None => refuse(parts),
            },
            OnFull::DropNewest => self.each(parts, |part| self.place(part).ok_or(Reason::QueueFull)),
            OnFull::DropOldest => self.each(parts, |part| {
                self.place_of_oldest(part).ok_or(Reason::QueueOverflow)
            }),
        }
        None
    }

    /// Puts parts in that had to wait, once there is room for all of them.
    pub(crate) async fn push(&self, mut parts: Parts) {
        // In one order for all: two senders never wait for what the other one has.
        parts.sort_by_key(|part| part.outlet.number);
        let mut places = Places::with_capacity(parts.len());
        for part in &parts {
            places.push(part.outlet.edge.enter(&part.batch).await);
        }
        let (items, bytes) = size(&parts);
        let outer = self.outer.enter(items, bytes).await;
        self.admit(parts, places, outer);
    }

    /// Places for all parts, or none.
    fn places(&self, parts: &Parts) -> Option<(Places, Place)> {
        let here = parts.iter().map(|part| part.outlet.edge.try_enter(&part.batch));
        let here = here.collect::<Option<Places>>()?;
        let (items, bytes) = size(parts);
        let outer = self.outer.try_enter(items, bytes)?;
        (!parts.is_empty()).then_some((here, outer))
    }

    fn place(&self, part: &Part) -> Option<(Place, Place)> {
        let here = part.outlet.edge.try_enter(&part.batch)?;
        let outer = self.outer.try_enter(part.batch.items(), part.batch.bytes())?;
        Some((here, outer))
    }

    /// Makes room among what waits for the same destination.
    fn place_of_oldest(&self, part: &Part) -> Option<(Place, Place)> {
        let edge = &part.outlet.edge;
        let here = edge.enter_for_oldest(&part.batch)?;
        loop {
            match self.outer.try_enter(part.batch.items(), part.batch.bytes()) {
                Some(outer) => return Some((here, outer)),
                None if edge.drop_oldest() => {}
                None => return None,
            }
        }
    }

    fn admit(&self, mut parts: Parts, places: Places, mut outer: Place) {
        take_custody(&mut parts);
        for (part, place) in parts.into_iter().zip(places) {
            let common = outer.carve(part.batch.items(), part.batch.bytes());
            self.insert(part, place.within(common));
        }
    }

    /// Puts in those parts that there is a place for, and drops the others.
    fn each(&self, mut parts: Parts, mut place: impl FnMut(&Part) -> Result<(Place, Place), Reason>) {
        take_custody(&mut parts);
        for part in parts {
            match place(&part) {
                Ok((here, outer)) => self.insert(part, here.within(outer)),
                Err(reason) => part.batch.discard(Outcome::Dropped(reason)),
            }
        }
    }

    fn insert(&self, part: Part, place: Place) {
        let taken = Taken {
            batch: part.batch,
            place,
        };
        // Left or failed meanwhile.
        let back = part.outlet.edge.insert(taken, part.entering);
        if let Some((batch, place)) = back.and_then(in_common) {
            self.again(batch, place);
        }
    }
}

fn size(parts: &Parts) -> (u64, u64) {
    let items = parts.iter().map(|part| part.batch.items()).sum();
    let bytes = parts.iter().map(|part| part.batch.bytes()).sum();
    (items, bytes)
}

fn refuse(parts: Parts) {
    for part in parts {
        let failure = Failure::retryable(Reason::QueueFull, "a queue is full");
        part.batch.fail(failure.after(RETRY_AFTER));
    }
}
