//! What is known about a trace while it is held.

use super::{
    blocks::Chain,
    envelopes::EnvelopeId,
    list::{Lane, Linked, Links},
    slab::Key,
    wheel::{Deadline, Timed},
};

/// A trace id. The buffer gives no meaning to it: an id of zeros is one like any other.
pub type TraceId = [u8; 16];

/// A trace in the buffer. It is good until the trace leaves; after that it is refused, whatever stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceRef(pub(super) Key);

/// What the buffer knows about a trace.
#[derive(Clone, Copy, Debug)]
pub struct Trace<F> {
    pub(super) id: TraceId,
    pub(super) chain: Chain,
    pub(super) items: u32,
    pub(super) bytes: u64,
    /// How many traces had begun when it had.
    pub(super) begun: u64,
    pub(super) arrival: u64,
    pub(super) deadline: Deadline,
    age_links: Links,
    deadline_links: Links,
    /// What the owner knows about it.
    pub facts: F,
}

impl<F> Trace<F> {
    /// Its id.
    #[inline]
    pub const fn id(&self) -> &TraceId {
        &self.id
    }

    /// How many items are held of it, spans and log records.
    #[inline]
    pub const fn items(&self) -> u32 {
        self.items
    }

    /// The bytes of these items, without what the buffer adds.
    #[inline]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When its first item came: what [`TraceBuffer::insert`](super::TraceBuffer::insert) was told, in nanoseconds.
    #[inline]
    pub const fn arrival(&self) -> u64 {
        self.arrival
    }

    /// When it is due: what [`TraceBuffer::set_due`](super::TraceBuffer::set_due) was told last, in nanoseconds; 0 if nothing.
    #[inline]
    pub const fn due(&self) -> u64 {
        self.deadline.due
    }
}

impl<F: Default> Trace<F> {
    /// A trace without items, the `begun`th.
    pub(super) fn new(id: &TraceId, arrival: u64, begun: u64) -> Self {
        Trace {
            id: *id,
            chain: Chain::EMPTY,
            items: 0,
            bytes: 0,
            begun,
            arrival,
            deadline: Deadline::default(),
            age_links: Links::default(),
            deadline_links: Links::default(),
            facts: F::default(),
        }
    }
}

impl<F: Default> Default for Trace<F> {
    fn default() -> Self {
        Trace::new(&[0; 16], 0, 0)
    }
}

impl<F: Default> Linked for Trace<F> {
    #[inline]
    fn links(&self, lane: Lane) -> Links {
        match lane {
            Lane::Age => self.age_links,
            Lane::Deadline => self.deadline_links,
        }
    }

    #[inline]
    fn links_mut(&mut self, lane: Lane) -> &mut Links {
        match lane {
            Lane::Age => &mut self.age_links,
            Lane::Deadline => &mut self.deadline_links,
        }
    }
}

impl<F: Default> Timed for Trace<F> {
    #[inline]
    fn deadline(&mut self) -> &mut Deadline {
        &mut self.deadline
    }
}

/// A new trace and its first item, for [`TraceBuffer::insert`](super::TraceBuffer::insert).
#[derive(Clone, Copy, Debug)]
pub struct First<'a> {
    /// The trace.
    pub id: &'a TraceId,
    /// When the item came, in nanoseconds.
    pub arrival: u64,
    /// What the item stands in.
    pub envelope: EnvelopeId,
    /// The item: the body of a `Span` or `LogRecord`.
    pub item: &'a [u8],
}
