//! Reading fields together with the place where they stand in the request.

use std::ops::Range;

use crate::{Cursor, Value, WireError, WireErrorKind, fields::key_value};

/// A field and where it stands, counted from the start of the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) number: u32,
    wire: u8,
    /// The first byte of the tag.
    pub(super) start: usize,
    /// The first byte of the value, after a length if there is one.
    body: usize,
    /// The first byte after the value.
    pub(super) end: usize,
}

/// The wire type of strings, bytes and messages.
const LEN: u8 = 2;

impl Placed {
    /// Where the value of a field stands that is declared as a message, string or bytes.
    #[inline]
    pub(super) fn body(&self) -> Result<Range<usize>, WireError> {
        if self.wire == LEN {
            Ok(self.body..self.end)
        } else {
            Err(self.mismatch())
        }
    }

    /// Where the whole field stands.
    #[inline]
    pub(super) const fn field(&self) -> Range<usize> {
        self.start..self.end
    }

    #[cold]
    fn mismatch(&self) -> WireError {
        WireError {
            kind: WireErrorKind::Mismatch,
            offset: self.start,
        }
    }
}

/// Walks over the fields of one message in a buffer. It steps over values without reading them, which is what most of
/// the time of an edit goes into: hence the short way for what nearly all fields look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    /// The buffer up to the end of the message.
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Scan<'a> {
    #[inline]
    pub(super) fn new(buffer: &'a [u8], message: Range<usize>) -> Self {
        Scan {
            bytes: buffer.get(..message.end).unwrap_or_default(),
            position: message.start,
        }
    }

    /// The next field.
    #[inline]
    pub(super) fn next_field(&mut self) -> Result<Option<Placed>, WireError> {
        if self.position >= self.bytes.len() {
            return Ok(None);
        }
        match self.short_field() {
            Some(field) => {
                self.position = field.end;
                Ok(Some(field))
            }
            None => self.any_field().map(Some),
        }
    }

    /// The next field of this number.
    #[inline]
    pub(super) fn next_of(&mut self, number: u32) -> Result<Option<Placed>, WireError> {
        loop {
            self.skip_others(number);
            match self.next_field()? {
                Some(field) if field.number != number => {}
                field => return Ok(field),
            }
        }
    }

    /// The next attribute, a `KeyValue` in a field of this number, whose key has one of the `lengths`: bit `n` stands for a
    /// length of `n` modulo 64.
    #[inline]
    pub(super) fn next_attribute(&mut self, number: u32, lengths: u64) -> Result<Option<Placed>, WireError> {
        loop {
            self.skip_attributes(number, lengths);
            match self.next_field()? {
                Some(field) if field.number != number => {}
                field => return Ok(field),
            }
        }
    }

    /// Steps over fields of the usual form that surely have another number.
    #[inline(always)]
    fn skip_others(&mut self, number: u32) {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        self.position = self.bytes.len() - after_others(rest, number).len();
    }

    /// [`Scan::skip_others`], and over attributes of the usual form whose key has none of the `lengths`.
    #[inline]
    pub(super) fn skip_attributes(&mut self, number: u32, lengths: u64) {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let rest = after_other_attributes(rest, number, plain_opening(number), lengths);
        self.position = self.bytes.len() - rest.len();
    }

    /// Whether every field was stepped over.
    #[inline]
    pub(super) const fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// The next field if it begins with the tag `tag`, of a message, and is of the usual form: the first bytes of its tag
    /// and of its value, and the one after it.
    #[inline(always)]
    pub(super) fn next_message(&mut self, tag: u8) -> Option<(usize, usize, usize)> {
        let start = self.position;
        let &[found, first, second] = self.bytes.get(start..)?.first_chunk()?;
        if found != tag {
            return None;
        }
        let (head, length) = short_length(first, second)?;
        let end = start + head + length;
        if end > self.bytes.len() {
            return None;
        }
        self.position = end;
        Some((start, start + head, end))
    }

    /// A field with a tag of one byte, a length of at most two and a varint of one.
    #[inline]
    fn short_field(&self) -> Option<Placed> {
        let start = self.position;
        let &[tag, first, second] = self.bytes.get(start..)?.first_chunk()?;
        let (head, length) = short_extent(tag, first, second);
        let (body, end) = (start + head, start + head + length);
        let usual = head != 0 && tag < 0x80 && end <= self.bytes.len();
        usual.then_some(Placed {
            number: u32::from(tag >> 3),
            wire: tag & 7,
            start,
            body,
            end,
        })
    }

    /// Any field, or the error that makes the rest of the message unreadable.
    #[cold]
    fn any_field(&mut self) -> Result<Placed, WireError> {
        let start = self.position;
        let mut cursor = Cursor::new(self.bytes.get(start..).unwrap_or_default());
        let field = match cursor.next_field() {
            Ok(Some(field)) => field,
            Ok(None) => {
                return Err(WireError {
                    kind: WireErrorKind::Truncated,
                    offset: start,
                });
            }
            Err(error) => {
                return Err(WireError {
                    offset: start + error.offset,
                    ..error
                });
            }
        };
        let end = start + cursor.position();
        let (wire, body) = match field.value {
            Value::Varint(_) => (0, end),
            Value::Fixed64(_) => (1, end - 8),
            Value::Len(bytes) => (LEN, end - bytes.len()),
            Value::Fixed32(_) => (5, end - 4),
        };
        self.position = end;
        Ok(Placed {
            number: field.number,
            wire,
            start,
            body,
            end,
        })
    }

    /// The value of a field of this scan that is declared as a message, string or bytes.
    #[inline]
    pub(super) fn bytes(&self, field: &Placed) -> Result<&'a [u8], WireError> {
        Ok(self.bytes.get(field.body()?).unwrap_or_default())
    }

    /// The value of a field of this scan.
    pub(super) fn value(&self, field: &Placed) -> Result<Value<'a>, WireError> {
        match Cursor::new(self.bytes.get(field.field()).unwrap_or_default()).next_field()? {
            Some(read) => Ok(read.value),
            None => Err(WireError {
                kind: WireErrorKind::Truncated,
                offset: field.start,
            }),
        }
    }
}

