//! The traces that one shard of tail sampling holds until it decides about them.
//!
//! A [`TraceBuffer`] keeps spans, and log records that follow traces, as the bytes they came in, within a budget that it never
//! exceeds. It has no clock, no thread and no lock: its owner tells it what time it is, in nanoseconds of any clock that does not go
//! back.
//!
//! | part | holds | file |
//! |---|---|---|
//! | arena | the items of each trace, in a chain of blocks | `arena.rs`, `blocks.rs`, `loose.rs`, `records.rs` |
//! | table | what is known about each trace, and by what others find it | `slab.rs`, `index.rs`, `list.rs` |
//! | wheel | when each trace is due | `wheel.rs` |
//! | envelopes | the resources and scopes that items came with, each once | `envelopes.rs` |
//! | decisions | what was decided about traces that are gone | `decisions.rs` |
//!
//! Why it is made like this, and what it costs: `docs/adr/0009-trace-buffer.md`.
//!
//! # How it is used
//!
//! For each scope of a request, [`TraceBuffer::intern`] makes its envelope known; each item goes to its trace with
//! [`TraceBuffer::find`] and [`TraceBuffer::append`], or [`TraceBuffer::insert`]. What does not fit is refused and nothing has
//! changed: the owner then decides about the trace that [`TraceBuffer::oldest`] names, and tries again. A trace leaves by
//! [`TraceBuffer::take`], which hands out its items, or [`TraceBuffer::discard`], which does not read them. Between requests
//! the owner calls [`TraceBuffer::tidy`].
//!
//! Requests are taken apart with [`forebay_otlp::edit::Outline`], and what is kept is put together again with
//! [`forebay_otlp::edit::RequestBuilder`], one for each signal: `builder.push(&record.envelope.shells, |out| record.item.copy_to(out))`.

mod arena;
mod blocks;
mod decisions;
mod envelopes;
mod index;
mod limits;
mod list;
mod loose;
mod records;
mod slab;
mod taken;
mod trace;
mod wheel;

use forebay_otlp::{IdentityHasher, Signal};

pub use decisions::Decision;
pub use envelopes::{Envelope, EnvelopeId};
pub use limits::{Limits, Memory, Refusal, TooSmall};
pub use records::Pieces;
pub use taken::{Record, Taken};
pub use trace::{First, Trace, TraceId, TraceRef};

use arena::Arena;
use blocks::Chain;
use decisions::Decisions;
use envelopes::{Envelopes, Parts};
use index::Index;
use limits::Sizes;
use list::Lane;
use slab::{Key, NONE, Slab};
use wheel::Wheel;

/// How many traces are looked for at a time.
const TOGETHER: usize = 32;
/// How many blocks [`TraceBuffer::tidy`] sends home.
const TIDY_PORTION: usize = 256;

/// The traces of one shard. `F` is what its owner keeps with each trace.
#[derive(Debug)]
pub struct TraceBuffer<F> {
    limits: Limits,
    hasher: IdentityHasher,
    arena: Arena,
    traces: Slab<Trace<F>>,
    index: Index,
    wheel: Wheel,
    envelopes: Envelopes,
    decisions: Decisions,
    /// The traces from the oldest to the newest.
    ages: u32,
    begun: u64,
    items: u64,
    bytes: u64,
    /// What is allocated from the start.
    fixed: usize,
}

impl<F: Copy + Default> TraceBuffer<F> {
    /// A buffer without traces.
    ///
    /// # Errors
    ///
    /// That the budget leaves nothing for traces beside the tables for as many as there may be.
    pub fn new(limits: Limits) -> Result<Self, TooSmall> {
        let sizes = Sizes::of::<F>(&limits)?;
        let hasher = IdentityHasher::new(limits.seed);
        let limits = sizes.limits;
        Ok(TraceBuffer {
            limits,
            hasher,
            arena: Arena::new(sizes.block_segments, sizes.block_shift),
            traces: Slab::new(limits.max_traces, sizes.trace_shift),
            index: Index::new(limits.max_traces),
            wheel: Wheel::new(),
            envelopes: Envelopes::new(sizes.envelopes, hasher),
            decisions: Decisions::new(limits.max_traces),
            ages: NONE,
            begun: 0,
            items: 0,
            bytes: 0,
            fixed: sizes.fixed,
        })
    }

