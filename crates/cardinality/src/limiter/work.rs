//! One stream of a request at work: each point is let through, or goes where the limits send it.

use super::Shared;
use super::counts::Counts;
use super::earning::Earning;
use super::fold::Folding;
use super::group::Group;
use super::metric::Metric;
use super::review::{Cause, Review, Verdict};
use super::settings::{Action, Admission, Policy};
use super::slab::{NONE, Slab};
use super::state::{State, Total};
use super::stream::{Manner, Stream};
use super::survey::PointSeen;
use super::table::{Slot, Table};
use crate::Identity;
use crate::measure;
use crate::sketch::{Attribute, Profile};
use crate::template::Templater;
use forebay_otlp::DataKind;
use forebay_otlp::views::{KeyValue, Repeated, View};
use std::collections::HashSet;

/// Points whose slots are looked for at once.
const TOGETHER: usize = 16;
/// States that memory is taken for at a time.
pub(super) const STATES: usize = 64;
/// Live series of a stream from which on it is found out which attributes they come from.
const PROFILED: u32 = 64;

/// A request that is looked through.
pub(super) struct Turn<'t> {
    pub(super) request: &'t [u8],
    pub(super) review: &'t mut Review,
}

/// A point that does not just pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'t> {
    /// Its number in the request.
    pub(super) number: usize,
    /// The identity of its attributes.
    pub(super) set: Identity,
    /// That of its series.
    pub(super) series: Identity,
    pub(super) body: &'t [u8],
    /// The slot of its series, if there is one.
    pub(super) slot: Option<u32>,
}

/// What is needed for the points of one stream.
pub(super) struct Work<'p> {
    pub(super) shared: &'p Shared,
    pub(super) table: &'p mut Table,
    pub(super) states: &'p mut Slab<State, STATES>,
    pub(super) earning: &'p mut Option<Earning>,
    pub(super) templater: &'p mut Option<Templater>,
    pub(super) counts: &'p mut Counts,
    pub(super) group: &'p mut Group,
    pub(super) group_limit: u64,
    /// The number of the stream.
    pub(super) at: u32,
    pub(super) stream: &'p mut Stream,
    pub(super) metric: &'p mut Metric,
    pub(super) policy: &'p Policy,
    pub(super) now: u32,
    /// The attributes of series of which a point was counted and could not be remembered.
    pub(super) whole: HashSet<Identity>,
}

impl<'p> Work<'p> {
    /// Goes through the points of the stream. `first` is the number of the first of them in the request.
    pub(super) fn run(&mut self, points: &[PointSeen], first: usize, turn: &mut Turn<'_>) {
        if self.metric.rules.is_some() || !self.metric.blamed.is_empty() {
            self.rewrite(points, first, turn);
        } else {
            self.points(points, first, turn);
        }
    }

    fn points(&mut self, points: &[PointSeen], first: usize, turn: &mut Turn<'_>) {
        let mut folding = None;
        let mut numbers = first..;
        for points in points.chunks(TOGETHER) {
            // Their slots are looked for at once, so that memory is waited for at the same time.
            let mut slots = [None; TOGETHER];
            for (slot, point) in slots.iter_mut().zip(points) {
                *slot = self.table.likely(self.stream.identity.plus(point.set));
            }
            for (slot, point) in slots.iter_mut().zip(points) {
                let series = self.stream.identity.plus(point.set);
                *slot = slot.and_then(|likely| self.table.confirm(likely, series));
            }
            for ((slot, point), number) in slots.into_iter().zip(points).zip(&mut numbers) {
                if slot.is_some_and(|at| self.passes(at, point.body(turn.request))) {
                    continue;
                }
                let series = self.stream.identity.plus(point.set);
                let entry = Entry {
                    number,
                    set: point.set,
                    series,
                    body: point.body(turn.request),
                    // It may have come up just before.
                    slot: slot.or_else(|| self.table.find(series)),
                };
                self.point(&entry, &mut folding, turn.review);
            }
        }
        if let Some(folding) = folding {
            self.finish(folding, turn.review);
        }
    }

