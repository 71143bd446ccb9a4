//! The walk itself.
//!
//! Its inner loop carries no error: a failed step gives nothing, and only then is the field read once more, by the
//! cursor, to name the rule that it breaks. So the answer of every step stays in registers.

use super::rules::{Action, LEAST_ITEM, Table, UNKNOWN, WRONG_LENGTH};
use super::text::{is_plain_attribute, is_utf8};
use super::{Census, HOLLOW_SHARE, MAX_FLAWS, MAX_HOLLOW, MAX_NESTING, tables};
use crate::{Cursor, WireError, WireErrorKind};
use std::ops::Range;

/// A span's own trace id is valid.
pub(super) const TRACE_ID: u8 = 1;
/// A span's own span id is valid.
pub(super) const SPAN_ID: u8 = 2;

/// The levels that a plain attribute takes: `KeyValue` and `AnyValue`.
const PLAIN_LEVELS: u32 = 2;

/// One walk over one request.
pub(super) struct Walk<'a> {
    request: &'a [u8],
    census: Census,
    /// [`WRONG_LENGTH`] if a message inside the item at hand has such an id.
    torn: u8,
    /// How many more messages may say nothing.
    hollow: usize,
    fault: Option<WireError>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(request: &'a [u8]) -> Self {
        Walk {
            request,
            census: Census::default(),
            torn: 0,
            hollow: MAX_HOLLOW + request.len() / HOLLOW_SHARE,
            fault: None,
        }
    }

    /// The same without a limit on hollow messages: for what was let in already.
    pub(super) fn trusting(mut self) -> Self {
        self.hollow = usize::MAX;
        self
    }

    /// Walks over the request, whose rules are `table`.
    pub(super) fn run(mut self, table: &'static Table) -> Result<Census, WireError> {
        match self.message(self.request, table, MAX_NESTING - 1) {
            Some(()) => Ok(self.census),
            None => Err(self.fault.unwrap_or(WireError {
                kind: WireErrorKind::Truncated,
                offset: 0,
            })),
        }
    }

    /// Checks the fields of one message, inside which messages may nest `levels` deep.
    fn message(&mut self, message: &'a [u8], table: &'static Table, levels: u32) -> Option<()> {
        // Here and not where it is nested: with a call in the loop below each field would cost more.
        if message.len() < table.least {
            self.hollow(message)?;
        }
        let mut ids = 0;
        let mut rest = message;
        while let Some((&byte, after)) = rest.split_first() {
            let Some((tag, after)) = (if byte < 0x80 {
                Some((byte, after))
            } else {
                wide_tag(rest)
            }) else {
                return self.explain(rest, table);
            };
            let next = match table.action(tag) {
                Action::KeyValue => self.attributes(rest, after, table, levels),
                Action::Fixed64 => after.get(8..),
                Action::Bytes => take(after).map(|(_, next)| next),
                Action::Str => take(after).and_then(|(text, next)| is_utf8(text).then_some(next)),
                Action::Varint => skip_varint(after),
                Action::Message => self.nested(after, tables::table(table.child(tag)), levels),
                Action::Fixed32 => after.get(4..),
                Action::TraceId => id::<16>(after, &mut ids, TRACE_ID),
                Action::SpanId => id::<8>(after, &mut ids, SPAN_ID),
                Action::OtherSpanId => id::<8>(after, &mut ids, 0),
                Action::Item => self.item(after),
                Action::PackedFixed64 => {
                    take(after).and_then(|(packed, next)| (packed.len() % 8 == 0).then_some(next))
                }
                Action::PackedVarint => take(after).and_then(|(packed, next)| varints(packed).map(|()| next)),
                Action::Mismatch | Action::WireType | Action::FieldNumber => None,
            };
            match next {
                Some(next) => rest = next,
                None => return self.explain(rest, table),
            }
        }
        self.census.items += table.items;
        if (ids | self.torn) & table.judged != table.ids {
            return self.flaw(message, table);
        }
        Some(())
    }

    /// Notes that an id of `message` is wrong, or of a message inside it: the item that it belongs to is flawed.
    #[cold]
    #[inline(never)]
    fn flaw(&mut self, message: &'a [u8], table: &'static Table) -> Option<()> {
        if table.items == 0 {
            self.torn = WRONG_LENGTH;
            return Some(());
        }
        self.torn = 0;
        let place = self.place(message);
        if self.census.flaws.len() == MAX_FLAWS {
            return self.refuse(WireErrorKind::Flaws, place.start);
        }
        self.census.flaws.push(place);
        Some(())
    }

    /// Where `part` stands in the request.
    fn place(&self, part: &[u8]) -> Range<usize> {
        let start = part.as_ptr().addr() - self.request.as_ptr().addr();
        start..start + part.len()
    }

    #[cold]
    fn refuse(&mut self, kind: WireErrorKind, offset: usize) -> Option<()> {
        self.fault = Some(WireError { kind, offset });
        None
    }

    /// Counts a message that says nothing.
    #[cold]
    #[inline(never)]
    fn hollow(&mut self, message: &'a [u8]) -> Option<()> {
        match self.hollow.checked_sub(1) {
            Some(left) => {
                self.hollow = left;
                Some(())
            }
            None => self.refuse(WireErrorKind::Hollow, self.place(message).start),
        }
    }

    /// A run of `KeyValue`s, whose first begins with `field` and goes on with its length at `after`.
    #[inline(always)]
    fn attributes(
        &mut self,
        mut field: &'a [u8],
        mut after: &'a [u8],
        table: &'static Table,
        levels: u32,
    ) -> Option<&'a [u8]> {
        let (&tag, _) = field.split_first()?;
        loop {
            let next = match take(after) {
                Some((attribute, next)) if levels >= PLAIN_LEVELS && is_plain_attribute(attribute) => next,
                // Nothing but these fills a request fastest, and there is nothing in one to walk over.
                Some((attribute, next)) if levels > 0 && attribute.is_empty() => {
                    self.hollow(attribute)?;
                    next
                }
                _ => match self.nested(after, &tables::KEY_VALUE, levels) {
                    Some(next) => next,
                    None => {
                        self.explain(field, table);
                        return None;
                    }
                },
            };
            match next.split_first() {
                Some((&again, rest)) if again == tag && tag < 0x80 => (field, after) = (next, rest),
                _ => return Some(next),
            }
        }
    }

    /// A nested message, its length first.
    #[inline(always)]
    fn nested(&mut self, after: &'a [u8], table: &'static Table, levels: u32) -> Option<&'a [u8]> {
        let (message, next) = take(after)?;
        let levels = levels.checked_sub(1)?;
        self.message(message, table, levels)?;
        Some(next)
    }

    /// An item that is counted but not entered.
    #[inline(always)]
    fn item(&mut self, after: &'a [u8]) -> Option<&'a [u8]> {
        self.census.items += 1;
        let (item, next) = take(after)?;
        if item.len() < LEAST_ITEM {
            self.hollow(item)?;
        }
        Some(next)
    }

    /// Notes why `field`, whose action failed, is wrong. A fault that is known already is that of a message inside.
    #[cold]
    #[inline(never)]
    fn explain(&mut self, field: &'a [u8], table: &'static Table) -> Option<()> {
        if self.fault.is_none() {
            let start = self.place(field).start;
            let (kind, offset) = match Cursor::new(field).next_field() {
                Err(error) => (error.kind, error.offset),
                Ok(_) => (broken_rule(field, table), 0),
            };
            self.fault = Some(WireError {
                kind,
                offset: start + offset,
            });
        }
        None
    }
}

