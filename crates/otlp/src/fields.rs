//! The field numbers of OTLP v1, one module per message, named after the `.proto` declarations.
//!
//! Source: opentelemetry-proto, packages `collector.{trace,metrics,logs}.v1`, `resource.v1`, `common.v1`, `trace.v1`,
//! `metrics.v1` and `logs.v1`. Numbers are part of the stable wire contract and never change their meaning.

/// `collector.trace.v1.ExportTraceServiceRequest`.
pub mod trace_service_request {
    /// `repeated ResourceSpans resource_spans`.
    pub const RESOURCE_SPANS: u32 = 1;
}

/// `collector.trace.v1.ExportTraceServiceResponse`.
pub mod trace_service_response {
    /// `ExportTracePartialSuccess partial_success`.
    pub const PARTIAL_SUCCESS: u32 = 1;
}

/// `collector.trace.v1.ExportTracePartialSuccess`.
pub mod trace_partial_success {
    /// `int64 rejected_spans`.
    pub const REJECTED_SPANS: u32 = 1;
    /// `string error_message`.
    pub const ERROR_MESSAGE: u32 = 2;
}

/// `collector.metrics.v1.ExportMetricsServiceRequest`.
pub mod metrics_service_request {
    /// `repeated ResourceMetrics resource_metrics`.
    pub const RESOURCE_METRICS: u32 = 1;
}

/// `collector.metrics.v1.ExportMetricsServiceResponse`.
pub mod metrics_service_response {
    /// `ExportMetricsPartialSuccess partial_success`.
    pub const PARTIAL_SUCCESS: u32 = 1;
}

/// `collector.metrics.v1.ExportMetricsPartialSuccess`.
pub mod metrics_partial_success {
    /// `int64 rejected_data_points`.
    pub const REJECTED_DATA_POINTS: u32 = 1;
    /// `string error_message`.
    pub const ERROR_MESSAGE: u32 = 2;
}

/// `collector.logs.v1.ExportLogsServiceRequest`.
pub mod logs_service_request {
    /// `repeated ResourceLogs resource_logs`.
    pub const RESOURCE_LOGS: u32 = 1;
}

/// `collector.logs.v1.ExportLogsServiceResponse`.
pub mod logs_service_response {
    /// `ExportLogsPartialSuccess partial_success`.
    pub const PARTIAL_SUCCESS: u32 = 1;
}

/// `collector.logs.v1.ExportLogsPartialSuccess`.
pub mod logs_partial_success {
    /// `int64 rejected_log_records`.
    pub const REJECTED_LOG_RECORDS: u32 = 1;
    /// `string error_message`.
    pub const ERROR_MESSAGE: u32 = 2;
}

/// `resource.v1.Resource`.
pub mod resource {
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 1;
    /// `uint32 dropped_attributes_count`.
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 2;
    /// `repeated EntityRef entity_refs`.
    pub const ENTITY_REFS: u32 = 3;
}

/// `common.v1.AnyValue`.
pub mod any_value {
    /// `string string_value`, one of `value`.
    pub const STRING_VALUE: u32 = 1;
    /// `bool bool_value`, one of `value`.
    pub const BOOL_VALUE: u32 = 2;
    /// `int64 int_value`, one of `value`.
    pub const INT_VALUE: u32 = 3;
    /// `double double_value`, one of `value`.
    pub const DOUBLE_VALUE: u32 = 4;
    /// `ArrayValue array_value`, one of `value`.
    pub const ARRAY_VALUE: u32 = 5;
    /// `KeyValueList kvlist_value`, one of `value`.
    pub const KVLIST_VALUE: u32 = 6;
    /// `bytes bytes_value`, one of `value`.
    pub const BYTES_VALUE: u32 = 7;
    /// `int32 string_value_strindex`, one of `value`.
    pub const STRING_VALUE_STRINDEX: u32 = 8;
}

/// `common.v1.ArrayValue`.
pub mod array_value {
    /// `repeated AnyValue values`.
    pub const VALUES: u32 = 1;
}

/// `common.v1.KeyValueList`.
pub mod key_value_list {
    /// `repeated KeyValue values`.
    pub const VALUES: u32 = 1;
}

