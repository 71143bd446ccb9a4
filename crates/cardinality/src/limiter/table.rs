//! What is remembered by identity: slots of 32 bytes, found by an index of four to twelve bytes for each.

use super::pool::Pool;
use super::slab::{NONE, Slab};
use crate::Identity;
use hashbrown::HashTable;
use std::num::NonZeroU32;

/// The index is in parts, so that none of them takes long to grow or needs much room beside itself while it does.
const PARTS: usize = 32;
/// Slots that memory is taken for at a time.
const SEGMENT: usize = 128;

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks(NonZeroU32);

impl Marks {
    /// Always set, so that an empty cell needs no room of its own.
    const BASE: NonZeroU32 = NonZeroU32::MIN;
    const PLACE: u32 = 1 << 1;
    const MADE: u32 = 1 << 2;
    const COUNTED: u32 = 1 << 3;

    pub(super) const NONE: Marks = Marks(Self::BASE);

    const fn has(self, bit: u32) -> bool {
        self.0.get() & bit != 0
    }

    const fn set(self, bit: u32, on: bool) -> Marks {
        match NonZeroU32::new(self.0.get() & !bit) {
            Some(clear) if !on => Marks(clear),
            Some(clear) => Marks(clear.saturating_add(bit)),
            None => self,
        }
    }

    /// It is a live series.
    pub(super) const fn has_place(self) -> bool {
        self.has(Self::PLACE)
    }

    pub(super) const fn with_place(self, on: bool) -> Marks {
        self.set(Self::PLACE, on)
    }

    /// Its points are made from a total, and not those that arrive.
    pub(super) const fn is_made(self) -> bool {
        self.has(Self::MADE)
    }

    pub(super) const fn made(self, on: bool) -> Marks {
        self.set(Self::MADE, on)
    }

    /// Its latest value is part of the level of an output or of the overflow series.
    pub(super) const fn is_counted(self) -> bool {
        self.has(Self::COUNTED)
    }

    pub(super) const fn counted(self, on: bool) -> Marks {
        self.set(Self::COUNTED, on)
    }
}

/// What is remembered of one identity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    identity: [u64; 2],
    /// The stream that it belongs to.
    pub(super) stream: u32,
    /// When it last had a point, in seconds of the limiter's clock.
    pub(super) seen: u32,
    /// What is remembered of its values, or [`NONE`].
    pub(super) state: u32,
    pub(super) marks: Marks,
}

impl Slot {
    pub(super) fn new(identity: Identity, stream: u32, seen: u32) -> Self {
        Slot {
            identity: [identity.low(), identity.high()],
            stream,
            seen,
            state: NONE,
            marks: Marks::NONE,
        }
    }

    fn is(&self, identity: Identity) -> bool {
        self.identity == [identity.low(), identity.high()]
    }

    pub(super) fn identity(&self) -> Identity {
        let [low, high] = self.identity;
        Identity(u128::from(low) | u128::from(high) << 64)
    }
}

/// Slots by identity.
#[derive(Debug)]
pub(super) struct Table {
    index: [HashTable<u32>; PARTS],
    slots: Slab<Slot, SEGMENT>,
}

impl Table {
    pub(super) fn new() -> Self {
        Table {
            index: std::array::from_fn(|_| HashTable::new()),
            slots: Slab::new(),
        }
    }

    pub(super) fn find(&self, identity: Identity) -> Option<u32> {
        let is = |at: &u32| self.slots.get(*at).is_some_and(|slot| slot.is(identity));
        self.index.get(part(identity))?.find(identity.low(), is).copied()
    }

    /// The slot that is likely the one of an identity, found without looking into it; nothing if there is none. Now and then it is another's.
    /// Who looks for several at first so, and confirms them then, waits for the memory of all of them at the same time.
    #[inline]
    pub(super) fn likely(&self, identity: Identity) -> Option<u32> {
        self.index
            .get(part(identity))?
            .find(identity.low(), |_| true)
            .copied()
    }

