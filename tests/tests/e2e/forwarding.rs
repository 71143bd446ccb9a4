//! What is sent arrives, over every combination of protocols, encodings and compressions.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Client, Compression, Export, Forebay, Sink};
use forebay_core::Signal;
use serde_json::{Value, json};

const REQUESTS: u64 = 5;
const ITEMS: u64 = 7;

fn config(exporter: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [exporters.backend]
        {exporter}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]"
    )
}

fn requests(signal: Signal) -> Vec<Export> {
    let starts = (0..REQUESTS).map(|request| 1 + request * ITEMS);
    starts
        .map(|first| Export::numbered(signal, first..first + ITEMS))
        .collect()
}

/// Sends all signals, one request after the other, and compares what arrived with what was sent.
async fn assert_unchanged(client: &Client, sink: &Sink) {
    for signal in Signal::ALL {
        let sent = requests(signal);
        for request in &sent {
            let reply = client.send(request).await;
            assert!(reply.is_taken(), "{reply:?}");
        }
        // Acknowledged on delivery: it is there already.
        let arrived = sink.read(|taken| Export::concatenated(signal, taken.requests.clone()));
        assert_eq!(arrived, Export::concatenated(signal, sent));
    }
}

#[tokio::test]
async fn grpc_to_grpc() {
    for compression in Compression::ALL {
        let sink = Sink::start();
        let exporter = format!(
            "type = \"otlp_grpc\"\nendpoint = \"http://{}\"\ncompression = \"{}\"",
            sink.grpc(),
            compression.name()
        );
        let forebay = Forebay::start(&config(&exporter)).await;
        assert_unchanged(&Client::grpc(forebay.grpc()).compressed(compression), &sink).await;
    }
}

#[tokio::test]
async fn http_to_http() {
    for compression in Compression::ALL {
        let sink = Sink::start();
        let exporter = format!(
            "type = \"otlp_http\"\nendpoint = \"http://{}\"\ncompression = \"{}\"",
            sink.http(),
            compression.name()
        );
        let forebay = Forebay::start(&config(&exporter)).await;
        assert_unchanged(&Client::http(forebay.http()).compressed(compression), &sink).await;
        let expected = compression.name().replace("none", "");
        sink.read(|taken| {
            assert!(
                taken.encodings.iter().all(|encoding| *encoding == expected),
                "{taken:?}"
            )
        });
    }
}

#[tokio::test]
async fn http_json_to_grpc() {
    for compression in Compression::ALL {
        let sink = Sink::start();
        let exporter = format!("type = \"otlp_grpc\"\nendpoint = \"http://{}\"", sink.grpc());
        let forebay = Forebay::start(&config(&exporter)).await;
        let client = Client::http(forebay.http()).json().compressed(compression);
        for signal in Signal::ALL {
            let (text, request) = (json_of_three(signal), Export::numbered(signal, 1..4));
            let reply = client.send_bytes(signal, text.to_string().into()).await;
            assert!(reply.is_taken(), "{reply:?}");
            let arrived = sink.read(|taken| Export::concatenated(signal, taken.requests.clone()));
            assert_eq!(arrived, request);
        }
    }
}

#[tokio::test]
async fn grpc_to_http_json() {
    for compression in Compression::ALL {
        let sink = Sink::start();
        let exporter = format!(
            "type = \"otlp_http\"\nendpoint = \"http://{}\"\nencoding = \"json\"\ncompression = \"{}\"",
            sink.http(),
            compression.name()
        );
        let forebay = Forebay::start(&config(&exporter)).await;
        let client = Client::grpc(forebay.grpc());
        for signal in Signal::ALL {
            let reply = client.send(&Export::numbered(signal, 1..4)).await;
            assert!(reply.is_taken(), "{reply:?}");
            let expected = vec![(signal, json_of_three(signal))];
            sink.read(|taken| {
                let arrived: Vec<_> = taken
                    .json
                    .iter()
                    .filter(|(of, _)| *of == signal)
                    .cloned()
                    .collect();
                assert_eq!(arrived, expected);
            });
        }
    }
}

/// What [`Export::numbered`] makes of the numbers 1 to 3, in OTLP's JSON, written by hand from the specification: ids in
/// hexadecimal, 64-bit integers as text, names in lower camel case.
fn json_of_three(signal: Signal) -> Value {
    let resource = json!({ "attributes": [text_attribute("service.name", "shop")] });
    let numbers = [1_u64, 2, 3];
    match signal {
        Signal::Traces => json!({ "resourceSpans": [{
            "resource": resource,
            "scopeSpans": [{ "spans": numbers.map(json_span) }],
        }] }),
        Signal::Metrics => json!({ "resourceMetrics": [{
            "resource": resource,
            "scopeMetrics": [{ "metrics": [{
                "name": "stock",
                "gauge": { "dataPoints": numbers.map(json_point) },
            }] }],
        }] }),
        Signal::Logs => json!({ "resourceLogs": [{
            "resource": resource,
            "scopeLogs": [{ "logRecords": numbers.map(json_record) }],
        }] }),
    }
}

fn text_attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn json_name(number: u64) -> String {
    match number {
        3 => "GET /health".to_owned(),
        other => format!("GET /items/{other}"),
    }
}

fn json_span(number: u64) -> Value {
    json!({
        "traceId": format!("07070707070707070{number:015x}"),
        "spanId": format!("{number:016x}"),
        "name": json_name(number),
        "kind": 2,
        "startTimeUnixNano": (1_748_736_000_000_000_000 + number).to_string(),
        "endTimeUnixNano": (1_748_736_000_000_000_900 + number).to_string(),
        "attributes": [text_attribute("url.path", "/items"), text_attribute("padding", "")],
    })
}

fn json_point(number: u64) -> Value {
    json!({
        "timeUnixNano": "1748736000000000000",
        "attributes": [text_attribute("shelf", &number.to_string())],
        "asInt": number.to_string(),
    })
}

fn json_record(number: u64) -> Value {
    json!({
        "timeUnixNano": (1_748_736_000_000_000_000 + number).to_string(),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": { "stringValue": json_name(number) },
        "attributes": [text_attribute("padding", "")],
        "spanId": format!("{number:016x}"),
    })
}
