//! What is owed for the items that a shard holds: their places in the books, by signal.

use forebay_core::{Batch, Holding, Lease, Outcome, Payload, Reason, Signal, Time};

/// Spans and log records in custody. What left them is booked in one entry for each signal, at the end of a turn.
#[derive(Debug, Default)]
pub(super) struct Held {
    holdings: [Option<Holding>; 2],
    sampled_out: [u64; 2],
}

const fn index(signal: Signal) -> usize {
    match signal {
        Signal::Logs => 1,
        Signal::Traces | Signal::Metrics => 0,
    }
}

impl Held {
    pub(super) fn add(&mut self, signal: Signal, holding: Holding) {
        let Some(place) = self.holdings.get_mut(index(signal)) else {
            return;
        };
        match place {
            // Of one signal at one node: it is always taken.
            Some(held) => drop(held.absorb(holding)),
            none => *none = Some(holding),
        }
    }

    /// Notes that items were sampled out.
    pub(super) fn sample_out(&mut self, signal: Signal, items: u64) {
        if let Some(sum) = self.sampled_out.get_mut(index(signal)) {
            *sum += items;
        }
    }

    /// Books what was noted.
    pub(super) fn settle(&mut self) {
        for (holding, items) in self.holdings.iter_mut().zip(&mut self.sampled_out) {
            let items = std::mem::take(items);
            if let (Some(holding), 1..) = (holding, items) {
                holding.leave(items, Outcome::SampledOut);
            }
        }
    }

    /// Books items as dropped.
    pub(super) fn lose(&mut self, signal: Signal, items: u64, reason: Reason) {
        if let (Some(Some(holding)), 1..) = (self.holdings.get_mut(index(signal)), items) {
            holding.leave(items, Outcome::Dropped(reason));
        }
    }

    /// Items in a batch of their own. It begins its way here: who delivers it measures its age from now on.
    pub(super) fn emit(
        &mut self,
        (signal, items): (Signal, u64),
        payload: Payload,
        lease: Lease,
        now: Time,
    ) -> Option<Batch> {
        let holding = self.holdings.get_mut(index(signal))?.as_mut()?;
        Some(holding.emit(items, payload, lease, now))
    }
}
