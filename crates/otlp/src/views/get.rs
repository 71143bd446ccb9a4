//! Reading one field of a message, and walking over repeated ones.

use super::View;
use crate::{Cursor, Field, Value, WireError, WireErrorKind};
use std::marker::PhantomData;

/// The last value of a field, as `pick` reads it.
fn last<'a, T>(
    message: &'a [u8],
    number: u32,
    pick: impl Fn(Value<'a>) -> Option<T>,
) -> Result<Option<T>, WireError> {
    let mut found = None;
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.next_field()? {
        if field.number == number {
            found = Some(pick(field.value).ok_or_else(|| mismatch(&cursor))?);
        }
    }
    Ok(found)
}

pub(super) fn varint(message: &[u8], number: u32) -> Result<u64, WireError> {
    let pick = |value| {
        if let Value::Varint(value) = value {
            Some(value)
        } else {
            None
        }
    };
    Ok(last(message, number, pick)?.unwrap_or(0))
}

pub(super) fn optional_fixed64(message: &[u8], number: u32) -> Result<Option<u64>, WireError> {
    last(message, number, |value| {
        if let Value::Fixed64(value) = value {
            Some(value)
        } else {
            None
        }
    })
}

pub(super) fn fixed64(message: &[u8], number: u32) -> Result<u64, WireError> {
    Ok(optional_fixed64(message, number)?.unwrap_or(0))
}

pub(super) fn fixed32(message: &[u8], number: u32) -> Result<u32, WireError> {
    let pick = |value| {
        if let Value::Fixed32(value) = value {
            Some(value)
        } else {
            None
        }
    };
    Ok(last(message, number, pick)?.unwrap_or(0))
}

pub(super) fn message(message: &[u8], number: u32) -> Result<Option<&[u8]>, WireError> {
    last(message, number, |value| {
        if let Value::Len(bytes) = value {
            Some(bytes)
        } else {
            None
        }
    })
}

pub(super) fn bytes(within: &[u8], number: u32) -> Result<&[u8], WireError> {
    Ok(message(within, number)?.unwrap_or_default())
}

pub(super) fn text(message: &[u8], number: u32) -> Result<&str, WireError> {
    let bytes = bytes(message, number)?;
    let fault = || WireError {
        kind: WireErrorKind::Utf8,
        offset: bytes.as_ptr().addr().saturating_sub(message.as_ptr().addr()),
    };
    simdutf8::basic::from_utf8(bytes).map_err(|_| fault())
}

/// `bytes`, the value that `cursor` has just read, as a string.
pub(super) fn utf8<'a>(bytes: &'a [u8], cursor: &Cursor<'_>) -> Result<&'a str, WireError> {
    let fault = || WireError {
        kind: WireErrorKind::Utf8,
        offset: cursor.position().saturating_sub(bytes.len()),
    };
    simdutf8::basic::from_utf8(bytes).map_err(|_| fault())
}

/// The field that `cursor` has just read has the wrong wire type. The offset is the end of the field.
#[cold]
pub(super) fn mismatch(cursor: &Cursor<'_>) -> WireError {
    WireError {
        kind: WireErrorKind::Mismatch,
        offset: cursor.position(),
    }
}

/// A `sint32` from its varint: protobuf encoding, "Signed Integers".
pub(super) fn zigzag32(value: u64) -> i32 {
    let value = value as u32;
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The messages of one repeated field, in order. Stops after the first error.
#[derive(Clone, Copy, Debug)]
pub struct Repeated<'a, V> {
    cursor: Cursor<'a>,
    number: u32,
    /// The tag of its fields, if it has one byte; else one that no field has.
    tag: u8,
    view: PhantomData<V>,
}

