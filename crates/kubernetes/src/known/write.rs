//! Writing: one object at a time, by the tasks that follow the cluster.

use super::entry::PodEntry;
use super::ids::{Uid, seconds};
use super::make::cell_key;
use super::state::State;
use super::{Known, bit};
use crate::extract::Extract;
use crate::objects::{Metadata, PodObject};
use crate::wanted::{Kind, Wanted};
use forebay_core::{Clock, Time};
use forebay_otlp::edit::AttributeSet;
use std::cmp::Reverse;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

/// Another writer has taken over the store: this one has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superseded;

/// The one who writes into a store.
pub(crate) struct Writer {
    known: Arc<Known>,
    pub(super) wanted: Wanted,
    pub(super) extract: Arc<dyn Extract>,
    clock: Clock,
    generation: u64,
}

impl Writer {
    /// Takes over the writing of `known` from whoever had it.
    pub(crate) fn new(known: Arc<Known>, wanted: Wanted, extract: Arc<dyn Extract>, clock: Clock) -> Writer {
        let generation = {
            let mut state = known.state();
            state.generation += 1;
            state.generation
        };
        Writer {
            known,
            wanted,
            extract,
            clock,
            generation,
        }
    }

    /// The store that it writes into.
    pub(crate) const fn known(&self) -> &Arc<Known> {
        &self.known
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Superseded> {
        let state = self.known.state();
        match state.generation == self.generation {
            true => Ok(state),
            false => Err(Superseded),
        }
    }

    /// What is known may take so many bytes. What is there already stays.
    pub(crate) fn set_max_bytes(&self, max_bytes: u64) {
        self.known.state().max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    }

    /// This version of `kind` was heard of, and everything before it.
    pub(crate) fn note_version(&self, kind: Kind, version: &str) -> Result<(), Superseded> {
        let mut state = self.state()?;
        let noted = state.versions.entry(kind).or_default();
        noted.clear();
        noted.push_str(version);
        Ok(())
    }

    /// Whether objects of `kind` were not kept for want of room, and there is room for more now: only another list brings them back.
    pub(crate) fn misses(&self, kind: Kind) -> Result<bool, Superseded> {
        Ok(self.state()?.misses(kind))
    }

    /// A list of `kind` begins: what is not seen until it ends does not exist any more.
    pub(crate) fn begin_list(&self, kind: Kind) -> Result<(), Superseded> {
        let mut state = self.state()?;
        *state.lists.entry(kind).or_default() += 1;
        state.rejected_now &= !bit(kind);
        self.known.changed.notify_one();
        Ok(())
    }

    /// The list of `kind` has come to its end.
    pub(crate) fn end_list(&self, kind: Kind) -> Result<(), Superseded> {
        let mut state = self.state()?;
        let list = state.list(kind);
        if kind == Kind::Pod {
            let mut gone = Vec::new();
            self.known.by_uid.for_each(|entry| {
                if entry.lives() && entry.seen.load(Ordering::Relaxed) != list {
                    gone.push(Arc::clone(entry));
                }
            });
            gone.iter().for_each(|entry| self.end(&mut state, entry, None));
        } else {
            state.cells.gone_unless_seen(kind, list);
            state.purge();
        }
        drop(state);
        self.known.unlisted.send_modify(|kinds| *kinds &= !bit(kind));
        Ok(())
    }

    /// A pod is as its object says.
    pub(crate) fn put_pod(&self, pod: &PodObject<'_>) -> Result<(), Superseded> {
        let uid = Uid::new(&pod.metadata.uid);
        let old = self.known.entry(&uid);
        let version = version(&pod.metadata);
        if let Some(old) = old.as_ref().filter(|old| old.version == version && old.lives()) {
            let state = self.state()?;
            old.seen.store(state.list(Kind::Pod), Ordering::Relaxed);
            return Ok(());
        }
        let ended = pod.has_ended();
        let long_gone = ended && old.is_none() && self.ended_long_ago(pod);
        let extracted = match long_gone {
            true => None,
            false => self.extract.pod(pod),
        };
        let mut state = self.state()?;
        let Some(extracted) = extracted else {
            old.iter().for_each(|old| self.forget(&mut state, old));
            return Ok(());
        };
        let content = self.content(&mut state, pod, (uid, version), extracted);
        let entry = Arc::new(PodEntry::new(content, state.list(Kind::Pod)));
        if self.replace(&mut state, &entry, old.as_ref()) && ended {
            self.end(&mut state, &entry, old.as_ref());
        }
        Ok(())
    }

    /// Puts `entry` into the indexes, in the place of `old`. False: there is no room, and neither of them is kept.
    fn replace(&self, state: &mut State, entry: &Arc<PodEntry>, old: Option<&Arc<PodEntry>>) -> bool {
        let freed = old.map_or(0, |old| old.bytes());
        if state.has_no_room(Kind::Pod, entry.bytes().saturating_sub(freed)) {
            self.known.changed.notify_one();
            old.into_iter().for_each(|old| self.forget(state, old));
            self.let_go(state, entry);
            return false;
        }
        state.pod_bytes = state.pod_bytes + entry.bytes() - freed;
        state.pods += usize::from(old.is_none());
        if let Some(old) = old {
            entry
                .queued
                .store(old.queued.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.known.index(entry, old);
        old.into_iter().for_each(|old| self.let_go(state, old));
        true
    }

    /// Says that an entry has let go what it shares.
    fn let_go(&self, state: &mut State, entry: &PodEntry) {
        state.sets.let_go(entry.containers.len());
        state.packed.let_go(1);
        state.keys.let_go(2);
        state.names.let_go(1 + entry.containers.len());
        state.cells.let_go();
        state.purge();
    }

    /// Whether a pod that has ended is past its grace by its own account.
    fn ended_long_ago(&self, pod: &PodObject<'_>) -> bool {
        let ends = pod.status.container_statuses.iter();
        let last = ends
            .filter_map(|status| seconds(&status.state.terminated.finished_at))
            .max();
        let now = i64::try_from(self.clock.unix_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
        let grace = i64::try_from(self.wanted.grace.as_secs()).unwrap_or(i64::MAX);
        last.is_some_and(|last| now.saturating_sub(last) > grace)
    }

    /// A pod was deleted.
    pub(crate) fn pod_gone(&self, uid: &str) -> Result<(), Superseded> {
        let mut state = self.state()?;
        if let Some(entry) = self.known.entry(&Uid::new(uid)) {
            self.end(&mut state, &entry, None);
        }
        Ok(())
    }

    /// A pod has ended: now, unless `before` had already.
    fn end(&self, state: &mut State, entry: &Arc<PodEntry>, before: Option<&Arc<PodEntry>>) {
        let since = before.and_then(|before| before.expires()).or(entry.expires());
        let at = since.unwrap_or_else(|| self.clock.now().after(self.wanted.grace));
        entry.set_expires(Some(at));
        if !entry.queued.swap(true, Ordering::Relaxed) {
            state.ended.push(Reverse((at, entry.uid.clone())));
            self.known.changed.notify_one();
        }
    }

    /// Forgets the pods whose time has come. When the next one's comes, if there is one.
    pub(crate) fn expire(&self) -> Result<Option<Time>, Superseded> {
        let mut state = self.state()?;
        let now = self.clock.now();
        while let Some(Reverse((at, uid))) = state.ended.peek().cloned() {
            if at > now {
                return Ok(Some(at));
            }
            state.ended.pop();
            let Some(entry) = self.known.entry(&uid) else {
                continue;
            };
            entry.queued.store(false, Ordering::Relaxed);
            match entry.expires() {
                // It has come back to life.
                None => {}
                Some(at) if at > now => self.end(&mut state, &entry, None),
                Some(_) => self.forget(&mut state, &entry),
            }
        }
        Ok(None)
    }

    fn forget(&self, state: &mut State, entry: &Arc<PodEntry>) {
        self.known.unindex(entry);
        state.pods -= 1;
        state.pod_bytes -= entry.bytes();
        self.let_go(state, entry);
    }

    /// An object other than a pod is as its metadata say.
    pub(crate) fn put_object(&self, kind: Kind, metadata: &Metadata<'_>) -> Result<(), Superseded> {
        let set = self.extract.object(kind, metadata);
        let mut state = self.state()?;
        let key = cell_key(&mut state, kind, &metadata.name, &metadata.uid);
        let (cell, is_new) = state.cells.of(key.clone());
        let list = state.list(kind);
        state.cells.exists(&key, list);
        let is_known = match cell.set.load().as_deref() {
            Some(old) => !is_new && *old == set,
            None => !is_new && set.is_empty(),
        };
        if !is_known && state.has_no_room(kind, 2 * size_of::<AttributeSet>() + set.heap_bytes()) {
            self.known.changed.notify_one();
            if is_new {
                state.cells.gone(&key);
            }
            drop(cell);
            state.purge();
            return Ok(());
        }
        let set = (!set.is_empty()).then(|| state.sets.intern(set));
        if cell.set.swap(set).is_some() {
            state.sets.let_go(1);
        }
        let parent = (kind == Kind::ReplicaSet).then(|| self.owner_cell(&mut state, metadata));
        cell.parent.store(parent.flatten());
        state.purge();
        Ok(())
    }

    /// An object other than a pod was deleted.
    pub(crate) fn object_gone(&self, kind: Kind, metadata: &Metadata<'_>) -> Result<(), Superseded> {
        let mut state = self.state()?;
        let key = cell_key(&mut state, kind, &metadata.name, &metadata.uid);
        state.cells.gone(&key);
        state.purge();
        Ok(())
    }

    /// The cluster has this uid.
    pub(crate) fn put_cluster(&self, uid: &str) -> Result<(), Superseded> {
        let set = self.extract.cluster(uid);
        let _state = self.state()?;
        self.known.cluster.store(Some(Arc::new(set)));
        Ok(())
    }
}

/// Tells one version of an object from another. Versions are words that only the API server understands.
fn version(metadata: &Metadata<'_>) -> u64 {
    let mut hasher = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::new().build_hasher();
    hasher.write(metadata.resource_version.as_bytes());
    hasher.finish()
}

impl Known {
    /// Puts `entry` into the indexes, in the place of `old` where they are known by the same.
    fn index(&self, entry: &Arc<PodEntry>, old: Option<&Arc<PodEntry>>) {
        self.by_uid.insert(self.by_uid.hash(&entry.uid), entry, old);
        self.by_name
            .insert(self.by_name.hash(&(&*entry.namespace, &*entry.name)), entry, old);
        for address in &entry.addresses {
            self.by_address.insert(self.by_address.hash(address), entry, old);
        }
        for id in entry.container_ids() {
            self.by_container.insert(self.by_container.hash(id), entry, old);
        }
        let Some(old) = old else { return };
        // What is known by the same is not there any more.
        for address in &old.addresses {
            self.by_address.remove(self.by_address.hash(address), old);
        }
        for id in old.container_ids() {
            self.by_container.remove(self.by_container.hash(id), old);
        }
    }

    fn unindex(&self, entry: &Arc<PodEntry>) {
        self.by_uid.remove(self.by_uid.hash(&entry.uid), entry);
        self.by_name
            .remove(self.by_name.hash(&(&*entry.namespace, &*entry.name)), entry);
        for address in &entry.addresses {
            self.by_address.remove(self.by_address.hash(address), entry);
        }
        for id in entry.container_ids() {
            self.by_container.remove(self.by_container.hash(id), entry);
        }
    }
}
