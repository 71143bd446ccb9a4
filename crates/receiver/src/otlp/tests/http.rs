use super::client::*;
use super::rig::*;
use bytes::Bytes;
use forebay_core::settings::Size;
use forebay_core::{Failure, Reason, Signal, SignalSet};
use forebay_transport::compression::{Compressors, DEFAULT_LEVEL, Decompressor, Encoding};
use forebay_transport::status::Status;
use http::{Method, StatusCode};
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::future::poll_fn;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

// conformance: S1, S7
#[tokio::test]
async fn protobuf_arrives_over_both_versions_in_all_encodings() {
    let rig = Rig::start();
    let body = spans(2_000, 50).encode_to_vec();
    for encoding in [
        Encoding::Identity,
        Encoding::Gzip,
        Encoding::Zstd,
        Encoding::Deflate,
    ] {
        let slices = [Bytes::from(body.clone())];
        let wire = Compressors::new()
            .compress(encoding, DEFAULT_LEVEL, &slices)
            .unwrap();
        let headers = [PROTOBUF, ("content-encoding", encoding.as_str())];
        let answers = [
            post(rig.http, "/v1/traces", &headers, wire.clone()).await,
            post_http2(rig.http, "/v1/traces", &headers, wire.into()).await,
        ];
        for answer in answers {
            assert_eq!(answer.status, 200, "{encoding:?}");
            assert_eq!(answer.headers["content-type"], "application/x-protobuf");
            assert!(answer.body.is_empty());
        }
        let seen = rig.pipeline.seen().pop().unwrap();
        assert_eq!((seen.signal, seen.items), (Signal::Traces, 2_000));
        assert_eq!(seen.bytes, body);
    }
    assert_eq!(rig.pipeline.seen().len(), 8);
}

// conformance: S17
#[tokio::test]
async fn each_path_has_its_signal() {
    let rig = Rig::start();
    post(rig.http, "/v1/traces", &[PROTOBUF], spans(1, 5).encode_to_vec()).await;
    post(rig.http, "/v1/metrics", &[PROTOBUF], points(2).encode_to_vec()).await;
    post(
        rig.http,
        "/v1/logs?tenant=a",
        &[PROTOBUF],
        records(3).encode_to_vec(),
    )
    .await;
    let seen: Vec<_> = rig
        .pipeline
        .seen()
        .iter()
        .map(|seen| (seen.signal, seen.items))
        .collect();
    assert_eq!(
        seen,
        [(Signal::Traces, 1), (Signal::Metrics, 2), (Signal::Logs, 3)]
    );
}

#[tokio::test]
async fn a_chunked_body_arrives() {
    let rig = Rig::start();
    let wire = records(20_000).encode_to_vec();
    let chunks: Vec<_> = wire
        .chunks(1000)
        .map(|c| Ok(Frame::data(Bytes::copy_from_slice(c))))
        .collect();
    let body = StreamBody::new(futures_util::stream::iter(chunks));
    let host = rig.http.to_string();
    let headers = [PROTOBUF, ("host", host.as_str())];
    let answer = send_http1(rig.http, request(Method::POST, "/v1/logs".into(), &headers, body)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(rig.pipeline.seen()[0].bytes, wire);
    let reading = rig.ledger().read();
    assert_eq!(reading.used, reading.connections);
}

// conformance: S14, S16
#[tokio::test]
async fn json_is_converted_and_answered_in_json() {
    let rig = Setup::then(Then::Reject(1, "late")).start();
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"a","kind":2},
        {"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B175","name":"b"}]}]}]}"#;
    let answer = post(rig.http, "/v1/traces", &[JSON], text).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let expected = serde_json::json!({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "late"}});
    assert_eq!(body, expected);
    let seen = &rig.pipeline.seen()[0];
    assert_eq!(seen.items, 2);
    let decoded =
        opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::decode(&*seen.bytes);
    let spans = &decoded.unwrap().resource_spans[0].scope_spans[0].spans;
    assert_eq!(
        (spans[0].name.as_str(), spans[0].kind, spans[0].trace_id[0]),
        ("a", 2, 0x5b)
    );
    let reading = rig.ledger().read();
    assert_eq!(reading.used, reading.connections);
}

/// JSON that is a quarter of its protobuf form.
fn dense_json(bounds: usize) -> String {
    let bounds = vec!["0"; bounds].join(",");
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"h","histogram":
        {{"dataPoints":[{{"explicitBounds":[{bounds}]}}]}}}}]}}]}}]}}"#
    )
}

