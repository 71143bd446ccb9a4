mod metrics;

use super::{AnyValueKind, Data, KeyValue, LogRecord, Metric, Number, NumberDataPoint, Request, Span, View};
use super::{Buckets, HistogramDataPoint};
use crate::WireErrorKind;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{self as common, any_value::Value};
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as trace, span};
use prost::Message;

fn any(value: Value) -> common::AnyValue {
    common::AnyValue { value: Some(value) }
}

fn attribute(key: &str, value: Value) -> common::KeyValue {
    common::KeyValue {
        key: key.into(),
        value: Some(any(value)),
        key_strindex: 0,
    }
}

fn values() -> Vec<common::KeyValue> {
    let array = common::ArrayValue {
        values: vec![any(Value::IntValue(-1)), any(Value::BoolValue(false))],
    };
    let map = common::KeyValueList {
        values: vec![attribute("inner", Value::DoubleValue(0.25))],
    };
    vec![
        attribute("text", Value::StringValue("größe".into())),
        attribute("bool", Value::BoolValue(true)),
        attribute("int", Value::IntValue(i64::MIN)),
        attribute("double", Value::DoubleValue(-0.5)),
        attribute("array", Value::ArrayValue(array)),
        attribute("map", Value::KvlistValue(map)),
        attribute("bytes", Value::BytesValue(vec![0xff, 0])),
        attribute("index", Value::StringValueStrindex(-7)),
        common::KeyValue {
            key: "empty".into(),
            ..Default::default()
        },
    ]
}

/// What a value is, as prost would have it.
fn to_prost(kind: AnyValueKind<'_>) -> Option<Value> {
    let inner = |kind| common::AnyValue {
        value: to_prost(kind),
    };
    Some(match kind {
        AnyValueKind::Empty => return None,
        AnyValueKind::Text(text) => Value::StringValue(text.into()),
        AnyValueKind::Bool(value) => Value::BoolValue(value),
        AnyValueKind::Int(value) => Value::IntValue(value),
        AnyValueKind::Double(value) => Value::DoubleValue(value),
        AnyValueKind::Bytes(bytes) => Value::BytesValue(bytes.to_vec()),
        AnyValueKind::TextIndex(index) => Value::StringValueStrindex(index),
        AnyValueKind::Array(array) => {
            let values = array
                .values()
                .map(|value| inner(value.unwrap().kind().unwrap()))
                .collect();
            Value::ArrayValue(common::ArrayValue { values })
        }
        AnyValueKind::Map(map) => Value::KvlistValue(common::KeyValueList {
            values: all(map.values()),
        }),
    })
}

/// Attributes, as prost would have them.
fn all<'a>(
    attributes: impl Iterator<Item = Result<KeyValue<'a>, crate::WireError>>,
) -> Vec<common::KeyValue> {
    let decoded = |attribute: KeyValue<'_>| {
        let value = attribute.value().unwrap();
        assert_eq!(
            attribute.read().unwrap(),
            (attribute.key().unwrap().as_bytes(), value)
        );
        let kind = to_prost(value.kind().unwrap());
        let value = kind.map(|value| common::AnyValue { value: Some(value) });
        let (key, key_strindex) = (attribute.key().unwrap().into(), attribute.key_strindex().unwrap());
        common::KeyValue {
            key,
            value,
            key_strindex,
        }
    };
    attributes.map(|attribute| decoded(attribute.unwrap())).collect()
}

fn full_span() -> trace::Span {
    let event = span::Event {
        time_unix_nano: 3,
        name: "retry".into(),
        attributes: values(),
        dropped_attributes_count: 4,
    };
    let link = span::Link {
        trace_id: vec![5; 16],
        span_id: vec![6; 8],
        trace_state: "x=y".into(),
        attributes: values(),
        dropped_attributes_count: 7,
        flags: 0x300,
    };
    trace::Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        trace_state: "a=b".into(),
        parent_span_id: vec![3; 8],
        flags: 0x101,
        name: "GET /".into(),
        kind: 3,
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 9,
        attributes: values(),
        dropped_attributes_count: 1,
        events: vec![event.clone(), event],
        dropped_events_count: 2,
        links: vec![link],
        dropped_links_count: u32::MAX,
        status: Some(trace::Status {
            message: "why".into(),
            code: 2,
        }),
    }
}

