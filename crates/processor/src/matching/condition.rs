//! Conditions on one attribute.

use super::pattern::Pattern;
use crate::wire::Scalar;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A condition on the attribute of some name.
///
/// | written | holds if the attribute |
/// |---|---|
/// | `"GET"`, `"glob:/api/*"`, `"regex:^5"` | is a string, an integer (in decimal) or a boolean whose text the [`Pattern`] holds for |
/// | `500`, `0.5` | is an integer or a double of this value |
/// | `true` | is a boolean of this value |
/// | `{ present = true }` | is there, whatever its value; `false`: is not there |
/// | `["GET", "HEAD"]` | satisfies one of the conditions |
///
/// Where a name occurs several times, its first attribute counts.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeCondition {
    /// The text of the value.
    Text(Pattern),
    /// The value of an integer or a double.
    Int(i64),
    /// The value of an integer or a double.
    Double(f64),
    /// The value of a boolean.
    Bool(bool),
    /// Whether there is one.
    Present(bool),
    /// One of several.
    AnyOf(Vec<AttributeCondition>),
}

impl AttributeCondition {
    /// Whether the condition holds, given the body of the attribute's `AnyValue`, or nothing if it is not there.
    pub(crate) fn matches(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (AttributeCondition::AnyOf(conditions), _) => {
                conditions.iter().any(|condition| condition.matches(value))
            }
            (AttributeCondition::Present(present), _) => value.is_some() == *present,
            (_, None) => false,
            (condition, Some(value)) => condition.holds_for(Scalar::read(value)),
        }
    }

    fn holds_for(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (AttributeCondition::Text(pattern), Scalar::Text(text)) => pattern.matches(text),
            (AttributeCondition::Text(pattern), Scalar::Int(value)) => {
                let mut digits = [0; 20];
                pattern.matches(decimal(value, &mut digits))
            }
            (AttributeCondition::Text(pattern), Scalar::Bool(value)) => {
                pattern.matches(if value { b"true" } else { b"false" })
            }
            (AttributeCondition::Int(wanted), Scalar::Int(value)) => *wanted == value,
            (AttributeCondition::Int(wanted), Scalar::Double(value)) => *wanted as f64 == value,
            (AttributeCondition::Double(wanted), Scalar::Double(value)) => *wanted == value,
            (AttributeCondition::Double(wanted), Scalar::Int(value)) => *wanted == value as f64,
            (AttributeCondition::Bool(wanted), Scalar::Bool(value)) => *wanted == value,
            _ => false,
        }
    }
}

/// Writes `value` in decimal at the end of `digits`, without allocating.
fn decimal(value: i64, digits: &mut [u8; 20]) -> &[u8] {
    let mut rest = value.unsigned_abs();
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        start -= 1;
        if let Some(place) = digits.get_mut(start) {
            *place = b'-';
        }
    }
    digits.get(start..).unwrap_or_default()
}

struct ConditionVisitor;

impl<'de> Visitor<'de> for ConditionVisitor {
    type Value = AttributeCondition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pattern, a number, a boolean, `{ present = true }`, or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AttributeCondition, E> {
        Pattern::parse(text)
            .map(AttributeCondition::Text)
            .map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AttributeCondition, E> {
        Ok(AttributeCondition::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AttributeCondition, E> {
        Ok(AttributeCondition::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AttributeCondition, E> {
        i64::try_from(value)
            .map(AttributeCondition::Int)
            .map_err(|_| E::custom(format!("{value} is larger than any integer attribute")))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<AttributeCondition, E> {
        Ok(AttributeCondition::Double(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AttributeCondition, A::Error> {
        let mut conditions = Vec::new();
        while let Some(condition) = list.next_element()? {
            conditions.push(condition);
        }
        if conditions.is_empty() {
            return Err(A::Error::custom("an empty list of conditions never holds"));
        }
        Ok(AttributeCondition::AnyOf(conditions))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeCondition, A::Error> {
        let mut present = None;
        while let Some(key) = map.next_key::<String>()? {
            if key.starts_with('$') {
                // The TOML reader passes a date as a table with one such key.
                return Err(A::Error::invalid_type(Unexpected::Other("date"), &self));
            }
            if key != "present" {
                return Err(A::Error::unknown_field(&key, &["present"]));
            }
            present = Some(map.next_value()?);
        }
        present
            .map(AttributeCondition::Present)
            .ok_or_else(|| A::Error::missing_field("present"))
    }
}

impl<'de> Deserialize<'de> for AttributeCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

impl Serialize for AttributeCondition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            AttributeCondition::Text(pattern) => pattern.serialize(serializer),
            AttributeCondition::Int(value) => serializer.serialize_i64(*value),
            AttributeCondition::Double(value) => serializer.serialize_f64(*value),
            AttributeCondition::Bool(value) => serializer.serialize_bool(*value),
            AttributeCondition::AnyOf(conditions) => conditions.serialize(serializer),
            AttributeCondition::Present(present) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("present", present)?;
                map.end()
            }
        }
    }
}

impl JsonSchema for AttributeCondition {
    fn schema_name() -> Cow<'static, str> {
        "AttributeCondition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A pattern for its text, a number or boolean it equals, `{ present = true }` or `{ present = false }`, or a list of which one must hold.",
            "type": ["string", "number", "boolean", "object", "array"],
            "properties": {
                "present": { "type": "boolean", "description": "Whether there has to be such an attribute, whatever its value, or must not be." }
            },
            "additionalProperties": false
        })
    }
}
