//! The tables of every message that a request can hold. Source: the `.proto` declarations of OTLP v1.

use super::rules::Rule::{Holds, Is};
use super::rules::{Action, LEAST_ATTRIBUTE, Message, Table};
use super::walk::{SPAN_ID, TRACE_ID};
use crate::fields;

/// The rules of `message`.
pub(crate) fn table(message: Message) -> &'static Table {
    match message {
        Message::ResourceSpans => &RESOURCE_SPANS,
        Message::ScopeSpans => &SCOPE_SPANS,
        Message::Span => &SPAN,
        Message::Event => &EVENT,
        Message::Link => &LINK,
        Message::Status => &STATUS,
        Message::ResourceLogs => &RESOURCE_LOGS,
        Message::ScopeLogs => &SCOPE_LOGS,
        Message::LogRecord => &LOG_RECORD,
        Message::ResourceMetrics => &RESOURCE_METRICS,
        Message::ScopeMetrics => &SCOPE_METRICS,
        Message::Metric => &METRIC,
        Message::Gauge => &GAUGE,
        Message::Sum => &SUM,
        Message::Histogram => &HISTOGRAM,
        Message::ExponentialHistogram => &EXPONENTIAL_HISTOGRAM,
        Message::Summary => &SUMMARY,
        Message::NumberPoint => &NUMBER_POINT,
        Message::HistogramPoint => &HISTOGRAM_POINT,
        Message::ExponentialPoint => &EXPONENTIAL_POINT,
        Message::SummaryPoint => &SUMMARY_POINT,
        Message::Buckets => &BUCKETS,
        Message::Quantile => &QUANTILE,
        Message::Exemplar => &EXEMPLAR,
        Message::Resource => &RESOURCE,
        Message::Scope => &SCOPE,
        Message::EntityRef => &ENTITY_REF,
        Message::AnyValue | Message::Element => &ANY_VALUE,
        Message::Array => &ARRAY,
        Message::KeyValueList => &KEY_VALUE_LIST,
        Message::ShallowResourceSpans => &SHALLOW_RESOURCE_SPANS,
        Message::ShallowScopeSpans => &SHALLOW_SCOPE_SPANS,
        Message::ShallowResourceLogs => &SHALLOW_RESOURCE_LOGS,
        Message::ShallowScopeLogs => &SHALLOW_SCOPE_LOGS,
        Message::ShallowResourceMetrics => &SHALLOW_RESOURCE_METRICS,
        Message::ShallowScopeMetrics => &SHALLOW_SCOPE_METRICS,
        Message::ShallowMetric => &SHALLOW_METRIC,
        Message::ShallowData => &SHALLOW_DATA,
    }
}

/// `ExportTraceServiceRequest`.
pub(crate) static TRACE_REQUEST: Table = Table::new(&[(
    fields::trace_service_request::RESOURCE_SPANS,
    Holds(Message::ResourceSpans),
)]);

/// `ExportTraceServiceRequest`, of which only the envelopes are read.
pub(crate) static SHALLOW_TRACE_REQUEST: Table = Table::new(&[(
    fields::trace_service_request::RESOURCE_SPANS,
    Holds(Message::ShallowResourceSpans),
)]);

/// `ExportMetricsServiceRequest`.
pub(crate) static METRICS_REQUEST: Table = Table::new(&[(
    fields::metrics_service_request::RESOURCE_METRICS,
    Holds(Message::ResourceMetrics),
)]);

/// `ExportMetricsServiceRequest`, of which only the envelopes are read.
pub(crate) static SHALLOW_METRICS_REQUEST: Table = Table::new(&[(
    fields::metrics_service_request::RESOURCE_METRICS,
    Holds(Message::ShallowResourceMetrics),
)]);

/// `ExportLogsServiceRequest`.
pub(crate) static LOGS_REQUEST: Table = Table::new(&[(
    fields::logs_service_request::RESOURCE_LOGS,
    Holds(Message::ResourceLogs),
)]);

/// `ExportLogsServiceRequest`, of which only the envelopes are read.
pub(crate) static SHALLOW_LOGS_REQUEST: Table = Table::new(&[(
    fields::logs_service_request::RESOURCE_LOGS,
    Holds(Message::ShallowResourceLogs),
)]);