#[test]
fn every_field_of_a_span_is_read() {
    let expected = full_span();
    let bytes = expected.encode_to_vec();
    let span = Span::new(&bytes);
    let events = span.events().map(Result::unwrap).map(|event| span::Event {
        time_unix_nano: event.time_unix_nano().unwrap(),
        name: event.name().unwrap().into(),
        attributes: all(event.attributes()),
        dropped_attributes_count: event.dropped_attributes_count().unwrap(),
    });
    let links = span.links().map(Result::unwrap).map(|link| span::Link {
        trace_id: link.trace_id().unwrap().into(),
        span_id: link.span_id().unwrap().into(),
        trace_state: link.trace_state().unwrap().into(),
        attributes: all(link.attributes()),
        dropped_attributes_count: link.dropped_attributes_count().unwrap(),
        flags: link.flags().unwrap(),
    });
    let status = span.status().unwrap();
    let read = trace::Span {
        trace_id: span.trace_id().unwrap().into(),
        span_id: span.span_id().unwrap().into(),
        trace_state: span.trace_state().unwrap().into(),
        parent_span_id: span.parent_span_id().unwrap().into(),
        flags: span.flags().unwrap(),
        name: span.name().unwrap().into(),
        kind: span.kind().unwrap(),
        start_time_unix_nano: span.start_time_unix_nano().unwrap(),
        end_time_unix_nano: span.end_time_unix_nano().unwrap(),
        attributes: all(span.attributes()),
        dropped_attributes_count: span.dropped_attributes_count().unwrap(),
        events: events.collect(),
        dropped_events_count: span.dropped_events_count().unwrap(),
        links: links.collect(),
        dropped_links_count: span.dropped_links_count().unwrap(),
        status: Some(trace::Status {
            message: status.message().unwrap().into(),
            code: status.code().unwrap(),
        }),
    };
    assert_eq!(read, expected);
}

#[test]
fn one_pass_over_a_span_agrees_with_its_getters() {
    let bytes = full_span().encode_to_vec();
    let span = Span::new(&bytes);
    let fields = span.read().unwrap();
    assert_eq!(fields.trace_id, span.trace_id().unwrap());
    assert_eq!(fields.span_id, span.span_id().unwrap());
    assert_eq!(fields.parent_span_id, span.parent_span_id().unwrap());
    assert_eq!(fields.trace_state, span.trace_state().unwrap().as_bytes());
    assert_eq!(fields.name, span.name().unwrap().as_bytes());
    assert_eq!(fields.status, span.status().unwrap());
    assert_eq!(fields.kind, 3);
    assert_eq!(fields.flags, 0x101);
    assert_eq!(
        (fields.start_time_unix_nano, fields.end_time_unix_nano),
        (u64::MAX, 9)
    );
    let dropped = (
        fields.dropped_attributes_count,
        fields.dropped_events_count,
        fields.dropped_links_count,
    );
    assert_eq!(dropped, (1, 2, u32::MAX));
    assert_eq!(
        Span::new(&[0x28, 1]).read().unwrap_err().kind,
        WireErrorKind::Mismatch
    );
    assert_eq!(
        Span::new(&[0xa0, 0x06, 1]).read().unwrap(),
        super::SpanFields::default()
    );
}