    /// The slot of an identity, which is likely this one: what [`Table::find`] says.
    #[inline]
    pub(super) fn confirm(&self, likely: u32, identity: Identity) -> Option<u32> {
        match self.slots.get(likely) {
            Some(slot) if slot.is(identity) => Some(likely),
            _ => self.find(identity),
        }
    }

    pub(super) fn get(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(at)
    }

    pub(super) fn cells(&self) -> u32 {
        self.slots.cells()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Puts in a slot whose identity is not there yet; nothing where there is no memory for it.
    pub(super) fn insert(&mut self, slot: Slot, pool: &Pool) -> Option<u32> {
        let identity = slot.identity();
        let (index, slots) = (self.index.get_mut(part(identity))?, &mut self.slots);
        if index.len() == index.capacity() && !grow(index, slots, pool) {
            return None;
        }
        let at = slots.insert(slot, pool).ok()?;
        index.insert_unique(identity.low(), at, |at| hash(slots, *at));
        Some(at)
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<Slot> {
        let identity = self.slots.get(at)?.identity();
        let index = self.index.get_mut(part(identity))?;
        if let Ok(entry) = index.find_entry(identity.low(), |other| *other == at) {
            entry.remove();
        }
        self.slots.remove(at)
    }
}

/// The part of the index: by bits that the index itself does not use.
fn part(identity: Identity) -> usize {
    (identity.high() >> 59) as usize % PARTS
}

fn hash<const N: usize>(slots: &Slab<Slot, N>, at: u32) -> u64 {
    slots.get(at).map_or(0, |slot| slot.identity().low())
}

/// Makes room for one more at least; the old part is there until the new one is.
#[cold]
fn grow<const N: usize>(index: &mut HashTable<u32>, slots: &Slab<Slot, N>, pool: &Pool) -> bool {
    let before = index.allocation_size();
    let wanted = 2 * before + 128;
    if !pool.take(wanted) {
        return false;
    }
    let grown = index.try_reserve(1, |at| hash(slots, *at)).is_ok();
    pool.give((wanted + before).saturating_sub(index.allocation_size()));
    grown
}

#[cfg(test)]
mod tests {
    use super::super::pool::Pool;
    use super::{Marks, Slot, Table};
    use crate::SeriesHasher;

    #[test]
    fn a_cell_is_no_larger_than_a_slot() {
        assert_eq!(size_of::<Slot>(), 32);
        assert_eq!(size_of::<Option<Slot>>(), 32);
    }

    #[test]
    fn marks_do_not_meet() {
        let marks = Marks::NONE.with_place(true).made(true);
        assert!(marks.has_place() && marks.is_made() && !marks.is_counted());
        let marks = marks.with_place(false).counted(true);
        assert!(!marks.has_place() && marks.is_made() && marks.is_counted());
        assert_eq!(marks.made(false).counted(false), Marks::NONE);
    }

    #[test]
    fn property_what_was_put_in_is_found_and_memory_is_within_the_pool() {
        let hasher = SeriesHasher::with_seed(1);
        let identity = |number: u32| hasher.bytes(&number.to_le_bytes());
        let pool = Pool::new(1 << 20, u64::MAX);
        let mut table = Table::new();
        let mut inside = Vec::new();
        let mut random = fastrand::Rng::with_seed(2);
        for number in 0..60_000 {
            match table.insert(Slot::new(identity(number), 0, 0), &pool) {
                Some(at) => inside.push((number, at)),
                None => {
                    let (gone, at) = inside.swap_remove(random.usize(..inside.len()));
                    assert!(table.remove(at).is_some());
                    assert_eq!(table.find(identity(gone)), None);
                    let likely = table.likely(identity(gone));
                    assert_eq!(
                        likely.and_then(|likely| table.confirm(likely, identity(gone))),
                        None
                    );
                }
            }
            assert!(pool.used() <= pool.max_bytes());
        }
        assert!(inside.len() > 20_000, "{}", inside.len());
        for (number, at) in inside {
            assert_eq!(table.find(identity(number)), Some(at));
            let likely = table.likely(identity(number)).unwrap();
            assert_eq!(table.confirm(likely, identity(number)), Some(at));
        }
    }
}