static SHALLOW_RESOURCE_SPANS: Table = Table::new(&[
    (fields::resource_spans::RESOURCE, Is(Action::Bytes)),
    (
        fields::resource_spans::SCOPE_SPANS,
        Holds(Message::ShallowScopeSpans),
    ),
    (fields::resource_spans::SCHEMA_URL, Is(Action::Bytes)),
]);

static SHALLOW_SCOPE_SPANS: Table = Table::new(&[
    (fields::scope_spans::SCOPE, Is(Action::Bytes)),
    (fields::scope_spans::SPANS, Is(Action::Item)),
    (fields::scope_spans::SCHEMA_URL, Is(Action::Bytes)),
]);

static SHALLOW_RESOURCE_LOGS: Table = Table::new(&[
    (fields::resource_logs::RESOURCE, Is(Action::Bytes)),
    (
        fields::resource_logs::SCOPE_LOGS,
        Holds(Message::ShallowScopeLogs),
    ),
    (fields::resource_logs::SCHEMA_URL, Is(Action::Bytes)),
]);

static SHALLOW_SCOPE_LOGS: Table = Table::new(&[
    (fields::scope_logs::SCOPE, Is(Action::Bytes)),
    (fields::scope_logs::LOG_RECORDS, Is(Action::Item)),
    (fields::scope_logs::SCHEMA_URL, Is(Action::Bytes)),
]);

static SHALLOW_RESOURCE_METRICS: Table = Table::new(&[
    (fields::resource_metrics::RESOURCE, Is(Action::Bytes)),
    (
        fields::resource_metrics::SCOPE_METRICS,
        Holds(Message::ShallowScopeMetrics),
    ),
    (fields::resource_metrics::SCHEMA_URL, Is(Action::Bytes)),
]);

static SHALLOW_SCOPE_METRICS: Table = Table::new(&[
    (fields::scope_metrics::SCOPE, Is(Action::Bytes)),
    (fields::scope_metrics::METRICS, Holds(Message::ShallowMetric)),
    (fields::scope_metrics::SCHEMA_URL, Is(Action::Bytes)),
]);

static SHALLOW_METRIC: Table = Table::new(&[
    (fields::metric::GAUGE, Holds(Message::ShallowData)),
    (fields::metric::SUM, Holds(Message::ShallowData)),
    (fields::metric::HISTOGRAM, Holds(Message::ShallowData)),
    (fields::metric::EXPONENTIAL_HISTOGRAM, Holds(Message::ShallowData)),
    (fields::metric::SUMMARY, Holds(Message::ShallowData)),
]);

/// Any of the five kinds of data: the points have the same number in each.
static SHALLOW_DATA: Table = Table::new(&[(fields::gauge::DATA_POINTS, Is(Action::Item))]);

static RESOURCE_SPANS: Table = Table::new(&[
    (fields::resource_spans::RESOURCE, Holds(Message::Resource)),
    (fields::resource_spans::SCOPE_SPANS, Holds(Message::ScopeSpans)),
    (fields::resource_spans::SCHEMA_URL, Is(Action::Str)),
]);

static SCOPE_SPANS: Table = Table::new(&[
    (fields::scope_spans::SCOPE, Holds(Message::Scope)),
    (fields::scope_spans::SPANS, Holds(Message::Span)),
    (fields::scope_spans::SCHEMA_URL, Is(Action::Str)),
]);

static SPAN: Table = Table::identified_item(
    &[
        (fields::span::TRACE_ID, Is(Action::TraceId)),
        (fields::span::SPAN_ID, Is(Action::SpanId)),
        (fields::span::TRACE_STATE, Is(Action::Str)),
        (fields::span::PARENT_SPAN_ID, Is(Action::OtherSpanId)),
        (fields::span::FLAGS, Is(Action::Fixed32)),
        (fields::span::NAME, Is(Action::Str)),
        (fields::span::KIND, Is(Action::Varint)),
        (fields::span::START_TIME_UNIX_NANO, Is(Action::Fixed64)),
        (fields::span::END_TIME_UNIX_NANO, Is(Action::Fixed64)),
        (fields::span::ATTRIBUTES, Is(Action::KeyValue)),
        (fields::span::DROPPED_ATTRIBUTES_COUNT, Is(Action::Varint)),
        (fields::span::EVENTS, Holds(Message::Event)),
        (fields::span::DROPPED_EVENTS_COUNT, Is(Action::Varint)),
        (fields::span::LINKS, Holds(Message::Link)),
        (fields::span::DROPPED_LINKS_COUNT, Is(Action::Varint)),
        (fields::span::STATUS, Holds(Message::Status)),
    ],
    TRACE_ID | SPAN_ID,
);

