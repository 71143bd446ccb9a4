//! What pods have in common: namespaces, nodes and those who own them, each in a cell that pods point to.
//!
//! A cell is made when it is first spoken of, by a pod or by the object itself, whichever comes first; so objects may come in any order,
//! and one that changes is changed in one place.

use super::ids::Uid;
use crate::wanted::Kind;
use arc_swap::ArcSwapOption;
use forebay_otlp::edit::AttributeSet;
use hashbrown::HashMap;
use std::sync::Arc;

/// How a cell is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum CellKey {
    /// By name: namespaces and nodes.
    Name(Kind, Arc<str>),
    /// By uid: those who own pods.
    Uid(Kind, Uid),
}

/// What is kept of one object.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// Nothing: the object has not been seen, or nothing is kept of it.
    pub(super) set: ArcSwapOption<AttributeSet>,
    /// Who owns it.
    pub(super) parent: ArcSwapOption<Cell>,
}

/// A cell, and whether its object exists.
#[derive(Debug, Default)]
struct Slot {
    cell: Arc<Cell>,
    exists: bool,
    /// The list that it was last seen in, or since which it was seen.
    seen: u64,
}

/// What a cell takes beside its set: itself, its slot, and what a hash table needs around it.
const BYTES: usize = size_of::<Cell>() + 16 + (size_of::<(CellKey, Slot)>() + 1) * 3 / 2;

/// All cells.
#[derive(Debug, Default)]
pub(super) struct Cells {
    slots: HashMap<CellKey, Slot, std::hash::RandomState>,
    /// Since the last purge cells may have lost who pointed to them.
    stale: usize,
}

impl Cells {
    /// The cell of `key`, made if there is none. Whether it was made.
    pub(super) fn of(&mut self, key: CellKey) -> (Arc<Cell>, bool) {
        let before = self.slots.len();
        let cell = Arc::clone(&self.slots.entry(key).or_default().cell);
        (cell, self.slots.len() > before)
    }

    /// Notes that the object exists, as seen in or since the list `seen`.
    pub(super) fn exists(&mut self, key: &CellKey, seen: u64) {
        if let Some(slot) = self.slots.get_mut(key) {
            (slot.exists, slot.seen) = (true, seen);
        }
    }

    /// Notes that the object is gone. What is known of it stays for as long as pods point to it.
    pub(super) fn gone(&mut self, key: &CellKey) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.exists = false;
            self.stale += 1;
        }
    }

    /// Notes that all objects of `kind` are gone that were not seen in or since the list `seen`.
    pub(super) fn gone_unless_seen(&mut self, kind: Kind, seen: u64) {
        for (key, slot) in &mut self.slots {
            let (CellKey::Name(of, _) | CellKey::Uid(of, _)) = key;
            if *of == kind && slot.exists && slot.seen != seen {
                slot.exists = false;
                self.stale += 1;
            }
        }
    }

    /// Says that somebody has let a cell go.
    pub(super) fn let_go(&mut self) {
        self.stale += 1;
    }

    /// Forgets the cells of objects that are gone and that nobody points to, once there may be enough of them. The number of those
    /// that were forgotten.
    pub(super) fn purge(&mut self) -> usize {
        if self.stale * 8 < self.slots.len() {
            return 0;
        }
        self.stale = 0;
        let before = self.slots.len();
        // Twice, for those that only one that is forgotten pointed to.
        for _ in 0..2 {
            self.slots
                .retain(|_, slot| slot.exists || Arc::strong_count(&slot.cell) > 1);
        }
        before - self.slots.len()
    }

    /// How many objects of `kind` exist.
    pub(super) fn count(&self, kind: Kind) -> usize {
        let is = |(key, slot): &(&CellKey, &Slot)| {
            let (CellKey::Name(of, _) | CellKey::Uid(of, _)) = key;
            *of == kind && slot.exists
        };
        self.slots.iter().filter(is).count()
    }

    /// The bytes that all of them take, without their sets.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * BYTES
    }
}
