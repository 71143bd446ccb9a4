//! The batch: one type for all signals, from the receiver's door to the exporter's socket.

use crate::Signal;
use crate::accounts::{Custody, NodeId, Outcome};
use crate::holding::Holding;
use crate::ledger::Lease;
use crate::payload::Payload;
use crate::time::Time;
use crate::token::{DeliveryToken, Failure, Verdict};
use forebay_otlp::edit::{Editor, ItemContext, Part, SplitLimits};
use forebay_telemetry::Reason;
use smallvec::{SmallVec, smallvec};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Where a batch came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The sender's address, where the receiver knows one.
    pub peer: Option<SocketAddr>,
    /// Who the sender has proved to be, where the receiver asks for proof.
    pub identity: Option<Arc<Identity>>,
}

/// Who a sender has proved to be: a name and a tenant of the config, never a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the credential, for logs.
    pub name: Arc<str>,
    /// On whose behalf the sender speaks, where the config says so.
    pub tenant: Option<Arc<str>>,
}

/// Items of one signal in their wire bytes, with all that must go with them: the account they stand in, the memory they
/// take, and the answer that is owed to their sender.
///
/// A batch leaves the graph by one of [`Batch::delivered`], [`Batch::discard`] and [`Batch::fail`], or in part by
/// [`Batch::discard_items`]. One that is let go otherwise is booked as dropped ([`Reason::Abandoned`]), and its sender
/// is told to send again.
#[derive(Debug)]
pub struct Batch {
    signal: Signal,
    payload: Payload,
    received_at: Time,
    origin: Arc<Origin>,
    custody: Custody,
    lease: Lease,
    token: DeliveryToken,
    trail: Trail,
}

/// The nodes that a batch went through, of which the first so many are kept.
type Trail = SmallVec<[NodeId; 10]>;

/// The most nodes that are kept of a batch's way.
const TRAIL_MAX: usize = 64;

/// What a new batch is made of, besides its payload.
#[derive(Debug)]
pub struct Entry {
    /// The items, as they were booked on arrival.
    pub custody: Custody,
    /// The memory that the payload takes.
    pub lease: Lease,
    /// The answer owed to the sender.
    pub token: DeliveryToken,
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// When it arrived.
    pub received_at: Time,
}

impl Batch {
    /// A batch of `signal` whose items have just been booked.
    pub fn new(signal: Signal, payload: Payload, entry: Entry) -> Batch {
        let Entry {
            custody,
            lease,
            token,
            origin,
            received_at,
        } = entry;
        Batch {
            signal,
            payload,
            received_at,
            origin,
            trail: smallvec![custody.node()],
            custody,
            lease,
            token,
        }
    }

    /// The signal of all items.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The wire bytes: a valid export request of the signal.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Spans, metric data points or log records.
    pub fn items(&self) -> u64 {
        self.custody.items()
    }

    /// Payload bytes.
    pub fn bytes(&self) -> u64 {
        self.payload.len() as u64
    }

    /// When the receiver had it whole.
    pub fn received_at(&self) -> Time {
        self.received_at
    }

    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The node that has it now.
    pub fn node(&self) -> NodeId {
        self.custody.node()
    }

    /// The nodes that it went through, the one that has it now being the last; of a very long way the first 64. It begins with the
    /// receiver, or with the stage that took the items out of their batches to keep them for a time.
    pub fn trail(&self) -> &[NodeId] {
        &self.trail
    }

    /// Whether the sender waits for the outcome and so still has the data.
    pub fn sender_waits(&self) -> bool {
        self.token.sender_waits()
    }

    /// Books the move to another node. The engine does this; a component does not.
    pub fn advance(&mut self, to: NodeId) {
        let bytes = self.bytes();
        self.custody.advance(to, bytes);
        if self.trail.len() < TRAIL_MAX {
            self.trail.push(to);
        }
    }

    /// The same items once more, for a branch of a fan-out: the payload and its memory are shared, the sender's answer
    /// waits for both.
    pub fn branch(&mut self) -> Batch {
        Batch {
            signal: self.signal,
            payload: self.payload.clone(),
            received_at: self.received_at,
            origin: Arc::clone(&self.origin),
            custody: self.custody.copy(),
            lease: self.lease.clone(),
            token: self.token.branch(),
            trail: self.trail.clone(),
        }
    }

    /// Takes `items` of the items, in `payload`, into a batch of their own. What stays must be given its payload with
    /// [`Batch::replace`]. `fresh` is how many of `payload`'s bytes are newly allocated.
    pub fn split(&mut self, items: u64, payload: Payload, fresh: u64) -> Batch {
        Batch {
            signal: self.signal,
            lease: self.lease_for(&payload, fresh),
            payload,
            received_at: self.received_at,
            origin: Arc::clone(&self.origin),
            custody: self.custody.split(items),
            token: self.token.part(),
            trail: self.trail.clone(),
        }
    }