static EVENT: Table = Table::new(&[
    (fields::span_event::TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::span_event::NAME, Is(Action::Str)),
    (fields::span_event::ATTRIBUTES, Is(Action::KeyValue)),
    (fields::span_event::DROPPED_ATTRIBUTES_COUNT, Is(Action::Varint)),
]);

static LINK: Table = Table::new(&[
    (fields::span_link::TRACE_ID, Is(Action::TraceId)),
    (fields::span_link::SPAN_ID, Is(Action::SpanId)),
    (fields::span_link::TRACE_STATE, Is(Action::Str)),
    (fields::span_link::ATTRIBUTES, Is(Action::KeyValue)),
    (fields::span_link::DROPPED_ATTRIBUTES_COUNT, Is(Action::Varint)),
    (fields::span_link::FLAGS, Is(Action::Fixed32)),
]);

static STATUS: Table = Table::new(&[
    (fields::status::MESSAGE, Is(Action::Str)),
    (fields::status::CODE, Is(Action::Varint)),
]);

static RESOURCE_LOGS: Table = Table::new(&[
    (fields::resource_logs::RESOURCE, Holds(Message::Resource)),
    (fields::resource_logs::SCOPE_LOGS, Holds(Message::ScopeLogs)),
    (fields::resource_logs::SCHEMA_URL, Is(Action::Str)),
]);

static SCOPE_LOGS: Table = Table::new(&[
    (fields::scope_logs::SCOPE, Holds(Message::Scope)),
    (fields::scope_logs::LOG_RECORDS, Holds(Message::LogRecord)),
    (fields::scope_logs::SCHEMA_URL, Is(Action::Str)),
]);

static LOG_RECORD: Table = Table::item(&[
    (fields::log_record::TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::log_record::OBSERVED_TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::log_record::SEVERITY_NUMBER, Is(Action::Varint)),
    (fields::log_record::SEVERITY_TEXT, Is(Action::Str)),
    (fields::log_record::BODY, Holds(Message::AnyValue)),
    (fields::log_record::ATTRIBUTES, Is(Action::KeyValue)),
    (fields::log_record::DROPPED_ATTRIBUTES_COUNT, Is(Action::Varint)),
    (fields::log_record::FLAGS, Is(Action::Fixed32)),
    (fields::log_record::TRACE_ID, Is(Action::TraceId)),
    (fields::log_record::SPAN_ID, Is(Action::SpanId)),
    (fields::log_record::EVENT_NAME, Is(Action::Str)),
]);

static RESOURCE_METRICS: Table = Table::new(&[
    (fields::resource_metrics::RESOURCE, Holds(Message::Resource)),
    (
        fields::resource_metrics::SCOPE_METRICS,
        Holds(Message::ScopeMetrics),
    ),
    (fields::resource_metrics::SCHEMA_URL, Is(Action::Str)),
]);

static SCOPE_METRICS: Table = Table::new(&[
    (fields::scope_metrics::SCOPE, Holds(Message::Scope)),
    (fields::scope_metrics::METRICS, Holds(Message::Metric)),
    (fields::scope_metrics::SCHEMA_URL, Is(Action::Str)),
]);

static METRIC: Table = Table::new(&[
    (fields::metric::NAME, Is(Action::Str)),
    (fields::metric::DESCRIPTION, Is(Action::Str)),
    (fields::metric::UNIT, Is(Action::Str)),
    (fields::metric::GAUGE, Holds(Message::Gauge)),
    (fields::metric::SUM, Holds(Message::Sum)),
    (fields::metric::HISTOGRAM, Holds(Message::Histogram)),
    (
        fields::metric::EXPONENTIAL_HISTOGRAM,
        Holds(Message::ExponentialHistogram),
    ),
    (fields::metric::SUMMARY, Holds(Message::Summary)),
    (fields::metric::METADATA, Is(Action::KeyValue)),
]);

