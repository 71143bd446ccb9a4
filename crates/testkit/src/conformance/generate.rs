//! Requests of all shapes: several resources and scopes, empty ones among them, every kind of data.

use crate::requests::{attribute, span};
use bytes::Bytes;
use fastrand::Rng;
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, metric::Data,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

const KEYS: [&str; 6] = [
    "http.route",
    "enduser.id",
    "url.path",
    "k8s.pod.name",
    "shelf",
    "n",
];
const NAMES: [&str; 5] = ["GET /health", "GET /items", "go_gc_seconds", "stock", ""];
/// 2023-11-14T22:13:20Z
const EPOCH: u64 = 1_700_000_000_000_000_000;

/// The wire bytes of some valid request of `signal`: up to about a hundred items, now and then none.
pub fn request(signal: Signal, rng: &mut Rng) -> Bytes {
    let bytes = match signal {
        Signal::Traces => ExportTraceServiceRequest {
            resource_spans: some(rng, 3, resource_spans),
        }
        .encode_to_vec(),
        Signal::Metrics => ExportMetricsServiceRequest {
            resource_metrics: some(rng, 3, resource_metrics),
        }
        .encode_to_vec(),
        Signal::Logs => ExportLogsServiceRequest {
            resource_logs: some(rng, 3, resource_logs),
        }
        .encode_to_vec(),
    };
    Bytes::from(bytes)
}

fn some<T>(rng: &mut Rng, most: usize, one: fn(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(0..=most)).map(|_| one(rng)).collect()
}

fn word(rng: &mut Rng, words: &[&str]) -> String {
    rng.choice(words).copied().unwrap_or_default().to_owned()
}

fn pair(rng: &mut Rng) -> KeyValue {
    attribute(&word(rng, &KEYS), &rng.u8(..).to_string())
}

fn resource(rng: &mut Rng) -> Option<Resource> {
    let mut attributes = some(rng, 3, pair);
    attributes.push(attribute("service.name", &format!("service-{}", rng.u8(0..4))));
    rng.bool().then(|| Resource {
        attributes,
        ..Resource::default()
    })
}

fn scope(rng: &mut Rng) -> Option<InstrumentationScope> {
    let name = format!("library-{}", rng.u8(0..3));
    rng.bool().then(|| InstrumentationScope {
        name,
        ..InstrumentationScope::default()
    })
}

fn resource_spans(rng: &mut Rng) -> ResourceSpans {
    ResourceSpans {
        resource: resource(rng),
        scope_spans: some(rng, 3, |rng| ScopeSpans {
            scope: scope(rng),
            spans: some(rng, 12, one_span),
            ..ScopeSpans::default()
        }),
        ..ResourceSpans::default()
    }
}

fn one_span(rng: &mut Rng) -> Span {
    let event = |rng: &mut Rng| Event {
        name: word(rng, &NAMES),
        attributes: some(rng, 2, pair),
        ..Event::default()
    };
    Span {
        name: word(rng, &NAMES),
        kind: rng.i32(0..6),
        parent_span_id: if rng.bool() { vec![1; 8] } else { Vec::new() },
        attributes: some(rng, 4, pair),
        events: some(rng, 2, event),
        status: rng.bool().then(|| Status {
            code: rng.i32(0..3),
            ..Status::default()
        }),
        ..span(rng.u64(0..1000))
    }
}

fn resource_metrics(rng: &mut Rng) -> ResourceMetrics {
    ResourceMetrics {
        resource: resource(rng),
        scope_metrics: some(rng, 3, |rng| ScopeMetrics {
            scope: scope(rng),
            metrics: some(rng, 5, one_metric),
            ..ScopeMetrics::default()
        }),
        ..ResourceMetrics::default()
    }
}

fn one_metric(rng: &mut Rng) -> Metric {
    Metric {
        name: word(rng, &NAMES),
        unit: "1".to_owned(),
        data: data(rng),
        ..Metric::default()
    }
}

fn data(rng: &mut Rng) -> Option<Data> {
    let aggregation_temporality = rng.i32(1..=2);
    Some(match rng.u8(0..6) {
        0 => Data::Gauge(Gauge {
            data_points: some(rng, 5, number),
        }),
        1 => Data::Sum(Sum {
            data_points: some(rng, 5, number),
            aggregation_temporality,
            is_monotonic: rng.bool(),
        }),
        2 => Data::Histogram(Histogram {
            data_points: some(rng, 3, |rng| HistogramDataPoint {
                attributes: some(rng, 3, pair),
                time_unix_nano: EPOCH,
                count: 3,
                bucket_counts: vec![1, 2],
                explicit_bounds: vec![0.5],
                ..HistogramDataPoint::default()
            }),
            aggregation_temporality,
        }),
        3 => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: some(rng, 3, |rng| ExponentialHistogramDataPoint {
                attributes: some(rng, 3, pair),
                time_unix_nano: EPOCH,
                scale: rng.i32(-2..4),
                ..ExponentialHistogramDataPoint::default()
            }),
            aggregation_temporality,
        }),
        4 => Data::Summary(Summary {
            data_points: some(rng, 3, |rng| SummaryDataPoint {
                attributes: some(rng, 3, pair),
                time_unix_nano: EPOCH,
                count: 1,
                sum: 2.5,
                ..SummaryDataPoint::default()
            }),
        }),
        _ => return None,
    })
}

fn number(rng: &mut Rng) -> NumberDataPoint {
    let value = if rng.bool() {
        number_data_point::Value::AsInt(rng.i64(-9..9))
    } else {
        number_data_point::Value::AsDouble(rng.f64())
    };
    NumberDataPoint {
        attributes: some(rng, 3, pair),
        time_unix_nano: EPOCH + rng.u64(0..1_000_000_000),
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn resource_logs(rng: &mut Rng) -> ResourceLogs {
    ResourceLogs {
        resource: resource(rng),
        scope_logs: some(rng, 3, |rng| ScopeLogs {
            scope: scope(rng),
            log_records: some(rng, 12, log),
            ..ScopeLogs::default()
        }),
        ..ResourceLogs::default()
    }
}

fn log(rng: &mut Rng) -> LogRecord {
    LogRecord {
        time_unix_nano: EPOCH + rng.u64(0..1_000_000_000),
        severity_number: rng.i32(0..25),
        body: pair(rng).value,
        attributes: some(rng, 4, pair),
        trace_id: if rng.bool() { vec![9; 16] } else { Vec::new() },
        ..LogRecord::default()
    }
}
