//! What a path does to connections.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// The conditions of a path at one moment. The default does nothing to anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What happens to new connections.
    pub door: Door,
    /// From the one who connects to the one who listens.
    pub up: Way,
    /// From the one who listens to the one who connects.
    pub down: Way,
}

impl Conditions {
    /// The same in both directions.
    pub fn both(way: Way) -> Self {
        Conditions {
            door: Door::Open,
            up: way,
            down: way,
        }
    }

    /// A path that takes no new connections in this way.
    pub fn door(door: Door) -> Self {
        Conditions {
            door,
            ..Conditions::default()
        }
    }
}

/// What happens to new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// They are joined to the target.
    #[default]
    Open,
    /// Nobody listens: they are refused.
    Refuse,
    /// They are taken and reset at once.
    Reset,
    /// They are taken and read, and there is no answer: a black hole. The target sees nothing of them.
    Swallow,
}

/// One direction of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// How long each piece takes to arrive. It bounds no throughput, but for what is on the way at once (1 MiB for each
    /// connection and direction).
    pub latency: Duration,
    /// The most that is added to the latency of a piece, at random. Pieces stay in order.
    pub jitter: Duration,
    /// The most bytes in a second, for each connection.
    pub rate: Option<NonZeroU64>,
    /// The most bytes in one write.
    pub slice: Option<NonZeroUsize>,
    /// Whether bytes move at all.
    pub flow: Flow,
    /// What ends a connection in the middle.
    pub cut: Option<Cut>,
}

/// Whether bytes move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They do.
    #[default]
    Pass,
    /// They are neither read nor written: what is on the way waits until they pass again.
    Stall,
    /// They are read, and lost. A connection that has lost bytes is of no use afterwards, and is reset when they pass again.
    Swallow,
    /// What is on the way arrives, then the end of the stream; the other direction goes on (half-close).
    Close,
}

/// The end of a connection after so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The bytes that pass in this direction, counted from the connection's first.
    pub after: u64,
    /// How it ends then.
    pub ending: Ending,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both ends are told that it is over in good order (FIN).
    Close,
    /// Both ends are told that it is broken (RST).
    Reset,
}
