//! Arbitrary valid requests. Every field of the model occurs, with edge values more often than chance would have it.

use fastrand::Rng;
use forebay_otlp::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value,
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

use super::Request;

/// An arbitrary request, mostly below 4 KiB.
pub fn request(signal: Signal, rng: &mut Rng) -> Request {
    match signal {
        Signal::Traces => Request::Traces(ExportTraceServiceRequest {
            resource_spans: some(rng, 2, resource_spans),
        }),
        Signal::Metrics => Request::Metrics(ExportMetricsServiceRequest {
            resource_metrics: some(rng, 2, resource_metrics),
        }),
        Signal::Logs => Request::Logs(ExportLogsServiceRequest {
            resource_logs: some(rng, 2, resource_logs),
        }),
    }
}

fn some<T>(rng: &mut Rng, most: usize, make: impl Fn(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..=most)).map(|_| make(rng)).collect()
}

fn maybe<T>(rng: &mut Rng, make: impl Fn(&mut Rng) -> T) -> Option<T> {
    rng.bool().then(|| make(rng))
}

fn text(rng: &mut Rng) -> String {
    const SAMPLES: [&str; 10] = [
        "",
        "service.name",
        "GET /api/v1/{id}",
        "\u{0}\u{1f}\u{7f}",
        "\"quoted\\\" \n\r\t/",
        "\u{e9}\u{20ac}\u{1f600}",
        "\u{fffd}\u{feff}\u{2028}",
        "null",
        "0",
        "a=1,b=2",
    ];
    match rng.u8(0..8) {
        0 => (0..rng.usize(..300)).map(|_| rng.char(..)).collect(),
        1..3 => (0..rng.usize(..12)).map(|_| rng.alphanumeric()).collect(),
        _ => SAMPLES[rng.usize(..SAMPLES.len())].to_string(),
    }
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(..20)).map(|_| rng.u8(..)).collect()
}

fn id(rng: &mut Rng, length: usize) -> Vec<u8> {
    match rng.u8(0..6) {
        0 => Vec::new(),
        1 => vec![0; length],
        _ => (0..length).map(|_| rng.u8(..)).collect(),
    }
}

fn small(rng: &mut Rng) -> u32 {
    rng.choice([0, 0, 1, 127, 128, 0x100, 0x7fff_ffff, u32::MAX])
        .unwrap_or(0)
}

fn number(rng: &mut Rng) -> u64 {
    match rng.u8(0..4) {
        0 => rng
            .choice([0, 1, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX])
            .unwrap_or(0),
        1 => rng.u64(..1000),
        2 => 1_700_000_000_000_000_000 + rng.u64(..1_000_000_000_000),
        _ => rng.u64(..) >> rng.u32(0..64),
    }
}

fn double(rng: &mut Rng) -> f64 {
    const EDGES: [f64; 12] = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        1e21,
    ];
    match rng.u8(0..4) {
        0 => EDGES[rng.usize(..EDGES.len())],
        1 => 0.0,
        2 => rng.f64() * 1000.0,
        _ => Some(f64::from_bits(rng.u64(..)))
            .filter(|value| !value.is_nan())
            .unwrap_or(f64::NAN),
    }
}

fn enumeration(rng: &mut Rng) -> i32 {
    rng.choice([0, 1, 2, 3, 5, 9, 24, 99, -1, i32::MIN, i32::MAX])
        .unwrap_or(0)
}

fn any_value(rng: &mut Rng, depth: usize) -> AnyValue {
    use any_value::Value;
    let kinds = if depth == 0 { 7 } else { 9 };
    let value = match rng.u8(0..kinds) {
        0 => return AnyValue { value: None },
        1 => Value::BoolValue(rng.bool()),
        2 => Value::IntValue(number(rng) as i64),
        3 => Value::DoubleValue(double(rng)),
        4 => Value::BytesValue(bytes(rng)),
        5 => Value::StringValueStrindex(small(rng) as i32),
        6 => Value::StringValue(text(rng)),
        7 => Value::ArrayValue(ArrayValue {
            values: some(rng, 3, |rng| any_value(rng, depth - 1)),
        }),
        _ => Value::KvlistValue(KeyValueList {
            values: some(rng, 3, |rng| key_value(rng, depth - 1)),
        }),
    };
    AnyValue { value: Some(value) }
}

