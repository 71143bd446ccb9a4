//! What is kept of a pod.

use super::cells::Cell;
use super::ids::{ContainerId, Uid};
use super::index::BYTES_PER_KEY;
use super::packed::Packed;
use crate::objects::Role;
use forebay_core::Time;
use forebay_otlp::edit::AttributeSet;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One run of a container: from when it was made until it has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    pub(super) id: ContainerId,
    pub(super) restart_count: u32,
    pub(super) set: AttributeSet,
}

/// A container of a pod that is known.
#[derive(Debug)]
pub struct Container {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    pub(super) own: AttributeSet,
    pub(super) shared: Arc<AttributeSet>,
    /// The last one first.
    pub(super) runs: SmallVec<[Run; 1]>,
}

impl Container {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which list of the pod it stands in.
    pub const fn role(&self) -> Role {
        self.role
    }

    fn heap_bytes(&self) -> usize {
        let spilled = if self.runs.spilled() {
            self.runs.capacity() * size_of::<Run>()
        } else {
            0
        };
        let runs = self.runs.iter();
        let runs = runs.map(|run| run.id.heap_bytes() + run.set.heap_bytes() + BYTES_PER_KEY);
        self.own.heap_bytes() + spilled + runs.sum::<usize>()
    }
}

/// What never ends.
const NEVER: u64 = u64::MAX;

/// Everything of a pod that its object says, of which an update makes another entry.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) uid: Uid,
    pub(super) namespace: Arc<str>,
    pub(super) name: Box<str>,
    /// Those that it is found by: none on the host's network.
    pub(super) addresses: SmallVec<[IpAddr; 1]>,
    /// When it was made, in seconds since the Unix epoch; 0 if that is not known.
    pub(super) made: i64,
    /// Tells one version of the object from another.
    pub(super) version: u64,
    pub(super) own: Packed,
    pub(super) shared: Arc<Packed>,
    pub(super) namespace_cell: Option<Arc<Cell>>,
    pub(super) node_cell: Option<Arc<Cell>>,
    pub(super) owner_cell: Option<Arc<Cell>>,
    pub(super) containers: Box<[Container]>,
}

/// What is kept of a pod. What happens to it between updates is in its atomics, which are written by whoever holds the writer.
#[derive(Debug)]
pub(super) struct PodEntry {
    content: Content,
    /// The list that it was last seen in, or since which it was seen.
    pub(super) seen: AtomicU64,
    /// When it is forgotten, in nanoseconds on the clock; [`NEVER`] as long as it lives.
    expires: AtomicU64,
    /// Whether it is in the queue of those to be forgotten.
    pub(super) queued: AtomicBool,
}

impl Deref for PodEntry {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

impl PodEntry {
    /// An entry that lives, as seen in or since the list `seen`.
    pub(super) const fn new(content: Content, seen: u64) -> Self {
        PodEntry {
            content,
            seen: AtomicU64::new(seen),
            expires: AtomicU64::new(NEVER),
            queued: AtomicBool::new(false),
        }
    }

    /// Of several that are known by the same the greatest is found: one that lives before one that has ended, then the one that was made
    /// last.
    pub(super) fn rank(&self) -> (bool, i64, &Uid) {
        (self.lives(), self.made, &self.uid)
    }

    pub(super) fn lives(&self) -> bool {
        self.expires.load(Ordering::Relaxed) == NEVER
    }

    /// When it is forgotten, if it has ended.
    pub(super) fn expires(&self) -> Option<Time> {
        let nanos = self.expires.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| Time(Duration::from_nanos(nanos)))
    }

    /// Says when it is forgotten; nothing: it lives.
    pub(super) fn set_expires(&self, at: Option<Time>) {
        let nanos = at.map_or(NEVER, |at| u64::try_from(at.0.as_nanos()).unwrap_or(NEVER - 1));
        self.expires.store(nanos, Ordering::Relaxed);
    }

    /// The bytes that it takes, with its places in the indexes, and without what it shares.
    pub(super) fn bytes(&self) -> usize {
        let addresses = match self.addresses.spilled() {
            true => self.addresses.capacity() * size_of::<IpAddr>(),
            false => 0,
        };
        let containers = self
            .containers
            .iter()
            .map(|container| size_of::<Container>() + container.heap_bytes());
        size_of::<PodEntry>()
            + 16
            + self.uid.heap_bytes()
            + self.name.len()
            + addresses
            + self.own.heap_bytes()
            + containers.sum::<usize>()
            + BYTES_PER_KEY * (2 + self.addresses.len())
    }

    /// Each id of its containers.
    pub(super) fn container_ids(&self) -> impl Iterator<Item = &ContainerId> {
        let runs = self.containers.iter().flat_map(|container| &container.runs);
        runs.map(|run| &run.id)
    }
}
