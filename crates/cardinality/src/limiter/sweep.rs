//! The hand that goes round the slots: who has been idle gives its place away, and, where memory is short, is forgotten.

use super::Shared;
use super::partition::Partition;
use super::pool::Pool;
use super::settings::{Admission, Limits, Policy};
use super::slab::NONE;
use super::state::Total;
use super::stream::Manner;
use super::table::Slot;

/// Slots that are looked at in one go.
const MOST: u32 = 2048;
/// The hand goes round in a quarter of the idle timeout, and at least so often, in seconds.
const ROUND: u32 = 60;
/// Streams that are looked at in one go.
const STREAMS: u32 = 8;

/// Where the hand is.
#[derive(Debug, Default)]
pub(super) struct Hand {
    slot: u32,
    stream: u32,
    /// When it last moved, in seconds.
    moved: u32,
}

impl Partition {
    /// Moves the hand as far as it should have come by now. It costs little each time, and nothing within the same second.
    pub(super) fn sweep(&mut self, shared: &Shared, limits: &Limits, now: u32) {
        let passed = now.saturating_sub(self.hand.moved);
        if passed == 0 {
            return;
        }
        self.hand.moved = now;
        let shortest = limits
            .policies
            .list
            .iter()
            .map(|policy| policy.idle_timeout)
            .min();
        let round = (shortest.unwrap_or(ROUND) / 4).clamp(1, ROUND);
        let cells = self.table.cells();
        let steps = u64::from(cells) * u64::from(passed.min(round)) / u64::from(round);
        let most = u64::from(MOST.max(cells / 16));
        self.sweep_slots(shared, limits, now, (steps + 1).min(most) as u32);
        self.sweep_streams(shared, limits, now);
    }

    fn sweep_slots(&mut self, shared: &Shared, limits: &Limits, now: u32, steps: u32) {
        let cells = self.table.cells();
        for _ in 0..steps.min(cells) {
            self.hand.slot = if self.hand.slot + 1 < cells {
                self.hand.slot + 1
            } else {
                0
            };
            self.look_at(self.hand.slot, shared, limits, now);
        }
    }

    fn look_at(&mut self, at: u32, shared: &Shared, limits: &Limits, now: u32) {
        let Some(slot) = self.table.get(at).copied() else {
            return;
        };
        let stream = self.streams.get(slot.stream);
        let Some(metric) = stream.and_then(|stream| self.metrics.get(stream.metric)) else {
            return;
        };
        let Some(policy) = limits.policies.list.get(metric.policy) else {
            return;
        };
        let is_idle = now.saturating_sub(slot.seen) >= policy.idle_timeout;
        if slot.marks.has_place() {
            let is_displaced = metric.is_wanted(now) && is_rare(policy, slot, now);
            if is_idle || is_displaced {
                self.counts.idle += u64::from(is_idle);
                self.counts.displaced += u64::from(!is_idle);
                self.lose_place(at, slot, (now, policy.idle_timeout), &shared.pool);
            }
        } else if is_idle {
            self.let_go(at, slot, (now, policy.idle_timeout), shared);
        }
    }

    /// A series gives its place away. What was counted of a series that never goes down stays known.
    fn lose_place(&mut self, at: u32, slot: Slot, (now, idle_timeout): (u32, u32), pool: &Pool) {
        let Some(stream) = self.streams.get_mut(slot.stream) else {
            return;
        };
        let state = self.states.get_mut(slot.state);
        if let Some(total) = state.as_ref().and_then(|state| state.total.as_ref())
            && (total.members > 0 || total.is_behind() && total.is_in_force(now, idle_timeout))
        {
            return;
        }
        pool.give_place();
        if let Some(metric) = self.metrics.get_mut(stream.metric) {
            metric.live -= 1;
            if let Some(group) = self.groups.get_mut(metric.group) {
                group.live -= 1;
            }
        }
        let is_output = slot.marks.is_made() && state.as_ref().is_some_and(|state| !state.has_last());
        if is_output
            && stream.manner == Manner::Cumulative
            && let Some(total) = state.as_ref().and_then(|state| state.total.as_ref())
            && total.value.is_some()
        {
            let after = total.time.max(total.start.saturating_add(1));
            stream.retired = stream.retired.max(after);
        }
        if stream.manner != Manner::Cumulative || is_output {
            return self.remove_slot(at, pool);
        }
        if let Some(total) = state.and_then(|state| state.total.take()) {
            total.free(pool);
        }
        if let Some(slot) = self.table.get_mut(at) {
            // What was made from a total differs from what arrives ever since.
            let was_made = slot.marks.is_made();
            slot.marks = slot.marks.with_place(false).made(false).counted(was_made);
        }
    }