/// How many bytes come before the value of a field that begins with these three bytes, and how many the value has. Nothing
/// comes before it if the field has to be read the long way: by its tag, length or varint, or because it is invalid.
///
/// Written without a jump table, whose indirect jumps are hard to predict.
#[inline(always)]
const fn short_extent(tag: u8, first: u8, second: u8) -> (usize, usize) {
    if tag < 8 {
        return (0, 0);
    }
    if tag >= 0x80 {
        // The one field of OTLP with a tag of two bytes that is in nearly every item: the flags of a span, fixed32.
        return if tag & 7 == 5 && first > 0 && first < 0x80 {
            (2, 4)
        } else {
            (0, 0)
        };
    }
    let wire = tag & 7;
    if wire == LEN {
        match short_length(first, second) {
            Some(extent) => extent,
            None => (0, 0),
        }
    } else if wire == 1 {
        (1, 8)
    } else if wire == 0 && first < 0x80 {
        (1, 1)
    } else if wire == 5 {
        (1, 4)
    } else {
        (0, 0)
    }
}

/// The first field `number` of a message, which is the only one unless the field is repeated: what follows is not read.
///
/// # Errors
///
/// What is wrong with a field up to this one.
#[inline]
pub fn first_field(message: &[u8], number: u32) -> Result<Option<Value<'_>>, WireError> {
    let rest = after_others(message, number);
    if let Some((&[tag, length @ 0..0x80], after)) = rest.split_first_chunk()
        && is_message_of(tag, number)
        && let Some(value) = after.get(..usize::from(length))
    {
        return Ok(Some(Value::Len(value)));
    }
    if rest.is_empty() {
        return Ok(None);
    }
    find_field(message, message.len() - rest.len(), number)
}

/// [`first_field`] from `start` on, whatever the form of the fields.
fn find_field(message: &[u8], start: usize, number: u32) -> Result<Option<Value<'_>>, WireError> {
    let mut cursor = Cursor::new(message.get(start..).unwrap_or_default());
    let place = |error: WireError| WireError {
        offset: start + error.offset,
        ..error
    };
    while let Some(field) = cursor.next_field().map_err(place)? {
        if field.number == number {
            return Ok(Some(field.value));
        }
    }
    Ok(None)
}

/// What of `rest` is left after the fields of the usual form that surely have another number.
#[inline]
fn after_others(mut rest: &[u8], number: u32) -> &[u8] {
    while let Some(&[tag, first]) = rest.first_chunk()
        && let Some(next) = after_other(rest, tag, first, number)
    {
        rest = next;
    }
    rest
}

