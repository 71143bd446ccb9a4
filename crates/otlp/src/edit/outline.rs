//! The items of a request, scope by scope, each scope with the shells that its items stand in.

use super::{
    layout::{Item, ItemContext, Layout},
    shape::{Kind, Level},
};
use crate::{Signal, WireError};

/// Where the scopes and items of a request stand. Kept for the next request, it keeps its memory.
#[derive(Debug, Default)]
pub struct Outline {
    layout: Layout,
}

/// The items of one scope envelope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeItems<'o> {
    layout: &'o Layout,
    signal: Signal,
    input: &'o [u8],
    node: usize,
    items: &'o [Item],
}

impl Outline {
    /// An outline of nothing.
    pub fn new() -> Self {
        Outline::default()
    }

    /// Walks once over the envelopes of a request of spans or log records, and gives the scopes that have items, in order. The
    /// items are stepped over. A request of metrics has none: its items stand in metrics.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope.
    pub fn read<'o>(
        &'o mut self,
        signal: Signal,
        request: &'o [u8],
    ) -> Result<impl Iterator<Item = ScopeItems<'o>>, WireError> {
        self.layout.read(signal, request, Level::Item)?;
        let layout = &self.layout;
        let scopes = layout.nodes.iter().enumerate().filter(move |(_, node)| {
            matches!(node.kind, Kind::Scope) && node.kind.child(signal).is_none() && !node.items.is_empty()
        });
        Ok(scopes.map(move |(index, node)| ScopeItems {
            layout,
            signal,
            input: request,
            node: index,
            items: layout.items_of(node),
        }))
    }
}

impl<'o> ScopeItems<'o> {
    /// The bodies of the `Span` or `LogRecord` messages, in order.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &'o [u8]> + use<'o> {
        let input = self.input;
        self.items
            .iter()
            .map(move |item| input.get(item.range()).unwrap_or_default())
    }

    /// What the items stand in, still without an item.
    pub fn context(&self) -> ItemContext<'o> {
        self.layout.context(self.signal, self.input, self.node)
    }

    /// The resource envelope that the scope stands in, counted from 0 among those of the request: scopes with the same number
    /// follow each other and have the same resource.
    pub fn resource_number(&self) -> usize {
        self.layout.nodes.get(self.node).map_or(0, |node| node.parent)
    }

    /// The fields of the resource envelope that are not scopes, as they came: the `Resource`, the schema URL, and fields
    /// that we do not know. They are collected in `scratch` where they do not stand together.
    pub fn resource_shell<'s>(&self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'o: 's,
    {
        self.shell(self.resource_number(), scratch)
    }

    /// The fields of the scope envelope that are not items, likewise.
    pub fn scope_shell<'s>(&self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'o: 's,
    {
        self.shell(self.node, scratch)
    }

    fn shell<'s>(&self, node: usize, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'o: 's,
    {
        self.layout.shell(self.input, node, scratch)
    }
}
