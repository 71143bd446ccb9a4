//! Export requests of every signal: made, numbered, read.

use bytes::Bytes;
use forebay_core::Signal;
use forebay_testkit::requests::attribute;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::ops::Range;

/// The name of every third item: for filters.
pub(crate) const UNWANTED: &str = "GET /health";

const START: u64 = 1_748_736_000_000_000_000;

/// An export request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Export {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

impl Export {
    /// A request of an item for each number. The number is the item's identity: the span id of a span or a log record,
    /// the value of a data point. It starts at 1, as a span id of zero is no id.
    pub(crate) fn numbered(signal: Signal, numbers: Range<u64>) -> Export {
        Export::padded(signal, numbers, 0)
    }

    /// The same, each span or log record with an attribute of `padding` bytes.
    pub(crate) fn padded(signal: Signal, numbers: Range<u64>, padding: usize) -> Export {
        let padding = "x".repeat(padding);
        match signal {
            Signal::Traces => Export::Traces(traces(numbers, &padding)),
            Signal::Metrics => Export::Metrics(metrics(numbers)),
            Signal::Logs => Export::Logs(logs(numbers, &padding)),
        }
    }

    pub(crate) fn signal(&self) -> Signal {
        match self {
            Export::Traces(_) => Signal::Traces,
            Export::Metrics(_) => Signal::Metrics,
            Export::Logs(_) => Signal::Logs,
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let bytes = match self {
            Export::Traces(request) => request.encode_to_vec(),
            Export::Metrics(request) => request.encode_to_vec(),
            Export::Logs(request) => request.encode_to_vec(),
        };
        bytes.into()
    }

    pub(crate) fn decode(signal: Signal, bytes: &[u8]) -> Export {
        match signal {
            Signal::Traces => Export::Traces(Message::decode(bytes).unwrap()),
            Signal::Metrics => Export::Metrics(Message::decode(bytes).unwrap()),
            Signal::Logs => Export::Logs(Message::decode(bytes).unwrap()),
        }
    }

    /// All requests of one signal as one: what a batcher may make of them.
    pub(crate) fn concatenated(signal: Signal, requests: impl IntoIterator<Item = Export>) -> Export {
        let bytes: Vec<u8> = requests
            .into_iter()
            .filter(|request| request.signal() == signal)
            .flat_map(|request| request.encode())
            .collect();
        Export::decode(signal, &bytes)
    }

    /// The numbers of its items.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        match self {
            Export::Traces(request) => {
                let scopes = request
                    .resource_spans
                    .iter()
                    .flat_map(|resource| &resource.scope_spans);
                scopes
                    .flat_map(|scope| &scope.spans)
                    .map(|span| number(&span.span_id))
                    .collect()
            }
            Export::Metrics(request) => {
                let scopes = request
                    .resource_metrics
                    .iter()
                    .flat_map(|resource| &resource.scope_metrics);
                scopes
                    .flat_map(|scope| &scope.metrics)
                    .flat_map(gauge_values)
                    .collect()
            }
            Export::Logs(request) => {
                let scopes = request
                    .resource_logs
                    .iter()
                    .flat_map(|resource| &resource.scope_logs);
                scopes
                    .flat_map(|scope| &scope.log_records)
                    .map(|record| number(&record.span_id))
                    .collect()
            }
        }
    }
}

fn number(id: &[u8]) -> u64 {
    u64::from_be_bytes(id.try_into().unwrap())
}

fn gauge_values(metric: &Metric) -> Vec<u64> {
    let Some(metric::Data::Gauge(gauge)) = &metric.data else {
        return Vec::new();
    };
    let values = gauge.data_points.iter().filter_map(|point| point.value);
    values
        .filter_map(|value| match value {
            number_data_point::Value::AsInt(number) => u64::try_from(number).ok(),
            number_data_point::Value::AsDouble(_) => None,
        })
        .collect()
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: vec![attribute("service.name", "shop")],
        ..Resource::default()
    })
}

fn name(number: u64) -> String {
    if number.is_multiple_of(3) {
        UNWANTED.to_owned()
    } else {
        format!("GET /items/{number}")
    }
}

fn traces(numbers: Range<u64>, padding: &str) -> ExportTraceServiceRequest {
    let span = |number: u64| Span {
        trace_id: [[7; 8], number.to_be_bytes()].concat(),
        span_id: number.to_be_bytes().to_vec(),
        name: name(number),
        kind: 2,
        start_time_unix_nano: START + number,
        end_time_unix_nano: START + number + 900,
        attributes: vec![attribute("url.path", "/items"), attribute("padding", padding)],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans: numbers.map(span).collect(),
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

fn logs(numbers: Range<u64>, padding: &str) -> ExportLogsServiceRequest {
    let record = |number: u64| LogRecord {
        time_unix_nano: START + number,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: attribute("", &name(number)).value,
        attributes: vec![attribute("padding", padding)],
        span_id: number.to_be_bytes().to_vec(),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: numbers.map(record).collect(),
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

fn metrics(numbers: Range<u64>) -> ExportMetricsServiceRequest {
    let point = |number: u64| NumberDataPoint {
        time_unix_nano: START,
        attributes: vec![attribute("shelf", &number.to_string())],
        value: Some(number_data_point::Value::AsInt(number.cast_signed())),
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "stock".to_owned(),
        data: Some(metric::Data::Gauge(Gauge {
            data_points: numbers.map(point).collect(),
        })),
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
