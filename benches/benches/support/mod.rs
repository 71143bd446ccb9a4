//! Payloads for the micro-benchmarks: requests with the attributes that the semantic conventions prescribe, encoded by prost.

// Each benchmark includes this module and uses a part of it.
#![allow(dead_code, reason = "shared by several benchmarks, each of which uses a part")]

use forebay_otlp::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

/// 2025-06-01 00:00:00 UTC, in nanoseconds.
const START: u64 = 1_748_736_000_000_000_000;

/// A request of `items` items of `signal`.
pub(crate) fn request(signal: Signal, items: usize) -> Vec<u8> {
    match signal {
        Signal::Traces => traces(items).encode_to_vec(),
        Signal::Metrics => metrics(items).encode_to_vec(),
        Signal::Logs => logs(items).encode_to_vec(),
    }
}

/// `spans` spans of 10 attributes and about 456 bytes each, of one resource and one scope.
pub(crate) fn traces(spans: usize) -> ExportTraceServiceRequest {
    let mut random = fastrand::Rng::with_seed(7);
    let spans = (0..spans).map(|index| span(&mut random, index)).collect();
    let scope_spans = vec![ScopeSpans {
        scope: Some(scope()),
        spans,
        schema_url: "https://opentelemetry.io/schemas/1.37.0".into(),
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource()),
            scope_spans,
            schema_url: String::new(),
        }],
    }
}

/// `records` log records of 6 attributes, of one resource and one scope.
pub(crate) fn logs(records: usize) -> ExportLogsServiceRequest {
    let mut random = fastrand::Rng::with_seed(11);
    let log_records = (0..records).map(|index| log_record(&mut random, index)).collect();
    let scope_logs = vec![ScopeLogs {
        scope: Some(scope()),
        log_records,
        schema_url: String::new(),
    }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource()),
            scope_logs,
            schema_url: String::new(),
        }],
    }
}

/// `points` data points of 5 attributes in metrics of 10 points each: sums, gauges and histograms in turn.
pub(crate) fn metrics(points: usize) -> ExportMetricsServiceRequest {
    let mut random = fastrand::Rng::with_seed(13);
    let metrics = (0..points.div_ceil(10))
        .map(|index| metric_of(&mut random, index, (points - index * 10).min(10)))
        .collect();
    let scope_metrics = vec![ScopeMetrics {
        scope: Some(scope()),
        metrics,
        schema_url: String::new(),
    }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource()),
            scope_metrics,
            schema_url: String::new(),
        }],
    }
}

/// An attribute whose value is a string.
pub(crate) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.into()))
}

/// An attribute whose value is an integer.
pub(crate) fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(value))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn resource() -> Resource {
    let attributes = vec![
        text("service.name", "checkout"),
        text("service.namespace", "shop"),
        text("service.instance.id", "0f3c5c2e-7b1a-4c61-9d5e-3f3f6f0f9f0a"),
        text("k8s.pod.name", "checkout-6d5f7c9b4d-x2k8p"),
        text("k8s.namespace.name", "shop-production"),
        text("telemetry.sdk.language", "rust"),
    ];
    Resource {
        attributes,
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "shop.checkout.http".into(),
        version: "1.4.2".into(),
        ..Default::default()
    }
}

fn pick<'a>(random: &mut fastrand::Rng, choices: &[&'a str]) -> &'a str {
    random.choice(choices.iter().copied()).unwrap_or_default()
}

fn span(random: &mut fastrand::Rng, index: usize) -> Span {
    let start = START + index as u64 * 1_000_003;
    let route = pick(
        random,
        &["/api/orders/{id}", "/api/cart", "/api/products/{id}/reviews"],
    );
    Span {
        trace_id: random.u128(1..).to_be_bytes().to_vec(),
        span_id: random.u64(1..).to_be_bytes().to_vec(),
        parent_span_id: random.u64(1..).to_be_bytes().to_vec(),
        name: format!("GET {route}"),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.u64(100_000..90_000_000),
        attributes: span_attributes(random, route),
        status: Some(Status::default()),
        flags: 0x101,
        ..Span::default()
    }
}

