//! The attributes of one message, on their way through steps that change them one after the other.

use super::action::{Keys, Operation, Source};
use super::program::Scratch;
use super::value::Change;
use crate::matching::RegexText;
use crate::wire::{self, Scalar};
use forebay_otlp::edit::{AttributeValue, Patch};
use forebay_otlp::{Cursor, Value, WireError, WireErrorKind};
use smallvec::SmallVec;

/// The body of an `AnyValue`: on the wire or in the config, or made on the way, in [`Scratch::made`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
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
pub(super) struct Table<'a> {
    entries: SmallVec<[Entry<'a>; 24]>,
    /// Whether an attribute that came in was changed or removed.
    rewritten: bool,
    /// Whether there are new ones behind those that came in.
    added: bool,
}

impl<'a> Table<'a> {
    pub(super) fn read(patch: &Patch<'a>) -> Result<Self, WireError> {
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

    pub(super) fn step(&mut self, operation: &'a Operation, scratch: &mut Scratch<'_>) {
        match operation {
            Operation::Put {
                key,
                insert,
                update,
                source,
                default,
            } => {
                let value = match source {
                    Source::Constant(body) => Some(Body::Given(body)),
                    Source::Attribute(source) => self.get(source),
                    Source::Context(known) => scratch.known(*known),
                };
                if let Some(value) = value.or_else(|| default.as_deref().map(Body::Given)) {
                    self.put(key, value, (*insert, *update));
                }
            }
            Operation::Delete(key) => self.delete(|found| found == key.as_bytes()),
            Operation::DeleteMatching(pattern) => self.delete(|found| pattern.regex().is_match(found)),
            Operation::Keep(keys) => self.delete(|found| !keys.has(found)),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Change { keys, change } => self.change(keys, change, scratch),
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

    fn change(&mut self, keys: &Keys, change: &Change, scratch: &mut Scratch<'_>) {
        let Scratch { made, spare, .. } = scratch;
        for entry in self.entries.iter_mut().filter(|entry| keys.has(entry.key)) {
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
    pub(super) fn write(self, patch: &mut Patch<'_>, scratch: &Scratch<'_>) -> Result<(), WireError> {
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
