//! Putting requests together from some of the items of another one.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    encode,
    layout::{Item, Layout, Node},
    shape::Kind,
};
use crate::Signal;

/// The nodes from the request down to the one whose items are being taken, and what each of them will be long.
///
/// The sizes are final when a node is left: a second walk in the same order can then write every length prefix
/// in its shortest form before the bytes it covers.
#[derive(Debug, Default)]
pub(super) struct Path {
    open: SmallVec<[usize; 5]>,
    sizes: Vec<usize>,
}

impl Path {
    /// Starts a request.
    pub(super) fn start(&mut self, layout: &Layout) {
        self.open.clear();
        self.sizes.resize(layout.nodes.len(), 0);
        self.enter(0, layout);
    }

    fn enter(&mut self, index: usize, layout: &Layout) {
        let shell = layout.nodes.get(index).map_or(0, |node| node.shell_bytes);
        if let Some(size) = self.sizes.get_mut(index) {
            *size = shell;
        }
        self.open.push(index);
    }

    /// Adds an item of the node `leaf`.
    #[inline]
    pub(super) fn add(&mut self, leaf: usize, item: &Item, layout: &Layout) {
        if self.open.last() != Some(&leaf) {
            self.leave(leaf, layout);
            for index in missing(&self.open, leaf, layout) {
                self.enter(index, layout);
            }
        }
        if let Some(size) = self.sizes.get_mut(leaf) {
            *size += item.end - item.start;
        }
    }

    /// Leaves the nodes that do not contain `target`, adding what they are long to their parents.
    fn leave(&mut self, target: usize, layout: &Layout) {
        while let Some(&index) = self.open.last()
            && let Some(node) = layout.nodes.get(index)
            && target >= node.next
        {
            self.open.pop();
            let size = self.size(index);
            if index != 0
                && let Some(parent) = self.sizes.get_mut(node.parent)
            {
                *parent += encode::header_len(node.number, size) + size;
            }
        }
    }

    /// Ends the request: all sizes are final.
    pub(super) fn finish(&mut self, layout: &Layout) {
        self.leave(layout.nodes.len(), layout);
    }

    /// The length of the request if it ended here.
    #[inline]
    pub(super) fn total(&self, layout: &Layout) -> usize {
        let mut inner = 0;
        for &index in self.open.iter().rev() {
            let size = self.size(index) + inner;
            let number = layout.nodes.get(index).map_or(0, |node| node.number);
            inner = if index == 0 {
                size
            } else {
                encode::header_len(number, size) + size
            };
        }
        inner
    }

    fn size(&self, index: usize) -> usize {
        self.sizes.get(index).copied().unwrap_or(0)
    }
}

/// The nodes between the innermost of `open` and `leaf`, outermost first.
fn missing(open: &[usize], leaf: usize, layout: &Layout) -> SmallVec<[usize; 5]> {
    let mut chain = SmallVec::new();
    let mut at = leaf;
    while open.last() != Some(&at)
        && at != 0
        && let Some(node) = layout.nodes.get(at)
    {
        chain.push(at);
        at = node.parent;
    }
    chain.reverse();
    chain
}

/// Finds the node of each item, for items in ascending order.
#[derive(Debug)]
pub(super) struct Leaves<'l> {
    layout: &'l Layout,
    signal: Signal,
    at: usize,
}

impl<'l> Leaves<'l> {
    pub(super) const fn new(layout: &'l Layout, signal: Signal) -> Self {
        Leaves {
            layout,
            signal,
            at: 0,
        }
    }

    /// The item `index` and the node that contains it directly.
    #[inline]
    pub(super) fn find(&mut self, index: usize) -> Option<(usize, &'l Item)> {
        let item = self.layout.items.get(index)?;
        loop {
            let node = self.layout.nodes.get(self.at)?;
            if index >= node.items.end {
                self.at = node.next.max(self.at + 1);
            } else if node.kind.child(self.signal).is_none() {
                return Some((self.at, item));
            } else {
                self.at += 1;
            }
        }
    }
}

/// Writes requests that consist of some of the items of one request.
#[derive(Debug)]
pub(super) struct Assembler<'a> {
    pub(super) signal: Signal,
    pub(super) input: &'a [u8],
    pub(super) layout: &'a Layout,
    pub(super) path: &'a mut Path,
}

impl Assembler<'_> {
    /// A request of these items, given in ascending order, each with its resource, scope and metric.
    pub(super) fn assemble(&mut self, items: impl Iterator<Item = usize> + Clone) -> Bytes {
        self.path.start(self.layout);
        let mut leaves = Leaves::new(self.layout, self.signal);
        for index in items.clone() {
            if let Some((leaf, item)) = leaves.find(index) {
                self.path.add(leaf, item, self.layout);
            }
        }
        self.path.finish(self.layout);
        let mut out = Vec::with_capacity(self.path.size(0));
        self.write(items, &mut out);
        Bytes::from(out)
    }

    fn write(&self, items: impl Iterator<Item = usize>, out: &mut Vec<u8>) {
        let mut open: SmallVec<[usize; 5]> = SmallVec::new();
        open.push(0);
        self.put_shell(0, out);
        let mut leaves = Leaves::new(self.layout, self.signal);
        let mut run = 0..0;
        for index in items {
            let Some((leaf, item)) = leaves.find(index) else {
                continue;
            };
            if open.last() != Some(&leaf) {
                self.put_run(std::mem::take(&mut run), out);
                self.enter(leaf, &mut open, out);
            }
            if run.end == item.start {
                run.end = item.end;
            } else {
                self.put_run(std::mem::replace(&mut run, item.start..item.end), out);
            }
        }
        self.put_run(run, out);
    }

    fn enter(&self, leaf: usize, open: &mut SmallVec<[usize; 5]>, out: &mut Vec<u8>) {
        while let Some(&index) = open.last()
            && self.layout.nodes.get(index).is_some_and(|node| leaf >= node.next)
        {
            open.pop();
        }
        for index in missing(open, leaf, self.layout) {
            if let Some(node) = self.layout.nodes.get(index) {
                encode::put_header(out, node.number, self.path.size(index));
            }
            self.put_shell(index, out);
            open.push(index);
        }
    }

    fn put_shell(&self, index: usize, out: &mut Vec<u8>) {
        let shells = self
            .layout
            .nodes
            .get(index)
            .map_or(0..0, |node| node.shells.clone());
        for range in self.layout.shells.get(shells).unwrap_or_default() {
            self.put_run(range.clone(), out);
        }
    }

    #[inline]
    fn put_run(&self, run: Range<usize>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.input.get(run).unwrap_or_default());
    }

    /// The items of each resource envelope that has any.
    pub(super) fn resources(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.layout.nodes.iter();
        nodes.filter(|node| node.kind == Kind::Resource && !node.items.is_empty())
    }
}
