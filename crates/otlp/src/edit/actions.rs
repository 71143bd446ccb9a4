//! One change of attributes: what it matches, what it does, and which other changes it would get in the way of.

use std::{fmt, ops::Range};

use super::{
    encode,
    patch::Patch,
    scan::{self, KeyValue, Scan},
};
use crate::{WireError, fields::key_value};

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// It stays as it is.
    Keep,
    /// Its value is replaced by what was written.
    Replace,
    /// It is removed.
    Delete,
}

/// A change of attributes that code decides about: redaction, hashing, conversion.
pub trait AttributeRewrite: Send + Sync {
    /// Whether attributes of this name are to be passed to [`AttributeRewrite::rewrite`]. The answer must always be
    /// the same for the same key.
    fn wants(&self, key: &[u8]) -> bool;

    /// Decides about an attribute. `value` is the body of its `AnyValue`, as is what is appended to `out`, which starts
    /// out empty and is used only with [`Rewritten::Replace`].
    fn rewrite(&self, key: &[u8], value: &[u8], out: &mut Vec<u8>) -> Rewritten;
}

/// Where a value that is put comes from.
pub(super) enum Source {
    /// A `KeyValue`, encoded with its key; its `AnyValue` takes the last so many bytes.
    Constant(Box<[u8]>, usize),
    /// The first attribute of this name.
    Attribute(Box<[u8]>),
}

pub(super) type KeyPredicate = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

pub(super) enum Action {
    Put {
        key: Box<[u8]>,
        insert: bool,
        update: bool,
        source: Source,
    },
    Delete {
        key: Box<[u8]>,
    },
    DeleteMatching(KeyPredicate),
    Rename {
        from: Box<[u8]>,
        to: Box<[u8]>,
    },
    Rewrite(Box<dyn AttributeRewrite>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Action::Put {
                insert: true,
                update: true,
                ..
            } => "upsert",
            Action::Put { insert: true, .. } => "insert",
            Action::Put { .. } => "update",
            Action::Delete { .. } => "delete",
            Action::DeleteMatching(_) => "delete matching",
            Action::Rename { .. } => "rename",
            Action::Rewrite(_) => "rewrite",
        };
        f.debug_list()
            .entry(&name)
            .entries(self.keys().map(String::from_utf8_lossy))
            .finish()
    }
}

/// An attribute that was found in a message.
pub(super) struct Found<'a> {
    /// The whole field, with its tag.
    pub(super) field: Range<usize>,
    /// The body of the `KeyValue`, and what it says.
    pub(super) body: &'a [u8],
    pub(super) read: KeyValue<'a>,
}

impl Action {
    /// The names this action is bound to; none if it decides by itself.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let (first, second) = match self {
            Action::Put { key, .. } | Action::Delete { key } => (Some(&**key), None),
            Action::Rename { from, to } => (Some(&**from), Some(&**to)),
            Action::DeleteMatching(_) | Action::Rewrite(_) => (None, None),
        };
        first.into_iter().chain(second)
    }

    pub(super) const fn decides_by_itself(&self) -> bool {
        matches!(self, Action::DeleteMatching(_) | Action::Rewrite(_))
    }

    /// Whether the action acts upon attributes of this name.
    #[inline]
    pub(super) fn matches(&self, key: &[u8]) -> bool {
        match self {
            Action::Put { key: own, .. } | Action::Delete { key: own } | Action::Rename { from: own, .. } => {
                **own == *key
            }
            Action::DeleteMatching(predicate) => predicate(key),
            Action::Rewrite(rewrite) => rewrite.wants(key),
        }
    }

    /// The name that attributes get.
    #[inline]
    pub(super) fn target(&self) -> Option<&[u8]> {
        match self {
            Action::Rename { to, .. } => Some(to),
            _ => None,
        }
    }

    /// Whether the action adds an attribute where none matches.
    pub(super) const fn adds(&self) -> bool {
        matches!(self, Action::Put { insert: true, .. })
    }

    fn writes(&self, key: &[u8]) -> bool {
        self.matches(key) || self.target() == Some(key)
    }

    fn reads(&self) -> Option<&[u8]> {
        match self {
            Action::Put {
                source: Source::Attribute(key),
                ..
            } => Some(key),
            _ => None,
        }
    }

    /// Whether `later` must see what this action did, and so cannot be decided in the same walk.
    pub(super) fn precedes(&self, later: &Action) -> bool {
        self.decides_by_itself() && later.decides_by_itself()
            || later.keys().chain(later.reads()).any(|key| self.writes(key))
            || self.keys().any(|key| later.writes(key))
    }

    /// Changes an attribute that matches.
    pub(super) fn change(&self, found: &Found<'_>, patch: &mut Patch<'_>) -> Result<(), WireError> {
        match self {
            Action::Put { update: false, .. } => Ok(()),
            Action::Put {
                source: Source::Constant(constant, _),
                ..
            } if found.read.plain => {
                if found.body != &**constant {
                    let number = patch.attribute_field();
                    patch.edits().put(found.field.clone(), |out| {
                        encode::put_bytes(out, number, constant)
                    });
                }
                Ok(())
            }
            Action::Put {
                source: Source::Constant(constant, value),
                ..
            } => {
                let value = constant
                    .len()
                    .checked_sub(*value)
                    .and_then(|start| constant.get(start..));
                found.put_value(patch, value.unwrap_or_default())
            }
            Action::Put {
                source: Source::Attribute(source),
                ..
            } => match patch.attribute(source)? {
                Some(value) => found.put_value(patch, value),
                None => Ok(()),
            },
            Action::Delete { .. } | Action::DeleteMatching(_) => {
                patch.edits().cut(found.field.clone());
                Ok(())
            }
            Action::Rename { to, .. } => found.put_key(patch, to),
            Action::Rewrite(rewrite) => found.rewrite(patch, &**rewrite),
        }
    }

    /// Adds the attribute where no attribute matches.
    #[inline]
    pub(super) fn add(&self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        let Action::Put { key, source, .. } = self else {
            return Ok(());
        };
        let (end, number) = (patch.end(), patch.attribute_field());
        match source {
            Source::Constant(constant, _) => {
                patch
                    .edits()
                    .put(end..end, |out| encode::put_bytes(out, number, constant));
            }
            Source::Attribute(source) => {
                if let Some(value) = patch.attribute(source)? {
                    patch.edits().put(end..end, |out| {
                        encode::put_header(out, number, encode::key_value_len(key.len(), value.len()));
                        encode::put_key_value(out, key, value);
                    });
                }
            }
        }
        Ok(())
    }
}

