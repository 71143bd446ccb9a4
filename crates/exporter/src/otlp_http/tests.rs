use crate::testing::{
    Rig, logs_request, metrics_request, payload, prepare, sliced, trace_payload, trace_request,
};
use bytes::Bytes;
use forebay_core::component::{ExportError, Receipt, Request};
use forebay_core::{Fault, Ledger, Payload, Signal};
use forebay_transport::compression::{Decompressor, Encoding};
use forebay_transport::status::{Code, Status};
use futures_util::future::join_all;
use http::response::Builder;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

/// What came, its content decompressed.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

type Answer = Response<Full<Bytes>>;

/// An HTTP server that keeps what it gets and answers with what a function says.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answer: impl Fn() -> Answer + Send + Sync + Clone + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                serving.connections.fetch_add(1, Ordering::Relaxed);
                let (serving, answer) = (serving.clone(), answer.clone());
                let service = service_fn(move |request| serving.clone().take(request, answer.clone()));
                let io = TokioIo::new(socket);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        server
    }

    async fn take(
        self,
        request: http::Request<Incoming>,
        answer: impl Fn() -> Answer,
    ) -> Result<Answer, Infallible> {
        let (head, body) = request.into_parts();
        let raw = body.collect().await.unwrap().to_bytes();
        let length = head.headers["content-length"].to_str().unwrap().parse();
        assert_eq!(length, Ok(raw.len()));
        let seen = Seen {
            path: head.uri.to_string(),
            body: unpacked(&head.headers, &raw),
            headers: head.headers,
        };
        self.seen.lock().unwrap().push(seen);
        Ok(answer())
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().pop().unwrap()
    }

    fn rig(&self, extra: &str) -> Rig {
        let address = self.address;
        Rig::start("otlp_http", &format!("endpoint = \"http://{address}\"\n{extra}"))
    }
}

fn unpacked(headers: &HeaderMap, raw: &[u8]) -> Vec<u8> {
    let name = headers
        .get("content-encoding")
        .map_or(&b""[..], |value| value.as_bytes());
    let lease = Ledger::new(64 << 20).lease(0).unwrap();
    let encoding = Encoding::parse(name).unwrap();
    let mut decompressor = Decompressor::new(encoding, 64 << 20, lease).unwrap();
    decompressor.push(raw).unwrap();
    decompressor.finish().unwrap()
}

fn answer(head: Builder, body: impl Into<Bytes>) -> Answer {
    head.body(Full::new(body.into())).unwrap()
}

fn ok() -> Answer {
    answer(Response::builder(), "")
}

#[tokio::test]
async fn every_signal_arrives_with_every_compression_and_encoding() {
    let server = Server::start(ok).await;
    for compression in ["none", "gzip", "zstd"] {
        let rig = server.rig(&format!("compression = \"{compression}\""));
        for (signal, sent) in [
            (Signal::Traces, trace_request(3000).encode_to_vec()),
            (Signal::Metrics, metrics_request().encode_to_vec()),
            (Signal::Logs, logs_request().encode_to_vec()),
        ] {
            let payload = Payload::from(Bytes::from(sent.clone()));
            assert_eq!(rig.send(signal, payload.clone()).await, Ok(Receipt::default()));
            let seen = server.last();
            assert_eq!(seen.path, format!("/v1/{signal}"));
            assert_eq!(seen.headers["content-type"], "application/x-protobuf");
            assert!(seen.body == sent);
            let json = server.rig(&format!("encoding = \"json\"\ncompression = \"{compression}\""));
            assert_eq!(json.send(signal, payload).await, Ok(Receipt::default()));
            let seen = server.last();
            assert_eq!(seen.headers["content-type"], "application/json");
            let back = forebay_otlp::json::to_protobuf(signal, &seen.body, 64 << 20).unwrap();
            assert!(back == sent);
        }
        rig.close().await;
    }
}

#[tokio::test]
async fn slices_arrive_as_their_concatenation() {
    let server = Server::start(ok).await;
    let rig = server.rig("");
    let whole = trace_request(3000);
    for size in [1000, 7919, 65_536] {
        rig.send(Signal::Traces, sliced(&whole, size)).await.unwrap();
        let seen = server.last();
        assert_eq!(
            ExportTraceServiceRequest::decode(&*seen.body).as_ref(),
            Ok(&whole)
        );
    }
}