/// `common.v1.KeyValue`.
pub mod key_value {
    /// `string key`.
    pub const KEY: u32 = 1;
    /// `AnyValue value`.
    pub const VALUE: u32 = 2;
    /// `int32 key_strindex`.
    pub const KEY_STRINDEX: u32 = 3;
}

/// `common.v1.InstrumentationScope`.
pub mod instrumentation_scope {
    /// `string name`.
    pub const NAME: u32 = 1;
    /// `string version`.
    pub const VERSION: u32 = 2;
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 3;
    /// `uint32 dropped_attributes_count`.
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 4;
}

/// `common.v1.EntityRef`.
pub mod entity_ref {
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 1;
    /// `string type`.
    pub const TYPE: u32 = 2;
    /// `repeated string id_keys`.
    pub const ID_KEYS: u32 = 3;
    /// `repeated string description_keys`.
    pub const DESCRIPTION_KEYS: u32 = 4;
}

/// `trace.v1.ResourceSpans`.
pub mod resource_spans {
    /// `Resource resource`.
    pub const RESOURCE: u32 = 1;
    /// `repeated ScopeSpans scope_spans`.
    pub const SCOPE_SPANS: u32 = 2;
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 3;
}

/// `trace.v1.ScopeSpans`.
pub mod scope_spans {
    /// `InstrumentationScope scope`.
    pub const SCOPE: u32 = 1;
    /// `repeated Span spans`.
    pub const SPANS: u32 = 2;
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 3;
}

/// `trace.v1.Span`.
pub mod span {
    /// `bytes trace_id`.
    pub const TRACE_ID: u32 = 1;
    /// `bytes span_id`.
    pub const SPAN_ID: u32 = 2;
    /// `string trace_state`.
    pub const TRACE_STATE: u32 = 3;
    /// `bytes parent_span_id`.
    pub const PARENT_SPAN_ID: u32 = 4;
    /// `fixed32 flags`.
    pub const FLAGS: u32 = 16;
    /// `string name`.
    pub const NAME: u32 = 5;
    /// `SpanKind kind`.
    pub const KIND: u32 = 6;
    /// `fixed64 start_time_unix_nano`.
    pub const START_TIME_UNIX_NANO: u32 = 7;
    /// `fixed64 end_time_unix_nano`.
    pub const END_TIME_UNIX_NANO: u32 = 8;
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 9;
    /// `uint32 dropped_attributes_count`.
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 10;
    /// `repeated Event events`.
    pub const EVENTS: u32 = 11;
    /// `uint32 dropped_events_count`.
    pub const DROPPED_EVENTS_COUNT: u32 = 12;
    /// `repeated Link links`.
    pub const LINKS: u32 = 13;
    /// `uint32 dropped_links_count`.
    pub const DROPPED_LINKS_COUNT: u32 = 14;
    /// `Status status`.
    pub const STATUS: u32 = 15;
}

/// `trace.v1.Span.Event`.
pub mod span_event {
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 1;
    /// `string name`.
    pub const NAME: u32 = 2;
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 3;
    /// `uint32 dropped_attributes_count`.
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 4;
}

/// `trace.v1.Span.Link`.
pub mod span_link {
    /// `bytes trace_id`.
    pub const TRACE_ID: u32 = 1;
    /// `bytes span_id`.
    pub const SPAN_ID: u32 = 2;
    /// `string trace_state`.
    pub const TRACE_STATE: u32 = 3;
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 4;
    /// `uint32 dropped_attributes_count`.
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 5;
    /// `fixed32 flags`.
    pub const FLAGS: u32 = 6;
}

/// `trace.v1.Status`.
pub mod status {
    /// `string message`.
    pub const MESSAGE: u32 = 2;
    /// `StatusCode code`.
    pub const CODE: u32 = 3;
}

/// `metrics.v1.ResourceMetrics`.
pub mod resource_metrics {
    /// `Resource resource`.
    pub const RESOURCE: u32 = 1;
    /// `repeated ScopeMetrics scope_metrics`.
    pub const SCOPE_METRICS: u32 = 2;
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 3;
}

/// `metrics.v1.ScopeMetrics`.
pub mod scope_metrics {
    /// `InstrumentationScope scope`.
    pub const SCOPE: u32 = 1;
    /// `repeated Metric metrics`.
    pub const METRICS: u32 = 2;
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 3;
}

