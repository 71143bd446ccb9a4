//! The one table of how requests are nested: the only place where the signals differ.
//!
//! | node | is field | of | head | children |
//! |---|---|---|---|---|
//! | request | | | | 1, resource envelopes |
//! | resource envelope | 1 | request | 1, `Resource` | 2, scope envelopes |
//! | scope envelope | 2 | resource envelope | 1, `InstrumentationScope` | 2, spans, log records or metrics |
//! | metric | 2 | scope envelope | | 5, 7, 9, 10, 11: its data, one of |
//! | data | 5, 7, 9, 10, 11 | metric | | 1, data points |
//!
//! Source: opentelemetry-proto, `collector.*.v1`; the numbers of the three signals are the same down to the scope envelope.

use crate::{Signal, fields};

/// A level of an OTLP request that can be edited, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// `Resource`: one in each resource envelope.
    Resource,
    /// `InstrumentationScope`: one in each scope envelope.
    Scope,
    /// `Metric`: in metrics requests only.
    Metric,
    /// A span, a log record or a data point of a metric.
    Item,
}

/// What kind of message a node of the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Request,
    Resource,
    Scope,
    Metric,
    Data,
}

/// What a field means to the node that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The `Resource` or `InstrumentationScope` that the envelope is about.
    Head,
    /// A nested node, or an item.
    Child,
    /// Part of the node's shell: repeated with the node wherever it goes.
    Shell,
}

impl Kind {
    /// What field `number` means to a node of this kind.
    #[inline]
    pub(super) const fn role(self, number: u32) -> Role {
        match (self, number) {
            (Kind::Request | Kind::Data, 1) | (Kind::Resource | Kind::Scope, 2) => Role::Child,
            (Kind::Resource | Kind::Scope, 1) => Role::Head,
            (Kind::Metric, number) if is_metric_data(number) => Role::Child,
            _ => Role::Shell,
        }
    }

    /// The kind of this kind's children; nothing if they are items.
    #[inline]
    pub(super) const fn child(self, signal: Signal) -> Option<Kind> {
        match (self, signal) {
            (Kind::Request, _) => Some(Kind::Resource),
            (Kind::Resource, _) => Some(Kind::Scope),
            (Kind::Scope, Signal::Metrics) => Some(Kind::Metric),
            (Kind::Metric, _) => Some(Kind::Data),
            (Kind::Scope, _) | (Kind::Data, _) => None,
        }
    }

    /// The tag of an item in a node of this kind that contains items directly.
    #[inline]
    pub(super) const fn item_tag(self) -> u8 {
        (self.item_number() as u8) << 3 | 2
    }

    /// The field number of such an item.
    #[inline]
    pub(super) const fn item_number(self) -> u32 {
        match self {
            Kind::Data => fields::gauge::DATA_POINTS,
            _ => fields::scope_spans::SPANS,
        }
    }

    /// Whether the children of a node of this kind need to be looked at to reach `level`.
    pub(super) const fn leads_to(self, level: Level) -> bool {
        match self {
            Kind::Request => true,
            Kind::Resource => !matches!(level, Level::Resource),
            Kind::Scope => matches!(level, Level::Metric | Level::Item),
            Kind::Metric | Kind::Data => matches!(level, Level::Item),
        }
    }
}

/// Whether a field of `Metric` is its data.
pub(super) const fn is_metric_data(number: u32) -> bool {
    use fields::metric::{EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, SUM, SUMMARY};
    matches!(number, GAUGE | SUM | HISTOGRAM | EXPONENTIAL_HISTOGRAM | SUMMARY)
}

/// The field number of the attributes of an item. `data` is the field number of the metric's data.
pub(super) const fn item_attributes(signal: Signal, data: u32) -> u32 {
    use fields::metric::{EXPONENTIAL_HISTOGRAM, HISTOGRAM, SUMMARY};
    match (signal, data) {
        (Signal::Traces, _) => fields::span::ATTRIBUTES,
        (Signal::Logs, _) => fields::log_record::ATTRIBUTES,
        (Signal::Metrics, HISTOGRAM) => fields::histogram_data_point::ATTRIBUTES,
        (Signal::Metrics, EXPONENTIAL_HISTOGRAM) => fields::exponential_histogram_data_point::ATTRIBUTES,
        (Signal::Metrics, SUMMARY) => fields::summary_data_point::ATTRIBUTES,
        (Signal::Metrics, _) => fields::number_data_point::ATTRIBUTES,
    }
}