    /// Makes the envelope of items known: the fields of the resource's and of the scope's envelope that are not scopes and items,
    /// as they came ([`forebay_otlp::edit::ScopeItems::resource_shell`] and `scope_shell`).
    ///
    /// The id is good as long as an item in the buffer has it, and at least until the next [`TraceBuffer::tidy`].
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`].
    pub fn intern(&mut self, signal: Signal, resource: &[u8], scope: &[u8]) -> Result<EnvelopeId, Refusal> {
        let spare = self.spare();
        let parts = Parts {
            signal,
            resource,
            scope,
        };
        self.envelopes
            .intern(&parts, self.begun, spare)
            .ok_or(Refusal::Full)
    }

    /// What an id of [`TraceBuffer::intern`] stands for.
    pub fn envelope(&self, id: EnvelopeId) -> Option<Envelope<'_>> {
        self.envelopes.get(id)
    }

    /// The trace with this id, if it is held.
    #[inline]
    pub fn find(&self, id: &TraceId) -> Option<TraceRef> {
        self.find_hashed(id, self.hasher.bytes(id))
    }

    fn find_hashed(&self, id: &TraceId, hash: u64) -> Option<TraceRef> {
        let is = |place| self.traces.at(place).is_some_and(|trace| trace.id == *id);
        let place = self.index.find(hash, is)?;
        self.traces.key(place).map(TraceRef)
    }

    /// Looks for each of `ids`, in order, and appends to `found` what [`TraceBuffer::find`] would say. In a buffer that is larger than
    /// the processor's caches this takes less time than one search after the other, and so does what follows: it reads
    /// one level of all searches before the next, so that the processor waits for many places of memory at once, down to the
    /// place where the next item of the trace would go.
    pub fn find_all(&self, ids: &[TraceId], found: &mut Vec<Option<TraceRef>>) {
        for ids in ids.chunks(TOGETHER) {
            let mut hashes = [0; TOGETHER];
            let mut touched = 0_u64;
            for (hash, id) in hashes.iter_mut().zip(ids) {
                *hash = self.hasher.bytes(id);
                touched ^= self.index.touch(*hash);
            }
            for hash in hashes.iter().take(ids.len()) {
                let place = self.index.find(*hash, |_| true);
                let trace = place.and_then(|place| self.traces.at(place));
                touched ^= trace.map_or(0, |trace| trace.bytes);
            }
            let mut ends = [Chain::EMPTY; TOGETHER];
            for ((hash, id), end) in hashes.iter().zip(ids).zip(&mut ends) {
                let trace = self.find_hashed(id, *hash);
                let chain = trace.and_then(|trace| self.traces.get(trace.0));
                *end = chain.map_or(Chain::EMPTY, |trace| trace.chain);
                found.push(trace);
            }
            for end in ends.iter().take(ids.len()) {
                let block = self.arena.blocks().block(end.last);
                let byte = block.and_then(|block| block.get(end.fill as usize));
                touched ^= byte.map_or(0, |byte| u64::from(*byte));
            }
            std::hint::black_box(touched);
        }
    }

    /// Begins a trace with its first item. No trace of this id must be held. It has no deadline.
    ///
    /// # Errors
    ///
    /// Any [`Refusal`].
    pub fn insert(&mut self, first: &First<'_>) -> Result<TraceRef, Refusal> {
        let First { id, arrival, .. } = *first;
        let growth = self.traces.growth(1).ok_or(Refusal::Full)?;
        self.check(&Chain::EMPTY, (0, first.item), growth)?;
        if !self.envelopes.mark(first.envelope, self.begun + 1) {
            return Err(Refusal::Gone);
        }
        self.begun += 1;
        let trace = Trace::new(id, arrival, self.begun);
        let key = self.traces.insert(trace).ok_or(Refusal::Full)?;
        self.write(key, first.envelope, first.item);
        self.index.insert(self.hasher.bytes(id), key.place);
        list::push(&mut self.traces, Lane::Age, &mut self.ages, key.place);
        Ok(TraceRef(key))
    }

    /// Adds an item, the body of a `Span` or `LogRecord`, to a trace.
    ///
    /// # Errors
    ///
    /// Any [`Refusal`].
    #[inline]
    pub fn append(&mut self, trace: TraceRef, envelope: EnvelopeId, item: &[u8]) -> Result<(), Refusal> {
        let entry = self.traces.get(trace.0).ok_or(Refusal::Gone)?;
        self.check(&entry.chain, (entry.bytes, item), 0)?;
        if !self.envelopes.mark(envelope, self.begun) {
            return Err(Refusal::Gone);
        }
        self.write(trace.0, envelope, item);
        Ok(())
    }

    /// Refuses an item for a trace of `held` bytes that would break a limit, or the budget by it and `growth`.
    #[inline]
    fn check(&self, chain: &Chain, (held, item): (u64, &[u8]), growth: usize) -> Result<(), Refusal> {
        if held + item.len() as u64 > self.limits.max_trace_bytes {
            return Err(Refusal::TraceFull);
        }
        let blocks = records::blocks_for(chain, item.len());
        if self.arena.growth(blocks) + growth <= self.spare() && u32::try_from(item.len()).is_ok() {
            return Ok(());
        }
        let alone = Arena::segments_for(blocks, self.arena.segment_bytes()) + self.traces.segment_bytes();
        if self.fixed + alone > self.limits.max_bytes || u32::try_from(item.len()).is_err() {
            return Err(Refusal::TooLarge);
        }
        Err(Refusal::Full)
    }

    #[inline]
    fn write(&mut self, key: Key, envelope: EnvelopeId, item: &[u8]) {
        if let Some(trace) = self.traces.get_mut(key) {
            records::append(&mut self.arena, &mut trace.chain, envelope.0, item);
            trace.items += 1;
            trace.bytes += item.len() as u64;
            self.items += 1;
            self.bytes += item.len() as u64;
        }
    }

    /// Whether `items` items of together `bytes` bytes fit for sure, whatever traces they belong to: for an owner that would
    /// rather push back than decide early. Their envelopes are not counted.
    pub fn has_room(&self, items: usize, bytes: usize) -> bool {
        let blocks = records::blocks_at_most(items, bytes);
        let traces = self.traces.growth(items);
        traces.is_some_and(|traces| self.arena.growth(blocks).saturating_add(traces) <= self.spare())
    }

    /// What is known about a trace.
    #[inline]
    pub fn trace(&self, trace: TraceRef) -> Option<&Trace<F>> {
        self.traces.get(trace.0)
    }

    /// What the owner knows about a trace.
    #[inline]
    pub fn facts_mut(&mut self, trace: TraceRef) -> Option<&mut F> {
        self.traces.get_mut(trace.0).map(|trace| &mut trace.facts)
    }

    /// Sets when a trace is due, in nanoseconds, earlier or later than before.
    #[inline]
    pub fn set_due(&mut self, trace: TraceRef, due: u64) {
        if self.traces.get(trace.0).is_some() {
            self.wheel.set(&mut self.traces, trace.0.place, due);
        }
    }

    /// A trace that is due, at the latest 17 ms (2^24 ns) after it is. It has no deadline any more: the owner takes it, or sets
    /// another one.
    pub fn pop_due(&mut self, now: u64) -> Option<TraceRef> {
        let place = self.wheel.pop(&mut self.traces, now)?;
        self.traces.key(place).map(TraceRef)
    }

    /// When to call [`TraceBuffer::pop_due`] next, in nanoseconds: before that it has nothing, and then not always. Nothing
    /// while no trace has a deadline.
    pub fn next_due(&self) -> Option<u64> {
        self.wheel.next_due()
    }

    /// The trace whose first item came first.
    pub fn oldest(&self) -> Option<TraceRef> {
        self.traces.key(self.ages).map(TraceRef)
    }

    /// Takes a trace out, with its items.
    pub fn take(&mut self, trace: TraceRef) -> Option<Taken<'_, F>> {
        let entry = self.remove(trace)?;
        Some(Taken::new(entry, &mut self.arena, &self.envelopes))
    }

    /// Takes a trace out and gives up its items unread, in a time that does not depend on how many there are.
    pub fn discard(&mut self, trace: TraceRef) -> Option<Trace<F>> {
        let entry = self.remove(trace)?;
        self.arena.free_chain(entry.chain);
        Some(entry)
    }

    fn remove(&mut self, trace: TraceRef) -> Option<Trace<F>> {
        let TraceRef(key) = trace;
        let id = self.traces.get(key)?.id;
        self.index.remove(self.hasher.bytes(&id), key.place);
        self.wheel.remove(&mut self.traces, key.place);
        list::unlink(&mut self.traces, Lane::Age, &mut self.ages, key.place);
        let entry = self.traces.remove(key)?;
        self.items -= u64::from(entry.items);
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// Remembers what was decided about a trace. What was decided about it before does not count any more.
    pub fn remember(&mut self, id: &TraceId, decision: Decision) {
        self.decisions.insert(self.hasher.bytes(id), decision);
    }

    /// What was decided about a trace, if it is among the ones remembered: at least the last ten for each one that may be held, but
    /// for one in a million. It is about another trace with a probability of 6 in 10^11.
    pub fn recall(&self, id: &TraceId) -> Option<Decision> {
        self.decisions.find(self.hasher.bytes(id))
    }

    /// Frees envelopes to which no item refers, and gives memory back that is not needed any more: a bounded portion of both.
    /// To be called between requests, and from time to time where none come.
    pub fn tidy(&mut self) {
        let oldest = self.traces.at(self.ages).map(|trace| trace.begun);
        self.envelopes.sweep(oldest.unwrap_or(self.begun + 1));
        self.arena.gather(TIDY_PORTION);
    }

    /// How many traces are held.
    pub const fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether no trace is held.
    pub const fn is_empty(&self) -> bool {
        self.traces.len() == 0
    }

    /// How many items are held, spans and log records.
    pub const fn items(&self) -> u64 {
        self.items
    }

    /// The bytes of these items, without what the buffer adds.
    pub const fn item_bytes(&self) -> u64 {
        self.bytes
    }

    /// How many resources and scopes are held.
    pub const fn envelopes(&self) -> usize {
        self.envelopes.len()
    }

    /// What the buffer takes.
    pub fn memory(&self) -> Memory {
        let decisions = Decisions::bytes(self.limits.max_traces);
        Memory {
            blocks: self.arena.bytes(),
            blocks_in_use: self.arena.in_use() * blocks::BLOCK,
            traces: self.traces.bytes(),
            envelopes: self.envelopes.bytes(),
            decisions,
            tables: self.fixed - decisions,
            limit: self.limits.max_bytes,
        }
    }

    /// By how much the buffer may grow.
    #[inline]
    fn spare(&self) -> usize {
        let grown = self.arena.bytes() + self.traces.bytes() + self.envelopes.bytes();
        self.limits.max_bytes.saturating_sub(self.fixed + grown)
    }
}

#[cfg(test)]
mod tests;