    /// Whether a point passes as it is, since its series has a place. This is the usual way.
    #[inline]
    pub(super) fn passes(&mut self, at: u32, body: &[u8]) -> bool {
        let Some(slot) = self.table.get_mut(at) else {
            return false;
        };
        slot.seen = self.now;
        if !slot.marks.has_place() || slot.marks.is_made() {
            return false;
        }
        if slot.state != NONE {
            let state = slot.state;
            self.note(state, body);
        }
        true
    }

    /// Takes note of a point that passes, so that what comes after it can be told from it. One that cannot be read passes all the
    /// same.
    fn note(&mut self, state: u32, body: &[u8]) {
        let Some(state) = self.states.get_mut(state) else {
            return;
        };
        if self.stream.kind == DataKind::Sum {
            if let Ok(reading) = measure::read_number(body)
                && let Some(value) = reading.value
            {
                state.pass_number(reading.start, reading.time, value);
            }
        } else if let Ok(reading) = measure::read(self.stream.kind, body)
            && let Some(measure) = &reading.measure
            && state.is_newer(reading.time)
        {
            // Where there is no memory for it the last point stays the one before: should the series be folded later, what came
            // between the two counts again. Only a histogram that has grown new buckets needs more memory.
            state.remember(&reading, measure, &self.shared.pool);
        }
    }

    /// A point that is not known to pass as it is.
    fn point(&mut self, entry: &Entry<'_>, folding: &mut Option<Folding>, review: &mut Review) {
        let is_overflow = entry.set == self.shared.overflow_set;
        if entry.slot.is_none() && !is_overflow {
            self.profile(entry.set, attributes(self.stream.kind, entry.body));
        }
        let is_held = self.is_held(entry, folding.as_ref());
        if !is_overflow && self.is_live_after(entry, is_held) {
            self.live(entry, review);
        } else {
            self.exceed(entry, folding, review);
        }
    }

    /// A point without a place. The overflow series of a sender is never one of its own: it is part of ours.
    pub(super) fn exceed(&mut self, entry: &Entry<'_>, folding: &mut Option<Folding>, review: &mut Review) {
        let is_overflow = entry.set == self.shared.overflow_set;
        if !is_overflow {
            self.metric.exceed(self.now);
            self.blame();
        }
        match self.policy.action {
            Action::Fold | Action::DropAttribute => self.fold(entry, folding, review),
            Action::Drop | Action::Observe if is_overflow => {}
            Action::Drop => {
                self.counts.limited += 1;
                review.set(entry.number, Verdict::Drop(Cause::Limit));
            }
            Action::Observe => self.counts.observed += 1,
        }
    }

    /// Whether the series of a point has a place, perhaps from now on. `is_held` says whether it has to stay in a level.
    pub(super) fn is_live_after(&mut self, entry: &Entry<'_>, is_held: bool) -> bool {
        let slot = entry.slot.and_then(|at| self.table.get(at));
        if slot.is_some_and(|slot| slot.marks.has_place()) {
            return true;
        }
        let limit = self.own_limit();
        self.may_enter(entry.series, limit)
            && self.may_appear(entry, is_held)
            && match entry.slot {
                Some(at) => self.promote(at),
                None => self.admit(entry.series).is_some(),
            }
    }

    /// A point whose series has a place and that was not let through at once: it is new, or made from a total.
    pub(super) fn live(&mut self, entry: &Entry<'_>, review: &mut Review) {
        let at = entry.slot.or_else(|| self.table.find(entry.series));
        let Some(slot) = at.and_then(|at| self.table.get(at)).copied() else {
            return;
        };
        if slot.marks.is_made() {
            self.make(slot.state, entry, review);
        } else if slot.state != NONE {
            self.note(slot.state, entry.body);
        }
    }

    /// Whether there is a place for a series below `limit`, and it has earned it.
    pub(super) fn may_enter(&mut self, series: Identity, limit: u32) -> bool {
        let has_earned = match (self.policy.admission, &mut *self.earning) {
            (Admission::HeavyHitters, Some(earning)) => earning.come(series),
            _ => true,
        };
        let has_room = self.metric.live < limit && self.group.live < self.group_limit;
        if has_earned && !has_room {
            self.metric.wanted = Some(self.now);
        }
        has_earned && has_room
    }

