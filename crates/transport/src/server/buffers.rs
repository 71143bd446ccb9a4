//! Buffers for bodies, used again.
//!
//! A body that came in several frames is copied out of HTTP's read buffers into one buffer of its own: then its lease says
//! exactly what it takes, and the read buffers are free for the next frames. Large buffers that are freed and allocated for every request would
//! make the allocator return pages to the kernel and fault them in again, or keep them beyond the budget; so a few are kept.

use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Smaller buffers come from the allocator, which is good at them.
const SMALLEST: usize = 16 << 10;
/// The part of the memory budget that buffers waiting for use may take: one part in so many.
const KEPT_SHARE: u64 = 16;
/// The most bytes that are kept, whatever the budget.
const KEPT_MOST: u64 = 64 << 20;

#[derive(Debug, Default)]
struct Shelf {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

#[derive(Debug)]
struct Store {
    shelf: Mutex<Shelf>,
    most: usize,
}

/// A store of buffers. Cheap to clone: every clone is the same store.
#[derive(Clone, Debug)]
pub struct Buffers(Arc<Store>);

/// A buffer that goes back to its store when the last [`Bytes`] of it goes.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    store: Arc<Store>,
}

/// The capacity of the buffer for a body of `len` bytes: at most an eighth more, so that bodies of like size share buffers.
pub(super) fn capacity_for(len: usize) -> usize {
    if len < SMALLEST {
        return len;
    }
    let step = (1_usize << len.ilog2()) / 8;
    len.next_multiple_of(step)
}

impl Buffers {
    /// A store for a process with this memory budget.
    pub fn for_budget(budget: u64) -> Self {
        let most = usize::try_from((budget / KEPT_SHARE).min(KEPT_MOST)).unwrap_or(usize::MAX);
        Buffers(Arc::new(Store {
            shelf: Mutex::default(),
            most,
        }))
    }

    /// An empty buffer with room for `len` bytes.
    pub(super) fn take(&self, len: usize) -> Buffer {
        let capacity = capacity_for(len);
        let kept = if len < SMALLEST {
            None
        } else {
            self.0.lock().take(capacity)
        };
        let bytes = kept.unwrap_or_else(|| Vec::with_capacity(capacity));
        Buffer {
            bytes,
            store: Arc::clone(&self.0),
        }
    }
}

#[cfg(test)]
impl Buffers {
    pub(super) fn kept(&self) -> usize {
        self.0.lock().bytes
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let capacity = bytes.capacity();
        let mut shelf = self.lock();
        if capacity >= SMALLEST && shelf.bytes + capacity <= self.most {
            bytes.clear();
            shelf.bytes += capacity;
            shelf.buffers.push(bytes);
        }
    }
}

impl Shelf {
    /// The buffer of this capacity that was used last: its memory is the most likely to be in a cache.
    fn take(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let index = self
            .buffers
            .iter()
            .rposition(|buffer| buffer.capacity() == capacity)?;
        self.bytes -= capacity;
        Some(self.buffers.swap_remove(index))
    }
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn extend(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    pub(super) fn freeze(mut self) -> Bytes {
        if self.bytes.capacity() < SMALLEST {
            return Bytes::from(std::mem::take(&mut self.bytes));
        }
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.store.give_back(std::mem::take(&mut self.bytes));
    }
}
