//! Attributes that move from items to resources: what to look for, and which items belong together.

use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::{
    encode,
    forest::{Forest, Identity, ROOT},
    layout::{Item, Layout, Node},
    regroup::{GroupedItems, only_data},
    scan::{KeyValue, Scan},
    shape::{self, Kind},
};
use crate::{IdentityHasher, Signal, WireError, fields};

/// Shells are repeated with each group. As many times the length of the request they may take together, and these bytes: beyond
/// that no item moves to a place that would have to be made.
const GROWTH_MAX: usize = 4;
const GROWTH_FREE: usize = 64 << 10;

/// The attributes that move from items to resources.
#[derive(Clone, Debug)]
pub struct Grouping {
    keys: Vec<Box<[u8]>>,
    /// One bit for each length of a key, modulo 64.
    lengths: u64,
    groups_max: usize,
}

impl Grouping {
    /// Attributes of these names, and at most `groups_max` groups in a request.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>, groups_max: usize) -> Self {
        let keys: Vec<Box<[u8]>> = keys.into_iter().map(|key| key.as_bytes().into()).collect();
        let lengths = keys.iter().fold(0, |all, key| all | 1 << (key.len() & 63));
        Grouping {
            keys,
            lengths,
            groups_max,
        }
    }

    #[inline]
    fn position(&self, key: &[u8]) -> Option<usize> {
        self.keys.iter().position(|other| **other == *key)
    }
}

/// A resource of the input with values that its items have.
#[derive(Debug)]
struct Group {
    /// The resource envelope in the layout.
    source: usize,
    hash: u64,
    /// In [`GroupingScratch::values`]: attributes, as fields of a `Resource`.
    values: Range<usize>,
    /// Its resource envelope in the forest, once it has one.
    place: Option<usize>,
}

/// What is kept between requests.
#[derive(Debug)]
pub(super) struct GroupingScratch {
    hasher: IdentityHasher,
    groups: Vec<Group>,
    known: HashTable<usize>,
    values: Vec<u8>,
    /// For those that stay and then for each group: the leaf of the layout that was there last, and its place in the forest.
    targets: Vec<(usize, usize)>,
    item: Found,
    shell: Vec<u8>,
    other: Vec<u8>,
}

/// What was found in one item.
#[derive(Debug, Default)]
struct Found {
    /// For each key the first attribute that has it.
    first: SmallVec<[Option<Range<usize>>; 8]>,
    /// The fields of all of them.
    cuts: Vec<Range<usize>>,
    /// The first ones, as fields of a `Resource`.
    values: Vec<u8>,
}

impl GroupingScratch {
    pub(super) fn new(hasher: IdentityHasher) -> Self {
        GroupingScratch {
            hasher,
            groups: Vec::new(),
            known: HashTable::new(),
            values: Vec::new(),
            targets: Vec::new(),
            item: Found::default(),
            shell: Vec::new(),
            other: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.known.clear();
        self.values.clear();
        self.targets.clear();
        self.targets.push(NOWHERE);
    }

    /// The group of the item that was read, made if it is new and may be: 0 for none, else its number.
    fn group(&mut self, source: usize, last: usize, max: usize) -> usize {
        let GroupingScratch {
            groups,
            known,
            values,
            ..
        } = self;
        let wanted = self.item.values.as_slice();
        let is = |group: &Group| group.source == source && values.get(group.values.clone()) == Some(wanted);
        if last
            .checked_sub(1)
            .and_then(|last| groups.get(last))
            .is_some_and(is)
        {
            return last;
        }
        let hash = self.hasher.pair(source as u64, self.hasher.bytes(wanted));
        if let Some(index) = known.find(hash, |index| groups.get(*index).is_some_and(is)) {
            return *index + 1;
        }
        if groups.len() >= max {
            return STAYS;
        }
        let start = values.len();
        values.extend_from_slice(wanted);
        let index = groups.len();
        groups.push(Group {
            source,
            hash,
            values: start..values.len(),
            place: None,
        });
        self.targets.push(NOWHERE);
        known.insert_unique(hash, index, |index| {
            groups.get(*index).map_or(0, |group| group.hash)
        });
        index + 1
    }
}

/// The number of those that stay where they are.
const STAYS: usize = 0;

/// A leaf that is none.
const NOWHERE: (usize, usize) = (usize::MAX, ROOT);

/// Puts each item of a request where it belongs.
pub(super) struct Grouper<'a> {
    signal: Signal,
    input: &'a Bytes,
    layout: &'a Layout,
    forest: &'a mut Forest,
    grouping: &'a Grouping,
    scratch: &'a mut GroupingScratch,
    items: GroupedItems,
    /// The most bytes that shells may take.
    shells_max: usize,
}

