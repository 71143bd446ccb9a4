//! What walks work with.

use super::keys::KeyMemory;
use super::summary::Changes;
use super::tally::Tally;
use forebay_redaction::Scratch;

/// What a walk works with, to be used again for the next batch. It allocates where something is found.
#[derive(Debug, Default)]
pub(super) struct Workbench {
    pub(super) scratch: Scratch,
    pub(super) keys: KeyMemory,
    pub(super) tally: Tally,
    /// Values that are put in the place of others, as they are written.
    pub(super) out: Vec<u8>,
    /// A text that was sanitised.
    pub(super) clean: Vec<u8>,
    /// Numbers in digits.
    pub(super) digits: Vec<u8>,
    pub(super) changes: Changes,
}

/// A buffer that became larger is not kept for the next batch.
const KEPT_BYTES: usize = 64 << 10;

impl Workbench {
    /// Gives back what a large value has made large.
    pub(super) fn tidy(&mut self) {
        for buffer in [&mut self.out, &mut self.clean, &mut self.digits] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES);
        }
    }
}