/// What of `rest` is left after fields of another number and attributes whose key has none of the `lengths`, all of the usual
/// form. What decides about an attribute are its first four bytes, compared at once, and the two in front of its value.
#[inline(never)]
fn after_other_attributes(mut rest: &[u8], number: u32, opening: u32, lengths: u64) -> &[u8] {
    while let Some(&start) = rest.first_chunk() {
        let start = u32::from_le_bytes(start);
        let next = if start & PLAIN_OPENING == opening {
            after_plain_of_other_length(rest, start, lengths)
        } else {
            match after_other(rest, start as u8, (start >> 8) as u8, number) {
                None => after_long_of_other_length(rest, number, lengths),
                next => next,
            }
        };
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    rest
}

/// Whether a tag of one byte is that of a message, string or bytes of this number.
#[inline(always)]
const fn is_message_of(tag: u8, number: u32) -> bool {
    tag < 0x80 && tag & 7 == LEN && (tag >> 3) as u32 == number
}

/// What follows a field of the usual form that begins with these two bytes, if it surely has another number.
///
/// The wire types are told apart bit by bit: compared as a whole, they become a jump table, whose jumps are hard to predict.
#[inline(always)]
pub(super) fn after_other(rest: &[u8], tag: u8, first: u8, number: u32) -> Option<&[u8]> {
    if tag >= 0x80 {
        return after_flags(rest, tag, first, number);
    }
    if tag < 8 || u32::from(tag >> 3) == number {
        return None;
    }
    if tag & 2 != 0 {
        if tag & 5 != 0 {
            None
        } else if first < 0x80 {
            rest.get(2 + usize::from(first)..)
        } else {
            after_long(rest)
        }
    } else if tag & 1 != 0 {
        rest.get(9 - usize::from(tag & 4)..)
    } else if tag & 4 == 0 && first < 0x80 {
        rest.get(2..)
    } else {
        None
    }
}

/// What follows a field with a tag of two bytes, of which there is one in nearly every span: its flags, fixed32. Of such a tag
/// it is only sure that it is none of the numbers below 16.
#[inline(always)]
fn after_flags(rest: &[u8], tag: u8, first: u8, number: u32) -> Option<&[u8]> {
    if tag & 7 == 5 && first > 0 && first < 0x80 && number < 16 {
        rest.get(6..)
    } else {
        None
    }
}

/// What follows a field with a tag of one byte and a length of two.
#[inline(never)]
fn after_long(rest: &[u8]) -> Option<&[u8]> {
    let &[_, low, high] = rest.first_chunk()?;
    let (head, length) = short_length(low, high)?;
    rest.get(head + length..)
}

/// How many bytes the tag and a length that begins with these two bytes take, and the length; nothing if it takes more.
#[inline(always)]
const fn short_length(first: u8, second: u8) -> Option<(usize, usize)> {
    if first < 0x80 {
        Some((2, first as usize))
    } else if second < 0x80 {
        Some((3, (first & 0x7f) as usize | (second as usize) << 7))
    } else {
        None
    }
}

/// The bits of the first four bytes of an attribute that are the same in all whose field and key are shorter than 128 bytes:
/// the tag, the tag of the key, and that no length goes on in a second byte.
pub(super) const PLAIN_OPENING: u32 = u32::from_le_bytes([0xff, 0x80, 0xff, 0x80]);

/// The tags of the key and the value of a `KeyValue`.
const KEY_TAG: u8 = 0x0a;
const VALUE_TAG: u8 = 0x12;

/// What these bits are for attributes in field `number`; what no four bytes can be if its tag takes more than one.
#[inline(always)]
pub(super) const fn plain_opening(number: u32) -> u32 {
    if number < 16 {
        u32::from_le_bytes([(number << 3) as u8 | LEN, 0, KEY_TAG, 0])
    } else {
        u32::MAX
    }
}

/// What follows the attribute that `rest` begins with, of which `start` are the first four bytes, if its key has none of these
/// lengths and its value takes up the rest of it.
#[inline(always)]
pub(super) fn after_plain_of_other_length(rest: &[u8], start: u32, lengths: u64) -> Option<&[u8]> {
    let (whole, key) = (start >> 8 & 0x7f, start >> 24 & 0x7f);
    if lengths >> (key & 63) & 1 == 1 {
        return None;
    }
    let place = 4 + key as usize;
    let value = u16::from_le_bytes(*rest.get(place..place + 2)?.first_chunk()?);
    // An attribute that is too short for its key makes this a number of more than 16 bits.
    let expected = whole.wrapping_sub(key).wrapping_sub(4) << 8 | u32::from(VALUE_TAG);
    if u32::from(value) == expected {
        rest.get(2 + whole as usize..)
    } else {
        None
    }
}

/// The same for an attribute whose field takes 128 to 16383 bytes, and its key less than 128.
#[inline(never)]
pub(super) fn after_long_of_other_length(rest: &[u8], number: u32, lengths: u64) -> Option<&[u8]> {
    let &[tag, low, high, key_tag, key] = rest.first_chunk()?;
    if !is_message_of(tag, number)
        || low < 0x80
        || key_tag != KEY_TAG
        || key >= 0x80
        || lengths >> (key & 63) & 1 == 1
    {
        return None;
    }
    let (head, whole) = short_length(low, high)?;
    let key = usize::from(key);
    let &[tag, first, second] = rest.get(5 + key..)?.first_chunk()?;
    let (value_head, value) = short_length(first, second)?;
    if tag != VALUE_TAG || 2 + key + value_head + value != whole {
        return None;
    }
    rest.get(head + whole..)
}

/// A `KeyValue` message, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyValue<'a> {
    pub(super) key: &'a [u8],
    /// The body of the `AnyValue`; nothing if the attribute has no value field.
    pub(super) value: Option<&'a [u8]>,
    /// Whether the message is a key field and at most one value field, in this order and nothing else.
    pub(super) plain: bool,
}

