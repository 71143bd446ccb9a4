//! The words and patterns that rules are written with.

use forebay_redaction::{Action as Hide, Pattern as Sought, ReadyMade, Redactor};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What happens to what a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionWord {
    /// It is replaced by `****`; with `keep_last`, followed by so many of its last characters. Of a text only what was found is replaced.
    Mask,
    /// It is replaced by a hash of it, in hexadecimal: HMAC-SHA-256 with `hash_key`. What was equal stays equal, and nobody without the
    /// key can try out what it was.
    Hash,
    /// The text ends where something is found. The value of a key that the rule names is cut to `length` characters.
    Truncate,
    /// The attribute, or entry of a map or list, that has it is removed. A name, message or body becomes empty.
    Drop,
    /// The span, log record or data point that has it is dropped, with the reason `redacted`. Where it is found on a resource, a scope
    /// or a metric, all that belong to it are.
    DropItem,
}

impl ActionWord {
    /// How it is written.
    pub(in crate::redaction) const fn word(self) -> &'static str {
        match self {
            ActionWord::Mask => "mask",
            ActionWord::Hash => "hash",
            ActionWord::Truncate => "truncate",
            ActionWord::Drop => "drop",
            ActionWord::DropItem => "drop_item",
        }
    }
}

/// A part of the data that a rule may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Level {
    /// Attributes of resources.
    Resource,
    /// Instrumentation scopes: name, version, attributes.
    Scope,
    /// Metrics: name, description, unit, metadata.
    Metric,
    /// Attributes of spans, log records and data points; the trace state of spans and the severity text of log records.
    Item,
    /// Names of spans and of the events that log records are.
    Name,
    /// Messages of the status of spans.
    Status,
    /// Bodies of log records: texts, and maps and lists at any depth.
    Body,
    /// Events of spans: names and attributes.
    Event,
    /// Links of spans: attributes and trace states.
    Link,
    /// Exemplars of data points: the attributes that were filtered out of the data point.
    Exemplar,
}

impl Level {
    /// All of them, in the order of their discriminants.
    pub(in crate::redaction) const ALL: [Level; 10] = [
        Level::Resource,
        Level::Scope,
        Level::Metric,
        Level::Item,
        Level::Name,
        Level::Status,
        Level::Body,
        Level::Event,
        Level::Link,
        Level::Exemplar,
    ];
}

/// What becomes of an item that cannot be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It is dropped, with the reason `redacted`.
    #[default]
    FailClosed,
    /// It passes, and what could not be judged in it passes as it is. It is counted.
    Pass,
}

/// Whether items say what was changed in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// They do not.
    #[default]
    Silent,
    /// How many: `redaction.masked.count` values that were replaced or cut, `redaction.redacted.count` attributes that were removed.
    Info,
    /// That, and which keys: `redaction.masked.keys` and `redaction.redacted.keys`, separated by commas. A key may tell something by
    /// itself: for tests of a config.
    Debug,
}

/// The name of a pattern that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyWord(pub ReadyMade);

impl<'de> Deserialize<'de> for ReadyWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        ReadyMade::named(&name).map(ReadyWord).ok_or_else(|| {
            let known: Vec<String> = ReadyMade::ALL.iter().map(|ready| format!("`{ready}`")).collect();
            D::Error::custom(format!(
                "unknown pattern `{name}`, expected one of {}",
                known.join(", ")
            ))
        })
    }
}

impl Serialize for ReadyWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl JsonSchema for ReadyWord {
    fn schema_name() -> Cow<'static, str> {
        "ReadyMadePattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = ReadyMade::ALL.iter().map(|ready| ready.name()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// A regular expression that is looked for in texts, compiled once to see that it can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SoughtRegex(String);

impl SoughtRegex {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SoughtRegex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        match Redactor::new(vec![(Sought::Regex(&written), Hide::Drop)]) {
            Ok(_) => Ok(SoughtRegex(written)),
            Err(error) => Err(D::Error::custom(format!(
                "the regular expression `{written}` cannot be used: {error}"
            ))),
        }
    }
}

impl JsonSchema for SoughtRegex {
    fn schema_name() -> Cow<'static, str> {
        "Regex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex" })
    }
}
