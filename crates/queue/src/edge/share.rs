//! An edge that is one of several: each stands before one destination of the same exporter and has its share of a common bound.
//!
//! A batch has a place in this edge within one in the common gate. It keeps the latter when it goes from one of these edges
//! to another: what is inside of the exporter's bound need not wait for room a second time.

use super::{Edge, Taken, Waiting};
use crate::gate::{Limits, Place};
use forebay_core::{Batch, Outcome, Reason};

/// How a batch comes to an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entering {
    /// Not where it is diverted.
    Asked,
    /// Also where others are diverted: to see whether the destination is well again.
    Trial,
}

impl Edge {
    /// Changes the bounds. What is inside stays, also where it is more than that.
    pub fn resize(&self, limits: Limits) {
        self.gate.resize(limits);
    }

    /// A place for `batch`, if there is room now and nobody stands in line for it.
    pub fn try_enter(&self, batch: &Batch) -> Option<Place> {
        self.gate.try_enter(batch.items(), batch.bytes())
    }

    /// A place for `batch`, once there is room.
    pub async fn enter(&self, batch: &Batch) -> Place {
        let began = self.clock.now();
        let place = self.gate.enter(batch.items(), batch.bytes()).await;
        self.waited.record(self.clock.now().since(began));
        place
    }

    /// A place for `batch`, where what has waited longest may be dropped to make room; nothing if that would not do.
    pub fn enter_for_oldest(&self, batch: &Batch) -> Option<Place> {
        loop {
            if let Some(place) = self.try_enter(batch) {
                return Some(place);
            }
            let oldest = self.make_room(batch.items(), batch.bytes())?;
            oldest.discard(Outcome::Dropped(Reason::QueueOverflow));
        }
    }

    /// Drops what has waited longest, if anything waits.
    pub fn drop_oldest(&self) -> bool {
        let oldest = self.lock().pop_oldest();
        let dropped = oldest.is_some();
        if let Some(oldest) = oldest {
            oldest.batch.discard(Outcome::Dropped(Reason::QueueOverflow));
        }
        dropped
    }

    /// Puts in what has its places; gives it back if the edge is closed, or diverted.
    pub fn insert(&self, taken: Taken, entering: Entering) -> Option<Taken> {
        let since = self.clock.now();
        {
            let mut lanes = self.lock();
            if lanes.closed || (lanes.diverted && entering == Entering::Asked) {
                return Some(taken);
            }
            let Taken { batch, place } = taken;
            if let Some(lane) = lanes.lanes.get_mut(batch.signal() as usize) {
                lane.push(Waiting { batch, place, since });
            }
        }
        self.filled.notify_one();
        None
    }

    /// Puts in what comes from another edge and has its place in the common gate, whether there is room here or not; gives it
    /// back if the edge is closed, or diverted.
    pub fn adopt(&self, batch: Batch, outer: Place, entering: Entering) -> Option<Taken> {
        let place = self.gate.force(batch.items(), batch.bytes()).within(outer);
        self.insert(Taken { batch, place }, entering)
    }

    /// From now on, or no longer, what comes is given back.
    pub fn divert(&self, diverted: bool) {
        self.lock().diverted = diverted;
    }

    /// Takes out what has waited longest, of any signal.
    pub fn take_oldest(&self) -> Option<Taken> {
        let Waiting { batch, place, .. } = self.lock().pop_oldest()?;
        Some(Taken { batch, place })
    }
}
