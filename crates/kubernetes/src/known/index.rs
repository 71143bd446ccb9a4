//! Finding pods by what they are known by. Several may be known by the same: the one that ranks highest is found.

use super::entry::PodEntry;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

/// Into so many parts an index is divided, so that who writes holds up few who read.
const SHARDS: usize = 16;

/// What one key takes in an index, on average over its growth: a slot and its control byte, two thirds of the slots being in use.
pub(super) const BYTES_PER_KEY: usize = (size_of::<Slot>() + 1) * 3 / 2;

type Slot = (u64, Arc<PodEntry>);

/// Pods by one kind of key. A pod may be in it under several keys, and several pods under one.
pub(super) struct Index {
    hasher: RandomState,
    shards: [RwLock<HashTable<Slot>>; SHARDS],
}

impl Default for Index {
    fn default() -> Self {
        Index {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }
}

impl Index {
    pub(super) fn hash(&self, key: &(impl Hash + ?Sized)) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The highest ranking of the pods under `hash` for which `is` holds.
    pub(super) fn find(&self, hash: u64, is: impl Fn(&PodEntry) -> bool) -> Option<Arc<PodEntry>> {
        let shard = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        let mut best: Option<&Arc<PodEntry>> = None;
        for (of, entry) in shard.iter_hash(hash) {
            if *of == hash && is(entry) && best.is_none_or(|best| best.rank() < entry.rank()) {
                best = Some(entry);
            }
        }
        best.map(Arc::clone)
    }

    /// Adds `entry` under `hash`; in the place of `instead` if that is there.
    pub(super) fn insert(&self, hash: u64, entry: &Arc<PodEntry>, instead: Option<&Arc<PodEntry>>) {
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        let place = instead
            .and_then(|old| shard.find_mut(hash, |(of, other)| *of == hash && Arc::ptr_eq(other, old)));
        match place {
            Some(slot) => slot.1 = Arc::clone(entry),
            None => {
                shard.insert_unique(hash, (hash, Arc::clone(entry)), |(hash, _)| *hash);
            }
        }
    }

    /// Takes out `entry` from under `hash`, if it is there.
    pub(super) fn remove(&self, hash: u64, entry: &Arc<PodEntry>) {
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(found) = shard.find_entry(hash, |(of, other)| *of == hash && Arc::ptr_eq(other, entry)) {
            found.remove();
        }
    }

    /// All pods, each as often as it has keys.
    pub(super) fn for_each(&self, mut take: impl FnMut(&Arc<PodEntry>)) {
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.iter().for_each(|(_, entry)| take(entry));
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<HashTable<Slot>> {
        // The table takes its place from the low bits and its tag from the highest seven.
        let index = (hash >> 48) as usize % SHARDS;
        // There is such a shard: the index is a remainder of their number.
        self.shards.get(index).unwrap_or(&self.shards[0])
    }
}
