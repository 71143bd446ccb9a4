//! What a stage that keeps items for itself owes for them: their place in the books, apart from any batch.

use crate::Signal;
use crate::accounts::{Custody, Outcome};
use crate::batch::{Batch, Entry, Origin};
use crate::ledger::Lease;
use crate::payload::Payload;
use crate::time::Time;
use crate::token::DeliveryToken;
use std::sync::Arc;

/// Items of one signal that a stage has taken out of their batches, in custody: their senders were told that all is well. Letting go
/// of it books what is left as dropped.
#[derive(Debug)]
pub struct Holding {
    signal: Signal,
    custody: Custody,
}

impl Holding {
    pub(crate) fn new(signal: Signal, custody: Custody) -> Self {
        Holding { signal, custody }
    }

    /// How many items are held.
    pub fn items(&self) -> u64 {
        self.custody.items()
    }

    /// Takes what `other` holds. Both must be of the same signal and at the same node; what is not stays with `other`, which is
    /// given back.
    pub fn absorb(&mut self, other: Holding) -> Option<Holding> {
        if self.signal != other.signal {
            return Some(other);
        }
        let Holding { signal, custody } = other;
        let custody = self.custody.absorb(custody)?;
        Some(Holding { signal, custody })
    }

    /// Books up to `items` items as gone with `outcome`.
    pub fn leave(&mut self, items: u64, outcome: Outcome) {
        self.custody.leave(outcome, items);
    }

    /// Up to `items` items in a batch of their own, with these bytes, which `lease` covers. Nobody waits for what becomes of it.
    /// `received_at` is when the oldest of them arrived.
    pub fn emit(&mut self, items: u64, payload: Payload, lease: Lease, received_at: Time) -> Batch {
        let entry = Entry {
            custody: self.custody.split(items),
            lease,
            token: DeliveryToken::detached(),
            origin: Arc::new(Origin::default()),
            received_at,
        };
        Batch::new(self.signal, payload, entry)
    }
}
