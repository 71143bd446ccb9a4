//! The words for the closed sets that data is told apart by.

use forebay_core::Signal;
use forebay_otlp::fields::metric;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalName {
    /// Spans.
    Traces,
    /// Metric data points.
    Metrics,
    /// Log records.
    Logs,
}

impl From<SignalName> for Signal {
    fn from(name: SignalName) -> Signal {
        match name {
            SignalName::Traces => Signal::Traces,
            SignalName::Metrics => Signal::Metrics,
            SignalName::Logs => Signal::Logs,
        }
    }
}

/// The kind of a span, by its number in OTLP (`trace.v1.Span.SpanKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// Not given.
    Unspecified = 0,
    /// Work inside a process.
    Internal = 1,
    /// A request taken.
    Server = 2,
    /// A request made.
    Client = 3,
    /// A message sent.
    Producer = 4,
    /// A message received.
    Consumer = 5,
}

/// The status of a span, by its number in OTLP (`trace.v1.Status.StatusCode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanStatus {
    /// Not set.
    Unset = 0,
    /// Said to be a success.
    Ok = 1,
    /// Failed.
    Error = 2,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricType {
    /// A gauge.
    Gauge,
    /// A sum.
    Sum,
    /// A histogram with explicit bounds.
    Histogram,
    /// An exponential histogram.
    ExponentialHistogram,
    /// A summary.
    Summary,
}

impl MetricType {
    /// The number of the field of `Metric` that holds data of this type.
    pub(crate) const fn field(self) -> u32 {
        match self {
            MetricType::Gauge => metric::GAUGE,
            MetricType::Sum => metric::SUM,
            MetricType::Histogram => metric::HISTOGRAM,
            MetricType::ExponentialHistogram => metric::EXPONENTIAL_HISTOGRAM,
            MetricType::Summary => metric::SUMMARY,
        }
    }
}

/// The severity of a log record: `"trace"`, `"debug"`, `"info"`, `"warn"`, `"error"`, `"fatal"`, each of which stands for
/// four numbers, or a number from 1 to 24 (`logs.v1.SeverityNumber`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severity {
    low: u8,
    high: u8,
}

const SEVERITIES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

impl Severity {
    /// The least of the numbers meant.
    pub(crate) const fn low(self) -> u64 {
        self.low as u64
    }

    /// The greatest of the numbers meant.
    pub(crate) const fn high(self) -> u64 {
        self.high as u64
    }

    fn word(self) -> Option<&'static str> {
        let index = usize::from(self.low.saturating_sub(1)) / 4;
        if self.low < self.high {
            SEVERITIES.get(index).copied()
        } else {
            None
        }
    }
}

struct SeverityVisitor;

impl Visitor<'_> for SeverityVisitor {
    type Value = Severity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}, or a number from 1 to 24", SEVERITIES.join(", "))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Severity, E> {
        match SEVERITIES.iter().position(|name| *name == word) {
            Some(index) => {
                let low = index as u8 * 4 + 1;
                Ok(Severity { low, high: low + 3 })
            }
            None => Err(E::unknown_variant(word, &SEVERITIES)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Severity, E> {
        match u8::try_from(number) {
            Ok(number @ 1..=24) => Ok(Severity {
                low: number,
                high: number,
            }),
            _ => Err(E::custom(format!(
                "{number} is not a severity: they go from 1 to 24"
            ))),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Severity, E> {
        self.visit_u64(u64::try_from(number).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SeverityVisitor)
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.word() {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_u8(self.low),
        }
    }
}

impl JsonSchema for Severity {
    fn schema_name() -> Cow<'static, str> {
        "Severity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A severity: a word, which stands for four numbers, or a number.",
            "anyOf": [{ "enum": SEVERITIES }, { "type": "integer", "minimum": 1, "maximum": 24 }]
        })
    }
}
