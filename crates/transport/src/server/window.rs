//! The memory of one connection: how large its receive window is, and the lease on what it may hold.

use forebay_core::{Lease, Ledger, OverBudget};

/// The smallest receive window of HTTP/2 (RFC 9113, section 6.9.2: the connection's starts there and cannot shrink).
const SMALLEST: u32 = 65_535;
/// The largest window: what a fast link within a data centre can have under way.
const LARGEST: u32 = 4 << 20;
/// The part of what connections may take that is for the smallest windows only, one part in so many: however many have
/// come before, many more find room.
const KEPT_FOR_SMALLEST: u64 = 2;
/// The part of the rest that is free which the next connection may have, one part in so many. With half as much again for
/// frames, the rest halves with every eleven connections.
const SHARE: u64 = 24;
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
/// The most that HTTP/1 reads ahead; hyper asks for at least 8 KiB. Its buffer is cut up and made anew as bodies go through:
/// with four times as much, fifty senders of 1 MB bodies took 17 MB more than their leases.
const READ_AHEAD: u32 = 64 << 10;

/// The receive window of one connection, and the lease on all that it may hold.
#[derive(Debug)]
pub(super) struct Window {
    size: u32,
    lease: Lease,
}

impl Window {
    /// A window as large as what is free for connections allows.
    ///
    /// # Errors
    ///
    /// If not even the smallest one has room.
    pub(super) fn open(ledger: &Ledger) -> Result<Window, OverBudget> {
        let size = size(ledger.free_for_connections(), ledger.most_for_connections());
        let lease = ledger.lease_connection(held(size))?;
        Ok(Window { size, lease })
    }

    /// How many bytes the client may send ahead.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// How many bytes are read ahead if the client speaks HTTP/1. It has no window; what was leased for one is given back.
    pub(super) fn read_ahead(&self) -> u32 {
        let bytes = self.size.min(READ_AHEAD);
        self.lease.shrink_to(2 * u64::from(bytes) + OVERHEAD);
        bytes
    }

    /// The largest frame on this connection.
    pub(super) fn frame(&self) -> u32 {
        frame(self.size)
    }
}

/// The size of the next window, when of `most` bytes for connections `free` are free.
pub(super) fn size(free: u64, most: u64) -> u32 {
    u32::try_from(free.saturating_sub(most / KEPT_FOR_SMALLEST) / SHARE)
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
fn held(window: u32) -> u64 {
    u64::from(window) + 2 * u64::from(frame(window)) + OVERHEAD
}
