//! Spans of traces, made and recognised: for what decides on whole traces.

use super::{Client, Export, Reply};
use forebay_testkit::requests::{attribute, traces};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};
use std::time::Duration;

/// A trace can have so many spans: the number of a span is that of its trace times this, and its own.
const SPANS_MAX: u64 = 1 << 16;
const START: u64 = 1_748_736_000_000_000_000;

/// The number of a span: its span id.
pub(crate) fn number(trace: u64, index: u64) -> u64 {
    trace * SPANS_MAX + index + 1
}

/// The trace that a span's number belongs to.
pub(crate) fn trace_of(number: u64) -> u64 {
    (number - 1) / SPANS_MAX
}

/// The id of a trace: it looks random, and no other number gives it.
pub(crate) fn trace_id(trace: u64) -> [u8; 16] {
    let low = (trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(trace + 1).to_be_bytes());
    id[8..].copy_from_slice(&low.to_be_bytes());
    id
}

/// The id in hexadecimal digits.
pub(crate) fn trace_id_text(trace: u64) -> String {
    let digits = trace_id(trace).into_iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// A span of a millisecond without fault. The one with index 0 is the root, and the parent of all others.
pub(crate) fn span(trace: u64, index: u64) -> Span {
    let root = number(trace, 0).to_be_bytes().to_vec();
    Span {
        trace_id: trace_id(trace).to_vec(),
        span_id: number(trace, index).to_be_bytes().to_vec(),
        parent_span_id: if index == 0 { Vec::new() } else { root },
        name: format!("GET /items/{index}"),
        kind: 2,
        start_time_unix_nano: START + index,
        end_time_unix_nano: START + index + 1_000_000,
        attributes: vec![attribute("http.request.method", "GET")],
        ..Span::default()
    }
}

/// The same, with an error.
pub(crate) fn failed(trace: u64, index: u64) -> Span {
    let status = Status {
        code: StatusCode::Error as i32,
        message: "no such item".to_owned(),
    };
    Span {
        status: Some(status),
        ..span(trace, index)
    }
}

/// The same, filled up with so many bytes.
pub(crate) fn padded(trace: u64, index: u64, padding: usize) -> Span {
    let mut span = span(trace, index);
    span.attributes.push(attribute("padding", &"x".repeat(padding)));
    span
}

/// A request of these spans.
pub(crate) fn request(spans: impl IntoIterator<Item = Span>) -> Export {
    Export::Traces(traces(spans.into_iter().collect()))
}

/// A request of log records that belong to a trace, with numbers as its spans have them.
pub(crate) fn logs(trace: u64, indices: impl IntoIterator<Item = u64>) -> Export {
    let record = |index| LogRecord {
        time_unix_nano: START + index,
        severity_number: 9,
        body: attribute("", "took an item").value,
        trace_id: trace_id(trace).to_vec(),
        span_id: number(trace, index).to_be_bytes().to_vec(),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: indices.into_iter().map(record).collect(),
        ..ScopeLogs::default()
    }];
    let mut request = opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest::default();
    request.resource_logs.push(ResourceLogs {
        scope_logs,
        ..ResourceLogs::default()
    });
    Export::Logs(request)
}

/// Sends until it is taken, as senders do; how often it was refused. Every refusal must say when to come back.
pub(crate) async fn insist(client: &Client, export: &Export) -> u64 {
    let mut refusals = 0;
    loop {
        match client.send(export).await {
            Reply::Taken(_) => return refusals,
            reply @ Reply::Refused { .. } => {
                assert!(reply.is_retryable_with_delay(), "{reply:?}");
                refusals += 1;
                if let Reply::Refused {
                    delay: Some(delay), ..
                } = reply
                {
                    tokio::time::sleep(delay.min(Duration::from_millis(100))).await;
                }
            }
            Reply::Broken(why) => panic!("{why}"),
        }
    }
}
