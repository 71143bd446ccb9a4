//! A timing wheel: which traces are due.
//!
//! Deadlines are rounded up to ticks of [`TICK`] nanoseconds. The wheel has a ring of traces for each of the next [`SLOTS`]
//! ticks; one that is due later stands at the last of them and is put further when its turn comes. A deadline that moves to a
//! later time is only noted: when the wheel comes to the old place, the trace is put where it now belongs. So the deadline of a
//! trace that grows, which moves with every span, costs one store.

use super::{
    list::{self, Lane, Linked},
    slab::{NONE, Slab},
};

/// The resolution in nanoseconds: 2^24, some 17 ms.
pub(super) const TICK: u64 = 1 << 24;
/// How many ticks ahead the wheel reaches: some 68 s.
const SLOTS: u64 = 4096;

/// When a value is due, and where it stands in the wheel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadline {
    /// Nanoseconds.
    pub(super) due: u64,
    /// The tick at which the wheel comes by, plus one: 0 where the value is not in the wheel.
    armed: u64,
}

/// What the wheel turns.
pub(super) trait Timed: Linked {
    fn deadline(&mut self) -> &mut Deadline;
}

/// The rings of all ticks.
#[derive(Debug)]
pub(super) struct Wheel {
    heads: Vec<u32>,
    /// One bit for each ring that has values, and one for each word of them.
    busy: Vec<u64>,
    /// The first tick that the wheel has not come to.
    next: u64,
    /// What the wheel has come to and nobody has taken.
    reached: u32,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Wheel {
            heads: vec![NONE; SLOTS as usize],
            busy: vec![0; SLOTS as usize / 64],
            next: 0,
            reached: NONE,
        }
    }

    /// What the wheel takes.
    pub(super) const fn bytes() -> usize {
        SLOTS as usize * size_of::<u32>() + SLOTS as usize / 8
    }

    /// Sets when `place` is due.
    pub(super) fn set<T: Timed>(&mut self, slab: &mut Slab<T>, place: u32, due: u64) {
        let tick = due.div_ceil(TICK).clamp(self.next, self.next + SLOTS - 1);
        let Some(deadline) = slab.at_mut(place).map(Timed::deadline) else {
            return;
        };
        deadline.due = due;
        let armed = deadline.armed;
        if armed == 0 {
            self.arm(slab, place, tick);
        } else if tick + 1 < armed {
            self.remove(slab, place);
            self.arm(slab, place, tick);
        }
    }

    fn arm<T: Timed>(&mut self, slab: &mut Slab<T>, place: u32, tick: u64) {
        if let Some(value) = slab.at_mut(place) {
            value.deadline().armed = tick + 1;
        }
        let slot = (tick % SLOTS) as usize;
        if let Some(head) = self.heads.get_mut(slot) {
            list::push(slab, Lane::Deadline, head, place);
        }
        if let Some(word) = self.busy.get_mut(slot / 64) {
            *word |= 1 << (slot % 64);
        }
    }

    /// Takes `place` out, if it is in the wheel.
    pub(super) fn remove<T: Timed>(&mut self, slab: &mut Slab<T>, place: u32) {
        let Some(deadline) = slab.at_mut(place).map(Timed::deadline) else {
            return;
        };
        let armed = std::mem::take(&mut deadline.armed);
        if armed == 0 {
            return;
        }
        let slot = ((armed - 1) % SLOTS) as usize;
        if armed <= self.next {
            list::unlink(slab, Lane::Deadline, &mut self.reached, place);
        } else if let Some(head) = self.heads.get_mut(slot) {
            list::unlink(slab, Lane::Deadline, head, place);
            if *head == NONE {
                self.set_idle(slot);
            }
        }
    }

    fn set_idle(&mut self, slot: usize) {
        if let Some(word) = self.busy.get_mut(slot / 64) {
            *word &= !(1 << (slot % 64));
        }
    }

    /// Takes out a value that is due at `now`; nothing if none is.
    pub(super) fn pop<T: Timed>(&mut self, slab: &mut Slab<T>, now: u64) -> Option<u32> {
        loop {
            if self.reached == NONE {
                self.turn(slab, now);
            }
            let place = self.reached;
            let due = slab.at_mut(place)?.deadline().due;
            self.remove(slab, place);
            if due <= now {
                return Some(place);
            }
            self.set(slab, place, due);
        }
    }

    /// Collects the rings of all ticks up to `now`.
    fn turn<T: Timed>(&mut self, slab: &mut Slab<T>, now: u64) {
        let end = now / TICK + 1;
        while let Some(tick) = self.first_busy()
            && tick < end
        {
            let slot = (tick % SLOTS) as usize;
            if let Some(head) = self.heads.get_mut(slot) {
                let ring = std::mem::replace(head, NONE);
                list::append(slab, Lane::Deadline, &mut self.reached, ring);
            }
            self.set_idle(slot);
        }
        self.next = self.next.max(end);
    }

    /// The first tick that the wheel has not come to and that has values.
    fn first_busy(&self) -> Option<u64> {
        let words = SLOTS / 64;
        let start = self.next % SLOTS;
        for step in 0..=words {
            let at = (start / 64 + step) % words;
            let word = self.busy.get(at as usize).copied().unwrap_or(0);
            let mask = match step {
                0 => u64::MAX << (start % 64),
                _ if step == words => !(u64::MAX << (start % 64)),
                _ => u64::MAX,
            };
            if word & mask != 0 {
                let slot = at * 64 + u64::from((word & mask).trailing_zeros());
                return Some(self.next + (slot + SLOTS - start) % SLOTS);
            }
        }
        None
    }

    /// When to look next, in nanoseconds: no value is due before. Nothing while the wheel is empty.
    pub(super) fn next_due(&self) -> Option<u64> {
        if self.reached != NONE {
            return Some(self.next.saturating_sub(1) * TICK);
        }
        self.first_busy().map(|tick| tick.saturating_mul(TICK))
    }
}
