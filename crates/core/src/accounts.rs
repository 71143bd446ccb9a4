//! The books: every item that enters the process is in exactly one account at every moment.
//!
//! Book-keeping is by double entry. A movement takes items out of one account and puts them into another under one lock,
//! so that a reader never sees an item twice or not at all. The books are split in shards to keep threads apart; a batch
//! stays with one shard for life; where a stage puts what it holds together, items move between shards with both locked. Who
//! reads locks them all: the sum balances whenever it is read.
//!
//! For every node, and for the process as the sum of all nodes:
//! `received + copied + entered = left + delivered + refused + dropped + sampled out + folded + held`.

use crate::Signal;
use forebay_telemetry::Reason;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A node's place in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u16);

/// How items left the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The destination has them.
    Delivered,
    /// They were given back: the sender was told, and still has them.
    Refused(Reason),
    /// They are gone, for this reason, and the sender believes them safe or wanted them gone.
    Dropped(Reason),
    /// A sampler decided against them.
    SampledOut,
    /// What they measure goes on in another item of the graph: data points folded into an overflow series, or into one
    /// another where an attribute was taken away. Only what is counted there in full may leave so.
    Folded,
}

/// One account: what became of one signal's items at one node since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Items taken in from outside the process.
    pub received: u64,
    /// Items added because a fan-out gives each branch its own.
    pub copied: u64,
    /// Items that came from another node.
    pub entered: u64,
    /// Items that went on to another node.
    pub left: u64,
    /// Items that the destination has.
    pub delivered: u64,
    /// Items given back to their sender, by reason.
    pub refused: [u64; Reason::COUNT],
    /// Items lost or unwanted, by reason.
    pub dropped: [u64; Reason::COUNT],
    /// Items that a sampler decided against.
    pub sampled_out: u64,
    /// Items whose measurements went on in another item.
    pub folded: u64,
    /// Items that are at the node now: in its hands or in the queue before it.
    pub held: u64,
    /// Payload bytes taken in from outside or from another node.
    pub bytes_in: u64,
    /// Payload bytes delivered or given to another node.
    pub bytes_out: u64,
}

impl Balance {
    /// Items in, less all that they became. Zero, always: anything else is a fault in the books.
    pub fn unaccounted(&self) -> i64 {
        let entered = self.received + self.copied + self.entered;
        let lost = self.refused_all() + self.dropped_all();
        let gone = self.left + self.delivered + lost + self.sampled_out + self.folded;
        entered.wrapping_sub(gone + self.held).cast_signed()
    }

    /// Items refused for any reason.
    pub fn refused_all(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// Items dropped for any reason.
    pub fn dropped_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The sum of several accounts.
    pub fn sum<'a>(balances: impl Iterator<Item = &'a Balance>) -> Balance {
        balances.fold(Balance::default(), |mut sum, balance| {
            sum.add(balance);
            sum
        })
    }

    fn add(&mut self, other: &Balance) {
        self.received += other.received;
        self.copied += other.copied;
        self.entered += other.entered;
        self.left += other.left;
        self.delivered += other.delivered;
        self.refused
            .iter_mut()
            .zip(other.refused)
            .for_each(|(sum, n)| *sum += n);
        self.dropped
            .iter_mut()
            .zip(other.dropped)
            .for_each(|(sum, n)| *sum += n);
        self.sampled_out += other.sampled_out;
        self.folded += other.folded;
        self.held += other.held;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }

    fn leave(&mut self, outcome: Outcome, items: u64, bytes: u64) {
        self.held = self.held.wrapping_sub(items);
        let account = match outcome {
            Outcome::Delivered => {
                self.bytes_out += bytes;
                Some(&mut self.delivered)
            }
            Outcome::Refused(reason) => self.refused.get_mut(reason as usize),
            Outcome::Dropped(reason) => self.dropped.get_mut(reason as usize),
            Outcome::SampledOut => Some(&mut self.sampled_out),
            Outcome::Folded => Some(&mut self.folded),
        };
        if let Some(account) = account {
            *account += items;
        }
    }
}

/// The books of one process. Cheap to clone: every clone is the same books.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Books>);

#[derive(Debug)]
struct Books {
    shards: Box<[Mutex<Shard>]>,
    next: AtomicUsize,
}

/// The balances of all nodes, three signals each. Aligned so that two shards do not share a cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Shard(Vec<[Balance; 3]>);

impl Shard {
    fn account(&mut self, node: NodeId, signal: Signal) -> Option<&mut Balance> {
        self.0
            .get_mut(usize::from(node.0))
            .and_then(|signals| signals.get_mut(signal as usize))
    }
}

impl Accounts {
    /// Books for `nodes` nodes, in as many shards as serve the machine's cores (1 to 16).
    pub fn new(nodes: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Accounts::with_shards(nodes, cores.next_power_of_two().min(16))
    }

    /// `shards` is a power of two.
    fn with_shards(nodes: usize, shards: usize) -> Self {
        let shard = || Mutex::new(Shard((0..nodes).map(|_| Default::default()).collect()));
        Accounts(Arc::new(Books {
            shards: (0..shards).map(|_| shard()).collect(),
            next: AtomicUsize::new(0),
        }))
    }

    /// Takes `items` items in `bytes` payload bytes into the books at `node`, which holds them now.
    pub fn receive(&self, node: NodeId, signal: Signal, items: u64, bytes: u64) -> Custody {
        let shard = self.0.next.fetch_add(1, Ordering::Relaxed) & (self.0.shards.len() - 1);
        let custody = Custody {
            accounts: self.clone(),
            node,
            signal,
            shard,
            items,
        };
        custody.book(|shard| {
            if let Some(account) = shard.account(node, signal) {
                account.received += items;
                account.held += items;
                account.bytes_in += bytes;
            }
        });
        custody
    }

