//! Which blocks are in use, which are free, and chains of them.
//!
//! A chain holds bytes that are only appended to. Each block ends with the number of the next, so that the link is written
//! and read together with the bytes beside it. A chain that is given up goes as a whole to the *loose* ones, in one step and
//! without reading a block: its numbers are all that is needed. Blocks are taken in the order in which they were given up.
//!
//! That alone would leave blocks in use scattered over all segments for ever. So when more than half as much is free as is in use,
//! the arena begins to *gather*: with each chain given up, some loose blocks go home to their segments, a segment that has all
//! its blocks back is freed, and blocks of the lowest segments are used first, until only a quarter as much is free as is in
//! use. A load that stays as it is costs nothing of this.

use super::{
    blocks::{BLOCK, Blocks, Chain, ROOM, Segment},
    loose::Loose,
    slab::NONE,
};

/// Gathering begins when one part in so many of what is in use is free, and ends at one in so many.
const FREE_SHARES: (usize, usize) = (2, 4);
/// The most blocks that giving up a chain sends home: some hundred microseconds.
const SETTLE_MOST: usize = 1024;

/// All blocks.
#[derive(Debug)]
pub(super) struct Arena {
    blocks: Blocks,
    allocated: usize,
    /// The one segment that may have blocks that were never used.
    growing: usize,
    fresh: usize,
    loose: Loose,
    settled: usize,
    /// No segment below has settled blocks.
    lowest: usize,
    in_use: usize,
    gathers: bool,
}

impl Arena {
    /// An arena of at most `most` segments of `2^shift` blocks.
    pub(super) fn new(most: usize, shift: u32) -> Self {
        Arena {
            blocks: Blocks {
                segments: Vec::with_capacity(most),
                shift,
            },
            allocated: 0,
            growing: 0,
            fresh: 0,
            loose: Loose::new(),
            settled: 0,
            lowest: 0,
            in_use: 0,
            gathers: false,
        }
    }

    /// What the list of segments takes.
    pub(super) const fn fixed_bytes(most: usize) -> usize {
        most * size_of::<Option<Segment>>() + Loose::bytes()
    }

    pub(super) const fn segment_bytes(&self) -> usize {
        BLOCK << self.blocks.shift
    }

    /// What the segments take.
    pub(super) const fn bytes(&self) -> usize {
        self.allocated * self.segment_bytes()
    }

    /// The blocks themselves.
    #[inline]
    pub(super) const fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// How many blocks are in no chain.
    pub(super) const fn free(&self) -> usize {
        self.fresh + self.loose.len() + self.settled
    }

    /// How many blocks are in chains.
    pub(super) const fn in_use(&self) -> usize {
        self.in_use
    }

    /// By how many bytes the arena grows when `blocks` more are taken.
    #[inline]
    pub(super) const fn growth(&self, blocks: usize) -> usize {
        let more = blocks.saturating_sub(self.free());
        Arena::segments_for(more, self.segment_bytes())
    }

    /// The bytes of as many segments of `segment` bytes as `blocks` blocks need.
    #[inline]
    pub(super) const fn segments_for(blocks: usize, segment: usize) -> usize {
        blocks
            .saturating_mul(BLOCK)
            .div_ceil(segment)
            .saturating_mul(segment)
    }

    /// A free block, of a new segment if there is none.
    #[inline]
    fn take(&mut self) -> u32 {
        self.in_use += 1;
        let settled_first = self.gathers || self.loose.len() == 0;
        if self.settled > 0 && settled_first {
            self.take_settled()
        } else if self.loose.len() > 0 {
            self.loose.take(&self.blocks).unwrap_or(NONE)
        } else {
            self.take_fresh()
        }
    }

    fn take_settled(&mut self) -> u32 {
        let from = self.blocks.segments.iter().enumerate().skip(self.lowest);
        let has_some =
            |segment: &Option<Segment>| segment.as_ref().is_some_and(|segment| segment.settled_blocks > 0);
        let index = from.into_iter().find(|(_, segment)| has_some(segment));
        self.lowest = index.map_or(0, |(index, _)| index);
        let number = self
            .blocks
            .segment(self.lowest)
            .map_or(NONE, |segment| segment.settled);
        let next = self.blocks.next(number);
        if let Some(segment) = self.blocks.segment(self.lowest) {
            segment.settled = next;
            segment.settled_blocks -= 1;
            self.settled -= 1;
        }
        number
    }

    fn take_fresh(&mut self) -> u32 {
        if self.fresh == 0 {
            self.grow();
        }
        self.fresh -= 1;
        let (index, shift) = (self.growing, self.blocks.shift);
        self.blocks.segment(index).map_or(NONE, |segment| {
            segment.used += 1;
            ((index << shift) as u32) | (segment.used - 1)
        })
    }

