//! The distinct values of one attribute: which have a place, exactly, in memory that their number bounds.

use crate::Identity;

/// How many slots the search for a place that can be given away looks at for one newcomer.
const STRETCH: usize = 16;
/// The fewest values that room is made for.
const LEAST: usize = 8;

/// At most so many distinct values, first come: what is admitted stays so for as long as it is seen.
///
/// A value takes 12 bytes in a table of open addressing that is at most 7/9 full, and so at most 16 bytes once the limit is reached. Values
/// are told apart by 64 bits of their identities: of a million values that all have a place, two are taken for one with a
/// probability of 1 in 37 million.
///
/// A value that has no place costs no memory and a bounded number of steps, however many of them come.
#[derive(Clone, Debug)]
pub struct DistinctValues {
    slots: Box<[Slot]>,
    /// How many slots are taken.
    held: usize,
    limit: usize,
    idle: u32,
    /// The stretch of the table in which the search for idle values goes on. Stretches are visited out of order: where places were
    /// given away from one end to the other, newcomers, which go anywhere, would crowd what lies ahead.
    hand: usize,
    /// From one stretch to the next to be visited.
    stride: usize,
    /// How many stretches the hand has passed in this round.
    passed: usize,
    /// When the value that was not seen for the longest was seen last, of those that the hand has passed in this round.
    longest: u32,
    /// Until then no value is idle: the hand may rest.
    rest: u64,
}

/// A value and when it was seen last.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The fingerprint, its lower half first. Two halves, because a `u64` would pad the slot to 16 bytes.
    value: [u32; 2],
    seen: u32,
}

impl Slot {
    const EMPTY: Slot = Slot {
        value: [0; 2],
        seen: 0,
    };

    const fn new(fingerprint: u64, seen: u32) -> Self {
        Slot {
            value: [fingerprint as u32, (fingerprint >> 32) as u32],
            seen,
        }
    }

    const fn fingerprint(self) -> u64 {
        let [low, high] = self.value;
        low as u64 | (high as u64) << 32
    }

    /// No fingerprint is zero.
    const fn is_empty(self) -> bool {
        self.fingerprint() == 0
    }
}

/// What a search ends with.
enum Found {
    /// The slot of the value.
    Here(usize),
    /// The empty slot that it would have.
    Free(usize),
}

impl DistinctValues {
    /// No values yet, of which at most `limit` will have a place. One that was not seen for `idle_seconds` gives its place to the next
    /// newcomer that needs one. Memory is taken as values come.
    pub fn new(limit: usize, idle_seconds: u32) -> Self {
        DistinctValues {
            slots: Box::default(),
            held: 0,
            limit,
            idle: idle_seconds,
            hand: 0,
            stride: 0,
            passed: 0,
            longest: u32::MAX,
            rest: 0,
        }
    }

    /// Whether the value, seen at `now`, has a place: it had one, or there was one for it.
    ///
    /// `now` is in seconds from any start. It does not go back; where it does, values stay for longer.
    #[inline]
    pub fn admit(&mut self, value: Identity, now: u32) -> bool {
        let fingerprint = value.low().max(1);
        match self.find(fingerprint) {
            Found::Here(at) => {
                if let Some(slot) = self.slots.get_mut(at) {
                    slot.seen = slot.seen.max(now);
                }
                true
            }
            Found::Free(_) => self.take_in(fingerprint, now),
        }
    }

    /// How many values have a place, the idle ones among them included that nobody wanted the place of.
    pub const fn len(&self) -> usize {
        self.held
    }

    /// Whether no value has a place.
    pub const fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// The memory taken, in bytes.
    pub const fn memory(&self) -> usize {
        size_of::<Self>() + self.slots.len() * size_of::<Slot>()
    }

    /// The most memory that it will take, in bytes.
    pub const fn memory_max(&self) -> usize {
        Self::memory_at(self.limit)
    }

    /// The most memory that `limit` values take, in bytes.
    pub const fn memory_at(limit: usize) -> usize {
        size_of::<Self>() + slots_for(limit) * size_of::<Slot>()
    }

    /// Other bounds from now on. Where more values have a place than there may be, nobody loses one, and newcomers get none until
    /// enough are idle.
    pub fn set_bounds(&mut self, limit: usize, idle_seconds: u32) {
        self.limit = limit;
        self.idle = idle_seconds;
        // What was said of the old time says nothing of the new one.
        self.rest = 0;
    }

    /// Gives a newcomer a place, if there is one.
    fn take_in(&mut self, fingerprint: u64, now: u32) -> bool {
        if self.held >= self.limit {
            self.sweep(now);
            if self.held >= self.limit {
                return false;
            }
        }
        if slots_for(self.held + 1) > self.slots.len() {
            self.grow();
        }
        if let Found::Free(at) = self.find(fingerprint)
            && let Some(slot) = self.slots.get_mut(at)
        {
            *slot = Slot::new(fingerprint, now);
            self.held += 1;
            self.longest = self.longest.min(now);
        }
        true
    }

