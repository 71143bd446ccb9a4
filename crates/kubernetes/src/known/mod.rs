//! The store: what is known of the cluster, as lookups find it.
//!
//! Who looks something up takes one short read lock of a sixteenth of one index, and holds what was found by an `Arc`. The tasks that
//! follow the cluster write one object at a time.

mod cells;
mod entry;
mod ids;
mod index;
mod intern;
mod make;
mod packed;
mod state;
mod write;

#[cfg(test)]
mod tests;

pub use entry::{Container, Run};
pub(crate) use write::{Superseded, Writer};

use crate::wanted::{Kind, Settings};
use arc_swap::ArcSwapOption;
use cells::Cell;
use entry::PodEntry;
use forebay_otlp::edit::{AttributeSet, JoinedAttributes};
use futures_util::future::BoxFuture;
use ids::{ContainerId, Uid};
use index::Index;
use state::State;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// What is known of a cluster. It outlives the tasks that follow the cluster: what is known can be found as long as it is held.
pub struct Known {
    by_uid: Index,
    by_name: Index,
    by_address: Index,
    by_container: Index,
    cluster: ArcSwapOption<AttributeSet>,
    state: Mutex<State>,
    /// What it was made for.
    settings: Settings,
    /// The kinds of which no list has come to its end yet, a bit for each.
    unlisted: watch::Sender<u16>,
    /// Told when a pod has ended that is the first to be forgotten, and when there is no room any more.
    changed: Notify,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known")
    }
}

impl Known {
    /// Nothing known yet of what `settings` ask for. It may take `max_bytes` bytes.
    pub(crate) fn new(settings: Settings, max_bytes: u64) -> Arc<Known> {
        let kinds = settings.wanted.all_kinds();
        let unlisted = kinds.into_iter().fold(0, |bits, kind| bits | bit(kind));
        Arc::new(Known {
            by_uid: Index::default(),
            by_name: Index::default(),
            by_address: Index::default(),
            by_container: Index::default(),
            cluster: ArcSwapOption::empty(),
            state: Mutex::new(State::new(usize::try_from(max_bytes).unwrap_or(usize::MAX))),
            settings,
            unlisted: watch::channel(unlisted).0,
            changed: Notify::new(),
        })
    }

    /// What it was made for.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Ready once there is something to do for the one who forgets.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The pod that has this address, or had it last. Pods on the host's network are not found by it. An IPv4 address that is written as
    /// IPv6 is the same address.
    pub fn by_ip(&self, address: IpAddr) -> Option<Pod> {
        let address = address.to_canonical();
        let hash = self.by_address.hash(&address);
        let found = self
            .by_address
            .find(hash, |entry| entry.addresses.contains(&address));
        found.map(Pod)
    }

    /// The pod with this uid.
    pub fn by_uid(&self, uid: &str) -> Option<Pod> {
        self.entry(&Uid::new(uid)).map(Pod)
    }

    /// The pod of this name, or the last one that had it.
    pub fn by_name(&self, namespace: &str, name: &str) -> Option<Pod> {
        let hash = self.by_name.hash(&(namespace, name));
        let is = |entry: &PodEntry| *entry.name == *name && *entry.namespace == *namespace;
        self.by_name.find(hash, is).map(Pod)
    }

    /// The pod with this container, by an id with or without the runtime's name before it. [`Pod::container_by_id`] has the container.
    pub fn by_container_id(&self, id: &str) -> Option<Pod> {
        let id = ContainerId::new(id);
        let hash = self.by_container.hash(&id);
        let is = |entry: &PodEntry| entry.container_ids().any(|other| *other == id);
        self.by_container.find(hash, is).map(Pod)
    }

    /// What is kept of the cluster itself, for resources whose pod is not known.
    pub fn cluster(&self) -> Option<Arc<AttributeSet>> {
        self.cluster.load_full()
    }

    /// Ready once every kind that is watched has been listed in whole. May wait for ever: whoever waits has a limit of their own.
    pub fn synced(&self) -> BoxFuture<'static, ()> {
        let mut unlisted = self.unlisted.subscribe();
        Box::pin(async move {
            // An error means that nobody is left who could list anything.
            let _ = unlisted.wait_for(|kinds| *kinds == 0).await;
        })
    }

    /// The kinds of which no list has come to its end yet.
    pub fn unlisted(&self) -> Vec<Kind> {
        let bits = *self.unlisted.borrow();
        let mut kinds = Kind::ALL.to_vec();
        kinds.retain(|kind| bits & bit(*kind) != 0);
        kinds
    }

    fn entry(&self, uid: &Uid) -> Option<Arc<PodEntry>> {
        self.by_uid.find(self.by_uid.hash(uid), |entry| entry.uid == *uid)
    }
}

