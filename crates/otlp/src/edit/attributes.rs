//! Lists of attribute changes, compiled once and applied to many messages.

use std::ops::Range;

use memchr::memmem::Finder;
use smallvec::SmallVec;

use super::{
    actions::{self, Action, AttributeRewrite, Source},
    encode::{self, AttributeValue},
    patch::Patch,
    scan::Scan,
};
use crate::WireError;

/// A compiled list of attribute changes: `AttributeEditor::new().upsert("env", AttributeValue::String("prod")).delete("token")`.
///
/// The semantics are those of the Collector's attributes processor: changes apply in order, each to what the ones before it
/// left; `insert` acts only where the key is absent, `update` only where it is present, `upsert` always. Where a
/// message has a key several times (which the specification forbids but the wire does not), every occurrence is
/// changed. What is added goes to the end of the message; the order of different fields has no meaning in protobuf.
///
/// Changes that do not depend on each other are decided in one walk over the message. A change that must see the result
/// of an earlier one (the same key, or a pattern that matches it) starts another walk over the attributes.
#[derive(Debug, Default)]
pub struct AttributeEditor {
    stages: Vec<Stage>,
}

/// Changes that are decided in one walk: none of them writes what another reads or writes.
#[derive(Debug, Default)]
struct Stage {
    actions: Vec<Action>,
    /// The lengths modulo 64 of the keys that matter: most attributes are passed over by this alone.
    lengths: u64,
    /// The actions that add an attribute where none matches.
    adds: u64,
    renames: bool,
    /// The key of the only action, where it has one. A message in which its bytes do not occur does not have the key, however
    /// it is encoded, and looking for bytes is three times as fast as reading fields.
    only: Option<Finder<'static>>,
}

/// One bit per action in [`Stage::adds`].
const STAGE_ACTIONS_MAX: usize = 64;

/// The attribute fields that stand in the way of a rename, with the index of the action.
type Displaced = SmallVec<[(usize, Range<usize>); 2]>;

impl AttributeEditor {
    /// A list without changes.
    pub fn new() -> Self {
        AttributeEditor::default()
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Adds an attribute where the key is absent.
    #[must_use]
    pub fn insert(self, key: &str, value: AttributeValue<'_>) -> Self {
        self.put(key, (true, false), constant(key, value))
    }

    /// Changes an attribute where the key is present.
    #[must_use]
    pub fn update(self, key: &str, value: AttributeValue<'_>) -> Self {
        self.put(key, (false, true), constant(key, value))
    }

    /// Changes an attribute, or adds it where the key is absent.
    #[must_use]
    pub fn upsert(self, key: &str, value: AttributeValue<'_>) -> Self {
        self.put(key, (true, true), constant(key, value))
    }

    /// [`AttributeEditor::insert`] with the value of the attribute `source`; nothing happens where there is none.
    #[must_use]
    pub fn insert_from(self, key: &str, source: &str) -> Self {
        self.put(key, (true, false), Source::Attribute(source.as_bytes().into()))
    }

    /// [`AttributeEditor::update`] with the value of the attribute `source`; nothing happens where there is none.
    #[must_use]
    pub fn update_from(self, key: &str, source: &str) -> Self {
        self.put(key, (false, true), Source::Attribute(source.as_bytes().into()))
    }

    /// [`AttributeEditor::upsert`] with the value of the attribute `source`; nothing happens where there is none.
    #[must_use]
    pub fn upsert_from(self, key: &str, source: &str) -> Self {
        self.put(key, (true, true), Source::Attribute(source.as_bytes().into()))
    }

    /// Removes an attribute.
    #[must_use]
    pub fn delete(self, key: &str) -> Self {
        self.add(Action::Delete {
            key: key.as_bytes().into(),
        })
    }

    /// Removes the attributes whose key satisfies `predicate`, which must always answer the same for the same key.
    #[must_use]
    pub fn delete_matching(self, predicate: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        self.add(Action::DeleteMatching(Box::new(predicate)))
    }

    /// Gives an attribute another name. An attribute that has this name already is removed if there is one to rename.
    #[must_use]
    pub fn rename(self, from: &str, to: &str) -> Self {
        if from == to {
            return self;
        }
        self.add(Action::Rename {
            from: from.as_bytes().into(),
            to: to.as_bytes().into(),
        })
    }

    /// Lets code decide about each attribute.
    #[must_use]
    pub fn rewrite(self, rewrite: impl AttributeRewrite + 'static) -> Self {
        self.add(Action::Rewrite(Box::new(rewrite)))
    }

    fn put(self, key: &str, (insert, update): (bool, bool), source: Source) -> Self {
        self.add(Action::Put {
            key: key.as_bytes().into(),
            insert,
            update,
            source,
        })
    }

    fn add(mut self, action: Action) -> Self {
        match self.stages.last_mut() {
            Some(stage) if stage.takes(&action) => stage.add(action),
            _ => {
                let mut stage = Stage::default();
                stage.add(action);
                self.stages.push(stage);
            }
        }
        self
    }

    #[inline]
    pub(super) fn apply(&self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        if patch.attribute_field() == 0 {
            return Ok(());
        }
        match self.stages.as_slice() {
            [] => Ok(()),
            [stage] => stage.apply(patch),
            stages => apply_in_turn(stages, patch),
        }
    }
}

fn constant(key: &str, value: AttributeValue<'_>) -> Source {
    let mut body = Vec::new();
    value.encode(&mut body);
    let mut encoded = Vec::new();
    encode::put_key_value(&mut encoded, key.as_bytes(), &body);
    Source::Constant(encoded.into(), body.len())
}

/// Applies stages one after the other to a copy of the attributes, which then takes their place.
#[inline(never)]
fn apply_in_turn(stages: &[Stage], patch: &mut Patch<'_>) -> Result<(), WireError> {
    let number = patch.attribute_field();
    let mut spare = patch.edits().lend();
    let mut scan = patch.scan();
    while let Some(field) = scan.next_of(number)? {
        encode::put_bytes(&mut spare.current, number, scan.bytes(&field)?);
    }
    let mut changed = false;
    for stage in stages {
        spare.edits.clear();
        stage.apply(&mut Patch::new(
            &spare.current,
            0..spare.current.len(),
            number,
            &mut spare.edits,
        ))?;
        if spare.edits.settle(0) != 0 || !spare.edits.is_empty() {
            changed = true;
            spare.next.clear();
            spare.edits.write(&spare.current, &mut spare.next);
            std::mem::swap(&mut spare.current, &mut spare.next);
        }
    }
    if changed {
        replace_attributes(patch, &spare.current)?;
    }
    patch.edits().give_back(spare);
    Ok(())
}

fn replace_attributes(patch: &mut Patch<'_>, attributes: &[u8]) -> Result<(), WireError> {
    let number = patch.attribute_field();
    let mut scan = patch.scan();
    let mut placed = false;
    while let Some(field) = scan.next_field()? {
        if field.number != number {
            continue;
        }
        if placed {
            patch.edits().cut(field.start..field.end);
        } else {
            patch
                .edits()
                .put(field.start..field.end, |out| out.extend_from_slice(attributes));
            placed = true;
        }
    }
    if !placed {
        let end = patch.end();
        patch
            .edits()
            .put(end..end, |out| out.extend_from_slice(attributes));
    }
    Ok(())
}

impl Stage {
    fn takes(&self, action: &Action) -> bool {
        self.actions.len() < STAGE_ACTIONS_MAX && !self.actions.iter().any(|earlier| earlier.precedes(action))
    }

