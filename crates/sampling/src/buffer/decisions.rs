//! What was decided about traces that are gone.
//!
//! A table of buckets of 64 entries of 8 bytes, which are the last 64 decisions about traces whose hash leads to the bucket,
//! newest first. It has 20 entries, 160 bytes, for each trace that may be held, and so remembers ten times as many
//! traces as may be held, for 16 bytes each: the tenth generation back, half of the entries are newer. A decision is
//! forgotten earlier only if more than 63 of the newer ones went to its bucket, where 32 are expected: four in ten million
//! are, of those that are ten generations old, and practically none of those that are five.
//!
//! An entry holds 40 bits of the hash, other than those that lead to the bucket. That a look-up takes one of up to 64 other
//! traces for its own has a probability of 64 / 2^40, 6 in 10^11.

/// Entries in a bucket.
const WAYS: usize = 64;
/// Entries for each trace that may be held.
const ENTRIES_FOR: usize = 20;
/// The low bits of an entry: what was decided.
const DECISION_BITS: u32 = 24;
const NOTE_BITS: u32 = 22;
const SET: u64 = 1 << 23;
const KEPT: u64 = 1 << 22;

/// What was decided about a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it was kept.
    pub kept: bool,
    /// What the owner of the buffer wants to know about it: up to [`Decision::MAX_NOTE`].
    pub note: u32,
}

impl Decision {
    /// The largest note: 22 bits.
    pub const MAX_NOTE: u32 = (1 << NOTE_BITS) - 1;

    const fn encode(self) -> u64 {
        let kept = if self.kept { KEPT } else { 0 };
        SET | kept | (self.note & Decision::MAX_NOTE) as u64
    }

    const fn decode(entry: u64) -> Decision {
        Decision {
            kept: entry & KEPT != 0,
            note: entry as u32 & Decision::MAX_NOTE,
        }
    }
}

/// The decisions that are remembered.
#[derive(Debug)]
pub(super) struct Decisions {
    /// The buckets, one after the other. Zeroed memory, of which the system gives what is written.
    entries: Vec<u64>,
}

impl Decisions {
    pub(super) fn new(most_traces: usize) -> Self {
        Decisions {
            entries: vec![0; Decisions::buckets(most_traces) * WAYS],
        }
    }

    const fn buckets(most_traces: usize) -> usize {
        (most_traces * ENTRIES_FOR).div_ceil(WAYS)
    }

    /// What the table takes.
    pub(super) const fn bytes(most_traces: usize) -> usize {
        Decisions::buckets(most_traces) * WAYS * size_of::<u64>()
    }

    /// The bucket of a hash: its upper bits say which, its lower bits are in the entry.
    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        let buckets = self.entries.len() / WAYS;
        ((u128::from(hash) * buckets as u128) >> 64) as usize
    }

    /// What was decided about the trace of this hash, if it is remembered.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<Decision> {
        let bucket = self.entries.as_chunks::<WAYS>().0.get(self.bucket(hash))?;
        let tag = hash << DECISION_BITS;
        let is = |entry: &&u64| (**entry ^ tag) >> DECISION_BITS == 0 && **entry & SET != 0;
        bucket.iter().find(is).map(|entry| Decision::decode(*entry))
    }

    /// Notes a decision in front of its bucket: in place of the one about the same trace, or else of the oldest.
    pub(super) fn insert(&mut self, hash: u64, decision: Decision) {
        let at = self.bucket(hash);
        let Some(bucket) = self.entries.as_chunks_mut::<WAYS>().0.get_mut(at) else {
            return;
        };
        let tag = hash << DECISION_BITS;
        let is = |entry: &u64| *entry == 0 || (*entry ^ tag) >> DECISION_BITS == 0;
        let end = bucket.iter().position(is).unwrap_or(WAYS - 1);
        bucket.copy_within(..end, 1);
        if let Some(first) = bucket.first_mut() {
            *first = tag | decision.encode();
        }
    }
}
