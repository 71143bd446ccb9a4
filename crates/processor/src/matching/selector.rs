//! Conditions on an item and on what it stands in.

use super::condition::AttributeCondition;
use super::pattern::Pattern;
use super::words::{MetricType, Severity, SignalName, SpanKind, SpanStatus};
use crate::wire;
use forebay_core::{Signal, SignalSet};
use forebay_otlp::edit::ItemContext;
use forebay_otlp::{WireError, fields};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which data is meant: an item is if everything that is said here holds for it. What is left out holds for every item.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Selector {
    /// The signals meant. Left out: every signal that the other conditions can hold for (`kinds` holds for no log record).
    pub signals: Vec<SignalName>,
    /// Conditions on attributes of the resource, all of which must hold.
    pub resource: BTreeMap<String, AttributeCondition>,
    /// Conditions on the instrumentation scope.
    pub scope: ScopeSelector,
    /// Patterns, one of which must hold for the name of the span, the metric, or the log record's event.
    pub names: Vec<Pattern>,
    /// The kinds of spans meant.
    pub kinds: Vec<SpanKind>,
    /// The statuses of spans meant. A span without a status is `unset`.
    pub status: Vec<SpanStatus>,
    /// The least severity of the log records meant. A record whose severity number is not set is never meant.
    pub severity_min: Option<Severity>,
    /// The greatest severity of the log records meant: `"info"` includes all four numbers of it. A record whose severity
    /// number is not set is never meant.
    pub severity_max: Option<Severity>,
    /// The types of metrics meant.
    pub metric_types: Vec<MetricType>,
    /// Conditions on attributes of the span, data point or log record, all of which must hold.
    pub attributes: BTreeMap<String, AttributeCondition>,
}

/// Conditions on an instrumentation scope, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeSelector {
    /// Patterns, one of which must hold for the scope's name.
    pub names: Vec<Pattern>,
    /// Patterns, one of which must hold for the scope's version.
    pub versions: Vec<Pattern>,
    /// Conditions on attributes of the scope.
    pub attributes: BTreeMap<String, AttributeCondition>,
}

impl Selector {
    /// The signals that the conditions can hold for.
    pub fn signals(&self) -> SignalSet {
        let mut signals = SignalSet::ALL;
        if !self.signals.is_empty() {
            signals = self.signals.iter().map(|name| Signal::from(*name)).collect();
        }
        if !self.kinds.is_empty() || !self.status.is_empty() {
            signals = signals.and(SignalSet::of(Signal::Traces));
        }
        if self.severity_min.is_some() || self.severity_max.is_some() {
            signals = signals.and(SignalSet::of(Signal::Logs));
        }
        if !self.metric_types.is_empty() {
            signals = signals.and(SignalSet::of(Signal::Metrics));
        }
        signals
    }

    /// What is wrong with the conditions together, if they can hold for nothing.
    pub fn contradiction(&self) -> Option<String> {
        if self.signals().is_empty() {
            return Some(
                "no item can satisfy these conditions: `kinds` and `status` are for spans, severities for log records, \
                 `metric_types` for metrics"
                    .to_owned(),
            );
        }
        match (self.severity_min, self.severity_max) {
            (Some(min), Some(max)) if min.low() > max.high() => {
                Some("`severity_min` is above `severity_max`".to_owned())
            }
            _ => None,
        }
    }

    /// Whether everything holds.
    pub fn is_unconditional(&self) -> bool {
        *self == Selector::default()
    }

    /// Whether the conditions say something about the scope.
    pub(crate) fn asks_scope(&self) -> bool {
        self.scope != ScopeSelector::default()
    }

    /// Whether the conditions say something about the single item, or the metric that it belongs to.
    pub(crate) fn asks_item(&self) -> bool {
        !self.names.is_empty() || self.asks_own_fields()
    }

    /// Whether the conditions need the item itself to be read; the name of a metric is not in its data points.
    fn asks_own_fields(&self) -> bool {
        !self.attributes.is_empty()
            || !self.kinds.is_empty()
            || !self.status.is_empty()
            || self.severity_min.is_some()
            || self.severity_max.is_some()
            || !self.metric_types.is_empty()
    }

