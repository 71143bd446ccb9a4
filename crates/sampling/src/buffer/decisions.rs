//! What was decided about traces that are gone.
//!
//! A table of buckets of 64 words: the last 63 decisions about traces whose hash leads to the bucket, written in turn, and
//! where the next one goes. It has 20 words, 160 bytes, for each trace that may be held, and so remembers ten times as many
//! traces as may be held, for 16 bytes each. A decision that is so old is one of 32 that are expected in its bucket. It
//! is forgotten earlier if 63 of the newer ones or more went there, which one in a million does; of those that are half as
//! old practically none.
//!
//! An entry holds 40 bits of the hash, other than those that lead to the bucket. That a look-up takes one of the 63 other
//! traces for its own has a probability of 63 / 2^40, 6 in 10^11.

/// Words in a bucket. The first one counts the decisions that were written to it.
const WORDS: usize = 64;
const WAYS: u64 = WORDS as u64 - 1;
/// Words for each trace that may be held.
const WORDS_FOR: usize = 20;
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
    words: Vec<u64>,
}

impl Decisions {
    pub(super) fn new(most_traces: usize) -> Self {
        Decisions {
            words: vec![0; Decisions::buckets(most_traces) * WORDS],
        }
    }

    const fn buckets(most_traces: usize) -> usize {
        (most_traces * WORDS_FOR).div_ceil(WORDS)
    }

    /// What the table takes.
    pub(super) const fn bytes(most_traces: usize) -> usize {
        Decisions::buckets(most_traces) * WORDS * size_of::<u64>()
    }

    /// The bucket of a hash: its upper bits say which, its lower bits are in the entry.
    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        let buckets = self.words.len() / WORDS;
        ((u128::from(hash) * buckets as u128) >> 64) as usize
    }

    /// What was decided last about the trace of this hash, if it is remembered.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<Decision> {
        let bucket = self.words.as_chunks::<WORDS>().0.get(self.bucket(hash))?;
        let (count, entries) = bucket.split_first()?;
        let tag = hash << DECISION_BITS | SET;
        let is = |entry: &&u64| (**entry ^ tag) & !(SET - 1) == 0;
        // Nearly always there is none: all are compared at once, without asking after each.
        if !entries.iter().fold(false, |found, entry| found | is(&entry)) {
            return None;
        }
        // Newest first: before the next place from right to left, then the others likewise.
        let (newer, older) = entries.split_at_checked((count % WAYS) as usize)?;
        let found = newer.iter().rev().chain(older.iter().rev()).find(is)?;
        Some(Decision::decode(*found))
    }

    /// Notes a decision in the place of the oldest one in its bucket.
    pub(super) fn insert(&mut self, hash: u64, decision: Decision) {
        let at = self.bucket(hash);
        let bucket = self.words.as_chunks_mut::<WORDS>().0.get_mut(at);
        if let Some((count, entries)) = bucket.and_then(|bucket| bucket.split_first_mut())
            && let Some(oldest) = entries.get_mut((*count % WAYS) as usize)
        {
            *oldest = hash << DECISION_BITS | decision.encode();
            *count += 1;
        }
    }
}
