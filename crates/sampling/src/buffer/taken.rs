//! A trace that has left, and its items.

use super::{
    Trace,
    arena::Arena,
    envelopes::{Envelope, EnvelopeId, Envelopes},
    records::{Pieces, Place},
};

/// A trace that was taken out of the buffer. Its items come in the order in which they were added. Their memory is given back when
/// this is dropped, whether they were read or not.
#[derive(Debug)]
pub struct Taken<'b, F> {
    trace: Trace<F>,
    arena: &'b mut Arena,
    envelopes: &'b Envelopes,
    place: Place,
    left: u32,
}

/// An item of a trace that was taken out.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it came in.
    pub envelope: Envelope<'a>,
    /// Its bytes: the body of a `Span` or `LogRecord`.
    pub item: Pieces<'a>,
}

impl<'b, F> Taken<'b, F> {
    pub(super) fn new(trace: Trace<F>, arena: &'b mut Arena, envelopes: &'b Envelopes) -> Self {
        Taken {
            place: Place::start(&trace.chain),
            left: trace.items,
            trace,
            arena,
            envelopes,
        }
    }

    /// What was known about the trace.
    pub const fn trace(&self) -> &Trace<F> {
        &self.trace
    }

    /// How many items have not been read.
    pub const fn left(&self) -> u32 {
        self.left
    }

    /// The next item; nothing after the last.
    pub fn next_record(&mut self) -> Option<Record<'_>> {
        self.left = self.left.checked_sub(1)?;
        let (envelope, item) = self.place.read(self.arena.blocks())?;
        let envelope = self.envelopes.get(EnvelopeId(envelope))?;
        Some(Record { envelope, item })
    }
}

impl<F> Drop for Taken<'_, F> {
    fn drop(&mut self) {
        self.arena.free_chain(self.trace.chain);
    }
}
