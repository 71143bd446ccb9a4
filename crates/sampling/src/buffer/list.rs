//! Doubly linked rings through the values of a slab: inserting, taking out and joining cost the same however long they are.

use super::slab::{NONE, Slab};

/// The neighbours of a value in a ring. Those of a value that is in none mean nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) next: u32,
    previous: u32,
}

impl Default for Links {
    fn default() -> Self {
        Links {
            next: NONE,
            previous: NONE,
        }
    }
}

/// Which ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// By age.
    Age,
    /// By deadline.
    Deadline,
}

/// A value that can stand in rings.
pub(super) trait Linked: Default {
    fn links(&self, lane: Lane) -> Links;
    fn links_mut(&mut self, lane: Lane) -> &mut Links;
}

fn links<T: Linked>(slab: &Slab<T>, place: u32, lane: Lane) -> Links {
    slab.at(place)
        .map_or_else(Links::default, |value| value.links(lane))
}

fn join<T: Linked>(slab: &mut Slab<T>, lane: Lane, before: u32, after: u32) {
    if let Some(value) = slab.at_mut(before) {
        value.links_mut(lane).next = after;
    }
    if let Some(value) = slab.at_mut(after) {
        value.links_mut(lane).previous = before;
    }
}

/// Puts `place` at the end of the ring that begins at `head`.
#[inline]
pub(super) fn push<T: Linked>(slab: &mut Slab<T>, lane: Lane, head: &mut u32, place: u32) {
    if *head == NONE {
        *head = place;
        join(slab, lane, place, place);
    } else {
        let last = links(slab, *head, lane).previous;
        join(slab, lane, last, place);
        join(slab, lane, place, *head);
    }
}

/// Takes `place` out of the ring that begins at `head`.
#[inline]
pub(super) fn unlink<T: Linked>(slab: &mut Slab<T>, lane: Lane, head: &mut u32, place: u32) {
    let Links { next, previous } = links(slab, place, lane);
    if next == place {
        *head = NONE;
        return;
    }
    join(slab, lane, previous, next);
    if *head == place {
        *head = next;
    }
}

/// Puts the whole ring `other` behind the one that begins at `head`.
pub(super) fn append<T: Linked>(slab: &mut Slab<T>, lane: Lane, head: &mut u32, other: u32) {
    if *head == NONE || other == NONE {
        *head = if *head == NONE { other } else { *head };
        return;
    }
    let last = links(slab, *head, lane).previous;
    let end = links(slab, other, lane).previous;
    join(slab, lane, last, other);
    join(slab, lane, end, *head);
}
