//! A list of actions, compiled: by the wire editor where it can, else by going through the attributes one by one.
//!
//! The editor decides independent changes in one walk over the message, but its lists are fixed. A list with an action
//! that has a condition of its own, or that makes several attributes out of one, is carried out here: the
//! attributes are read into a table, each action changes the table, and what is new is added behind the other fields.
//! Only if an attribute that came in was changed or removed are all of them written anew.

use super::action::{Action, Operation, Source};
use super::context::Known;
use super::value::Change;
use crate::matching::RegexText;
use crate::wire::{self, Scalar};
use forebay_core::Origin;
use forebay_otlp::edit::{AttributeEditor, AttributeRewrite, AttributeValue, Patch, Rewritten};
use forebay_otlp::{Cursor, Value, WireError, WireErrorKind};
use regex::bytes::CaptureLocations;
use smallvec::SmallVec;

/// A list of actions.
#[derive(Debug)]
pub(super) enum Program {
    /// Nothing to do.
    Empty,
    /// Done by the editor.
    Fixed(AttributeEditor),
    /// Done step by step, the ones whose selector holds.
    Steps(Vec<Step>),
}

/// One action, and the bit of its selector.
#[derive(Debug)]
pub(super) struct Step {
    operation: Operation,
    condition: u64,
}

/// What a pass keeps between messages, so that no message needs memory of its own.
#[derive(Debug)]
pub(super) struct Scratch<'o> {
    /// Where the batch came from.
    origin: &'o Origin,
    /// Values made on the way.
    made: Vec<u8>,
    /// One value in the making.
    spare: Vec<u8>,
    locations: Option<CaptureLocations>,
}

impl<'o> Scratch<'o> {
    /// For a pass over a batch from `origin`.
    pub(super) fn new(origin: &'o Origin) -> Self {
        Scratch {
            origin,
            made: Vec::new(),
            spare: Vec::new(),
            locations: None,
        }
    }

    /// What is known of the sender, if it is.
    fn known<'a>(&mut self, known: Known) -> Option<Body<'a>> {
        let start = self.made.len();
        known.encode(self.origin, &mut self.made).then_some(Body::Made {
            start,
            end: self.made.len(),
        })
    }
}

impl Program {
    /// Compiles `actions`; `condition` names the bit for an action's selector.
    pub(super) fn compile(actions: Vec<Action>, mut condition: impl FnMut(&Action) -> u64) -> Self {
        let fixed = |action: &Action| action.when.is_none() && action.operation.is_fixed();
        if actions.is_empty() {
            Program::Empty
        } else if actions.iter().all(fixed) {
            Program::Fixed(actions.into_iter().fold(AttributeEditor::new(), fix))
        } else {
            let step = |action: Action| Step {
                condition: condition(&action),
                operation: action.operation,
            };
            Program::Steps(actions.into_iter().map(step).collect())
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Program::Empty)
    }

    /// Changes the attributes of a message; `holding` are the selectors that hold.
    #[inline]
    pub(super) fn apply(
        &self,
        holding: u64,
        patch: &mut Patch<'_>,
        scratch: &mut Scratch<'_>,
    ) -> Result<(), WireError> {
        match self {
            Program::Empty => Ok(()),
            Program::Fixed(editor) => patch.edit_attributes(editor),
            Program::Steps(steps) => walk(steps, holding, patch, scratch),
        }
    }
}

/// Carries out the steps whose selectors hold, one after the other.
#[inline(never)]
fn walk(
    steps: &[Step],
    holding: u64,
    patch: &mut Patch<'_>,
    scratch: &mut Scratch<'_>,
) -> Result<(), WireError> {
    let mut table = Table::read(patch)?;
    scratch.made.clear();
    for step in steps.iter().filter(|step| step.condition & !holding == 0) {
        table.step(&step.operation, scratch);
    }
    table.write(patch, scratch)
}

