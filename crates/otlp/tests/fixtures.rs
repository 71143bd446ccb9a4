//! OTLP/JSON as senders write it, against the same requests put down as prost messages by hand.

#![allow(clippy::unwrap_used, reason = "a test")]

use forebay_otlp::{Signal, json};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};
use prost::Message;

const SCHEMA: &str = "https://opentelemetry.io/schemas/1.40.0";
const TRACE_ID: [u8; 16] = [
    0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c,
];
const SPAN_ID: [u8; 8] = [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74];

fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn attribute(key: &str, of: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(value(of)),
        ..Default::default()
    }
}

/// The fixture is `expected`, and stays it on the way to JSON and back.
fn check<M: Message + Default + std::fmt::Debug>(signal: Signal, text: &str, expected: &M) {
    let wire = json::to_protobuf(signal, text.as_bytes(), 1 << 20).unwrap();
    let read = M::decode(wire.as_slice()).unwrap();
    assert_eq!(format!("{read:#?}"), format!("{expected:#?}"));

    let mut out = Vec::new();
    json::from_protobuf(signal, &expected.encode_to_vec(), &mut out).unwrap();
    let back = json::to_protobuf(signal, &out, 1 << 20).unwrap();
    assert_eq!(
        back,
        expected.encode_to_vec(),
        "our own JSON, in the order of prost"
    );
}

#[test]
fn traces() {
    let span = Span {
        trace_id: TRACE_ID.to_vec(),
        span_id: SPAN_ID.to_vec(),
        parent_span_id: vec![0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73],
        trace_state: "vendor=1".into(),
        flags: 257,
        name: "POST /cart".into(),
        kind: 2,
        start_time_unix_nano: 1_544_712_660_300_000_000,
        end_time_unix_nano: 1_544_712_660_600_000_000,
        attributes: vec![
            attribute("http.response.status_code", Value::IntValue(201)),
            attribute("retry", Value::BoolValue(false)),
        ],
        events: vec![Event {
            time_unix_nano: 1_544_712_660_400_000_000,
            name: "queued".into(),
            ..Default::default()
        }],
        links: vec![Link {
            trace_id: [[0; 15].as_slice(), &[1]].concat(),
            span_id: [[0; 7].as_slice(), &[2]].concat(),
            flags: 1,
            ..Default::default()
        }],
        status: Some(Status {
            code: 2,
            message: "caf\u{e9} \u{1f600}".into(),
        }),
        ..Default::default()
    };
    let resource = Resource {
        attributes: vec![
            attribute("service.name", Value::StringValue("checkout".into())),
            attribute("process.pid", Value::IntValue(4711)),
        ],
        dropped_attributes_count: 1,
        entity_refs: vec![EntityRef {
            schema_url: SCHEMA.into(),
            r#type: "service".into(),
            id_keys: vec!["service.name".into()],
            description_keys: Vec::new(),
        }],
    };
    let scope = InstrumentationScope {
        name: "shop.http".into(),
        version: "2.1.0".into(),
        ..Default::default()
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: vec![span],
        schema_url: SCHEMA.into(),
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        schema_url: String::new(),
    };
    let expected = ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    };
    check(Signal::Traces, include_str!("fixtures/trace.json"), &expected);
}

fn metric(name: &str, data: Data) -> Metric {
    Metric {
        name: name.into(),
        data: Some(data),
        ..Default::default()
    }
}

fn sum() -> Metric {
    let exemplar = Exemplar {
        value: Some(exemplar::Value::AsDouble(-0.5)),
        time_unix_nano: 7,
        span_id: SPAN_ID.to_vec(),
        trace_id: TRACE_ID.to_vec(),
        filtered_attributes: vec![KeyValue {
            key: "k".into(),
            value: Some(AnyValue { value: None }),
            ..Default::default()
        }],
    };
    let point = NumberDataPoint {
        value: Some(number_data_point::Value::AsInt(0)),
        start_time_unix_nano: 1_544_712_660_300_000_000,
        time_unix_nano: 1_544_712_660_300_000_001,
        attributes: vec![attribute("route", Value::StringValue("/".into()))],
        exemplars: vec![exemplar],
        ..Default::default()
    };
    Metric {
        unit: "1".into(),
        description: "Requests served".into(),
        metadata: vec![attribute("source", Value::StringValue("test".into()))],
        ..metric(
            "requests",
            Data::Sum(Sum {
                data_points: vec![point],
                aggregation_temporality: 1,
                is_monotonic: true,
            }),
        )
    }
}