/// `metrics.v1.Metric`.
pub mod metric {
    /// `string name`.
    pub const NAME: u32 = 1;
    /// `string description`.
    pub const DESCRIPTION: u32 = 2;
    /// `string unit`.
    pub const UNIT: u32 = 3;
    /// `Gauge gauge`, one of `data`.
    pub const GAUGE: u32 = 5;
    /// `Sum sum`, one of `data`.
    pub const SUM: u32 = 7;
    /// `Histogram histogram`, one of `data`.
    pub const HISTOGRAM: u32 = 9;
    /// `ExponentialHistogram exponential_histogram`, one of `data`.
    pub const EXPONENTIAL_HISTOGRAM: u32 = 10;
    /// `Summary summary`, one of `data`.
    pub const SUMMARY: u32 = 11;
    /// `repeated KeyValue metadata`.
    pub const METADATA: u32 = 12;
}

/// `metrics.v1.Gauge`.
pub mod gauge {
    /// `repeated NumberDataPoint data_points`.
    pub const DATA_POINTS: u32 = 1;
}

/// `metrics.v1.Sum`.
pub mod sum {
    /// `repeated NumberDataPoint data_points`.
    pub const DATA_POINTS: u32 = 1;
    /// `AggregationTemporality aggregation_temporality`.
    pub const AGGREGATION_TEMPORALITY: u32 = 2;
    /// `bool is_monotonic`.
    pub const IS_MONOTONIC: u32 = 3;
}

/// `metrics.v1.Histogram`.
pub mod histogram {
    /// `repeated HistogramDataPoint data_points`.
    pub const DATA_POINTS: u32 = 1;
    /// `AggregationTemporality aggregation_temporality`.
    pub const AGGREGATION_TEMPORALITY: u32 = 2;
}

/// `metrics.v1.ExponentialHistogram`.
pub mod exponential_histogram {
    /// `repeated ExponentialHistogramDataPoint data_points`.
    pub const DATA_POINTS: u32 = 1;
    /// `AggregationTemporality aggregation_temporality`.
    pub const AGGREGATION_TEMPORALITY: u32 = 2;
}

/// `metrics.v1.Summary`.
pub mod summary {
    /// `repeated SummaryDataPoint data_points`.
    pub const DATA_POINTS: u32 = 1;
}

/// `metrics.v1.NumberDataPoint`.
pub mod number_data_point {
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 7;
    /// `fixed64 start_time_unix_nano`.
    pub const START_TIME_UNIX_NANO: u32 = 2;
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 3;
    /// `double as_double`, one of `value`.
    pub const AS_DOUBLE: u32 = 4;
    /// `sfixed64 as_int`, one of `value`.
    pub const AS_INT: u32 = 6;
    /// `repeated Exemplar exemplars`.
    pub const EXEMPLARS: u32 = 5;
    /// `uint32 flags`.
    pub const FLAGS: u32 = 8;
}

/// `metrics.v1.HistogramDataPoint`.
pub mod histogram_data_point {
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 9;
    /// `fixed64 start_time_unix_nano`.
    pub const START_TIME_UNIX_NANO: u32 = 2;
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 3;
    /// `fixed64 count`.
    pub const COUNT: u32 = 4;
    /// `optional double sum`.
    pub const SUM: u32 = 5;
    /// `repeated fixed64 bucket_counts`.
    pub const BUCKET_COUNTS: u32 = 6;
    /// `repeated double explicit_bounds`.
    pub const EXPLICIT_BOUNDS: u32 = 7;
    /// `repeated Exemplar exemplars`.
    pub const EXEMPLARS: u32 = 8;
    /// `uint32 flags`.
    pub const FLAGS: u32 = 10;
    /// `optional double min`.
    pub const MIN: u32 = 11;
    /// `optional double max`.
    pub const MAX: u32 = 12;
}