#[tokio::test]
async fn json_that_grows_is_leased_before_it_does() {
    let text = dense_json(100_000);
    assert!(text.len() < 201_000);
    let rig = Setup {
        budget: 1 << 20,
        ..Setup::default()
    }
    .start();
    let answer = post(rig.http, "/v1/metrics", &[JSON], text.clone()).await;
    assert_eq!(answer.status, 413, "it can never fit");
    assert!(rig.ledger().read().peak <= rig.ledger().read().leasable);

    let rig = Rig::start();
    assert_eq!(
        post(rig.http, "/v1/metrics", &[JSON], text.clone()).await.status,
        200
    );
    assert!(rig.pipeline.seen()[0].bytes.len() > 800_000);

    let rig = Setup::configured(|config| config.max_request_bytes = Size(700_000)).start();
    assert_eq!(post(rig.http, "/v1/metrics", &[JSON], text).await.status, 413);
}

// conformance: S8
#[tokio::test]
async fn empty_requests_succeed_in_both_formats() {
    let rig = Rig::start();
    let answer = post(rig.http, "/v1/logs", &[PROTOBUF], "").await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b""[..]));
    let answer = post(rig.http, "/v1/logs", &[JSON], "{}").await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"{}"[..]));
    assert!(rig.pipeline.seen().is_empty());
}

// conformance: S12, S13, S14
#[tokio::test]
async fn what_is_malformed_is_told_where_in_the_senders_format() {
    let rig = Rig::start();
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], &b"\x0a\x05abc"[..]).await;
    assert_eq!(answer.status, 400);
    let status = answer.status_message();
    assert_eq!(status.code, Code::InvalidArgument);
    let violation = status.violation.unwrap();
    assert_eq!(
        (violation.field.as_str(), violation.description.as_str()),
        ("", "truncated message at byte 2")
    );

    let answer = post(
        rig.http,
        "/v1/traces",
        &[JSON],
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"X"}]}]}]}"#,
    )
    .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.headers["content-type"], "application/json");
    let violation = answer.status_message().violation.unwrap();
    assert_eq!(violation.field, "resourceSpans[0].scopeSpans[0].spans[0].kind");
    assert_eq!(post(rig.http, "/v1/traces", &[JSON], "").await.status, 400);

    let gzip = [PROTOBUF, ("content-encoding", "gzip")];
    assert_eq!(post(rig.http, "/v1/traces", &gzip, "not gzip").await.status, 400);
    assert_eq!(rig.refused(Reason::Malformed), 4);
}

// conformance: S4, S5
#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let rig = Setup::configured(|config| config.max_request_bytes = Size(1000)).start();
    let zeros = vec![0; 1 << 20];
    let gzip = Compressors::new()
        .compress(Encoding::Gzip, 9, &[zeros.clone().into()])
        .unwrap();
    assert!(gzip.len() < 8000);
    let small_bomb = Compressors::new()
        .compress(Encoding::Zstd, 3, &[zeros.clone().into()])
        .unwrap();
    assert!(small_bomb.len() < 1000);
    let json = format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(300));
    assert!(json.len() < 1000);
    for (headers, body) in [
        (vec![PROTOBUF], zeros),
        (vec![PROTOBUF, ("content-encoding", "gzip")], gzip),
        (vec![PROTOBUF, ("content-encoding", "zstd")], small_bomb),
    ] {
        let answer = post(rig.http, "/v1/traces", &headers, body).await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.status_message().code, Code::ResourceExhausted);
        assert!(!answer.headers.contains_key("retry-after"));
    }
    assert_eq!(post(rig.http, "/v1/traces", &[JSON], json).await.status, 200);
    assert_eq!(rig.refused(Reason::TooLarge), 3);
}

// conformance: S11
#[tokio::test]
async fn overload_is_503_with_a_delay() {
    let rig = Setup {
        budget: 8 << 20,
        ..Setup::default()
    }
    .start();
    let _others = rig.ledger().lease(4 << 20).unwrap();
    let answer = post(
        rig.http,
        "/v1/traces",
        &[PROTOBUF],
        spans(1, 2 << 20).encode_to_vec(),
    )
    .await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    let status = answer.status_message();
    assert_eq!(
        (status.code, status.retry_after),
        (Code::Unavailable, Some(Duration::from_secs(1)))
    );
    assert_eq!(rig.refused(Reason::OverBudget), 1);
}

