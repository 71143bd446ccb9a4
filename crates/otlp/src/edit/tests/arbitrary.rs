//! Arbitrary requests of the three signals: few names, so that they collide; lengths on both sides of a longer varint.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, metric::Data,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// The attribute names that occur.
pub(super) const KEYS: [&str; 6] = ["a", "b", "c", "env", "token", "token.secret"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{0,6}", 1 => "[a-z]{100,140}"]
}

fn any_value() -> impl Strategy<Value = Option<AnyValue>> {
    let value = prop_oneof![
        4 => text().prop_map(Value::StringValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        2 => any::<i64>().prop_map(Value::IntValue),
        1 => (-1e9..1e9).prop_map(Value::DoubleValue),
        1 => vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
        1 => Just(Value::ArrayValue(ArrayValue { values: vec![AnyValue::default()] })),
    ];
    option::weighted(
        0.9,
        option::weighted(0.9, value).prop_map(|value| AnyValue { value }),
    )
}

pub(super) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (select(&KEYS[..]), any_value()).prop_map(|(key, value)| KeyValue {
        key: key.into(),
        value,
        ..KeyValue::default()
    });
    vec(attribute, 0..5)
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
    let scope = (text(), attributes()).prop_map(|(name, attributes)| InstrumentationScope {
        name,
        attributes,
        dropped_attributes_count: 3,
        ..InstrumentationScope::default()
    });
    option::weighted(0.8, scope)
}

fn span() -> impl Strategy<Value = Span> {
    let event = (text(), attributes()).prop_map(|(name, attributes)| Event {
        name,
        attributes,
        ..Event::default()
    });
    let status = option::of((0..3).prop_map(|code| Status {
        code,
        ..Status::default()
    }));
    (text(), attributes(), vec(event, 0..3), status).prop_map(|(name, attributes, events, status)| Span {
        trace_id: vec![7; 16],
        name,
        attributes,
        events,
        status,
        flags: 1,
        ..Span::default()
    })
}

pub(super) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans =
        (scope(), vec(span(), 0..5), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
            scope,
            spans,
            schema_url,
        });
    let resource_spans =
        (resource(), vec(scope_spans, 0..4), text()).prop_map(|(resource, scope_spans, schema_url)| {
            ResourceSpans {
                resource,
                scope_spans,
                schema_url,
            }
        });
    vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn log_record() -> impl Strategy<Value = LogRecord> {
    (any_value(), attributes(), 0..24).prop_map(|(body, attributes, severity_number)| LogRecord {
        time_unix_nano: 5,
        body,
        attributes,
        severity_number,
        ..LogRecord::default()
    })
}

pub(super) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs =
        (scope(), vec(log_record(), 0..5), text()).prop_map(|(scope, log_records, schema_url)| ScopeLogs {
            scope,
            log_records,
            schema_url,
        });
    let resource_logs =
        (resource(), vec(scope_logs, 0..4), text()).prop_map(|(resource, scope_logs, schema_url)| {
            ResourceLogs {
                resource,
                scope_logs,
                schema_url,
            }
        });
    vec(resource_logs, 0..4).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn number_points() -> impl Strategy<Value = Vec<NumberDataPoint>> {
    let point = (attributes(), any::<i64>()).prop_map(|(attributes, value)| NumberDataPoint {
        attributes,
        value: Some(number_data_point::Value::AsInt(value)),
        ..NumberDataPoint::default()
    });
    vec(point, 0..4)
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        number_points().prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        number_points().prop_map(|data_points| {
            Data::Sum(Sum {
                data_points,
                aggregation_temporality: 2,
                is_monotonic: true,
            })
        }),
        vec(attributes(), 0..4).prop_map(|lists| {
            let point = |attributes| HistogramDataPoint {
                attributes,
                count: 9,
                ..Default::default()
            };
            let data_points = lists.into_iter().map(point).collect();
            Data::Histogram(Histogram {
                data_points,
                aggregation_temporality: 1,
            })
        }),
        vec(attributes(), 0..4).prop_map(|lists| {
            let point = |attributes| ExponentialHistogramDataPoint {
                attributes,
                scale: -3,
                ..Default::default()
            };
            let data_points = lists.into_iter().map(point).collect();
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points,
                aggregation_temporality: 1,
            })
        }),
        vec(attributes(), 0..4).prop_map(|lists| {
            let point = |attributes| SummaryDataPoint {
                attributes,
                sum: 0.5,
                ..Default::default()
            };
            Data::Summary(Summary {
                data_points: lists.into_iter().map(point).collect(),
            })
        }),
    ]
}

pub(super) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let metric =
        (text(), attributes(), option::weighted(0.9, data())).prop_map(|(name, metadata, data)| Metric {
            name,
            unit: "By".into(),
            metadata,
            data,
            ..Metric::default()
        });
    let scope_metrics =
        (scope(), vec(metric, 0..4), text()).prop_map(|(scope, metrics, schema_url)| ScopeMetrics {
            scope,
            metrics,
            schema_url,
        });
    let resource_metrics =
        (resource(), vec(scope_metrics, 0..3), text()).prop_map(|(resource, scope_metrics, schema_url)| {
            ResourceMetrics {
                resource,
                scope_metrics,
                schema_url,
            }
        });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
