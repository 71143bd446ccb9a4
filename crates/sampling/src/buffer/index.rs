//! Finding a place by a hash: open addressing with linear steps, in a table that is sized once.
//!
//! A slot has 8 bytes, the upper half of the hash and the place, so that a look-up reads one cache line here and one where the
//! value is. The upper half of the hash also says where the search begins, so that taking out can move slots up without
//! asking anything else. The table is allocated zeroed and so costs memory only where it was written; the budget counts all
//! of it.

/// Slots for each value: at two thirds full a search that finds takes two steps on average.
const SLOTS_FOR: (usize, usize) = (3, 2);

/// An index over up to as many places as it was made for.
#[derive(Debug)]
pub(super) struct Index {
    /// The tag in the upper half, the place plus one in the lower; 0 is empty.
    slots: Vec<u64>,
}

impl Index {
    pub(super) fn new(most: usize) -> Self {
        Index {
            slots: vec![0; Index::slots(most)],
        }
    }

    const fn slots(most: usize) -> usize {
        most * SLOTS_FOR.0 / SLOTS_FOR.1 + 2
    }

    /// What an index for `most` places takes.
    pub(super) const fn bytes(most: usize) -> usize {
        Index::slots(most) * size_of::<u64>()
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    #[inline]
    fn slot(&self, at: usize) -> u64 {
        self.slots.get(at).copied().unwrap_or(0)
    }

    /// The slot where the search for `hash` begins: read early, it is at hand when the search comes.
    #[inline]
    pub(super) fn touch(&self, hash: u64) -> u64 {
        self.slot(self.home(hash))
    }

    /// The first place with this hash about which `is` says so.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = hash >> 32;
        let mut at = self.home(hash);
        loop {
            let slot = self.slot(at);
            if slot == 0 {
                return None;
            }
            let place = (slot as u32).wrapping_sub(1);
            if slot >> 32 == tag && is(place) {
                return Some(place);
            }
            at = self.after(at);
        }
    }

    /// Adds a place. There must be fewer than the index was made for.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        let mut at = self.home(hash);
        while self.slot(at) != 0 {
            at = self.after(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (hash >> 32) << 32 | u64::from(place.wrapping_add(1));
        }
    }

    /// Takes a place out, and moves up what stands behind it and begins its search before it.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        let wanted = (hash >> 32) << 32 | u64::from(place.wrapping_add(1));
        let mut gap = self.home(hash);
        while self.slot(gap) != wanted {
            if self.slot(gap) == 0 {
                return;
            }
            gap = self.after(gap);
        }
        let mut at = gap;
        loop {
            at = self.after(at);
            let slot = self.slot(at);
            if slot == 0 {
                break;
            }
            if self.steps(self.home(slot), at) >= self.steps(gap, at) {
                self.put(gap, slot);
                gap = at;
            }
        }
        self.put(gap, 0);
    }

    fn put(&mut self, at: usize, slot: u64) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// How many steps lead from `from` to `to`.
    const fn steps(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.slots.len() - from
        }
    }
}
