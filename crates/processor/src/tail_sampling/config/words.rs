//! The words and numbers that policies are written with.

use forebay_core::settings::parse_ratio;
use forebay_sampling::policy::{Places, StatusSet};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// What a policy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// Nothing: it keeps every trace.
    AlwaysSample,
    /// Whether a span has the status `ERROR`, or the trace takes `threshold_ms` (1000 if left out) or longer; of all others it keeps
    /// `sampling_percentage` (1 if left out), chosen as by `probabilistic`.
    ErrorOrSlow,
    /// Whether the trace takes `threshold_ms` or longer, and no longer than `upper_threshold_ms`, from the earliest start of a span to
    /// the latest end. Both bounds are included. (The Collector excludes the lower one where there is an upper one, and may keep a
    /// trace above the upper one if some of its spans alone are below.)
    Latency,
    /// Whether the attribute `key` is a number from `min_value` to `max_value`, both included. Integers and doubles.
    NumericAttribute,
    /// Whether the attribute `key` is one of the strings `values`.
    StringAttribute,
    /// Whether the attribute `key` is the boolean `value`.
    BooleanAttribute,
    /// Whether a span has one of the `status_codes`.
    StatusCode,
    /// Whether the `tracestate` of a span has a member `key` with one of the `values`.
    TraceState,
    /// Whether a span has the sampled flag of W3C Trace Context.
    TraceFlags,
    /// Whether there are `min_spans` spans or more, and no more than `max_spans`.
    SpanCount,
    /// Nothing: it keeps `sampling_percentage` of all traces. Chosen by the randomness that samplers in SDKs and collectors share, so
    /// that what a sampler of a lower percentage keeps is kept here as well; kept spans carry the probability as `th`
    /// in their `tracestate`. With `hash_salt`: as the Collector chooses, and `th` is erased.
    Probabilistic,
    /// Whether `spans_per_second` have room for the trace, counted from each full second on. Asked only about traces that no other
    /// policy keeps.
    RateLimiting,
    /// Whether `bytes_per_second` have room for the trace; what is not used is saved up to `burst_capacity`. Asked only about traces that
    /// no other policy keeps.
    BytesLimiting,
    /// Whether all of `and_sub_policy` say yes.
    And,
    /// Whether `not_sub_policy` says no.
    Not,
    /// Whether all of `drop_sub_policy` say yes: then the trace is dropped, whatever other policies say.
    Drop,
    /// Whether the first of `composite_sub_policy` that says yes has room left in its share of `max_total_spans_per_second`, and
    /// all together have. Asked only about traces that no other policy keeps. (The total of the Collector can be exceeded.)
    Composite,
}

impl PolicyType {
    /// How it is written.
    pub(super) const fn word(self) -> &'static str {
        match self {
            PolicyType::AlwaysSample => "always_sample",
            PolicyType::ErrorOrSlow => "error_or_slow",
            PolicyType::Latency => "latency",
            PolicyType::NumericAttribute => "numeric_attribute",
            PolicyType::StringAttribute => "string_attribute",
            PolicyType::BooleanAttribute => "boolean_attribute",
            PolicyType::StatusCode => "status_code",
            PolicyType::TraceState => "trace_state",
            PolicyType::TraceFlags => "trace_flags",
            PolicyType::SpanCount => "span_count",
            PolicyType::Probabilistic => "probabilistic",
            PolicyType::RateLimiting => "rate_limiting",
            PolicyType::BytesLimiting => "bytes_limiting",
            PolicyType::And => "and",
            PolicyType::Not => "not",
            PolicyType::Drop => "drop",
            PolicyType::Composite => "composite",
        }
    }
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// On resources.
    Resource,
    /// On instrumentation scopes.
    Scope,
    /// On spans.
    Span,
    /// On events of spans.
    Event,
}

impl From<Context> for Places {
    fn from(context: Context) -> Places {
        match context {
            Context::Resource => Places::RESOURCE,
            Context::Scope => Places::SCOPE,
            Context::Span => Places::SPAN,
            Context::Event => Places::EVENT,
        }
    }
}

/// A status of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatusWord {
    /// Not set.
    Unset,
    /// Said to be a success.
    Ok,
    /// Failed.
    Error,
}

impl From<StatusWord> for StatusSet {
    fn from(word: StatusWord) -> StatusSet {
        match word {
            StatusWord::Unset => StatusSet::UNSET,
            StatusWord::Ok => StatusSet::OK,
            StatusWord::Error => StatusSet::ERROR,
        }
    }
}

/// A percentage: a number from 0 to 100, or a ratio in a string, `"12.5%"` or `"1/8"`. In double precision, as the Collector has it
/// here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(f64);

impl Percent {
    /// The percentage, if it is one.
    pub fn new(percent: f64) -> Option<Percent> {
        (0.0..=100.0).contains(&percent).then_some(Percent(percent))
    }

    /// The share, from 0 to 1.
    pub fn ratio(self) -> f64 {
        self.0 / 100.0
    }

    /// The percentage, from 0 to 100.
    pub const fn percent(self) -> f64 {
        self.0
    }
}

struct PercentVisitor;

impl Visitor<'_> for PercentVisitor {
    type Value = Percent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage from 0 to 100, such as 10, \"10%\" or \"1/10\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Percent, E> {
        let percent = match text.trim().parse() {
            Ok(number) => Some(number),
            Err(_) => parse_ratio(text).ok().map(|ratio| ratio.0 * 100.0),
        };
        let wrong = || {
            E::custom(format!(
                "`{text}` is not a percentage from 0 to 100, such as 10, \"10%\" or \"1/10\""
            ))
        };
        percent.and_then(Percent::new).ok_or_else(wrong)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Percent, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Percent, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Percent, E> {
        Percent::new(value).ok_or_else(|| E::custom(format!("`{value}` is not a percentage from 0 to 100")))
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PercentVisitor)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "minimum": 0, "maximum": 100 })
    }
}