/// The rule that a field breaks, given that it can be read.
fn broken_rule(field: &[u8], table: &Table) -> WireErrorKind {
    match wide_tag(field).map(|(tag, _)| table.action(tag)) {
        Some(Action::Str) => WireErrorKind::Utf8,
        Some(Action::PackedFixed64 | Action::PackedVarint) => WireErrorKind::Packed,
        Some(Action::Message | Action::KeyValue) => WireErrorKind::Depth,
        _ => WireErrorKind::Mismatch,
    }
}

/// The tag of `field` as tables know it, and the bytes after the tag: itself below 256, and [`UNKNOWN`] and a wire type
/// above, where OTLP has no fields.
#[inline]
fn wide_tag(field: &[u8]) -> Option<(u8, &[u8])> {
    if let [tag @ 0x80..=0xff, 1, after @ ..] = field {
        return Some((*tag, after));
    }
    let mut cursor = Cursor::new(field);
    let tag = cursor.varint().ok().filter(|tag| *tag <= u64::from(u32::MAX))?;
    let known = u8::try_from(tag).unwrap_or(UNKNOWN | (tag & 7) as u8);
    Some((known, field.get(cursor.position()..)?))
}

/// Whether `packed` is whole varints.
fn varints(mut packed: &[u8]) -> Option<()> {
    while !packed.is_empty() {
        packed = skip_varint(packed)?;
    }
    Some(())
}

/// Splits a length-delimited value, whose length comes first, from what follows.
#[inline(always)]
fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes.split_first() {
        Some((&length, rest)) if length < 0x80 => rest.split_at_checked(usize::from(length)),
        _ => take_long(bytes),
    }
}

/// As [`take`], for a length of more than one byte.
#[inline]
fn take_long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if let [low, high @ 0..0x80, rest @ ..] = bytes {
        return rest.split_at_checked(usize::from(low & 0x7f) | usize::from(*high) << 7);
    }
    let mut cursor = Cursor::new(bytes);
    let length = usize::try_from(cursor.varint().ok()?).ok()?;
    bytes.get(cursor.position()..)?.split_at_checked(length)
}

/// What follows a varint.
#[inline(always)]
fn skip_varint(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0..0x80, rest @ ..] => Some(rest),
        _ => skip_long_varint(bytes),
    }
}

/// As [`skip_varint`], for more than one byte.
#[inline]
fn skip_long_varint(bytes: &[u8]) -> Option<&[u8]> {
    if let [_, 0..0x80, rest @ ..] = bytes {
        return Some(rest);
    }
    let mut cursor = Cursor::new(bytes);
    cursor.varint().ok()?;
    bytes.get(cursor.position()..)
}

/// What follows an id. Notes in `ids` whether it is valid: `N` bytes, not all zero. The last of repeated ids counts.
#[inline(always)]
fn id<'a, const N: usize>(after: &'a [u8], ids: &mut u8, bit: u8) -> Option<&'a [u8]> {
    let (&length, rest) = after.split_first()?;
    if usize::from(length) != N {
        let (next, noted) = odd_id::<N>(after, *ids, bit)?;
        *ids = noted;
        return Some(next);
    }
    let (id, next) = rest.split_first_chunk::<N>()?;
    let zero = *id == [0; N];
    *ids = (*ids & !bit) | if zero { 0 } else { bit };
    Some(next)
}

/// As [`id`], for one that is empty, has a wrong length, or a length that is written in more bytes than it needs: what
/// follows it, and what is noted then.
#[cold]
#[inline(never)]
fn odd_id<const N: usize>(after: &[u8], ids: u8, bit: u8) -> Option<(&[u8], u8)> {
    let (id, next) = take(after)?;
    let noted = match id.len() {
        0 => 0,
        length if length != N => WRONG_LENGTH,
        _ if id.iter().all(|&byte| byte == 0) => 0,
        _ => bit,
    };
    Some((next, ids & !bit | noted))
}
