//! Editing OTLP requests in wire format: bytes that do not change are not read, not decoded and, where they are many, not copied.
//!
//! # The technique
//!
//! A protobuf message has no table of contents. What ties the parts of a request together are the length prefixes of the
//! messages around them, and so to change, add or remove a field is to replace a range of bytes and to correct the
//! prefixes of the (at most five) messages that enclose it. That is done in three steps:
//!
//! 1. **Layout** (`layout.rs`). One walk over the envelopes notes where resources, scopes, metrics and items stand. It steps
//!    over an item by its length, and stops at the level that the edit is about: for an edit of resources it steps over
//!    whole scopes. What the messages mean is said by one table (`shape.rs`), the only place where the signals differ.
//! 2. **Edits** (`pass.rs`, `patch.rs`, `splice.rs`). The edit is shown each message and answers with replacements, which go
//!    to a list: "instead of bytes `a..b` of the input, these". Before a message is shown, an entry for its header
//!    (tag and length) is reserved; afterwards it is known by how much the message grew, and the entry is filled in with
//!    the new length, or taken back if nothing changed. So every prefix is written once, in its shortest form, and
//!    nothing is moved. To drop an item is an entry that replaces it by nothing; an envelope that loses its last item
//!    takes back all entries within it and becomes such an entry itself.
//! 3. **Output**. An empty list means that the request did not change, and the caller keeps the bytes it has. Else the ranges
//!    between the entries are copied, in one allocation whose size is known beforehand, or handed out as slices of
//!    the input where they are long ([`Edited::to_segments`]).
//!
//! ```text
//! input   [1 L [1 L resource][2 L [1 L scope][2 L span........][2 L span........]]]
//! list     |---|             |---|           |---|        |-|  |---------------|
//!          new length        new length      new len   attribute   dropped
//! ```
//!
//! Splitting and partitioning (`split.rs`, `assemble.rs`) use the same layout the other way round: for some of the items, a
//! first walk adds up the sizes of the messages that will contain them, a second one writes these messages, each with
//! its shell (the fields that are not children: the resource or scope, the schema URL, and fields that we do not know).
//! Where items are kept for a time and leave in other company than they came in, a request is taken apart with an [`Outline`]
//! and another one put together with a [`RequestBuilder`]. Where they stay in one request but not where they stood, a [`Regrouper`]
//! finds out which envelopes are the same and writes them once.
//!
//! # What holds
//!
//! - Fields that this code does not know stay, in the envelopes as in the items.
//! - A malformed envelope is an error, a malformed item is one if the edit reads its fields (adding a key whose bytes do not
//!   occur in it reads none); nothing is changed then. Nothing panics whatever the input.
//! - Editing allocates per request, not per item. An [`Editor`] keeps its lists (about 100 bytes for each item of the
//!   largest request, capped at a few megabytes) for the next request.
//! - A resource or scope field that occurs several times, which protobuf reads as one message, is treated as one.
//! - A metric with several data fields, of which protobuf keeps the last, is treated as having the data points of all.
//!
//! # Merging
//!
//! To merge requests of the same signal, put their bytes one behind the other. A request consists of repeated fields, and
//! parsers of protobuf must accept concatenated messages as the merge of them (protobuf encoding, "Last One Wins"):
//! the resource envelopes follow each other in the result. That is why a list of requests is a request.

mod actions;
mod assemble;
mod attributes;
mod build;
mod encode;
mod forest;
mod grouping;
mod join;
mod layout;
mod outline;
mod pass;
mod patch;
mod regroup;
mod remove;
mod scan;
mod set;
mod shape;
mod sieve;
mod splice;
mod split;
mod visit;

use bytes::Bytes;
use std::ops::Range;

pub use actions::{AttributeRewrite, Rewritten};
pub use attributes::AttributeEditor;
pub use build::{RequestBuilder, Shells};
pub use encode::AttributeValue;
pub use grouping::Grouping;
pub use join::{AttributeKeys, JoinedAttributes};
pub use layout::{ItemContext, MetricContext};
pub use outline::{Outline, ScopeItems};
pub use pass::{Edit, Edited, Verdict};
pub use patch::Patch;
pub use regroup::{GroupedItems, Regrouped, Regrouper};
pub use scan::first_field;
pub use set::{AttributeSet, Present};
pub use shape::Level;
pub use sieve::{Sieve, Sifting};
pub use split::{Part, SplitLimits};
pub use visit::FieldSet;

use crate::{Signal, WireError};
use assemble::Path;
use layout::Layout;
use pass::Pass;
use splice::Edits;

/// Edits requests, one after the other, reusing its memory. See the module for how.
#[derive(Debug, Default)]
pub struct Editor {
    layout: Layout,
    edits: Edits,
    path: Path,
}

impl Editor {
    /// An editor that holds no memory yet.
    pub fn new() -> Self {
        Editor::default()
    }