fn histograms() -> [Metric; 2] {
    let explicit = HistogramDataPoint {
        count: 3,
        sum: Some(0.0),
        min: Some(1.5),
        max: Some(1000.0),
        bucket_counts: vec![1, 2, 0],
        explicit_bounds: vec![10.0, 25.0],
        ..Default::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        count: 4,
        scale: -1,
        zero_count: 1,
        zero_threshold: 0.001,
        positive: Some(Buckets {
            offset: -3,
            bucket_counts: vec![1, 2],
        }),
        negative: Some(Buckets::default()),
        ..Default::default()
    };
    let latency = Histogram {
        data_points: vec![explicit],
        aggregation_temporality: 2,
    };
    let sizes = ExponentialHistogram {
        data_points: vec![exponential],
        aggregation_temporality: 1,
    };
    [
        metric("latency", Data::Histogram(latency)),
        metric("sizes", Data::ExponentialHistogram(sizes)),
    ]
}

#[test]
fn metrics() {
    let gauge = NumberDataPoint {
        value: Some(number_data_point::Value::AsDouble(f64::NAN)),
        flags: 1,
        ..Default::default()
    };
    let summary = SummaryDataPoint {
        count: 2,
        sum: 3.5,
        quantile_values: vec![
            ValueAtQuantile {
                quantile: 0.5,
                value: 1.75,
            },
            ValueAtQuantile::default(),
        ],
        ..Default::default()
    };
    let [latency, sizes] = histograms();
    let metrics = vec![
        sum(),
        metric(
            "temperature",
            Data::Gauge(Gauge {
                data_points: vec![gauge],
            }),
        ),
        latency,
        sizes,
        metric(
            "quantiles",
            Data::Summary(Summary {
                data_points: vec![summary],
            }),
        ),
    ];
    let scope_metrics = vec![ScopeMetrics {
        metrics,
        ..Default::default()
    }];
    let expected = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics,
            ..Default::default()
        }],
    };
    check(Signal::Metrics, include_str!("fixtures/metrics.json"), &expected);
}

#[test]
fn logs() {
    let list = [Value::DoubleValue(1.0), Value::BoolValue(true)].map(value);
    let [one, yes] = list;
    let body = KeyValueList {
        values: vec![
            attribute("zero", Value::IntValue(0)),
            attribute("empty", Value::StringValue(String::new())),
            attribute(
                "list",
                Value::ArrayValue(ArrayValue {
                    values: vec![one, AnyValue { value: None }, yes],
                }),
            ),
            KeyValue {
                key: "nothing".into(),
                ..Default::default()
            },
        ],
    };
    let record = LogRecord {
        time_unix_nano: 1_544_712_660_300_000_000,
        observed_time_unix_nano: u64::MAX,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(value(Value::KvlistValue(body))),
        event_name: "device.app.start".into(),
        ..Default::default()
    };
    let scope = InstrumentationScope {
        name: "app".into(),
        attributes: vec![attribute("raw", Value::BytesValue(vec![0xfb, 0xff]))],
        ..Default::default()
    };
    let scope_logs = ScopeLogs {
        scope: Some(scope),
        log_records: vec![record],
        schema_url: String::new(),
    };
    let expected = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![scope_logs],
            schema_url: SCHEMA.into(),
            ..Default::default()
        }],
    };
    check(Signal::Logs, include_str!("fixtures/logs.json"), &expected);
}
