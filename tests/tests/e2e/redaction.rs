//! What must not leave does not, through the built binary: not to the backend, nor into its own log, pages or output.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Client, Export, Forebay, Scrape, Sink, admin, binary};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use std::process::Command;

/// What is planted: a card that is for tests, an address, a token and a password.
const PLANTED: [&str; 4] = [
    "4111111111111111",
    "someone@corp.example",
    "tok-ABCDEF",
    "hunter2",
];

const RULES: &str = r#"
    [processors.redact]
    type = "redaction"
    hash_key = "${env:REDACTION_KEY}"
    max_depth = 4
    urls = {}
    statements = {}
    [[processors.redact.rules]]
    name = "cards"
    patterns = ["credit_card"]
    action = "mask"
    keep_last = 4
    [[processors.redact.rules]]
    name = "people"
    patterns = ["email"]
    action = "hash"
    [[processors.redact.rules]]
    name = "tokens"
    regexes = ["tok-[A-Z]{6}"]
    action = "mask"
    [[processors.redact.rules]]
    name = "passwords"
    keys = ["regex:(?i)password$"]
    action = "drop"
"#;

fn config(sink: &Sink) -> String {
    format!(
        "[log]
        level = \"trace\"
        {ADMIN}{RECEIVER}{RULES}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [exporters.debug]
        verbosity = \"detailed\"
        sampling_initial = 1000
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"redact\"]
        to = [\"backend\", \"debug\"]",
        sink.grpc()
    )
}

fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: any(value),
        ..KeyValue::default()
    }
}

fn map(values: Vec<KeyValue>) -> Value {
    Value::KvlistValue(KeyValueList { values })
}

/// Attributes with something planted in each.
fn planted() -> Vec<KeyValue> {
    let [card, mail, token, password] = PLANTED;
    vec![
        attribute("note", text(&format!("card {card} of {mail}"))),
        attribute("card", Value::IntValue(card.parse().unwrap())),
        attribute(
            "raw",
            Value::BytesValue(format!("\u{0}{token}\u{0}").into_bytes()),
        ),
        attribute("user.password", text(password)),
        attribute(
            "deep",
            map(vec![
                attribute("Password", text(password)),
                attribute(&format!("by.{mail}"), text("x")),
            ]),
        ),
        attribute(
            "url.full",
            text(&format!("https://me:{password}@host/?sig={password}")),
        ),
        attribute(
            "db.query.text",
            text(&format!("SELECT * FROM users WHERE word = '{password}'")),
        ),
    ]
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: planted(),
        ..Resource::default()
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: PLANTED[1].to_owned(),
        attributes: planted(),
        ..InstrumentationScope::default()
    })
}

fn said() -> String {
    format!("{} by {} with {}", PLANTED[0], PLANTED[1], PLANTED[2])
}

fn traces() -> Export {
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![1; 8],
        name: said(),
        trace_state: format!("vendor={}", PLANTED[2]),
        attributes: planted(),
        events: vec![Event {
            name: said(),
            attributes: planted(),
            ..Event::default()
        }],
        links: vec![Link {
            trace_id: vec![8; 16],
            span_id: vec![2; 8],
            attributes: planted(),
            ..Link::default()
        }],
        status: Some(Status {
            message: said(),
            code: 2,
        }),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        scope: scope(),
        spans: vec![span],
        ..ScopeSpans::default()
    }];
    Export::Traces(ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans,
            ..ResourceSpans::default()
        }],
    })
}

fn metrics() -> Export {
    let point = NumberDataPoint {
        attributes: planted(),
        exemplars: vec![Exemplar {
            filtered_attributes: planted(),
            ..Exemplar::default()
        }],
        value: Some(number_data_point::Value::AsInt(3)),
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "requests".to_owned(),
        description: said(),
        metadata: planted(),
        data: Some(Data::Gauge(Gauge {
            data_points: vec![point],
        })),
        ..Metric::default()
    };
    let scope_metrics = vec![ScopeMetrics {
        scope: scope(),
        metrics: vec![metric],
        ..ScopeMetrics::default()
    }];
    Export::Metrics(ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    })
}

/// A record with a text, one with a map, and one that is nested too deeply to be judged.
fn logs() -> Export {
    let deep = (0..6).fold(text(PLANTED[3]), |inner, _| map(vec![attribute("a", inner)]));
    let bodies = [text(&said()), map(planted()), deep];
    let record = |body| LogRecord {
        time_unix_nano: 5,
        span_id: vec![1; 8],
        attributes: planted(),
        body: any(body),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        scope: scope(),
        log_records: bodies.map(record).to_vec(),
        ..ScopeLogs::default()
    }];
    Export::Logs(ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs,
            ..ResourceLogs::default()
        }],
    })
}