#[test]
fn every_field_of_a_log_record_is_read() {
    let expected = logs::LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(any(Value::StringValue("it broke".into()))),
        attributes: values(),
        dropped_attributes_count: 3,
        flags: 1,
        trace_id: vec![4; 16],
        span_id: vec![5; 8],
        event_name: "exception".into(),
    };
    let bytes = expected.encode_to_vec();
    let log = LogRecord::new(&bytes);
    let read = logs::LogRecord {
        time_unix_nano: log.time_unix_nano().unwrap(),
        observed_time_unix_nano: log.observed_time_unix_nano().unwrap(),
        severity_number: log.severity_number().unwrap(),
        severity_text: log.severity_text().unwrap().into(),
        body: Some(common::AnyValue {
            value: to_prost(log.body().unwrap().kind().unwrap()),
        }),
        attributes: all(log.attributes()),
        dropped_attributes_count: log.dropped_attributes_count().unwrap(),
        flags: log.flags().unwrap(),
        trace_id: log.trace_id().unwrap().into(),
        span_id: log.span_id().unwrap().into(),
        event_name: log.event_name().unwrap().into(),
    };
    assert_eq!(read, expected);
    let fields = log.read().unwrap();
    assert_eq!((fields.time_unix_nano, fields.observed_time_unix_nano), (1, 2));
    assert_eq!(
        (fields.severity_number, fields.severity_text),
        (17, b"ERROR".as_slice())
    );
    assert_eq!(
        (fields.trace_id, fields.span_id),
        ([4; 16].as_slice(), [5; 8].as_slice())
    );
    assert_eq!((fields.flags, fields.dropped_attributes_count), (1, 3));
    assert_eq!(
        (fields.event_name, fields.body),
        (b"exception".as_slice(), log.body().unwrap())
    );
}

#[test]
fn envelopes_resources_scopes_and_entities_are_read() {
    let entity = common::EntityRef {
        schema_url: "schema".into(),
        r#type: "service".into(),
        id_keys: vec!["service.name".into(), "service.namespace".into()],
        description_keys: vec!["service.version".into()],
    };
    let resource = Resource {
        attributes: values(),
        dropped_attributes_count: 8,
        entity_refs: vec![entity],
    };
    let scope = common::InstrumentationScope {
        name: "http".into(),
        version: "1.0".into(),
        attributes: values(),
        dropped_attributes_count: 9,
    };
    let scope_spans = trace::ScopeSpans {
        scope: Some(scope),
        spans: vec![full_span(); 2],
        schema_url: "inner".into(),
    };
    let envelope = trace::ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        schema_url: "outer".into(),
    };
    let bytes = ExportTraceServiceRequest {
        resource_spans: vec![envelope, Default::default()],
    }
    .encode_to_vec();

    let envelopes: Vec<_> = Request::new(&bytes)
        .resource_envelopes()
        .map(Result::unwrap)
        .collect();
    assert_eq!(envelopes.len(), 2);
    assert_eq!(envelopes[1].resource().unwrap().bytes(), b"");
    assert_eq!(envelopes[0].schema_url().unwrap(), "outer");
    let resource = envelopes[0].resource().unwrap();
    assert_eq!(
        (
            all(resource.attributes()),
            resource.dropped_attributes_count().unwrap()
        ),
        (values(), 8)
    );
    let entity = resource.entity_refs().next().unwrap().unwrap();
    assert_eq!(
        (entity.schema_url().unwrap(), entity.entity_type().unwrap()),
        ("schema", "service")
    );
    assert_eq!(
        entity.id_keys().map(Result::unwrap).last().unwrap(),
        b"service.namespace"
    );
    assert_eq!(entity.description_keys().map(Result::unwrap).count(), 1);
    let scopes = envelopes[0].scope_envelopes().next().unwrap().unwrap();
    assert_eq!(scopes.schema_url().unwrap(), "inner");
    let scope = scopes.scope().unwrap();
    assert_eq!((scope.name().unwrap(), scope.version().unwrap()), ("http", "1.0"));
    assert_eq!(
        (all(scope.attributes()), scope.dropped_attributes_count().unwrap()),
        (values(), 9)
    );
    assert_eq!(scopes.spans().count(), 2);
    assert_eq!(
        scopes.items().next().unwrap().unwrap(),
        full_span().encode_to_vec()
    );
}