impl Found<'_> {
    /// The fields of the `KeyValue` that are neither key nor value.
    fn put_rest(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let mut scan = Scan::new(self.body, 0..self.body.len());
        while let Some(field) = scan.next_field()? {
            if !matches!(field.number, key_value::KEY | key_value::VALUE) {
                encode::put_field(out, field.number, scan.value(&field)?);
            }
        }
        Ok(())
    }

    /// Writes the `KeyValue` anew, keeping fields we do not know.
    fn put(&self, patch: &mut Patch<'_>, key: &[u8], value: Option<&[u8]>) -> Result<(), WireError> {
        let mut rest = Vec::new();
        if !self.read.plain {
            self.put_rest(&mut rest)?;
        }
        let number = patch.attribute_field();
        let key_length = encode::header_len(key_value::KEY, key.len()) + key.len();
        let value_length = value.map_or(0, |value| {
            encode::header_len(key_value::VALUE, value.len()) + value.len()
        });
        patch.edits().put(self.field.clone(), |out| {
            encode::put_header(out, number, key_length + value_length + rest.len());
            encode::put_bytes(out, key_value::KEY, key);
            if let Some(value) = value {
                encode::put_bytes(out, key_value::VALUE, value);
            }
            out.extend_from_slice(&rest);
        });
        Ok(())
    }

    /// Gives the attribute this value, the body of an `AnyValue`, and leaves all else as it is.
    pub(super) fn put_value(&self, patch: &mut Patch<'_>, value: &[u8]) -> Result<(), WireError> {
        if self.read.value == Some(value) {
            return Ok(());
        }
        self.put(patch, self.read.key, Some(value))
    }

    fn put_key(&self, patch: &mut Patch<'_>, key: &[u8]) -> Result<(), WireError> {
        self.put(patch, key, self.read.value)
    }

    fn rewrite(&self, patch: &mut Patch<'_>, rewrite: &dyn AttributeRewrite) -> Result<(), WireError> {
        let mut spare = patch.edits().lend();
        let verdict = rewrite.rewrite(
            self.read.key,
            self.read.value.unwrap_or_default(),
            &mut spare.next,
        );
        let done = match verdict {
            Rewritten::Keep => Ok(()),
            Rewritten::Replace => self.put_value(patch, &spare.next),
            Rewritten::Delete => {
                patch.edits().cut(self.field.clone());
                Ok(())
            }
        };
        patch.edits().give_back(spare);
        done
    }
}

/// Reads the attribute in this field of the buffer.
#[inline]
pub(super) fn found<'a>(buffer: &'a [u8], field: &scan::Placed) -> Result<Found<'a>, WireError> {
    let place = field.body()?;
    let body = buffer.get(place.clone()).unwrap_or_default();
    Ok(Found {
        field: field.field(),
        body,
        read: KeyValue::read(buffer, place)?,
    })
}