static HISTOGRAM: Table = Table::new(&[
    (fields::histogram::DATA_POINTS, Holds(Message::HistogramPoint)),
    (fields::histogram::AGGREGATION_TEMPORALITY, Is(Action::Varint)),
]);

static EXPONENTIAL_HISTOGRAM: Table = Table::new(&[
    (
        fields::exponential_histogram::DATA_POINTS,
        Holds(Message::ExponentialPoint),
    ),
    (
        fields::exponential_histogram::AGGREGATION_TEMPORALITY,
        Is(Action::Varint),
    ),
]);

static GAUGE: Table = Table::new(&[(fields::gauge::DATA_POINTS, Holds(Message::NumberPoint))]);

static SUM: Table = Table::new(&[
    (fields::sum::DATA_POINTS, Holds(Message::NumberPoint)),
    (fields::sum::AGGREGATION_TEMPORALITY, Is(Action::Varint)),
    (fields::sum::IS_MONOTONIC, Is(Action::Varint)),
]);

static SUMMARY: Table = Table::new(&[(fields::summary::DATA_POINTS, Holds(Message::SummaryPoint))]);

static NUMBER_POINT: Table = Table::item(&[
    (fields::number_data_point::ATTRIBUTES, Is(Action::KeyValue)),
    (
        fields::number_data_point::START_TIME_UNIX_NANO,
        Is(Action::Fixed64),
    ),
    (fields::number_data_point::TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::number_data_point::AS_DOUBLE, Is(Action::Fixed64)),
    (fields::number_data_point::AS_INT, Is(Action::Fixed64)),
    (fields::number_data_point::EXEMPLARS, Holds(Message::Exemplar)),
    (fields::number_data_point::FLAGS, Is(Action::Varint)),
]);

static HISTOGRAM_POINT: Table = Table::item(&[
    (fields::histogram_data_point::ATTRIBUTES, Is(Action::KeyValue)),
    (
        fields::histogram_data_point::START_TIME_UNIX_NANO,
        Is(Action::Fixed64),
    ),
    (fields::histogram_data_point::TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::histogram_data_point::COUNT, Is(Action::Fixed64)),
    (fields::histogram_data_point::SUM, Is(Action::Fixed64)),
    (
        fields::histogram_data_point::BUCKET_COUNTS,
        Is(Action::PackedFixed64),
    ),
    (
        fields::histogram_data_point::EXPLICIT_BOUNDS,
        Is(Action::PackedFixed64),
    ),
    (fields::histogram_data_point::EXEMPLARS, Holds(Message::Exemplar)),
    (fields::histogram_data_point::FLAGS, Is(Action::Varint)),
    (fields::histogram_data_point::MIN, Is(Action::Fixed64)),
    (fields::histogram_data_point::MAX, Is(Action::Fixed64)),
]);

static EXPONENTIAL_POINT: Table = Table::item(&[
    (
        fields::exponential_histogram_data_point::ATTRIBUTES,
        Is(Action::KeyValue),
    ),
    (
        fields::exponential_histogram_data_point::START_TIME_UNIX_NANO,
        Is(Action::Fixed64),
    ),
    (
        fields::exponential_histogram_data_point::TIME_UNIX_NANO,
        Is(Action::Fixed64),
    ),
    (
        fields::exponential_histogram_data_point::COUNT,
        Is(Action::Fixed64),
    ),
    (fields::exponential_histogram_data_point::SUM, Is(Action::Fixed64)),
    (
        fields::exponential_histogram_data_point::SCALE,
        Is(Action::Varint),
    ),
    (
        fields::exponential_histogram_data_point::ZERO_COUNT,
        Is(Action::Fixed64),
    ),
    (
        fields::exponential_histogram_data_point::POSITIVE,
        Holds(Message::Buckets),
    ),
    (
        fields::exponential_histogram_data_point::NEGATIVE,
        Holds(Message::Buckets),
    ),
    (
        fields::exponential_histogram_data_point::FLAGS,
        Is(Action::Varint),
    ),
    (
        fields::exponential_histogram_data_point::EXEMPLARS,
        Holds(Message::Exemplar),
    ),
    (fields::exponential_histogram_data_point::MIN, Is(Action::Fixed64)),
    (fields::exponential_histogram_data_point::MAX, Is(Action::Fixed64)),
    (
        fields::exponential_histogram_data_point::ZERO_THRESHOLD,
        Is(Action::Fixed64),
    ),
]);

