//! Folding: points without a place become one point of the overflow series of their stream.

use super::review::{Cause, Review, Verdict};
use super::slab::NONE;
use super::state::Total;
use super::stream::Manner;
use super::table::Slot;
use super::work::{Entry, Work, attributes};
use crate::measure::{self, Exemplars, Frame, Measure, Reading};
use forebay_otlp::views::View;

/// The body of the `KeyValue` of the overflow series: `otel.metric.overflow = true` (metrics SDK specification, "Overflow attribute").
pub(super) const OVERFLOW: &[u8] = b"\x0a\x14otel.metric.overflow\x12\x02\x10\x01";
/// The most bytes of one exemplar.
const EXEMPLAR_BYTES: usize = 1024;

/// Points of one request that become one.
#[derive(Debug)]
pub(super) struct Folding {
    /// The first of them, whose place the one takes.
    pub(super) first: Option<usize>,
    /// Since when the first of them was gathered, in nanoseconds since 1970; 0 where unknown.
    start: u64,
    /// When the last of them was taken.
    time: u64,
    /// What they come to, as far as it is not in the total already.
    sum: Option<Measure>,
    /// The time of the last point that was counted and could not be remembered.
    forgotten: u64,
    pub(super) exemplars: Exemplars,
}

impl Folding {
    pub(super) fn new(seed: usize, exemplars: usize) -> Self {
        Folding {
            first: None,
            start: 0,
            time: 0,
            sum: None,
            forgotten: 0,
            exemplars: Exemplars::new(exemplars, EXEMPLAR_BYTES, seed as u64),
        }
    }

    /// Takes note of since when and until when a point was gathered. What is not known of one of them counts for nothing.
    fn span(&mut self, start: u64, time: u64) {
        if start != 0 {
            self.start = if self.start == 0 {
                start
            } else {
                self.start.min(start)
            };
        }
        self.time = self.time.max(time);
    }

    /// Whether a point will be made of it.
    pub(super) fn is_written(folding: Option<&Folding>) -> bool {
        folding.is_some_and(|folding| folding.first.is_some())
    }

    /// Adds to the sum; whether it can be held.
    fn add(&mut self, more: Measure) -> bool {
        match &mut self.sum {
            Some(sum) => sum.add(&more).is_ok(),
            None => {
                self.sum = Some(more);
                true
            }
        }
    }
}

/// Why a point cannot be folded.
pub(super) enum Lost {
    Flawed(measure::Flaw),
    /// It cannot be known how much of it was counted before, or there is no memory to go on from it.
    Unremembered,
}

