//! The words, names and numbers that limits are written with.

use crate::matching::Pattern;
use forebay_cardinality::rules::AllowedValue;
use forebay_core::settings::Period;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What happens to a point whose series has no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is added up in the overflow series of its metric: the sum over all series stays what it was.
    #[default]
    Fold,
    /// It loses the attribute to blame, the one whose values make most of the series, and is added up in the series that is left; if that
    /// has no place either, in the overflow series. The sum stays what it was.
    DropAttribute,
    /// It is dropped, and counted. The sum is lower by it.
    Drop,
    /// It passes. Reports and metrics say what `fold` would have done.
    Observe,
}

/// Who gets a place while there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Who comes first, and keeps it for as long as it is not idle.
    #[default]
    FirstCome,
    /// Who comes often: a series is given a place once it has come several times lately, and is folded until then. Where all are taken it gets
    /// that of a series that has not come for a quarter of `idle_timeout`. What comes once never gets one: a flood of it pushes nobody
    /// out.
    HeavyHitters,
}

/// After how long without a point a series is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Period")]
pub struct Idle(Period);

impl Idle {
    /// The least and the most.
    const RANGE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(7 * 24 * 3600)];

    /// In whole seconds: a part of one counts as one.
    pub fn seconds(self) -> u32 {
        let Idle(Period(time)) = self;
        let started = u64::from(time.subsec_nanos() > 0);
        u32::try_from(time.as_secs() + started).unwrap_or(u32::MAX)
    }
}

impl Default for Idle {
    fn default() -> Self {
        Idle(Period(Duration::from_secs(600)))
    }
}

impl TryFrom<Period> for Idle {
    type Error = String;

    fn try_from(period: Period) -> Result<Self, String> {
        let [least, most] = Idle::RANGE;
        if period.0 < least || period.0 > most {
            return Err(format!(
                "`{period}` cannot be given here: give {} to {}",
                Period(least),
                Period(most)
            ));
        }
        Ok(Idle(period))
    }
}

impl JsonSchema for Idle {
    fn schema_name() -> Cow<'static, str> {
        Period::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Period::json_schema(generator)
    }
}

/// The key of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Key(String);

impl Key {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(key: String) -> Result<Self, String> {
        if key.is_empty() {
            return Err("`` is empty: no attribute has such a key".to_owned());
        }
        Ok(Key(key))
    }
}

impl JsonSchema for Key {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Keys of attributes: one in a string, or a list of different ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<String>);

impl Keys {
    /// The keys, in the order in which they are written.
    pub fn all(&self) -> &[String] {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is this.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|one| one == key)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of an attribute, or a list of them")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Keys, E> {
        let Key(key) = Key::try_from(key.to_owned()).map_err(E::custom)?;
        Ok(Keys(vec![key]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some(Key(key)) = list.next_element()? {
            if keys.has(&key) {
                return Err(A::Error::custom(format!("`{key}` stands here twice")));
            }
            keys.0.push(key);
        }
        Ok(keys)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Keys {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

/// A condition on the name of a metric: a [`Pattern`]. No name of a metric has a `*` or `?` in it (metrics API, "Instrument name syntax"), and
/// so a text with one must say how it is meant.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct MetricPattern(Pattern);

impl MetricPattern {
    /// Whether the condition holds for a name.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.0.matches(name)
    }
}

impl TryFrom<String> for MetricPattern {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if written.is_empty() {
            return Err("no metric has an empty name: leave `metric` out for all metrics".to_owned());
        }
        let says = ["exact:", "glob:", "regex:"];
        if written.contains(['*', '?']) && !says.iter().any(|prefix| written.starts_with(prefix)) {
            return Err(format!(
                "`{written}` would be the whole name of a metric: write \"glob:{written}\""
            ));
        }
        Pattern::parse(&written).map(MetricPattern)
    }
}

impl From<MetricPattern> for String {
    fn from(pattern: MetricPattern) -> String {
        pattern.0.as_str().to_owned()
    }
}

impl JsonSchema for MetricPattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MetricPattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Pattern::json_schema(generator)
    }
}

/// A value of an attribute: a string, an integer or a boolean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
}

impl From<&Value> for AllowedValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Text(text) => AllowedValue::Text(text.clone()),
            Value::Int(number) => AllowedValue::Int(*number),
            Value::Bool(truth) => AllowedValue::Bool(*truth),
        }
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, an integer or a boolean")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "boolean"] })
    }
}