static SUMMARY_POINT: Table = Table::item(&[
    (fields::summary_data_point::ATTRIBUTES, Is(Action::KeyValue)),
    (
        fields::summary_data_point::START_TIME_UNIX_NANO,
        Is(Action::Fixed64),
    ),
    (fields::summary_data_point::TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::summary_data_point::COUNT, Is(Action::Fixed64)),
    (fields::summary_data_point::SUM, Is(Action::Fixed64)),
    (
        fields::summary_data_point::QUANTILE_VALUES,
        Holds(Message::Quantile),
    ),
    (fields::summary_data_point::FLAGS, Is(Action::Varint)),
]);

static BUCKETS: Table = Table::new(&[
    (fields::buckets::OFFSET, Is(Action::Varint)),
    (fields::buckets::BUCKET_COUNTS, Is(Action::PackedVarint)),
]);

static QUANTILE: Table = Table::new(&[
    (fields::value_at_quantile::QUANTILE, Is(Action::Fixed64)),
    (fields::value_at_quantile::VALUE, Is(Action::Fixed64)),
]);

static EXEMPLAR: Table = Table::new(&[
    (fields::exemplar::FILTERED_ATTRIBUTES, Is(Action::KeyValue)),
    (fields::exemplar::TIME_UNIX_NANO, Is(Action::Fixed64)),
    (fields::exemplar::AS_DOUBLE, Is(Action::Fixed64)),
    (fields::exemplar::AS_INT, Is(Action::Fixed64)),
    (fields::exemplar::SPAN_ID, Is(Action::SpanId)),
    (fields::exemplar::TRACE_ID, Is(Action::TraceId)),
]);

static RESOURCE: Table = Table::new(&[
    (fields::resource::ATTRIBUTES, Is(Action::KeyValue)),
    (fields::resource::DROPPED_ATTRIBUTES_COUNT, Is(Action::Varint)),
    (fields::resource::ENTITY_REFS, Holds(Message::EntityRef)),
]);

static SCOPE: Table = Table::new(&[
    (fields::instrumentation_scope::NAME, Is(Action::Str)),
    (fields::instrumentation_scope::VERSION, Is(Action::Str)),
    (fields::instrumentation_scope::ATTRIBUTES, Is(Action::KeyValue)),
    (
        fields::instrumentation_scope::DROPPED_ATTRIBUTES_COUNT,
        Is(Action::Varint),
    ),
]);

static ENTITY_REF: Table = Table::new(&[
    (fields::entity_ref::SCHEMA_URL, Is(Action::Str)),
    (fields::entity_ref::TYPE, Is(Action::Str)),
    (fields::entity_ref::ID_KEYS, Is(Action::Str)),
    (fields::entity_ref::DESCRIPTION_KEYS, Is(Action::Str)),
]);

/// `KeyValue`, which is entered without a `Message`, since it has an action of its own.
pub(crate) static KEY_VALUE: Table = Table::of_at_least(
    LEAST_ATTRIBUTE,
    &[
        (fields::key_value::KEY, Is(Action::Str)),
        (fields::key_value::VALUE, Holds(Message::AnyValue)),
        (fields::key_value::KEY_STRINDEX, Is(Action::Varint)),
    ],
);

static ANY_VALUE: Table = Table::new(&[
    (fields::any_value::STRING_VALUE, Is(Action::Str)),
    (fields::any_value::BOOL_VALUE, Is(Action::Varint)),
    (fields::any_value::INT_VALUE, Is(Action::Varint)),
    (fields::any_value::DOUBLE_VALUE, Is(Action::Fixed64)),
    (fields::any_value::ARRAY_VALUE, Holds(Message::Array)),
    (fields::any_value::KVLIST_VALUE, Holds(Message::KeyValueList)),
    (fields::any_value::BYTES_VALUE, Is(Action::Bytes)),
    (fields::any_value::STRING_VALUE_STRINDEX, Is(Action::Varint)),
]);

static ARRAY: Table = Table::new(&[(fields::array_value::VALUES, Holds(Message::Element))]);

static KEY_VALUE_LIST: Table = Table::new(&[(fields::key_value_list::VALUES, Is(Action::KeyValue))]);