/// Adds an action to an editor's list.
fn fix(editor: AttributeEditor, action: Action) -> AttributeEditor {
    match action.operation {
        Operation::Put {
            key,
            insert,
            update,
            source: Source::Constant(body),
        } => {
            let value = AttributeValue::Encoded(&body);
            match (insert, update) {
                (true, true) => editor.upsert(&key, value),
                (true, false) => editor.insert(&key, value),
                _ => editor.update(&key, value),
            }
        }
        Operation::Put {
            key,
            insert,
            update,
            source: Source::Attribute(source),
        } => match (insert, update) {
            (true, true) => editor.upsert_from(&key, &source),
            (true, false) => editor.insert_from(&key, &source),
            _ => editor.update_from(&key, &source),
        },
        Operation::Delete(key) => editor.delete(&key),
        Operation::DeleteMatching(pattern) => {
            editor.delete_matching(move |key| pattern.regex().is_match(key))
        }
        Operation::Rename { from, to } => editor.rename(&from, &to),
        Operation::Change { key, change } => editor.rewrite(ChangeOf { key, change }),
        // Lists with one never come here: see `Operation::is_fixed`.
        Operation::Extract { .. }
        | Operation::Put {
            source: Source::Context(_),
            ..
        } => editor,
    }
}

struct ChangeOf {
    key: Box<str>,
    change: Change,
}

impl AttributeRewrite for ChangeOf {
    fn wants(&self, key: &[u8]) -> bool {
        self.key.as_bytes() == key
    }

    fn rewrite(&self, _: &[u8], value: &[u8], out: &mut Vec<u8>) -> Rewritten {
        match self.change.apply(value, out) {
            Some(()) => Rewritten::Replace,
            None => Rewritten::Keep,
        }
    }
}

/// The body of an `AnyValue`: on the wire or in the config, or made on the way, in [`Scratch::made`].
#[derive(Clone, Copy, Debug)]
enum Body<'a> {
    Given(&'a [u8]),
    Made { start: usize, end: usize },
}

impl<'a> Body<'a> {
    fn bytes<'b>(self, made: &'b [u8]) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Body::Given(bytes) => bytes,
            Body::Made { start, end } => made.get(start..end).unwrap_or_default(),
        }
    }
}

/// Moves a value from the buffer that it was made in to those that are kept.
fn keep<'a>(spare: &[u8], made: &mut Vec<u8>) -> Body<'a> {
    let start = made.len();
    made.extend_from_slice(spare);
    Body::Made {
        start,
        end: made.len(),
    }
}

/// One attribute. `field` is its `KeyValue` message as it stands in the input, until it is changed.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    key: &'a [u8],
    value: Body<'a>,
    field: Option<&'a [u8]>,
}

/// The attributes of one message, on their way through the steps.
struct Table<'a> {
    entries: SmallVec<[Entry<'a>; 24]>,
    /// Whether an attribute that came in was changed or removed.
    rewritten: bool,
    /// Whether there are new ones behind those that came in.
    added: bool,
}

impl<'a> Table<'a> {
    fn read(patch: &Patch<'a>) -> Result<Self, WireError> {
        let mut entries = SmallVec::new();
        let mut cursor = Cursor::new(patch.message());
        while let Some(field) = cursor.next_field()? {
            if field.number == patch.attribute_field()
                && let Value::Len(body) = field.value
            {
                let (key, value) = wire::key_value(body)?;
                entries.push(Entry {
                    key,
                    value: Body::Given(value),
                    field: Some(body),
                });
            }
        }
        Ok(Table {
            entries,
            rewritten: false,
            added: false,
        })
    }