    /// Places for series as they come. Where an attribute is dropped, a tenth is left for the series that remain.
    pub(super) fn own_limit(&self) -> u32 {
        match self.policy.action {
            Action::DropAttribute => self.policy.limit - self.policy.limit.div_ceil(10),
            _ => self.policy.limit,
        }
    }

    /// Gives a series that is not known a place; nothing where there is none in all, or no memory.
    pub(super) fn admit(&mut self, series: Identity) -> Option<u32> {
        let shared = self.shared;
        if !shared.pool.take_place() {
            return None;
        }
        let at = self.remember_series(series, self.stream.manner == Manner::Cumulative);
        let Some(slot) = at.and_then(|at| self.table.get_mut(at)) else {
            shared.pool.give_place();
            return None;
        };
        slot.marks = slot.marks.with_place(true);
        self.took_place();
        at
    }

    fn took_place(&mut self) {
        self.metric.live += 1;
        self.group.live += 1;
        self.counts.admitted += 1;
    }

    /// Makes a slot for a series, with a state if wanted; nothing where there is no memory for it.
    pub(super) fn remember_series(&mut self, series: Identity, with_state: bool) -> Option<u32> {
        if self.at == NONE {
            return None;
        }
        let pool = &self.shared.pool;
        let mut slot = Slot::new(series, self.at, self.now);
        if with_state {
            slot.state = self.states.insert(State::default(), pool).ok()?;
        }
        let at = self.table.insert(slot, pool);
        match at {
            Some(_) => {
                self.stream.slots += 1;
                self.metric.growth.add(self.now);
            }
            None => drop(self.states.remove(slot.state)),
        }
        at
    }

    /// Whether a series may go by itself without being seen twice, there and in a level that it is or was part of: only with a point that
    /// says more than what was part of the level, and once that has been said without it.
    /// Nor may one of which the overflow series may have counted a part that was forgotten.
    fn may_appear(&self, entry: &Entry<'_>, is_held: bool) -> bool {
        let slot = entry.slot.and_then(|at| self.table.get(at));
        let state = slot.and_then(|slot| self.states.get(slot.state));
        if self.stream.manner != Manner::Level {
            let is_known = state.is_some_and(State::has_last);
            let is_new = || self.stream.horizon == 0 || self.is_fresh(entry.body);
            return self.goes_on(entry) && !self.whole.contains(&entry.set) && (is_known || is_new());
        }
        let says_more = state.is_none_or(|state| {
            measure::read_number(entry.body)
                .is_ok_and(|reading| reading.value.is_some() && state.is_newer(reading.time))
        });
        says_more && !is_held
    }

    /// Whether a point comes after all that was counted of its series in the overflow series. A request that is sent again gives no
    /// place: what the overflow series had of it may never have arrived, and has to be said again.
    fn goes_on(&self, entry: &Entry<'_>) -> bool {
        let slot = entry.slot.and_then(|at| self.table.get(at));
        let state = slot
            .filter(|slot| slot.marks.is_counted())
            .and_then(|slot| self.states.get(slot.state));
        state.is_none_or(|state| {
            measure::read(self.stream.kind, entry.body).is_ok_and(|reading| state.is_newer(reading.time))
        })
    }

    /// Whether a point begins after all that was counted and forgotten. One that says nothing does not.
    fn is_fresh(&self, body: &[u8]) -> bool {
        self.stream.manner == Manner::Delta
            || measure::read(self.stream.kind, body)
                .is_ok_and(|reading| reading.measure.is_some() && reading.start >= self.stream.horizon)
    }

    /// Gives a series that is remembered a place. What of it was counted in the overflow series must not count again: the points
    /// of a series that never goes down are made from a total that begins now; a level leaves the sum.
    fn promote(&mut self, at: u32) -> bool {
        let Some(slot) = self.table.get(at).copied() else {
            return false;
        };
        let shared = self.shared;
        if !shared.pool.take_place() {
            return false;
        }
        let mut marks = slot.marks.with_place(true);
        let mut state = slot.state;
        if self.stream.manner == Manner::Level {
            self.leave_level(slot);
            if let Some(state) = self.states.remove(state) {
                state.free(&shared.pool);
            }
            state = NONE;
        } else if slot.marks.is_counted() {
            if !self.begin_total(state) {
                shared.pool.give_place();
                return false;
            }
            marks = marks.made(true);
        }
        if let Some(slot) = self.table.get_mut(at) {
            (slot.marks, slot.state) = (marks.counted(false), state);
        }
        self.took_place();
        true
    }

