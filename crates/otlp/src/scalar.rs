//! Scalar fields from the wire, typed by the table of messages.

use crate::schema::{Enum, Kind};
use crate::{Value, WireErrorKind};

/// The value of a scalar field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
    Id(&'a [u8]),
    Bool(bool),
    /// Every integer of 32 bits.
    Small(i64),
    Int(i64),
    Uint(u64),
    Double(f64),
    Enum(i32, &'static Enum),
}

impl<'a> Scalar<'a> {
    /// The value of a field of a kind. Varints too large for the kind are cut to its width, as protobuf has it
    /// (protobuf encoding, "More Integer Types" and "Updating a Message Type").
    pub(crate) fn decode(kind: Kind, value: Value<'a>) -> Result<Self, WireErrorKind> {
        let scalar = match (kind, value) {
            (Kind::String, Value::Len(bytes)) => {
                Scalar::Text(simdutf8::basic::from_utf8(bytes).map_err(|_| WireErrorKind::Utf8)?)
            }
            (Kind::Bytes, Value::Len(bytes)) => Scalar::Bytes(bytes),
            (Kind::Id(_), Value::Len(bytes)) => Scalar::Id(bytes),
            (Kind::Bool, Value::Varint(value)) => Scalar::Bool(value != 0),
            (Kind::Int32, Value::Varint(value)) => Scalar::Small(i64::from(value as i32)),
            (Kind::Enum(names), Value::Varint(value)) => Scalar::Enum(value as i32, names),
            (Kind::Sint32, Value::Varint(value)) => {
                let value = value as u32;
                Scalar::Small(i64::from((value >> 1) as i32 ^ -((value & 1) as i32)))
            }
            (Kind::Uint32, Value::Varint(value)) => Scalar::Small(i64::from(value as u32)),
            (Kind::Fixed32, Value::Fixed32(value)) => Scalar::Small(i64::from(value)),
            (Kind::Int64, Value::Varint(value)) => Scalar::Int(value as i64),
            (Kind::Sfixed64, Value::Fixed64(value)) => Scalar::Int(value as i64),
            (Kind::Uint64, Value::Varint(value)) => Scalar::Uint(value),
            (Kind::Fixed64, Value::Fixed64(value)) => Scalar::Uint(value),
            (Kind::Double, Value::Fixed64(value)) => Scalar::Double(f64::from_bits(value)),
            _ => return Err(WireErrorKind::Mismatch),
        };
        Ok(scalar)
    }

    /// Whether the value is what the field has when it is absent. Minus zero is not.
    pub(crate) fn is_default(&self) -> bool {
        match self {
            Scalar::Text(text) => text.is_empty(),
            Scalar::Bytes(bytes) | Scalar::Id(bytes) => bytes.is_empty(),
            Scalar::Bool(value) => !value,
            Scalar::Small(value) | Scalar::Int(value) => *value == 0,
            Scalar::Uint(value) => *value == 0,
            Scalar::Double(value) => value.to_bits() == 0,
            Scalar::Enum(value, _) => *value == 0,
        }
    }
}

/// The next element of a packed field of numbers, from a cursor over its bytes.
pub(crate) fn next_packed<'a>(kind: Kind, rest: &mut &'a [u8]) -> Result<Option<Scalar<'a>>, WireErrorKind> {
    if rest.is_empty() {
        return Ok(None);
    }
    let value = match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => {
            let (chunk, tail) = rest.split_first_chunk::<8>().ok_or(WireErrorKind::Packed)?;
            *rest = tail;
            Value::Fixed64(u64::from_le_bytes(*chunk))
        }
        Kind::Fixed32 => {
            let (chunk, tail) = rest.split_first_chunk::<4>().ok_or(WireErrorKind::Packed)?;
            *rest = tail;
            Value::Fixed32(u32::from_le_bytes(*chunk))
        }
        _ => {
            let mut cursor = crate::Cursor::new(rest);
            let value = cursor.varint().map_err(|error| error.kind)?;
            *rest = rest.get(cursor.position()..).unwrap_or_default();
            Value::Varint(value)
        }
    };
    Scalar::decode(kind, value).map(Some)
}
