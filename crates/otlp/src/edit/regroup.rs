//! Other company for items: equal envelopes become one, and what items have in common moves to their resources.

use std::ops::Range;

use bytes::Bytes;

use super::{
    forest::{Forest, Identity, ROOT},
    grouping::{Grouper, Grouping, GroupingScratch},
    layout::{Layout, Node},
    shape::{Kind, Level},
};
use crate::{IdentityHasher, Signal, WireError};

/// Regroups requests, one after the other, reusing its memory.
///
/// Envelopes are the same if the bytes of their shells are: of a resource envelope the `Resource` and the schema URL, of a scope
/// envelope the `InstrumentationScope` and the schema URL, of a metric everything but its data points, and in all of them fields
/// that we do not know. The first of those that are the same has the place.
#[derive(Debug)]
pub struct Regrouper {
    layout: Layout,
    forest: Forest,
    places: Vec<usize>,
    shells: [Vec<u8>; 2],
    grouping: GroupingScratch,
}

/// A regrouped request. It is not written before one of the methods asks for the bytes.
#[derive(Debug)]
pub struct Regrouped<'r> {
    input: &'r Bytes,
    forest: &'r Forest,
    changed: bool,
    /// How many envelopes became one with another that came before them. 0 where nothing changed.
    pub joined: usize,
    /// What became of the items.
    pub items: GroupedItems,
}

/// What became of the items of a request, by [`Regrouper::group`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupedItems {
    /// Items whose attributes moved.
    pub grouped: u64,
    /// Items that have none of the attributes.
    pub without: u64,
    /// Items that stayed as they were because they would have needed one group more than there may be, or more bytes.
    pub beyond: u64,
    /// Groups: values of the attributes with a resource.
    pub groups: u64,
}

impl Regrouper {
    /// A regrouper that holds no memory yet. `seed` is of the hashes by which it finds envelopes and groups: a random one where senders
    /// could choose resources that collide.
    pub fn new(seed: u64) -> Self {
        let hasher = IdentityHasher::new(seed);
        Regrouper {
            layout: Layout::default(),
            forest: Forest::new(hasher),
            places: Vec::new(),
            shells: [Vec::new(), Vec::new()],
            grouping: GroupingScratch::new(hasher),
        }
    }

    /// Makes one of resource envelopes that are the same, and within them of scope envelopes; with `metrics` also of metrics
    /// within a scope, whose data points follow each other. A metric without data, or with several data fields, is the same as no other.
    /// Items keep their bytes, and their order within what they stand in.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope.
    pub fn compact<'r>(
        &'r mut self,
        signal: Signal,
        request: &'r Bytes,
        metrics: bool,
    ) -> Result<Regrouped<'r>, WireError> {
        let level = match signal {
            Signal::Metrics if !metrics => Level::Metric,
            _ => Level::Item,
        };
        self.layout.read(signal, request, level)?;
        let [shell, other] = &mut self.shells;
        self.forest.begin(self.layout.shell(request, ROOT, shell));
        let mut compactor = Compactor {
            input: request,
            layout: &self.layout,
            forest: &mut self.forest,
            places: &mut self.places,
        };
        compactor.envelopes(level, shell, other);
        let joined = compactor.forest.joined;
        if joined > 0 {
            compactor.contents(signal, level);
        }
        self.forest.close();
        Ok(Regrouped {
            input: request,
            forest: &self.forest,
            changed: joined > 0,
            joined,
            items: GroupedItems::default(),
        })
    }

    /// Moves the attributes that `grouping` names from items to the resource, which they then have for themselves: items of the same
    /// resource with the same values stand under one resource envelope, those without any stay. An attribute of the resource
    /// that has the name already gives way.
    ///
    /// Where anything moves, envelopes that are the same become one and those without items are left out.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope, or with an attribute of an item or a resource that had to be read.
    pub fn group<'r>(
        &'r mut self,
        signal: Signal,
        request: &'r Bytes,
        grouping: &Grouping,
    ) -> Result<Regrouped<'r>, WireError> {
        self.layout.read(signal, request, Level::Item)?;
        let [shell, _] = &mut self.shells;
        self.forest.begin(self.layout.shell(request, ROOT, shell));
        let mut grouper = Grouper::new(
            (signal, request),
            &self.layout,
            &mut self.forest,
            grouping,
            &mut self.grouping,
        );
        let items = grouper.run()?;
        let changed = items.grouped > 0;
        self.forest.close();
        Ok(Regrouped {
            input: request,
            changed,
            joined: 0,
            forest: &self.forest,
            items,
        })
    }
}