#[tokio::test]
async fn paths_and_headers_are_what_the_config_says() {
    let server = Server::start(ok).await;
    let address = server.address;
    let rig = Rig::start(
        "otlp_http",
        &format!(
            "endpoint = \"http://{address}/base/\"\ntraces_endpoint = \"http://{address}/own/t\"\n\
             logs_endpoint = \"http://{address}\"\nheaders = {{ authorization = \"Bearer x\" }}"
        ),
    );
    for (signal, path) in [
        (Signal::Traces, "/own/t"),
        (Signal::Metrics, "/base/v1/metrics"),
        (Signal::Logs, "/"),
    ] {
        rig.send(signal, trace_payload(1)).await.unwrap();
        let seen = server.last();
        assert_eq!(seen.path, path);
        assert_eq!(seen.headers["authorization"], "Bearer x");
        assert_eq!(seen.headers["host"], address.to_string());
        assert_eq!(
            seen.headers["user-agent"],
            concat!("Forebay/", env!("CARGO_PKG_VERSION"))
        );
    }
    assert_eq!(
        server.connections.load(Ordering::Relaxed),
        1,
        "one connection serves all signals"
    );
}

// conformance: C14
#[tokio::test]
async fn an_empty_payload_is_never_sent() {
    let server = Server::start(ok).await;
    assert_eq!(
        server.rig("").send(Signal::Logs, Payload::new()).await,
        Ok(Receipt::default())
    );
    assert!(server.seen.lock().unwrap().is_empty());
}

// conformance: C6, C7
#[tokio::test]
async fn only_four_statuses_are_retryable() {
    for status in [
        301, 308, 400, 401, 403, 404, 408, 413, 422, 429, 500, 501, 502, 503, 504,
    ] {
        let redirect = move || {
            answer(
                Response::builder()
                    .status(status)
                    .header("location", "/elsewhere"),
                "",
            )
        };
        let server = Server::start(redirect).await;
        let error = server
            .rig("")
            .send(Signal::Traces, trace_payload(1))
            .await
            .unwrap_err();
        let retryable = matches!(error, ExportError::Retryable { after: None, .. });
        assert_eq!(retryable, [429, 502, 503, 504].contains(&status), "{error:?}");
        if let ExportError::Permanent { fault, .. } = &error {
            let expected = match status {
                400 | 422 => Fault::Content,
                413 => Fault::TooLarge,
                500 => Fault::Unclear,
                _ => Fault::Destination,
            };
            assert_eq!(*fault, expected, "{error:?}");
        }
        assert!(error.to_string().contains(&status.to_string()));
        assert_eq!(server.seen.lock().unwrap().len(), 1, "redirects are not followed");
    }
}