#[tokio::test]
async fn failures_downstream_are_503_or_500() {
    let busy = Failure::retryable(Reason::QueueFull, "full").after(Duration::from_millis(2500));
    let rig = Setup::then(Then::Fail(busy)).start();
    let answer = post(rig.http, "/v1/logs", &[PROTOBUF], records(1).encode_to_vec()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.headers["retry-after"].as_bytes()),
        (503, &b"3"[..])
    );
    let rig = Setup::then(Then::Fail(Failure::permanent(Reason::Rejected, "no"))).start();
    let answer = post(
        rig.http,
        "/v1/logs",
        &[JSON],
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#,
    )
    .await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.status_message(), Status::new(Code::Internal, "no"));
}

// conformance: S9
#[tokio::test]
async fn partial_success_in_protobuf() {
    let rig = Setup::then(Then::Reject(300, "late")).start();
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], spans(400, 5).encode_to_vec()).await;
    let partial = ExportTraceServiceResponse::decode(answer.body)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (300, "late")
    );
}

// conformance: S13
#[tokio::test]
async fn what_is_no_export_request_is_turned_down() {
    let setup = Setup {
        accepts: SignalSet::of(Signal::Traces),
        ..Setup::default()
    };
    let rig = setup.start();
    let unknown = post(rig.http, "/v2/traces", &[PROTOBUF], "").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.status_message().code, Code::Unimplemented);
    assert_eq!(post(rig.http, "/v1/logs", &[PROTOBUF], "").await.status, 404);

    let host = rig.http.to_string();
    let headers = [("host", host.as_str())];
    let get = request(
        Method::GET,
        "/v1/traces".into(),
        &headers,
        Full::new(Bytes::new()),
    );
    let answer = send_http1(rig.http, get).await;
    assert_eq!(
        (answer.status.as_u16(), answer.headers["allow"].as_bytes()),
        (405, &b"POST"[..])
    );
    assert_eq!(answer.status_message().code, Code::Unimplemented);

    for content_type in ["text/plain", "application/grpc", "application/x-protobuf-ish"] {
        let answer = post(rig.http, "/v1/traces", &[("content-type", content_type)], "x").await;
        assert_eq!(answer.status, 415, "{content_type}");
    }
    assert_eq!(post(rig.http, "/v1/traces", &[], "x").await.status, 415);
    let answer = post(
        rig.http,
        "/v1/traces",
        &[PROTOBUF, ("content-encoding", "br")],
        "x",
    )
    .await;
    assert_eq!(answer.status, 415);
    assert_eq!(answer.headers["accept-encoding"], "gzip, zstd, deflate");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let rig = Rig::start();
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let host = rig.http.to_string();
    for count in 1..20_usize {
        let body = Full::new(Bytes::from(spans(count, 10).encode_to_vec()));
        let headers = [PROTOBUF, ("host", host.as_str())];
        sender.ready().await.unwrap();
        let response = sender
            .send_request(request(Method::POST, "/v1/traces".into(), &headers, body))
            .await;
        assert_eq!(answer(response.unwrap()).await.status, 200);
        assert_eq!(rig.pipeline.seen().pop().unwrap().items, count as u64);
    }
    driver.abort();
}

// conformance: S17
#[tokio::test]
async fn the_paths_may_be_others() {
    let rig = Setup::configured(|config| config.http.traces_url_path = "/otlp/v1/traces".into()).start();
    let wire = spans(1, 5).encode_to_vec();
    let answer = post(rig.http, "/otlp/v1/traces", &[PROTOBUF], wire.clone()).await;
    assert_eq!(answer.status, 200);
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], wire).await;
    assert_eq!(answer.status, 404);
    let words = answer.status_message().message;
    assert!(
        words.contains("/otlp/v1/traces, /v1/metrics and /v1/logs"),
        "{words}"
    );
    let profiles = post(rig.http, "/v1development/profiles", &[PROTOBUF], "").await;
    assert_eq!(profiles.status, 404);
}

// conformance: S16
#[tokio::test]
async fn grpc_is_served_on_the_http_port() {
    let rig = Rig::start();
    let wire = records(3).encode_to_vec();
    let (status, _) = call(rig.http, method(Signal::Logs), &wire).await;
    assert_eq!(status.code, Code::Ok);
    assert_eq!(rig.pipeline.seen()[0].items, 3);
    let (status, _) = call(rig.http, "/a.B/C", &[]).await;
    assert_eq!(status.code, Code::Unimplemented);
}