    /// Whether items of `signal` need to be read for this selector.
    pub(super) fn reads_items(&self, signal: Signal) -> bool {
        self.asks_own_fields() || (signal != Signal::Metrics && !self.names.is_empty())
    }

    /// Whether the conditions on the resource hold for the `Resource` message.
    pub(super) fn holds_for_resource(&self, resource: &[u8]) -> Result<bool, WireError> {
        all_hold(&self.resource, resource, fields::resource::ATTRIBUTES)
    }

    /// Whether the conditions on the scope hold for the `InstrumentationScope` message.
    pub(super) fn holds_for_scope(&self, scope: &[u8]) -> Result<bool, WireError> {
        use fields::instrumentation_scope::{ATTRIBUTES, NAME, VERSION};
        Ok(one_holds(&self.scope.names, scope, NAME)?
            && one_holds(&self.scope.versions, scope, VERSION)?
            && all_hold(&self.scope.attributes, scope, ATTRIBUTES)?)
    }

    /// Whether the name of the `Metric` message is meant.
    pub(super) fn holds_for_metric(&self, metric: &[u8]) -> Result<bool, WireError> {
        one_holds(&self.names, metric, fields::metric::NAME)
    }

    /// Whether the conditions on the item hold: the cheap ones first.
    pub(super) fn holds_for_item(&self, context: &ItemContext<'_>) -> Result<bool, WireError> {
        let item = context.item;
        let own = match context.signal {
            Signal::Traces => self.holds_for_span(item)?,
            Signal::Logs => self.holds_for_record(item)?,
            Signal::Metrics => self.holds_for_type(context),
        };
        Ok(own && (self.attributes.is_empty() || all_hold(&self.attributes, item, context.attributes)?))
    }

    #[inline]
    fn holds_for_span(&self, span: &[u8]) -> Result<bool, WireError> {
        use fields::span::{KIND, NAME, STATUS};
        if !self.kinds.is_empty() {
            let kind = wire::first_number(span, KIND)?;
            if !self.kinds.iter().any(|wanted| *wanted as u64 == kind) {
                return Ok(false);
            }
        }
        if !one_holds(&self.names, span, NAME)? {
            return Ok(false);
        }
        if self.status.is_empty() {
            return Ok(true);
        }
        let code = wire::first_number(wire::first_bytes(span, STATUS)?, fields::status::CODE)?;
        Ok(self.status.iter().any(|wanted| *wanted as u64 == code))
    }

    fn holds_for_record(&self, record: &[u8]) -> Result<bool, WireError> {
        use fields::log_record::{EVENT_NAME, SEVERITY_NUMBER};
        if self.severity_min.is_some() || self.severity_max.is_some() {
            let severity = wire::first_number(record, SEVERITY_NUMBER)?;
            let high_enough = self.severity_min.is_none_or(|min| severity >= min.low());
            let low_enough = self.severity_max.is_none_or(|max| severity <= max.high());
            if severity == 0 || !high_enough || !low_enough {
                return Ok(false);
            }
        }
        one_holds(&self.names, record, EVENT_NAME)
    }

    fn holds_for_type(&self, context: &ItemContext<'_>) -> bool {
        let data = context.metric.map_or(0, |metric| metric.data);
        self.metric_types.is_empty() || self.metric_types.iter().any(|wanted| wanted.field() == data)
    }
}

/// Whether one of the patterns holds for the text in field `number`; also if there are none.
#[inline]
fn one_holds(patterns: &[Pattern], message: &[u8], number: u32) -> Result<bool, WireError> {
    if patterns.is_empty() {
        return Ok(true);
    }
    let text = wire::first_bytes(message, number)?;
    Ok(patterns.iter().any(|pattern| pattern.matches(text)))
}

/// Whether all conditions hold for the attributes in field `number`.
fn all_hold(
    conditions: &BTreeMap<String, AttributeCondition>,
    message: &[u8],
    number: u32,
) -> Result<bool, WireError> {
    for (key, condition) in conditions {
        if !condition.matches(wire::attribute(message, number, key.as_bytes())?) {
            return Ok(false);
        }
    }
    Ok(true)
}
