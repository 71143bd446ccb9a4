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
            self.skip_short(|tag, _| is_other(tag, number));
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
            self.skip_short(|tag, body| is_other(tag, number) || is_plain_of_other_length(body, lengths));
            match self.next_field()? {
                Some(field) if field.number != number => {}
                field => return Ok(field),
            }
        }
    }

    /// Steps over fields of the usual form as long as `skip`, given the tag and the value, says so.
    #[inline(always)]
    fn skip_short(&mut self, skip: impl Fn(u8, &[u8]) -> bool) {
        let mut rest = self.bytes.get(self.position..).unwrap_or_default();
        while let Some(&[tag, first, second]) = rest.first_chunk() {
            let (head, length) = short_extent(tag, first, second);
            let Some((field, next)) = rest.split_at_checked(head + length) else {
                break;
            };
            if head == 0 || !skip(tag, field.get(head..).unwrap_or_default()) {
                break;
            }
            rest = next;
        }
        self.position = self.bytes.len() - rest.len();
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

/// Whether a field whose tag begins with this byte surely has another number. Of tags of several bytes, only that it is none
/// of the numbers below 16 is sure.
#[inline(always)]
const fn is_other(tag: u8, number: u32) -> bool {
    if tag < 0x80 {
        (tag >> 3) as u32 != number
    } else {
        number < 16
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
        if first < 0x80 {
            (2, first as usize)
        } else if second < 0x80 {
            (3, (first & 0x7f) as usize | (second as usize) << 7)
        } else {
            (0, 0)
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

/// Whether this is a `KeyValue` as every encoder writes it, with a key of none of these lengths.
#[inline(always)]
fn is_plain_of_other_length(body: &[u8], lengths: u64) -> bool {
    let Some((&[0x0a, length], rest)) = body.split_first_chunk() else {
        return false;
    };
    if length >= 0x80 || lengths >> (length & 63) & 1 == 1 {
        return false;
    }
    let Some(&[0x12, value_length, ref value @ ..]) = rest.get(usize::from(length)..) else {
        return false;
    };
    value_length < 0x80 && usize::from(value_length) == value.len()
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
