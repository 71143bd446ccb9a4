//! A network that fails as it is told: the conditions of a path, a TCP proxy that lives by them, schedules of them by seed.
//!
//! [`Conditions`] say what a path does to connections, for each direction on its own: latency, rate, slicing, stalling,
//! swallowing, closing, cutting; and what happens to new connections. They can be changed at any moment and hold for what
//! is under way too. [`link`] joins two streams under them, whatever the streams are: [`FaultProxy`] uses it between
//! sockets, a simulated network between pipes in memory. A [`Schedule`] is a list of changes that a seed decides.
//!
//! What user space cannot do is to lose packets: a peer that vanished is played by [`Flow::Stall`] (nothing is read, the
//! sender's kernel buffers fill up) or [`Flow::Swallow`] (all is read, nothing arrives). Either way the kernel's own
//! timers see a live peer, so what finds such a connection is what the program under test does about it.
//!
//! `cargo run -p forebay-testkit --example fault_proxy` puts the proxy between real processes.

mod command;
mod conditions;
mod link;
mod proxy;
mod schedule;
#[cfg(test)]
mod tests;

pub use command::{Change, Command, CommandError};
pub use conditions::{Conditions, Cut, Door, Ending, Flow, Way};
pub use link::{Abort, Fate, State, link};
pub use proxy::{Counts, FaultProxy};
pub use schedule::{Schedule, Step};