    /// Books items that are refused on arrival: received and given back in one entry.
    pub fn refuse(&self, node: NodeId, signal: Signal, items: u64, reason: Reason) {
        self.receive(node, signal, items, 0)
            .close(Outcome::Refused(reason), 0);
    }

    /// Every node's balance per signal, in the order of their ids. Balanced, whatever moves meanwhile: all shards are held while
    /// they are read, as items may move from one to another.
    pub fn read(&self) -> Vec<[Balance; 3]> {
        let mut sums: Vec<[Balance; 3]> = Vec::new();
        let shards: Vec<_> = self.0.shards.iter().map(lock).collect();
        for shard in &shards {
            sums.resize_with(shard.0.len(), Default::default);
            for (sum, part) in sums.iter_mut().flatten().zip(shard.0.iter().flatten()) {
                sum.add(part);
            }
        }
        sums
    }

    /// The sum of all nodes and signals: the identity of the whole process.
    pub fn total(&self) -> Balance {
        let mut total = Balance::default();
        self.read()
            .iter()
            .flatten()
            .for_each(|balance| total.add(balance));
        total
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Responsibility for some items of one signal at one node. Letting go of it without saying where the items went books
/// them as dropped, [`Reason::Abandoned`] or [`Reason::Panicked`]: nothing leaves unseen.
#[derive(Debug)]
pub struct Custody {
    accounts: Accounts,
    node: NodeId,
    signal: Signal,
    shard: usize,
    items: u64,
}

impl Custody {
    /// How many items this custody stands for.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Where they are.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Moves all items, now in `bytes` payload bytes, to the node `to`.
    pub fn advance(&mut self, to: NodeId, bytes: u64) {
        let (from, signal, items) = (self.node, self.signal, self.items);
        if from == to {
            return;
        }
        self.book(|shard| {
            if let Some(account) = shard.account(from, signal) {
                account.held = account.held.wrapping_sub(items);
                account.left += items;
                account.bytes_out += bytes;
            }
            if let Some(account) = shard.account(to, signal) {
                account.entered += items;
                account.held += items;
                account.bytes_in += bytes;
            }
        });
        self.node = to;
    }

    /// Custody of the same number of items once more: for a branch of a fan-out.
    pub fn copy(&self) -> Custody {
        let (node, signal, items) = (self.node, self.signal, self.items);
        self.book(|shard| {
            if let Some(account) = shard.account(node, signal) {
                account.copied += items;
                account.held += items;
            }
        });
        self.same_place(items)
    }

    /// Takes up to `items` items out of this custody into one of their own, at the same node.
    pub fn split(&mut self, items: u64) -> Custody {
        let items = items.min(self.items);
        self.items -= items;
        self.same_place(items)
    }

    /// Takes the items of `other`, which are booked over from its shard to this one's. Gives `other` back if it is not of the
    /// same node, signal and books.
    pub fn absorb(&mut self, mut other: Custody) -> Option<Custody> {
        let same_books = Arc::ptr_eq(&self.accounts.0, &other.accounts.0);
        if !same_books || (self.node, self.signal) != (other.node, other.signal) {
            return Some(other);
        }
        let items = std::mem::take(&mut other.items);
        self.items += items;
        if self.shard != other.shard {
            self.move_held(other.shard, items);
        }
        None
    }

    /// Books `items` held items from the shard `from` over to this custody's. Both are locked, the lower one first as whoever
    /// reads does, so that nobody sees them twice or not at all.
    fn move_held(&self, from: usize, items: u64) {
        let (node, signal, shards) = (self.node, self.signal, &self.accounts.0.shards);
        let (low, high) = (from.min(self.shard), from.max(self.shard));
        let (Some(low), Some(high)) = (shards.get(low), shards.get(high)) else {
            return;
        };
        let (mut low, mut high) = (lock(low), lock(high));
        let (source, target) = if from < self.shard {
            (&mut low, &mut high)
        } else {
            (&mut high, &mut low)
        };
        if let Some(account) = source.account(node, signal) {
            account.held = account.held.wrapping_sub(items);
        }
        if let Some(account) = target.account(node, signal) {
            account.held = account.held.wrapping_add(items);
        }
    }

    /// Books up to `items` of the items as gone.
    pub fn leave(&mut self, outcome: Outcome, items: u64) {
        self.split(items).close(outcome, 0);
    }

    /// Books all items, in `bytes` payload bytes, as gone.
    pub fn close(mut self, outcome: Outcome, bytes: u64) {
        self.settle(outcome, bytes);
    }

    fn settle(&mut self, outcome: Outcome, bytes: u64) {
        let (node, signal, items) = (self.node, self.signal, std::mem::take(&mut self.items));
        self.book(|shard| {
            if let Some(account) = shard.account(node, signal) {
                account.leave(outcome, items, bytes);
            }
        });
    }

    fn same_place(&self, items: u64) -> Custody {
        Custody {
            accounts: self.accounts.clone(),
            node: self.node,
            signal: self.signal,
            shard: self.shard,
            items,
        }
    }

    fn book(&self, entry: impl FnOnce(&mut Shard)) {
        if let Some(shard) = self.accounts.0.shards.get(self.shard) {
            entry(&mut lock(shard));
        }
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        if self.items > 0 {
            // Unwinding drops what the component held: that is its panic's fault, not its own forgetfulness.
            let reason = if std::thread::panicking() {
                Reason::Panicked
            } else {
                Reason::Abandoned
            };
            self.settle(Outcome::Dropped(reason), 0);
        }
    }
}

#[cfg(test)]
mod tests;