    /// Begins a total for a series where its last point ends.
    fn begin_total(&mut self, state: u32) -> bool {
        let Some(state) = self.states.get_mut(state) else {
            return false;
        };
        state.total = Total::new(state.time, state.time, &self.shared.pool);
        state.total.is_some()
    }

    /// Makes a point from the total of a series of its own.
    fn make(&mut self, state: u32, entry: &Entry<'_>, review: &mut Review) {
        let pool = &self.shared.pool;
        let reading = match measure::read(self.stream.kind, entry.body) {
            Ok(reading) => reading,
            Err(flaw) => {
                self.counts.flawed(flaw);
                return review.set(entry.number, Verdict::Drop(Cause::Unsummable));
            }
        };
        // The end of a series passes as it is.
        let (Some(measure), Some(state)) = (reading.measure.clone(), self.states.get_mut(state)) else {
            return;
        };
        let (is_newer, is_again) = (state.is_newer(reading.time), reading.time == state.time);
        let fits = if is_newer {
            let added = state.advance(&reading, measure, pool);
            let both = added.zip(state.total.as_deref_mut());
            both.is_some_and(|(more, total)| {
                let fits = total.add(more, pool);
                total.time = reading.time;
                fits
            })
        } else {
            // The last point again: what was made of it may never have arrived. One that is older still has nothing to say.
            is_again
        };
        let total = state.total.as_deref().filter(|_| fits);
        let made = total.and_then(|total| Some((total.start, total.value.as_ref()?)));
        let written = made.is_some_and(|(start, value)| {
            review.try_replace(entry.number, |out| {
                measure::rewrite(entry.body, start, value, out)
            })
        });
        match (written, is_newer) {
            (true, _) => {}
            (false, true) => {
                self.counts.unremembered += 1;
                review.set(entry.number, Verdict::Drop(Cause::Unsummable));
            }
            (false, false) => {
                self.counts.folded += 1;
                review.set(entry.number, Verdict::Fold);
            }
        }
    }

    /// Finds out what is to blame, where that is to be dropped and it is not known yet. It is dropped from the next request on.
    fn blame(&mut self) {
        if self.policy.action == Action::DropAttribute
            && self.metric.blamed.is_empty()
            && let Some(profile) = &self.metric.profile
        {
            self.metric.blamed = profile.worst().map(Box::from).collect();
        }
    }

    /// Takes note of where the series of a stream come from, once there are many.
    pub(super) fn profile<'a>(&mut self, set: Identity, attributes: Repeated<'a, KeyValue<'a>>) {
        // Who has to earn a place has none when it first comes, and is told from others only then.
        let known = self.metric.live.max(self.stream.slots);
        if known < PROFILED.min(self.policy.limit / 2) {
            return;
        }
        if self.metric.profile.is_none() {
            let profile = Profile::new();
            if self.shared.pool.take(profile.memory()) {
                self.metric.profile = Some(Box::new(profile));
            }
        }
        let Some(profile) = &mut self.metric.profile else {
            return;
        };
        if profile.wants(set) {
            let hasher = &self.shared.settings.hasher;
            let attributes = attributes.filter_map(|attribute| {
                let attribute = attribute.ok()?;
                let (key, value) = attribute.read().ok()?;
                Some(Attribute {
                    key,
                    value: value.bytes(),
                    identity: hasher.attribute(attribute.bytes()),
                })
            });
            profile.see(set, attributes);
        }
    }
}

/// The attributes of a point.
pub(super) fn attributes(kind: DataKind, body: &[u8]) -> Repeated<'_, KeyValue<'_>> {
    Repeated::new(body, kind.attributes_field())
}
