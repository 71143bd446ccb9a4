//! `metrics.v1` and `collector.metrics.v1`.

use super::common::{KEY_VALUE, RESOURCE, SCOPE};
use super::{Enum, Kind, Message, oneof, optional, repeated, single};

pub(super) static METRICS_REQUEST: Message = Message {
    name: "ExportMetricsServiceRequest",
    fields: &[repeated(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))],
};

pub(super) static METRICS_RESPONSE: Message = Message {
    name: "ExportMetricsServiceResponse",
    fields: &[single(1, "partialSuccess", Kind::Message(&METRICS_PARTIAL))],
};

static METRICS_PARTIAL: Message = Message {
    name: "ExportMetricsPartialSuccess",
    fields: &[
        single(1, "rejectedDataPoints", Kind::Int64),
        single(2, "errorMessage", Kind::String),
    ],
};

static RESOURCE_METRICS: Message = Message {
    name: "ResourceMetrics",
    fields: &[
        single(1, "resource", Kind::Message(&RESOURCE)),
        repeated(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
        single(3, "schemaUrl", Kind::String),
    ],
};

static SCOPE_METRICS: Message = Message {
    name: "ScopeMetrics",
    fields: &[
        single(1, "scope", Kind::Message(&SCOPE)),
        repeated(2, "metrics", Kind::Message(&METRIC)),
        single(3, "schemaUrl", Kind::String),
    ],
};

static METRIC: Message = Message {
    name: "Metric",
    fields: &[
        single(1, "name", Kind::String),
        single(2, "description", Kind::String),
        single(3, "unit", Kind::String),
        oneof(5, "gauge", Kind::Message(&GAUGE)),
        oneof(7, "sum", Kind::Message(&SUM)),
        oneof(9, "histogram", Kind::Message(&HISTOGRAM)),
        oneof(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        oneof(11, "summary", Kind::Message(&SUMMARY)),
        repeated(12, "metadata", Kind::Message(&KEY_VALUE)),
    ],
};

static GAUGE: Message = Message {
    name: "Gauge",
    fields: &[repeated(1, "dataPoints", Kind::Message(&NUMBER_POINT))],
};

static SUM: Message = Message {
    name: "Sum",
    fields: &[
        repeated(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
        single(2, "aggregationTemporality", Kind::Enum(&TEMPORALITY)),
        single(3, "isMonotonic", Kind::Bool),
    ],
};

static HISTOGRAM: Message = Message {
    name: "Histogram",
    fields: &[
        repeated(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)),
        single(2, "aggregationTemporality", Kind::Enum(&TEMPORALITY)),
    ],
};

static EXPONENTIAL_HISTOGRAM: Message = Message {
    name: "ExponentialHistogram",
    fields: &[
        repeated(1, "dataPoints", Kind::Message(&EXPONENTIAL_HISTOGRAM_POINT)),
        single(2, "aggregationTemporality", Kind::Enum(&TEMPORALITY)),
    ],
};

static SUMMARY: Message = Message {
    name: "Summary",
    fields: &[repeated(1, "dataPoints", Kind::Message(&SUMMARY_POINT))],
};

static NUMBER_POINT: Message = Message {
    name: "NumberDataPoint",
    fields: &[
        repeated(7, "attributes", Kind::Message(&KEY_VALUE)),
        single(2, "startTimeUnixNano", Kind::Fixed64),
        single(3, "timeUnixNano", Kind::Fixed64),
        oneof(4, "asDouble", Kind::Double),
        oneof(6, "asInt", Kind::Sfixed64),
        repeated(5, "exemplars", Kind::Message(&EXEMPLAR)),
        single(8, "flags", Kind::Uint32),
    ],
};

static HISTOGRAM_POINT: Message = Message {
    name: "HistogramDataPoint",
    fields: &[
        repeated(9, "attributes", Kind::Message(&KEY_VALUE)),
        single(2, "startTimeUnixNano", Kind::Fixed64),
        single(3, "timeUnixNano", Kind::Fixed64),
        single(4, "count", Kind::Fixed64),
        optional(5, "sum", Kind::Double),
        repeated(6, "bucketCounts", Kind::Fixed64),
        repeated(7, "explicitBounds", Kind::Double),
        repeated(8, "exemplars", Kind::Message(&EXEMPLAR)),
        single(10, "flags", Kind::Uint32),
        optional(11, "min", Kind::Double),
        optional(12, "max", Kind::Double),
    ],
};

static EXPONENTIAL_HISTOGRAM_POINT: Message = Message {
    name: "ExponentialHistogramDataPoint",
    fields: &[
        repeated(1, "attributes", Kind::Message(&KEY_VALUE)),
        single(2, "startTimeUnixNano", Kind::Fixed64),
        single(3, "timeUnixNano", Kind::Fixed64),
        single(4, "count", Kind::Fixed64),
        optional(5, "sum", Kind::Double),
        single(6, "scale", Kind::Sint32),
        single(7, "zeroCount", Kind::Fixed64),
        single(8, "positive", Kind::Message(&BUCKETS)),
        single(9, "negative", Kind::Message(&BUCKETS)),
        single(10, "flags", Kind::Uint32),
        repeated(11, "exemplars", Kind::Message(&EXEMPLAR)),
        optional(12, "min", Kind::Double),
        optional(13, "max", Kind::Double),
        single(14, "zeroThreshold", Kind::Double),
    ],
};

static BUCKETS: Message = Message {
    name: "ExponentialHistogramDataPoint.Buckets",
    fields: &[
        single(1, "offset", Kind::Sint32),
        repeated(2, "bucketCounts", Kind::Uint64),
    ],
};

static SUMMARY_POINT: Message = Message {
    name: "SummaryDataPoint",
    fields: &[
        repeated(7, "attributes", Kind::Message(&KEY_VALUE)),
        single(2, "startTimeUnixNano", Kind::Fixed64),
        single(3, "timeUnixNano", Kind::Fixed64),
        single(4, "count", Kind::Fixed64),
        single(5, "sum", Kind::Double),
        repeated(6, "quantileValues", Kind::Message(&QUANTILE)),
        single(8, "flags", Kind::Uint32),
    ],
};

static QUANTILE: Message = Message {
    name: "SummaryDataPoint.ValueAtQuantile",
    fields: &[
        single(1, "quantile", Kind::Double),
        single(2, "value", Kind::Double),
    ],
};

static EXEMPLAR: Message = Message {
    name: "Exemplar",
    fields: &[
        repeated(7, "filteredAttributes", Kind::Message(&KEY_VALUE)),
        single(2, "timeUnixNano", Kind::Fixed64),
        oneof(3, "asDouble", Kind::Double),
        oneof(6, "asInt", Kind::Sfixed64),
        single(4, "spanId", Kind::Id(8)),
        single(5, "traceId", Kind::Id(16)),
    ],
};

static TEMPORALITY: Enum = Enum {
    prefix: "AGGREGATION_TEMPORALITY_",
    values: &["UNSPECIFIED", "DELTA", "CUMULATIVE"],
};
