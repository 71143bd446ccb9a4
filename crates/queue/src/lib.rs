//! Edges bounded in items and bytes, and the queues behind them.
//!
//! An [`Edge`] stands before an exporter, an [`Inbox`] before each shard of a processor with state. Both make their
//! senders wait, refuse them, or drop, as they are told when they are full.

mod edge;
mod gate;
mod inbox;
#[cfg(test)]
mod testing;

pub use edge::{Edge, EdgeReading, Entering, Portion, Taken};
pub use gate::{Fill, Gate, Limits, Place};
pub use inbox::Inbox;