impl<'a> KeyValue<'a> {
    /// Reads the `KeyValue` at `place` of the buffer.
    #[inline]
    pub(super) fn read(buffer: &'a [u8], place: Range<usize>) -> Result<Self, WireError> {
        match Self::read_short(buffer.get(place.clone()).unwrap_or_default()) {
            Some(read) => Ok(read),
            None => Self::read_any(buffer, place),
        }
    }

    /// The layout that every encoder writes, with lengths below 128: one comparison per part instead of two field reads.
    #[inline]
    fn read_short(body: &'a [u8]) -> Option<Self> {
        let (&[key_tag, key_length], rest) = body.split_first_chunk()?;
        if key_tag != 0x0a || key_length >= 0x80 {
            return None;
        }
        let (key, rest) = rest.split_at_checked(usize::from(key_length))?;
        let (&[value_tag, value_length], value) = rest.split_first_chunk()?;
        let whole = value_tag == 0x12 && value_length < 0x80 && usize::from(value_length) == value.len();
        whole.then_some(KeyValue {
            key,
            value: Some(value),
            plain: true,
        })
    }

    /// Any layout: the last key counts, and the last value that is not empty.
    #[cold]
    fn read_any(buffer: &'a [u8], place: Range<usize>) -> Result<Self, WireError> {
        let mut read = KeyValue {
            key: &[],
            value: None,
            plain: true,
        };
        let mut scan = Scan::new(buffer, place);
        let mut fields = 0;
        while let Some(field) = scan.next_field()? {
            fields += 1;
            read.plain &= fields <= 2 && field.number == fields;
            match field.number {
                key_value::KEY => read.key = scan.bytes(&field)?,
                key_value::VALUE => {
                    let value = scan.bytes(&field)?;
                    if !value.is_empty() || read.value.is_none() {
                        read.value = Some(value);
                    }
                }
                _ => {}
            }
        }
        read.plain &= fields > 0;
        Ok(read)
    }
}

/// The body of the `AnyValue` of the first attribute named `key` in the message at `place`, whose attributes have the number
/// `attributes`.
pub(super) fn find_attribute<'a>(
    buffer: &'a [u8],
    place: Range<usize>,
    attributes: u32,
    key: &[u8],
) -> Result<Option<&'a [u8]>, WireError> {
    let mut scan = Scan::new(buffer, place);
    while let Some(field) = scan.next_of(attributes)? {
        let read = KeyValue::read(buffer, field.body()?)?;
        if read.key == key {
            return Ok(Some(read.value.unwrap_or_default()));
        }
    }
    Ok(None)
}
