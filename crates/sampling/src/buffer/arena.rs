//! Blocks of bytes in segments, and chains of blocks.
//!
//! A chain holds bytes that are only appended to. Each block ends with the number of the next, so that the link is written
//! and read together with the bytes beside it. A chain that is given up goes as a whole to the end of the *loose* chain, in
//! one step and without reading a block: its numbers are all that is needed. Blocks are taken from the front of it.
//!
//! That alone would leave blocks in use scattered over all segments for ever. So when more than half as much is free as is in use,
//! the arena begins to *gather*: with each chain given up, some loose blocks go home to their segments, a segment that has all
//! its blocks back is freed, and blocks of the lowest segments are used first, until only a quarter as much is free as is in
//! use. A load that stays as it is costs nothing of this.

use super::slab::NONE;

/// The bytes of a block. A smaller one wastes less at the end of a chain, a larger one is changed less often; see the figures in
/// `docs/adr/0009-trace-buffer.md`.
pub(super) const BLOCK: usize = 512;
/// The bytes of a block that hold data.
pub(super) const ROOM: usize = BLOCK - LINK;
const LINK: usize = size_of::<u32>();
/// Gathering begins when one part in so many of what is in use is free, and ends at one in so many.
const FREE_SHARES: (usize, usize) = (2, 4);
/// The most blocks that giving up a chain sends home: some hundred microseconds.
const SETTLE_MOST: usize = 1024;

/// A list of blocks, and how much of the last one is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) fill: u32,
    pub(super) blocks: u32,
}

impl Chain {
    pub(super) const EMPTY: Chain = Chain {
        first: NONE,
        last: NONE,
        fill: ROOM as u32,
        blocks: 0,
    };

    /// How many bytes the last block has left.
    #[inline]
    pub(super) const fn left(&self) -> usize {
        ROOM - self.fill as usize
    }
}

#[derive(Debug)]
struct Segment {
    bytes: Box<[u8]>,
    /// The first of its settled blocks, and how many there are.
    settled: u32,
    settled_blocks: u32,
    /// How many of its blocks have ever been used: the others are as the system gave them, mostly not even in memory.
    used: u32,
}

