//! Values in numbered cells: memory in segments that never move, taken from the pool before it is allocated.

use super::pool::Pool;

#[derive(Debug)]
enum Cell<T> {
    /// The number of the next free cell, or [`NONE`].
    Free(u32),
    Used(T),
}

/// The number of no cell.
pub(super) const NONE: u32 = u32::MAX;

/// Cells in segments of `N`. What it has taken it keeps, for what comes next.
#[derive(Debug)]
pub(super) struct Slab<T, const N: usize> {
    segments: Vec<Box<[Cell<T>]>>,
    free: u32,
    len: usize,
}

impl<T, const N: usize> Slab<T, N> {
    pub(super) const fn new() -> Self {
        Slab {
            segments: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// One more than the highest number that a value may have.
    pub(super) fn cells(&self) -> u32 {
        u32::try_from(self.segments.len() * N).unwrap_or(NONE)
    }

    /// Puts a value into a free cell; it is given back where there is no memory for one.
    pub(super) fn insert(&mut self, value: T, pool: &Pool) -> Result<u32, T> {
        if self.free == NONE && !self.grow(pool) {
            return Err(value);
        }
        let at = self.free;
        let Some(cell) = self.cell_mut(at) else {
            return Err(value);
        };
        if let Cell::Free(next) = std::mem::replace(cell, Cell::Used(value)) {
            self.free = next;
        }
        self.len += 1;
        Ok(at)
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        match self.segments.get(at / N)?.get(at % N)? {
            Cell::Used(value) => Some(value),
            Cell::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        match self.cell_mut(at)? {
            Cell::Used(value) => Some(value),
            Cell::Free(_) => None,
        }
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let free = self.free;
        let cell = self.cell_mut(at)?;
        if matches!(cell, Cell::Free(_)) {
            return None;
        }
        let taken = std::mem::replace(cell, Cell::Free(free));
        self.free = at;
        self.len -= 1;
        match taken {
            Cell::Used(value) => Some(value),
            Cell::Free(_) => None,
        }
    }

    /// All values with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let cells = self.segments.iter().flatten().zip(0_u32..);
        cells.filter_map(|(cell, at)| match cell {
            Cell::Used(value) => Some((at, value)),
            Cell::Free(_) => None,
        })
    }

    fn cell_mut(&mut self, at: u32) -> Option<&mut Cell<T>> {
        let at = at as usize;
        self.segments.get_mut(at / N)?.get_mut(at % N)
    }

    #[cold]
    fn grow(&mut self, pool: &Pool) -> bool {
        let first = self.cells();
        let Some(end) = first.checked_add(N as u32).filter(|end| *end < NONE) else {
            return false;
        };
        if !pool.take(N * size_of::<Cell<T>>()) {
            return false;
        }
        let cells = (first + 1..=end).map(|next| Cell::Free(if next == end { NONE } else { next }));
        self.segments.push(cells.collect());
        self.free = first;
        true
    }
}
