//! One pass of edits over the tree of a request.

use std::ops::Range;

use bytes::Bytes;

use super::{
    layout::{Head, ItemContext, Layout, Node},
    patch::Patch,
    scan::Scan,
    shape::{Kind, Level, Role},
    splice::Edits,
};
use crate::{Signal, WireError, fields};

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, with the changes made to it.
    Keep,
    /// It goes. A scope, metric or resource that loses its last item goes too.
    Drop,
}

/// What is to be changed in a request. Each method gets the messages of its level in the order of the request, outer ones
/// before those inside them.
///
/// An error from any method ends the pass, and the request stays as it was.
pub trait Edit {
    /// The innermost level that this edit looks at. What lies below is not read: a pass over resources costs the same for one
    /// item as for a million.
    fn level(&self) -> Level {
        Level::Item
    }

    /// Edits the resource of a resource envelope; its message is empty, and comes into being if need be, where there is none.
    fn resource(&mut self, _resource: &mut Patch<'_>) -> Result<(), WireError> {
        Ok(())
    }

    /// Edits the scope of a scope envelope; its message is empty, and comes into being if need be, where there is none.
    fn scope(&mut self, _scope: &mut Patch<'_>) -> Result<(), WireError> {
        Ok(())
    }

    /// Edits a metric, apart from its data points.
    fn metric(&mut self, _metric: &mut Patch<'_>) -> Result<(), WireError> {
        Ok(())
    }

    /// Whether items are changed. If not, [`Edit::decide`] is asked about them in place of [`Edit::item`], which costs less.
    #[inline]
    fn changes_items(&self) -> bool {
        true
    }

    /// Whether an item stays.
    fn decide(&mut self, _context: &ItemContext<'_>) -> Result<Verdict, WireError> {
        Ok(Verdict::Keep)
    }

    /// Edits an item, or drops it.
    fn item(&mut self, _context: &ItemContext<'_>, _item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        Ok(Verdict::Keep)
    }
}

/// A pass underway: by how much each message grows is handed from the inside out.
pub(super) struct Pass<'a, E> {
    pub(super) signal: Signal,
    pub(super) input: &'a [u8],
    pub(super) layout: &'a Layout,
    pub(super) edits: &'a mut Edits,
    pub(super) edit: &'a mut E,
    pub(super) kept: usize,
    pub(super) dropped: usize,
}

impl<E: Edit> Pass<'_, E> {
    /// Runs the pass over the whole request.
    pub(super) fn run(&mut self) -> Result<(), WireError> {
        let layout = self.layout;
        if let Some(request) = layout.nodes.first() {
            self.inside(0, request)?;
        }
        self.edits.finish();
        Ok(())
    }

    /// Edits a node that is not the request itself.
    fn node(&mut self, index: usize, node: &Node) -> Result<isize, WireError> {
        let frame = self.edits.open(node.number, node.start, node.body.clone());
        let (kept, dropped) = (self.kept, self.dropped);
        let growth = self.own(node)? + self.inside(index, node)?;
        if self.dropped > dropped && self.kept == kept {
            return Ok(self.edits.remove(&frame));
        }
        Ok(self.edits.close(&frame, growth))
    }

    fn inside(&mut self, index: usize, node: &Node) -> Result<isize, WireError> {
        if node.kind.child(self.signal).is_none() {
            return self.items(index, node);
        }
        let layout = self.layout;
        let mut growth = 0;
        let mut at = index + 1;
        while at < node.next
            && let Some(child) = layout.nodes.get(at)
        {
            growth += self.node(at, child)?;
            at = child.next;
        }
        Ok(growth)
    }

    /// Edits what the node says itself: its head, or the fields of a metric.
    fn own(&mut self, node: &Node) -> Result<isize, WireError> {
        match node.kind {
            Kind::Resource => {
                let edit = &mut *self.edit;
                Self::head(self.input, self.layout, self.edits, node, |patch| {
                    edit.resource(patch)
                })
            }
            Kind::Scope if self.edit.level() >= Level::Scope => {
                let edit = &mut *self.edit;
                Self::head(self.input, self.layout, self.edits, node, |patch| {
                    edit.scope(patch)
                })
            }
            Kind::Metric => {
                let mark = self.edits.mark();
                let metadata = fields::metric::METADATA;
                self.edit.metric(&mut Patch::of_metric(
                    self.input,
                    node.body.clone(),
                    metadata,
                    self.edits,
                ))?;
                Ok(self.edits.settle(mark))
            }
            _ => Ok(0),
        }
    }

    fn head(
        input: &[u8],
        layout: &Layout,
        edits: &mut Edits,
        node: &Node,
        edit: impl FnOnce(&mut Patch<'_>) -> Result<(), WireError>,
    ) -> Result<isize, WireError> {
        let attributes = match node.kind {
            Kind::Resource => fields::resource::ATTRIBUTES,
            _ => fields::instrumentation_scope::ATTRIBUTES,
        };
        let (start, body) = match &node.head {
            Head::Missing => (node.body.start, node.body.start..node.body.start),
            Head::Once(start, body) => (*start, body.clone()),
            Head::Repeated(merged) => {
                let message = layout.merged.get(merged.clone()).unwrap_or_default();
                return repeated_head(input, edits, node, message, |edits| {
                    edit(&mut Patch::new(message, 0..message.len(), attributes, edits))
                });
            }
        };
        let frame = edits.open(HEAD, start, body.clone());
        let mark = edits.mark();
        edit(&mut Patch::new(input, body, attributes, edits))?;
        let growth = edits.settle(mark);
        Ok(edits.close(&frame, growth))
    }

    fn items(&mut self, index: usize, node: &Node) -> Result<isize, WireError> {
        if !self.edit.changes_items() {
            return self.decide(index, node);
        }
        let layout = self.layout;
        let number = node.kind.item_number();
        let mut context = layout.context(self.signal, self.input, index);
        let mut growth = 0;
        for item in layout.items_of(node) {
            context.item = self.input.get(item.range()).unwrap_or_default();
            let frame = self.edits.open(number, item.start, item.range());
            let mark = self.edits.mark();
            let mut patch = Patch::new(self.input, item.range(), context.attributes, self.edits);
            match self.edit.item(&context, &mut patch)? {
                Verdict::Keep => {
                    let inner = self.edits.settle(mark);
                    growth += self.edits.close(&frame, inner);
                    self.kept += 1;
                }
                Verdict::Drop => {
                    growth += self.edits.remove(&frame);
                    self.dropped += 1;
                }
            }
        }
        Ok(growth)
    }

    /// Asks about each item, which stays as it is or goes: nothing needs to be prepared for changes in it.
    fn decide(&mut self, index: usize, node: &Node) -> Result<isize, WireError> {
        let layout = self.layout;
        let mut context = layout.context(self.signal, self.input, index);
        let items = layout.items_of(node);
        let (mut dropped, mut bytes) = (0, 0);
        for item in items {
            context.item = self.input.get(item.range()).unwrap_or_default();
            if self.edit.decide(&context)? == Verdict::Drop {
                self.edits.cut(item.start..item.end);
                bytes += item.end - item.start;
                dropped += 1;
            }
        }
        self.dropped += dropped;
        self.kept += items.len() - dropped;
        Ok(-(bytes as isize))
    }
}

