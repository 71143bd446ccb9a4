//! Few things by identity, each with a name of some bytes: groups, metrics, streams.

use super::pool::Pool;
use super::slab::Slab;
use crate::Identity;
use hashbrown::HashTable;

/// What memory is taken for at a time.
const SEGMENT: usize = 16;
/// What one takes in the index, about.
const INDEX_BYTES: usize = 16;

/// What has an identity, and takes some bytes besides its cell.
pub(super) trait Known {
    fn identity(&self) -> Identity;
    fn memory(&self) -> usize;
}

/// Things by identity.
#[derive(Debug)]
pub(super) struct Directory<T> {
    index: HashTable<u32>,
    cells: Slab<T, SEGMENT>,
}

impl<T: Known> Directory<T> {
    pub(super) fn new() -> Self {
        Directory {
            index: HashTable::new(),
            cells: Slab::new(),
        }
    }

    pub(super) fn find(&self, identity: Identity) -> Option<u32> {
        let is = |at: &u32| self.get(*at).is_some_and(|known| known.identity() == identity);
        self.index.find(identity.low(), is).copied()
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.cells.get(at)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.cells.get_mut(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.cells.iter()
    }

    pub(super) fn cells(&self) -> u32 {
        self.cells.cells()
    }

    /// Takes in one that is not there yet; it is given back where there is no memory for it.
    pub(super) fn insert(&mut self, known: T, pool: &Pool) -> Result<u32, T> {
        let (identity, memory) = (known.identity(), known.memory() + INDEX_BYTES);
        if !pool.take(memory) {
            return Err(known);
        }
        let at = self
            .cells
            .insert(known, pool)
            .inspect_err(|_| pool.give(memory))?;
        let cells = &self.cells;
        let hash = |at: &u32| cells.get(*at).map_or(0, |known| known.identity().low());
        self.index.insert_unique(identity.low(), at, hash);
        Ok(at)
    }

    /// Takes one out. Its memory besides the cell is given back.
    pub(super) fn remove(&mut self, at: u32, pool: &Pool) -> Option<T> {
        let known = self.cells.remove(at)?;
        let found = self
            .index
            .find_entry(known.identity().low(), |other| *other == at);
        if let Ok(entry) = found {
            entry.remove();
        }
        pool.give(known.memory() + INDEX_BYTES);
        Some(known)
    }
}