fn key_value(rng: &mut Rng, depth: usize) -> KeyValue {
    let key_strindex = if rng.u8(..) < 10 { small(rng) as i32 } else { 0 };
    KeyValue {
        key: text(rng),
        value: maybe(rng, |rng| any_value(rng, depth)),
        key_strindex,
    }
}

fn attributes(rng: &mut Rng) -> Vec<KeyValue> {
    some(rng, 3, |rng| {
        let depth = rng.choice([0, 0, 1, 4, 8]).unwrap_or(0);
        key_value(rng, depth)
    })
}

fn resource(rng: &mut Rng) -> Resource {
    let entity = |rng: &mut Rng| EntityRef {
        schema_url: text(rng),
        r#type: text(rng),
        id_keys: some(rng, 2, text),
        description_keys: some(rng, 2, text),
    };
    Resource {
        attributes: attributes(rng),
        dropped_attributes_count: small(rng),
        entity_refs: some(rng, 1, entity),
    }
}

fn scope(rng: &mut Rng) -> InstrumentationScope {
    InstrumentationScope {
        name: text(rng),
        version: text(rng),
        attributes: attributes(rng),
        dropped_attributes_count: small(rng),
    }
}

fn resource_spans(rng: &mut Rng) -> ResourceSpans {
    let scope_spans = |rng: &mut Rng| ScopeSpans {
        scope: maybe(rng, scope),
        spans: some(rng, 3, span),
        schema_url: text(rng),
    };
    ResourceSpans {
        resource: maybe(rng, resource),
        scope_spans: some(rng, 2, scope_spans),
        schema_url: text(rng),
    }
}

fn span(rng: &mut Rng) -> Span {
    Span {
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        trace_state: text(rng),
        parent_span_id: id(rng, 8),
        flags: small(rng),
        name: text(rng),
        kind: enumeration(rng),
        start_time_unix_nano: number(rng),
        end_time_unix_nano: number(rng),
        attributes: attributes(rng),
        dropped_attributes_count: small(rng),
        events: some(rng, 2, event),
        dropped_events_count: small(rng),
        links: some(rng, 2, link),
        dropped_links_count: small(rng),
        status: maybe(rng, |rng| Status {
            message: text(rng),
            code: enumeration(rng),
        }),
    }
}

fn event(rng: &mut Rng) -> Event {
    Event {
        time_unix_nano: number(rng),
        name: text(rng),
        attributes: attributes(rng),
        dropped_attributes_count: small(rng),
    }
}

fn link(rng: &mut Rng) -> Link {
    Link {
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        trace_state: text(rng),
        attributes: attributes(rng),
        dropped_attributes_count: small(rng),
        flags: small(rng),
    }
}

fn resource_logs(rng: &mut Rng) -> ResourceLogs {
    let scope_logs = |rng: &mut Rng| ScopeLogs {
        scope: maybe(rng, scope),
        log_records: some(rng, 3, log_record),
        schema_url: text(rng),
    };
    ResourceLogs {
        resource: maybe(rng, resource),
        scope_logs: some(rng, 2, scope_logs),
        schema_url: text(rng),
    }
}

fn log_record(rng: &mut Rng) -> LogRecord {
    LogRecord {
        time_unix_nano: number(rng),
        observed_time_unix_nano: number(rng),
        severity_number: enumeration(rng),
        severity_text: text(rng),
        body: maybe(rng, |rng| any_value(rng, 3)),
        attributes: attributes(rng),
        dropped_attributes_count: small(rng),
        flags: small(rng),
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        event_name: text(rng),
    }
}

