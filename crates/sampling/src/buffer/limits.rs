//! What a buffer may take, what it takes, and what it says to what does not fit.

use thiserror::Error;

use super::{
    Trace, TraceBuffer, arena::Arena, blocks::BLOCK, decisions::Decisions, envelopes::Envelopes,
    index::Index, slab::Slab, wheel::Wheel,
};

/// What a [`TraceBuffer`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that it takes, of everything: items, tables, what was decided. Never exceeded.
    pub max_bytes: usize,
    /// The most traces at a time, at least 1. Each costs 172 bytes from the start, for the index and the decisions about traces
    /// that are gone, whether it is held or not. That memory is given by the system as it is used.
    pub max_traces: usize,
    /// The most bytes of the items of one trace.
    pub max_trace_bytes: u64,
    /// What hashes depend on. Random, so that no sender can choose ids that collide.
    pub seed: u64,
}

/// Why an item was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The budget has no room, or there are as many traces as there may be: it fits once older traces have left. If no trace is
    /// held, it does not fit at all.
    #[error("the buffer is full")]
    Full,
    /// The trace would have more bytes than one may have.
    #[error("the trace is full")]
    TraceFull,
    /// It would not fit if it were all that is held.
    #[error("the item is larger than the buffer")]
    TooLarge,
    /// The trace or the envelope is not held any more.
    #[error("the trace or the envelope is not in the buffer")]
    Gone,
}

/// A budget that is too small for the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{needed} bytes are needed for as many traces as may be held, and {limit} are allowed")]
pub struct TooSmall {
    /// The least that [`Limits::max_bytes`] can be.
    pub needed: usize,
    /// What it is.
    pub limit: usize,
}

/// What a buffer takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The segments of blocks, for items.
    pub blocks: usize,
    /// What of it is in use.
    pub blocks_in_use: usize,
    /// The segments of traces, for what is known about each.
    pub traces: usize,
    /// Resources and scopes.
    pub envelopes: usize,
    /// What was decided about traces that are gone: the whole table, of which the system gives what is used.
    pub decisions: usize,
    /// The index, the wheel and all else that is allocated from the start, likewise.
    pub tables: usize,
    /// The budget.
    pub limit: usize,
}

impl Memory {
    /// All of it: never more than the budget.
    pub const fn total(&self) -> usize {
        self.blocks + self.traces + self.envelopes + self.decisions + self.tables
    }
}

/// The least and the most bytes of a segment of blocks.
const SEGMENT_BYTES: (usize, usize) = (16 << 10, 1 << 20);
/// A segment of blocks is one part in so many of the budget.
const SEGMENTS: usize = 256;
/// The most traces in a segment of them.
const SEGMENT_TRACES: usize = 1024;
/// There may be an envelope for each so many bytes of the budget, but at least and at most so many.
const BYTES_FOR_ENVELOPE: usize = 4096;
const ENVELOPES: (usize, usize) = (64, 1 << 20);
/// What a resource and a scope may take in the smallest budget.
const ENVELOPE_BYTES: usize = 4096;
/// The most traces: their places are numbers of 32 bits.
const MOST_TRACES: usize = 1 << 31;

/// The sizes of the parts.
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) limits: Limits,
    pub(super) block_segments: usize,
    pub(super) block_shift: u32,
    pub(super) trace_shift: u32,
    pub(super) envelopes: usize,
    pub(super) fixed: usize,
}

impl Sizes {
    pub(super) fn of<F: Copy + Default>(limits: &Limits) -> Result<Sizes, TooSmall> {
        let limits = Limits {
            max_traces: limits.max_traces.clamp(1, MOST_TRACES),
            ..*limits
        };
        let (sizes, mut needed) = Sizes::within::<F>(limits);
        if needed <= limits.max_bytes {
            return Ok(sizes);
        }
        // A larger budget has longer lists of segments.
        let mut before = 0;
        while needed > before {
            before = needed;
            needed = Sizes::within::<F>(Limits {
                max_bytes: needed,
                ..limits
            })
            .1;
        }
        Err(TooSmall {
            needed: before,
            limit: limits.max_bytes,
        })
    }

    /// The sizes that a budget leads to, and the least bytes that they need.
    fn within<F: Copy + Default>(limits: Limits) -> (Sizes, usize) {
        let (max_bytes, max_traces) = (limits.max_bytes, limits.max_traces);
        let segment = (max_bytes / SEGMENTS).clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1);
        let block_shift = (segment / BLOCK).ilog2();
        let block_segments = max_bytes / (BLOCK << block_shift);
        let trace_shift = (max_traces / SEGMENTS).clamp(16, SEGMENT_TRACES).ilog2();
        let envelopes = (max_bytes / BYTES_FOR_ENVELOPE).clamp(ENVELOPES.0, ENVELOPES.1);
        let fixed = size_of::<TraceBuffer<F>>()
            + Arena::fixed_bytes(block_segments)
            + Slab::<Trace<F>>::fixed_bytes(max_traces, trace_shift)
            + Index::bytes(max_traces)
            + Wheel::bytes()
            + Envelopes::fixed_bytes(envelopes)
            + Decisions::bytes(max_traces);
        let first = (BLOCK << block_shift)
            + Slab::<Trace<F>>::bytes_of_segment(trace_shift)
            + Envelopes::segment_bytes()
            + ENVELOPE_BYTES;
        let sizes = Sizes {
            limits,
            block_segments,
            block_shift,
            trace_shift,
            envelopes,
            fixed,
        };
        (sizes, fixed + first)
    }
}
