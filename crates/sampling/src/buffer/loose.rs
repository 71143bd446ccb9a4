//! Blocks that are free and stand in the chains they were given up in.
//!
//! To go from a block of a chain to the next, the end of the block has to be read: nearly always memory that is in no cache. So
//! when blocks are wanted, a number of chains is read at once, step by step side by side, and the processor waits for all of
//! them together. The blocks are used in the order in which they were given up: what stood side by side still does.

use std::collections::VecDeque;

use super::blocks::{Blocks, Chain};

/// How many chains are read at once, and how many blocks of each at most.
const LANES: usize = 16;
const RUN: usize = 16;
/// How many chains are kept apart. What comes then is put to the end of the last one.
const CHAINS: usize = 512;

/// The free blocks that went nowhere yet.
#[derive(Debug)]
pub(super) struct Loose {
    chains: VecDeque<Chain>,
    /// Blocks that were read from the fronts of chains, and how many of them were used.
    ready: Vec<u32>,
    used: usize,
    blocks: usize,
}

impl Loose {
    pub(super) fn new() -> Self {
        Loose {
            chains: VecDeque::with_capacity(CHAINS + LANES),
            ready: Vec::with_capacity(LANES * RUN),
            used: 0,
            blocks: 0,
        }
    }

    /// What the lists take.
    pub(super) const fn bytes() -> usize {
        (CHAINS + LANES) * size_of::<Chain>() + LANES * RUN * size_of::<u32>()
    }

    /// How many blocks there are.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.blocks
    }

    /// Adds a chain that is not empty.
    pub(super) fn add(&mut self, blocks: &mut Blocks, chain: Chain) {
        self.blocks += chain.blocks as usize;
        let full = self.chains.len() >= CHAINS;
        match self.chains.back_mut() {
            Some(last) if full => {
                blocks.link(last.last, chain.first);
                last.last = chain.last;
                last.blocks += chain.blocks;
            }
            _ => self.chains.push_back(chain),
        }
    }

    /// Takes a block, of which there must be one.
    #[inline]
    pub(super) fn take(&mut self, blocks: &Blocks) -> Option<u32> {
        if self.used == self.ready.len() {
            self.make_ready(blocks);
        }
        let number = self.ready.get(self.used).copied()?;
        self.used += 1;
        self.blocks -= 1;
        Some(number)
    }

    fn make_ready(&mut self, blocks: &Blocks) {
        self.ready.clear();
        self.used = 0;
        // Each lane is a chain, and where its blocks begin among those that are ready.
        let mut lanes = [(Chain::EMPTY, 0); LANES];
        let mut count = 0;
        for lane in &mut lanes {
            let Some(chain) = self.chains.pop_front() else {
                break;
            };
            *lane = (chain, count);
            count += RUN.min(chain.blocks as usize);
        }
        self.ready.resize(count, 0);
        for step in 0..RUN {
            for (chain, start) in lanes.iter_mut().filter(|(chain, _)| chain.blocks > 0) {
                if let Some(place) = self.ready.get_mut(*start + step) {
                    *place = chain.first;
                }
                chain.first = blocks.next(chain.first);
                chain.blocks -= 1;
            }
        }
        for (chain, _) in lanes.into_iter().rev().filter(|(chain, _)| chain.blocks > 0) {
            self.chains.push_front(chain);
        }
    }
}

#[cfg(test)]
impl Loose {
    /// Shows the first block and the length of each list.
    pub(super) fn each_list(&self, mut show: impl FnMut(u32, u32)) {
        let chains = self.chains.iter().map(|chain| chain.blocks as usize);
        let ready = &self.ready[self.used..];
        assert_eq!(chains.sum::<usize>() + ready.len(), self.blocks);
        for chain in &self.chains {
            show(chain.first, chain.blocks);
        }
        for ready in ready {
            show(*ready, 1);
        }
    }
}
