//! What only writers look at, and what it comes to.

use super::cells::Cells;
use super::ids::Uid;
use super::intern::Interner;
use super::packed::Packed;
use super::{Known, bit};
use crate::wanted::Kind;
use forebay_core::Time;
use forebay_otlp::edit::{AttributeKeys, AttributeSet};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{MutexGuard, PoisonError};

/// What only writers look at.
pub(super) struct State {
    /// Who may write: the writer that was made last.
    pub(super) generation: u64,
    pub(super) cells: Cells,
    pub(super) sets: Interner<AttributeSet>,
    pub(super) packed: Interner<Packed>,
    pub(super) keys: Interner<AttributeKeys>,
    pub(super) names: Interner<str>,
    /// Pods that have ended, by when they are forgotten: each once at most.
    pub(super) ended: BinaryHeap<Reverse<(Time, Uid)>>,
    /// How often each kind has been listed.
    pub(super) lists: BTreeMap<Kind, u64>,
    /// The last version of each kind that was heard of.
    pub(super) versions: BTreeMap<Kind, String>,
    pub(super) pods: usize,
    pub(super) pod_bytes: usize,
    pub(super) max_bytes: usize,
    /// Objects that were not kept for want of memory, since the start.
    pub(super) rejected: u64,
    /// The kinds of which there was no room for something since their last list began, a bit for each.
    pub(super) rejected_now: u16,
}

/// One part in so many of the memory is left free by what asks for room. What is shared is put in common before its owner is known to find
/// room, and forgotten only after some others have let go of theirs.
const HEADROOM: usize = 16;

impl State {
    pub(super) fn new(max_bytes: usize) -> State {
        State {
            generation: 0,
            cells: Cells::default(),
            sets: Interner::default(),
            packed: Interner::default(),
            keys: Interner::default(),
            names: Interner::default(),
            ended: BinaryHeap::new(),
            lists: BTreeMap::new(),
            versions: BTreeMap::new(),
            pods: 0,
            pod_bytes: 0,
            max_bytes,
            rejected: 0,
            rejected_now: 0,
        }
    }

    fn bytes(&self) -> usize {
        let queue = self.ended.capacity() * size_of::<Reverse<(Time, Uid)>>();
        let sets = self.sets.bytes() + self.packed.bytes() + self.keys.bytes();
        self.pod_bytes + self.cells.bytes() + sets + self.names.bytes() + queue
    }

    /// Whether so many bytes more for an object of `kind` are too many. It is noted if they are.
    pub(super) fn has_no_room(&mut self, kind: Kind, bytes: usize) -> bool {
        let full = self.bytes() + bytes > self.max_bytes - self.max_bytes / HEADROOM;
        if full {
            self.rejected += 1;
            self.rejected_now |= bit(kind);
        }
        full
    }

    /// Whether something of `kind` was not kept for want of room, and there is room now for more than a little.
    pub(super) fn misses(&self, kind: Kind) -> bool {
        let enough = self.max_bytes - self.max_bytes / HEADROOM * 2;
        self.rejected_now & bit(kind) != 0 && self.bytes() <= enough
    }

    /// A set of attributes whose keys are kept once.
    pub(super) fn pack(&mut self, set: &AttributeSet) -> Packed {
        let (keys, values) = set.split();
        Packed {
            keys: self.keys.intern(keys),
            values,
        }
    }

    pub(super) fn list(&self, kind: Kind) -> u64 {
        self.lists.get(&kind).copied().unwrap_or_default()
    }

    pub(super) fn purge(&mut self) {
        let cells = self.cells.purge();
        self.sets.let_go(cells);
        self.sets.purge();
        self.packed.purge();
        // After those that point to them.
        self.keys.purge();
        self.names.purge();
    }
}

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Pods, those among them that have ended.
    pub(crate) pods: usize,
    /// Those that have ended, and are forgotten once their time has come.
    pub(crate) ended: usize,
    /// The bytes that it takes.
    pub(crate) bytes: usize,
    /// The most that it may take.
    pub(crate) max_bytes: usize,
    /// Objects that were not kept for want of memory, since the start.
    pub(crate) rejected: u64,
    /// Whether there was no room for something of a kind since its last list began.
    pub(crate) rejected_now: bool,
}

impl Known {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it holds now.
    pub(crate) fn holding(&self) -> Holding {
        let state = self.state();
        Holding {
            pods: state.pods,
            ended: state.ended.len(),
            bytes: state.bytes(),
            max_bytes: state.max_bytes,
            rejected: state.rejected,
            rejected_now: state.rejected_now != 0,
        }
    }

    /// How many objects of a kind exist, as far as is known; of pods, also those that have ended.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        let state = self.state();
        match kind {
            Kind::Pod => state.pods,
            _ => state.cells.count(kind),
        }
    }

    /// The last version of a kind that was heard of, after all of it had been listed.
    pub(crate) fn version(&self, kind: Kind) -> Option<String> {
        self.state().versions.get(&kind).cloned()
    }
}
