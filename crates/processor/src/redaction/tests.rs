//! What leaves, and what does not.

mod cleaning;
mod levels;
mod limits;
mod planted;
mod random;
mod values;

use crate::testing::{self, Outcome, attribute};
use bytes::Bytes;
use forebay_core::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// A number of a card that the makers of cards give for tests, and an address.
const CARD: &str = "4111111111111111";
const MAIL: &str = "someone@corp.example";

fn string(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn list(values: Vec<Value>) -> Value {
    Value::ArrayValue(ArrayValue {
        values: values.into_iter().map(value).collect(),
    })
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    let values = entries.into_iter().map(|(key, value)| attribute(key, value));
    Value::KvlistValue(KeyValueList {
        values: values.collect(),
    })
}

fn run<M: Message>(config: &str, signal: Signal, request: &M) -> Outcome {
    testing::run(
        "redaction",
        config,
        signal,
        &[Bytes::from(request.encode_to_vec())],
    )
}

/// What leaves, decoded.
fn left<M: Message + Default>(outcome: &Outcome) -> M {
    let (payload, _) = outcome.emitted.as_ref().expect("something is emitted");
    M::decode(payload.contiguous()).expect("it is valid")
}

fn logs(records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

fn spans(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// The log records that leave of these.
fn records_left(config: &str, records: Vec<LogRecord>) -> Vec<LogRecord> {
    let outcome = run(config, Signal::Logs, &logs(records));
    if outcome.emitted.is_none() {
        return Vec::new();
    }
    let request: ExportLogsServiceRequest = left(&outcome);
    let scopes = request
        .resource_logs
        .into_iter()
        .flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

/// The span that leaves of this one.
fn span_left(config: &str, span: Span) -> Span {
    let outcome = run(config, Signal::Traces, &spans(vec![span]));
    let mut request: ExportTraceServiceRequest = left(&outcome);
    request
        .resource_spans
        .remove(0)
        .scope_spans
        .remove(0)
        .spans
        .remove(0)
}

/// What becomes of attributes of a log record.
fn attributes_left(config: &str, attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let record = LogRecord {
        attributes,
        ..LogRecord::default()
    };
    records_left(config, vec![record]).remove(0).attributes
}

/// What becomes of one value.
fn value_left(config: &str, value: Value) -> Option<Value> {
    let mut attributes = attributes_left(config, vec![attribute("k", value)]);
    attributes.pop()?.value?.value
}