    fn add(&mut self, action: Action) {
        if action.decides_by_itself() {
            self.lengths = u64::MAX;
        }
        for key in action.keys() {
            self.lengths |= 1 << (key.len() & 63);
        }
        self.adds |= u64::from(action.adds()) << self.actions.len();
        self.renames |= action.target().is_some();
        self.only = match &action {
            Action::Put { key, .. } if self.actions.is_empty() => Some(Finder::new(key).into_owned()),
            _ => None,
        };
        self.actions.push(action);
    }

    #[inline(always)]
    fn apply(&self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        if let Some(key) = &self.only
            && key.find(patch.message()).is_none()
        {
            return self.add_missing(0, patch);
        }
        let mut scan = patch.scan();
        scan.skip_attributes(patch.attribute_field(), self.lengths);
        if scan.is_at_end() {
            return self.add_missing(0, patch);
        }
        self.change(scan, patch)
    }

    /// Changes what there is from `scan` on; before it is nothing that matters.
    #[inline(never)]
    fn change(&self, mut scan: Scan<'_>, patch: &mut Patch<'_>) -> Result<(), WireError> {
        let number = patch.attribute_field();
        let mut seen = 0;
        let mut displaced = Displaced::new();
        while let Some(field) = scan.next_attribute(number, self.lengths)? {
            let found = actions::found(patch.buffer(), &field)?;
            if self.lengths >> (found.read.key.len() & 63) & 1 == 0 {
                continue;
            }
            for (index, action) in self.actions.iter().enumerate() {
                if action.matches(found.read.key) {
                    seen |= 1 << index;
                    action.change(&found, patch)?;
                } else if self.renames && action.target() == Some(found.read.key) {
                    displaced.push((index, found.field.clone()));
                }
            }
        }
        for (index, field) in displaced {
            if seen >> index & 1 == 1 {
                patch.edits().cut(field);
            }
        }
        self.add_missing(seen, patch)
    }

    /// Adds what none of the attributes was: `seen` are the actions for which there was one.
    fn add_missing(&self, seen: u64, patch: &mut Patch<'_>) -> Result<(), WireError> {
        let mut missing = self.adds & !seen;
        while let Some(action) = self.actions.get(missing.trailing_zeros() as usize) {
            action.add(patch)?;
            missing &= missing - 1;
        }
        Ok(())
    }
}