impl Regrouped<'_> {
    /// Whether nothing was changed, so that the bytes are those that came in.
    pub fn is_unchanged(&self) -> bool {
        !self.changed
    }

    /// The length of the regrouped request in bytes.
    pub fn output_len(&self) -> usize {
        if self.changed {
            self.forest.output_len()
        } else {
            self.input.len()
        }
    }

    /// The regrouped request in one piece: the input itself if nothing was changed, else a copy in one allocation.
    pub fn to_bytes(&self) -> Bytes {
        if self.changed {
            self.forest.to_bytes(self.input)
        } else {
            self.input.clone()
        }
    }

    /// The regrouped request in pieces, to be written one after the other; they are no requests by themselves. Items that stand one
    /// behind the other over 4 KiB and more are slices of the input, everything else stands in one new allocation.
    pub fn to_segments(&self) -> Vec<Bytes> {
        if self.changed {
            self.forest.segments(self.input)
        } else {
            vec![self.input.clone()]
        }
    }
}

/// Metrics that are not looked into have no place of their own: they stand in their scope's.
const WITHIN: usize = usize::MAX;

struct Compactor<'a> {
    input: &'a [u8],
    layout: &'a Layout,
    forest: &'a mut Forest,
    /// Of each node of the layout, the envelope that takes in what it contains.
    places: &'a mut Vec<usize>,
}

impl Compactor<'_> {
    /// Finds a place for each envelope.
    fn envelopes(&mut self, level: Level, shell: &mut Vec<u8>, other: &mut Vec<u8>) {
        self.places.clear();
        self.places.push(ROOT);
        let layout = self.layout;
        for (index, node) in layout.nodes.iter().enumerate().skip(1) {
            let parent = self.place(node.parent);
            let place = match node.kind {
                Kind::Metric if level == Level::Metric => WITHIN,
                // The place of a metric is that of its data.
                Kind::Data => parent,
                Kind::Metric => match only_data(layout, index) {
                    Some((at, data)) => self.forest.find(&Identity {
                        parent,
                        number: node.number,
                        shell: layout.shell(self.input, index, shell),
                        data: Some((data.number, layout.shell(self.input, at, other))),
                    }),
                    None => {
                        let whole = self.input.get(node.body.clone()).unwrap_or_default();
                        self.forest.add(parent, node.number, whole);
                        WITHIN
                    }
                },
                Kind::Request | Kind::Resource | Kind::Scope => self.forest.find(&Identity {
                    parent,
                    number: node.number,
                    shell: layout.shell(self.input, index, shell),
                    data: None,
                }),
            };
            self.places.push(place);
        }
    }

    fn place(&self, node: usize) -> usize {
        self.places.get(node).copied().unwrap_or(WITHIN)
    }

    /// Puts what is in the envelopes into their places.
    fn contents(&mut self, signal: Signal, level: Level) {
        let layout = self.layout;
        for (index, node) in layout.nodes.iter().enumerate() {
            if node.kind == Kind::Metric && level == Level::Metric {
                let scope = self.place(node.parent);
                self.forest.push(scope, node.start..node.body.end);
            } else if node.kind.child(signal).is_none() {
                let place = self.place(index);
                for item in layout.items_of(node) {
                    self.forest.push(place, item.start..item.end);
                }
            }
        }
    }
}

/// The data of the metric `index`, if it has one field of data and no more.
pub(super) fn only_data(layout: &Layout, index: usize) -> Option<(usize, &Node)> {
    let metric = layout.nodes.get(index)?;
    let children = index + 1..metric.next;
    let only: Range<usize> = index + 1..index + 2;
    (children == only).then_some(())?;
    Some((index + 1, layout.nodes.get(index + 1)?))
}