fn span_attributes(random: &mut fastrand::Rng, route: &str) -> Vec<KeyValue> {
    vec![
        text("http.request.method", pick(random, &["GET", "POST", "PUT"])),
        number("http.response.status_code", i64::from(random.u16(200..504))),
        text("http.route", route),
        text("url.path", format!("/api/orders/{}", random.u32(..))),
        text("url.scheme", "https"),
        text("server.address", "checkout.shop.svc.cluster.local"),
        number("server.port", 8443),
        text(
            "client.address",
            format!("10.{}.{}.{}", random.u8(..), random.u8(..), random.u8(..)),
        ),
        text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
        text("network.protocol.version", "1.1"),
    ]
}

fn log_record(random: &mut fastrand::Rng, index: usize) -> LogRecord {
    let time = START + index as u64 * 1_000_003;
    let body = format!("order {} accepted in {} ms", random.u32(..), random.u16(..900));
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time + 1_500,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(AnyValue {
            value: Some(any_value::Value::StringValue(body)),
        }),
        attributes: vec![
            text("code.function.name", "shop::orders::accept"),
            text("code.file.path", "src/orders.rs"),
            number("code.line.number", 217),
            text("thread.name", format!("worker-{}", random.u8(..16))),
            text("enduser.id", format!("user-{:08x}", random.u32(..))),
            text("log.iostream", "stdout"),
        ],
        trace_id: random.u128(1..).to_be_bytes().to_vec(),
        span_id: random.u64(1..).to_be_bytes().to_vec(),
        flags: 1,
        ..LogRecord::default()
    }
}

fn metric_of(random: &mut fastrand::Rng, index: usize, points: usize) -> Metric {
    let (name, unit) = match index % 3 {
        0 => ("http.server.request.count", "{request}"),
        1 => ("process.memory.usage", "By"),
        _ => ("http.server.request.duration", "s"),
    };
    Metric {
        name: format!("{name}.{index}"),
        description: "Measured by the server for each route.".into(),
        unit: unit.into(),
        data: Some(data(random, index, points)),
        metadata: Vec::new(),
    }
}

fn data(random: &mut fastrand::Rng, index: usize, points: usize) -> metric::Data {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    match index % 3 {
        0 => metric::Data::Sum(Sum {
            data_points: (0..points).map(|point| number_point(random, point)).collect(),
            aggregation_temporality,
            is_monotonic: true,
        }),
        1 => metric::Data::Gauge(Gauge {
            data_points: (0..points).map(|point| number_point(random, point)).collect(),
        }),
        _ => metric::Data::Histogram(Histogram {
            data_points: (0..points).map(|point| histogram_point(random, point)).collect(),
            aggregation_temporality,
        }),
    }
}

fn point_attributes(random: &mut fastrand::Rng, point: usize) -> Vec<KeyValue> {
    vec![
        text("http.request.method", pick(random, &["GET", "POST", "PUT"])),
        number("http.response.status_code", 200 + point as i64),
        text("http.route", format!("/api/v{point}/orders")),
        text("server.address", "checkout.shop.svc.cluster.local"),
        text("url.scheme", "https"),
    ]
}

fn number_point(random: &mut fastrand::Rng, point: usize) -> NumberDataPoint {
    NumberDataPoint {
        attributes: point_attributes(random, point),
        start_time_unix_nano: START,
        time_unix_nano: START + 10_000_000_000,
        value: Some(number_data_point::Value::AsInt(random.i64(1..1 << 30))),
        ..NumberDataPoint::default()
    }
}

fn histogram_point(random: &mut fastrand::Rng, point: usize) -> HistogramDataPoint {
    let explicit_bounds = vec![
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ];
    let bucket_counts: Vec<u64> = (0..=explicit_bounds.len()).map(|_| random.u64(..1_000)).collect();
    HistogramDataPoint {
        attributes: point_attributes(random, point),
        start_time_unix_nano: START,
        time_unix_nano: START + 10_000_000_000,
        count: bucket_counts.iter().sum(),
        sum: Some(random.f64() * 1_000.0),
        min: Some(0.001),
        max: Some(9.5),
        bucket_counts,
        explicit_bounds,
        ..HistogramDataPoint::default()
    }
}
