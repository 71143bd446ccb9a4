//! A set of numbers in bounded memory, for numbers that are mostly dense: items received, requests acknowledged.
//!
//! Numbers are kept in blocks of 65,536 bits (8 KiB). A block that is full is kept as a mark only, so a loss-free run
//! of any length costs what is in flight. Numbers of new blocks beyond the bound are counted as untracked, not kept.

use std::collections::BTreeMap;

const BLOCK_BITS: u64 = 1 << 16;
const WORDS: usize = 1024;

/// How many partly filled blocks a set holds at most: 8,192 blocks of 8 KiB are 64 MiB, or 536 million numbers.
pub const BLOCKS_MAX: usize = 8192;

enum Block {
    Partial { words: Box<[u64; WORDS]>, set: u32 },
    Full,
}

/// What became of a number that was inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there before.
    New,
    /// It was there before.
    Duplicate,
    /// There is no room for its block.
    Untracked,
}

/// A set of numbers.
#[derive(Default)]
pub struct ItemSet {
    blocks: BTreeMap<u64, Block>,
    partial: usize,
    distinct: u64,
    highest: Option<u64>,
}

impl ItemSet {
    /// Adds a number.
    pub fn insert(&mut self, number: u64) -> Inserted {
        let key = number / BLOCK_BITS;
        if !self.blocks.contains_key(&key) && !self.open(key) {
            return Inserted::Untracked;
        }
        let Some(block) = self.blocks.get_mut(&key) else {
            return Inserted::Untracked;
        };
        let Block::Partial { words, set } = block else {
            return Inserted::Duplicate;
        };
        let bit = number % BLOCK_BITS;
        let Some(word) = words.get_mut((bit / 64) as usize) else {
            return Inserted::Untracked;
        };
        if *word & (1 << (bit % 64)) != 0 {
            return Inserted::Duplicate;
        }
        *word |= 1 << (bit % 64);
        *set += 1;
        if u64::from(*set) == BLOCK_BITS {
            *block = Block::Full;
            self.partial -= 1;
        }
        self.distinct += 1;
        self.highest = self.highest.max(Some(number));
        Inserted::New
    }

    fn open(&mut self, key: u64) -> bool {
        if self.partial >= BLOCKS_MAX {
            return false;
        }
        self.partial += 1;
        self.blocks.insert(
            key,
            Block::Partial {
                words: Box::new([0; WORDS]),
                set: 0,
            },
        );
        true
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: u64) -> bool {
        match self.blocks.get(&(number / BLOCK_BITS)) {
            None => false,
            Some(Block::Full) => true,
            Some(Block::Partial { words, .. }) => {
                let bit = number % BLOCK_BITS;
                words
                    .get((bit / 64) as usize)
                    .is_some_and(|word| word & (1 << (bit % 64)) != 0)
            }
        }
    }

    /// How many different numbers it holds.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// How many numbers from 0 to the highest are not in the set.
    pub fn gaps(&self) -> u64 {
        self.highest
            .map_or(0, |highest| (highest + 1).saturating_sub(self.distinct))
    }

    /// The numbers in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.blocks.keys().flat_map(|key| {
            let first = key * BLOCK_BITS;
            (first..first + BLOCK_BITS).filter(|number| self.contains(*number))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_new_from_duplicate_and_counts_gaps() {
        let mut set = ItemSet::default();
        assert_eq!(set.gaps(), 0);
        assert_eq!(set.insert(3), Inserted::New);
        assert_eq!(set.insert(3), Inserted::Duplicate);
        assert_eq!(set.insert(70_000), Inserted::New);
        assert_eq!((set.distinct(), set.gaps()), (2, 69_999));
        assert!(set.contains(3) && set.contains(70_000) && !set.contains(4));
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 70_000]);
    }

    #[test]
    fn a_full_block_costs_no_bits_and_still_knows_duplicates() {
        let mut set = ItemSet::default();
        for number in 0..BLOCK_BITS {
            assert_eq!(set.insert(number), Inserted::New);
        }
        assert_eq!(set.partial, 0);
        assert_eq!(set.insert(17), Inserted::Duplicate);
        assert_eq!(set.gaps(), 0);
    }

    #[test]
    fn numbers_beyond_the_bound_are_untracked() {
        let mut set = ItemSet::default();
        for block in 0..BLOCKS_MAX as u64 {
            assert_eq!(set.insert(block * BLOCK_BITS), Inserted::New);
        }
        assert_eq!(set.insert(BLOCKS_MAX as u64 * BLOCK_BITS), Inserted::Untracked);
    }
}