impl Work<'_> {
    /// Folds a point into the overflow series.
    pub(super) fn fold(&mut self, entry: &Entry<'_>, folding: &mut Option<Folding>, review: &mut Review) {
        let most = self.shared.settings.exemplars;
        let folding = folding.get_or_insert_with(|| Folding::new(entry.number, most));
        if self.stream.manner != Manner::Delta && !self.has_overflow() {
            return self.lose(entry.number, &Lost::Unremembered, review);
        }
        if self.add(entry, folding, NONE, review) {
            let all = attributes(self.stream.kind, entry.body).flatten();
            folding
                .exemplars
                .offer(self.stream.kind, entry.body, all.map(View::bytes));
        }
    }

    /// Adds a point to the overflow series or, in `target`, to an output; whether it could be added.
    pub(super) fn add(
        &mut self,
        entry: &Entry<'_>,
        folding: &mut Folding,
        target: u32,
        review: &mut Review,
    ) -> bool {
        match self.add_to(entry, folding, target) {
            Ok(()) => {
                self.counts.folded += 1;
                folding.first.get_or_insert(entry.number);
                review.set(entry.number, Verdict::Fold);
                true
            }
            Err(lost) => {
                self.lose(entry.number, &lost, review);
                false
            }
        }
    }

    /// Drops a point that cannot be added to anything.
    pub(super) fn lose(&mut self, number: usize, lost: &Lost, review: &mut Review) {
        match lost {
            Lost::Flawed(flaw) => self.counts.flawed(*flaw),
            Lost::Unremembered => self.counts.unremembered += 1,
        }
        review.set(number, Verdict::Drop(Cause::Unsummable));
    }

    fn add_to(&mut self, entry: &Entry<'_>, folding: &mut Folding, target: u32) -> Result<(), Lost> {
        let reading = measure::read(self.stream.kind, entry.body).map_err(Lost::Flawed)?;
        let Some(measure) = reading.measure.clone() else {
            self.end(entry, reading.time);
            // It says that time has passed, not since when anything was gathered.
            folding.span(0, reading.time);
            return Ok(());
        };
        if self.stream.manner != Manner::Delta && !self.has_room_for(&measure, target) {
            return Err(Lost::Unremembered);
        }
        let added = match self.stream.manner {
            Manner::Delta => {
                folding.span(reading.start, reading.time);
                Some(measure)
            }
            Manner::Cumulative => self.increase(entry, &reading, measure, folding)?,
            Manner::Level => {
                folding.span(reading.start, reading.time);
                self.level(entry, &reading, measure, target)?
            }
        };
        if added.is_none_or(|more| folding.add(more)) {
            Ok(())
        } else {
            Err(Lost::Unremembered)
        }
    }

    /// Whether there is a total for the overflow series.
    fn has_overflow(&mut self) -> bool {
        if self.stream.overflow.is_none() {
            self.stream.overflow = Total::new(0, 0, &self.shared.pool);
        }
        self.stream.overflow.is_some()
    }

    /// Whether a measure can be added to a total: not to be said after it was noted that it was.
    fn has_room_for(&mut self, measure: &Measure, target: u32) -> bool {
        let shared = self.shared;
        self.total_of(target)
            .is_some_and(|total| total.reserve(measure, &shared.pool))
    }

    /// That of an output, or of the overflow series.
    pub(super) fn total_of(&mut self, target: u32) -> Option<&mut Total> {
        if target == NONE {
            return self.stream.overflow.as_deref_mut();
        }
        let state = self.table.get(target)?.state;
        self.states.get_mut(state)?.total.as_deref_mut()
    }

    /// A series has ended: it is no part of a level any more, and what was before that does not make it one.
    fn end(&mut self, entry: &Entry<'_>, time: u64) {
        let slot = entry.slot.and_then(|at| self.table.get(at)).copied();
        let Some(slot) = slot.filter(|_| self.stream.manner == Manner::Level) else {
            return;
        };
        if self
            .states
            .get(slot.state)
            .is_none_or(|state| !state.is_newer(time))
        {
            return;
        }
        self.leave_level(slot);
        if let Some(state) = self.states.get_mut(slot.state) {
            state.time = time;
        }
        if let Some(slot) = entry.slot.and_then(|at| self.table.get_mut(at)) {
            slot.marks = slot.marks.counted(false);
        }
    }

    /// What a point of a series that never goes down adds to what was counted of it.
    fn increase(
        &mut self,
        entry: &Entry<'_>,
        reading: &Reading,
        measure: Measure,
        folding: &mut Folding,
    ) -> Result<Option<Measure>, Lost> {
        let horizon = self.stream.horizon;
        let slot = entry.slot.and_then(|at| self.table.get(at));
        let state = slot.and_then(|slot| self.states.get(slot.state));
        let may_be_counted = reading.start < horizon && state.is_none_or(|state| !state.has_last());
        // What comes after a late point may have been counted too.
        let is_late = may_be_counted && reading.time != 0 && reading.time <= horizon;
        if is_late || self.whole.contains(&entry.set) {
            return Err(Lost::Unremembered);
        }
        let at = entry.slot.or_else(|| self.remember_series(entry.series, true));
        let Some(slot) = at.and_then(|at| self.table.get_mut(at)) else {
            if may_be_counted {
                return Err(Lost::Unremembered);
            }
            self.whole.insert(entry.set);
            folding.span(reading.start, reading.time);
            folding.forgotten = folding
                .forgotten
                .max(reading.time)
                .max(reading.start.saturating_add(1));
            return Ok(Some(measure));
        };
        slot.seen = self.now;
        slot.marks = slot.marks.counted(true);
        let pool = &self.shared.pool;
        let Some(state) = self.states.get_mut(slot.state) else {
            return Err(Lost::Unremembered);
        };
        let is_newer = state.is_newer(reading.time);
        let begins = if state.has_last() {
            state.time.max(reading.start)
        } else {
            reading.start
        };
        folding.span(begins, reading.time);
        match state.advance(reading, measure, pool) {
            // From here on it can be told.
            Some(_) if may_be_counted => Err(Lost::Unremembered),
            None if is_newer => Err(Lost::Unremembered),
            added => Ok(added),
        }
    }

    /// Puts the value of a series into a level. What is returned counts for this request only, since it cannot be remembered.
    fn level(
        &mut self,
        entry: &Entry<'_>,
        reading: &Reading,
        measure: Measure,
        target: u32,
    ) -> Result<Option<Measure>, Lost> {
        let at = entry.slot.or_else(|| self.remember_series(entry.series, true));
        let Some(slot) = at.and_then(|at| self.table.get_mut(at)) else {
            return Ok(Some(measure));
        };
        // Who sends late is there.
        slot.seen = self.now;
        let slot = *slot;
        let state = self.states.get(slot.state);
        if state.is_some_and(|state| !state.is_newer(reading.time)) {
            return Ok(None);
        }
        self.leave_level(slot);
        let shared = self.shared;
        let now = measure.clone();
        let joined = self.total_of(target).is_some_and(|total| {
            let joined = total.add(measure, &shared.pool);
            total.members += u32::from(joined);
            joined
        });
        if let Some(slot) = at.and_then(|at| self.table.get_mut(at)) {
            slot.marks = slot.marks.counted(joined);
        }
        if let Some(state) = self.states.get_mut(slot.state) {
            state.target = target;
            // A number takes no memory besides.
            state.remember(reading, &now, &shared.pool);
        }
        if joined { Ok(None) } else { Err(Lost::Unremembered) }
    }

    /// Takes the value of a series out of the level that it is part of, if it is.
    pub(super) fn leave_level(&mut self, slot: Slot) {
        let state = self.states.get(slot.state).filter(|_| slot.marks.is_counted());
        let part = state.and_then(|state| Some((state.level()?, state.target)));
        if let Some((level, target)) = part
            && let Some(total) = self.total_of(target)
        {
            total.leave(level);
        }
    }

    /// Writes the point of the overflow series in the place of the first that was folded.
    pub(super) fn finish(&mut self, folding: Folding, review: &mut Review) {
        let first = folding.first;
        if let Some((value, frame, exemplars)) = self.sum_up(folding, NONE)
            && let Some(first) = first
        {
            self.counts.overflow_points += 1;
            self.counts.folded -= 1;
            review.replace(first, |out| {
                measure::write(&value, frame, [OVERFLOW], &exemplars, out);
            });
        }
    }

    /// What the point of the overflow series, or of an output in `target`, says now.
    pub(super) fn sum_up(&mut self, folding: Folding, target: u32) -> Option<(Measure, Frame, Exemplars)> {
        let (shared, manner, now) = (self.shared, self.stream.manner, self.now);
        self.stream.horizon = self.stream.horizon.max(folding.forgotten);
        // Nothing was added, and nothing will be written.
        folding.first?;
        let mut frame = Frame {
            start: folding.start,
            time: folding.time,
            flags: 0,
        };
        if manner == Manner::Delta {
            return Some((folding.sum?, frame, folding.exemplars));
        }
        // An output may have had a forerunner, an overflow series has none.
        let earliest = if target == NONE { 0 } else { self.stream.retired };
        let total = self.total_of(target)?;
        if total.time == 0 || total.value.is_none() {
            total.start = folding.start.max(earliest);
        }
        let (mut fits, mut level) = (true, None);
        match (manner, folding.sum) {
            (Manner::Level, sum) => level = total.with(sum),
            (_, Some(sum)) => fits = total.add(sum, &shared.pool),
            (_, None) => {}
        }
        frame.start = total.start;
        frame.time = total.next_time(folding.time, now);
        let value = level.or_else(|| total.value.clone());
        self.counts.unremembered += u64::from(!fits);
        Some((value?, frame, folding.exemplars))
    }
}
