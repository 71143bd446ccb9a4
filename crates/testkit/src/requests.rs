//! Requests to feed to a graph.

use bytes::Bytes;
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// A string attribute.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue {
        value: Some(any_value::Value::StringValue(value.to_owned())),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: vec![attribute("service.name", "shop")],
        ..Resource::default()
    })
}

/// A span whose ids follow from `number`.
pub fn span(number: u64) -> Span {
    let mut trace_id = [7_u8; 16];
    trace_id[8..].copy_from_slice(&number.to_be_bytes());
    Span {
        trace_id: trace_id.to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("GET /items/{number}"),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000 + number,
        end_time_unix_nano: 1_700_000_000_000_000_900 + number,
        attributes: vec![
            attribute("http.request.method", "GET"),
            attribute("url.path", "/items"),
        ],
        ..Span::default()
    }
}

/// A traces request.
pub fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans,
            ..ResourceSpans::default()
        }],
    }
}

/// A logs request of `count` records.
pub fn logs(count: u64) -> ExportLogsServiceRequest {
    let record = |number: u64| LogRecord {
        time_unix_nano: 1_700_000_000_000_000_000 + number,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: attribute("", "item sold").value,
        attributes: vec![attribute("item", &number.to_string())],
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: (0..count).map(record).collect(),
        ..ScopeLogs::default()
    }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs,
            ..ResourceLogs::default()
        }],
    }
}

/// A metrics request of one gauge with `count` points.
pub fn metrics(count: u64) -> ExportMetricsServiceRequest {
    let point = |number: u64| NumberDataPoint {
        time_unix_nano: 1_700_000_000_000_000_000,
        attributes: vec![attribute("shelf", &number.to_string())],
        value: Some(number_data_point::Value::AsInt(3)),
        ..NumberDataPoint::default()
    };
    let gauge = Gauge {
        data_points: (0..count).map(point).collect(),
    };
    let metric = Metric {
        name: "stock".to_owned(),
        data: Some(metric::Data::Gauge(gauge)),
        ..Metric::default()
    };
    let scope_metrics = vec![ScopeMetrics {
        metrics: vec![metric],
        ..ScopeMetrics::default()
    }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

/// The wire bytes of a request of `signal` with `items` items; those of traces are numbered from `first` on.
pub fn encoded(signal: Signal, first: u64, items: u64) -> Bytes {
    let bytes = match signal {
        Signal::Traces => traces((first..first + items).map(span).collect()).encode_to_vec(),
        Signal::Metrics => metrics(items).encode_to_vec(),
        Signal::Logs => logs(items).encode_to_vec(),
    };
    Bytes::from(bytes)
}
