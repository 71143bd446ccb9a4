//! Which series have earned a place: those that have come several times lately.

use super::pool::Pool;
use crate::Identity;
use crate::sketch::Frequency;

/// How often a series must have come lately: what comes once is hardly ever counted so often by the sketch.
const EARNED: u32 = 4;
/// Bytes of the sketch at first.
const BYTES: usize = 64 << 10;
/// The part of the memory that the sketch of one partition may become.
const SHARE: u64 = 64;
/// What "lately" should be, in seconds: series that report once a minute are to come several times within two halvings.
const LATELY: u32 = 120;

/// The sketch of a partition. It is made larger while it forgets too soon: however many series want a place, each of them may come
/// often enough before its count is halved.
#[derive(Debug)]
pub(super) struct Earning {
    frequency: Frequency,
    /// Halvings when it was last looked at that there were some, and the second of it.
    halvings: u32,
    halved: u32,
}

impl Earning {
    /// One that knows of no series; nothing where there is no memory for it.
    pub(super) fn new(now: u32, pool: &Pool) -> Option<Self> {
        let frequency = Frequency::new(BYTES);
        pool.take(frequency.memory()).then_some(Earning {
            frequency,
            halvings: 0,
            halved: now,
        })
    }

    /// Takes note that a series came that has no place; whether it has earned one.
    pub(super) fn come(&mut self, series: Identity) -> bool {
        self.frequency.add(series) >= EARNED
    }

    /// Sees to it that the sketch remembers for as long as it should, as far as there is memory.
    pub(super) fn keep_up(&mut self, now: u32, pool: &Pool) {
        let halvings = self.frequency.halvings();
        if halvings == self.halvings {
            return;
        }
        let lasted = now.saturating_sub(self.halved) / halvings.wrapping_sub(self.halvings);
        (self.halvings, self.halved) = (halvings, now);
        let memory = self.frequency.memory();
        let most = pool.max_bytes() / SHARE;
        if lasted >= LATELY || 2 * memory as u64 > most || !pool.take(2 * memory) {
            return;
        }
        self.frequency.double();
        pool.give(3 * memory - self.frequency.memory());
    }
}