    /// The slot that the search for a value begins at: the fingerprint scaled to the number of slots, which need not be a power of two.
    #[inline]
    const fn home(&self, fingerprint: u64) -> usize {
        ((fingerprint as u128 * self.slots.len() as u128) >> 64) as usize
    }

    #[inline]
    fn find(&self, fingerprint: u64) -> Found {
        let home = self.home(fingerprint);
        let (before, after) = self.slots.split_at(home);
        // There is always an empty slot, but in a table without slots.
        for (at, slot) in (home..).zip(after).chain((0..).zip(before)) {
            if slot.fingerprint() == fingerprint {
                return Found::Here(at);
            }
            if slot.is_empty() {
                return Found::Free(at);
            }
        }
        Found::Free(home)
    }

    /// Looks for one value that is idle, in one stretch of the table, and takes its place away.
    fn sweep(&mut self, now: u32) {
        if u64::from(now) < self.rest {
            return;
        }
        let start = self.hand * STRETCH;
        for at in start..(start + STRETCH).min(self.slots.len()) {
            let Some(slot) = self.slots.get(at).copied().filter(|slot| !slot.is_empty()) else {
                continue;
            };
            if now.saturating_sub(slot.seen) >= self.idle {
                // What stood behind it may have moved here: the hand stays.
                self.remove(at);
                return;
            }
            self.longest = self.longest.min(slot.seen);
        }
        self.move_on(now);
    }

    /// On to the next stretch. After the last of them every value has been looked at: none is idle before the one that was not seen for
    /// the longest can be.
    fn move_on(&mut self, now: u32) {
        let stretches = self.slots.len().div_ceil(STRETCH).max(1);
        self.hand = (self.hand + self.stride) % stretches;
        self.passed += 1;
        if self.passed >= stretches {
            self.rest = u64::from(self.longest.min(now)) + u64::from(self.idle);
            self.begin_round();
        }
    }

    fn begin_round(&mut self) {
        self.longest = u32::MAX;
        self.passed = 0;
    }

    /// Empties a slot, and closes the gap: Knuth, "The Art of Computer Programming", volume 3, section 6.4, algorithm R.
    fn remove(&mut self, at: usize) {
        let slots = self.slots.len();
        let ahead = |from: usize, to: usize| (to + slots - from) % slots;
        let (mut gap, mut next) = (at, at);
        loop {
            next = (next + 1) % slots;
            let Some(slot) = self.slots.get(next).copied() else {
                break;
            };
            if slot.is_empty() || next == at {
                break;
            }
            // What is searched from the gap on, or from before it, may stand there.
            if ahead(self.home(slot.fingerprint()), next) >= ahead(gap, next) {
                self.put(gap, slot);
                // The hand may have passed where it goes, and not where it comes from.
                self.longest = self.longest.min(slot.seen);
                gap = next;
            }
        }
        self.put(gap, Slot::EMPTY);
        self.held -= 1;
    }

    fn put(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// Makes room for twice as many values, or for as many as there may be.
    #[cold]
    fn grow(&mut self) {
        let values = (self.held * 2).max(LEAST).min(self.limit.max(self.held + 1));
        let old = std::mem::replace(
            &mut self.slots,
            vec![Slot::EMPTY; slots_for(values)].into_boxed_slice(),
        );
        for slot in old.iter().filter(|slot| !slot.is_empty()) {
            if let Found::Free(at) = self.find(slot.fingerprint()) {
                self.put(at, *slot);
            }
        }
        // Values have moved everywhere.
        self.hand = 0;
        self.stride = stride(self.slots.len().div_ceil(STRETCH));
        self.begin_round();
    }
}

/// A step by which all of so many stretches are visited before one is visited again, and none soon after its neighbour: the golden section
/// (Knuth, volume 3, section 6.4), or the next number above it that shares no factor with theirs.
fn stride(stretches: usize) -> usize {
    let section = stretches.saturating_mul(618) / 1000;
    let apart = |step: &usize| divisor(*step, stretches) == 1;
    (section.max(1)..).find(apart).unwrap_or(1)
}

/// The greatest common divisor.
fn divisor(mut first: usize, mut second: usize) -> usize {
    while second != 0 {
        (first, second) = (second, first % second);
    }
    first
}

/// How many slots so many values take: one always stays empty, so that every search ends.
const fn slots_for(values: usize) -> usize {
    values.saturating_mul(9) / 7 + 1
}

#[cfg(test)]
mod tests;
