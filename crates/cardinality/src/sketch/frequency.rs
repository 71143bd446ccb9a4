//! Who comes often: a count-min sketch that forgets.

use super::{Purpose, bits};
use crate::Identity;
use std::hint::select_unpredictable;

const ROWS: usize = 4;
const COLUMNS: usize = 15;
/// Insertions for each block until all counters are halved.
const WINDOW: u64 = 16;

/// How often each identity came lately, in a memory that does not depend on how many there are.
///
/// Each identity has four counters, all in one block of 64 bytes: an operation reads one cache line. A count is the least
/// of the four, and only counters at the least are raised ("conservative update"): it is too high where others share all four, and never
/// too low. Counts end at 255. After a *window* of insertions, one for every four bytes, all counts are halved; a block does that
/// when it is next touched, so that no insertion waits for all.
///
/// The window is short for the memory so that a flood of identities that come once does not fill the counters: however long it lasts,
/// about one in twelve is counted 2 when it comes, one in ten thousand 3, and more hardly ever.
///
/// Source: Einziger and others, "TinyLFU: A Highly Efficient Cache Admission Policy" (2017), sections 3.1 to 3.3; Estan and
/// Varghese, "New Directions in Traffic Measurement and Accounting" (2002), section 3.3.2, for the conservative update.
#[derive(Clone, Debug)]
pub struct Frequency {
    blocks: Vec<Block>,
    /// Insertions until the next halving.
    left: u64,
    /// Halvings so far.
    epoch: u32,
}

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Block {
    rows: [[u8; COLUMNS]; ROWS],
    /// The halvings that were done here.
    epoch: u32,
}

/// Where the counters of an identity are: its block, and its column in each row.
struct Places {
    block: usize,
    columns: [usize; ROWS],
}

impl Frequency {
    /// With all counts at zero, in at most so many bytes: a multiple of 64, at least that.
    pub fn new(bytes: usize) -> Self {
        let empty = Block {
            rows: [[0; COLUMNS]; ROWS],
            epoch: 0,
        };
        let blocks = (bytes / size_of::<Block>()).clamp(1, u32::MAX as usize);
        Frequency {
            blocks: vec![empty; blocks],
            left: WINDOW * blocks as u64,
            epoch: 0,
        }
    }

    /// Counts one more, and returns its count: at least how often it was added since the last halving, at most 255.
    #[inline]
    pub fn add(&mut self, identity: Identity) -> u32 {
        let places = self.places(identity);
        let epoch = self.epoch;
        let Some(block) = self.blocks.get_mut(places.block) else {
            return 0;
        };
        block.halve_to(epoch);
        let least = block.count(&places.columns);
        let count = least.saturating_add(1);
        for (row, column) in block.rows.iter_mut().zip(places.columns) {
            if let Some(counter) = row.get_mut(column) {
                // A branch would be mispredicted every third time, which is most of what this would cost.
                *counter = select_unpredictable(*counter == least, count, *counter);
            }
        }
        self.left -= 1;
        if self.left == 0 {
            self.left = self.window();
            self.epoch = self.epoch.wrapping_add(1);
        }
        u32::from(count)
    }

    /// The count, as [`Frequency::add`] last returned it or halved since: 0 to 255.
    #[inline]
    pub fn estimate(&self, identity: Identity) -> u32 {
        let places = self.places(identity);
        let Some(block) = self.blocks.get(places.block) else {
            return 0;
        };
        let halvings = self.epoch.wrapping_sub(block.epoch);
        u32::from(block.count(&places.columns))
            .checked_shr(halvings)
            .unwrap_or(0)
    }

    /// Insertions between two halvings. What comes more seldom than this is not counted above 1 for long.
    pub fn window(&self) -> u64 {
        WINDOW * self.blocks.len() as u64
    }

    /// How often all counts were halved.
    pub fn halvings(&self) -> u32 {
        self.epoch
    }

    /// Takes twice the memory, and halves half as often. Counts stay what they are.
    pub fn double(&mut self) {
        self.left += self.window();
        // The block of an identity is a fraction of their number: the two halves of a block become two that begin as it was.
        let twice = |block: &Block| [block.clone(), block.clone()];
        self.blocks = self.blocks.iter().flat_map(twice).collect();
    }

    /// Bytes that it takes, until it is doubled.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.blocks.capacity() * size_of::<Block>()
    }

    #[inline]
    fn places(&self, identity: Identity) -> Places {
        let bits = bits(identity, Purpose::Frequency);
        Places {
            block: scaled(bits >> 32, self.blocks.len(), 32),
            columns: [0, 8, 16, 24].map(|shift| scaled(bits >> shift & 0xff, COLUMNS, 8)),
        }
    }
}

/// A number below `1 << width`, mapped to one below `range`.
#[inline]
fn scaled(number: u64, range: usize, width: u32) -> usize {
    ((number * range as u64) >> width) as usize
}

impl Block {
    #[inline]
    fn count(&self, columns: &[usize; ROWS]) -> u8 {
        let [first, second, third, fourth] = &self.rows;
        let [one, two, three, four] = columns;
        // The columns are below their number: nothing is missing.
        let of = |row: &[u8; COLUMNS], column: &usize| row.get(*column).copied().unwrap_or(u8::MAX);
        let less = |one: u8, other: u8| select_unpredictable(one < other, one, other);
        less(
            less(of(first, one), of(second, two)),
            less(of(third, three), of(fourth, four)),
        )
    }

    #[inline]
    fn halve_to(&mut self, epoch: u32) {
        if self.epoch != epoch {
            self.halve(epoch.wrapping_sub(self.epoch));
            self.epoch = epoch;
        }
    }

    #[cold]
    fn halve(&mut self, times: u32) {
        let times = times.min(8);
        for counter in self.rows.as_flattened_mut() {
            *counter = (u16::from(*counter) >> times) as u8;
        }
    }
}
