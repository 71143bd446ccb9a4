//! Drained: what the graph came to, and what it could not deliver.

use crate::running::Running;
use forebay_core::{Balance, Reason, Signal};
use std::sync::Arc;
use std::time::Duration;

/// Items that were not delivered, or not wanted, at one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The node.
    pub node: Arc<str>,
    /// The signal.
    pub signal: Signal,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub items: u64,
    /// Whether the sender was told, and still has them.
    pub sender_knows: bool,
}

/// The end of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Drained {
    /// Whether everything was delivered, refused or dropped before the deadline.
    pub in_time: bool,
    /// How long it took.
    pub took: Duration,
    /// The books of the whole process, from start to end.
    pub total: Balance,
    /// What was refused or dropped, from start to end, largest first.
    pub losses: Vec<Loss>,
}

impl Drained {
    pub(crate) fn new(running: &Running, in_time: bool, took: Duration) -> Self {
        let books = running.accounts.read();
        let mut losses = Vec::new();
        for (node, signals) in running.nodes.iter().zip(&books) {
            for (signal, balance) in Signal::ALL.into_iter().zip(signals) {
                let loss = |reason, items, sender_knows| Loss {
                    node: Arc::clone(&node.name),
                    signal,
                    reason,
                    items,
                    sender_knows,
                };
                let refused = Reason::ALL
                    .into_iter()
                    .zip(balance.refused)
                    .map(|(reason, n)| loss(reason, n, true));
                let dropped = Reason::ALL
                    .into_iter()
                    .zip(balance.dropped)
                    .map(|(reason, n)| loss(reason, n, false));
                losses.extend(refused.chain(dropped).filter(|loss| loss.items > 0));
            }
        }
        losses.sort_by_key(|loss| std::cmp::Reverse(loss.items));
        Drained {
            in_time,
            took,
            total: running.accounts.total(),
            losses,
        }
    }

    /// Items that are gone and whose sender believes them safe: lost at the shutdown or before it. Those that a filter was
    /// told to drop are not among them.
    pub fn lost(&self) -> u64 {
        let lost = |loss: &&Loss| !loss.sender_knows && loss.reason != Reason::Filtered;
        self.losses
            .iter()
            .filter(lost)
            .map(|loss| loss.items)
            .sum::<u64>()
            + self.total.held
    }
}
