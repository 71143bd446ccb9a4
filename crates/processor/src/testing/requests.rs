//! Random requests.

use super::Decoded;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The keys of random attributes: few, so that they meet those of random configs.
pub(crate) const KEYS: [&str; 7] = [
    "a",
    "b",
    "c",
    "http.method",
    "http.header.x",
    "http.header.y",
    "ключ",
];
pub(crate) const TEXTS: [&str; 7] = ["", "x", "GET /orders/17", "17", "true", "1.5", "日本語"];
pub(crate) const NAMES: [&str; 5] = ["GET /orders", "GET /health", "POST /orders", "", "größe"];

pub(crate) fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Value::StringValue(value.to_owned())),
    })
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn any_value() -> impl Strategy<Value = Option<AnyValue>> {
    let array = Value::ArrayValue(ArrayValue {
        values: text("x").into_iter().collect(),
    });
    prop_oneof![
        5 => select(&TEXTS[..]).prop_map(text),
        2 => select(vec![0, 1, 17, -3, i64::MIN]).prop_map(|n| Some(AnyValue { value: Some(Value::IntValue(n)) })),
        2 => select(vec![0.0, 1.5, -2.75, 17.0, 1e300, 3e-9])
            .prop_map(|n| Some(AnyValue { value: Some(Value::DoubleValue(n)) })),
        1 => any::<bool>().prop_map(|b| Some(AnyValue { value: Some(Value::BoolValue(b)) })),
        1 => Just(Some(AnyValue { value: Some(Value::BytesValue(vec![0, 255])) })),
        1 => Just(Some(AnyValue { value: Some(array) })),
        1 => Just(Some(AnyValue { value: None })),
        1 => "[a-z]{120,140}".prop_map(|long| text(&long)),
    ]
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let one = (select(&KEYS[..]), any_value());
    vec(
        one.prop_map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value,
            ..KeyValue::default()
        }),
        0..6,
    )
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::weighted(
        0.8,
        attributes().prop_map(|attributes| Resource {
            attributes,
            ..Resource::default()
        }),
    )
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let own = (select(&NAMES[..]), select(&TEXTS[..]), attributes());
    let scope = own.prop_map(|(name, version, attributes)| InstrumentationScope {
        name: name.to_owned(),
        version: version.to_owned(),
        attributes,
        dropped_attributes_count: 3,
    });
    option::weighted(0.8, scope)
}

fn span() -> impl Strategy<Value = Span> {
    let event = attributes().prop_map(|attributes| Event {
        name: "e".to_owned(),
        attributes,
        ..Event::default()
    });
    let own = (
        select(&NAMES[..]),
        0..6,
        option::of(0..3),
        attributes(),
        vec(event, 0..3),
    );
    own.prop_map(|(name, kind, status, attributes, events)| Span {
        trace_id: vec![7; 16],
        span_id: vec![1; 8],
        name: name.to_owned(),
        kind,
        start_time_unix_nano: 5,
        attributes,
        events,
        status: status.map(|code| Status {
            code,
            message: "m".to_owned(),
        }),
        flags: 0x101,
        ..Span::default()
    })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let own = (select(&NAMES[..]), 0..25, attributes(), any_value());
    own.prop_map(|(name, severity_number, attributes, body)| LogRecord {
        event_name: name.to_owned(),
        severity_number,
        attributes,
        body,
        ..LogRecord::default()
    })
}

fn metric() -> impl Strategy<Value = Metric> {
    (select(&NAMES[..]), 0..6, vec(attributes(), 0..4)).prop_map(|(name, kind, points)| Metric {
        name: name.to_owned(),
        unit: "s".to_owned(),
        data: data(kind, points),
        ..Metric::default()
    })
}

fn data(kind: i32, points: Vec<Vec<KeyValue>>) -> Option<Data> {
    let points = points.into_iter();
    let number = |attributes| NumberDataPoint {
        attributes,
        time_unix_nano: 9,
        value: Some(number_data_point::Value::AsInt(4)),
        ..NumberDataPoint::default()
    };
    Some(match kind {
        0 => Data::Gauge(Gauge {
            data_points: points.map(number).collect(),
        }),
        1 => Data::Sum(Sum {
            data_points: points.map(number).collect(),
            is_monotonic: true,
            ..Sum::default()
        }),
        2 => Data::Histogram(Histogram {
            data_points: points
                .map(|attributes| HistogramDataPoint {
                    attributes,
                    bucket_counts: vec![1, 2],
                    explicit_bounds: vec![0.5],
                    ..HistogramDataPoint::default()
                })
                .collect(),
            aggregation_temporality: 2,
        }),
        3 => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: points
                .map(|attributes| ExponentialHistogramDataPoint {
                    attributes,
                    scale: -3,
                    ..ExponentialHistogramDataPoint::default()
                })
                .collect(),
            aggregation_temporality: 1,
        }),
        4 => Data::Summary(Summary {
            data_points: points
                .map(|attributes| SummaryDataPoint {
                    attributes,
                    sum: 2.5,
                    ..SummaryDataPoint::default()
                })
                .collect(),
        }),
        _ => return None,
    })
}

/// Requests of all signals, some of them with envelopes that hold nothing.
pub(crate) fn request() -> impl Strategy<Value = Decoded> {
    let schema_url = "https://example.com/schema";
    let spans = (scope(), vec(span(), 0..5)).prop_map(move |(scope, spans)| ScopeSpans {
        scope,
        spans,
        schema_url: schema_url.to_owned(),
    });
    let traces = (resource(), vec(spans, 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans {
        resource,
        scope_spans,
        schema_url: String::new(),
    });
    let records = (scope(), vec(record(), 0..5)).prop_map(|(scope, log_records)| ScopeLogs {
        scope,
        log_records,
        schema_url: String::new(),
    });
    let logs = (resource(), vec(records, 0..3)).prop_map(move |(resource, scope_logs)| ResourceLogs {
        resource,
        scope_logs,
        schema_url: schema_url.to_owned(),
    });
    let metrics = (scope(), vec(metric(), 0..4)).prop_map(|(scope, metrics)| ScopeMetrics {
        scope,
        metrics,
        schema_url: String::new(),
    });
    let metrics = (resource(), vec(metrics, 0..3)).prop_map(|(resource, scope_metrics)| ResourceMetrics {
        resource,
        scope_metrics,
        schema_url: String::new(),
    });
    prop_oneof![
        vec(traces, 0..3)
            .prop_map(|resource_spans| Decoded::Traces(ExportTraceServiceRequest { resource_spans })),
        vec(logs, 0..3).prop_map(|resource_logs| Decoded::Logs(ExportLogsServiceRequest { resource_logs })),
        vec(metrics, 0..3)
            .prop_map(|resource_metrics| Decoded::Metrics(ExportMetricsServiceRequest { resource_metrics })),
    ]
}
