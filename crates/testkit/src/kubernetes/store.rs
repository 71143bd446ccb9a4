//! What the cluster has, every version of it that is still remembered, and who is told.

use super::selector::Selector;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// An object as it is stored: its text, and what selectors see of it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) text: String,
    pub(super) uid: String,
    labels: BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
}

/// What objects are called in paths: their plural; and their namespace and name.
pub(super) type Place = (String, String, String);

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) place: Place,
    /// What it was before.
    before: Option<Arc<Stored>>,
    /// What it is now, or was last if it was deleted.
    object: Arc<Stored>,
    deleted: bool,
}

/// What a request is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) plural: String,
    /// Empty: all.
    pub(super) namespace: String,
    pub(super) labels: Selector,
    pub(super) fields: Selector,
}

impl Query {
    fn covers(&self, (plural, namespace, _): &Place) -> bool {
        self.plural == *plural && (self.namespace.is_empty() || self.namespace == *namespace)
    }

    fn selects(&self, object: &Stored) -> bool {
        self.labels.selects(&object.labels) && self.fields.selects(&object.fields)
    }

    /// What a watch says of a change, if anything: an object that is selected no more is deleted, for those who watch.
    pub(super) fn event(&self, change: &Change) -> Option<(&'static str, Arc<Stored>)> {
        if !self.covers(&change.place) {
            return None;
        }
        let before = change.before.as_ref().is_some_and(|before| self.selects(before));
        let now = !change.deleted && self.selects(&change.object);
        let kind = match (before, now) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return None,
        };
        Some((kind, Arc::clone(&change.object)))
    }
}

/// So many changes are remembered, unless they are forgotten before.
const REMEMBERED: usize = 100_000;

/// The state of a cluster.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) version: u64,
    objects: BTreeMap<Place, Arc<Stored>>,
    changes: VecDeque<Change>,
    /// Nothing before this version is remembered.
    pub(super) compacted: u64,
    /// Lists that go on, by a number: their version, and what is left of them.
    lists: HashMap<u64, (u64, VecDeque<Arc<Stored>>)>,
    last_list: u64,
}

/// A page of a list.
pub(super) struct Listed {
    pub(super) version: u64,
    pub(super) items: Vec<Arc<Stored>>,
    pub(super) continuation: Option<u64>,
    pub(super) left: usize,
}

fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let map = value.and_then(Value::as_object);
    let pairs = map.into_iter().flatten();
    pairs
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The fields that field selectors may name, with what they are.
const FIELDS: [(&str, &str); 8] = [
    ("metadata.name", "/metadata/name"),
    ("metadata.namespace", "/metadata/namespace"),
    ("spec.nodeName", "/spec/nodeName"),
    ("spec.restartPolicy", "/spec/restartPolicy"),
    ("spec.schedulerName", "/spec/schedulerName"),
    ("spec.serviceAccountName", "/spec/serviceAccountName"),
    ("status.phase", "/status/phase"),
    ("status.podIP", "/status/podIP"),
];

/// Whether field selectors of pods may name this.
pub(super) fn is_field(name: &str) -> bool {
    FIELDS.iter().any(|(field, _)| *field == name)
}

fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

impl Store {
    /// Stores a new object, or a new version of one.
    pub(super) fn put(&mut self, plural: &str, mut object: Value) {
        let (namespace, name) = (
            text(&object, "/metadata/namespace"),
            text(&object, "/metadata/name"),
        );
        let known = self.get(plural, &namespace, &name);
        if known.is_some_and(|known| known.uid != text(&object, "/metadata/uid")) {
            // It is another object, and the one before it was deleted.
            self.delete(plural, &namespace, &name);
        }
        self.version += 1;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), json!(self.version.to_string()));
        }
        let place = (plural.to_owned(), namespace, name);
        let stored = Arc::new(Stored {
            uid: text(&object, "/metadata/uid"),
            labels: strings(object.pointer("/metadata/labels")),
            fields: FIELDS
                .iter()
                .map(|(field, pointer)| ((*field).to_owned(), text(&object, pointer)))
                .collect(),
            text: object.to_string(),
        });
        let before = self.objects.insert(place.clone(), Arc::clone(&stored));
        self.note(place, before, stored, false);
    }

    /// Deletes an object. False: there was none.
    pub(super) fn delete(&mut self, plural: &str, namespace: &str, name: &str) -> bool {
        let place = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let Some(before) = self.objects.remove(&place) else {
            return false;
        };
        self.version += 1;
        let mut object: Value = serde_json::from_str(&before.text).unwrap_or_default();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), json!(self.version.to_string()));
        }
        let last = Arc::new(Stored {
            text: object.to_string(),
            uid: before.uid.clone(),
            labels: before.labels.clone(),
            fields: before.fields.clone(),
        });
        self.note(place, Some(before), last, true);
        true
    }

    fn note(&mut self, place: Place, before: Option<Arc<Stored>>, object: Arc<Stored>, deleted: bool) {
        self.changes.push_back(Change {
            version: self.version,
            place,
            before,
            object,
            deleted,
        });
        if self.changes.len() > REMEMBERED {
            self.compacted = self
                .changes
                .pop_front()
                .map_or(self.compacted, |change| change.version);
        }
    }

    /// Forgets every version but the last.
    pub(super) fn compact(&mut self) {
        self.compacted = self.version;
        self.changes.clear();
        self.lists.clear();
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        let place = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.objects.get(&place).cloned()
    }

    /// The names of all objects of a kind, with their namespaces.
    pub(super) fn names(&self, plural: &str) -> Vec<(String, String)> {
        let of_kind = self.objects.keys().filter(|(of, _, _)| of == plural);
        of_kind
            .map(|(_, namespace, name)| (namespace.clone(), name.clone()))
            .collect()
    }

    /// The first page of a list, of `limit` objects; 0: of all of them.
    pub(super) fn list(&mut self, query: &Query, limit: usize) -> Listed {
        let covered = self.objects.iter().filter(|(place, _)| query.covers(place));
        let selected = covered.filter(|(_, object)| query.selects(object));
        let all = selected.map(|(_, object)| Arc::clone(object)).collect();
        self.page(self.version, all, limit)
    }

    /// The next page of a list. Nothing: it has expired.
    pub(super) fn go_on(&mut self, continuation: u64, limit: usize) -> Option<Listed> {
        let (version, rest) = self.lists.remove(&continuation)?;
        Some(self.page(version, rest, limit))
    }

    fn page(&mut self, version: u64, mut all: VecDeque<Arc<Stored>>, limit: usize) -> Listed {
        let count = if limit == 0 {
            all.len()
        } else {
            limit.min(all.len())
        };
        let items = all.drain(..count).collect();
        let left = all.len();
        let continuation = (left > 0).then(|| {
            self.last_list += 1;
            self.lists.insert(self.last_list, (version, all));
            self.last_list
        });
        Listed {
            version,
            items,
            continuation,
            left,
        }
    }

    /// The changes after `version`.
    pub(super) fn since(&self, version: u64) -> Vec<Change> {
        let from = self.changes.partition_point(|change| change.version <= version);
        self.changes.iter().skip(from).cloned().collect()
    }
}

/// The object with nothing but its metadata, as `PartialObjectMetadata`.
pub(super) fn partial(text: &str) -> String {
    let object: Value = serde_json::from_str(text).unwrap_or_default();
    let metadata = object.get("metadata").cloned().unwrap_or_default();
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata}).to_string()
}