    fn grow(&mut self) {
        let segment = Some(Segment {
            bytes: vec![0; self.segment_bytes()].into_boxed_slice(),
            settled: NONE,
            settled_blocks: 0,
            used: 0,
        });
        let vacant = self.blocks.segments.iter().position(Option::is_none);
        match vacant.and_then(|index| self.blocks.segments.get_mut(index)) {
            Some(place) => *place = segment,
            None => self.blocks.segments.push(segment),
        }
        self.growing = vacant.unwrap_or(self.blocks.segments.len() - 1);
        self.fresh = 1 << self.blocks.shift;
        self.allocated += 1;
    }

    /// Adds a block to the end of a chain.
    fn extend(&mut self, chain: &mut Chain) {
        let number = self.take();
        if chain.blocks == 0 {
            chain.first = number;
        } else {
            self.blocks.link(chain.last, number);
        }
        chain.last = number;
        chain.fill = 0;
        chain.blocks += 1;
    }

    /// Appends `head`, which stands in one block, and `bytes` behind it.
    #[inline]
    pub(super) fn write<const N: usize>(&mut self, chain: &mut Chain, head: [u8; N], bytes: &[u8]) {
        if chain.left() < N {
            self.extend(chain);
        }
        let mut rest = bytes;
        if let Some((place, left)) = self.end(chain).and_then(<[u8]>::split_first_chunk_mut) {
            *place = head;
            rest = fill(left, rest);
            chain.fill += (N + bytes.len() - rest.len()) as u32;
        }
        while !rest.is_empty() {
            self.extend(chain);
            let Some(left) = self.end(chain) else { return };
            let later = fill(left, rest);
            chain.fill = (rest.len() - later.len()) as u32;
            rest = later;
        }
    }

    /// What is not written of the last block of a chain.
    #[inline]
    fn end(&mut self, chain: &Chain) -> Option<&mut [u8]> {
        let (room, _) = self
            .blocks
            .block_mut(chain.last)?
            .split_first_chunk_mut::<ROOM>()?;
        room.get_mut(chain.fill as usize..)
    }

    /// Gives a chain up.
    pub(super) fn free_chain(&mut self, chain: Chain) {
        if chain.blocks == 0 {
            return;
        }
        self.in_use -= chain.blocks as usize;
        self.loose.add(&mut self.blocks, chain);
        self.gather((2 * chain.blocks as usize).min(SETTLE_MOST));
    }

    /// Sends up to `most` loose blocks home, if so many are free that it is worth while.
    pub(super) fn gather(&mut self, most: usize) {
        let (begin, end) = FREE_SHARES;
        let share = if self.gathers { end } else { begin };
        self.gathers = self.free() > self.in_use / share + (1 << self.blocks.shift);
        if self.gathers {
            self.settle(most);
        }
    }

    /// Sends up to `most` loose blocks home, and frees the segments that are complete by it.
    fn settle(&mut self, most: usize) {
        for _ in 0..most.min(self.loose.len()) {
            let Some(number) = self.loose.take(&self.blocks) else {
                return;
            };
            let index = (number >> self.blocks.shift) as usize;
            let Some(segment) = self.blocks.segment(index) else {
                return;
            };
            let first = std::mem::replace(&mut segment.settled, number);
            segment.settled_blocks += 1;
            let complete = segment.settled_blocks == segment.used;
            self.settled += 1;
            self.blocks.link(number, first);
            self.lowest = self.lowest.min(index);
            if complete && self.allocated > 1 {
                self.release(index);
            }
        }
    }

    fn release(&mut self, index: usize) {
        let Some(segment) = self.blocks.segments.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.settled -= segment.settled_blocks as usize;
        self.allocated -= 1;
        if index == self.growing {
            self.fresh = 0;
        }
    }
}

/// Writes as many of `bytes` as there is room for, and gives the others.
#[inline]
fn fill<'a>(room: &mut [u8], bytes: &'a [u8]) -> &'a [u8] {
    let (now, later) = bytes.split_at(bytes.len().min(room.len()));
    if let Some(room) = room.get_mut(..now.len()) {
        room.copy_from_slice(now);
    }
    later
}

#[cfg(test)]
mod tests {
    use super::Arena;

    impl Arena {
        /// Counts the free blocks again by walking over them.
        pub(in crate::buffer) fn recount(&self, in_use: usize) {
            assert_eq!(self.in_use, in_use);
            let mut seen = std::collections::HashSet::new();
            let mut walk = |first: u32, count: u32| {
                let mut block = first;
                for _ in 0..count {
                    assert!(seen.insert(block));
                    assert!(self.blocks.block(block).is_some());
                    block = self.blocks.next(block);
                }
            };
            self.loose.each_list(&mut walk);
            let segments = || self.blocks.segments.iter().flatten();
            for segment in segments() {
                walk(segment.settled, segment.settled_blocks);
            }
            let settled: u32 = segments().map(|segment| segment.settled_blocks).sum();
            assert_eq!(self.settled, settled as usize);
            assert_eq!(self.allocated, segments().count());
            assert_eq!(self.free() + in_use, self.allocated << self.blocks.shift);
        }
    }
}