    /// Shows `request` to `edit` and notes the changes. The result carries them out.
    ///
    /// # Errors
    ///
    /// The first thing wrong with a message that had to be read, or what a method of `edit` returned.
    pub fn edit<'e>(
        &'e mut self,
        signal: Signal,
        request: &'e Bytes,
        edit: &mut impl Edit,
    ) -> Result<Edited<'e>, WireError> {
        self.layout.read(signal, request, edit.level())?;
        self.edits.clear();
        let (layout, edits) = (&self.layout, &mut self.edits);
        let mut pass = Pass {
            signal,
            input: request,
            layout,
            edits,
            edit,
            kept: 0,
            dropped: 0,
        };
        pass.run()?;
        let (kept, dropped) = (pass.kept, pass.dropped);
        Ok(Edited {
            input: request,
            edits: &self.edits,
            kept,
            dropped,
        })
    }

    /// Drops the items about which `decide` says so, and the metrics, scopes and resources that become empty by it.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope.
    pub fn drop_items<'e>(
        &'e mut self,
        signal: Signal,
        request: &'e Bytes,
        decide: impl FnMut(&ItemContext<'_>) -> Verdict,
    ) -> Result<Edited<'e>, WireError> {
        self.edit(signal, request, &mut DropItems(decide))
    }

    /// Removes the items whose messages stand at `places`, and the metrics, scopes and resources that become empty by it. The
    /// places are in the order of the request; one at which no item stands ends the removal there.
    ///
    /// Unlike [`Editor::drop_items`] it needs no memory for the items that stay, and does not count them.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope that contains such an item.
    pub fn remove<'e>(
        &'e mut self,
        signal: Signal,
        request: &'e Bytes,
        places: &[Range<usize>],
    ) -> Result<Edited<'e>, WireError> {
        remove::remove(&mut self.edits, signal, request, places)
    }

    /// Edits the messages of one level. To change them depending on their surroundings, or several levels at once, implement
    /// [`Edit`].
    ///
    /// # Errors
    ///
    /// The first thing wrong with a message that had to be read, or what `change` returned.
    pub fn edit_level<'e>(
        &'e mut self,
        signal: Signal,
        request: &'e Bytes,
        level: Level,
        change: impl FnMut(&mut Patch<'_>) -> Result<(), WireError>,
    ) -> Result<Edited<'e>, WireError> {
        self.edit(signal, request, &mut EditLevel { level, change })
    }

    /// Splits a request into requests within `limits`, each filled before the next one begins. A request within the limits, or
    /// with at most one item, comes back as it is; else envelopes without items are left out.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope.
    pub fn split(
        &mut self,
        signal: Signal,
        request: &Bytes,
        limits: SplitLimits,
    ) -> Result<Vec<Part>, WireError> {
        self.layout.read(signal, request, Level::Item)?;
        Ok(split::by_size(
            signal,
            request,
            &self.layout,
            &mut self.path,
            limits,
        ))
    }

    /// Puts each item into the part that `key` names, with its resource, scope and metric, and returns the parts in
    /// ascending order of their names. Items of a part keep their order. There is no part without items, and if there
    /// is but one, it is the request as it came in.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope.
    pub fn partition(
        &mut self,
        signal: Signal,
        request: &Bytes,
        key: impl FnMut(&ItemContext<'_>) -> usize,
    ) -> Result<Vec<(usize, Part)>, WireError> {
        self.layout.read(signal, request, Level::Item)?;
        Ok(split::by_key(signal, request, &self.layout, &mut self.path, key))
    }

    /// One part for each resource envelope with items, in the order of the request.
    ///
    /// # Errors
    ///
    /// The first thing wrong with an envelope.
    pub fn split_by_resource(&mut self, signal: Signal, request: &Bytes) -> Result<Vec<Part>, WireError> {
        self.layout.read(signal, request, Level::Item)?;
        Ok(split::by_resource(signal, request, &self.layout, &mut self.path))
    }
}

/// The requests `parts`, all of one signal, as one request in one piece. Where a list will do, keep the list: it is the same
/// request (see "Merging" above).
pub fn concat(parts: &[Bytes]) -> Bytes {
    match parts {
        [] => Bytes::new(),
        [part] => part.clone(),
        parts => Bytes::from(parts.concat()),
    }
}

struct DropItems<F>(F);

impl<F: FnMut(&ItemContext<'_>) -> Verdict> Edit for DropItems<F> {
    fn changes_items(&self) -> bool {
        false
    }

    fn decide(&mut self, context: &ItemContext<'_>) -> Result<Verdict, WireError> {
        Ok(self.0(context))
    }
}

struct EditLevel<F> {
    level: Level,
    change: F,
}

impl<F: FnMut(&mut Patch<'_>) -> Result<(), WireError>> EditLevel<F> {
    fn at(&mut self, level: Level, patch: &mut Patch<'_>) -> Result<(), WireError> {
        if self.level == level {
            (self.change)(patch)
        } else {
            Ok(())
        }
    }
}

impl<F: FnMut(&mut Patch<'_>) -> Result<(), WireError>> Edit for EditLevel<F> {
    fn level(&self) -> Level {
        self.level
    }

    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        self.at(Level::Resource, resource)
    }

    fn scope(&mut self, scope: &mut Patch<'_>) -> Result<(), WireError> {
        self.at(Level::Scope, scope)
    }

    fn metric(&mut self, metric: &mut Patch<'_>) -> Result<(), WireError> {
        self.at(Level::Metric, metric)
    }

    fn item(&mut self, _: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        self.at(Level::Item, item)?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests;
