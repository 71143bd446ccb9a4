//! The memory of one connection: how large its receive window is, and the lease on what it may hold.

use forebay_core::{Lease, Ledger, OverBudget};

/// The smallest receive window of HTTP/2 (RFC 9113, section 6.9.2: the connection's starts there and cannot shrink).
const SMALLEST: u32 = 65_535;
/// The largest window: what a fast link within a data centre can have under way.
const LARGEST: u32 = 4 << 20;
/// The part of what is free for connections that the next one may have. With a forty-eighth each, and half as much
/// again for frames, what is free halves with every 22 connections, so that many still find room in a small budget.
const SHARE: u64 = 48;
/// The smallest limit on the size of a frame (RFC 9113, section 6.5.2).
const SMALLEST_FRAME: u32 = 16 << 10;
/// The largest frame: senders that honour it cost a third less than with frames of 16 KiB.
const LARGEST_FRAME: u32 = 1 << 20;
/// From this window on a frame may be as large as the window, so that most messages come whole, in one frame, and need not
/// be copied together.
const ROOMY: u32 = 512 << 10;
/// In a smaller window, the part that one frame may take, one part in so many: a frame is read into a buffer of its own size
/// before its bytes go on, so a connection holds up to a frame, and the buffer that grows for it, besides its window.
const FRAME_SHARE: u32 = 4;
/// What a connection holds besides its window: write buffer, header tables and its own state.
const OVERHEAD: u64 = 16 << 10;

/// The receive window of one connection, and the lease on all that it may hold.
#[derive(Debug)]
pub(super) struct Window {
    size: u32,
    _lease: Lease,
}

impl Window {
    /// A window as large as what is free for connections allows.
    ///
    /// # Errors
    ///
    /// If not even the smallest one has room.
    pub(super) fn open(ledger: &Ledger) -> Result<Window, OverBudget> {
        let size = size(ledger.free_for_connections());
        let lease = ledger.lease_connection(held(size))?;
        Ok(Window { size, _lease: lease })
    }

    /// How many bytes the client may send ahead.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// The largest frame on this connection.
    pub(super) fn frame(&self) -> u32 {
        frame(self.size)
    }
}

/// The size of the next window, when `free` bytes are free for connections.
pub(super) fn size(free: u64) -> u32 {
    u32::try_from(free / SHARE)
        .unwrap_or(LARGEST)
        .clamp(SMALLEST, LARGEST)
}

/// The largest frame in a window of this size.
fn frame(window: u32) -> u32 {
    let share = if window >= ROOMY {
        window
    } else {
        window / FRAME_SHARE
    };
    share.clamp(SMALLEST_FRAME, LARGEST_FRAME)
}

/// What a connection with a window of this size may hold.
pub(super) fn held(window: u32) -> u64 {
    u64::from(window) + 2 * u64::from(frame(window)) + OVERHEAD
}