// conformance: C10
#[tokio::test]
async fn delays_are_read_in_both_forms_and_bounded() {
    let date = |offset| httpdate(SystemTime::now() + Duration::from_secs(offset));
    let cases = [
        ("7".to_owned(), 7, 7),
        ("0".to_owned(), 0, 0),
        ("86400".to_owned(), 120, 120),
        ("99999999999999999999999999".to_owned(), 120, 120),
        ("Fri, 31 Dec 9999 23:59:59 GMT".to_owned(), 120, 120),
        (date(60), 30, 60),
        (date(86_400), 120, 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT".to_owned(), 0, 0),
    ];
    for (value, least, most) in cases {
        let header = value.clone();
        let busy = move || answer(Response::builder().status(503).header("retry-after", &header), "");
        let server = Server::start(busy).await;
        let outcome = server.rig("").send(Signal::Traces, trace_payload(1)).await;
        let Err(ExportError::Retryable {
            after: Some(after), ..
        }) = outcome
        else {
            panic!("{value}: {outcome:?}");
        };
        let bounds = Duration::from_secs(least)..=Duration::from_secs(most);
        assert!(bounds.contains(&after), "{value}: {after:?}");
    }
    for unreadable in ["soon", "-5", "1.5", "", "5 minutes", "Wed, 99 Oct 2015"] {
        let busy = move || {
            answer(
                Response::builder().status(429).header("retry-after", unreadable),
                "",
            )
        };
        let server = Server::start(busy).await;
        let outcome = server.rig("").send(Signal::Traces, trace_payload(1)).await;
        assert!(
            matches!(outcome, Err(ExportError::Retryable { after: None, .. })),
            "{unreadable}"
        );
    }
}

#[tokio::test]
async fn a_delay_in_the_body_counts_where_there_is_no_header() {
    let status = Status::new(Code::Unavailable, "busy").after(Some(Duration::from_secs(1000)));
    let body = status.to_protobuf();
    let busy = move || {
        let head = Response::builder()
            .status(503)
            .header("content-type", "application/x-protobuf");
        answer(head, body.clone())
    };
    let server = Server::start(busy).await;
    let outcome = server.rig("").send(Signal::Traces, trace_payload(1)).await;
    let most = Some(Duration::from_secs(120));
    assert!(matches!(outcome, Err(ExportError::Retryable { after, .. }) if after == most));
}

#[tokio::test]
async fn redirects_are_permanent_failures_that_say_so() {
    for code in [300, 301, 302, 303, 304, 307, 308] {
        for (place, shown) in [
            ("https://other.example/v1/traces?token=hush", true),
            ("https://me:hush@other.example/", false),
        ] {
            let moved = move || answer(Response::builder().status(code).header("location", place), "");
            let server = Server::start(moved).await;
            let outcome = server.rig("").send(Signal::Traces, trace_payload(1)).await;
            let Err(ExportError::Permanent { message, fault }) = outcome else {
                panic!("{code}: {outcome:?}");
            };
            assert_eq!(fault, Fault::Destination);
            assert!(message.contains("redirects are not followed"), "{message}");
            assert!(!message.contains("hush"), "{message}");
            assert_eq!(message.contains("other.example"), shown, "{message}");
            assert_eq!(server.connections.load(Ordering::Relaxed), 1);
        }
    }
}

// conformance: C2
#[tokio::test]
async fn details_of_a_failure_are_not_read_out_of_a_long_body() {
    let flood = Bytes::from([0x1a, 0x00].repeat(1 << 20));
    let failing = move || {
        let head = Response::builder()
            .status(400)
            .header("content-type", "application/x-protobuf");
        answer(head, flood.clone())
    };
    let server = Server::start(failing).await;
    let outcome = server.rig("").send(Signal::Traces, trace_payload(1)).await;
    let Err(ExportError::Permanent { message, fault }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        (&*message, fault),
        ("HTTP status 400 Bad Request", Fault::Content)
    );
}

/// A date as `Retry-After` has it (RFC 9110, 5.6.7).
fn httpdate(time: SystemTime) -> String {
    let mut seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (mut year, mut month) = (1970, 0);
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let clock = seconds % 86_400;
    seconds /= 86_400;
    let week = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(seconds % 7) as usize];
    while seconds >= 365 + u64::from(leap(year)) {
        seconds -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    while seconds >= lengths[month] {
        seconds -= lengths[month];
        month += 1;
    }
    let names = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let (day, name) = (seconds + 1, names[month]);
    format!("{week}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

#[tokio::test]
async fn what_the_server_says_is_in_the_error() {
    let status = Status::new(Code::InvalidArgument, "span 3 is odd");
    let bodies = [
        ("application/x-protobuf", status.to_protobuf(), ": span 3 is odd"),
        (
            "application/json; charset=utf-8",
            status.to_json().into(),
            ": span 3 is odd",
        ),
        ("text/plain", Bytes::from_static(b"go away\n"), ": go away"),
        ("application/json", Bytes::from_static(b"{"), ""),
        ("text/html", Bytes::from_static(b"<html>"), ""),
    ];
    for (kind, body, words) in bodies {
        let refuse = move || {
            answer(
                Response::builder().status(400).header("content-type", kind),
                body.clone(),
            )
        };
        let server = Server::start(refuse).await;
        let error = server
            .rig("")
            .send(Signal::Traces, trace_payload(1))
            .await
            .unwrap_err();
        let message = format!("HTTP status 400 Bad Request{words}").into();
        let fault = Fault::Content;
        assert_eq!(error, ExportError::Permanent { message, fault });
    }
}

// conformance: C8
#[tokio::test]
async fn partial_success_is_a_receipt() {
    let partial = ExportTracePartialSuccess {
        rejected_spans: 4,
        error_message: "four".to_owned(),
    };
    let response = ExportTraceServiceResponse {
        partial_success: Some(partial),
    };
    let bodies = [
        ("application/x-protobuf", response.encode_to_vec(), true),
        (
            "application/json",
            br#"{"partialSuccess":{"rejectedSpans":"4","errorMessage":"four"}}"#.to_vec(),
            true,
        ),
        (
            "application/json",
            br#"{"partialSuccess":{"rejectedSpans":4,"errorMessage":"four"}}"#.to_vec(),
            true,
        ),
        ("application/json", b"{}".to_vec(), false),
        ("text/html", b"fine".to_vec(), false),
    ];
    for (kind, body, some) in bodies {
        let taken = move || answer(Response::builder().header("content-type", kind), body.clone());
        let server = Server::start(taken).await;
        let expected = Receipt {
            rejected_items: 4,
            message: Some("four".into()),
        };
        let expected = if some { expected } else { Receipt::default() };
        assert_eq!(
            server.rig("").send(Signal::Traces, trace_payload(1)).await,
            Ok(expected)
        );
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_a_delivery_with_a_warning() {
    for (kind, body) in [
        ("application/x-protobuf", vec![0x0a, 0x7f]),
        ("application/json", b"{".to_vec()),
        ("application/x-protobuf", vec![0; 5 << 20]),
    ] {
        let taken = move || answer(Response::builder().header("content-type", kind), body.clone());
        let server = Server::start(taken).await;
        let receipt = server
            .rig("")
            .send(Signal::Traces, trace_payload(1))
            .await
            .unwrap();
        assert_eq!(receipt.rejected_items, 0);
        assert!(receipt.message.unwrap().starts_with("accepted, but"));
    }
}

/// A server that writes `raw` in answer to whatever comes and hangs up, `times` times.
async fn blunt(raw: &'static [u8], times: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for _ in 0..times {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1024]).await;
            socket.write_all(raw).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn broken_answers_are_retryable() {
    for raw in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 20",
    ] {
        let address = blunt(raw, 1).await;
        let rig = Rig::start("otlp_http", &format!("endpoint = \"http://{address}\""));
        let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
        assert!(
            matches!(outcome, Err(ExportError::Retryable { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced_at_once() {
    let address = blunt(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 5).await;
    let rig = Rig::start("otlp_http", &format!("endpoint = \"http://{address}\""));
    for _ in 0..5 {
        assert_eq!(
            rig.send(Signal::Traces, trace_payload(1)).await,
            Ok(Receipt::default())
        );
    }
}

#[tokio::test]
async fn a_destination_that_is_down_is_retryable_and_found_again() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let rig = Rig::start("otlp_http", &format!("endpoint = \"http://{address}\""));
    let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
    assert!(
        matches!(outcome, Err(ExportError::Retryable { after: Some(_), .. })),
        "{outcome:?}"
    );
    let listener = socket.listen(16).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    });
    rig.send_until_reached().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_kept_and_bounded() {
    let server = Server::start(ok).await;
    let rig = server.rig("connections = 4");
    for _ in 0..5 {
        let sends = (0..40).map(|index| rig.send(Signal::Traces, trace_payload(1 + index)));
        assert!(join_all(sends).await.iter().all(Result::is_ok));
    }
    let many = server.connections.load(Ordering::Relaxed);
    for _ in 0..20 {
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
    }
    assert_eq!(
        server.connections.load(Ordering::Relaxed),
        many,
        "one after the other needs no new connection"
    );
    assert_eq!(server.seen.lock().unwrap().len(), 220);
    rig.close().await;
}

#[tokio::test]
async fn a_cancelled_export_harms_no_other() {
    let server = Server::start(ok).await;
    let rig = server.rig("");
    for _ in 0..10 {
        let request = Request {
            signal: Signal::Traces,
            payload: trace_payload(500),
            items: 500,
        };
        let mut export = rig.exporter.export(&request);
        assert!(futures_util::poll!(&mut export).is_pending());
        drop(export);
        rig.send(Signal::Metrics, payload(&metrics_request()))
            .await
            .unwrap();
        assert!(server.last().body == metrics_request().encode_to_vec());
    }
}

#[test]
fn wrong_configs_are_refused_with_a_position() {
    let good = "endpoint = \"http://a:1/base\"\n";
    for wrong in [
        "endpoint = \"ftp://a:4318\"",
        &format!("{good}tls = {{}}"),
        &format!("{good}dns_refresh_interval = \"10ms\""),
        &format!("{good}max_request_bytes = 0"),
        &format!("{good}proxy_url = \"socks5://a\""),
        &format!("{good}keepalive = {{ time = \"10ms\" }}"),
        &format!("{good}auth = {{ bearer_token = \"a\", basic = {{ username = \"b\", password = \"c\" }} }}"),
        &format!("{good}auth = {{ bearer_token = \"a\" }}\nheaders = {{ Authorization = \"b\" }}"),
        "endpoint = \"http://a/?q=1\"",
        &format!("{good}logs_endpoint = \"a\""),
        &format!("{good}encoding = \"xml\""),
        &format!("{good}compression = \"zstd\"\ncompression_level = 20"),
        &format!("{good}headers = {{ content-type = \"x\" }}"),
    ] {
        let problems = prepare("otlp_http", wrong).unwrap_err();
        assert!(!problems.is_empty());
        assert!(
            problems.iter().all(|problem| problem.place.is_some()),
            "{problems:?}"
        );
    }
    assert!(prepare("otlp_http", good).is_ok());
    assert!(prepare("otlp_http", include_str!("example.toml")).is_ok());
}