// conformance: S15
#[tokio::test]
async fn a_long_answer_is_compressed_where_the_client_accepts_that() {
    let words: &'static str = "late ".repeat(500).leak();
    let rig = Setup::then(Then::Reject(1, words)).start();
    let wire = spans(2, 5).encode_to_vec();
    let gzip = [PROTOBUF, ("accept-encoding", "zstd, gzip;q=0.5")];
    let answer = post(rig.http, "/v1/traces", &gzip, wire.clone()).await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert!(answer.body.len() < 200, "{}", answer.body.len());
    let ledger = rig.ledger();
    let lease = ledger.lease(1024).unwrap();
    let mut plain = Decompressor::new(Encoding::Gzip, 1 << 20, lease).unwrap();
    plain.push(&answer.body).unwrap();
    let response = ExportTraceServiceResponse::decode(&*plain.finish().unwrap()).unwrap();
    assert_eq!(response.partial_success.unwrap().error_message, words);

    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], wire.clone()).await;
    assert!(!answer.headers.contains_key("content-encoding"));
    let rig = Rig::start();
    let answer = post(rig.http, "/v1/traces", &gzip, wire).await;
    assert!(
        !answer.headers.contains_key("content-encoding"),
        "nothing to gain"
    );
}

// conformance: S6
#[tokio::test]
async fn an_endless_message_of_a_destination_is_cut_before_it_is_passed_on() {
    let words: &'static str = "\u{1f980}".repeat(2 << 20).leak();
    let rig = Setup::then(Then::Reject(1, words)).start();
    for headers in [PROTOBUF, JSON] {
        let (body, path) = match headers == JSON {
            true => (JSON_RECORD.into(), "/v1/logs"),
            false => (spans(2, 5).encode_to_vec(), "/v1/traces"),
        };
        let answer = post(rig.http, path, &[headers], body).await;
        assert_eq!(answer.status, 200);
        assert!(
            (4000..30_000).contains(&answer.body.len()),
            "{}",
            answer.body.len()
        );
    }
    let rig = Setup::then(Then::Fail(Failure::permanent(Reason::Rejected, words))).start();
    let answer = post(rig.http, "/v1/traces", &[PROTOBUF], spans(2, 5).encode_to_vec()).await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.len() < 4096, "{}", answer.body.len());
}

const JSON_RECORD: &[u8] = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#;

/// Sends a head and only then, after an answer, looks at what comes next on the same connection.
async fn refused_then_good(rig: &Rig, head: &str, body: &[u8], status: &str) {
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    let length = body.len();
    let text = format!("{head}\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let good = "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    stream.write_all(good.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with(&format!("HTTP/1.1 {status}")), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1, "{answers}");
}

// conformance: S13
#[tokio::test]
async fn the_body_of_a_refused_request_is_not_taken_for_the_next_one() {
    let rig = Rig::start();
    let body = vec![b'x'; 300_000];
    refused_then_good(&rig, "POST /v2 HTTP/1.1", &body, "404").await;
    refused_then_good(&rig, "PUT /v1/logs HTTP/1.1", &body, "405").await;
    refused_then_good(
        &rig,
        "POST /v1/logs HTTP/1.1\r\ncontent-type: text/plain",
        &body,
        "415",
    )
    .await;
}

// Clients such as curl take an answer for broken whose stream is reset while they are still sending.
#[tokio::test]
async fn over_http2_the_body_of_a_refused_request_is_taken_before_its_stream_ends() {
    let rig = Rig::start();
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let request = http::Request::post("http://a/v2").body(()).unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    let mut left = 300_000;
    while left > 0 {
        body.reserve_capacity(left);
        let room = poll_fn(|context| body.poll_capacity(context)).await;
        let piece = left.min(room.expect("the stream goes on").expect("it is not reset"));
        left -= piece;
        body.send_data(Bytes::from(vec![b'x'; piece]), left == 0).unwrap();
    }
    assert_eq!(answer.await.unwrap().status(), 404);
    connection.abort();
}

#[tokio::test]
async fn who_waits_to_be_told_to_go_on_is_refused_without_a_body() {
    let rig = Rig::start();
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    let head = "POST /v2 HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