/// The field number of `Resource` and `InstrumentationScope` in their envelopes.
const HEAD: u32 = fields::resource_spans::RESOURCE;

/// Edits a head that stands in several places: it is put together in the first of them if anything changes. No known
/// encoder writes such requests, so this may allocate.
fn repeated_head(
    input: &[u8],
    edits: &mut Edits,
    node: &Node,
    message: &[u8],
    edit: impl FnOnce(&mut Edits) -> Result<(), WireError>,
) -> Result<isize, WireError> {
    let mut inner = Edits::default();
    edit(&mut inner)?;
    inner.settle(0);
    if inner.is_empty() {
        return Ok(0);
    }
    let mut body = Vec::new();
    inner.write(message, &mut body);
    let mark = edits.mark();
    for (index, place) in head_places(input, node)?.into_iter().enumerate() {
        if index == 0 {
            edits.put(place, |out| super::encode::put_bytes(out, HEAD, &body));
        } else {
            edits.cut(place);
        }
    }
    Ok(edits.settle(mark))
}

fn head_places(input: &[u8], node: &Node) -> Result<Vec<Range<usize>>, WireError> {
    let mut scan = Scan::new(input, node.body.clone());
    let mut places = Vec::new();
    while let Some(field) = scan.next_field()? {
        if node.kind.role(field.number) == Role::Head {
            places.push(field.start..field.end);
        }
    }
    Ok(places)
}

/// An edited request. The edits are not carried out before one of the methods asks for the bytes.
#[derive(Debug)]
pub struct Edited<'e> {
    pub(super) input: &'e Bytes,
    pub(super) edits: &'e Edits,
    /// How many items stay. 0 if the edit did not look at items.
    pub kept: usize,
    /// How many items go.
    pub dropped: usize,
}

impl Edited<'_> {
    /// Whether nothing was changed, so that the bytes are those that came in.
    pub fn is_unchanged(&self) -> bool {
        self.edits.is_empty()
    }

    /// The length of the edited request in bytes.
    pub fn output_len(&self) -> usize {
        self.edits.output_len(self.input)
    }

    /// Appends the edited request to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.edits.write(self.input, out);
    }

    /// The edited request in one piece: the input itself if nothing was changed, else a copy in one allocation.
    pub fn to_bytes(&self) -> Bytes {
        if self.is_unchanged() {
            return self.input.clone();
        }
        let mut out = Vec::new();
        self.write(&mut out);
        Bytes::from(out)
    }

    /// The edited request in pieces, to be written one after the other; they are no requests by themselves. Untouched ranges
    /// of 4 KiB and more are slices of the input, everything else stands in one new allocation.
    pub fn to_segments(&self) -> Vec<Bytes> {
        if self.is_unchanged() {
            return vec![self.input.clone()];
        }
        self.edits.segments(self.input)
    }
}
