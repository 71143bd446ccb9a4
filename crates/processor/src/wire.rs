//! Reading single fields where they stand, without decoding the rest.

pub(crate) use forebay_otlp::views::Scalar;

use forebay_otlp::edit::first_field;
use forebay_otlp::fields::key_value;
use forebay_otlp::{Cursor, Value, WireError};

/// The first field `number`, a string or message; empty if it is missing.
#[inline]
pub(crate) fn first_bytes(message: &[u8], number: u32) -> Result<&[u8], WireError> {
    Ok(match first_field(message, number)? {
        Some(Value::Len(bytes)) => bytes,
        _ => &[],
    })
}

/// The first field `number`, an integer or enum; 0 if it is missing.
#[inline]
pub(crate) fn first_number(message: &[u8], number: u32) -> Result<u64, WireError> {
    Ok(match first_field(message, number)? {
        Some(Value::Varint(value)) => value,
        _ => 0,
    })
}

/// A `KeyValue`: its key and the body of its `AnyValue`, empty if there is none.
#[inline]
pub(crate) fn key_value(body: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let mut cursor = Cursor::new(body);
    let mut read: (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = cursor.next_field()? {
        match (field.number, field.value) {
            (key_value::KEY, Value::Len(key)) => read.0 = key,
            (key_value::VALUE, Value::Len(value)) if !value.is_empty() => read.1 = value,
            _ => {}
        }
    }
    Ok(read)
}

/// The body of the `AnyValue` of the first attribute named `key`, in a message whose attributes have the number `field`.
pub(crate) fn attribute<'a>(
    message: &'a [u8],
    field: u32,
    key: &[u8],
) -> Result<Option<&'a [u8]>, WireError> {
    let mut cursor = Cursor::new(message);
    while let Some(found) = cursor.next_field()? {
        if found.number != field {
            continue;
        }
        if let Value::Len(body) = found.value
            && may_be_named(body, key)
        {
            let (name, value) = key_value(body)?;
            if name == key {
                return Ok(Some(value));
            }
        }
    }
    Ok(None)
}

/// Whether a `KeyValue` may have this key: rules most of them out by the length of the key, which comes first.
#[inline]
pub(crate) fn may_be_named(body: &[u8], key: &[u8]) -> bool {
    match body {
        [0x0a, length, ..] if *length < 0x80 => usize::from(*length) == key.len(),
        _ => true,
    }
}
