//! What `redaction` costs for each item: `cargo run --profile quick -p forebay-processor --example redaction_cost`.
//!
//! The least of many runs over a request of 200 items is printed, in nanoseconds for each item, so that whatever else the machine does
//! shows as little as possible.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "an example whose input is wrong has to stop, and it is there to print"
)]

use bytes::Bytes;
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::ledger::Ledger;
use forebay_core::registry::Registry;
use forebay_core::{Accounts, Batch, DeliveryToken, Entry, NodeId, Payload, Section, Signal, Source, Time};
use forebay_redaction::ReadyMade;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::sync::Arc;
use std::time::Instant;

const ITEMS: usize = 200;
const RUNS: usize = 400;

fn processor(config: &str) -> Arc<dyn Processor> {
    let mut registry = Registry::default();
    forebay_processor::register(&mut registry);
    let source = Source {
        name: "cost.toml".to_owned(),
        text: config.to_owned(),
    };
    let section = Section::whole(Arc::new(source));
    let prepared = (registry.processors["redaction"].prepare)(&section).expect("a valid config");
    match (prepared.build)(1) {
        Ok(BuiltProcessor::Stateless(processor)) => processor,
        _ => panic!("it is stateless"),
    }
}

fn value(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn attributes() -> Vec<KeyValue> {
    let texts = [
        ("http.request.method", "GET"),
        ("http.route", "/api/orders/{id}"),
        ("url.path", "/api/orders/a8f2"),
        ("server.address", "shop.internal"),
        (
            "user_agent.original",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit",
        ),
        ("code.function.name", "orders::handler::get"),
        ("thread.name", "worker-7"),
    ];
    let text = |(key, text): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: value(Value::StringValue((*text).to_owned())),
        ..KeyValue::default()
    };
    let mut attributes: Vec<KeyValue> = texts.iter().map(text).collect();
    for (key, number) in [("http.response.status_code", 200), ("server.port", 8443)] {
        attributes.push(KeyValue {
            key: key.to_owned(),
            value: value(Value::IntValue(number)),
            ..KeyValue::default()
        });
    }
    attributes
}

/// Log lines of so many bytes without anything to be found, then with a card in each.
fn body(bytes: usize, card: bool) -> String {
    let line = "2025-11-03T10:22:41.113Z INFO [orders] handled request for cart c-8842 in 17.3 ms, 3 items, status=ok retries=0 ";
    let mut text = line.repeat(bytes / line.len() + 1);
    text.truncate(bytes);
    if card {
        text.replace_range(bytes / 2..bytes / 2, " 4111111111111111 ");
    }
    text
}

fn logs(bytes: usize, card: bool, attributes: &[KeyValue]) -> Bytes {
    let record = LogRecord {
        time_unix_nano: 1_762_165_361_113_000_000,
        severity_text: "INFO".to_owned(),
        attributes: attributes.to_vec(),
        body: value(Value::StringValue(body(bytes, card))),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: vec![record; ITEMS],
        ..ScopeLogs::default()
    }];
    let resource_logs = vec![ResourceLogs {
        scope_logs,
        ..ResourceLogs::default()
    }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

fn spans() -> Bytes {
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![1; 8],
        name: "GET /api/orders/{id}".to_owned(),
        attributes: attributes(),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans: vec![span; ITEMS],
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }
        .encode_to_vec()
        .into()
}

/// The least time for an item, in nanoseconds.
fn cost(processor: &dyn Processor, signal: Signal, request: &Bytes) -> f64 {
    let (accounts, ledger) = (Accounts::new(1), Ledger::new(1 << 40));
    let mut least = f64::MAX;
    for _ in 0..RUNS {
        let bytes = request.len() as u64;
        let entry = Entry {
            custody: accounts.receive(NodeId(0), signal, ITEMS as u64, bytes),
            lease: ledger.lease(bytes).expect("room"),
            token: DeliveryToken::detached(),
            origin: Arc::default(),
            received_at: Time::default(),
        };
        let batch = Batch::new(signal, Payload::from(request.clone()), entry);
        let mut outputs = Outputs::new();
        let began = Instant::now();
        processor.process(batch, &mut outputs);
        least = least.min(began.elapsed().as_nanos() as f64);
        for (_, batch) in outputs.drain() {
            batch.delivered(0, None);
        }
    }
    least / ITEMS as f64
}

fn rules(patterns: usize) -> String {
    let ready = ReadyMade::ALL.iter().map(|ready| format!("\"{ready}\""));
    let ready: Vec<String> = ready.take(patterns).collect();
    let own = (ready.len()..patterns).map(|index| format!("'tok{index}-[0-9a-f]{{16}}'"));
    let own: Vec<String> = own.collect();
    format!(
        "rules = [{{ name = \"a\", patterns = [{}], regexes = [{}], action = \"mask\" }}]",
        ready.join(", "),
        own.join(", ")
    )
}

fn main() {
    let keys = r#"rules = [{ name = "k", keys = ["regex:(?i)(password|secret|token)$"], action = "drop" }]"#;
    let configs = [
        ("keys only", keys.to_owned()),
        ("1 pattern", rules(1)),
        ("30 patterns", rules(30)),
        ("60 patterns", rules(60)),
    ];
    let requests = [
        ("log, 1 KiB, no hit", Signal::Logs, logs(1024, false, &[])),
        ("log, 1 KiB, a hit", Signal::Logs, logs(1024, true, &[])),
        (
            "log, 1 KiB, 9 attributes",
            Signal::Logs,
            logs(1024, false, &attributes()),
        ),
        ("span, 9 attributes", Signal::Traces, spans()),
    ];
    for (config, text) in &configs {
        let processor = processor(text);
        for (request, signal, bytes) in &requests {
            let nanoseconds = cost(&*processor, *signal, bytes);
            println!("{config:12} {request:26} {nanoseconds:8.0} ns");
        }
    }
}