/// `metrics.v1.ExponentialHistogramDataPoint`.
pub mod exponential_histogram_data_point {
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 1;
    /// `fixed64 start_time_unix_nano`.
    pub const START_TIME_UNIX_NANO: u32 = 2;
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 3;
    /// `fixed64 count`.
    pub const COUNT: u32 = 4;
    /// `optional double sum`.
    pub const SUM: u32 = 5;
    /// `sint32 scale`.
    pub const SCALE: u32 = 6;
    /// `fixed64 zero_count`.
    pub const ZERO_COUNT: u32 = 7;
    /// `Buckets positive`.
    pub const POSITIVE: u32 = 8;
    /// `Buckets negative`.
    pub const NEGATIVE: u32 = 9;
    /// `uint32 flags`.
    pub const FLAGS: u32 = 10;
    /// `repeated Exemplar exemplars`.
    pub const EXEMPLARS: u32 = 11;
    /// `optional double min`.
    pub const MIN: u32 = 12;
    /// `optional double max`.
    pub const MAX: u32 = 13;
    /// `double zero_threshold`.
    pub const ZERO_THRESHOLD: u32 = 14;
}

/// `metrics.v1.ExponentialHistogramDataPoint.Buckets`.
pub mod buckets {
    /// `sint32 offset`.
    pub const OFFSET: u32 = 1;
    /// `repeated uint64 bucket_counts`.
    pub const BUCKET_COUNTS: u32 = 2;
}

/// `metrics.v1.SummaryDataPoint`.
pub mod summary_data_point {
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 7;
    /// `fixed64 start_time_unix_nano`.
    pub const START_TIME_UNIX_NANO: u32 = 2;
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 3;
    /// `fixed64 count`.
    pub const COUNT: u32 = 4;
    /// `double sum`.
    pub const SUM: u32 = 5;
    /// `repeated ValueAtQuantile quantile_values`.
    pub const QUANTILE_VALUES: u32 = 6;
    /// `uint32 flags`.
    pub const FLAGS: u32 = 8;
}

/// `metrics.v1.SummaryDataPoint.ValueAtQuantile`.
pub mod value_at_quantile {
    /// `double quantile`.
    pub const QUANTILE: u32 = 1;
    /// `double value`.
    pub const VALUE: u32 = 2;
}

/// `metrics.v1.Exemplar`.
pub mod exemplar {
    /// `repeated KeyValue filtered_attributes`.
    pub const FILTERED_ATTRIBUTES: u32 = 7;
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 2;
    /// `double as_double`, one of `value`.
    pub const AS_DOUBLE: u32 = 3;
    /// `sfixed64 as_int`, one of `value`.
    pub const AS_INT: u32 = 6;
    /// `bytes span_id`.
    pub const SPAN_ID: u32 = 4;
    /// `bytes trace_id`.
    pub const TRACE_ID: u32 = 5;
}

/// `logs.v1.ResourceLogs`.
pub mod resource_logs {
    /// `Resource resource`.
    pub const RESOURCE: u32 = 1;
    /// `repeated ScopeLogs scope_logs`.
    pub const SCOPE_LOGS: u32 = 2;
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 3;
}

/// `logs.v1.ScopeLogs`.
pub mod scope_logs {
    /// `InstrumentationScope scope`.
    pub const SCOPE: u32 = 1;
    /// `repeated LogRecord log_records`.
    pub const LOG_RECORDS: u32 = 2;
    /// `string schema_url`.
    pub const SCHEMA_URL: u32 = 3;
}

/// `logs.v1.LogRecord`.
pub mod log_record {
    /// `fixed64 time_unix_nano`.
    pub const TIME_UNIX_NANO: u32 = 1;
    /// `fixed64 observed_time_unix_nano`.
    pub const OBSERVED_TIME_UNIX_NANO: u32 = 11;
    /// `SeverityNumber severity_number`.
    pub const SEVERITY_NUMBER: u32 = 2;
    /// `string severity_text`.
    pub const SEVERITY_TEXT: u32 = 3;
    /// `AnyValue body`.
    pub const BODY: u32 = 5;
    /// `repeated KeyValue attributes`.
    pub const ATTRIBUTES: u32 = 6;
    /// `uint32 dropped_attributes_count`.
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 7;
    /// `fixed32 flags`.
    pub const FLAGS: u32 = 8;
    /// `bytes trace_id`.
    pub const TRACE_ID: u32 = 9;
    /// `bytes span_id`.
    pub const SPAN_ID: u32 = 10;
    /// `string event_name`.
    pub const EVENT_NAME: u32 = 12;
}
