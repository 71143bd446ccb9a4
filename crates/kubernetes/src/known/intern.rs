//! Equal sets of attributes are kept once, equal lists of keys, and equal names.

use super::packed::Packed;
use forebay_otlp::edit::{AttributeKeys, AttributeSet};
use hashbrown::HashTable;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

/// What is kept once.
pub(super) trait Shared: Hash + Eq {
    /// The bytes that one takes, its counts of references among them.
    fn bytes(&self) -> usize;
}

impl Shared for AttributeSet {
    fn bytes(&self) -> usize {
        16 + size_of::<AttributeSet>() + self.heap_bytes()
    }
}

impl Shared for AttributeKeys {
    fn bytes(&self) -> usize {
        16 + size_of::<AttributeKeys>() + self.heap_bytes()
    }
}

impl Shared for Packed {
    fn bytes(&self) -> usize {
        16 + size_of::<Packed>() + self.heap_bytes()
    }
}

impl Shared for str {
    fn bytes(&self) -> usize {
        16 + self.len()
    }
}

/// Values of which equal ones are the same.
#[derive(Debug)]
pub(super) struct Interner<T: ?Sized> {
    hasher: RandomState,
    table: HashTable<Arc<T>>,
    bytes: usize,
    /// Since the last purge, values may have lost who pointed to them.
    stale: usize,
}

impl<T: ?Sized> Default for Interner<T> {
    fn default() -> Self {
        Interner {
            hasher: RandomState::new(),
            table: HashTable::new(),
            bytes: 0,
            stale: 0,
        }
    }
}

/// A slot and its control byte, two thirds of the slots being in use.
const BYTES_PER_SLOT: usize = (size_of::<usize>() + 1) * 3 / 2;

impl<T: Shared + ?Sized> Interner<T> {
    /// The one that equals `value`, which becomes it if there is none.
    pub(super) fn intern<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        let hash = self.hasher.hash_one(value.borrow());
        if let Some(known) = self.table.find(hash, |known| **known == *value.borrow()) {
            return Arc::clone(known);
        }
        let value: Arc<T> = value.into();
        self.bytes += value.bytes() + BYTES_PER_SLOT;
        let hasher = &self.hasher;
        self.table
            .insert_unique(hash, Arc::clone(&value), |value| hasher.hash_one(&**value));
        value
    }

    /// Says that somebody has let `count` values go.
    pub(super) fn let_go(&mut self, count: usize) {
        self.stale += count;
    }

    /// Forgets what nobody points to, once there may be enough of it.
    pub(super) fn purge(&mut self) {
        if self.stale * 8 < self.table.len() {
            return;
        }
        self.stale = 0;
        let bytes = &mut self.bytes;
        self.table.retain(|value| {
            let used = Arc::strong_count(value) > 1;
            if !used {
                *bytes -= value.bytes() + BYTES_PER_SLOT;
            }
            used
        });
    }

    /// The bytes that all of them take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
