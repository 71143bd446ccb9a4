//! Taking requests apart: by size, by a key, by resource.

use std::{num::NonZeroUsize, ops::Range};

use bytes::Bytes;

use super::{
    assemble::{Assembler, Leaves, Path},
    layout::{ItemContext, Layout},
};
use crate::Signal;

/// How large the parts of a request may be. A limit that is not set does not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SplitLimits {
    /// The most items in one part.
    pub max_items: Option<NonZeroUsize>,
    /// The most bytes in one part, with its repeated envelopes. An item that exceeds it alone gets a part of its own.
    pub max_bytes: Option<NonZeroUsize>,
}

/// A part of a request: a request by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The request in wire format.
    pub bytes: Bytes,
    /// How many items are in it.
    pub items: usize,
}

impl SplitLimits {
    fn allow(&self, items: usize, bytes: usize) -> bool {
        self.max_items.is_none_or(|limit| items <= limit.get())
            && self.max_bytes.is_none_or(|limit| bytes <= limit.get())
    }
}

/// Splits at the limits, filling each part before the next one begins.
pub(super) fn by_size(
    signal: Signal,
    input: &Bytes,
    layout: &Layout,
    path: &mut Path,
    limits: SplitLimits,
) -> Vec<Part> {
    if limits.allow(layout.items.len(), input.len()) || layout.items.len() <= 1 {
        return vec![Part {
            bytes: input.clone(),
            items: layout.items.len(),
        }];
    }
    let ranges = ranges(signal, layout, path, limits);
    let mut assembler = Assembler {
        signal,
        input,
        layout,
        path,
    };
    ranges
        .into_iter()
        .map(|range| Part {
            items: range.len(),
            bytes: assembler.assemble(range),
        })
        .collect()
}

fn ranges(signal: Signal, layout: &Layout, path: &mut Path, limits: SplitLimits) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut leaves = Leaves::new(layout, signal);
    let mut first = 0;
    path.start(layout);
    for index in 0..layout.items.len() {
        let Some((leaf, item)) = leaves.find(index) else {
            break;
        };
        path.add(leaf, item, layout);
        let bytes = if limits.max_bytes.is_some() {
            path.total(layout)
        } else {
            0
        };
        if index > first && !limits.allow(index + 1 - first, bytes) {
            ranges.push(first..index);
            first = index;
            path.start(layout);
            path.add(leaf, item, layout);
        }
    }
    ranges.push(first..layout.items.len());
    ranges
}

/// Puts each item into the request that `key` names.
pub(super) fn by_key(
    signal: Signal,
    input: &Bytes,
    layout: &Layout,
    path: &mut Path,
    key: impl FnMut(&ItemContext<'_>) -> usize,
) -> Vec<(usize, Part)> {
    let order = order_by_key(signal, input, layout, key);
    let mut parts = Vec::new();
    let mut assembler = Assembler {
        signal,
        input,
        layout,
        path,
    };
    for group in order.chunk_by(|left, right| left.0 == right.0) {
        let Some(&(name, _)) = group.first() else { continue };
        let bytes = if group.len() == layout.items.len() {
            input.clone()
        } else {
            assembler.assemble(group.iter().map(|&(_, index)| index))
        };
        parts.push((
            name,
            Part {
                bytes,
                items: group.len(),
            },
        ));
    }
    parts
}

/// The items with their keys, ordered by key and then as they stand in the request.
fn order_by_key(
    signal: Signal,
    input: &[u8],
    layout: &Layout,
    mut key: impl FnMut(&ItemContext<'_>) -> usize,
) -> Vec<(usize, usize)> {
    let mut order = Vec::with_capacity(layout.items.len());
    for (leaf, items) in layout.leaves(signal) {
        let mut context = layout.context(signal, input, leaf);
        for item in items {
            context.item = input.get(item.range()).unwrap_or_default();
            order.push((key(&context), order.len()));
        }
    }
    order.sort_by_key(|&(name, _)| name);
    order
}

/// One request for each resource envelope that has items. Where the request consists of nothing else, as they all do
/// today, the parts are slices of the input.
pub(super) fn by_resource(signal: Signal, input: &Bytes, layout: &Layout, path: &mut Path) -> Vec<Part> {
    let alone = layout
        .nodes
        .first()
        .is_some_and(|request| request.shell_bytes == 0);
    let mut assembler = Assembler {
        signal,
        input,
        layout,
        path,
    };
    let envelopes: Vec<_> = assembler
        .resources()
        .map(|node| (node.start..node.body.end, node.items.clone()))
        .collect();
    let part = |(place, items): (Range<usize>, Range<usize>)| Part {
        items: items.len(),
        bytes: if alone {
            input.slice(place)
        } else {
            assembler.assemble(items)
        },
    };
    envelopes.into_iter().map(part).collect()
}