/// All that a planted text can look like on the wire and in print: as it is, in hexadecimal, and the card as a number.
fn assert_none(place: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{place} is there to be looked at");
    let mut number = vec![0x18];
    let mut left: u64 = PLANTED[0].parse().unwrap();
    while left >= 0x80 {
        number.push(left as u8 | 0x80);
        left >>= 7;
    }
    number.push(left as u8);
    let hexadecimal = |text: &&str| {
        let digits = text.bytes().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>().into_bytes()
    };
    let forms = PLANTED.iter().map(|text| text.as_bytes().to_vec());
    let forms = forms.chain(PLANTED.iter().map(hexadecimal)).chain([number]);
    for (index, form) in forms.enumerate() {
        let is_there = bytes.windows(form.len()).any(|window| window == form);
        assert!(!is_there, "{place} has the planted text {index}");
    }
}

/// Starts it with standard output in a file.
async fn start(config: &str) -> (Forebay, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("forebay.toml"), folder.path().join("output"));
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg("exec \"$0\" run --config \"$1\" > \"$2\"");
    command.arg(binary::path()).arg(&file).arg(&output);
    command.env("REDACTION_KEY", "0123456789abcdef");
    let mut forebay = Forebay::launch(command, Some(folder));
    forebay.until_started().await;
    (forebay, output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_planted_leaves_by_any_way() {
    let sink = Sink::start();
    let (forebay, output) = start(&config(&sink)).await;
    let requests = [traces(), metrics(), logs()];
    let grpc = Client::grpc(forebay.grpc());
    let json = Client::http(forebay.http()).json();
    for request in &requests {
        assert!(grpc.send(request).await.is_taken());
        let mut text = Vec::new();
        forebay_otlp::json::from_protobuf(request.signal(), &request.encode(), &mut text).unwrap();
        let reply = json.send_bytes(request.signal(), Bytes::from(text)).await;
        assert!(reply.is_taken(), "{reply:?}");
    }
    sink.until("everything arrives", |taken| taken.requests.len() == 6)
        .await;
    sink.read(|taken| {
        for request in &taken.requests {
            assert_none("a request", &request.encode());
        }
    });
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let of = |name: &str, labels: &[(&str, &str)]| scrape.sum(name, labels);
    let redacted = [("node", "redact"), ("reason", "redacted")];
    assert_eq!(of("forebay_items_dropped_total", &redacted), 2.0);
    assert_eq!(
        of(
            "forebay_redaction_unjudged_total",
            &[("cause", "too_deep"), ("outcome", "dropped")]
        ),
        2.0
    );
    for rule in ["cards", "people", "tokens", "passwords", "urls", "statements"] {
        assert!(
            of("forebay_redaction_findings_total", &[("rule", rule)]) >= 6.0,
            "{rule}"
        );
    }
    for page in ["/metrics", "/status"] {
        let (_, text) = admin::page(forebay.admin(), page).await.unwrap();
        assert_none(page, text.as_bytes());
    }
    // The file goes with the process, and is whole once it has drained.
    forebay.terminate();
    let printed = std::fs::File::open(&output).unwrap();
    let log = forebay.end().await.log;
    assert_none("the log", log.join("\n").as_bytes());
    let printed = std::io::read_to_string(printed).unwrap();
    assert!(printed.contains("****1111"), "{printed}");
    assert_none("the output of `debug`", printed.as_bytes());
}

#[tokio::test]
async fn hashes_join_what_two_processes_have_redacted() {
    let sinks = [Sink::start(), Sink::start()];
    let mut hashes = Vec::new();
    for sink in &sinks {
        let (forebay, _) = start(&config(sink)).await;
        assert!(Client::grpc(forebay.grpc()).send(&logs()).await.is_taken());
        hashes.push(sink.read(|taken| {
            let Export::Logs(request) = &taken.requests[0] else {
                panic!("{:?}", taken.requests)
            };
            let scope = request.resource_logs[0].scope_logs[0].scope.clone();
            scope.unwrap_or_default().name
        }));
    }
    assert_eq!(hashes[0].len(), 16, "{hashes:?}");
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn the_log_says_that_hashes_are_of_this_process_alone() {
    let sink = Sink::start();
    let config = config(&sink).replace("hash_key = \"${env:REDACTION_KEY}\"", "");
    let (forebay, _) = start(&config).await;
    forebay.until_logged("`hash_key` is not set").await;
}
