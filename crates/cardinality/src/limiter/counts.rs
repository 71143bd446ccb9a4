//! What a limiter has done, counted.

use crate::measure::Flaw;

/// What has happened since the start, and what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Points that went into another one.
    pub folded: u64,
    /// Points of overflow series that were written.
    pub overflow_points: u64,
    /// Points that were dropped since their series had no place.
    pub limited: u64,
    /// Points that passed although their series had no place, as the limit is only observed.
    pub observed: u64,
    /// Points that had to be folded and were dropped, as it cannot be known how much of them was counted before.
    pub unremembered: u64,
    /// The same for what is wrong with a point, by [`Flaw`].
    pub flawed: [u64; Flaw::ALL.len()],
    /// Series that were given a place.
    pub admitted: u64,
    /// Series that lost their place as they were idle.
    pub idle: u64,
    /// Series that lost their place to others that come more often.
    pub displaced: u64,
    /// Series that were forgotten for want of memory.
    pub forgotten: u64,
    /// Slots in use: series with a place, and series that are remembered without one.
    pub slots: u64,
    /// Streams.
    pub streams: u64,
    /// Groups.
    pub groups: u64,
    /// Metrics of groups of which some points have found no place lately.
    pub overflowing: u64,
}

impl Counts {
    pub(super) fn flawed(&mut self, flaw: Flaw) {
        if let Some(count) = self.flawed.get_mut(flaw as usize) {
            *count += 1;
        }
    }

    /// Adds those of another part.
    pub(super) fn add(&mut self, other: &Counts) {
        self.folded += other.folded;
        self.overflow_points += other.overflow_points;
        self.limited += other.limited;
        self.observed += other.observed;
        self.unremembered += other.unremembered;
        for (sum, more) in self.flawed.iter_mut().zip(other.flawed) {
            *sum += more;
        }
        self.admitted += other.admitted;
        self.idle += other.idle;
        self.displaced += other.displaced;
        self.forgotten += other.forgotten;
        self.slots += other.slots;
        self.streams += other.streams;
        self.groups += other.groups;
        self.overflowing += other.overflowing;
    }
}
