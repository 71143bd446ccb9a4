//! Writing single fields: tags, varints and attribute values, always in their shortest form.

use crate::{Value, fields::any_value, fields::array_value, fields::key_value};

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LEN: u64 = 2;
const FIXED32: u64 = 5;

/// How many bytes `value` takes as a varint: 1 to 10.
#[inline]
pub(super) const fn varint_len(value: u64) -> usize {
    ((70 - (value | 1).leading_zeros()) / 7) as usize
}

/// How many bytes the tag and length take in front of a length-delimited field of `length` bytes.
#[inline]
pub(super) const fn header_len(number: u32, length: usize) -> usize {
    varint_len((number as u64) << 3) + varint_len(length as u64)
}

/// Appends `value` in its shortest form.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The tag and the length of a length-delimited field in the first bytes of a number, and how many there are: nothing if the
/// tag takes more than one or the length more than three.
#[inline]
pub(super) const fn short_header(number: u32, length: usize) -> Option<(u64, usize)> {
    let tag = (number as u64) << 3 | LEN;
    let (low, middle) = ((length & 0x7f) as u64, (length >> 7 & 0x7f) as u64);
    match (number, length) {
        (..16, ..0x80) => Some((tag | low << 8, 2)),
        (..16, ..0x4000) => Some((tag | (low | 0x80) << 8 | middle << 16, 3)),
        (..16, ..0x20_0000) => {
            let high = (length >> 14) as u64;
            Some((tag | (low | 0x80) << 8 | (middle | 0x80) << 16 | high << 24, 4))
        }
        _ => None,
    }
}

/// Appends the tag and the length of a length-delimited field whose value follows.
#[inline]
pub(super) fn put_header(out: &mut Vec<u8>, number: u32, length: usize) {
    let tag = u64::from(number) << 3 | LEN;
    match (number, length) {
        (..16, ..0x80) => out.extend_from_slice(&[tag as u8, length as u8]),
        (..16, ..0x4000) => out.extend_from_slice(&[tag as u8, length as u8 | 0x80, (length >> 7) as u8]),
        _ => {
            put_varint(out, tag);
            put_varint(out, length as u64);
        }
    }
}

/// Appends a whole length-delimited field.
#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_header(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a whole field.
pub(super) fn put_field(out: &mut Vec<u8>, number: u32, value: Value<'_>) {
    let tag = u64::from(number) << 3;
    match value {
        Value::Varint(value) => {
            put_varint(out, tag | VARINT);
            put_varint(out, value);
        }
        Value::Fixed64(value) => {
            put_varint(out, tag | FIXED64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Len(bytes) => put_bytes(out, number, bytes),
        Value::Fixed32(value) => {
            put_varint(out, tag | FIXED32);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// The value of an attribute, to be written as an `AnyValue`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttributeValue<'a> {
    /// `string_value`.
    String(&'a str),
    /// `bool_value`.
    Bool(bool),
    /// `int_value`.
    Int(i64),
    /// `double_value`.
    Double(f64),
    /// `bytes_value`.
    Bytes(&'a [u8]),
    /// `array_value`.
    Array(&'a [AttributeValue<'a>]),
    /// The body of an `AnyValue` message as it is on the wire: taken over without a check.
    Encoded(&'a [u8]),
}

impl AttributeValue<'_> {
    /// How many bytes [`AttributeValue::encode`] writes.
    pub fn encoded_len(&self) -> usize {
        match *self {
            AttributeValue::String(value) => header_len(any_value::STRING_VALUE, value.len()) + value.len(),
            AttributeValue::Bool(_) => 2,
            AttributeValue::Int(value) => 1 + varint_len(value as u64),
            AttributeValue::Double(_) => 9,
            AttributeValue::Bytes(value) => header_len(any_value::BYTES_VALUE, value.len()) + value.len(),
            AttributeValue::Array(values) => {
                let length = array_len(values);
                header_len(any_value::ARRAY_VALUE, length) + length
            }
            AttributeValue::Encoded(body) => body.len(),
        }
    }

    /// Appends the body of the `AnyValue` message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            AttributeValue::String(value) => put_bytes(out, any_value::STRING_VALUE, value.as_bytes()),
            AttributeValue::Bool(value) => put_field(out, any_value::BOOL_VALUE, Value::Varint(value.into())),
            AttributeValue::Int(value) => put_field(out, any_value::INT_VALUE, Value::Varint(value as u64)),
            AttributeValue::Double(value) => {
                put_field(out, any_value::DOUBLE_VALUE, Value::Fixed64(value.to_bits()));
            }
            AttributeValue::Bytes(value) => put_bytes(out, any_value::BYTES_VALUE, value),
            AttributeValue::Array(values) => {
                put_header(out, any_value::ARRAY_VALUE, array_len(values));
                for value in values {
                    put_header(out, array_value::VALUES, value.encoded_len());
                    value.encode(out);
                }
            }
            AttributeValue::Encoded(body) => out.extend_from_slice(body),
        }
    }
}

/// How many bytes the body of an `ArrayValue` of these values takes.
fn array_len(values: &[AttributeValue<'_>]) -> usize {
    let field = |length| header_len(array_value::VALUES, length) + length;
    values.iter().map(|value| field(value.encoded_len())).sum()
}

/// How many bytes the body of a `KeyValue` takes with a key and the body of an `AnyValue` of these lengths.
pub(super) const fn key_value_len(key: usize, value: usize) -> usize {
    header_len(key_value::KEY, key) + key + header_len(key_value::VALUE, value) + value
}

/// Appends a whole attribute, in the field `number`.
pub(super) fn put_attribute(out: &mut Vec<u8>, number: u32, key: &str, value: AttributeValue<'_>) {
    put_header(out, number, key_value_len(key.len(), value.encoded_len()));
    put_bytes(out, key_value::KEY, key.as_bytes());
    put_header(out, key_value::VALUE, value.encoded_len());
    value.encode(out);
}

/// Appends the body of a `KeyValue` message: `value` is the body of an `AnyValue`.
pub(super) fn put_key_value(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    put_bytes(out, key_value::KEY, key);
    put_bytes(out, key_value::VALUE, value);
}
