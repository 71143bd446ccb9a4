//! Values as the config has them, and what becomes of values: hashes and conversions.

use super::truncate;
use crate::wire::Scalar;
use forebay_otlp::edit::AttributeValue;
use forebay_otlp::fields::{any_value, array_value};
use forebay_redaction::HashKey;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// A value of an attribute: a string, an integer, a float, a boolean, or a list of values of one of these types.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// A string.
    Text(String),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// A list, all of one type.
    List(Vec<ConfigValue>),
}

impl ConfigValue {
    /// Appends the body of an `AnyValue` message.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            ConfigValue::Text(text) => AttributeValue::String(text).encode(out),
            ConfigValue::Int(value) => AttributeValue::Int(*value).encode(out),
            ConfigValue::Double(value) => AttributeValue::Double(*value).encode(out),
            ConfigValue::Bool(value) => AttributeValue::Bool(*value).encode(out),
            ConfigValue::List(values) => {
                let mut array = Vec::new();
                for value in values {
                    let mut element = Vec::new();
                    value.encode(&mut element);
                    put_message(&mut array, array_value::VALUES, &element);
                }
                put_message(out, any_value::ARRAY_VALUE, &array);
            }
        }
    }

    const fn type_name(&self) -> &'static str {
        match self {
            ConfigValue::Text(_) => "string",
            ConfigValue::Int(_) => "integer",
            ConfigValue::Double(_) => "float",
            ConfigValue::Bool(_) => "boolean",
            ConfigValue::List(_) => "list",
        }
    }
}

/// Appends a message, string or bytes in field `number`, which is below 16.
pub(super) fn put_message(out: &mut Vec<u8>, number: u32, body: &[u8]) {
    out.push((number << 3 | 2) as u8);
    let mut length = body.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = ConfigValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean, or a list of one of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ConfigValue, E> {
        i64::try_from(value)
            .map(ConfigValue::Int)
            .map_err(|_| E::custom(format!("{value} is larger than any integer attribute")))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Double(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ConfigValue, A::Error> {
        let mut values: Vec<ConfigValue> = Vec::new();
        while let Some(value) = list.next_element::<ConfigValue>()? {
            if matches!(value, ConfigValue::List(_)) {
                return Err(A::Error::custom(
                    "a list in a list is not a value that attributes should have",
                ));
            }
            if let Some(first) = values.first()
                && first.type_name() != value.type_name()
            {
                let (first, other) = (first.type_name(), value.type_name());
                return Err(A::Error::custom(format!(
                    "a list has values of one type, and this one starts with a {first} and goes on with a {other}"
                )));
            }
            values.push(value);
        }
        Ok(ConfigValue::List(values))
    }
}

impl<'de> Deserialize<'de> for ConfigValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl Serialize for ConfigValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ConfigValue::Text(text) => serializer.serialize_str(text),
            ConfigValue::Int(value) => serializer.serialize_i64(*value),
            ConfigValue::Double(value) => serializer.serialize_f64(*value),
            ConfigValue::Bool(value) => serializer.serialize_bool(*value),
            ConfigValue::List(values) => values.serialize(serializer),
        }
    }
}

impl JsonSchema for ConfigValue {
    fn schema_name() -> Cow<'static, str> {
        "AttributeValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean", "array"],
            "items": { "type": ["string", "number", "boolean"] }
        })
    }
}

/// The type that `convert` gives a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Integers in decimal, doubles in the shortest form that reads back as the same (with an exponent below 1e-6 and from
    /// 1e21 on), booleans as `true` and `false`.
    String,
    /// Strings that are a decimal integer, doubles cut to an integer (to the nearest one there is, if out of range), booleans
    /// as 1 and 0.
    Int,
    /// Strings that are a number, integers, booleans as 1 and 0.
    Double,
    /// The strings `true` and `false`; numbers, of which only 0 is false.
    Bool,
}

/// What becomes of a value.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// With the key, if there is one.
    Hash(Option<Box<HashKey>>),
    Convert(ValueType),
    /// To at most so many characters.
    Truncate(usize),
}

impl Change {
    /// Appends the body of the new `AnyValue`, given that of the old one. Nothing if the value stays.
    pub(super) fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let read = Scalar::read(value);
        match self {
            Change::Hash(key) => hash(read, key.as_deref(), out),
            Change::Convert(ValueType::String) => AttributeValue::String(&text(read)?).encode(out),
            Change::Convert(ValueType::Int) => AttributeValue::Int(int(read)?).encode(out),
            Change::Convert(ValueType::Double) => AttributeValue::Double(double(read)?).encode(out),
            Change::Convert(ValueType::Bool) => AttributeValue::Bool(boolean(read)?).encode(out),
            Change::Truncate(most) => truncate::truncate(value, *most, out)?,
        }
        Some(())
    }
}

/// The hash is taken of the same bytes as the Collector's attributes processor takes it of (`sha2Hasher` in its
/// `coreinternal/attraction`), so that hashes from either can be joined: the bytes of a string, one byte 0 or 1 for a
/// boolean, 8 bytes little endian for an integer and for the bits of a double. Other values become an empty string.
fn hash(value: Scalar<'_>, key: Option<&HashKey>, out: &mut Vec<u8>) {
    match value {
        Scalar::Text(text) => hash_bytes(text, key, out),
        Scalar::Bool(value) => hash_bytes(&[u8::from(value)], key, out),
        Scalar::Int(value) => hash_bytes(&value.to_le_bytes(), key, out),
        Scalar::Double(value) => hash_bytes(&value.to_bits().to_le_bytes(), key, out),
        Scalar::Other => AttributeValue::String("").encode(out),
    }
}

/// Writes a hash as a string: 64 hexadecimal digits, with a key and without one.
fn hash_bytes(bytes: &[u8], key: Option<&HashKey>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[
        (any_value::STRING_VALUE << 3 | 2) as u8,
        HashKey::MOST_DIGITS as u8,
    ]);
    match key {
        Some(key) => key.write(bytes, out),
        None => {
            let digits = Sha256::digest(bytes);
            let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            out.extend(digits.map(hex_digit));
        }
    }
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' + value - 10
    }
}

fn text(value: Scalar<'_>) -> Option<String> {
    match value {
        Scalar::Int(value) => Some(value.to_string()),
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Double(value) => Some(double_text(value)),
        Scalar::Text(_) | Scalar::Other => None,
    }
}

/// As JSON and the Collector write doubles (ECMAScript, `Number::toString`).
fn double_text(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) || !value.is_finite() {
        return value.to_string();
    }
    let text = format!("{value:e}");
    if text.contains("e-") {
        text
    } else {
        text.replace('e', "e+")
    }
}

fn int(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Text(text) => str::from_utf8(text).ok()?.parse().ok(),
        Scalar::Double(value) if !value.is_nan() => Some(value as i64),
        Scalar::Bool(value) => Some(i64::from(value)),
        Scalar::Double(_) | Scalar::Int(_) | Scalar::Other => None,
    }
}

fn double(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Text(text) => str::from_utf8(text).ok()?.parse().ok(),
        Scalar::Int(value) => Some(value as f64),
        Scalar::Bool(value) => Some(f64::from(u8::from(value))),
        Scalar::Double(_) | Scalar::Other => None,
    }
}

fn boolean(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Text(b"true") => Some(true),
        Scalar::Text(b"false") => Some(false),
        Scalar::Int(value) => Some(value != 0),
        Scalar::Double(value) if !value.is_nan() => Some(value != 0.0),
        _ => None,
    }
}
