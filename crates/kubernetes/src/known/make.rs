//! What is kept of a pod, with what it shares put in common.

use super::cells::{Cell, CellKey};
use super::entry::{Container, Content, Run};
use super::findable;
use super::ids::{ContainerId, Uid, bare, seconds};
use super::state::State;
use super::write::Writer;
use crate::extract::Extracted;
use crate::objects::{ContainerObject, Metadata, PodObject};
use crate::wanted::Kind;
use std::sync::Arc;

/// How the cell of an object is found.
pub(super) fn cell_key(state: &mut State, kind: Kind, name: &str, uid: &str) -> CellKey {
    match kind {
        Kind::Namespace | Kind::Node => CellKey::Name(kind, state.names.intern(name)),
        _ => CellKey::Uid(kind, Uid::new(uid)),
    }
}

impl Writer {
    /// What is kept of a pod, with what it shares put in common.
    pub(super) fn content(
        &self,
        state: &mut State,
        pod: &PodObject<'_>,
        (uid, version): (Uid, u64),
        extracted: Extracted,
    ) -> Content {
        let shared = state.pack(&extracted.shared);
        let metadata = &pod.metadata;
        let on_host = pod.spec.host_network;
        let addresses = pod
            .addresses()
            .filter(|_| !on_host)
            .filter_map(findable)
            .collect();
        let containers = pod
            .containers()
            .map(|one| self.container(state, pod, &one))
            .collect();
        let namespace = &*metadata.namespace;
        let node = &*pod.spec.node_name;
        Content {
            uid,
            namespace: state.names.intern(namespace),
            name: (&*metadata.name).into(),
            addresses,
            made: seconds(&metadata.creation_timestamp).unwrap_or_default(),
            version,
            own: state.pack(&extracted.own),
            shared: state.packed.intern(shared),
            namespace_cell: self.named_cell(state, Kind::Namespace, namespace),
            node_cell: self.named_cell(state, Kind::Node, node),
            owner_cell: self.owner_cell(state, metadata),
            containers,
        }
    }

    fn container(
        &self,
        state: &mut State,
        pod: &PodObject<'_>,
        container: &ContainerObject<'_, '_>,
    ) -> Container {
        let extracted = self.extract.container(pod, container);
        let run = |id: &str, restart_count: u32| Run {
            id: ContainerId::new(id),
            restart_count,
            set: self.extract.run(bare(id)),
        };
        let mut runs = smallvec::SmallVec::new();
        if let Some(status) = container.status {
            let last = &status.last_state.terminated.container_id;
            if !status.container_id.is_empty() {
                runs.push(run(&status.container_id, status.restart_count));
            }
            if !last.is_empty() && *last != status.container_id {
                runs.push(run(last, status.restart_count.saturating_sub(1)));
            }
        }
        Container {
            name: state.names.intern(&*container.spec.name),
            role: container.role,
            own: extracted.own,
            shared: state.sets.intern(extracted.shared),
            runs,
        }
    }

    fn watches(&self, kind: Kind) -> bool {
        self.wanted.kinds.contains(&kind)
    }

    fn named_cell(&self, state: &mut State, kind: Kind, name: &str) -> Option<Arc<Cell>> {
        if !self.watches(kind) || name.is_empty() {
            return None;
        }
        let key = cell_key(state, kind, name, "");
        Some(state.cells.of(key).0)
    }

    /// The cell of the owner that manages an object, if owners of its kind are watched.
    pub(super) fn owner_cell(&self, state: &mut State, metadata: &Metadata<'_>) -> Option<Arc<Cell>> {
        let owner = metadata.controller()?;
        let kind = Kind::of_owner(&owner.kind).filter(|kind| self.watches(*kind))?;
        let key = cell_key(state, kind, &owner.name, &owner.uid);
        Some(state.cells.of(key).0)
    }
}
