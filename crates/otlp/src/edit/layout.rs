//! Where everything stands in a request: found in one walk over the envelopes, without looking into items.

use std::ops::Range;

use super::{
    scan::{Placed, Scan},
    shape::{self, Kind, Level, Role},
};
use crate::{Signal, WireError};

/// What a reused layout keeps allocated between requests, in elements. More is given back.
const KEPT: usize = 1 << 16;

/// The `Resource` or `InstrumentationScope` of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Missing,
    /// The tag's place, and the message's.
    Once(usize, Range<usize>),
    /// The field occurs several times, which protobuf reads as one message: their concatenation, at this place in
    /// [`Layout::merged`].
    Repeated(Range<usize>),
}

/// A request, envelope, metric or metric data.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Its field number in its parent.
    pub(super) number: u32,
    pub(super) parent: usize,
    /// Where its tag stands, and its message.
    pub(super) start: usize,
    pub(super) body: Range<usize>,
    pub(super) head: Head,
    /// Its fields that are not children: places in [`Layout::shells`], and their length in bytes.
    pub(super) shells: Range<usize>,
    pub(super) shell_bytes: usize,
    /// The items in it, at any depth.
    pub(super) items: Range<usize>,
    /// The node after it and its descendants.
    pub(super) next: usize,
}

/// A span, log record or data point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Where its tag stands, where its message starts and where both end.
    pub(super) start: usize,
    pub(super) body: usize,
    pub(super) end: usize,
}

impl Item {
    #[inline]
    pub(super) const fn range(&self) -> Range<usize> {
        self.body..self.end
    }
}

/// The tree of a request in preorder, and its items in the order of the input.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Node>,
    pub(super) items: Vec<Item>,
    pub(super) shells: Vec<Range<usize>>,
    pub(super) merged: Vec<u8>,
}

/// The item a predicate is asked about, with what it stands in. All are the bodies of messages in wire format, as they
/// arrived: edits made in the same pass do not show.
#[derive(Clone, Copy, Debug)]
pub struct ItemContext<'a> {
    /// What kind of item it is.
    pub signal: Signal,
    /// The `Resource`; empty if there is none.
    pub resource: &'a [u8],
    /// The `InstrumentationScope`; empty if there is none.
    pub scope: &'a [u8],
    /// The metric of a data point.
    pub metric: Option<MetricContext<'a>>,
    /// The field number of the attributes in `item`, which differs among the kinds of items.
    pub attributes: u32,
    /// The `Span`, `LogRecord` or data point.
    pub item: &'a [u8],
}

/// The metric that a data point belongs to.
#[derive(Clone, Copy, Debug)]
pub struct MetricContext<'a> {
    /// The `Metric` as a whole, with all its data points.
    pub metric: &'a [u8],
    /// The field number of its data (`fields::metric::GAUGE` and so on), which tells the type of the data point.
    pub data: u32,
}

impl Layout {
    /// Reads the envelopes of a request as far down as `level`.
    pub(super) fn read(&mut self, signal: Signal, input: &[u8], level: Level) -> Result<(), WireError> {
        self.clear();
        let request = Node::new(Kind::Request, 0, 0, 0..input.len());
        self.nodes.push(request);
        Reader {
            layout: self,
            signal,
            input,
            level,
        }
        .node(0)
    }

    fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.shrink_to(KEPT);
        self.items.clear();
        self.items.shrink_to(KEPT);
        self.shells.clear();
        self.shells.shrink_to(KEPT);
        self.merged.clear();
        self.merged.shrink_to(KEPT);
    }

    /// The message of a head: empty if it is missing.
    pub(super) fn head<'a>(&'a self, input: &'a [u8], head: &Head) -> &'a [u8] {
        match head {
            Head::Missing => &[],
            Head::Once(_, body) => input.get(body.clone()).unwrap_or_default(),
            Head::Repeated(range) => self.merged.get(range.clone()).unwrap_or_default(),
        }
    }

    /// The fields of a node that are not children, as they came. They are collected in `scratch` where they do not stand together.
    pub(super) fn shell<'s>(&self, input: &'s [u8], index: usize, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        let shells = self.nodes.get(index).map_or(0..0, |node| node.shells.clone());
        let piece = |range: &Range<usize>| input.get(range.clone()).unwrap_or_default();
        match self.shells.get(shells).unwrap_or_default() {
            [] => &[],
            [only] => piece(only),
            ranges => {
                scratch.clear();
                for range in ranges {
                    scratch.extend_from_slice(piece(range));
                }
                scratch
            }
        }
    }

    /// Appends the fields of a node that are neither children nor its head.
    pub(super) fn other_fields(&self, input: &[u8], node: &Node, out: &mut Vec<u8>) -> Result<(), WireError> {
        for range in self.shells.get(node.shells.clone()).unwrap_or_default() {
            let mut scan = Scan::new(input, range.clone());
            while let Some(field) = scan.next_field()? {
                if node.kind.role(field.number) == Role::Shell {
                    out.extend_from_slice(input.get(field.field()).unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// The context of the items in node `leaf`, still without an item.
    pub(super) fn context<'a>(&'a self, signal: Signal, input: &'a [u8], leaf: usize) -> ItemContext<'a> {
        let mut context = ItemContext {
            signal,
            resource: &[],
            scope: &[],
            metric: None,
            attributes: 0,
            item: &[],
        };
        let mut data = 0;
        let mut at = leaf;
        while let Some(node) = self.nodes.get(at) {
            match node.kind {
                Kind::Request => break,
                Kind::Resource => context.resource = self.head(input, &node.head),
                Kind::Scope => context.scope = self.head(input, &node.head),
                Kind::Metric => {
                    let metric = input.get(node.body.clone()).unwrap_or_default();
                    context.metric = Some(MetricContext { metric, data });
                }
                Kind::Data => data = node.number,
            }
            at = node.parent;
        }
        context.attributes = shape::item_attributes(signal, data);
        context
    }

    /// The nodes that contain items directly, with these items.
    pub(super) fn leaves(&self, signal: Signal) -> impl Iterator<Item = (usize, &[Item])> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(move |(_, node)| node.kind.child(signal).is_none())
            .map(|(index, node)| (index, self.items_of(node)))
    }

    pub(super) fn items_of(&self, node: &Node) -> &[Item] {
        self.items.get(node.items.clone()).unwrap_or_default()
    }
}

impl Node {
    fn new(kind: Kind, number: u32, start: usize, body: Range<usize>) -> Self {
        Node {
            kind,
            number,
            parent: 0,
            start,
            body,
            head: Head::Missing,
            shells: 0..0,
            shell_bytes: 0,
            items: 0..0,
            next: 0,
        }
    }
}

struct Reader<'a, 'l> {
    layout: &'l mut Layout,
    signal: Signal,
    input: &'a [u8],
    level: Level,
}

impl<'a> Reader<'a, '_> {
    /// Reads the node at `index`: its own fields first, so that they stand together, then its children.
    fn node(&mut self, index: usize) -> Result<(), WireError> {
        let Some(mut node) = self.layout.nodes.get(index).cloned() else {
            return Ok(());
        };
        node.items.start = self.layout.items.len();
        node.shells = self.layout.shells.len()..self.layout.shells.len();
        self.own_fields(&mut node)?;
        if node.kind.leads_to(self.level)
            && let Some(kind) = node.kind.child(self.signal)
        {
            self.children(&node, kind, index)?;
        }
        node.items.end = self.layout.items.len();
        node.next = self.layout.nodes.len();
        if let Some(place) = self.layout.nodes.get_mut(index) {
            *place = node;
        }
        Ok(())
    }

    fn scan(&self, body: &Range<usize>) -> Scan<'a> {
        Scan::new(self.input, body.clone())
    }

    /// Notes the head and the shell, and the items if the node contains items directly.
    fn own_fields(&mut self, node: &mut Node) -> Result<(), WireError> {
        let holds_items = node.kind.child(self.signal).is_none() && node.kind.leads_to(self.level);
        let item_tag = node.kind.item_tag();
        let mut scan = self.scan(&node.body);
        loop {
            if holds_items {
                self.items(&mut scan, item_tag);
            }
            let Some(field) = scan.next_field()? else { break };
            match node.kind.role(field.number) {
                Role::Child if holds_items => {
                    let body = field.body()?;
                    self.layout.items.push(Item {
                        start: field.start,
                        body: body.start,
                        end: body.end,
                    });
                }
                Role::Child => {
                    field.body()?;
                }
                Role::Head => {
                    self.head(node, &field)?;
                    self.shell(node, &field);
                }
                Role::Shell => self.shell(node, &field),
            }
        }
        Ok(())
    }

    /// Notes the items of the usual form that come next: nearly all bytes of a request, and so the short way.
    fn items(&mut self, scan: &mut Scan<'a>, tag: u8) {
        while let Some((start, body, end)) = scan.next_message(tag) {
            self.layout.items.push(Item { start, body, end });
        }
    }

    fn shell(&mut self, node: &mut Node, field: &Placed) {
        node.shell_bytes += field.end - field.start;
        match self.layout.shells.last_mut() {
            Some(last) if !node.shells.is_empty() && last.end == field.start => last.end = field.end,
            _ => {
                self.layout.shells.push(field.start..field.end);
                node.shells.end += 1;
            }
        }
    }

    fn head(&mut self, node: &mut Node, field: &Placed) -> Result<(), WireError> {
        let body = field.body()?;
        let bytes = self.input.get(body.clone()).unwrap_or_default();
        let merged = &mut self.layout.merged;
        node.head = match &node.head {
            Head::Missing => Head::Once(field.start, body),
            Head::Once(_, first) => {
                let start = merged.len();
                merged.extend_from_slice(self.input.get(first.clone()).unwrap_or_default());
                merged.extend_from_slice(bytes);
                Head::Repeated(start..merged.len())
            }
            Head::Repeated(range) => {
                merged.extend_from_slice(bytes);
                Head::Repeated(range.start..merged.len())
            }
        };
        Ok(())
    }

    fn children(&mut self, node: &Node, kind: Kind, parent: usize) -> Result<(), WireError> {
        let mut scan = self.scan(&node.body);
        while let Some(field) = scan.next_field()? {
            if node.kind.role(field.number) == Role::Child {
                let index = self.layout.nodes.len();
                let child = Node::new(kind, field.number, field.start, field.body()?);
                self.layout.nodes.push(Node { parent, ..child });
                self.node(index)?;
            }
        }
        Ok(())
    }
}
