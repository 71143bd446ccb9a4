//! What becomes of a batch whose senders are pods.

use super::association::{Association, Outcome, Sender};
use super::config::K8sAttributesConfig;
use super::extraction::Extraction;
use super::meter::{ContainerLookup, Lookup, Meter};
use super::passthrough::sender;
use super::reading::{Keys, Slot, Values};
use crate::{ContainerRef, Known, Pod};
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, Outputs};
use forebay_otlp::WireError;
use forebay_otlp::edit::{Editor, JoinedAttributes, Level, Patch, Present};
use std::sync::Arc;

/// How resources are looked up, and what is put into them.
#[derive(Debug)]
pub(super) struct Plan {
    association: Association,
    keys: Keys,
    /// Where a resource says which container it came from; nothing: attributes of containers are not wanted.
    container: Option<ContainerKeys>,
    present: Present,
    meter: Arc<Meter>,
}

/// What says which container of a pod is meant.
#[derive(Clone, Copy, Debug)]
struct ContainerKeys {
    id: Slot,
    name: Slot,
    restart_count: Slot,
}

/// What becomes of an attribute that a resource has already.
pub(super) const fn present(config: &K8sAttributesConfig) -> Present {
    match config.r#override {
        true => Present::Replace,
        false => Present::Keep,
    }
}

/// Where attributes are put.
struct To<'t, 'p> {
    resource: &'t mut Patch<'p>,
    /// All of one resource: its memory is used for each resource of a batch.
    joined: &'t mut JoinedAttributes,
}

impl Plan {
    pub(super) fn new(config: &K8sAttributesConfig, extraction: &Extraction) -> Self {
        let mut keys = Keys::default();
        let namespace = config
            .filter
            .namespace
            .as_ref()
            .map(|namespace| namespace.as_str());
        let association = Association::new(&config.pod_association, namespace, &mut keys);
        let container = extraction.wants_containers().then(|| ContainerKeys {
            id: keys.slot("container.id"),
            name: keys.slot("k8s.container.name"),
            restart_count: keys.slot("k8s.container.restart_count"),
        });
        let meter = Arc::new(Meter::new(association.len()));
        Plan {
            association,
            keys,
            container,
            present: present(config),
            meter,
        }
    }

    /// What is counted.
    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Whether the metadata of pods are enough to find them and to tell what is wanted of them.
    pub(super) fn needs_metadata_only(&self, extraction: &Extraction) -> bool {
        extraction.needs_metadata_only() && !self.association.asks_more_than_metadata()
    }

    /// Puts what is known of their pods into the resources of a batch.
    pub(super) fn process(&self, known: &Known, mut batch: Batch, out: &mut Outputs) {
        let address = sender(&batch).filter(|_| self.association.asks_connection());
        let from = Sender::new(known, address);
        let input = batch.payload().contiguous();
        let (mut editor, mut joined) = (Editor::new(), JoinedAttributes::default());
        let edited = editor.edit_level(batch.signal(), &input, Level::Resource, |resource| {
            let to = To {
                resource,
                joined: &mut joined,
            };
            self.resource(known, &from, to)
        });
        match edited {
            Ok(edited) if edited.is_unchanged() => {}
            Ok(edited) => Fresh::of(&edited, &input, &batch).replace(&mut batch),
            Err(error) => return rewrite::fail(batch, &error),
        }
        out.emit(batch);
    }

    fn resource(&self, known: &Known, from: &Sender, to: To<'_, '_>) -> Result<(), WireError> {
        let values = self.keys.read(to.resource.message())?;
        let pod = match self.association.find(known, from, &values) {
            Outcome::Found(rule, pod) => {
                self.meter.count(Lookup::Found(rule));
                pod
            }
            Outcome::Missed(missed) => {
                self.meter.count(Lookup::Missed(missed));
                return Ok(());
            }
            Outcome::Unidentified => {
                self.meter.count(Lookup::Unidentified);
                return Ok(());
            }
        };
        let container = self.container(&pod, &values);
        to.joined.clear();
        known.join(&pod, container, to.joined);
        let put = to.resource.put_attributes(&[to.joined.set()], self.present);
        put.map(|_| ())
    }

    /// The container of the pod that a resource came from: the one that it names by id, the one that it names, or the only one.
    fn container<'p>(&self, pod: &'p Pod, values: &Values<'_>) -> Option<ContainerRef<'p>> {
        let keys = self.container?;
        let (found, lookup) = if let Some(id) = values.text(keys.id) {
            (pod.container_by_id(id), ContainerLookup::Missed)
        } else if let Some(name) = values.text(keys.name) {
            let restarts = values.number(keys.restart_count);
            (pod.container_by_name(name, restarts), ContainerLookup::Missed)
        } else {
            (pod.only_container(), ContainerLookup::Ambiguous)
        };
        let lookup = if found.is_some() {
            ContainerLookup::Found
        } else {
            lookup
        };
        self.meter.count_container(lookup);
        found
    }
}
