//! Records in chains of blocks: an item and the envelope it came in.
//!
//! A record is a header of 8 bytes (the envelope's number, the item's length) and the item. A header stands in one block; an
//! item goes on in the next one where a block ends.

use super::{
    arena::Arena,
    blocks::{BLOCK, Blocks, Chain, ROOM},
};

/// The bytes in front of each item.
const HEADER: usize = size_of::<u64>();

/// How many blocks `chain` grows by with an item of `length` bytes.
#[inline]
pub(super) const fn blocks_for(chain: &Chain, length: usize) -> usize {
    let left = chain.left();
    let total = HEADER + length;
    let rest = if left < HEADER {
        total
    } else {
        total.saturating_sub(left)
    };
    rest.div_ceil(ROOM)
}

/// The most blocks that `items` items of together `bytes` bytes add to any number of chains, of which up to `items` are new.
pub(super) const fn blocks_at_most(items: usize, bytes: usize) -> usize {
    let headers = items.saturating_mul(2 * HEADER);
    bytes.saturating_add(headers).div_ceil(ROOM).saturating_add(items)
}

/// Appends an item to a chain.
#[inline]
pub(super) fn append(arena: &mut Arena, chain: &mut Chain, envelope: u32, item: &[u8]) {
    let header = (item.len() as u64) << 32 | u64::from(envelope);
    arena.write(chain, header.to_le_bytes(), item);
}

/// Where the next record of a chain begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    block: u32,
    at: usize,
}

impl Place {
    pub(super) const fn start(chain: &Chain) -> Place {
        Place {
            block: chain.first,
            at: 0,
        }
    }

    /// The envelope and the item of the record here. The place moves on to the next one; there must be one.
    pub(super) fn read<'a>(&mut self, blocks: &'a Blocks) -> Option<(u32, Pieces<'a>)> {
        if ROOM - self.at < HEADER {
            *self = Place {
                block: blocks.next(self.block),
                at: 0,
            };
        }
        let block = blocks.block(self.block)?;
        let header = u64::from_le_bytes(*block.get(self.at..)?.first_chunk()?);
        let pieces = Pieces {
            blocks,
            block: self.block,
            at: self.at + HEADER,
            left: (header >> 32) as usize,
        };
        self.step_over(blocks, pieces.left);
        Some((header as u32, pieces))
    }

    fn step_over(&mut self, blocks: &Blocks, length: usize) {
        self.at += HEADER;
        let mut left = length;
        while left > ROOM - self.at {
            left -= ROOM - self.at;
            *self = Place {
                block: blocks.next(self.block),
                at: 0,
            };
        }
        self.at += left;
    }
}

/// The bytes of an item, in the pieces that the ends of blocks make of it.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a> {
    blocks: &'a Blocks,
    block: u32,
    at: usize,
    left: usize,
}

impl<'a> Pieces<'a> {
    /// How many bytes are left in all pieces that have not been taken.
    #[inline]
    pub const fn len(&self) -> usize {
        self.left
    }

    /// Whether no bytes are left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Appends the bytes to `out`.
    pub fn copy_to(self, out: &mut Vec<u8>) {
        out.reserve(self.left);
        for piece in self {
            out.extend_from_slice(piece);
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        if self.at == ROOM {
            self.block = self.blocks.next(self.block);
            self.at = 0;
        }
        let block: &'a [u8; BLOCK] = self.blocks.block(self.block)?;
        let end = ROOM.min(self.at + self.left);
        let piece = block.get(self.at..end)?;
        self.left -= piece.len();
        self.at = end;
        Some(piece)
    }
}
