//! Levels: where the value of a series is seen, and where it may go next.
//!
//! What was last said of an output, or of the overflow series, stays in force until it is said again. A series whose value is part of that
//! would be seen twice elsewhere. So it stays where it is seen, unless the same request says what that is without it. Who is idle leaves
//! the sum, and is remembered for as long as what was said last still has it.

use super::fold::Folding;
use super::slab::NONE;
use super::state::Total;
use super::stream::Manner;
use super::table::Slot;
use super::work::{Entry, Work};

impl Work<'_> {
    /// Where a point of a level has to stay, since its series is seen there and the request does not say otherwise, as far as it was gone
    /// through: in an output, or [`NONE`] for the overflow series. `is_written` says of which of them the request has a point.
    pub(super) fn held(&self, entry: &Entry<'_>, is_written: impl Fn(u32) -> bool) -> Option<u32> {
        if self.stream.manner != Manner::Level {
            return None;
        }
        let slot = entry.slot.and_then(|at| self.table.get(at))?;
        self.seen_in(slot).filter(|target| !is_written(*target))
    }

    /// [`Work::held`], where there are no outputs.
    pub(super) fn is_held(&self, entry: &Entry<'_>, folding: Option<&Folding>) -> bool {
        let held = self.held(entry, |target| target == NONE && Folding::is_written(folding));
        held.is_some()
    }

    /// Of what the value of a series is part, as that was last said.
    fn seen_in(&self, slot: &Slot) -> Option<u32> {
        let state = self.states.get(slot.state).filter(|state| state.has_last())?;
        let total = self.total(state.target)?;
        let is_seen = total.is_in_force(self.now, self.policy.idle_timeout)
            && (slot.marks.is_counted() || total.is_behind());
        is_seen.then_some(state.target)
    }

    /// The total of an output of this stream, or of its overflow series.
    fn total(&self, target: u32) -> Option<&Total> {
        if target == NONE {
            return self.stream.overflow.as_deref();
        }
        let output = self.table.get(target).filter(|slot| slot.stream == self.at)?;
        let state = self.states.get(output.state).filter(|state| !state.has_last())?;
        state.total.as_deref()
    }

    /// The attributes of an output that a point has to stay in, and the identity of the set.
    pub(super) fn attributes_of(&self, target: u32) -> Option<(crate::Identity, Box<[u8]>)> {
        let attributes = self.total(target)?.attributes.clone()?;
        let series = self.table.get(target)?.identity();
        Some((series.minus(self.stream.identity), attributes))
    }
}