    /// The value of the first attribute named `key`.
    fn get(&self, key: &str) -> Option<Body<'a>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key.as_bytes())
            .map(|entry| entry.value)
    }

    fn step(&mut self, operation: &'a Operation, scratch: &mut Scratch<'_>) {
        match operation {
            Operation::Put {
                key,
                insert,
                update,
                source,
            } => {
                let value = match source {
                    Source::Constant(body) => Some(Body::Given(body)),
                    Source::Attribute(source) => self.get(source),
                    Source::Context(known) => scratch.known(*known),
                };
                if let Some(value) = value {
                    self.put(key, value, (*insert, *update));
                }
            }
            Operation::Delete(key) => self.delete(|found| found == key.as_bytes()),
            Operation::DeleteMatching(pattern) => self.delete(|found| pattern.regex().is_match(found)),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Change { key, change } => self.change(key, *change, scratch),
            Operation::Extract { key, pattern, groups } => {
                if let Some(value) = self.get(key) {
                    self.extract(value, pattern, groups, scratch);
                }
            }
        }
    }

    /// Makes an attribute of each group of `pattern` in the text of `value`.
    fn extract(
        &mut self,
        value: Body<'a>,
        pattern: &'a RegexText,
        groups: &'a [(usize, Box<str>)],
        scratch: &mut Scratch<'_>,
    ) {
        let Scratch {
            made,
            spare,
            locations,
            ..
        } = scratch;
        let regex = pattern.regex();
        let fitting = locations
            .take()
            .filter(|locations| locations.len() == regex.captures_len());
        let found = locations.insert(fitting.unwrap_or_else(|| regex.capture_locations()));
        match Scalar::read(value.bytes(made)) {
            Scalar::Text(text) if regex.captures_read(found, text).is_some() => {}
            _ => return,
        }
        for (index, name) in groups {
            // Read again for each group: the text may stand in the buffer that the last group was added to.
            let Scalar::Text(text) = Scalar::read(value.bytes(made)) else {
                return;
            };
            let group = found.get(*index).and_then(|(start, end)| text.get(start..end));
            if let Some(Ok(group)) = group.map(str::from_utf8) {
                spare.clear();
                AttributeValue::String(group).encode(spare);
                self.put(name, keep(spare, made), (true, true));
            }
        }
    }

    fn put(&mut self, key: &'a str, value: Body<'a>, (insert, update): (bool, bool)) {
        let key = key.as_bytes();
        let mut present = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.key == key) {
            present = true;
            let same = matches!((entry.value, value), (Body::Given(old), Body::Given(new)) if old == new);
            if update && !same {
                *entry = Entry {
                    key,
                    value,
                    field: None,
                };
                self.rewritten = true;
            }
        }
        if !present && insert {
            self.entries.push(Entry {
                key,
                value,
                field: None,
            });
            self.added = true;
        }
    }

    fn delete(&mut self, meant: impl Fn(&[u8]) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|entry| !meant(entry.key));
        self.rewritten |= self.entries.len() != before;
    }

    fn rename(&mut self, from: &'a str, to: &'a str) {
        if self.get(from).is_none() {
            return;
        }
        self.delete(|key| key == to.as_bytes());
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.key == from.as_bytes())
        {
            *entry = Entry {
                key: to.as_bytes(),
                value: entry.value,
                field: None,
            };
        }
        self.rewritten = true;
    }

    fn change(&mut self, key: &str, change: Change, scratch: &mut Scratch<'_>) {
        let Scratch { made, spare, .. } = scratch;
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.key == key.as_bytes())
        {
            spare.clear();
            if change.apply(entry.value.bytes(made), spare).is_some() {
                *entry = Entry {
                    key: entry.key,
                    value: keep(spare, made),
                    field: None,
                };
                self.rewritten = true;
            }
        }
    }

    /// Writes the attributes anew if one was changed or removed; else those that are new.
    fn write(self, patch: &mut Patch<'_>, scratch: &Scratch<'_>) -> Result<(), WireError> {
        let number = patch.attribute_field();
        if self.rewritten {
            patch.clear_field(number)?;
        } else if !self.added {
            return Ok(());
        }
        for entry in &self.entries {
            match entry.field {
                Some(field) if self.rewritten => patch.append_field(number, Value::Len(field)),
                Some(_) => {}
                None => {
                    let key = str::from_utf8(entry.key).map_err(|_| WireError {
                        kind: WireErrorKind::Utf8,
                        offset: 0,
                    })?;
                    patch.append_attribute(key, AttributeValue::Encoded(entry.value.bytes(&scratch.made)));
                }
            }
        }
        Ok(())
    }
}
