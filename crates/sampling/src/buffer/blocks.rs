//! Blocks of bytes in segments, each with the number of another one at its end.

use super::slab::NONE;

/// The bytes of a block. A smaller one wastes less at the end of a chain, a larger one is changed less often; see the figures in
/// `docs/adr/0009-trace-buffer.md`.
pub(super) const BLOCK: usize = 512;
/// The bytes of a block that hold data.
pub(super) const ROOM: usize = BLOCK - LINK;
const LINK: usize = size_of::<u32>();

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

/// A row of blocks.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) bytes: Box<[u8]>,
    /// The first of its settled blocks, and how many there are.
    pub(super) settled: u32,
    pub(super) settled_blocks: u32,
    /// How many of its blocks have ever been used: the others are as the system gave them, mostly not even in memory.
    pub(super) used: u32,
}

/// The segments that are allocated.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) segments: Vec<Option<Segment>>,
    /// A segment has `2^shift` blocks.
    pub(super) shift: u32,
}

impl Blocks {
    /// The bytes of a block.
    #[inline]
    pub(super) fn block(&self, number: u32) -> Option<&[u8; BLOCK]> {
        let segment = self.segments.get((number >> self.shift) as usize)?.as_ref()?;
        let within = (number & ((1 << self.shift) - 1)) as usize;
        segment.bytes.as_chunks::<BLOCK>().0.get(within)
    }

    #[inline]
    pub(super) fn block_mut(&mut self, number: u32) -> Option<&mut [u8; BLOCK]> {
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
    pub(super) fn link(&mut self, number: u32, next: u32) {
        if let Some(link) = self.block_mut(number).and_then(|block| block.last_chunk_mut()) {
            *link = next.to_le_bytes();
        }
    }

    pub(super) fn segment(&mut self, index: usize) -> Option<&mut Segment> {
        self.segments.get_mut(index)?.as_mut()
    }
}