    /// The batch in parts of at most `max_items` items and `max_bytes` bytes; 0 stands for no limit. An item that alone is
    /// above the limit gets a part of its own. A batch whose bytes cannot be read stays whole.
    pub fn split_to_fit(mut self, max_items: u64, max_bytes: u64) -> Vec<Batch> {
        let limit = |limit: u64| NonZeroUsize::new(usize::try_from(limit).unwrap_or(usize::MAX));
        let limits = SplitLimits {
            max_items: limit(max_items),
            max_bytes: limit(max_bytes),
        };
        let whole = self.payload.contiguous();
        let Ok(mut parts) = Editor::new().split(self.signal, &whole, limits) else {
            return vec![self];
        };
        let Some(rest) = parts.pop().filter(|_| !parts.is_empty()) else {
            return vec![self];
        };
        let mut batches: Vec<Batch> = parts.into_iter().map(|part| self.cut(part)).collect();
        batches.push(self.rest(rest));
        batches
    }

    /// The batch in parts, each of the items that `key` gives the same number, in ascending order. There is no part without
    /// items. A batch whose bytes cannot be read stays whole, with the number 0.
    pub fn partition(mut self, key: impl FnMut(&ItemContext<'_>) -> usize) -> Vec<(usize, Batch)> {
        let whole = self.payload.contiguous();
        let Ok(mut parts) = Editor::new().partition(self.signal, &whole, key) else {
            return vec![(0, self)];
        };
        let Some((last, rest)) = parts.pop() else {
            return vec![(0, self)];
        };
        if parts.is_empty() {
            return vec![(last, self)];
        }
        let cut = |(number, part)| (number, self.cut(part));
        let mut batches: Vec<(usize, Batch)> = parts.into_iter().map(cut).collect();
        batches.push((last, self.rest(rest)));
        batches
    }

    fn cut(&mut self, part: Part) -> Batch {
        let fresh = part.bytes.len() as u64;
        self.split(part.items as u64, Payload::from(part.bytes), fresh)
    }

    /// What is left of it is `part`.
    fn rest(mut self, part: Part) -> Batch {
        let fresh = part.bytes.len() as u64;
        self.replace(Payload::from(part.bytes), fresh);
        self
    }

    /// Puts `payload` in the place of the bytes; the number of items stays. `fresh` is how many of its bytes are newly
    /// allocated: the rest are slices of the bytes they replace, whose memory is kept on the books.
    pub fn replace(&mut self, payload: Payload, fresh: u64) {
        self.lease = self.lease_for(&payload, fresh);
        self.payload = payload;
    }

    /// Books `items` of the items as gone with `outcome`. The payload must be replaced to match.
    pub fn discard_items(&mut self, items: u64, outcome: Outcome) {
        self.custody.leave(outcome, items);
    }

    /// Tells the sender that all is well: whoever holds the batch answers for it from now on.
    pub fn take_custody(&mut self) {
        self.token.take_custody();
    }

    /// Takes it apart, for a stage that keeps the items by itself: their bytes, and what is owed for them. The sender is told
    /// that all is well.
    pub fn hold(mut self) -> (Payload, Holding) {
        self.token.take_custody();
        (self.payload, Holding::new(self.signal, self.custody))
    }

    /// Leaves the graph: the destination has it all, less `rejected` items that it refused with `message`.
    pub fn delivered(mut self, rejected: u64, message: Option<Arc<str>>) {
        let bytes = self.bytes();
        if rejected > 0 {
            self.custody.leave(self.lost(Reason::Rejected), rejected);
        }
        self.custody.close(Outcome::Delivered, bytes);
        self.token.resolve(Verdict {
            failure: None,
            rejected_items: rejected,
            rejected_message: message,
        });
    }

    /// Leaves the graph as intended: sampled out, filtered, or folded into another item. The sender is told that all is well.
    pub fn discard(self, outcome: Outcome) {
        self.custody.close(outcome, 0);
        self.token.resolve(Verdict::delivered());
    }

    /// Leaves the graph undelivered: refused if the sender waits and can be told, dropped if not.
    pub fn fail(self, failure: Failure) {
        let outcome = self.lost(failure.reason);
        self.custody.close(outcome, 0);
        self.token.resolve(Verdict::failed(failure));
    }

    /// Leaves the graph undelivered: the destination refused all of it for what it is. Other parts of the same request may have
    /// been delivered: see [`Verdict::rejected`].
    pub fn reject(self, failure: Failure) {
        let (items, outcome) = (self.items(), self.lost(failure.reason));
        self.custody.close(outcome, 0);
        self.token.resolve(Verdict::rejected(items, failure));
    }

    fn lost(&self, reason: Reason) -> Outcome {
        if self.token.sender_waits() {
            Outcome::Refused(reason)
        } else {
            Outcome::Dropped(reason)
        }
    }

    fn lease_for(&self, payload: &Payload, fresh: u64) -> Lease {
        if fresh < payload.len() as u64 {
            self.lease.beside(fresh)
        } else {
            self.lease.instead(fresh)
        }
    }
}

#[cfg(test)]
mod tests;
