use super::estimate_decoded_bytes;
use crate::{Signal, WireErrorKind};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, EntityRef, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Histogram, HistogramDataPoint, Metric, ResourceMetrics, ScopeMetrics, metric::Data,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

fn vector<T>(items: &Vec<T>, inside: impl Fn(&T) -> usize) -> usize {
    items.capacity() * size_of::<T>() + items.iter().map(inside).sum::<usize>()
}

fn value(any: &AnyValue) -> usize {
    match &any.value {
        Some(Value::StringValue(text)) => text.capacity(),
        Some(Value::BytesValue(bytes)) => bytes.capacity(),
        Some(Value::ArrayValue(array)) => vector(&array.values, value),
        Some(Value::KvlistValue(list)) => vector(&list.values, key_value),
        _ => 0,
    }
}

fn key_value(attribute: &KeyValue) -> usize {
    attribute.key.capacity() + attribute.value.as_ref().map_or(0, value)
}

fn resource(resource: &Option<Resource>) -> usize {
    resource.as_ref().map_or(0, |resource| {
        let entity = |entity: &EntityRef| {
            entity.schema_url.capacity()
                + entity.r#type.capacity()
                + vector(&entity.id_keys, String::capacity)
        };
        vector(&resource.attributes, key_value) + vector(&resource.entity_refs, entity)
    })
}

fn span(span: &Span) -> usize {
    let ids = span.trace_id.capacity() + span.span_id.capacity() + span.parent_span_id.capacity();
    ids + span.name.capacity() + vector(&span.attributes, key_value)
}

/// The heap bytes of a decoded trace request, by the capacities of its vectors.
fn traces_held(request: &ExportTraceServiceRequest) -> usize {
    vector(&request.resource_spans, |envelope| {
        let scopes = vector(&envelope.scope_spans, |scope| {
            scope.schema_url.capacity() + vector(&scope.spans, span)
        });
        resource(&envelope.resource) + envelope.schema_url.capacity() + scopes
    })
}

fn metrics_held(request: &ExportMetricsServiceRequest) -> usize {
    let point = |point: &HistogramDataPoint| {
        vector(&point.attributes, key_value)
            + vector(&point.bucket_counts, |_| 0)
            + vector(&point.explicit_bounds, |_| 0)
    };
    let metric = |metric: &Metric| match &metric.data {
        Some(Data::Histogram(histogram)) => metric.name.capacity() + vector(&histogram.data_points, point),
        _ => metric.name.capacity(),
    };
    vector(&request.resource_metrics, |envelope| {
        vector(&envelope.scope_metrics, |scope| vector(&scope.metrics, metric))
    })
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

fn attributes(count: usize) -> Vec<KeyValue> {
    let element = AnyValue {
        value: Some(Value::StringValue("element".into())),
    };
    (0..count)
        .map(|index| match index % 4 {
            0 => attribute("plain", Value::StringValue("x".repeat(index * 13))),
            1 => attribute("status", Value::IntValue(70_000)),
            2 => attribute(
                "list",
                Value::ArrayValue(ArrayValue {
                    values: vec![element.clone(); index],
                }),
            ),
            _ => attribute("blob", Value::BytesValue(vec![0xff; index])),
        })
        .collect()
}

#[test]
fn the_bound_holds_and_is_not_far_from_the_truth() {
    for spans in [1, 2, 3, 5, 9, 33, 100] {
        let entity = EntityRef {
            r#type: "service".into(),
            id_keys: vec!["a".into(); spans],
            ..Default::default()
        };
        let resource = Resource {
            attributes: attributes(3),
            entity_refs: vec![entity],
            ..Default::default()
        };
        let one = Span {
            trace_id: vec![7; 16],
            span_id: vec![7; 8],
            name: "GET /".into(),
            attributes: attributes(spans % 17),
            ..Default::default()
        };
        let scope_spans = vec![ScopeSpans {
            spans: vec![one; spans],
            schema_url: "s".into(),
            ..Default::default()
        }];
        let envelope = ResourceSpans {
            resource: Some(resource),
            scope_spans,
            ..Default::default()
        };
        let bytes = ExportTraceServiceRequest {
            resource_spans: vec![envelope],
        }
        .encode_to_vec();
        let held = traces_held(&ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap()) as u64;
        let bound = estimate_decoded_bytes(Signal::Traces, &bytes).unwrap();
        assert!(
            (held..=held * 5 / 2).contains(&bound),
            "{spans} spans: {bound} for {held}"
        );
    }
}

#[test]
fn packed_and_loose_numbers_are_bounded() {
    let point = HistogramDataPoint {
        bucket_counts: (0..15).collect(),
        explicit_bounds: (0..14).map(f64::from).collect(),
        attributes: attributes(5),
        ..Default::default()
    };
    let loose: Vec<u8> = (0..9).flat_map(|_| [vec![0x31], vec![1; 8]].concat()).collect();
    let data = Data::Histogram(Histogram {
        data_points: vec![point; 7],
        ..Default::default()
    });
    let metric = Metric {
        name: "latency".into(),
        data: Some(data),
        ..Default::default()
    };
    let scope_metrics = vec![ScopeMetrics {
        metrics: vec![metric; 3],
        ..Default::default()
    }];
    let mut bytes = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics,
            ..Default::default()
        }],
    }
    .encode_to_vec();
    let nest = |tag: u8, inner: &[u8]| [vec![tag, inner.len() as u8], inner.to_vec()].concat();
    bytes.extend(nest(
        0x0a,
        &nest(0x12, &nest(0x12, &nest(0x4a, &nest(0x0a, &loose)))),
    ));
    let decoded = ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap();
    let held = metrics_held(&decoded) as u64;
    let bound = estimate_decoded_bytes(Signal::Metrics, &bytes).unwrap();
    assert!((held..=held * 3).contains(&bound), "{bound} for {held}");
}

#[test]
fn faults_are_found_where_they_are() {
    let error = estimate_decoded_bytes(Signal::Logs, &[0x0a, 4, 0x12, 3, 0x12, 9]).unwrap_err();
    assert_eq!((error.kind, error.offset), (WireErrorKind::Truncated, 4));

    let list = |inner: AnyValue| AnyValue {
        value: Some(Value::ArrayValue(ArrayValue { values: vec![inner] })),
    };
    let deep = (0..20).fold(AnyValue::default(), |inner, _| list(inner));
    let body = Some(deep);
    let scope_logs = vec![ScopeLogs {
        log_records: vec![LogRecord {
            body,
            ..Default::default()
        }],
        ..Default::default()
    }];
    let resource_logs = vec![ResourceLogs {
        scope_logs,
        ..Default::default()
    }];
    let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let error = estimate_decoded_bytes(Signal::Logs, &request).unwrap_err();
    assert_eq!(error.kind, WireErrorKind::Depth);
}