fn bit(kind: Kind) -> u16 {
    1 << kind as u16
}

/// The address in the form that it is found by: nothing if it names no host.
fn findable(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let local =
        address.is_loopback() || address.is_unspecified() || address == IpAddr::V6(Ipv6Addr::LOCALHOST);
    (!local).then_some(address)
}

/// A pod that was found. It stays as it was when it was found; what it shares with others stays up to date.
#[derive(Clone, Debug)]
pub struct Pod(Arc<PodEntry>);

/// A container of a pod, and which of its runs.
#[derive(Clone, Copy, Debug)]
pub struct ContainerRef<'p> {
    /// The container.
    pub container: &'p Container,
    /// The run. Nothing: it has none, or not the one that was asked for.
    pub run: Option<&'p Run>,
}

impl Pod {
    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether this is the very same version of the very same pod.
    pub fn same(&self, other: &Pod) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its containers of all lists.
    pub fn containers(&self) -> &[Container] {
        &self.0.containers
    }

    /// The container of this name; the run that came after so many restarts, or the last one.
    pub fn container_by_name(&self, name: &str, restart_count: Option<u32>) -> Option<ContainerRef<'_>> {
        let container = self.0.containers.iter().find(|one| *one.name == *name)?;
        let run = match restart_count {
            Some(count) => container.runs.iter().find(|run| run.restart_count == count),
            None => container.runs.first(),
        };
        Some(ContainerRef { container, run })
    }

    /// The container of which this is a run, by an id with or without the runtime's name before it.
    pub fn container_by_id(&self, id: &str) -> Option<ContainerRef<'_>> {
        let id = ContainerId::new(id);
        self.0.containers.iter().find_map(|container| {
            let run = container.runs.iter().find(|run| run.id == id)?;
            Some(ContainerRef {
                container,
                run: Some(run),
            })
        })
    }

    /// The only one of its main containers, and its last run, if there is just one.
    pub fn only_container(&self) -> Option<ContainerRef<'_>> {
        let mut main = self
            .0
            .containers
            .iter()
            .filter(|one| one.role == crate::objects::Role::Main);
        let container = main.next()?;
        main.next().is_none().then(|| ContainerRef {
            container,
            run: container.runs.first(),
        })
    }
}

impl Known {
    /// Puts all that is kept of `pod` into `into`, those first that know best: the pod, the container, the pod's owner and those above it,
    /// the namespace, the node, the cluster.
    pub fn join(&self, pod: &Pod, container: Option<ContainerRef<'_>>, into: &mut JoinedAttributes) {
        let entry = &*pod.0;
        entry.own.join(into);
        entry.shared.join(into);
        if let Some(ContainerRef { container, run }) = container {
            run.iter().for_each(|run| into.add(&run.set));
            into.add(&container.own);
            into.add(&container.shared);
        }
        self.each_of_others(entry, &mut |set| into.add(set));
    }

    /// Whether what is kept of `pod`, its containers apart, has an attribute `key` with this value: the body of an `AnyValue`.
    pub fn has(&self, pod: &Pod, key: &[u8], value: &[u8]) -> bool {
        let entry = &*pod.0;
        if let Some(found) = entry.own.get(key).or_else(|| entry.shared.get(key)) {
            return found == value;
        }
        let mut is = None;
        self.each_of_others(entry, &mut |set| {
            is = is.or_else(|| set.get(key).map(|found| found == value));
        });
        is == Some(true)
    }

    /// What is kept of those that a pod belongs to.
    fn each_of_others(&self, entry: &PodEntry, take: &mut dyn FnMut(&AttributeSet)) {
        let mut of = |cell: &Cell| cell.set.load().iter().for_each(|set| take(set));
        let mut owner = entry.owner_cell.clone();
        while let Some(cell) = owner {
            of(&cell);
            owner = cell.parent.load_full();
        }
        let cells = [&entry.namespace_cell, &entry.node_cell];
        cells.into_iter().flatten().for_each(|cell| of(cell));
        self.cluster.load().iter().for_each(|set| take(set));
    }
}