/// All blocks.
#[derive(Debug)]
pub(super) struct Arena {
    segments: Vec<Option<Segment>>,
    /// A segment has `2^shift` blocks.
    shift: u32,
    allocated: usize,
    /// The one segment that may have blocks that were never used.
    growing: usize,
    fresh: usize,
    loose: Chain,
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
            segments: Vec::with_capacity(most),
            shift,
            allocated: 0,
            growing: 0,
            fresh: 0,
            loose: Chain::EMPTY,
            settled: 0,
            lowest: 0,
            in_use: 0,
            gathers: false,
        }
    }

    /// What the list of segments takes.
    pub(super) const fn fixed_bytes(most: usize) -> usize {
        most * size_of::<Option<Segment>>()
    }

    pub(super) const fn segment_bytes(&self) -> usize {
        BLOCK << self.shift
    }

    /// What the segments take.
    pub(super) const fn bytes(&self) -> usize {
        self.allocated * self.segment_bytes()
    }

    /// How many blocks are in no chain.
    pub(super) const fn free(&self) -> usize {
        self.fresh + self.loose.blocks as usize + self.settled
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

    /// The bytes of a block.
    #[inline]
    pub(super) fn block(&self, number: u32) -> Option<&[u8; BLOCK]> {
        let segment = self.segments.get((number >> self.shift) as usize)?.as_ref()?;
        let within = (number & ((1 << self.shift) - 1)) as usize;
        segment.bytes.as_chunks::<BLOCK>().0.get(within)
    }

    #[inline]
    fn block_mut(&mut self, number: u32) -> Option<&mut [u8; BLOCK]> {
        let segment = self.segments.get_mut((number >> self.shift) as usize)?.as_mut()?;
        let within = (number & ((1 << self.shift) - 1)) as usize;
        segment.bytes.as_chunks_mut::<BLOCK>().0.get_mut(within)
    }

    /// The block after this one.
    #[inline]
    pub(super) fn next(&self, number: u32) -> u32 {
        self.block(number)
            .and_then(|block| block.last_chunk())
            .map_or(NONE, |link| u32::from_le_bytes(*link))
    }

    #[inline]
    fn link(&mut self, number: u32, next: u32) {
        if let Some(link) = self.block_mut(number).and_then(|block| block.last_chunk_mut()) {
            *link = next.to_le_bytes();
        }
    }

    /// A free block, of a new segment if there is none.
    #[inline]
    fn take(&mut self) -> u32 {
        self.in_use += 1;
        let settled_first = self.gathers || self.loose.blocks == 0;
        if self.settled > 0 && settled_first {
            self.take_settled()
        } else if self.loose.blocks > 0 {
            self.take_loose()
        } else {
            self.take_fresh()
        }
    }

    fn take_loose(&mut self) -> u32 {
        let number = self.loose.first;
        self.loose.blocks -= 1;
        self.loose.first = if self.loose.blocks == 0 {
            NONE
        } else {
            self.next(number)
        };
        number
    }

    fn take_settled(&mut self) -> u32 {
        let from = self.segments.iter().enumerate().skip(self.lowest);
        let has_some =
            |segment: &Option<Segment>| segment.as_ref().is_some_and(|segment| segment.settled_blocks > 0);
        let index = from.into_iter().find(|(_, segment)| has_some(segment));
        self.lowest = index.map_or(0, |(index, _)| index);
        let number = self.segment(self.lowest).map_or(NONE, |segment| segment.settled);
        let next = self.next(number);
        if let Some(segment) = self.segment(self.lowest) {
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
        let (index, shift) = (self.growing, self.shift);
        self.segment(index).map_or(NONE, |segment| {
            segment.used += 1;
            ((index << shift) as u32) | (segment.used - 1)
        })
    }

    fn segment(&mut self, index: usize) -> Option<&mut Segment> {
        self.segments.get_mut(index)?.as_mut()
    }

    fn grow(&mut self) {
        let segment = Some(Segment {
            bytes: vec![0; self.segment_bytes()].into_boxed_slice(),
            settled: NONE,
            settled_blocks: 0,
            used: 0,
        });
        let vacant = self.segments.iter().position(Option::is_none);
        match vacant.and_then(|index| self.segments.get_mut(index)) {
            Some(place) => *place = segment,
            None => self.segments.push(segment),
        }
        self.growing = vacant.unwrap_or(self.segments.len() - 1);
        self.fresh = 1 << self.shift;
        self.allocated += 1;
    }

    /// Adds a block to the end of a chain.
    #[inline]
    pub(super) fn extend(&mut self, chain: &mut Chain) {
        let number = self.take();
        if chain.blocks == 0 {
            chain.first = number;
        } else {
            self.link(chain.last, number);
        }
        chain.last = number;
        chain.fill = 0;
        chain.blocks += 1;
    }

    /// Appends bytes to a chain.
    #[inline]
    pub(super) fn write(&mut self, chain: &mut Chain, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if chain.left() == 0 {
                self.extend(chain);
            }
            let (now, later) = bytes.split_at(bytes.len().min(chain.left()));
            let from = chain.fill as usize;
            let Some(place) = self
                .block_mut(chain.last)
                .and_then(|block| block.get_mut(from..from + now.len()))
            else {
                return;
            };
            place.copy_from_slice(now);
            chain.fill += now.len() as u32;
            bytes = later;
        }
    }

    /// Gives a chain up.
    pub(super) fn free_chain(&mut self, chain: Chain) {
        if chain.blocks == 0 {
            return;
        }
        self.in_use -= chain.blocks as usize;
        if self.loose.blocks == 0 {
            self.loose.first = chain.first;
        } else {
            self.link(self.loose.last, chain.first);
        }
        self.loose.last = chain.last;
        self.loose.blocks += chain.blocks;
        self.gather((2 * chain.blocks as usize).min(SETTLE_MOST));
    }

    /// Sends up to `most` loose blocks home, if so many are free that it is worth while.
    pub(super) fn gather(&mut self, most: usize) {
        let (begin, end) = FREE_SHARES;
        let share = if self.gathers { end } else { begin };
        self.gathers = self.free() > self.in_use / share + (1 << self.shift);
        if self.gathers {
            self.settle(most);
        }
    }

    /// Sends up to `most` loose blocks home, and frees the segments that are complete by it.
    fn settle(&mut self, most: usize) {
        for _ in 0..most.min(self.loose.blocks as usize) {
            let number = self.take_loose();
            let index = (number >> self.shift) as usize;
            let Some(segment) = self.segment(index) else {
                return;
            };
            let first = std::mem::replace(&mut segment.settled, number);
            segment.settled_blocks += 1;
            let complete = segment.settled_blocks == segment.used;
            self.settled += 1;
            self.link(number, first);
            self.lowest = self.lowest.min(index);
            if complete && self.allocated > 1 {
                self.release(index);
            }
        }
    }

    fn release(&mut self, index: usize) {
        let Some(segment) = self.segments.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.settled -= segment.settled_blocks as usize;
        self.allocated -= 1;
        if index == self.growing {
            self.fresh = 0;
        }
    }
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
                    assert!(self.block(block).is_some());
                    block = self.next(block);
                }
            };
            walk(self.loose.first, self.loose.blocks);
            let segments = || self.segments.iter().flatten();
            for segment in segments() {
                walk(segment.settled, segment.settled_blocks);
            }
            let settled: u32 = segments().map(|segment| segment.settled_blocks).sum();
            assert_eq!(self.settled, settled as usize);
            assert_eq!(self.allocated, segments().count());
            assert_eq!(self.free() + in_use, self.allocated << self.shift);
        }
    }
}