impl<'a> Grouper<'a> {
    pub(super) fn new(
        (signal, input): (Signal, &'a Bytes),
        layout: &'a Layout,
        forest: &'a mut Forest,
        grouping: &'a Grouping,
        scratch: &'a mut GroupingScratch,
    ) -> Self {
        scratch.clear();
        Grouper {
            signal,
            input,
            layout,
            forest,
            grouping,
            scratch,
            items: GroupedItems::default(),
            shells_max: input.len().saturating_mul(GROWTH_MAX).saturating_add(GROWTH_FREE),
        }
    }

    /// Goes through all items.
    pub(super) fn run(&mut self) -> Result<GroupedItems, WireError> {
        let layout = self.layout;
        let mut source = ROOT;
        for (index, node) in layout.nodes.iter().enumerate() {
            match node.kind {
                Kind::Resource => source = index,
                Kind::Data if only_data(layout, node.parent).is_none() => {}
                Kind::Metric if only_data(layout, index).is_none() => self.keep_whole(node)?,
                _ if node.kind.child(self.signal).is_none() => self.leaf(source, index, node)?,
                _ => {}
            }
        }
        self.items.groups = self.scratch.groups.len() as u64;
        Ok(self.items)
    }

    /// A metric whose data points stand in several fields stays as it is: protobuf keeps the last of them, we keep all.
    fn keep_whole(&mut self, metric: &Node) -> Result<(), WireError> {
        if metric.items.is_empty() {
            return Ok(());
        }
        self.items.without += metric.items.len() as u64;
        let scope = self.scope(STAYS, metric.parent)?;
        let whole = self.input.get(metric.body.clone()).unwrap_or_default();
        self.forest.add(scope, metric.number, whole);
        Ok(())
    }

    /// The items of one scope, or of one metric.
    fn leaf(&mut self, source: usize, index: usize, node: &Node) -> Result<(), WireError> {
        let data = if node.kind == Kind::Data { node.number } else { 0 };
        let attributes = shape::item_attributes(self.signal, data);
        let mut last = STAYS;
        for item in self.layout.items_of(node) {
            let mut to = STAYS;
            if self.read(attributes, item)? {
                to = self.scratch.group(source, last, self.grouping.groups_max);
                let place = self.target(to, index)?;
                if to != STAYS && place.is_some() {
                    last = to;
                } else {
                    to = STAYS;
                    self.items.beyond += 1;
                }
            } else {
                self.items.without += 1;
            }
            let place = self.target(to, index)?.unwrap_or(ROOT);
            if to == STAYS {
                self.forest.push(place, item.start..item.end);
            } else {
                self.items.grouped += 1;
                let number = node.kind.item_number();
                self.forest
                    .push_thinned(place, number, item.range(), &self.scratch.item.cuts);
            }
        }
        Ok(())
    }

    /// Looks for the attributes in an item; false if it has none of them.
    #[inline]
    fn read(&mut self, attributes: u32, item: &Item) -> Result<bool, WireError> {
        let found = &mut self.scratch.item;
        found.cuts.clear();
        let mut scan = Scan::new(self.input, item.range());
        while let Some(field) = scan.next_attribute(attributes, self.grouping.lengths)? {
            let body = field.body()?;
            let key = KeyValue::read(self.input, body.clone())?.key;
            let Some(at) = self.grouping.position(key) else {
                continue;
            };
            if found.cuts.is_empty() {
                found.first.clear();
                found.first.resize(self.grouping.keys.len(), None);
            }
            found.cuts.push(field.field());
            if let Some(first) = found.first.get_mut(at) {
                first.get_or_insert(body);
            }
        }
        if found.cuts.is_empty() {
            return Ok(false);
        }
        found.values.clear();
        for value in found.first.iter().flatten() {
            let value = self.input.get(value.clone()).unwrap_or_default();
            encode::put_bytes(&mut found.values, fields::resource::ATTRIBUTES, value);
        }
        Ok(true)
    }

    /// Where items of the leaf go that belong to a group; nothing if there is no place and no room for one.
    #[inline]
    fn target(&mut self, group: usize, leaf: usize) -> Result<Option<usize>, WireError> {
        match self.scratch.targets.get(group) {
            Some((known, place)) if *known == leaf => Ok(Some(*place)),
            _ => self.new_target(group, leaf),
        }
    }

    fn new_target(&mut self, group: usize, leaf: usize) -> Result<Option<usize>, WireError> {
        if group != STAYS && self.forest.shell_bytes() > self.shells_max {
            return Ok(None);
        }
        let Some(node) = self.layout.nodes.get(leaf) else {
            return Ok(None);
        };
        let place = match node.kind {
            Kind::Data => self.metric(group, leaf, node)?,
            _ => self.scope(group, leaf)?,
        };
        if let Some(target) = self.scratch.targets.get_mut(group) {
            *target = (leaf, place);
        }
        Ok(Some(place))
    }

    fn metric(&mut self, group: usize, data: usize, node: &Node) -> Result<usize, WireError> {
        let Some(metric) = self.layout.nodes.get(node.parent) else {
            return Ok(ROOT);
        };
        let parent = self.scope(group, metric.parent)?;
        let GroupingScratch { shell, other, .. } = &mut *self.scratch;
        let (layout, input) = (self.layout, self.input);
        Ok(self.forest.find(&Identity {
            parent,
            number: metric.number,
            shell: layout.shell(input, node.parent, shell),
            data: Some((node.number, layout.shell(input, data, other))),
        }))
    }

    fn scope(&mut self, group: usize, scope: usize) -> Result<usize, WireError> {
        let Some(node) = self.layout.nodes.get(scope) else {
            return Ok(ROOT);
        };
        let parent = self.resource(group, node.parent)?;
        let shell = self.layout.shell(self.input, scope, &mut self.scratch.shell);
        Ok(self.forest.find(&Identity {
            parent,
            number: node.number,
            shell,
            data: None,
        }))
    }

    fn resource(&mut self, group: usize, resource: usize) -> Result<usize, WireError> {
        let number = fields::trace_service_request::RESOURCE_SPANS;
        let mut identity = Identity {
            parent: ROOT,
            number,
            shell: &[],
            data: None,
        };
        let GroupingScratch {
            groups,
            values,
            shell,
            other,
            ..
        } = &mut *self.scratch;
        let Some(group) = group.checked_sub(1).and_then(|group| groups.get_mut(group)) else {
            identity.shell = self.layout.shell(self.input, resource, shell);
            return Ok(self.forest.find(&identity));
        };
        if let Some(place) = group.place {
            return Ok(place);
        }
        let values = values.get(group.values.clone()).unwrap_or_default();
        let Some(node) = self.layout.nodes.get(resource) else {
            return Ok(ROOT);
        };
        other.clear();
        put_attributes(self.layout.head(self.input, &node.head), values, other)?;
        shell.clear();
        encode::put_bytes(shell, fields::resource_spans::RESOURCE, other);
        self.layout.other_fields(self.input, node, shell)?;
        identity.shell = shell;
        let place = self.forest.find(&identity);
        group.place = Some(place);
        Ok(place)
    }
}

/// Writes a `Resource` with these attributes behind its own, in place of those of its own that have the same key.
fn put_attributes(resource: &[u8], values: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut scan = Scan::new(resource, 0..resource.len());
    while let Some(field) = scan.next_field()? {
        if field.number == fields::resource::ATTRIBUTES {
            let key = KeyValue::read(resource, field.body()?)?.key;
            if has_key(values, key)? {
                continue;
            }
        }
        out.extend_from_slice(resource.get(field.field()).unwrap_or_default());
    }
    out.extend_from_slice(values);
    Ok(())
}

fn has_key(values: &[u8], key: &[u8]) -> Result<bool, WireError> {
    let attributes = fields::resource::ATTRIBUTES;
    let found = super::scan::find_attribute(values, 0..values.len(), attributes, key)?;
    Ok(found.is_some())
}