fn resource_metrics(rng: &mut Rng) -> ResourceMetrics {
    let scope_metrics = |rng: &mut Rng| ScopeMetrics {
        scope: maybe(rng, scope),
        metrics: some(rng, 4, metric),
        schema_url: text(rng),
    };
    ResourceMetrics {
        resource: maybe(rng, resource),
        scope_metrics: some(rng, 2, scope_metrics),
        schema_url: text(rng),
    }
}

fn metric(rng: &mut Rng) -> Metric {
    let temporality = enumeration(rng);
    let data = match rng.u8(0..6) {
        0 => None,
        1 => Some(Data::Gauge(Gauge {
            data_points: some(rng, 2, number_point),
        })),
        2 => Some(Data::Sum(Sum {
            data_points: some(rng, 2, number_point),
            aggregation_temporality: temporality,
            is_monotonic: rng.bool(),
        })),
        3 => Some(Data::Histogram(Histogram {
            data_points: some(rng, 2, histogram_point),
            aggregation_temporality: temporality,
        })),
        4 => Some(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: some(rng, 2, exponential_point),
            aggregation_temporality: temporality,
        })),
        _ => Some(Data::Summary(Summary {
            data_points: some(rng, 2, summary_point),
        })),
    };
    Metric {
        name: text(rng),
        description: text(rng),
        unit: text(rng),
        metadata: attributes(rng),
        data,
    }
}

fn number_point(rng: &mut Rng) -> NumberDataPoint {
    use number_data_point::Value;
    NumberDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: number(rng),
        time_unix_nano: number(rng),
        exemplars: some(rng, 2, exemplar),
        flags: small(rng),
        value: match rng.u8(0..3) {
            0 => None,
            1 => Some(Value::AsDouble(double(rng))),
            _ => Some(Value::AsInt(number(rng) as i64)),
        },
    }
}

fn histogram_point(rng: &mut Rng) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: number(rng),
        time_unix_nano: number(rng),
        count: number(rng),
        sum: maybe(rng, double),
        bucket_counts: some(rng, 5, number),
        explicit_bounds: some(rng, 5, double),
        exemplars: some(rng, 2, exemplar),
        flags: small(rng),
        min: maybe(rng, double),
        max: maybe(rng, double),
    }
}

fn exponential_point(rng: &mut Rng) -> ExponentialHistogramDataPoint {
    let buckets = |rng: &mut Rng| Buckets {
        offset: enumeration(rng),
        bucket_counts: some(rng, 6, number),
    };
    ExponentialHistogramDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: number(rng),
        time_unix_nano: number(rng),
        count: number(rng),
        sum: maybe(rng, double),
        scale: enumeration(rng),
        zero_count: number(rng),
        positive: maybe(rng, buckets),
        negative: maybe(rng, buckets),
        flags: small(rng),
        exemplars: some(rng, 2, exemplar),
        min: maybe(rng, double),
        max: maybe(rng, double),
        zero_threshold: double(rng),
    }
}

fn summary_point(rng: &mut Rng) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: number(rng),
        time_unix_nano: number(rng),
        count: number(rng),
        sum: double(rng),
        quantile_values: some(rng, 3, |rng| ValueAtQuantile {
            quantile: rng.f64(),
            value: double(rng),
        }),
        flags: small(rng),
    }
}

fn exemplar(rng: &mut Rng) -> Exemplar {
    use exemplar::Value;
    Exemplar {
        filtered_attributes: attributes(rng),
        time_unix_nano: number(rng),
        span_id: id(rng, 8),
        trace_id: id(rng, 16),
        value: match rng.u8(0..3) {
            0 => None,
            1 => Some(Value::AsDouble(double(rng))),
            _ => Some(Value::AsInt(number(rng) as i64)),
        },
    }
}