#[test]
fn the_last_of_repeated_scalars_and_oneof_members_counts() {
    let span = [0x2a, 1, b'a', 0x30, 1, 0x2a, 1, b'b', 0x30, 2];
    assert_eq!(
        (Span::new(&span).name(), Span::new(&span).kind()),
        (Ok("b"), Ok(2))
    );
    let value = [0x18, 5, 0x0a, 1, b'x', 0x10, 1];
    assert_eq!(super::AnyValue::new(&value).kind(), Ok(AnyValueKind::Bool(true)));
    let number = [[0x21, 0, 0, 0, 0, 0, 0, 0, 0], [0x31, 7, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(NumberDataPoint::new(&number).value(), Ok(Some(Number::Int(7))));
    let metric = Metric::new(&[0x2a, 0, 0x5a, 0]);
    assert!(matches!(metric.data(), Ok(Some(Data::Summary(_)))));
}

#[test]
fn repeated_numbers_are_read_packed_and_unpacked_and_mixed() {
    let mixed = [vec![0x32, 8], vec![1; 8], vec![0x31], vec![2; 8], vec![0x32, 0]].concat();
    let counts: Result<Vec<_>, _> = HistogramDataPoint::new(&mixed).bucket_counts().collect();
    assert_eq!(
        counts,
        Ok(vec![u64::from_le_bytes([1; 8]), u64::from_le_bytes([2; 8])])
    );
    let mut partial = HistogramDataPoint::new(&[0x32, 3, 1, 2, 3]).bucket_counts();
    assert_eq!(partial.next().unwrap().unwrap_err().kind, WireErrorKind::Packed);
    assert_eq!(partial.next(), None);
    let counts: Result<Vec<_>, _> = Buckets::new(&[0x10, 5, 0x12, 3, 1, 0x80, 1])
        .bucket_counts()
        .collect();
    assert_eq!(counts, Ok(vec![5, 1, 128]));
}

#[test]
fn faults_are_errors_and_end_an_iteration() {
    let span = Span::new(&[0x4a, 0, 0x48, 1, 0x4a, 0]);
    let walked: Vec<_> = span.attributes().collect();
    assert_eq!(walked.len(), 2);
    assert_eq!(walked[1].unwrap_err().kind, WireErrorKind::Mismatch);
    assert_eq!(
        Span::new(&[0x2a, 1, 0xff]).name().unwrap_err().kind,
        WireErrorKind::Utf8
    );
    assert_eq!(Span::new(&[0x2a, 1, 0xff]).name().unwrap_err().offset, 2);
    assert_eq!(
        Span::new(&[0x2a, 9]).name().unwrap_err().kind,
        WireErrorKind::Truncated
    );
    assert_eq!(
        super::AnyValue::new(&[0x08, 1]).kind().unwrap_err().kind,
        WireErrorKind::Mismatch
    );
    assert_eq!(
        super::AnyValue::new(&[0x0a, 2, b'a', 0xff])
            .kind()
            .unwrap_err()
            .offset,
        2
    );
    assert_eq!(
        super::KeyValue::new(&[0x10, 1]).read().unwrap_err().kind,
        WireErrorKind::Mismatch
    );
    let attributes = [
        attribute("a", Value::IntValue(1)),
        attribute("b", Value::IntValue(2)),
    ];
    let bytes = Resource {
        attributes: attributes.to_vec(),
        ..Default::default()
    }
    .encode_to_vec();
    let found = super::Resource::new(&bytes)
        .attributes()
        .find("b")
        .unwrap()
        .unwrap();
    assert_eq!(found.kind(), Ok(AnyValueKind::Int(2)));
    assert!(
        super::Resource::new(&bytes)
            .attributes()
            .find("c")
            .unwrap()
            .is_none()
    );
}