    /// Lets go of a series without a place: of a level, since it is no part of it any more, once that has been said or the memory is
    /// wanted; of what never goes down, only if memory is short.
    fn let_go(&mut self, at: u32, slot: Slot, (now, idle_timeout): (u32, u32), shared: &Shared) {
        let pool = &shared.pool;
        let Some(stream) = self.streams.get_mut(slot.stream) else {
            return;
        };
        match stream.manner {
            Manner::Level => {
                if self.is_seen_after(at, slot, (now, idle_timeout)) && !pool.is_short() {
                    return;
                }
            }
            _ if pool.is_short() => {
                let time = self
                    .states
                    .get(slot.state)
                    .map_or(0, |state| state.time.max(state.start));
                stream.horizon = stream.horizon.max(time);
                self.counts.forgotten += 1;
            }
            _ => return,
        }
        self.remove_slot(at, pool);
    }

    /// Takes a series out of the level that it is part of; whether what was last said of that still has it.
    fn is_seen_after(&mut self, at: u32, slot: Slot, (now, idle_timeout): (u32, u32)) -> bool {
        let Some(state) = self.states.get_mut(slot.state) else {
            return false;
        };
        let (level, target) = (state.level(), state.target);
        // When it was there matters no more: whatever comes is newer.
        state.time = 0;
        let Some(total) = self.level_of(slot.stream, target) else {
            return false;
        };
        if let Some(level) = level.filter(|_| slot.marks.is_counted()) {
            total.leave(level);
        }
        let is_seen = total.is_behind() && total.is_in_force(now, idle_timeout);
        if let Some(slot) = self.table.get_mut(at) {
            slot.marks = slot.marks.counted(false);
        }
        is_seen
    }

    /// That of an output of a stream, or of its overflow series.
    fn level_of(&mut self, stream: u32, target: u32) -> Option<&mut Total> {
        if target == NONE {
            return self.streams.get_mut(stream)?.overflow.as_deref_mut();
        }
        let output = self.table.get(target).filter(|slot| slot.stream == stream)?;
        let state = self
            .states
            .get_mut(output.state)
            .filter(|state| !state.has_last())?;
        state.total.as_deref_mut()
    }

    fn remove_slot(&mut self, at: u32, pool: &Pool) {
        let Some(slot) = self.table.remove(at) else {
            return;
        };
        if let Some(state) = self.states.remove(slot.state) {
            state.free(pool);
        }
        if let Some(stream) = self.streams.get_mut(slot.stream) {
            stream.slots -= 1;
        }
    }

    /// Lets go of streams that have nothing left: where they have an overflow series, only if memory is short.
    fn sweep_streams(&mut self, shared: &Shared, limits: &Limits, now: u32) {
        let cells = self.streams.cells();
        for _ in 0..STREAMS.min(cells) {
            self.hand.stream = if self.hand.stream + 1 < cells {
                self.hand.stream + 1
            } else {
                0
            };
            let Some(stream) = self.streams.get(self.hand.stream) else {
                continue;
            };
            let metric = self.metrics.get(stream.metric);
            let policy = metric.and_then(|metric| limits.policies.list.get(metric.policy));
            let is_idle = policy.is_none_or(|policy| now.saturating_sub(stream.seen) >= policy.idle_timeout);
            let is_empty = stream.slots == 0 && (stream.overflow.is_none() || shared.pool.is_short());
            if is_idle && is_empty {
                self.remove_stream(self.hand.stream, &shared.pool);
            }
        }
    }
}

/// Whether a series comes so seldom that it gives its place to one that comes often.
fn is_rare(policy: &Policy, slot: Slot, now: u32) -> bool {
    policy.admission == Admission::HeavyHitters && now.saturating_sub(slot.seen) >= policy.idle_timeout / 4
}
