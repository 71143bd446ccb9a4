//! The value of an attribute, as far as most rules tell values apart.

use crate::fields::any_value;
use crate::{Cursor, Value};

/// The tag of a string in an `AnyValue`.
const STRING_TAG: u8 = (any_value::STRING_VALUE as u8) << 3 | 2;

/// A value that is no list, map or bytes, read without an error: what cannot be read is [`Scalar::Other`]. See
/// [`super::AnyValue`] for all of what a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A string, not checked to be UTF-8.
    Text(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// Bytes, an array, a map, or no value.
    Other,
}

impl<'a> Scalar<'a> {
    /// Reads the body of an `AnyValue`. Its fields are a `oneof`: the last one counts.
    #[inline]
    pub fn read(body: &'a [u8]) -> Scalar<'a> {
        // Nearly all values are this: one short string.
        if let [STRING_TAG, length @ 0..0x80, text @ ..] = body
            && text.len() == usize::from(*length)
        {
            return Scalar::Text(text);
        }
        let mut cursor = Cursor::new(body);
        let mut read = Scalar::Other;
        while let Ok(Some(field)) = cursor.next_field() {
            read = match (field.number, field.value) {
                (any_value::STRING_VALUE, Value::Len(text)) => Scalar::Text(text),
                (any_value::BOOL_VALUE, Value::Varint(value)) => Scalar::Bool(value != 0),
                (any_value::INT_VALUE, Value::Varint(value)) => Scalar::Int(value.cast_signed()),
                (any_value::DOUBLE_VALUE, Value::Fixed64(bits)) => Scalar::Double(f64::from_bits(bits)),
                (any_value::STRING_VALUE..=any_value::STRING_VALUE_STRINDEX, _) => Scalar::Other,
                _ => read,
            };
        }
        read
    }
}
