//! A single-pass cursor over the fields of one protobuf message. It allocates nothing and copies nothing.
//!
//! The wire is a sequence of fields. Each is a tag, the varint `number << 3 | wire type`, and a value:
//!
//! | wire type | value |
//! |---|---|
//! | 0 | a varint of 1 to 10 bytes, 7 bits each, least significant first |
//! | 1 | 8 bytes, little endian |
//! | 2 | a varint length, then that many bytes: string, bytes, message or packed numbers |
//! | 5 | 4 bytes, little endian |
//!
//! Wire types 3 and 4 (groups) do not occur in OTLP and are refused.
//! Source: protobuf encoding, "Message Structure".

use thiserror::Error;

/// What is wrong with the bytes of a message, and where: an offset from the start of the slice that the cursor was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct WireError {
    /// The rule that is broken.
    pub kind: WireErrorKind,
    /// Where, counted from the start of the slice that was read.
    pub offset: usize,
}

/// The rules that bytes can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireErrorKind {
    /// The message ends inside a tag, a number or a length-delimited value.
    #[error("truncated message")]
    Truncated,
    /// A varint is longer than 10 bytes or exceeds 64 bits.
    #[error("varint longer than 64 bits")]
    VarintOverflow,
    /// Field number 0, or one above 2^29 - 1.
    #[error("invalid field number")]
    FieldNumber,
    /// A group (wire types 3 and 4), or wire type 6 or 7.
    #[error("unsupported wire type")]
    WireType,
    /// A known field with a wire type that its declaration does not allow.
    #[error("field has the wrong wire type")]
    Mismatch,
    /// A `string` field that is not UTF-8.
    #[error("string is not valid UTF-8")]
    Utf8,
    /// Messages nested deeper than the limit.
    #[error("nested too deeply")]
    Depth,
    /// More messages that are empty or nearly so than any sender needs: see [`crate::MAX_HOLLOW`].
    #[error("too many messages that say nothing")]
    Hollow,
    /// More items with invalid ids than are taken out of one request: see [`crate::MAX_FLAWS`].
    #[error("too many items with invalid ids")]
    Flaws,
    /// A packed field whose length is not a multiple of its element's.
    #[error("packed field has a partial element")]
    Packed,
}

/// The value of one field, as far as the wire tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Len(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field: its number and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field number, 1 to 2^29 - 1.
    pub number: u32,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Field<'a> {
    /// The bytes of a length-delimited field, or nothing for another wire type.
    #[inline]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self.value {
            Value::Len(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Walks over the fields of one message, front to back.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first field of `message`.
    #[inline]
    pub const fn new(message: &'a [u8]) -> Self {
        Cursor {
            bytes: message,
            position: 0,
        }
    }

    /// How many bytes have been read: before a call of [`Cursor::next_field`] the start of the field's tag, after it the
    /// end of its value.
    #[inline]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The next field, nothing at the end of the message, or the error that makes the rest unreadable.
    #[inline(always)]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        let Some(rest) = self.bytes.get(self.position..) else {
            return Ok(None);
        };
        let Some((&tag, after)) = rest.split_first() else {
            return Ok(None);
        };
        match short_field(tag, after) {
            Some((value, left)) => {
                self.position = self.bytes.len() - left.len();
                Ok(Some(Field {
                    number: u32::from(tag >> 3),
                    value,
                }))
            }
            None => self.long_field().map(Some),
        }
    }

    /// The bytes of the next field if it has this tag of one byte and a length below 128: what most elements of repeated
    /// messages have. Nothing was read otherwise.
    #[inline(always)]
    pub(crate) fn next_short(&mut self, tag: u8) -> Option<&'a [u8]> {
        match self.bytes.get(self.position..) {
            Some([found, length @ 0..0x80, rest @ ..]) if *found == tag => {
                let bytes = rest.get(..usize::from(*length))?;
                self.position += 2 + bytes.len();
                Some(bytes)
            }
            _ => None,
        }
    }

    /// The next field, of which there is one, whatever the lengths of its parts.
    #[inline(never)]
    fn long_field(&mut self) -> Result<Field<'a>, WireError> {
        let start = self.position;
        let tag = self.varint()?;
        let number = match u32::try_from(tag >> 3) {
            Ok(number) if number != 0 && number < 1 << 29 => number,
            _ => {
                return Err(WireError {
                    kind: WireErrorKind::FieldNumber,
                    offset: start,
                });
            }
        };
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => {
                let length = self.varint()?;
                Value::Len(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => {
                return Err(WireError {
                    kind: WireErrorKind::WireType,
                    offset: start,
                });
            }
        };
        Ok(Field { number, value })
    }

    /// Whether every byte has been read.
    #[inline]
    pub const fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// 8 bytes at the current position, little endian: also the elements of a packed field.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A varint at the current position: also the elements of a packed field, read with a cursor over its bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.position..) {
            Some([byte @ 0..0x80, ..]) => {
                self.position += 1;
                Ok(u64::from(*byte))
            }
            Some([low, high @ 0..0x80, ..]) => {
                self.position += 2;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, &byte) in self.bytes.iter().skip(self.position).take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(self.error(WireErrorKind::VarintOverflow));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.position += index + 1;
                return Ok(value);
            }
        }
        let left = self.bytes.len() - self.position;
        Err(self.error(if left < 10 {
            WireErrorKind::Truncated
        } else {
            WireErrorKind::VarintOverflow
        }))
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.position.checked_add(length))
            .and_then(|end| self.bytes.get(self.position..end));
        match taken {
            Some(bytes) => {
                self.position += bytes.len();
                Ok(bytes)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        match self
            .bytes
            .get(self.position..)
            .and_then(|rest| rest.first_chunk::<N>())
        {
            Some(chunk) => {
                self.position += N;
                Ok(*chunk)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    #[cold]
    fn error(&self, kind: WireErrorKind) -> WireError {
        WireError {
            kind,
            offset: self.position,
        }
    }
}

/// The value behind a tag of one byte, and what follows: nothing where a length takes more than two bytes or a varint more
/// than one, or where something is wrong.
#[inline(always)]
fn short_field(tag: u8, after: &[u8]) -> Option<(Value<'_>, &[u8])> {
    if !(8..0x80).contains(&tag) {
        return None;
    }
    match tag & 7 {
        0 => match after {
            [byte @ 0..0x80, left @ ..] => Some((Value::Varint(u64::from(*byte)), left)),
            _ => None,
        },
        1 => {
            let (bytes, left) = after.split_first_chunk()?;
            Some((Value::Fixed64(u64::from_le_bytes(*bytes)), left))
        }
        2 => {
            let (length, rest) = match after {
                [length @ 0..0x80, rest @ ..] => (usize::from(*length), rest),
                [low, high @ 0..0x80, rest @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, rest),
                _ => return None,
            };
            let (bytes, left) = rest.split_at_checked(length)?;
            Some((Value::Len(bytes), left))
        }
        5 => {
            let (bytes, left) = after.split_first_chunk()?;
            Some((Value::Fixed32(u32::from_le_bytes(*bytes)), left))
        }
        _ => None,
    }
}