impl<'a, V: View<'a>> Repeated<'a, V> {
    /// The fields of `message` that have this number.
    #[inline]
    pub const fn new(message: &'a [u8], number: u32) -> Self {
        Repeated {
            cursor: Cursor::new(message),
            number,
            tag: if number < 16 { (number as u8) << 3 | 2 } else { 0 },
            view: PhantomData,
        }
    }

    /// The next one, whatever comes before it.
    fn seek(&mut self) -> Option<Result<V, WireError>> {
        loop {
            match self.cursor.next_field() {
                Ok(Some(Field { number, value })) if number == self.number => {
                    return match value {
                        Value::Len(bytes) => Some(Ok(V::new(bytes))),
                        _ => self.stop(mismatch(&self.cursor)),
                    };
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return self.stop(error),
            }
        }
    }

    /// Ends the iteration, with the error that a caller gets.
    #[cold]
    fn stop(&mut self, error: WireError) -> Option<Result<V, WireError>> {
        self.cursor = Cursor::new(&[]);
        Some(Err(error))
    }
}

impl<'a, V: View<'a>> Iterator for Repeated<'a, V> {
    type Item = Result<V, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.cursor.next_short(self.tag) {
            Some(bytes) => Some(Ok(V::new(bytes))),
            None => self.seek(),
        }
    }
}

/// A number that can be an element of a repeated field.
pub trait Element: Copy {
    /// What an element reads as.
    type Number;

    /// The element that stands alone, unpacked.
    fn single(value: Value<'_>) -> Option<Self::Number>;

    /// The next element of a packed field.
    fn packed(cursor: &mut Cursor<'_>) -> Result<Self::Number, WireError>;
}

/// The element kind of `repeated uint64`.
#[derive(Clone, Copy, Debug)]
pub struct Varint;

impl Element for Varint {
    type Number = u64;

    fn single(value: Value<'_>) -> Option<u64> {
        if let Value::Varint(value) = value {
            Some(value)
        } else {
            None
        }
    }

    fn packed(cursor: &mut Cursor<'_>) -> Result<u64, WireError> {
        cursor.varint()
    }
}

/// The element kind of `repeated fixed64`.
impl Element for u64 {
    type Number = u64;

    fn single(value: Value<'_>) -> Option<u64> {
        if let Value::Fixed64(value) = value {
            Some(value)
        } else {
            None
        }
    }

    fn packed(cursor: &mut Cursor<'_>) -> Result<u64, WireError> {
        cursor.fixed64()
    }
}

/// The element kind of `repeated double`.
impl Element for f64 {
    type Number = f64;

    fn single(value: Value<'_>) -> Option<f64> {
        u64::single(value).map(f64::from_bits)
    }

    fn packed(cursor: &mut Cursor<'_>) -> Result<f64, WireError> {
        cursor.fixed64().map(f64::from_bits)
    }
}

/// The numbers of one repeated field, packed or not, in order. Stops after the first error.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a, E> {
    fields: Cursor<'a>,
    packed: Cursor<'a>,
    number: u32,
    element: PhantomData<E>,
}

impl<'a, E: Element> Numbers<'a, E> {
    /// The numbers in the fields of `message` that have this number.
    pub const fn new(message: &'a [u8], number: u32) -> Self {
        Numbers {
            fields: Cursor::new(message),
            packed: Cursor::new(&[]),
            number,
            element: PhantomData,
        }
    }

    fn advance(&mut self) -> Result<Option<E::Number>, WireError> {
        while self.packed.is_at_end() {
            match self.fields.next_field()? {
                Some(Field {
                    number,
                    value: Value::Len(bytes),
                }) if number == self.number => self.packed = Cursor::new(bytes),
                Some(Field { number, value }) if number == self.number => {
                    return E::single(value).map(Some).ok_or_else(|| mismatch(&self.fields));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        let partial = WireError {
            kind: WireErrorKind::Packed,
            offset: self.fields.position(),
        };
        E::packed(&mut self.packed).map(Some).map_err(|_| partial)
    }
}

impl<E: Element> Iterator for Numbers<'_, E> {
    type Item = Result<E::Number, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.advance();
        if step.is_err() {
            (self.fields, self.packed) = (Cursor::new(&[]), Cursor::new(&[]));
        }
        step.transpose()
    }
}
