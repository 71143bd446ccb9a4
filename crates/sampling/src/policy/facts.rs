//! What is kept of a trace so that it can be judged without its spans.

use crate::probability::Randomness;

/// The root of the trace has been seen.
const ROOT: u64 = 1 << 56;
/// The 56 low bits of `randomness`.
const RANDOMNESS: u64 = ROOT - 1;

/// What one trace has shown so far: all that a [`Plan`](super::Plan) judges it by. 48 bytes, without an allocation.
///
/// Spans are added by [`Plan::observe_span`](super::Plan::observe_span) in whatever order they arrive. Everything but the randomness is a
/// set, a minimum, a maximum or a sum, and so does not depend on the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// One bit for each predicate of the plan: whether it holds.
    pub(super) bits: u64,
    /// The earliest start of a span, in nanoseconds since 1970; `u64::MAX` where no span has one.
    pub(super) start: u64,
    /// The latest end of a span, in nanoseconds since 1970; 0 where no span has one.
    pub(super) end: u64,
    /// The wire bytes of the spans, without those of their envelopes.
    pub(super) bytes: u64,
    /// The randomness, and above it a bit for the root.
    randomness: u64,
    /// How many spans there are; stays at the largest number that fits.
    pub(super) spans: u32,
}

impl Facts {
    /// A trace of which nothing has been seen.
    pub const NONE: Facts = Facts {
        bits: 0,
        start: u64::MAX,
        end: 0,
        bytes: 0,
        randomness: 0,
        spans: 0,
    };

    /// How many spans have been seen. Duplicates count.
    pub const fn spans(&self) -> u32 {
        self.spans
    }

    /// The wire bytes of the spans seen, without those of resources and scopes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a span without a parent has been seen.
    pub const fn root_seen(&self) -> bool {
        self.randomness & ROOT != 0
    }

    /// From the earliest start to the latest end of the spans seen, in nanoseconds; 0 where one of them is not known. Times of 0 count as
    /// not given.
    pub const fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The randomness R of the trace: of its first span the `rv`, or the last 56 bits of the trace id. 0 where neither can be read: then
    /// only what keeps everything keeps it.
    pub fn randomness(&self) -> Randomness {
        Randomness::new(self.randomness & RANDOMNESS).unwrap_or(Randomness::HIGHEST)
    }

    pub(super) const fn set_randomness(&mut self, randomness: Randomness) {
        self.randomness = self.randomness & !RANDOMNESS | randomness.value();
    }

    pub(super) const fn set_root(&mut self) {
        self.randomness |= ROOT;
    }

    /// Adds a span of these times and this size.
    pub(super) fn add(&mut self, start: u64, end: u64, bytes: usize) {
        self.spans = self.spans.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.end = self.end.max(end);
        // A time of 0 is one that was not given.
        if start != 0 {
            self.start = self.start.min(start);
        }
    }
}

impl Default for Facts {
    fn default() -> Self {
        Facts::NONE
    }
}
